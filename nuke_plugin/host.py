"""The only module, besides menu.py, that imports `nuke`. All others take nodes and settings.

Node, knob and Qt calls belong to Nuke's main thread. `in_main` brings a call there and its value or exception back;
Nuke's own way prints an exception and answers None.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import threading
from dataclasses import dataclass
from typing import Any, Callable, Dict, Iterator, List, Mapping, Optional, Sequence, Set, Tuple, TypeVar

import nuke

from xmem_roto_nuke import graph
from xmemcore.protocol import farm
from xmemcore.protocol.failures import Cancelled, Failure, MachineError, RequestError

T = TypeVar("T")
_VARIABLE = re.compile(r"%(?:\{(?P<braced>[^{}\s]+)\}|(?P<plain>(?![vVd]\b)[A-Za-z_]\w*))")
"""The script's variable in a text, as `%shot` or `%{set.shot}`; %v, %V and %d are Nuke's own. Source: measured, 17.0v2."""
_FOLDER = r"(?!\.*/|\.*$)[^\\/:*?\"<>|%#\[\]{}$~\s](?:[^\\/:*?\"<>|%#\[\]{}$\x00-\x1f]*[^\\/:*?\"<>|%#\[\]{}$\s.])?"
_FOLDERS = re.compile(rf"{_FOLDER}(?:/{_FOLDER})*")
"""What may stand in a path on every system as it is: `sh010`, `sq01/sh010`. Nothing absolute, nothing that Nuke or a disk changes."""
DEFAULT_SET = "__default__"
"""The script's variables that belong to no set by name; shots are among them."""
DEEPEST = 10
"""Times that variables are looked for in the values of others."""


class NodeGone(Cancelled):
    """The node was deleted, or its script closed, during a run."""


class HostGone(Cancelled):
    """Nuke is leaving and runs no more calls."""


class RenderFailed(MachineError):
    """Nuke could not render a frame."""

    def __init__(self, node_name: str, frame: int, error: RuntimeError) -> None:
        """Take the frame and Nuke's error."""
        super().__init__(f"Nuke cannot render frame {frame} of {node_name}: {_plain(error)}.")
        self.frame = frame
        self.reason = str(error)
        """Nuke's own text."""


class EditionLimited(RequestError):
    """This edition of Nuke hands out no more nodes."""

    def __init__(self) -> None:
        """Say that nodes are used up, and what works without them."""
        super().__init__(
            "This edition of Nuke hands Python ten nodes for each script, and they are used up. Save the script and open it again to go "
            "on, or run `xmem-roto propagate` on the command line, which has no such limit."
        )


def may_walk_trees() -> bool:
    """Say whether Python may look at any number of nodes; Non-commercial hands out ten for each script, and Indie perhaps too."""
    return not any(nuke.env.get(edition) for edition in ("nc", "indie", "ple"))


graph.ration(not may_walk_trees())


def limit_reached() -> Optional[EditionLimited]:
    """Give the failure to speak of when this edition has no node left; None in every other case. Main thread."""
    return EditionLimited() if not may_walk_trees() and nuke.toNode("root") is None else None


def _handed_out(node: Optional[nuke.Node]) -> nuke.Node:
    """Take a node that Nuke was asked for; where nodes are counted, it gives None past the tenth.

    Raises:
        EditionLimited.
    """
    if node is None:
        raise EditionLimited
    return node


def _root() -> nuke.Node:
    return _handed_out(graph.root(nuke.root))


def has_interface() -> bool:
    """Say whether Nuke has its interface, or runs in a terminal."""
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


def tell_farm(failure: Failure) -> None:
    """Tell the farm that runs this terminal, where one does, why the task fails."""
    if farm.in_session() and not isinstance(failure, Cancelled):
        nuke.tprint(farm.failed(str(failure)))


def say(text: str) -> None:
    """Print a text into the Script Editor's output, or the terminal."""
    nuke.tprint(text)


_together: List[str] = []
"""Sentences to be told in one message."""


def tell_together(text: str) -> None:
    """Tell a sentence together with others of the same moment: a script with ten old nodes is no reason for ten dialogues. Main thread."""
    if not has_interface():
        tell(text)
        return
    _together.append(text)
    if len(_together) == 1:
        nuke.executeInMainThread(_tell_collected)


