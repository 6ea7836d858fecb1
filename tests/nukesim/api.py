"""The `nuke` module's functions, and the modules that are put into sys.modules."""

from __future__ import annotations

import os
import sys
import types
from typing import Any

from . import (
    array_knobs,
    callbacks,
    constants,
    curveknob,
    curvelib,
    formats,
    knobs,
    mainthread,
    menus,
    nodes,
    state,
    undo,
    vectors,
)
from .guard import public, public_class


class CancelledError(Exception):
    """Raised when something was cancelled."""


@public_class
class Layer:
    """nuke.Layer('mask', ['mask.a']) makes a layer of channels."""

    def __init__(self, name: str, channels: Any = ()) -> None:
        self._name = name
        state.current()._add_layer([name, *channels])

    def name(self) -> str:
        return self._name

    def channels(self) -> list[str]:
        return list(state.current()._layers.get(self._name, []))

    def setName(self, newName: str) -> None:
        layers = state.current()._layers
        layers[newName] = [newName + "." + c.split(".", 1)[1] for c in layers.pop(self._name)]
        self._name = newName

    def visible(self) -> bool:
        return True


class View:
    """A view."""

    def __init__(self, name: str) -> None:
        self._name = name

    def str(self) -> Any:
        return self._name

    def value(self) -> int:
        return state.current()._views.index(self._name) + 1  # type: ignore[no-any-return]


@public_class
class ViewerWindow:
    """The viewer on screen."""

    def __init__(self, node: Any) -> None:
        self._node = node

    def node(self) -> Any:
        return self._node

    def stop(self) -> None:
        state.current()._viewer_playing = False

    def play(self, *args: Any) -> None:
        state.current()._viewer_playing = True

    def view(self) -> str:
        return str(state.current()._view)

    def frameControl(self, i: int) -> bool:
        """0 stop, 1 next frame, 2 next key, 4 forward by the increment, 5 play, 6 last frame; negative backwards."""
        host = state.current()
        host.frame_control_log.append(i)
        root = host._root._knobs_by_name
        first, last, now = root["first_frame"]._values[0], root["last_frame"]._values[0], host._frame
        if i == 0:
            host._viewer_playing = False
        elif abs(i) == 1:
            host._set_frame(now + i)
        elif abs(i) == 2:
            keys = sorted({key for node in host.all_nodes() if node._panel_open for knob in node._knob_list for key in knob._key_list()})
            ahead = [key for key in keys if key > now] if i > 0 else [key for key in reversed(keys) if key < now]
            if ahead:
                host._set_frame(ahead[0])
        elif abs(i) == 5:
            host._viewer_playing = True
        elif abs(i) == 6:
            host._set_frame(last if i > 0 else first)
        return True


@public_class
class GlobalsEnvironment:
    """nuke.env."""

    def __init__(self, values: dict[str, Any]) -> None:
        self._values = values

    def __getitem__(self, index: str) -> Any:
        return self._values[index]

    def __setitem__(self, index: str, object: Any) -> None:
        self._values[index] = object

    def __contains__(self, other: Any) -> bool:
        return other in self._values

    def __len__(self) -> int:
        return len(self._values)

    def get(self, key: str, default: Any = None) -> Any:
        return self._values.get(key, default)

    def keys(self) -> list[str]:
        return list(self._values)

    def values(self) -> list[Any]:
        return list(self._values.values())

    def items(self) -> list[tuple[str, Any]]:
        return list(self._values.items())


def environment(host: Any) -> dict[str, Any]:
    major, minor, release = host.version_words()
    return {
        "64bit": True,
        "ExecutablePath": sys.executable,
        "LINUX": sys.platform.startswith("linux"),
        "MACOS": sys.platform == "darwin",
        "WIN32": sys.platform == "win32",
        "NukeVersionMajor": major,
        "NukeVersionMinor": minor,
        "NukeVersionRelease": release,
        "NukeVersionString": f"{major}.{minor}v{release}",
        "NukeVersionPhase": "",
        "NukeVersionDate": "Jan  1 2025",
        "PluginExtension": "so",
        "assist": False,
        "gui": host._gui,
        "hiero": False,
        "indie": host.indie,
        "interactive": host._gui,
        "nc": host.nc,
        "nukex": host.nukex,
        "ple": False,
        "studio": False,
        "numCPUs": os.cpu_count() or 1,
        "threads": os.cpu_count() or 1,
        "PluginsVerbose": False,
    }


