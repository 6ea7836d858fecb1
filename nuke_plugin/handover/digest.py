"""Digest of a node tree. Two trees with equal digests render equal pixels.

Nuke's op hashes cover everything above a node, but only for one frame as it was last validated, not for every class, and not from one
session to the next. So our digest covers what a script would save of each node upstream, without names and the layout of the graph, and
the files that are read for the frame, by path, size and time.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Callable, Dict, Iterable, Iterator, List, Mapping, Optional, Sequence, Tuple

from xmem_roto_nuke import environment, host
from xmem_roto_nuke.graph import behind_dots, outside, own_name
from xmem_roto_nuke.handover.reads import ReadFiles
from xmem_roto_nuke.node import body, identity
from xmemcore.curves.chain import CLASSES

if TYPE_CHECKING:
    import nuke

COSMETIC = {
    "xpos", "ypos", "selected", "label", "note_font", "note_font_size", "note_font_color", "tile_color", "gl_color", "name", "icon",
    "dope_sheet", "bookmark", "postage_stamp", "postage_stamp_frame", "hide_input", "cached", "indicators", "panel", "help",
    "autolabel", "updateUI", "knobChanged", "onCreate", "onDestroy", "lock_connections",
}  # fmt: skip
"""Knobs of every node that change no pixel."""
COSMETIC_OF_FILES = {
    "version", "reload", "updateLocalization", "localizationPolicy", "cacheLocal", "edit_num",
    "in_colorspace", "out_colorspace",  # they change by themselves, once, after the first look at the file; of an OCIOColorSpace they act
}  # fmt: skip
"""Knobs that change no pixel of a Read or a Write; `version` counts reloads."""
COSMETIC_OF_GROUPS = {"Show", "window"}
COSMETIC_OF_ROTOS = {"toolbox"}
COSMETIC_OF_PASSES = {"plugin_version", "made_of", "node_name", "range_set", "lacks"}
"""Knobs of an XMemPass that change no pixel; the last three can only stop a render."""

OTHER_FRAMES = re.compile(
    r"^OFX|Time|Frame(?!Range)|Retime|OFlow|Kronos|Append|Temporal|MotionBlur|Denoise|Stabili|Flicker|Shutter|SmartVector", re.IGNORECASE
)
"""Classes that may read other frames than the one that is asked for; of other makers' plug-ins nobody knows."""

SCRIPTS = ("Precomp", "LiveGroup")
"""Classes whose inside is a script on disk."""

CHOOSERS = {"Switch", "Dissolve", "Constant", "Group", "LiveGroup", "VariableGroup", "VariableSwitch", "Precomp"}
"""Classes with one input that need not look at it."""


ActingKnob = Tuple[str, "nuke.Knob", str]
"""Name, knob and text of a knob that may change pixels."""