def _tell_collected() -> None:
    texts = list(dict.fromkeys(_together))
    _together.clear()
    tell("\n".join(texts))


def show_indicators(node: nuke.Node) -> None:
    """Set the marks in a node's corner, which Nuke's own label sets and ours must: 1 keys, 2 expressions, 8 clones. Main thread."""
    knobs = [knob for name, knob in node.knobs().items() if name != "indicators"]
    marks = any(knob.isAnimated() for knob in knobs) + 2 * any(knob.hasExpression() for knob in knobs) + 8 * (node.clones() > 0)
    found = node.knob("indicators")
    if found is not None and found.toScript() != str(marks):
        with unrecorded():
            found.fromScript(str(marks))


def update_widget(node: nuke.Node, knob: str) -> None:
    """Let the widget of a PyCustom knob show what there is now; a panel that was never opened has none. Main thread."""
    found = node.knob(knob)
    widget = None if found is None else found.getObject()  # type: ignore[attr-defined]
    if widget is not None:
        widget.updateValue()


def knob_names(node: nuke.Node) -> List[str]:
    """List the names of a node's knobs."""
    return list(node.knobs())


def remove_knob(node: nuke.Node, name: str) -> None:
    """Take a knob that was added away."""
    node.removeKnob(node[name])


def write_hidden_curve(node: nuke.Node, name: str, label: str, curve: str) -> None:
    """Write a curve's text into a hidden knob, which is added where there is none; Nuke shows its keys, the panel does not."""
    knob = node.knob(name)
    if knob is None:
        knob = nuke.Double_Knob(name, label)
        knob.setFlag(nuke.INVISIBLE)
        node.addKnob(knob)
    knob.fromScript("{" + curve + "}")


_stands_for = ""


def stand_for(script: str) -> None:
    """Let the open script count as another one, of which it is a copy: its nodes keep their ids, and their mattes go where its would."""
    global _stands_for
    _stands_for = script


def script_path() -> str:
    """Give the path of the script, or of the one that it stands for; empty when it was never saved."""
    if _stands_for:
        return _stands_for
    name = str(_root()["name"].value())
    return "" if name in ("", "Root", "Untitled") else name


def bear_name(script: str) -> None:
    """Let a copy of a script that was opened here give its expressions the name of the script that it was made of."""
    _root()["name"].setValue(script)


def save_copy(path: str) -> None:
    """Save the script as it is to a file, and leave name and state of the open one as they are.

    Raises:
        RuntimeError.
    """
    nuke.scriptSaveToTemp(path)


def program() -> str:
    """Give the path of Nuke's own program."""
    return str(nuke.env["ExecutablePath"])


def open_script(path: str) -> None:
    """Open a script in this terminal.

    Raises:
        RequestError.
    """
    if not os.path.isfile(path):
        raise RequestError(f"There is no script {path}. Check the path.")
    try:
        nuke.scriptOpen(path)
    except RuntimeError as error:
        raise RequestError(f"Nuke cannot open {path}: {_plain(error)}.") from error


def save_script() -> None:
    """Save the open script; one that may not be written stays as it is, since the mattes lie beside it anyway."""
    try:
        nuke.scriptSave(script_path())
    except RuntimeError as error:
        tell(f"The script cannot be saved ({_plain(error)}); the mattes are complete.")


PRESET_FREE = ("node_id", "home", "record", "key_edits", "suggestions", "has_result", "hole", "range_of", "version", "plugin_version")
"""Knobs that say which node it is and what was made with it: no node preset keeps them."""


def keep_out_of_presets(node: nuke.Node) -> None:
    """Ask Nuke to leave a node's identity out of its presets; `ownership` handles older presets and older Nukes."""
    flag = getattr(nuke, "DONT_SAVE_TO_NODEPRESET", None)
    for name in PRESET_FREE:
        knob = node.knob(name)
        if knob is not None and flag is not None:
            knob.setFlag(flag)


def on_script(loaded: Callable[[], None], saving: Callable[[], None]) -> None:
    """Have Nuke call when it has loaded a script, and before it saves one."""
    nuke.addOnScriptLoad(loaded)
    nuke.addOnScriptSave(saving)


