"""Nodes and their knobs: finding, making and deleting them, what feeds them, and what their panel shows."""

from __future__ import annotations

import contextlib
import re
from typing import Any, Collection, Dict, Iterable, Iterator, List, Optional, Sequence, Set, Tuple

import nuke

from xmem_roto_nuke import graph
from xmem_roto_nuke.host.edition import handed_out, may_walk_trees, root_node
from xmem_roto_nuke.host.script import current_frame, unrecorded


def groups() -> List[nuke.Node]:
    """List the script's Groups, those within Groups too."""
    return list(nuke.allNodes("Group", recurseGroups=True))


def selected() -> List[nuke.Node]:
    """List the selected nodes; none where Python may not look at any number of them."""
    return list(nuke.selectedNodes()) if may_walk_trees() else []


def input_name(node: nuke.Node, number: int) -> str:
    """Give the name of what is connected to an input, for which Nuke hands out no node; empty where there is none."""
    try:
        return str(nuke.tcl("value", f"root.{node.fullName()}.input{number}.name"))
    except RuntimeError:
        return ""


def find_node(name: str) -> Optional[nuke.Node]:
    """Find a node by its full name, whatever Group a callback of Nuke's runs in: names alone are looked for there."""
    return nuke.toNode(name if name.startswith("root.") else f"root.{name}")


def find_named(full_name: str, path: str) -> Optional[nuke.Node]:
    """Find the node whose knob an expression names, as `Master.gain` or `parent.Master.gain`: beside the node that has the expression,
    then further out.

    Args:
        full_name: of the node that has the expression.
        path: of the knob.
    """
    groups = full_name.split(".")[:-1]
    names = [name for name in path.split(".")[:-1] if name not in ("root", "parent", "this")][:1]
    for depth in range(len(groups), -1, -1) if names else ():
        node = find_node(".".join([*groups[:depth], *names]))
        if node is not None:
            return node
    return None


def delete(node: nuke.Node) -> None:
    """Delete a node."""
    nuke.delete(node)


def make_inside(group: nuke.Node, class_name: str, **knobs: Any) -> nuke.Node:
    """Create a stock node inside a Group."""
    with group:  # type: ignore[attr-defined]
        created = handed_out(getattr(nuke.nodes, class_name)(**knobs))
    return created


@contextlib.contextmanager
def context_of(node: nuke.Node) -> Iterator[None]:
    """Make nodes in the group in which a node lives: nodes of two groups cannot be connected."""
    # The Root is held where nodes are counted, and a parent is asked for anew.
    group = node.parent() if "." in str(node.fullName()) else root_node()
    with handed_out(group):  # type: ignore[attr-defined]
        yield


def upstream(node: nuke.Node) -> List[nuke.Node]:
    """List what a node is fed by: inputs, through Dots and the like and out of Groups, hidden inputs, and nodes named in expressions."""
    feeding = [graph.behind_dots(above) for above in (*(node.input(index) for index in range(node.inputs())), graph.outside(node))]
    # Nuke lists in no fixed order; the inputs have one, and the others' names, as expressions have them, are part of the digest.
    others = sorted(node.dependencies(nuke.HIDDEN_INPUTS | nuke.EXPRESSIONS), key=lambda other: other.fullName())
    found = {graph.own_name(above): above for above in [*feeding, *others] if above is not None}
    return list(found.values())


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


def ticked_on(knob: nuke.Knob, frames: Iterable[int]) -> Set[bool]:
    """Give what a tick box says now and, where keys or an expression may change it, on some frames."""
    varies = knob.isAnimated() or knob.hasExpression()
    return {bool(knob.value()), *(bool(knob.getValueAt(frame)) for frame in (frames if varies else ()))}  # type: ignore[attr-defined]


def knob_names(node: nuke.Node) -> List[str]:
    """List the names of a node's knobs."""
    return list(node.knobs())


def remove_knob(node: nuke.Node, name: str) -> None:
    """Take a knob that was added away."""
    node.removeKnob(node[name])


