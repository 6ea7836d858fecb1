"""The host: one running stand-in with its script, threads, contexts and everything a test may look at or press."""

from __future__ import annotations

import contextlib
import functools
import os
import sys
import threading
import time
import traceback
import types
from collections.abc import Callable, Iterator
from typing import Any

from . import callbacks, classes, constants, formats, menus, nodes, state
from .host_images import ImageSide
from .host_nodes import NodeSide
from .host_script import ScriptSide
from .mainthread import MainQueue, ProgressRecord
from .render_client import Renderer
from .undo import UndoStack

MODULES = ("nuke", "nuke.rotopaint", "nuke.curveknob", "nuke.curvelib", "nuke.callbacks")


class WrongThread(RuntimeError):
    """A node or knob was touched from another thread than the main one; Nuke crashes or raises."""


NODES_OF_LIMITED_EDITIONS = 10
"""Node objects that python gets in Non-commercial, counted as they are handed out, the same node twice too (NUKE_MEASURED 1)."""
HOSTILE_VARIABLE = "NUKESIM_TEMPER"
"""`hostile` makes every Nuke that is started here a hostile one; see README.md."""


@functools.lru_cache(maxsize=1024)
def _compiled(text: str, name: str, mode: str) -> Any:
    """Compile a callback's or a button's text, which is the same for every node of a class."""
    return compile(text, name, mode)