def groups() -> List[nuke.Node]:
    """List the script's Groups, those within Groups too."""
    return list(nuke.allNodes("Group", recurseGroups=True))


def selected() -> List[nuke.Node]:
    """List the selected nodes; none where Python may not look at any number of them."""
    return list(nuke.selectedNodes()) if may_walk_trees() else []


def delete(node: nuke.Node) -> None:
    """Delete a node."""
    nuke.delete(node)


def find_node(name: str) -> Optional[nuke.Node]:
    """Find a node by its full name."""
    return nuke.toNode(name)


def script_range() -> Tuple[int, int]:
    """Give the first and last frame of the project settings."""
    return int(_root()["first_frame"].value()), int(_root()["last_frame"].value())


def working_space() -> Tuple[str, str, str]:
    """Give colour management, OCIO configuration and working space of the project settings."""
    root = _root()
    return tuple(str(root[name].value()) for name in ("colorManagement", "OCIO_config", "workingSpaceLUT"))  # type: ignore[return-value]


def current_frame() -> int:
    """Give the frame that is shown."""
    return int(_root()["frame"].value())


def go_to(frame: int) -> None:
    """Show a frame."""
    _root()["frame"].setValue(frame)


def script_variables() -> Dict[str, str]:
    """Give the variables of the script (MultiShot, Nuke 16), those that it has a value for; variables in a value are filled in."""
    return {name: filled(value) for name, value in _variable_sets().get(DEFAULT_SET, {}).items()}


def kept_variables() -> Dict[str, str]:
    """Give the values of the variables that a file knob may keep, by the name that stands in `%{name}`: those that can be folders."""
    found = {}
    for group, variables in _variable_sets().items():
        for name, value in variables.items():
            if re.fullmatch(r"\w+", group) and _VARIABLE.fullmatch(f"%{name}") and _FOLDERS.fullmatch(filled(value)):
                found[name if group == DEFAULT_SET else f"{group}.{name}"] = filled(value)
    return found


def filled(text: str) -> str:
    """Put the values of the script's variables into a text; what is no variable, and a circle of them, stays."""
    for _ in range(DEEPEST if "%" in text else 0):
        before, text = text, _with_values(text, {})
        if text == before:
            break
    return text


def _with_values(text: str, stand_ins: Mapping[str, str]) -> str:
    """Put values, or what stands for them, in the place of variables."""
    sets = _variable_sets() if "%" in text else {}

    def value(found: re.Match[str]) -> str:
        group, dot, name = (found["braced"] or found["plain"]).rpartition(".")
        group = group if dot else DEFAULT_SET
        stand_in = stand_ins.get(name if group == DEFAULT_SET else f"{group}.{name}")
        return stand_in or sets.get(group, {}).get(name, found[0])

    return _VARIABLE.sub(value, text)


def _variable_sets() -> Dict[str, Dict[str, str]]:
    knob = _root().knob("gsv")
    sets = knob.value() if knob is not None else None
    found = {str(name): values for name, values in sets.items() if isinstance(values, dict)} if isinstance(sets, dict) else {}
    return {name: {str(variable): str(value) for variable, value in values.items() if value} for name, values in found.items()}


def filled_path(knob: Any, stand_ins: Optional[Mapping[str, str]] = None) -> str:
    """Give the path of a text knob with its [brackets] run and the script's variables filled in; the place for a frame number stays.

    A file knob does that by itself, but tools that collect a script's files take every file knob for an input.

    Args:
        knob: of text.
        stand_ins: what to put in the place of some variables instead of their values.

    Raises:
        RequestError: Nuke does not understand what stands in brackets.
    """
    if knob.Class() == "File_Knob":  # of an older node; not evaluate(), which puts in a frame number
        return str(knob.getEvaluatedValue() or "")
    text = str(knob.getText() or "")
    if "[" in text:
        try:
            text = str(nuke.tcl("subst", "-nobackslashes", "-novariables", text))
        except RuntimeError as error:
            raise RequestError(f"Nuke does not understand the brackets in the path {text} ({error}). Correct it.") from error
    return filled(_with_values(text, stand_ins or {}))


