"""Nodes made for the artist below an XMemRoto: its passes, and a Write for its mattes."""

from __future__ import annotations

from typing import Callable, List, Sequence

import nuke

from xmem_roto_nuke.host.edition import handed_out, may_walk_trees
from xmem_roto_nuke.host.nodes import context_of
from xmem_roto_nuke.host.paths import set_path
from xmem_roto_nuke.host.script import one_undo


def passes_of(node: nuke.Node, made_of: str) -> List[nuke.Node]:
    """List the XMemPass nodes that were made of the node with this id, where Python may look for them: those in its own graph."""
    if not may_walk_trees():
        return []
    with context_of(node):
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

    Where Python may not look for those, the node's knob `passes_end` says how far below it the last row was made.

    Args:
        node: an XMemRoto.
        made_of: its id.
        point: lets a pass read its mattes.
        channels: that come out in alpha, one each.
        cryptomatte: layers of one more pass, which Nuke's own Cryptomatte node below it picks from; empty for none.
    """

    passes: List[nuke.Node] = []

    def add(channel: str, label: str) -> nuke.Node:
        created = handed_out(nuke.createNode("XMemPass", inpanel=False))
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

    with one_undo("XMem passes"), context_of(node):
        rows = [pass_node.ypos() for pass_node in passes_of(node, made_of)]
        if not may_walk_trees() and node.knob("passes_end") is not None and node["passes_end"].value():
            rows = [node.ypos() + int(node["passes_end"].value())]
        row = max(rows) + 2 * ROW_HEIGHT if rows else node.ypos() + 120  # below the last passes there may be a Cryptomatte node
        if node.knob("passes_end") is not None:
            node["passes_end"].setValue(row - node.ypos())
        for channel in channels:
            add(channel, channel)
        if cryptomatte:
            to_pick_from = add(channels[0], "Cryptomatte")
            for number, layer in enumerate(cryptomatte, 2):
                to_pick_from.node("Kept")[f"channels{number}"].setValue(layer)  # type: ignore[attr-defined]
            picker = handed_out(nuke.nodes.Cryptomatte(inputs=[to_pick_from]))
            picker.setXYpos(to_pick_from.xpos(), row + ROW_HEIGHT)
    return passes


COPIES_AT_ONCE = 4
"""Channels that one Copy takes."""


def create_matte_write(node: nuke.Node, channels: Sequence[str], pattern: str, kept: str = "") -> nuke.Node:
    """Create a Write for some channels of a node and nothing else, in a column below it; one entry in Undo. Paths as in `set_path`."""
    with one_undo("XMem Write"), context_of(node):
        remove = handed_out(nuke.nodes.Remove(inputs=[node]))
        column = [remove]
        for begin in range(0, len(channels), COPIES_AT_ONCE):
            copy = handed_out(nuke.nodes.Copy(inputs=[column[-1], node]))
            for place, channel in enumerate(channels[begin : begin + COPIES_AT_ONCE]):
                copy[f"from{place}"].setValue(channel)
                copy[f"to{place}"].setValue(channel)
            column.append(copy)
        write = handed_out(nuke.nodes.Write(inputs=[column[-1]]))
        column.append(write)
        set_path(write["file"], pattern, kept)
        write["file_type"].setValue("exr")
        for name, value in (("channels", "all"), ("datatype", "16 bit half"), ("raw", True), ("create_directories", True)):
            write[name].setValue(value)
        for place, created in enumerate(column):
            created.setXYpos(node.xpos() + 220, node.ypos() + 60 * (place + 1))
    return write
