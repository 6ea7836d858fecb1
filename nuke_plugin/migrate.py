"""Nodes of older versions brought up to date when they are loaded. A Group carries its body, so what is missing is added.

Version 0.1.0 is the first; its knobs are the base. A later version adds a step here: from which version, and what to change.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Callable, List, Tuple

from nuke_plugin import host
from xmemcore.protocol.version import VERSION

if TYPE_CHECKING:
    import nuke

Step = Callable[["nuke.Node"], None]
STEPS: List[Tuple[Tuple[int, ...], Step]] = []
"""Applied in order to nodes older than the version in front."""


def bring_up_to_date(node: nuke.Node) -> bool:
    """Apply the steps that a node's version lacks, and say so; False when there was nothing to do.

    A node of a later version than ours is left as it is, with a message: its knobs may mean something else.
    """
    written = str(node["plugin_version"].value())
    of_node, ours = _parts(written), _parts(VERSION)
    if of_node == ours:
        return False
    if of_node > ours:
        host.tell(f"{node.name()} was made with XMem Roto {written}; this is {VERSION}. Update the plugin before you change the node.")
        return False
    for version, step in STEPS:
        if of_node < version:
            step(node)
    node["plugin_version"].setValue(VERSION)
    host.tell(f"{node.name()} was made with XMem Roto {written or 'an early version'} and now is of version {VERSION}.")
    return True


def _parts(version: str) -> Tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdigit())