def ask(question: str) -> bool:
    """Ask an artist to decide; without an interface the answer is yes, and the question is printed."""
    if has_interface():
        return bool(nuke.ask(question))
    tell(question)
    return True


def refuse_wrong_context(plate: nuke.Node) -> None:
    """Refuse what would render wrong plates.

    Raises:
        RequestError: several views, a render under way.
    """
    if nuke.executing():
        raise RequestError("Nuke is rendering. Press again when it has finished.")
    shown = graph.behind_dots(plate)
    if len(nuke.views()) > 1 and (shown is None or shown.Class() != "OneView"):
        listed = ", ".join(nuke.views())
        raise RequestError(f"The script has the views {listed}, and XMem Roto works on one. Put a OneView node before the plate input.")


_BRACKET = "[format %c 91]"
"""A command that gives a bracket. A backslash does not keep a bracket from being run everywhere."""


def _in_brackets(path: str) -> str:
    return path.replace("[", _BRACKET)


def kept_path(knob: Any) -> str:
    """Give the path that `set_path` or `note_path` wrote, with the script's variables in it; runs nothing."""
    return str(knob.value() or "").replace(_BRACKET, "[")


def note_path(knob: Any, path: str) -> None:
    """Write a path into a text knob that expressions read; nothing is checked."""
    knob.setValue(_in_brackets(path))


def set_path(knob: Any, path: str, kept: str = "") -> bool:
    """Write a path into a file knob so that it comes out as it is: Nuke runs what stands in brackets.

    Args:
        knob: of a file.
        path: with the values of the script's variables in it.
        kept: the same with variables such as `%{shot}` in it, for which Nuke puts in what they are when it renders; empty for none.

    Returns:
        Whether the knob keeps the variables. It does not where a scope around the node, such as a VariableGroup, has others.

    Raises:
        RequestError: it comes out as something else.
    """
    if kept and kept != path:
        knob.setValue(_in_brackets(kept))
        # The script may be at another shot by now; then the knob gives the mattes of that one.
        if filled(str(knob.getEvaluatedValue())) == path or filled(kept) != path:
            return True
    knob.setValue(_in_brackets(path))
    if any(letter in path for letter in "[]{}$\\") and knob.getEvaluatedValue() != path:
        raise RequestError(f"Nuke does not take the path {path} as it is. Save the script, or put the output, where no name has brackets.")
    return False


WIDE = 100000
"""Last frame of a range that ends nowhere; the first is its negative."""


def set_ranges(node: nuke.Node, knobs: Sequence[str], frames: Tuple[int, int], range_of: str = "") -> None:
    """Write a first and a last frame into pairs of knobs.

    Args:
        node: whose knobs they are.
        knobs: their names, each first one followed by its last one.
        frames: first and last.
        range_of: expression that is 1 where the range counts; elsewhere it ends nowhere, so that no frame counts as outside. Empty: always.
    """
    for name, frame, wide in zip(knobs, (*frames, *frames), (-WIDE, WIDE, -WIDE, WIDE)):
        knob = node[name]
        if range_of:
            knob.setExpression(f"{range_of} ? {frame} : {wide}")
        else:
            if knob.hasExpression():
                knob.clearAnimated()
            knob.setValue(frame)


def upstream(node: nuke.Node) -> List[nuke.Node]:
    """List what a node is fed by, directly: inputs, what lies outside a Group's Input, hidden inputs, and nodes named in expressions."""
    feeding = [*(node.input(index) for index in range(node.inputs())), graph.outside(node)]
    # Nuke lists in no fixed order; the inputs have one, and the others' names, as expressions have them, are part of the digest.
    others = sorted(node.dependencies(nuke.INPUTS | nuke.HIDDEN_INPUTS | nuke.EXPRESSIONS), key=lambda other: other.fullName())
    found = {above.fullName(): above for above in [*feeding, *others] if above is not None}
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
    project = str(_root()["project_directory"].evaluate() or "")  # type: ignore[attr-defined]
    return os.path.join(project, pattern) if pattern and project else pattern


_OP_LINE = re.compile(r"Op for \{(?P<context>[^}]*\bframe=(?P<frame>-?[\d.]+)[^}]*)\}.*?\bhash=(?P<hash>[0-9a-fA-F]+)")
"""A line of `nuke.showInfo` about one operation of a node."""