def update_widget(node: nuke.Node, knob: str) -> None:
    """Let the widget of a PyCustom knob show what there is now; a panel that was never opened has none. Main thread."""
    found = node.knob(knob)
    widget = None if found is None else found.getObject()  # type: ignore[attr-defined]
    if widget is not None:
        widget.updateValue()


def show_indicators(node: nuke.Node) -> None:
    """Set the marks in a node's corner, which Nuke's own label sets and ours must; in that node's `autolabel`.

    1 keys, 2 expressions, 8 clones, 32 values split by view; the others are of a mask and a mix, which no node of ours has.
    """
    knobs = [knob for name, knob in node.knobs().items() if name != "indicators"]
    marks = any(knob.isAnimated() for knob in knobs) + 2 * any(knob.hasExpression() for knob in knobs) + 8 * (node.clones() > 0)
    marks += 32 * _is_split_by_view()
    found = node.knob("indicators")
    if found is not None and found.toScript() != str(marks):
        with unrecorded():
            found.fromScript(str(marks))


def _is_split_by_view() -> bool:
    """Say whether a knob of the node of the context has a value for each view; Python's knobs do not tell."""
    if len(nuke.views()) < 2:
        return False
    try:
        return bool(nuke.expression("viewsplit"))
    except RuntimeError:
        return False  # a Nuke that has no such name


def mark_frames(knob: nuke.Knob, frames: Collection[int]) -> None:
    """Give a knob 1 on some frames and 0 elsewhere, as a curve that holds; one that says so already is left alone."""
    marked = set(frames)
    keys = sorted({edge for frame in marked for edge in (frame, frame + 1)})
    steps = " ".join(f"x{frame} {int(frame in marked)}" for frame in ([keys[0] - 1, *keys] if keys else []))
    text = f"{{curve K {steps}}}" if steps else "0"
    if knob.toScript() != text:
        knob.fromScript(text)


def write_hidden_curve(node: nuke.Node, name: str, label: str, curve: str) -> None:
    """Write a curve's text into a hidden knob, which is added where there is none; Nuke shows its keys, the panel does not."""
    knob = node.knob(name)
    if knob is None:
        knob = nuke.Double_Knob(name, label)
        knob.setFlag(nuke.INVISIBLE)
        node.addKnob(knob)
    _keep_out_of_presets(knob)
    knob.fromScript("{" + curve + "}")


PRESET_FREE = (
    "node_id", "home", "record", "key_edits", "suggestions", "has_result", "hole", "lacks", "range_of", "passes_end", "version", "begun",
    "range_set", "plugin_version",
)  # fmt: skip
"""Knobs that say which node it is and what was made with it: no node preset keeps them."""


def keep_out_of_presets(node: nuke.Node, others: Sequence[str] = ()) -> None:
    """Ask Nuke to leave a node's identity out of its presets; `ownership` handles older presets and older Nukes.

    Args:
        node: an XMemRoto.
        others: names of knobs that a result has brought, such as its curves; a script keeps the knobs, and not this wish.
    """
    for name in (*PRESET_FREE, *others):
        knob = node.knob(name)
        if knob is not None:
            _keep_out_of_presets(knob)


def _keep_out_of_presets(knob: nuke.Knob) -> None:
    flag = getattr(nuke, "DONT_SAVE_TO_NODEPRESET", None)
    if flag is not None:
        knob.setFlag(flag)


WIDE = 10_000_000
"""Last frame of a range that ends nowhere; the first is its negative. A plate whose numbers are its timecode may begin at 864000."""


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


def still_says(node: nuke.Node, knobs: Sequence[str], frames: Tuple[int, int]) -> bool:
    """Say whether a pair of knobs says what `set_ranges` wrote: these frames, with no key or expression of anybody else."""
    for name, frame, wide in zip(knobs, frames, (-WIDE, WIDE)):
        knob = node[name]
        if knob.hasExpression():
            if f" ? {frame} : {wide}" not in knob.toScript():
                return False
        elif knob.isAnimated() or int(knob.value()) != frame:
            return False
    return True