@dataclass(frozen=True)
class Tree:
    """Everything above a node, read once; afterwards a digest of a frame only looks at files."""

    digest: str
    """Of all that was read, but for the files."""
    exact: bool = True
    """False where Python may not look at many nodes, so that only the node itself was read."""
    reads: Sequence[ReadFiles] = ()
    """Files that are read: those of the Reads first, then what nodes read beside their picture."""
    readers: Sequence[str] = ()
    """Names of the nodes that have the first of these."""
    mattes: Sequence[Tuple[ReadFiles, nuke.Node]] = ()
    """Files of the Reads that put out mattes, with the nodes of ours around them."""
    lone: Optional[ReadFiles] = None
    """Files of the one Read that everything comes from; None where there is no such Read."""
    all_frames: bool = False
    """Whether other frames than the one that is asked for may be read."""
    with_views: Tuple[nuke.Node, ...] = ()
    """Nodes that may show something else than they put out; see `body.results_shown`."""
    reloads: Tuple[int, ...] = ()
    """How often each Read was told to read again: that changes Nuke's hashes, whatever the files hold."""
    _listings: Dict[str, str] = field(default_factory=dict, init=False)
    """States of whole sequences, by pattern."""

    @classmethod
    def of_text(cls, text: str) -> Tree:
        """Make a tree of no nodes: pixels that depend on a text alone."""
        return cls(of_lines([text]))

    @classmethod
    def above(
        cls,
        top: nuke.Node,
        upstream: Callable[[nuke.Node], List[nuke.Node]],
        file_pattern: Callable[[nuke.Node], str],
        root_state: Sequence[str],
        whole: bool = True,
        colours: bool = False,
    ) -> Tree:
        """Walk the tree above `top`.

        Args:
            top: the plate input.
            upstream: lists what directly feeds a node.
            file_pattern: gives the files of a Read, expanded but for the frame number.
            root_state: project settings that act on every pixel.
            whole: False where Python may not look at many nodes; then only `top` is read.
            colours: red, green and blue alone are wanted; see `behind_mattes`.
        """
        passed: List[nuke.Node] = []
        nodes: Dict[str, nuke.Node] = {}
        if whole:
            top, passed = behind_mattes(top) if colours else (behind_dots(top) or top, [])
            for _ in _walk(top, upstream, nodes):
                pass
        else:
            nodes[own_name(top)] = top
        knobs = {name: _acting_knobs(node) for name, node in nodes.items()}
        readers = [node for node in nodes.values() if _reads_files(node)]
        files = {own_name(node): ReadFiles.of_node(node, file_pattern(node)) for node in readers}
        ours = {name: nodes[name].parent() for name in files if name.split(".")[-1] in (body.MATTES, body.UNMADE, body.LAYERLESS)}
        ours = {name: around for name, around in ours.items() if around.knob("on_missing") is not None}
        # A matte that is missing is refused, see `without_matte`, and is no hole of the plate.
        files.update({name: replace(files[name], strict=False) for name in ours})
        read_beside = {path for name, node in nodes.items() if name not in files for path in _files_named(node, knobs[name])}
        lone = _lone_read(top, upstream if whole else lambda node: [])
        return cls(
            digest=of_lines(_all_lines(nodes, knobs, root_state, whole)),
            exact=whole,
            reads=[*files.values(), *map(ReadFiles.of_path, sorted(read_beside))],
            readers=[node.name() for node in readers],
            mattes=[
                *((files[name], around) for name, around in ours.items() if name.endswith(body.MATTES)),
                # Whatever these have for mattes, rendering asks for it.
                *((ReadFiles.of_node(read, file_pattern(read)), node) for node in passed for read in _matte_reads(node)),
            ],
            lone=None if lone is None else files.get(own_name(lone)),
            all_frames=any(OTHER_FRAMES.search(node.Class()) for node in nodes.values()),
            with_views=(*passed, *(node for node in nodes.values() if identity.is_xmemroto(node))),
            reloads=tuple(int(reader["version"].value()) for reader in readers if _counts_reloads(reader)),
        )

    def at(self, frame: int) -> str:
        """Give the digest of what is rendered at a frame."""
        return of_lines([self.digest, *(self._file_state(read, frame) for read in self.reads)])

    def is_hole(self, frame: int) -> bool:
        """Say whether there can be no picture: everything comes from one Read, which has no file and makes that an error.

        False where that cannot be told beforehand; then Nuke tells, see `explains`.
        """
        return self.lone is not None and self.lone.strict and self._lacks(self.lone, frame)

    def may_be_hole(self, frame: int) -> bool:
        """Say whether a frame that was a hole may still be one: a file from which it may come is not on disk, or that cannot be told."""
        if not self.exact:
            return self.lone is None or self.is_hole(frame)
        return any(self._has_gap(read) if self.all_frames else self._lacks(read, frame) for read in self.reads if read.strict)

    def explains(self, frame: int, failure: str) -> bool:
        """Say whether a frame could not be rendered because a file is not on disk.

        Args:
            frame: that failed.
            failure: what Nuke said.
        """
        return any(read.absent_in(failure) or not self.all_frames and self._lacks(read, frame) for read in self.reads if read.strict)

    def without_matte(self, frames: Sequence[int], in_colours: bool = False) -> Dict[str, List[int]]:
        """List the frames on which a node of ours has no matte on disk where that is an error, by its name; main thread.

        Nothing is said where other frames than the wanted ones may be read. Holes of the plate need no matte.

        Args:
            frames: that are wanted.
            in_colours: leave out nodes that put no matte into red, green and blue.
        """
        found: Dict[str, List[int]] = {}
        for read, node in self.mattes if not self.all_frames else ():
            if str(node["on_missing"].value()) != body.ERROR or _is_disabled(node) or in_colours and not body.may_premultiply(node):
                continue
            unmade = identity.is_xmemroto(node) and not node["has_result"].value()
            for frame in frames:
                if unmade or self._lacks(read, frame) and not _is_marked(node, "hole", frame) or _is_marked(node, body.LACKS, frame):
                    found.setdefault(str(node.name()), []).append(frame)
        return found

    def without_files(self) -> List[str]:
        """Name the nodes that read files of which not one is on disk: then a path is wrong, and not the frame."""
        return [name for name, read in zip(self.readers, self.reads) if read.strict and not read.all_on_disk()]

    @staticmethod
    def _lacks(read: ReadFiles, frame: int) -> bool:
        path = read.path(frame)
        return path is not None and not os.path.exists(path)

    @staticmethod
    def _has_gap(read: ReadFiles) -> bool:
        """Say whether any file of a sequence is missing, where any may matter."""
        there = set(read.all_on_disk())
        return any(read.named(number) not in there for number in range(read.first, read.last + 1))

    def _file_state(self, read: ReadFiles, frame: int) -> str:
        return self._sequence_state(read) if self.all_frames or read.mapping is None else _stat(read.path(frame))

    def _sequence_state(self, read: ReadFiles) -> str:
        """Where any file may matter, the state of all files of the sequence."""
        if read.pattern not in self._listings:
            self._listings[read.pattern] = of_lines([_stat(path) for path in read.all_on_disk()])
        return self._listings[read.pattern]