def op_hashes(node: Optional[nuke.Node]) -> Dict[str, str]:
    """Give Nuke's own hashes of what a node shows at the current frame, by the context for which each was taken; main thread.

    {} where they cannot be had. A node has a hash for each frame and scale in use, as old as its last validation, and only a text says
    which is which; a Dot has none. Comparable within one session, and only where the contexts are the same.
    """
    found = graph.behind_dots(node)
    if found is None:
        return {}
    try:
        found.forceValidate()
        live = {number & (1 << 64) - 1 for number in found.opHashes()}
        lines = _OP_LINE.finditer(str(nuke.showInfo(found))) if live else ()
    except RuntimeError:
        return {}  # what is above cannot be validated; a render will say why
    now = current_frame()
    return {line["context"]: line["hash"] for line in lines if float(line["frame"]) == now and int(line["hash"], 16) in live}


PICTURE_SETTINGS = ("format", "customOCIOConfigPath", "int8Lut", "int16Lut", "logLut", "floatLut", "gsv")
"""Project settings, beside the working space, that act on pixels: of generators, of Reads whose colour space is the default, of paths."""


def script_state() -> Tuple[str, ...]:
    """Give the project settings that act on pixels: format, colour, and the variables of the script."""
    root = _root()
    knobs = {name: root.knob(name) for name in PICTURE_SETTINGS}
    return (*working_space(), *(f"{name} {knob.toScript()}" for name, knob in knobs.items() if knob is not None))


def known_channels() -> Set[str]:
    """Name all channels that the script has, whatever node made them; main thread."""
    return {str(name) for name in nuke.channels()}


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


OURS = "XMemRender"
"""Names of nodes that live for one export begin so; see `FrameWriter`."""

Build = Callable[[nuke.Node, List[nuke.Node]], nuke.Node]
"""Puts stock nodes after a node, adds each to the list, and returns the last one."""


class RunWrite:
    """The only Write of a run, so that a studio's callbacks on Write come once. Main thread only."""

    def __init__(self) -> None:
        """Make nothing yet."""
        self._nodes: Dict[bool, nuke.Node] = {}
        """The Write of each graph, by whether it is inside of the Group: a node cannot be in two graphs."""

    def of(self, last: nuke.Node, pattern: str, channels: str, within: bool) -> nuke.Node:
        """Point it at a node; made with the first call, in the group that is current.

        Args:
            last: node to render, in the current group.
            pattern: of the files, with forward slashes, in a folder that is there.
            channels: to write.
            within: whether the current group is the run's own.
        """
        write = self._nodes.get(within)
        if write is None:
            write = self._nodes[within] = _handed_out(nuke.nodes.Write())
            write["file_type"].setValue("exr")
            for name, value in (("datatype", "16 bit half"), ("compression", "Zip (1 scanline)"), ("autocrop", False), ("raw", True)):
                write[name].setValue(value)
            write.setName(OURS + write.Class())
        set_path(write["file"], pattern)
        write["channels"].setValue(channels)
        write.setInput(0, last)
        return write

    def close(self) -> None:
        """Delete it, unless it went with its Group."""
        nodes, self._nodes = self._nodes, {}
        with unrecorded():
            for node in nodes.values():
                with contextlib.suppress(ValueError):
                    nuke.delete(node)


