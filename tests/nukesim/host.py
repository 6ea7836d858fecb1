"""The host: one running stand-in with its script, threads, contexts and everything a test may look at or press."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
import traceback
import types
from collections.abc import Callable, Iterator
from typing import Any

from . import callbacks, classes, formats, menus, nodes, state
from .host_images import ImageSide
from .host_nodes import NodeSide
from .host_script import ScriptSide
from .mainthread import MainQueue, ProgressRecord
from .render_client import Renderer
from .undo import UndoStack

MODULES = ("nuke", "nuke.rotopaint", "nuke.curveknob", "nuke.curvelib", "nuke.callbacks", "nukescripts", "nukescripts.panels")


class WrongThread(RuntimeError):
    """A node or knob was touched from another thread than the main one; Nuke crashes or raises."""


class NodeLimit(RuntimeError):
    """Non-commercial and Indie give python ten nodes a session."""


class Host(ScriptSide, NodeSide, ImageSide):
    """A running Nuke. Everything without an underscore is for tests; the plugin sees only the modules."""

    def __init__(
        self, gui: bool = True, version: tuple[int, ...] = (16, 0), nc: bool = False, nukex: bool = False, indie: bool = False
    ) -> None:
        self.gui = self._gui = gui
        self._version = tuple(version)
        self.nc, self.indie, self.nukex = nc, indie, nukex
        self._main_thread = threading.current_thread()
        self._local = threading.local()
        self._queue = MainQueue()
        self._progress_lock = threading.Lock()
        self.progress_records: list[ProgressRecord] = []
        """Every ProgressTask that was made, with what it showed."""
        self.messages: list[tuple[str, str]] = []
        """(kind, text) of message, ask, alert, critical, display, warning, error, debug."""
        self.answers: dict[str, Any] = {}
        """What the user answers: {"ask": True, "getInput": "text", "choice": 0, "getFilename": path}."""
        self.python_errors: list[BaseException] = []
        """Exceptions of callbacks and of panel code, which Nuke shows in its console."""
        self.printed_errors: list[BaseException] = []
        """Exceptions of functions given to executeInMainThread, which Nuke prints."""
        self.frames_rendered: list[tuple[str, int]] = []
        """(Write, frame) of every frame that nuke.execute wrote."""
        self.on_frame_rendered: Callable[[int, int, int], None] | None = None
        """Called after each rendered frame with (frame, done, total): a test may press Cancel here."""
        self.proxy_renders = 0
        """Renders that happened while proxy mode was on; this stand-in does not scale them."""
        self.frame_control_log: list[int] = []
        self.nodes_obtained: set[int] = set()
        """Numbers of the nodes that user code was handed."""
        self._errors: list[tuple[str, str]] = []
        self._by_uid: dict[int, Any] = {}
        self._graveyard: dict[int, Any] = {}
        self._uid_counter = 0
        self._undo = UndoStack()
        self._contexts: list[tuple[Any, Any]] = []
        self._groups: list[Any] = []
        self._instances: list[tuple[str, str]] = []
        self._touched: set[int] = set()
        self._in_knob_changed: set[int] = set()
        self._user_editing = False
        self._modified = False
        self._executing = False
        self._cancel_requested = False
        self._expression_depth = 0
        self._frame_override: float | None = None
        self._viewer_playing = False
        self._widgets: dict[tuple[int, str], Any] = {}
        self._knob_defaults: dict[tuple[str, str], str] = {}
        self._plugin_path: list[str] = []
        self._script_folder: list[str] = []
        self._views = ["main"]
        self._view = "main"
        self._clipboard = ""
        self._timers: list[tuple[float, Callable[[], None]]] = []
        self._formats = formats.standard_formats()
        self._menus: dict[str, Any] = {name: menus.MenuBar(name) for name in menus.BARS}
        self._toolbars: dict[str, Any] = {"Nodes": self._menus["Nodes"]}
        self._renderer = Renderer()
        self._root: Any = None
        self._saved_modules: dict[str, Any] = {}
        self._saved_path = list(sys.path)
        self.main_module = types.ModuleType("__main__")
        self._start_layers()
        self._start_tcl()

    # --- life
    def install(self) -> Host:
        """Put the modules into sys.modules and begin an empty script."""
        from . import api

        state.push(self)
        callbacks.clear()
        self._clear(first=True)
        for name in MODULES:
            self._saved_modules[name] = sys.modules.get(name)
        for name, module in api.modules(self).items():
            sys.modules[name] = module
        vars(self.main_module).update(nuke=sys.modules["nuke"], nukescripts=sys.modules["nukescripts"])
        self._plugin_path = []
        return self

    def close(self) -> None:
        """Quit: onScriptClose, nobody waits any more, modules go away."""
        if state.running() is not self:
            return
        with contextlib.suppress(Exception):
            self._fire("onScriptClose", self._root)
        with contextlib.suppress(Exception):
            self._fire_destroy(self._root)
        self._queue.close()
        self._renderer.close()
        for name, module in self._saved_modules.items():
            if module is None:
                sys.modules.pop(name, None)
            else:
                sys.modules[name] = module
        sys.path[:] = self._saved_path
        callbacks.clear()
        state.drop(self)

    def __enter__(self) -> Host:
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

    def _clear(self, first: bool = False) -> None:
        """An empty script."""
        if not first:
            self._fire("onScriptClose", self._root)
            self._fire_destroy(self._root)
        for node in list(self._by_uid.values()):
            node._alive = False
        self._by_uid.clear()
        self._graveyard.clear()
        self._root = nodes.Root._make(self, classes.TABLE["Root"], None)
        self._by_uid[self._root._uid] = self._root
        self._groups = [self._root]
        self._contexts = []
        self._undo = UndoStack()
        self._read_seen.clear()
        self._modified = False

    # --- the gate
    def _enter(self, function: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        if threading.current_thread() is not self._main_thread:
            raise WrongThread(
                f"{function.__qualname__} was called from thread {threading.current_thread().name}; "
                "only the main thread may use nodes and knobs"
            )
        if args:
            alive = getattr(args[0], "_require_alive", None)
            if alive is not None:
                alive()
        depth = getattr(self._local, "depth", 0)
        self._local.depth = depth + 1
        try:
            result = function(*args, **kwargs)
        finally:
            self._local.depth = depth
        if depth == 0 and (self.nc or self.indie):
            self._count_nodes(result)
        return result

    def _count_nodes(self, result: Any) -> None:
        found = result if isinstance(result, (list, tuple, set)) else result.values() if isinstance(result, dict) else [result]
        for one in found:
            if isinstance(one, nodes.Node):
                self.nodes_obtained.add(one._uid)
        if len(self.nodes_obtained) > 10:
            raise NodeLimit("Python may obtain 10 nodes in this edition of Nuke, and has asked for more")

    @contextlib.contextmanager
    def _user_code(self) -> Iterator[None]:
        """What runs inside is the user's: its calls count as calls from outside."""
        depth = getattr(self._local, "depth", 0)
        self._local.depth = 0
        try:
            yield
        finally:
            self._local.depth = depth

    # --- python
    def _run_python(self, text: str, name: str) -> None:
        with self._user_code():
            exec(compile(text.strip("\n") + "\n", name, "exec"), vars(self.main_module))  # noqa: S102

    def _eval_python(self, text: str) -> Any:
        with self._user_code():
            return eval(compile(text.strip(), "<python>", "eval"), vars(self.main_module))  # noqa: S307

    def _python_failed(self, where: str, error: BaseException) -> None:
        self.python_errors.append(error)
        print(f"nukesim: {where}:", file=sys.stderr)
        traceback.print_exception(type(error), error, error.__traceback__, file=sys.stderr)

    def run_file(self, path: Any) -> None:
        """Run a python file in __main__, as Nuke does init.py and menu.py."""
        path = os.path.abspath(str(path))
        self._script_folder.append(os.path.dirname(path))
        before = vars(self.main_module).get("__file__")
        try:
            with open(path, encoding="utf-8") as file:
                code = compile(file.read(), path, "exec")
            vars(self.main_module)["__file__"] = path
            with self._user_code():
                exec(code, vars(self.main_module))  # noqa: S102
        finally:
            vars(self.main_module)["__file__"] = before
            self._script_folder.pop()

    def startup(self, folders: Any = None) -> None:
        """Start as Nuke does: NUKE_PATH (or these folders), init.py in reverse order of the path, then menu.py with an interface.

        An init.py that adds a folder with pluginAddPath runs that folder's init.py too.
        """
        given = [str(f) for f in folders] if folders is not None else [f for f in os.environ.get("NUKE_PATH", "").split(os.pathsep) if f]
        for folder in reversed(given):
            self._add_plugin_path(folder, front=True)
        for folder in reversed(given):
            self._run_if_there(folder, "init.py")
        if self._gui:
            for folder in reversed(list(self._plugin_path)):
                self._run_if_there(folder, "menu.py")

    def _run_if_there(self, folder: str, name: str) -> None:
        path = os.path.join(folder, name)
        if os.path.isfile(path):
            self.run_file(path)

    def _add_plugin_path(self, folder: str, front: bool) -> None:
        base = self._script_folder[-1] if self._script_folder else os.getcwd()
        full = os.path.normpath(os.path.join(base, folder)).replace("\\", "/")
        if full in self._plugin_path:
            if not front:
                return
            self._plugin_path.remove(full)
        self._plugin_path.insert(0, full) if front else self._plugin_path.append(full)
        if full not in sys.path:
            sys.path.insert(0, full) if front else sys.path.append(full)
        if self._script_folder:
            self._run_if_there(full, "init.py")

    # --- contexts
    def _context_node(self) -> Any:
        return self._contexts[-1][0] if self._contexts else self._root

    def _current_group(self) -> Any:
        group = self._groups[-1]
        return self._by_uid.get(group._uid, self._root)

    def _node_named(self, path: str, group: Any) -> Any | None:
        """A node by name from a group and nowhere else; dotted names go inside; `root.` starts at the top."""
        if not isinstance(path, str):
            raise TypeError(f"a node's name must be a string, not {type(path).__name__}")
        if path in ("root", "Root"):
            return self._root
        if path == "this":
            return self._context_node()
        if path == "preferences":
            return None
        here = group
        parts = path.split(".")
        if parts[0] == "root":
            here, parts = self._root, parts[1:]
        found: Any = here
        for part in parts:
            found = next((child for child in found._child_nodes() if child._name == part), None)
            if found is None:
                return None
        return found

    @property
    def _frame(self) -> float:
        if self._frame_override is not None:
            return self._frame_override
        return float(self._root._knobs_by_name["frame"]._values[0]) if self._root is not None else 1.0

    def _set_frame(self, frame: float) -> None:
        self._root._knobs_by_name["frame"]._values[0] = float(frame)

    # --- time passing
    def pump(self, seconds: float = 0.0, until: Callable[[], bool] | None = None) -> bool:
        """Let Nuke's interface run: queued calls, timers, Qt when there is one, updateUI; at most `seconds`, or until something is true.

        Returns whether `until` came true (True without it). Not in terminal mode, where nobody pumps.
        """
        if not self._gui:
            raise state.SimError("Under -t nobody pumps the queue: the main thread must do the work itself")
        if threading.current_thread() is not self._main_thread:
            raise WrongThread("pump() is for the main thread")
        end = time.monotonic() + seconds
        while True:
            while self._queue.run_one(self):
                pass
            self._run_timers()
            self._pump_qt()
            self._run_update_ui()
            if until is not None and until():
                return True
            left = end - time.monotonic()
            if left <= 0:
                return until is None
            self._queue.wait(min(left, 0.02))

    def after(self, seconds: float, function: Callable[[], None]) -> None:
        """Run a function in the main thread later, as a timer would."""
        self._timers.append((time.monotonic() + seconds, function))

    def _run_timers(self) -> None:
        due = [one for one in self._timers if one[0] <= time.monotonic()]
        self._timers = [one for one in self._timers if one not in due]
        for _, function in due:
            with self._user_code():
                function()

    @staticmethod
    def _pump_qt() -> None:
        for binding in ("PySide6", "PySide2"):
            core = sys.modules.get(binding + ".QtCore")
            app = core.QCoreApplication.instance() if core is not None else None
            if app is not None:
                app.processEvents()

    def _run_update_ui(self) -> None:
        touched, self._touched = self._touched, set()
        for uid in touched:
            node = self._by_uid.get(uid)
            if node is not None:
                self._fire("updateUI", node)

    # --- the user's hands
    def user_edit(self, knob: Any, value: Any) -> None:
        """Change a knob as a user does in the open panel: the value is set and knobChanged runs."""
        node = knob._owner()
        if node is None or not node._panel_open:
            raise state.SimError("The panel of %s is closed: a user cannot edit there" % (node._name if node is not None else "this knob"))
        if not knob.enabled():
            raise state.SimError(f"{node._name}.{knob._name} is grey: a user cannot edit it")
        self._user_editing = True
        try:
            knob.setValue(value)
        finally:
            self._user_editing = False
        self._knob_changed_callbacks(node, knob)

    def press(self, node: Any, name: str) -> None:
        """Press a button; a grey or hidden one cannot be pressed."""
        knob = node[name]
        if not knob.enabled() or not knob.visible():
            raise state.SimError(f"{node._name}.{name} cannot be pressed: it is grey or hidden")
        knob.execute()

    def click(self, path: str, menu: str = "Nuke") -> None:
        """Choose a menu item by path."""
        item = self._menus[menu].findItem(path)
        if item is None:
            raise state.SimError(f"There is no menu item {path} in {menu}")
        item.invoke()

    def widget(self, node: Any, name: str) -> Any:
        """The widget that a PyCustom knob built when the panel opened."""
        return self._widgets.get((node._uid, name))

    def label(self, node: Any) -> str:
        """What the node graph draws: autolabel's text, else the name and label."""
        own = node._knobs_by_name["autolabel"]._text_value
        text = self._in_context(node, None, lambda: self._eval_python(own)) if own.strip() else None
        if text is None:
            text = self._in_context(node, None, callbacks.autolabel)
        if text is None:
            label = self._substitute(node._knobs_by_name["label"]._text_value, node, None)
            text = node._name + ("\n" + label if label else "")
        return str(text)

    def cancel_progress(self, title: str = "") -> int:
        """Press Cancel on the open progress bars whose title contains this; how many there were."""
        with self._progress_lock:
            chosen = [record for record in self.progress_records if record.open and title in record.title]
        for record in chosen:
            record.cancel()
        return len(chosen)

    def undo(self) -> None:
        """Ctrl+Z."""
        self._undo.undo()

    def redo(self) -> None:
        """Ctrl+Shift+Z."""
        self._undo.redo()

    @property
    def root(self) -> Any:
        return self._root

    @property
    def modified(self) -> bool:
        return self._modified

    @property
    def plugin_path(self) -> list[str]:
        return list(self._plugin_path)

    def all_nodes(self) -> list[Any]:
        """Every node of the script, without counting for Non-commercial."""
        return self._family(self._root)[1:]

    def node(self, path: str) -> Any:
        """A node by full name; SimError when there is none."""
        found = self._node_named(path, self._root)
        if found is None:
            raise state.SimError(f"There is no node {path}")
        return found

    def version_words(self) -> tuple[int, int, int]:
        major, minor = self._version[0], self._version[1] if len(self._version) > 1 else 0
        return major, minor, self._version[2] if len(self._version) > 2 else 1