def _all_lines(
    nodes: Mapping[str, nuke.Node], knobs: Mapping[str, Sequence[ActingKnob]], root_state: Sequence[str], whole: bool
) -> List[str]:
    """Write what of some nodes changes pixels; `whole` where they are all that is above."""
    numbers = {name: number for number, name in enumerate(nodes)} if whole else None
    lines = list(root_state)
    for name, node in nodes.items():
        lines.extend(_lines(node, knobs[name], numbers))
    asked = [pair for name, listed in knobs.items() for pair in _brackets(name, listed)] if whole else []
    for named in _named_in_brackets(nodes, asked):
        lines.extend(named)
    return lines


def _matte_reads(node: nuke.Node) -> List[nuke.Node]:
    """Give the Read inside of a node of ours that puts out its mattes; none in a node of an earlier version."""
    read = node.node(body.MATTES)  # type: ignore[attr-defined]
    return [] if read is None else [read]


Witness = Mapping[str, str]
"""Nuke's own hashes, by the context of each; see `host.op_hashes`."""


def speaks_against(before: Witness, now: Witness) -> bool:
    """Say whether Nuke's hashes show a change: one of the same context differs. Without comparable ones the answer is no."""
    return any(now[context] != known for context, known in before.items() if context in now)


def vouches_for(before: Witness, now: Witness) -> bool:
    """Say whether Nuke's hashes show that nothing changed."""
    return bool(before.keys() & now.keys()) and not speaks_against(before, now)


def text_in_steps(top: nuke.Node, upstream: Callable[[nuke.Node], List[nuke.Node]], root_state: Sequence[str]) -> Iterator[str]:
    """Digest the texts of a tree node by node, for callers with little time at once: yields "" after each step, and in the end the digest.

    What is changed while the steps are taken is noticed the next time round. Files are not looked at.
    """
    nodes: Dict[str, nuke.Node] = {}
    for _ in _walk(behind_dots(top) or top, upstream, nodes):
        yield ""
    numbers = {name: number for number, name in enumerate(nodes)}
    lines = list(root_state)
    asked: List[Tuple[str, str]] = []
    for name, node in nodes.items():
        knobs = _acting_knobs(node)
        lines.extend(_lines(node, knobs, numbers))
        asked += _brackets(name, knobs)
        if _counts_reloads(node):
            lines.append(f"reloads {node['version'].value()}")
        yield ""
    for named in _named_in_brackets(nodes, asked):
        lines.extend(named)
        yield ""
    yield of_lines(lines)