class FrameWriter:
    """Stock nodes that render a node to half-float EXR, linear and untouched, made with the first frame and deleted by `close`.

    The nodes are made inside of a Group where there is one, so that nobody meets them in the graph. Main thread only.
    """

    def __init__(
        self, source: nuke.Node, build: Build, pattern: str, channels: str, write: RunWrite, inside: Optional[nuke.Node] = None
    ) -> None:
        """Take what to render; no node is made yet.

        Args:
            source: node to render.
            build: of the nodes between it and the Write.
            pattern: of the files, with forward slashes, in a folder that is there.
            channels: of the Write.
            write: of the run; whoever made it closes it.
            inside: a Group to one of whose inputs `source` is connected; None to make the nodes beside it.
        """
        self.source, self.pattern = source, pattern
        self._build, self._channels, self._inside, self._run_write = build, channels, inside, write
        self._nodes: List[nuke.Node] = []
        self._write: Optional[nuke.Node] = None

    def write(self, first: int, last: int) -> None:
        """Render consecutive frames in one call of Nuke's.

        Raises:
            RuntimeError: Nuke cannot, or was told to cancel.
        """
        with unrecorded(), full_size():
            if self._write is None:
                self._write = self._make()
            nuke.execute(self._write, first, last, 1, nuke.views()[:1])

    def close(self) -> None:
        """Delete the nodes; those that went with their Group are gone already."""
        nodes, self._nodes, self._write = self._nodes, [], None
        with unrecorded():
            for node in reversed(nodes):
                with contextlib.suppress(ValueError):
                    nuke.delete(node)

    def _make(self) -> nuke.Node:
        viewer = nuke.activeViewer() if has_interface() else None
        if viewer is not None:
            viewer.stop()
        start = self.source if self._inside is None else _input_inside(self._inside, self.source)
        with _context_of(start):
            try:
                last = self._build(start, self._nodes)
                for node in self._nodes:
                    node.setName(OURS + node.Class())
                return self._run_write.of(last, self.pattern, self._channels, start is not self.source)
            except Exception:
                self.close()
                raise


CANCELLED = "Cancelled while the plate was rendered. Rendered frames are kept."


@dataclass(frozen=True)
class Rendering:
    """The outcome of rendering some frames."""

    done: Tuple[int, ...]
    skipped: Tuple[int, ...]
    """Frames without a file to render from."""
    failure: Optional[Failure]
    """Why the frames after these were not rendered: RenderFailed or Cancelled."""


def render(writer: FrameWriter, frames: Sequence[int], may_skip: Callable[[RenderFailed], bool] = lambda failure: False) -> Rendering:
    """Render frames, as many as possible in one call of Nuke's; the interface stands still meanwhile.

    Args:
        writer: of one export.
        frames: ascending.
        may_skip: says of a frame that failed whether the others go on without it.
    """
    done: List[int] = []
    skipped: List[int] = []
    waiting = list(frames)
    while waiting:
        together = [frame for place, frame in enumerate(waiting) if frame == waiting[0] + place]
        before = {frame: _written_at(writer.pattern % frame) for frame in together}
        try:
            writer.write(together[0], together[-1])
        except RuntimeError as error:
            finished = _new_since(before, writer.pattern)
            done += finished
            if _is_cancel(error):
                return Rendering(tuple(done), tuple(skipped), Cancelled(CANCELLED))
            lost = together[min(len(finished), len(together) - 1)]
            failure = RenderFailed(writer.source.name(), lost, error)
            if lost in finished or not may_skip(failure):
                return Rendering(tuple(done), tuple(skipped), failure)
            skipped.append(lost)
            waiting = waiting[len(finished) + 1 :]
        else:
            done += together
            waiting = waiting[len(together) :]
    return Rendering(tuple(done), tuple(skipped), None)


def _is_cancel(error: RuntimeError) -> bool:
    """Say whether Nuke was told to stop: what Foundry's own dialogues look for (render_panel, flipbook)."""
    return bool(error.args) and str(error.args[0]).startswith("Cancelled")


def _new_since(before: Dict[int, Optional[Tuple[int, int, int]]], pattern: str) -> List[int]:
    """List the frames, from the first on, whose file is another one than before."""
    return list(itertools.takewhile(lambda frame: _written_at(pattern % frame) != before[frame], before))


def _written_at(path: str) -> Optional[Tuple[int, int, int]]:
    """Identify a file, so that a rewritten file counts as another one."""
    try:
        state = os.stat(path)
    except OSError:
        return None
    return state.st_mtime_ns, state.st_size, state.st_ino


@contextlib.contextmanager
def full_size() -> Iterator[None]:
    """Switch proxy mode off, in which plates come out reduced and formats may be read reduced, and put it back."""
    proxy = _root()["proxy"]
    was_on = bool(proxy.value())
    if was_on:
        proxy.setValue(False)
    try:
        yield
    finally:
        if was_on:
            proxy.setValue(True)