# --- nodes -----------------------------------------------------------------------------------------------------------


def createNode(typ: str, knobs: str = "", inpanel: bool = True) -> Any:
    """Create a node below the selected one; RuntimeError for a class that does not exist."""
    return state.current()._create(typ, knobs, inpanel)


def delete(n: Any) -> None:
    if n is None:
        return
    n._require_alive()
    state.current()._delete(n)


def toNode(s: str) -> Any:
    host = state.current()
    return host._node_named(s, host._current_group())


def root() -> Any:
    return state.current()._root


def thisNode() -> Any:
    return state.current()._context_node()


def thisKnob() -> Any:
    contexts = state.current()._contexts
    knob = contexts[-1][1] if contexts else None
    if knob is None:
        raise RuntimeError("no knob in this context")
    return knob


def thisGroup() -> Any:
    return state.current()._current_group()


def allNodes(filter: str | None = None, group: Any = None, recurseGroups: bool = False) -> list[Any]:
    host = state.current()
    where = group if group is not None else host._current_group()
    if isinstance(where, str):
        where = host._node_named(where, host._root)
    found = host._family(where)[1:] if recurseGroups else where._child_nodes()
    return [node for node in found if not filter or node._class == filter]


def selectedNodes(filter: str | None = None) -> list[Any]:
    found = [n for n in state.current()._current_group()._child_nodes() if n._knobs_by_name["selected"]._values[0]]
    return [node for node in found if not filter or node._class == filter]


def clone(n: Any, args: str = "", inpanel: bool = True) -> Any:
    host = state.current()
    copy = host._clone(n, n._parent())
    if host.hostile:
        host._fire("onCreate", copy)
    return copy


def connectViewer(inputNum: int, node: Any) -> None:
    host = state.current()
    viewer = next((n for n in host._root._child_nodes() if n._class == "Viewer"), None)
    if viewer is None:
        viewer = host._new_node("Viewer", host._root)
        viewer._knobs_by_name["name"]._put_state(host._free_name(host._root, "Viewer1", viewer))
    viewer._connect(inputNum, node)
    viewer._knobs_by_name["input_number"]._values[0] = float(inputNum)


def showInfo(n: Any) -> str:
    return str(n.showInfo())


def activeViewer() -> Any:
    """The viewer on screen; None without one, and without an interface."""
    host = state.current()
    if not host._gui:
        return None
    viewer = next((n for n in host._root._child_nodes() if n._class == "Viewer"), None)
    return ViewerWindow(viewer) if viewer is not None else None


# --- scripts ---------------------------------------------------------------------------------------------------------


def scriptOpen(filename: str | None = None) -> None:
    state.current()._open(filename, None)


def scriptReadText(s: str) -> None:
    host = state.current()
    host._load(s, host._current_group(), "text", None, rename=True)


def scriptSave(filename: str | None = None) -> bool:
    return bool(state.current()._save(filename))


def scriptSaveAs(filename: str | None = None, overwrite: Any = -1) -> None:
    if filename is None:
        raise RuntimeError("no filename for the script")
    if os.path.exists(filename) and overwrite == 0:
        raise RuntimeError(f"{filename} exists")
    state.current()._save(filename)


def scriptSaveToTemp(str: str) -> str:
    """Save the script to a file without modifying the root information or the original script."""
    state.current()._save_to_temp(str)
    return str


def scriptClear(resetFormats: bool = False, ignoreUnsavedChanges: bool = False) -> None:
    host = state.current()
    host._clear()
    host._fire("onCreate", host._root)


def nodeCopy(s: str) -> None:
    """Copy the selected nodes to a file, or to the clipboard `%clipboard%`."""
    host = state.current()
    text = host._copy_text()
    if s == "%clipboard%":
        host._clipboard = text
    else:
        with open(s, "w", encoding="utf-8", errors="surrogateescape") as file:
            file.write(text)


def nodePaste(s: str) -> Any:
    host = state.current()
    if s == "%clipboard%":
        if not host._clipboard:
            raise RuntimeError("clipboard is empty")
        return host._paste(host._clipboard)
    with open(s, encoding="utf-8", errors="surrogateescape", newline="") as file:
        return host._paste(file.read())


