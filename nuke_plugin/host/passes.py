"""Nodes made for the artist below an XMemRoto: its passes, and a Write for its mattes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable, List, Optional, Sequence, Tuple

import nuke

from xmem_roto_nuke.host.edition import handed_out, may_walk_trees, root_node
from xmem_roto_nuke.host.nodes import context_of
from xmem_roto_nuke.host.paths import set_path
from xmem_roto_nuke.host.script import whole_or_nothing


def passes_of(node: nuke.Node, made_of: str) -> List[nuke.Node]:
    """List the XMemPass nodes that were made of the node with this id, in all Groups of the script.

    Not those within another XMemRoto, whose inside is nobody's to change. Where nodes are counted Python may not look for any: none.
    """
    if not may_walk_trees():
        return []
    groups = nuke.allNodes("Group", group=root_node(), recurseGroups=True)
    ours = [group for group in groups if group.knob("made_of") is not None and group["made_of"].value() == made_of]
    return [group for group in ours if not _is_inside_xmemroto(group)]


def _is_inside_xmemroto(node: nuke.Node) -> bool:
    around = node.parent()
    while around is not None and around.Class() != "Root":
        if around.knob("node_id") is not None:
            return True
        around = around.parent()
    return False


def name_node(made_of_it: nuke.Node, node: nuke.Node) -> None:
    """Let a pass find its node by name, whose plate it asks for its range while it renders; a pass of an earlier version asks nothing."""
    knob = made_of_it.knob("node_name")
    if knob is not None and knob.value() != node.fullName():
        knob.setValue(str(node.fullName()))


ROW_HEIGHT = 80
"""Distance of two rows of nodes in the graph."""
NODE_WIDTH, NODE_HEIGHT = 100, 50
"""Room that a node takes in the graph with its label; asking each for its own would cost two more calls a node."""

Spots = List[Tuple[int, int]]
"""Places of nodes in the graph."""


def _free(node: nuke.Node, spots: Spots) -> Spots:
    """Move places down, all by the same, until no node of the node's graph lies there; in the context of that graph.

    Where Python may not look for nodes, the node's knob `passes_end` says how far below it the last ones were made.
    """
    down, end = 0, node.knob("passes_end")
    if may_walk_trees():
        near = [(other, other.xpos()) for other in nuke.allNodes() if other.Class() != "BackdropNode"]
        columns = {x for x, _ in spots}
        taken = [(x, other.ypos()) for other, x in near if any(abs(x - column) < NODE_WIDTH for column in columns)]
        while hit := [below + ROW_HEIGHT - y for x, y in spots for column, below in taken if _collide(x - column, y + down - below)]:
            down = max(hit)
    elif end is not None and end.value():
        # Below a row of passes there may be a Cryptomatte node.
        down = max(0, node.ypos() + int(end.value()) + 2 * ROW_HEIGHT - min(y for _, y in spots))
    return [(x, y + down) for x, y in spots]


def _collide(across: int, down: int) -> bool:
    return abs(across) < NODE_WIDTH and abs(down) < NODE_HEIGHT


def _note_end(node: nuke.Node, spots: Spots) -> None:
    """Remember how far below the node the last nodes were made."""
    end = node.knob("passes_end")
    if end is not None:
        end.setValue(max(y for _, y in spots) - node.ypos())


def create_passes(
    node: nuke.Node,
    made_of: str,
    point: Callable[[nuke.Node], None],
    channels: Sequence[str],
    cryptomatte: Sequence[str] = (),
) -> List[nuke.Node]:
    """Create one XMemPass for each channel, in a row below the node where no other node is; all of them, or none.

    Args:
        node: an XMemRoto.
        made_of: its id.
        point: lets a pass read its mattes.
        channels: that come out in alpha, one each.
        cryptomatte: layers of one more pass, which Nuke's own Cryptomatte node below it picks from; empty for none.

    Raises:
        EditionLimited.
    """
    with whole_or_nothing("XMem passes") as made, context_of(node):
        number = len(channels) + bool(cryptomatte)
        spots = [(node.xpos() + 110 * place, node.ypos() + 120) for place in range(number)]
        if cryptomatte:
            spots.append((spots[-1][0], spots[-1][1] + ROW_HEIGHT))
        spots = _free(node, spots)
        passes: List[nuke.Node] = []

        def add(channel: str, label: str) -> nuke.Node:
            created = handed_out(nuke.createNode("XMemPass", inpanel=False))
            made.append(created)
            created.setInput(0, None)
            point(created)
            created["made_of"].setValue(made_of)
            name_node(created, node)
            created["on_missing"].setValue("black" if node.knob("on_missing") is None else str(node["on_missing"].value()))
            # Not the knob `pass`: that is a link, and only its target surely takes a value.
            handed_out(created.node("Picked"))["from0"].setValue(channel)  # type: ignore[attr-defined]
            created["label"].setValue(label)
            created.setXYpos(*spots[len(passes)])
            passes.append(created)
            return created

        for channel in channels:
            add(channel, channel)
        if cryptomatte:
            to_pick_from = add(channels[0], "Cryptomatte")
            kept = handed_out(to_pick_from.node("Kept"))  # type: ignore[attr-defined]
            for place, layer in enumerate(cryptomatte, 2):
                kept[f"channels{place}"].setValue(layer)
            picker = handed_out(nuke.nodes.Cryptomatte(inputs=[to_pick_from]))
            made.append(picker)
            picker.setXYpos(*spots[-1])
        _note_end(node, spots)
    return passes


COPIES_AT_ONCE = 4
"""Channels that one Copy takes."""
TAKES_MATTES = "takes_mattes"
"""Hidden knob of the Switch and the Copies of a Write, by which they are told from an artist's."""
GUARD = """
addUserKnob {20 User l "XMem Roto"}
addUserKnob {7 lacks l lacks +INVISIBLE}
addUserKnob {1 lacking l lacking +INVISIBLE}
file_type exr
file "\\[if {\\[value on_error] eq {error}} {concat \\[value lacking] is not in the matte of frame \\[frame], propagate it}]"
first {{root.first_frame}}
last {{root.last_frame}}
origfirst {{root.first_frame}}
origlast {{root.last_frame}}
origset true
on_error {{"lacks && !\\$gui ? 0 : 1"}}
raw true
localizationPolicy off
postage_stamp false
label "stops a render\\nwhere a layer is missing"
"""
"""Knobs of the Read that stops a Write where a layer is in no matte: `lacks` says on which frames, `lacking` which layers."""