def _input_inside(group: nuke.Node, source: nuke.Node) -> nuke.Node:
    """Find the Input of a Group to which a node is connected; the node itself where the inside was changed by hand."""
    for child in group.nodes():  # type: ignore[attr-defined]
        if child.Class() == "Input":
            outer = group.input(int(child["number"].value()))
            if outer is not None and outer.fullName() == source.fullName():
                return child  # type: ignore[no-any-return]
    return source


def delete_leftovers(group: nuke.Node) -> None:
    """Delete nodes of an export that was under way when the script was saved."""
    with unrecorded():
        for child in group.nodes():  # type: ignore[attr-defined]
            if child.name().startswith(OURS):
                nuke.delete(child)


def make_crop(source: nuke.Node, nodes: List[nuke.Node]) -> nuke.Node:
    """Keep overscan to twice the format, the most that the core's canvas holds, whatever the bounding box says."""
    image_format = source.format()
    width, height = image_format.width(), image_format.height()
    crop = _handed_out(nuke.nodes.Crop())
    nodes.append(crop)
    crop["box"].setValue((-width / 2, -height / 2, width * 1.5, height * 1.5))
    crop["intersect"].setValue(True)
    crop.setInput(0, source)
    return crop


@dataclass(frozen=True)
class RotoDrawing:
    """A copy of what a chain of Rotos draws; later changes of the artist are not in it."""

    layers: Tuple[Tuple[str, str, str], ...]
    """Class, clipping and curves text of each, the topmost first."""

    @classmethod
    def of_nodes(cls, rotos: Sequence[nuke.Node], texts: Sequence[str]) -> RotoDrawing:
        """Take Rotos or RotoPaints, the last of the chain first, with their curves texts."""
        return cls(tuple((str(roto.Class()), str(roto["cliptype"].value()), text) for roto, text in zip(rotos, texts)))

    def build(self, source: nuke.Node, nodes: List[nuke.Node]) -> nuke.Node:
        """Draw the shapes over black of the source's format: their own alpha and nothing behind it."""
        below = make_black(source, nodes)
        for class_name, clip, text in reversed(self.layers):
            copy = _handed_out(getattr(nuke.nodes, class_name)())
            nodes.append(copy)
            copy["curves"].fromScript(text)
            copy["output"].setValue("alpha")
            copy["cliptype"].setValue(clip)
            copy.setInput(0, below)
            below = copy
        return below


def make_nothing(source: nuke.Node, nodes: List[nuke.Node]) -> nuke.Node:
    """Feed the source to the Write as it is."""
    return source


def make_black(source: nuke.Node, nodes: List[nuke.Node]) -> nuke.Node:
    """Put black of the source's format in its place."""
    shuffle = _handed_out(nuke.nodes.Shuffle())
    nodes.append(shuffle)
    for name in ("red", "green", "blue", "alpha"):
        shuffle[name].setValue("black")
    shuffle.setInput(0, source)
    return shuffle


@contextlib.contextmanager
def _context_of(node: nuke.Node) -> Iterator[None]:
    """Make nodes in the group in which a node lives: nodes of two groups cannot be connected."""
    group = node.parent()
    if group is None:
        group = _root()
    with group:
        yield


def passes_of(node: nuke.Node, made_of: str) -> List[nuke.Node]:
    """List the XMemPass nodes that were made of the node with this id, where Python may look for them: those in its own graph."""
    if not may_walk_trees():
        return []
    with _context_of(node):
        groups = nuke.allNodes("Group")
    return [group for group in groups if group.knob("made_of") is not None and group["made_of"].value() == made_of]


ROW_HEIGHT = 80
"""Distance of two rows of nodes in the graph."""