# --- values ----------------------------------------------------------------------------------------------------------


def frame(f: Any = None) -> int:
    host = state.current()
    if f is not None:
        host._set_frame(float(f))
    return int(host._frame)


def value(knob: str, default: str | None = None) -> str:
    return str(state.current()._cmd_value(knob, default))


def tcl(cmd: str, *args: str) -> str:
    host = state.current()
    if args:
        from .tcl_words import quote

        cmd = " ".join([cmd, *(quote(str(a)) for a in args)])
    return str(host._tcl(cmd))


def filename(node: Any, i: int = 0) -> str | None:
    """The file of a node, its brackets run; with nuke.REPLACE frame numbers are put in too."""
    host = state.current()
    found = node._knobs_by_name.get("file")
    if found is None or not found._text_value:
        return None
    return str(host._file_of(node, host._frame) if i == constants.CONSTANTS["REPLACE"] else host._file_pattern(node, host._frame))


def channels(node: Any = None) -> list[str]:
    """All channels that the script knows; with a node, those that it puts out."""
    found: list[str] = state.current()._all_channels() if node is None else node.channels()
    return list(found)


def views() -> list[str]:
    return list(state.current()._views)


def expression(s: str) -> float:
    """Evaluate an expression for the node of the context, as `nuke.thisNode()` gives it."""
    host = state.current()
    return float(host._expression(s, host._context_node(), host._frame, None, 0))


def addFormat(s: str) -> Any:
    host = state.current()
    image_format = formats.parse_format(s)
    if image_format is None or not image_format._name:
        raise RuntimeError(f"a format needs width, height and a name: {s!r}")
    host._formats[image_format._name] = image_format
    return image_format


def pluginAddPath(args: Any, addToSysPath: bool = True) -> None:
    for path in args if isinstance(args, (list, tuple)) else [args]:
        state.current()._add_plugin_path(path, front=True)


# --- rendering -------------------------------------------------------------------------------------------------------


def execute(nameOrNode: Any, *args: Any, **kwargs: Any) -> None:
    """Render a Write: (node, start, end, incr, views, continueOnError)."""
    host = state.current()
    values = list(args)
    start = values.pop(0) if values else kwargs.pop("start", host._root._knobs_by_name["first_frame"]._values[0])
    end = values.pop(0) if values else kwargs.pop("end", start)
    step = values.pop(0) if values else kwargs.pop("incr", 1)
    frames = list(range(int(start), int(end) + 1, int(step)))
    chosen = values.pop(0) if values else kwargs.pop("views", None)
    keep_going = values.pop(0) if values else kwargs.pop("continueOnError", False)
    if kwargs or values:
        raise TypeError("execute() got arguments it does not know: %s" % (list(kwargs) + values))
    host._execute(nameOrNode, frames, chosen, bool(keep_going))


def executing(f: Any = None) -> bool:
    return bool(state.current()._executing)


def cancel() -> None:
    state.current().cancel_render()


# --- talking to the user ---------------------------------------------------------------------------------------------


def _told(kind: str, text: str) -> None:
    host = state.current()
    host.messages.append((kind, text))
    if not host._gui:
        print(text)


def message(prompt: str) -> None:
    _told("message", prompt)


def ask(prompt: str) -> bool:
    """Ask yes or no; a test says beforehand what the artist presses."""
    _told("ask", prompt)
    return state.current().answers_yes


def tprint(*args: Any, sep: str = " ", end: str = "\n", file: Any = None) -> None:
    """Print where any thread may."""
    print(*args, sep=sep, end=end, file=file or sys.stdout)


def menu(name: str) -> Any:
    """A menu of the interface; None when there is none of that name."""
    host = state.current()
    return host._menus.get(name) if host._gui else None


def undo_() -> None:
    state.current()._undo.undo()


