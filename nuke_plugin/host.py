"""The door to Nuke: the one module, besides menu.py, that imports it. Everything else takes nodes and settings.

Node, knob and Qt calls belong to Nuke's main thread. `in_main` brings a call there and its value or exception back;
Nuke's own way prints an exception and answers None.
"""

from __future__ import annotations

import contextlib
import os
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, Iterator, List, Optional, Sequence, Tuple, TypeVar

import nuke

from xmem_roto_nuke.handover.exchange_files import changing
from xmem_roto_nuke.node import identity, places
from xmem_roto_nuke.node.groups import outside
from xmem_roto_nuke.node.settings import Settings
from xmemcore.protocol.failures import Cancelled, MachineError, RequestError

T = TypeVar("T")


class NodeGone(Cancelled):
    """The node was deleted, or its script closed, while something worked for it."""


class HostGone(Cancelled):
    """Nuke is leaving and runs no more calls."""


class RenderFailed(MachineError):
    """Nuke could not render a frame."""

    frame: int
    said: str
    """What Nuke said."""


class ScriptUnreadable(RequestError):
    """Nuke cannot open a script."""


class PathNotTaken(RequestError):
    """Nuke makes something else of a path."""


class ContextRefused(RequestError):
    """Nuke is in a state in which plates would come out wrong."""


def has_interface() -> bool:
    """Say whether there is an artist in front, or a farm's terminal."""
    return bool(nuke.GUI)


def in_main(call: Callable[..., T], *arguments: Any) -> T:
    """Run a call in Nuke's main thread and wait for its value; an exception comes out here.

    Raises:
        NodeGone: the call touched a node that is no more.
        HostGone: Nuke is closing.
    """
    if threading.current_thread() is threading.main_thread():
        return _node_gone_said(call, *arguments)

    def carried() -> Tuple[bool, Any]:
        try:
            return True, _node_gone_said(call, *arguments)
        except Exception as error:
            return False, error

    answer = nuke.executeInMainThreadWithResult(carried)
    if answer is None:
        raise HostGone("Nuke is closing.")
    succeeded, value = answer
    if not succeeded:
        raise value
    return value  # type: ignore[no-any-return]


def _node_gone_said(call: Callable[..., T], *arguments: Any) -> T:
    try:
        return call(*arguments)
    except ValueError as error:
        if "not attached to a node" in str(error):
            raise NodeGone("The node was deleted or its script closed.") from error
        raise


def tell(text: str) -> None:
    """Show one sentence: a dialogue to an artist, a line on a farm."""
    if has_interface():
        nuke.message(text)
    else:
        nuke.tprint(f"XMem Roto: {text}")


def script_path() -> str:
    """Give the path of the script; empty when it was never saved."""
    name = str(nuke.root()["name"].value())
    return "" if name in ("", "Root", "Untitled") else name


def open_script(path: str) -> None:
    """Open a script in this terminal.

    Raises:
        ScriptUnreadable.
    """
    if not os.path.isfile(path):
        raise ScriptUnreadable(f"There is no script {path}. Check the path.")
    try:
        nuke.scriptOpen(path)
    except RuntimeError as error:
        raise ScriptUnreadable(f"Nuke cannot open {path}: {_plain(error)}.") from error


def save_script() -> None:
    """Save the open script; one that may not be written stays as it is, since the mattes lie beside it anyway."""
    try:
        nuke.scriptSave(script_path())
    except RuntimeError as error:
        tell(f"The script cannot be saved ({_plain(error)}); the mattes are complete.")


def on_script(loaded: Callable[[], None], saving: Callable[[], None]) -> None:
    """Have Nuke call when it has loaded a script, and before it saves one."""
    nuke.addOnScriptLoad(loaded)
    nuke.addOnScriptSave(saving)


def groups() -> List[nuke.Node]:
    """List the script's Groups, those within Groups too."""
    return list(nuke.allNodes("Group", recurseGroups=True))


def find_node(name: str) -> Optional[nuke.Node]:
    """Find a node by its full name."""
    return nuke.toNode(name)