def create_passes(
    node: nuke.Node,
    made_of: str,
    point: Callable[[nuke.Node], None],
    channels: Sequence[str],
    cryptomatte: Sequence[str] = (),
) -> List[nuke.Node]:
    """Create one XMemPass for each channel, in a row below the node, and below the passes that are there already.

    Args:
        node: an XMemRoto.
        made_of: its id.
        point: lets a pass read its mattes.
        channels: that come out in alpha, one each.
        cryptomatte: layers of one more pass, which Nuke's own Cryptomatte node below it picks from; empty for none.
    """

    passes: List[nuke.Node] = []

    def add(channel: str, label: str) -> nuke.Node:
        created = _handed_out(nuke.createNode("XMemPass", inpanel=False))
        created.setInput(0, None)
        point(created)
        created["made_of"].setValue(made_of)
        created["on_missing"].setValue("black" if node.knob("on_missing") is None else str(node["on_missing"].value()))
        # Not the knob `pass`: that is a link, and only its target surely takes a value.
        created.node("Picked")["from0"].setValue(channel)  # type: ignore[attr-defined]
        created["label"].setValue(label)
        created.setXYpos(node.xpos() + 110 * len(passes), row)
        passes.append(created)
        return created

    with one_undo("XMem passes"), _context_of(node):
        rows = [pass_node.ypos() for pass_node in passes_of(node, made_of)]
        row = max(rows) + 2 * ROW_HEIGHT if rows else node.ypos() + 120  # below the last passes there may be a Cryptomatte node
        for channel in channels:
            add(channel, channel)
        if cryptomatte:
            to_pick_from = add(channels[0], "Cryptomatte")
            for number, layer in enumerate(cryptomatte, 2):
                to_pick_from.node("Kept")[f"channels{number}"].setValue(layer)  # type: ignore[attr-defined]
            picker = _handed_out(nuke.nodes.Cryptomatte(inputs=[to_pick_from]))
            picker.setXYpos(to_pick_from.xpos(), row + ROW_HEIGHT)
    return passes


COPIES_AT_ONCE = 4
"""Channels that one Copy takes."""


def create_matte_write(node: nuke.Node, channels: Sequence[str], pattern: str, kept: str = "") -> nuke.Node:
    """Create a Write for some channels of a node and nothing else, in a column below it; one entry in Undo. Paths as in `set_path`."""
    with one_undo("XMem Write"), _context_of(node):
        remove = _handed_out(nuke.nodes.Remove(inputs=[node]))
        column = [remove]
        for begin in range(0, len(channels), COPIES_AT_ONCE):
            copy = _handed_out(nuke.nodes.Copy(inputs=[column[-1], node]))
            for place, channel in enumerate(channels[begin : begin + COPIES_AT_ONCE]):
                copy[f"from{place}"].setValue(channel)
                copy[f"to{place}"].setValue(channel)
            column.append(copy)
        write = _handed_out(nuke.nodes.Write(inputs=[column[-1]]))
        column.append(write)
        set_path(write["file"], pattern, kept)
        write["file_type"].setValue("exr")
        for name, value in (("channels", "all"), ("datatype", "16 bit half"), ("raw", True), ("create_directories", True)):
            write[name].setValue(value)
        for place, created in enumerate(column):
            created.setXYpos(node.xpos() + 220, node.ypos() + 60 * (place + 1))
    return write


def make_inside(group: nuke.Node, class_name: str, **knobs: Any) -> nuke.Node:
    """Create a stock node inside a Group."""
    with group:  # type: ignore[attr-defined]
        created = _handed_out(getattr(nuke.nodes, class_name)(**knobs))
    return created


class ProgressBar:
    """Nuke's progress bar in the interface, lines in a terminal; may be used from any thread."""

    def __init__(self, title: str) -> None:
        """Show the bar; it closes with the last reference to it."""
        self._title = title
        self._task: Optional[Any] = nuke.ProgressTask(title) if has_interface() else None
        self._percent_printed = -1

    def show(self, done: int, total: int, text: str) -> None:
        """Set how far, and what is being done."""
        percent = int(100 * done / max(total, 1))
        if self._task is not None:
            self._task.setMessage(text)
            self._task.setProgress(percent)
        elif percent // 5 != self._percent_printed:
            self._percent_printed = percent // 5
            nuke.tprint(f"XMem Roto: {self._title}: {percent} % {text}")
            if farm.in_session():
                nuke.tprint(f"{farm.status(text)}\n{farm.progress(percent)}")

    @property
    def cancelled(self) -> bool:
        return self._task is not None and bool(self._task.isCancelled())

    def close(self) -> None:
        """Take the bar away."""
        self._task = None


def _plain(error: Exception) -> str:
    return " ".join(str(error).split()).rstrip(".") or type(error).__name__