class Host(ScriptSide, NodeSide, ImageSide):
    """A running Nuke. Everything without an underscore is for tests; the plugin sees only the modules."""

    def __init__(
        self,
        gui: bool = True,
        version: tuple[int, ...] = (16, 0),
        nc: bool = False,
        nukex: bool = False,
        indie: bool = False,
        hostile: bool | None = None,
    ) -> None:
        self.hostile = os.environ.get(HOSTILE_VARIABLE) == "hostile" if hostile is None else hostile
        """Where Nuke leaves room, it does what hurts."""
        self.gui = self._gui = gui
        self._version = tuple(version)
        self.nc, self.indie, self.nukex = nc, indie, nukex
        self._main_thread = threading.current_thread()
        self._main_number = threading.get_ident()
        self._depth = 0
        """How many calls of the API are open, one in the other; only the main thread opens any."""
        self._queue = MainQueue()
        self._progress_lock = threading.Lock()
        self.progress_records: list[ProgressRecord] = []
        """Every ProgressTask that was made, with what it showed."""
        self.messages: list[tuple[str, str]] = []
        """(kind, text) of what was told: ("message", "...")."""
        self.answers_yes = True
        """What the artist presses when asked."""
        self.python_errors: list[BaseException] = []
        """Exceptions of callbacks and of panel code, which Nuke shows in its console."""
        self.printed_errors: list[BaseException] = []
        """Exceptions of functions given to executeInMainThread, which Nuke prints."""
        self.frames_rendered: list[tuple[str, int]] = []
        """(Write, frame) of every frame that nuke.execute wrote."""
        self.on_frame_rendered: Callable[[int, int, int], None] | None = None
        """Called after each rendered frame with (frame, done, total): a test may press Cancel here."""
        self.meters: list[str] = []
        """One line for each progress bar that nuke.execute opened."""
        self.cancel_at_frame: int | None = None
        """The frame before which a user presses Cancel on that bar."""
        self.proxy_renders = 0
        """Frames that nuke.execute wrote while proxy mode was on; this stand-in does not scale them."""
        self.frame_control_log: list[int] = []
        self.nodes_obtained = 0
        """Node objects that user code was handed in this script."""
        self.calls = 0
        """Calls of the API by user code so far: what a budget counts."""
        self.studio_calls: list[str] = []
        """Class and event of each callback that a studio hangs on Write and Crop (see `visit_of_studio`)."""
        self._visited = False
        self.studio_raises = False
        """Whether a studio's callback on onCreate and beforeRender fails."""
        self.warnings: list[str] = []
        """What Nuke prints about values that it takes all the same."""
        self._ops: dict[int, dict[float, str]] = {}
        """Validated operations: by node and frame, the hash of that time."""
        self._labels: dict[int, tuple[str, list[int]]] = {}
        """Labels as the node graph shows them, and how often knobs that they hang on had been changed."""
        self._labels_due: set[int] | None = None
        """Nodes whose label is asked for at the next draw; None for all of them."""
        self._knob_since_frame = True
        """Whether a knob was changed, or a callback registered, since the last change of frame."""
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
        self._plugin_path: list[str] = []
        self._script_folder: list[str] = []
        self._views = ["main"]
        self._view = "main"
        self._clipboard = ""
        self._timers: list[tuple[float, Callable[[], None]]] = []
        self._formats = formats.standard_formats()
        self._menus: dict[str, Any] = {name: menus.MenuBar(name) for name in menus.BARS}
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
        vars(self.main_module).update(nuke=sys.modules["nuke"])
        self._plugin_path = []
        if self.hostile:
            self.visit_of_studio()
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
        for name, module in self._saved_modules.items():
            if module is None:
                sys.modules.pop(name, None)
            else:
                sys.modules[name] = module
        sys.path[:] = self._saved_path
        callbacks.clear()
        self._end_tcl()
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
        self.nodes_obtained = 0
        self._ops.clear()
        self._labels.clear()
        self._labels_due = None

    # --- the gate
    def _enter(self, function: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        if threading.get_ident() != self._main_number:
            raise WrongThread(
                f"{function.__qualname__} was called from thread {threading.current_thread().name}; "
                "only the main thread may use nodes and knobs"
            )
        if args:
            alive = getattr(args[0], "_require_alive", None)
            if alive is not None:
                alive()
        depth = self._depth
        self._depth = depth + 1
        self.calls += depth == 0
        try:
            result = function(*args, **kwargs)
        finally:
            self._depth = depth
        if depth == 0 and (self.nc or self.indie) and function.__name__ != "__enter__":
            return self._handed_out(function, result)
        return result

    def _handed_out(self, function: Callable[..., Any], result: Any) -> Any:
        """Count node objects; past the tenth there is None, or an empty list, and nothing raises (NUKE_MEASURED 1).

        What the context gives (root, thisNode, thisGroup) is not said there to count; a hostile Nuke counts it.
        """
        if isinstance(result, list) and any(isinstance(item, nodes.Node) for item in result):
            self.nodes_obtained += sum(isinstance(item, nodes.Node) for item in result)
            return result if self.nodes_obtained <= NODES_OF_LIMITED_EDITIONS else []
        if isinstance(result, nodes.Node):
            if function.__name__ in ("root", "thisNode", "thisGroup", "thisRoot", "thisParent") and not self.hostile:
                return result
            self.nodes_obtained += 1
            return result if self.nodes_obtained <= NODES_OF_LIMITED_EDITIONS else None
        return result

    @contextlib.contextmanager
    def _user_code(self) -> Iterator[None]:
        """What runs inside is the user's: its calls count as calls from outside."""
        depth = self._depth
        self._depth = 0
        try:
            yield
        finally:
            self._depth = depth

    # --- python
    def _run_python(self, text: str, name: str) -> None:
        with self._user_code():
            exec(_compiled(text.strip("\n") + "\n", name, "exec"), vars(self.main_module))  # noqa: S102

    def _eval_python(self, text: str) -> Any:
        with self._user_code():
            return eval(_compiled(text.strip(), "<python>", "eval"), vars(self.main_module))  # noqa: S307

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
        self._frame_shown()

    def _frame_shown(self) -> None:
        """Have labels asked for: all after something was changed, else those of animated nodes (NUKE_MEASURED 4)."""
        if self._knob_since_frame:
            self._labels_due = None
        elif self._labels_due is not None:
            self._labels_due |= {
                node._uid
                for node in self._root._child_nodes()
                if "[" in node._knobs_by_name["label"]._text_value
                or any(knob._key_list() or any(getattr(knob, "_expressions", ())) for knob in node._knob_list)
            }
        self._knob_since_frame = False

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
        due = [timer for timer in self._timers if timer[0] <= time.monotonic()]
        self._timers = [timer for timer in self._timers if timer not in due]
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
        """Call updateUI of what was touched, as the documentation has it; a hostile Nuke knows open panels only (LM)."""
        touched, self._touched = self._touched, set()
        if self.hostile:
            touched = {node._uid for node in self.all_nodes() if node._panel_open}
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
            with self._by_hand("edit"):
                knob.setValue(value)
        finally:
            self._user_editing = False
        self._knob_changed_callbacks(node, knob)

    @contextlib.contextmanager
    def _by_hand(self, name: str) -> Iterator[None]:
        """What a user does is one step of Undo; what python does outside of begin and end is none (NUKE_MEASURED 4)."""
        self._undo.begin(name)
        try:
            yield
        finally:
            self._undo.end()

    def visit_of_studio(self) -> None:
        """Hang a studio's callbacks on every Write and Crop: they are counted in `studio_calls`, and fail with `studio_raises`. A hostile
        Nuke has them from its start."""
        if self._visited:
            return
        self._visited = True

        def hook(event: str, fails: bool) -> Callable[[], None]:
            def call() -> None:
                self.studio_calls.append(f"{self._context_node()._class} {event}")
                if fails and self.studio_raises:
                    raise RuntimeError("the studio's own callback failed")

            return call

        for name in ("Write", "Crop"):
            callbacks.addOnCreate(hook("onCreate", True), nodeClass=name)
            callbacks.addKnobChanged(hook("knobChanged", False), nodeClass=name)
            callbacks.addOnDestroy(hook("onDestroy", False), nodeClass=name)
        for event in ("BeforeRender", "AfterRender", "BeforeFrameRender", "AfterFrameRender"):
            getattr(callbacks, "add" + event)(hook(event[0].lower() + event[1:], event == "BeforeRender"), nodeClass="Write")

    def preset_of(self, node: Any) -> str:
        """What a node preset keeps; in a hostile Nuke the hidden knobs too."""
        preset = []
        for knob in node._knob_list:
            hidden = knob._flags & (constants.INVISIBLE | constants.CONSTANTS["DONT_SAVE_TO_NODEPRESET"])
            if knob._name and knob._user and knob._saved() and knob._not_default() and (self.hostile or not hidden):
                if not knob._flags & (constants.DO_NOT_WRITE | constants.CONSTANTS["DONT_SAVE_TO_NODEPRESET"]):
                    preset.append(f"{knob._name} {knob._script_word()}")
        return "\n".join(preset)

    def apply_preset(self, node: Any, preset: str) -> None:
        """Choose a node preset in the panel."""
        with self._by_hand("preset"):
            self._read_knobs(node, preset)

    def user_delete(self, node: Any) -> None:
        """Press Delete on a node."""
        with self._by_hand("delete"):
            self._delete(node)

    def press(self, node: Any, name: str) -> None:
        """Press a button; a grey or hidden one cannot be pressed."""
        knob = node[name]
        if not knob.enabled() or not knob.visible():
            raise state.SimError(f"{node._name}.{name} cannot be pressed: it is grey or hidden")
        with self._by_hand(name):
            knob.execute()

    def click(self, path: str, menu: str = "Nuke") -> None:
        """Choose a menu item by path."""
        item = self._menus[menu].findItem(path)
        if item is None:
            raise state.SimError(f"There is no menu item {path} in {menu}")
        with self._by_hand(path):
            item.invoke()

    def widget(self, node: Any, name: str) -> Any:
        """The widget that a PyCustom knob built when the panel opened."""
        return self._widgets.get((node._uid, name))

    def label(self, node: Any) -> str:
        """What the node graph shows: the text of the last time that Nuke asked for it, which it does on few events (NUKE_MEASURED 4)."""
        if self._labels_due is None:
            self._labels_due = {uid for uid in self._by_uid if uid not in self._labels or self._by_uid[uid]._parent() is self._root}
        edits = [node._knob_edits, *(other._knob_edits for other in self._expression_nodes(node))]
        known = self._labels.get(node._uid)
        if node._uid in self._labels_due or known is None or known[1] != edits:
            self._labels_due.discard(node._uid)
            self._labels[node._uid] = (self._asked_label(node), edits)
        return self._labels[node._uid][0]

    def _asked_label(self, node: Any) -> str:
        """Autolabel's text, else the name and label."""
        autolabel = node._knobs_by_name["autolabel"]._text_value
        text = self._in_context(node, None, lambda: self._eval_python(autolabel)) if autolabel.strip() else None
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