def script_range() -> Tuple[int, int]:
    """Give the first and last frame of the project settings."""
    return int(nuke.root()["first_frame"].value()), int(nuke.root()["last_frame"].value())


def working_space() -> Tuple[str, str, str]:
    """Give colour management, OCIO configuration and working space of the project settings."""
    root = nuke.root()
    return tuple(str(root[name].value()) for name in ("colorManagement", "OCIO_config", "workingSpaceLUT"))  # type: ignore[return-value]


def current_frame() -> int:
    """Give the frame that is shown."""
    return int(nuke.root()["frame"].value())


def go_to(frame: int) -> None:
    """Show a frame."""
    nuke.root()["frame"].setValue(frame)


def read_settings(node: nuke.Node) -> Settings:
    """Copy a node's knobs, as they are now."""
    try:
        out = matte_pattern(node)
    except RequestError:
        out = ""  # a status or a suggestion needs no place for mattes; a propagate asks before it begins

    def read(name: str) -> Any:
        knob = node.knob(name)
        return None if knob is None else knob.value()

    return Settings.of_knobs(read, str(node.fullName()), out, current_frame())


def matte_pattern(node: nuke.Node) -> str:
    """Say where a node's mattes go.

    Raises:
        ScriptUnsaved, OutputInvalid: there is no place for them.
    """
    # Not evaluate(): that puts a frame number where the pattern has its place for one.
    chosen = str(node["output"].getEvaluatedValue() or "")  # type: ignore[attr-defined]
    return places.matte_pattern(chosen, script_path(), identity.node_id(node))


def refuse_wrong_context(plate: nuke.Node) -> None:
    """Refuse what would render wrong plates.

    Raises:
        ContextRefused: proxy mode, several views, a render under way.
    """
    if nuke.root()["proxy"].value():
        raise ContextRefused("Proxy mode is on, so the plate would come out reduced. Turn it off and press again.")
    if nuke.executing():
        raise ContextRefused("Nuke is rendering. Press again when it has finished.")
    shown = identity.behind_dots(plate)
    if len(nuke.views()) > 1 and (shown is None or shown.Class() != "OneView"):
        listed = ", ".join(nuke.views())
        raise ContextRefused(f"The script has the views {listed}, and XMem Roto works on one. Put a OneView node before the plate input.")


def set_path(knob: Any, path: str) -> None:
    """Write a path into a file knob so that it comes out as it is: Nuke runs what stands in brackets.

    Raises:
        PathNotTaken: it comes out as something else.
    """
    # A backslash does not keep a bracket from being run everywhere; a command that gives a bracket does.
    knob.setValue(path.replace("[", "[format %c 91]"))
    if any(letter in path for letter in "[]{}$\\") and knob.getEvaluatedValue() != path:
        raise PathNotTaken(f"Nuke does not take the path {path} as it is. Save the script, or put the output, where no name has brackets.")


def upstream(node: nuke.Node) -> List[nuke.Node]:
    """List what a node is fed by, directly: inputs, what lies outside a Group's Input, hidden inputs, and nodes named in expressions."""
    feeding = [*(node.input(index) for index in range(node.inputs())), outside(node)]
    # Nuke lists in no order of its own; the inputs have one, and the others' names, as expressions have them, are part of the digest.
    others = sorted(node.dependencies(nuke.INPUTS | nuke.HIDDEN_INPUTS | nuke.EXPRESSIONS), key=lambda other: other.fullName())
    found = {one.fullName(): one for one in [*feeding, *others] if one is not None}
    return list(found.values())


def file_pattern(read: nuke.Node) -> str:
    """Give the files of a Read with %04d or #### still in it: brackets and file name filters applied, absolute where that is possible."""
    try:
        found = nuke.filename(read)
    except RuntimeError:
        return ""  # brackets that fail; Nuke says so when it renders
    # Of a gizmo, Nuke gives the files of all Writes inside.
    pattern = found if isinstance(found, str) else ""
    pattern = pattern.replace("%V", nuke.views()[0]).replace("%v", nuke.views()[0][:1])
    project = str(nuke.root()["project_directory"].evaluate() or "")  # type: ignore[attr-defined]
    return os.path.join(project, pattern) if pattern and project else pattern