@dataclass(frozen=True)
class MatteWrite:
    """What takes a node's mattes for a Write."""

    copies: Tuple[nuke.Node, ...]
    guard: Optional[nuke.Node]
    """The Read that stops it where a layer is missing; None for one of an earlier version, or where an artist took it away."""


def matte_writes_of(node: nuke.Node) -> List[MatteWrite]:
    """List what takes a node's mattes for Writes; where nodes are counted Python may not look for any: none."""
    if not may_walk_trees():
        return []
    found = [MatteWrite(_copies_of(node), None)]
    for switch in node.dependent(nuke.INPUTS):
        if switch.Class() == "Switch" and _takes_from(switch, 0, node):
            guard = switch.input(1)
            found.append(MatteWrite(_copies_of(switch), guard if guard is not None and guard.knob("lacks") is not None else None))
    return [write for write in found if write.copies]


def _copies_of(source: nuke.Node) -> Tuple[nuke.Node, ...]:
    return tuple(copy for copy in source.dependent(nuke.INPUTS) if copy.Class() == "Copy" and _takes_from(copy, 1, source))


def _takes_from(taker: nuke.Node, number: int, source: nuke.Node) -> bool:
    above = taker.input(number)
    return taker.knob(TAKES_MATTES) is not None and above is not None and above.fullName() == source.fullName()


def _mark_ours(created: nuke.Node) -> None:
    mark = nuke.String_Knob(TAKES_MATTES)
    mark.setFlag(nuke.INVISIBLE)
    created.addKnob(mark)


def create_matte_write(node: nuke.Node, channels: Sequence[str], pattern: str, kept: str = "") -> nuke.Node:
    """Create a Write for some channels of a node and nothing else, in a column below it where no other node is; paths as in `set_path`.

    At its top a Switch gives a Read that stops a render, where a layer is in no matte. One entry in Undo, and nothing where it cannot be
    finished.

    Raises:
        EditionLimited.
    """
    with whole_or_nothing("XMem Write") as column, context_of(node):
        length = 3 + len(range(0, len(channels), COPIES_AT_ONCE))
        spots = [(node.xpos() + 220, node.ypos() + 60 * place) for place in range(1, length + 1)]
        spots = _free(node, [*spots, (spots[0][0] + NODE_WIDTH + 10, spots[0][1])])
        switch = handed_out(nuke.nodes.Switch(inputs=[node]))
        column.append(switch)
        _mark_ours(switch)
        column.append(handed_out(nuke.nodes.Remove(inputs=[switch])))
        for begin in range(0, len(channels), COPIES_AT_ONCE):
            copy = handed_out(nuke.nodes.Copy(inputs=[column[-1], switch]))
            column.append(copy)
            _mark_ours(copy)
            for place, channel in enumerate(channels[begin : begin + COPIES_AT_ONCE]):
                copy[f"from{place}"].setValue(channel)
                copy[f"to{place}"].setValue(channel)
        write = handed_out(nuke.nodes.Write(inputs=[column[-1]]))
        column.append(write)
        set_path(write["file"], pattern, kept)
        write["file_type"].setValue("exr")
        for name, value in (("channels", "all"), ("datatype", "16 bit half"), ("raw", True), ("create_directories", True)):
            write[name].setValue(value)
        guard = handed_out(nuke.nodes.Read())
        column.append(guard)
        guard.readKnobs(GUARD)
        switch.setInput(1, guard)
        switch["which"].setExpression("!input1.on_error")
        for created, spot in zip(column, spots):
            created.setXYpos(*spot)
        _note_end(node, spots)
    return write
