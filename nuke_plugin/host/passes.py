"""Nodes made for the artist below an XMemRoto: its passes, and a Write for its mattes."""

from __future__ import annotations

from typing import Callable, List, Sequence, Tuple

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
"""Hidden knob of the Copies of a Write, by which they are told from an artist's."""


def matte_copies_of(node: nuke.Node) -> List[nuke.Node]:
    """List the Copies that take a node's mattes for a Write; where nodes are counted Python may not look for any: none."""
    below = node.dependent(nuke.INPUTS) if may_walk_trees() else []
    ours = [copy for copy in below if copy.Class() == "Copy" and copy.knob(TAKES_MATTES) is not None]
    return [copy for copy in ours if (mattes := copy.input(1)) is not None and mattes.fullName() == node.fullName()]


def create_matte_write(node: nuke.Node, channels: Sequence[str], pattern: str, kept: str = "") -> nuke.Node:
    """Create a Write for some channels of a node and nothing else, in a column below it where no other node is; paths as in `set_path`.

    One entry in Undo, and nothing where it cannot be finished.

    Raises:
        EditionLimited.
    """
    with whole_or_nothing("XMem Write") as column, context_of(node):
        length = 2 + len(range(0, len(channels), COPIES_AT_ONCE))
        spots = _free(node, [(node.xpos() + 220, node.ypos() + 60 * place) for place in range(1, length + 1)])
        column.append(handed_out(nuke.nodes.Remove(inputs=[node])))
        for begin in range(0, len(channels), COPIES_AT_ONCE):
            copy = handed_out(nuke.nodes.Copy(inputs=[column[-1], node]))
            column.append(copy)
            mark = nuke.String_Knob(TAKES_MATTES)
            mark.setFlag(nuke.INVISIBLE)
            copy.addKnob(mark)
            for place, channel in enumerate(channels[begin : begin + COPIES_AT_ONCE]):
                copy[f"from{place}"].setValue(channel)
                copy[f"to{place}"].setValue(channel)
        write = handed_out(nuke.nodes.Write(inputs=[column[-1]]))
        column.append(write)
        set_path(write["file"], pattern, kept)
        write["file_type"].setValue("exr")
        for name, value in (("channels", "all"), ("datatype", "16 bit half"), ("raw", True), ("create_directories", True)):
            write[name].setValue(value)
        for created, spot in zip(column, spots):
            created.setXYpos(*spot)
        _note_end(node, spots)
    return write