def may_walk_trees() -> bool:
    """Say whether Python may look at any number of nodes; Non-commercial and Indie give out ten a session."""
    return not any(nuke.env.get(edition) for edition in ("nc", "indie", "ple"))


@contextlib.contextmanager
def unrecorded() -> Iterator[None]:
    """Keep what happens inside out of the Undo list."""
    was_disabled = bool(nuke.Undo.disabled())
    if not was_disabled:
        nuke.Undo.disable()
    try:
        yield
    finally:
        if not was_disabled:
            nuke.Undo.enable()


@contextlib.contextmanager
def one_undo(title: str) -> Iterator[None]:
    """Make what happens inside one entry of the Undo list."""
    nuke.Undo.begin()
    nuke.Undo.name(title)
    try:
        yield
    finally:
        nuke.Undo.end()


def render(
    source: nuke.Node,
    build: Callable[[nuke.Node, List[nuke.Node]], nuke.Node],
    frames: Sequence[int],
    pattern: str,
    channels: str,
    may_skip: Callable[[RenderFailed], bool] = lambda failure: False,
) -> List[int]:
    """Render frames to half-float EXR, linear and untouched, through a Write that exists only for the time of this call.

    Args:
        source: what to render; the nodes are made beside it.
        build: puts stock nodes after `source`, adds each to the list, and returns the last one.
        frames: a few; the interface stands still meanwhile.
        pattern: with forward slashes; its folder is made.
        channels: of the Write.
        may_skip: says of a frame that failed whether the others go on without it.

    Returns:
        Frames that were skipped.

    Raises:
        RenderFailed: Nuke says so.
        ExchangeUnwritable, ExchangeDiskFailed: there is no folder for them.
    """
    folder = Path(pattern).parent
    with changing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    viewer = nuke.activeViewer() if has_interface() else None
    if viewer is not None:
        viewer.stop()
    made: List[nuke.Node] = []
    skipped: List[int] = []
    with unrecorded(), _context_of(source):
        try:
            last = build(source, made)
            write = nuke.nodes.Write()
            made.append(write)
            set_path(write["file"], pattern)
            write["file_type"].setValue("exr")
            for name, value in (
                ("datatype", "16 bit half"),
                ("compression", "Zip (1 scanline)"),
                ("autocrop", False),
                ("channels", channels),
            ):
                write[name].setValue(value)
            write["raw"].setValue(True)
            write.setInput(0, last)
            for frame in frames:
                try:
                    nuke.execute(write, frame, frame, 1, nuke.views()[:1])
                except RuntimeError as error:
                    failure = RenderFailed(f"Nuke cannot render frame {frame} of {source.name()}: {_plain(error)}.")
                    failure.frame, failure.said = frame, str(error)
                    if not may_skip(failure):
                        raise failure from error
                    skipped.append(frame)
        finally:
            for node in reversed(made):
                nuke.delete(node)
    return skipped


def make_crop(source: nuke.Node, made: List[nuke.Node]) -> nuke.Node:
    """Keep overscan to twice the format, the most that the core's canvas holds, whatever the bounding box says."""
    image_format = source.format()
    width, height = image_format.width(), image_format.height()
    crop = nuke.nodes.Crop()
    made.append(crop)
    crop["box"].setValue((-width / 2, -height / 2, width * 1.5, height * 1.5))
    crop["intersect"].setValue(True)
    crop.setInput(0, source)
    return crop


@dataclass(frozen=True)
class RotoDrawing:
    """What a Roto draws, as it was when it was read: nothing an artist changes later reaches it."""

    class_name: str
    curves: str
    """Nuke's text of the shapes."""
    clip: str

    @classmethod
    def of_node(cls, roto: nuke.Node) -> RotoDrawing:
        """Read a Roto or RotoPaint."""
        return cls(roto.Class(), str(roto["curves"].toScript()), str(roto["cliptype"].value()))

    def build(self, source: nuke.Node, made: List[nuke.Node]) -> nuke.Node:
        """Draw the shapes over black of the source's format: their own alpha and nothing behind it."""
        black = make_black(source, made)
        copy: nuke.Node = getattr(nuke.nodes, self.class_name)()
        made.append(copy)
        copy["curves"].fromScript(self.curves)
        copy["output"].setValue("alpha")
        copy["cliptype"].setValue(self.clip)
        copy.setInput(0, black)
        return copy