def behind_mattes(top: nuke.Node) -> Tuple[nuke.Node, List[nuke.Node]]:
    """Follow Dots, and nodes of ours that hand red, green and blue on as they are: in a chain of these all have one plate.

    Returns:
        The first node above that does not, and the nodes of ours that were passed.
    """
    passed: List[nuke.Node] = []
    node = behind_dots(top) or top
    while identity.is_xmemroto(node) and body.leaves_colours(node):
        above = behind_dots(node.input(identity.PLATE))
        if above is None:
            break
        passed.append(node)
        node = above
    return node, passed


def _walk(top: nuke.Node, upstream: Callable[[nuke.Node], List[nuke.Node]], found: Dict[str, nuke.Node]) -> Iterator[None]:
    """Fill in every node above by its own name, each once, in an order that no name decides; one a step."""
    waiting = [top]
    while waiting:
        node = waiting.pop()
        name = own_name(node)
        if name in found:
            continue
        found[name] = node
        waiting.extend(upstream(node))
        waiting.extend(outputs(node))
        yield


def outputs(node: nuke.Node) -> List[nuke.Node]:
    """List where the picture of a Group, gizmo, LiveGroup, VariableGroup or Precomp comes from: its Outputs, else anything inside.

    What hangs on no Output changes no pixel.
    """
    inside: List[nuke.Node] = list(node.nodes()) if hasattr(node, "nodes") and node.Class() != "Root" else []
    return [child for child in inside if child.Class() == "Output"] or inside


def _lone_read(top: nuke.Node, upstream: Callable[[nuke.Node], List[nuke.Node]]) -> Optional[nuke.Node]:
    """Find the one Read at the end of a chain in which each node needs the one above, at the same frame."""
    node = top
    while node.Class() != "Read":
        feeding = upstream(node)
        if len(feeding) != 1 or node.Class() in CHOOSERS or OTHER_FRAMES.search(node.Class()):
            return None
        node = feeding[0]
    disable = node["disable"]
    return None if disable.value() or disable.isAnimated() or disable.hasExpression() else node


def _is_marked(node: nuke.Node, knob: str, frame: int) -> bool:
    marked = node.knob(knob)
    return marked is not None and bool(marked.getValueAt(frame))  # type: ignore[attr-defined]


def _is_disabled(node: nuke.Node) -> bool:
    """Say whether a node is disabled on every frame."""
    disable = node["disable"]
    return bool(disable.value()) and not disable.isAnimated() and not disable.hasExpression()


def _reads_files(node: nuke.Node) -> bool:
    # A Write passes its input on, unless it is told to read what it wrote.
    if node.Class() == "Write" and not node["reading"].value():
        return False
    return node.knob("file") is not None and (node.knob("first") is not None or node.Class() in SCRIPTS)


LONGEST_PATH = 4096
"""Characters of a text that may be a path."""


def _files_named(node: nuke.Node, knobs: Sequence[ActingKnob]) -> List[str]:
    """List the files that a node reads beside its picture: a table of colours, a camera, a model. What it writes is none."""
    if "Write" in node.Class() or node.Class() == "Viewer" or hasattr(node, "nodes"):
        return []  # whatever a Group's knobs name is read by nodes inside
    found = []
    for _, knob, text in knobs:
        if ("/" in text or "\\" in text) and len(text) < LONGEST_PATH and knob.Class() == "File_Knob":
            with contextlib.suppress(RuntimeError):  # brackets that fail
                found.append(str(knob.getEvaluatedValue() or ""))  # type: ignore[attr-defined]
    return [path for path in found if os.path.isabs(path)]


def _counts_reloads(node: nuke.Node) -> bool:
    """Say whether the knob `version` counts how often a node was told to read again; of a studio's gizmo it may choose the picture."""
    return node.Class() in ("Read", "Write")


def _lines(node: nuke.Node, knobs: Sequence[ActingKnob], numbers: Optional[Dict[str, int]]) -> List[str]:
    """Write the parts of a node that change pixels: its class, its inputs, its knobs, and what those ask of the environment.

    Args:
        node: of the tree.
        knobs: of `_acting_knobs`.
        numbers: by full name, what a node is called instead of its name; None when the tree was not walked.
    """
    feeding: List[Optional[nuke.Node]] = []
    if numbers is not None:
        feeding = [*(behind_dots(node.input(index)) for index in range(node.inputs())), behind_dots(outside(node)), *outputs(node)]
    places = " ".join("-" if feeder is None or numbers is None else str(numbers.get(own_name(feeder), "?")) for feeder in feeding)
    texts = [f"{name} {_LOOKED_UP_DEFAULT.sub('default', text)}" for name, _, text in knobs]
    asked = [line for _, _, text in knobs if len(text) < LONGEST_PATH for line in environment.asked_in(text)]
    return [f"{node.Class()} {places}", *texts, *asked, *(environment.ocio_state() if node.Class().startswith("OCIO") else ())]