_FUNCTIONS = {
    node.__name__.rstrip("_"): public(node)
    for node in (
        createNode,
        delete,
        toNode,
        root,
        thisNode,
        thisKnob,
        thisGroup,
        allNodes,
        selectedNodes,
        clone,
        connectViewer,
        activeViewer,
        showInfo,
        scriptOpen,
        scriptReadText,
        scriptSave,
        scriptSaveAs,
        scriptSaveToTemp,
        scriptClear,
        nodeCopy,
        nodePaste,
        frame,
        value,
        tcl,
        filename,
        channels,
        views,
        expression,
        addFormat,
        pluginAddPath,
        execute,
        executing,
        cancel,
        ask,
        message,
        menu,
        undo_,
    )
}
_FREE = {
    "tprint": tprint,
    "executeInMainThread": mainthread.executeInMainThread,
    "executeInMainThreadWithResult": mainthread.executeInMainThreadWithResult,
}
"""What any thread may call."""

_CLASSES = (
    nodes.Node,
    nodes.Group,
    nodes.Gizmo,
    nodes.Root,
    nodes.Viewer,
    nodes.BackdropNode,
    nodes.NodeConstructor,
    nodes.Nodes,
    formats.Format,
    formats.Box,
    formats.Info,
    View,
    Layer,
    ViewerWindow,
    GlobalsEnvironment,
    CancelledError,
    undo.Undo,
    mainthread.ProgressTask,
    mainthread.RunInMainThread,
    menus.Menu,
    menus.MenuBar,
    menus.MenuItem,
    menus.ToolBar,
    curvelib.Hash,
)


def _knob_classes() -> dict[str, type]:
    found = {}
    for module in (knobs, array_knobs):
        for name, member in vars(module).items():
            if isinstance(member, type) and issubclass(member, knobs.Knob) and not name.startswith("_"):
                found[name] = member
    from .animation import AnimationCurve, AnimationKey

    return {**found, "AnimationCurve": AnimationCurve, "AnimationKey": AnimationKey}


def modules(host: Any) -> dict[str, Any]:
    """Make the modules for this host."""
    nuke = types.ModuleType("nuke", "A stand-in for Nuke's python module.")
    nuke.__path__ = []  # type: ignore[attr-defined]
    major, minor, release = host.version_words()
    contents: dict[str, Any] = {
        **constants.CONSTANTS,
        **constants.EXTRAS,
        **_FUNCTIONS,
        **_FREE,
        **{cls.__name__: cls for cls in _CLASSES},
        **_knob_classes(),
        "GUI": host._gui,
        "INTERACTIVE": host._gui,
        "NUKE_VERSION_MAJOR": major,
        "NUKE_VERSION_MINOR": minor,
        "NUKE_VERSION_RELEASE": release,
        "NUKE_VERSION_STRING": f"{major}.{minor}v{release}",
        "NUKE_VERSION_PHASE": "",
        "NUKE_VERSION_DATE": "Jan  1 2025",
        "NUKE_VERSION_PHASENUMBER": 0,
        "NUM_CPUS": os.cpu_count() or 1,
        "THREADS": os.cpu_count() or 1,
        "EXE_PATH": sys.executable,
        "rawArgs": list(sys.argv),
        "env": GlobalsEnvironment(environment(host)),
        "nodes": nodes.Nodes(),
    }
    for name in callbacks.NAMES:
        contents[name] = getattr(callbacks, name)
    vars(nuke).update(contents)
    lib = types.ModuleType("nuke.curvelib")
    for module in (curvelib, vectors):
        for name, member in vars(module).items():
            if isinstance(member, type) and not name.startswith("_") and name not in ("Part", "StaleRoto"):
                setattr(lib, name, member)
    knob_module = types.ModuleType("nuke.curveknob")
    vars(knob_module).update({name: member for name, member in vars(lib).items() if not name.startswith("__")})
    for name in ("CurveKnob", "Element", "Layer", "Shape", "ShapeControlPoint", "Stroke"):
        setattr(knob_module, name, getattr(curveknob, name))
    roto = types.ModuleType("nuke.rotopaint")
    vars(roto).update({name: member for name, member in vars(knob_module).items() if not name.startswith("__")})
    nuke_callbacks = types.ModuleType("nuke.callbacks")
    vars(nuke_callbacks).update({name: getattr(callbacks, name) for name in callbacks.NAMES})
    nuke.rotopaint, nuke.curveknob, nuke.curvelib, nuke.callbacks = roto, knob_module, lib, nuke_callbacks  # type: ignore[attr-defined]
    return {
        "nuke": nuke,
        "nuke.rotopaint": roto,
        "nuke.curveknob": knob_module,
        "nuke.curvelib": lib,
        "nuke.callbacks": nuke_callbacks,
    }
