"""The nodes that this edition of Nuke hands to Python: any number, or ten for each script."""

from __future__ import annotations

from typing import Optional

import nuke

from xmem_roto_nuke import graph
from xmemcore.protocol.failures import RequestError


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


def handed_out(node: Optional[nuke.Node]) -> nuke.Node:
    """Take a node that Nuke was asked for; where nodes are counted, it gives None past the tenth.

    Raises:
        EditionLimited.
    """
    if node is None:
        raise EditionLimited
    return node


def root_node() -> nuke.Node:
    """Give the script's Root, which holds the project settings.

    Raises:
        EditionLimited.
    """
    return handed_out(graph.root(nuke.root))