PATH = re.compile(r"""toNode\(\\*['"](?P<node>[\w.]+)|(?<![\w.])(?P<knob>(?!nuke\.)[A-Za-z_]\w*(?:\.\w+)+)""")
"""In brackets: a node that Python asks for, or a knob's path."""
TEXTS_OF_BUTTONS = ("PyScript_Knob", "Script_Knob", "PythonKnob", "PyCustom_Knob", "PythonCustomKnob")
"""Knobs whose text is run when they are pressed, or drawn, and gives no value."""


def _named_in_brackets(known: Iterable[str], asked: Sequence[Tuple[str, str]]) -> Iterator[List[str]]:
    """Write the nodes that brackets name, such as `[value Master.gain]`, and what is named in those: one name a step, and
    nothing for one that is no node's or whose node is there already.

    Whether Nuke lists such nodes among those that one depends on is not known. What feeds them counts for nothing.

    Args:
        known: full names of the nodes of a tree.
        asked: the full name of each node that has brackets, and those; see `_brackets`.
    """
    seen, waiting = set(known), list(asked)
    while waiting:
        name, text = waiting.pop()
        for path in dict.fromkeys(found["knob"] or f"{found['node']}.knob" for found in PATH.finditer(text)):
            node = host.find_named(name, path)
            if node is None or node.fullName() in seen:
                yield []
                continue
            seen.add(node.fullName())
            listed = _acting_knobs(node)
            waiting += [(node.fullName(), text) for text in _texts_with(listed, "[{")]
            yield _lines(node, listed, None)


def _brackets(name: str, knobs: Sequence[ActingKnob]) -> List[Tuple[str, str]]:
    """List a node's texts with brackets, each with the node's full name."""
    return [(name, text) for text in _texts_with(knobs, "[")]


def _texts_with(knobs: Sequence[ActingKnob], letters: str) -> List[str]:
    """List the texts that have one of some letters, from there on; tables and buttons aside."""
    found = []
    for _, knob, text in knobs:
        begin = min((text.index(letter) for letter in letters if letter in text), default=-1)
        if 0 <= begin and len(text) < LONGEST_PATH and knob.Class() not in TEXTS_OF_BUTTONS:
            found.append(text[begin:])
    return found


def _acting_knobs(node: nuke.Node) -> List[ActingKnob]:
    """List the knobs that may change pixels."""
    knobs = sorted(node.knobs().items())
    if identity.is_xmemroto(node):
        # Its picture comes from the mattes on disk, whoever made them.
        beside = body.knobs_beside_the_picture()
        knobs = [(name, knob) for name, knob in knobs if name not in beside and not body.is_curve(name)]
    return [(name, knob, str(knob.toScript())) for name, knob in knobs if not _is_cosmetic(node, name)]


_LOOKED_UP_DEFAULT = re.compile(r'"?default \([^()]*\)"?')
"""How a Read writes `default` once it has looked at its file."""


def _is_cosmetic(node: nuke.Node, name: str) -> bool:
    if name in COSMETIC_OF_FILES:
        return _counts_reloads(node)
    if name in COSMETIC_OF_GROUPS:
        return hasattr(node, "nodes")
    if name in COSMETIC_OF_ROTOS:
        return node.Class() in CLASSES
    if name in COSMETIC_OF_PASSES:
        return node.knob("made_of") is not None and node.knob("node_name") is not None
    return not name or name in COSMETIC or name == "frame" and node.Class() == "Root"


def _stat(path: Optional[str]) -> str:
    if not path:
        return "-"
    try:
        state = os.stat(path)
    except OSError:
        return f"{path} missing"
    return f"{path} {state.st_size} {state.st_mtime_ns}"


def of_lines(lines: Sequence[str]) -> str:
    """Hash texts."""
    return hashlib.sha1("\n".join(lines).encode("utf-8", errors="surrogateescape")).hexdigest()