def make_nothing(source: nuke.Node, made: List[nuke.Node]) -> nuke.Node:
    """Feed the source to the Write as it is."""
    return source


def make_black(source: nuke.Node, made: List[nuke.Node]) -> nuke.Node:
    """Put black of the source's format in its place."""
    shuffle = nuke.nodes.Shuffle()
    made.append(shuffle)
    for name in ("red", "green", "blue", "alpha"):
        shuffle[name].setValue("black")
    shuffle.setInput(0, source)
    return shuffle


@contextlib.contextmanager
def _context_of(node: nuke.Node) -> Iterator[None]:
    """Make nodes in the group in which a node lives: nodes of two groups cannot be connected."""
    group = node.parent()
    if group is None:
        group = nuke.root()
    with group:
        yield


def passes_of(node: nuke.Node) -> List[nuke.Node]:
    """List the XMemPass nodes that were made of a node, where Python may look for them: those in its own graph."""
    if not may_walk_trees():
        return []
    with _context_of(node):
        groups = nuke.allNodes("Group")
    made_of = identity.node_id(node)
    return [one for one in groups if one.knob("made_of") is not None and one["made_of"].value() == made_of]


def create_passes(node: nuke.Node, pattern: str, frames: Tuple[int, int], channels: Sequence[str]) -> List[nuke.Node]:
    """Create one XMemPass for each channel, in a row below the node, and below the passes that are there already."""
    passes = []
    with one_undo("XMem passes"), _context_of(node):
        rows = [one.ypos() for one in passes_of(node)]
        row = max(rows) + 80 if rows else node.ypos() + 120
        for number, channel in enumerate(channels):
            made = nuke.createNode("XMemPass", inpanel=False)
            made.setInput(0, None)
            set_path(made["mattes"], pattern)
            made["first"].setValue(frames[0])
            made["last"].setValue(frames[1])
            made["made_of"].setValue(identity.node_id(node))
            made["on_missing"].setValue("black" if node.knob("on_missing") is None else str(node["on_missing"].value()))
            # Not the knob `pass`: that is a link, and only its target surely takes a value.
            made.node("Picked")["from0"].setValue(channel)  # type: ignore[attr-defined]
            made["label"].setValue(channel)
            made.setXYpos(node.xpos() + 110 * number, row)
            passes.append(made)
    return passes


def make_inside(group: nuke.Node, class_name: str, **knobs: Any) -> nuke.Node:
    """Create a stock node inside a Group."""
    with group:  # type: ignore[attr-defined]
        made: nuke.Node = getattr(nuke.nodes, class_name)(**knobs)
    return made


class ProgressBar:
    """Nuke's progress bar in the interface, lines in a terminal; may be used from any thread."""

    def __init__(self, title: str) -> None:
        """Show the bar; it closes with the last reference to it."""
        self._title = title
        self._task: Optional[Any] = nuke.ProgressTask(title) if has_interface() else None
        self._said = -1

    def show(self, done: int, total: int, text: str) -> None:
        """Set how far, and what is being done."""
        percent = int(100 * done / max(total, 1))
        if self._task is not None:
            self._task.setMessage(text)
            self._task.setProgress(percent)
        elif percent // 5 != self._said:
            self._said = percent // 5
            nuke.tprint(f"XMem Roto: {self._title}: {percent} % {text}")

    @property
    def cancelled(self) -> bool:
        return self._task is not None and bool(self._task.isCancelled())

    def close(self) -> None:
        """Take the bar away."""
        self._task = None


def _plain(error: Exception) -> str:
    return " ".join(str(error).split()).rstrip(".") or type(error).__name__
