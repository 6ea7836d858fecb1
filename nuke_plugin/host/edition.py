"""What this edition of Nuke keeps from Python: nodes past the tenth of a script, and pictures larger than HD."""

from __future__ import annotations

import re
from typing import Optional

import nuke

from xmem_roto_nuke import graph
from xmemcore.protocol.failures import Failure, RequestError
from xmemcore.protocol.places import exchange_root

HD = (1920, 1080)
"""Most that Non-commercial renders, of the format and of the bounding box."""


def _elsewhere() -> str:
    """Say how to go on without Nuke; these editions save scripts that nothing else reads."""
    return (
        "propagate on the command line, which has no such limit: `xmem-roto propagate PLATE --roto FILE`. It cannot read the encrypted "
        f"script: FILE is the roto.json that the node's last Propagate left below {exchange_root()}"
    )


class EditionLimited(RequestError):
    """This edition of Nuke hands out no more nodes."""

    def __init__(self) -> None:
        """Say that nodes are used up, and what works without them."""
        super().__init__(
            "This edition of Nuke hands Python ten nodes for each script, and they are used up. Save the script and open it again to go "
            f"on, or {_elsewhere()}."
        )


class TooLarge(RequestError):
    """This edition of Nuke does not render a picture of this size."""

    def __init__(self, node_name: str, size: str) -> None:
        """Take the node, and its size or what Nuke said about it."""
        super().__init__(
            f"This edition of Nuke does not render {node_name}, which is too large for it ({size}; Non-commercial stops at "
            f"{HD[0]}x{HD[1]}, the bounding box included). Connect the Read of an EXR sequence itself, which is taken as it is, put a "
            f"Reformat to HD and a Crop before the input, or {_elsewhere()}."
        )


def refuse_too_large(source: nuke.Node) -> None:
    """Refuse a picture that Non-commercial would not render; main thread.

    Raises:
        TooLarge.
    """
    if not nuke.env.get("nc"):
        return
    try:
        picture, box = source.format(), source.bbox()
    except RuntimeError:
        return  # no picture on the current frame; rendering says more
    width, height = max(picture.width(), box.w()), max(picture.height(), box.h())
    if width > HD[0] or height > HD[1]:
        raise TooLarge(str(source.name()), f"{int(width)}x{int(height)}")


def too_large(source: nuke.Node, error: RuntimeError) -> Optional[TooLarge]:
    """Read from a failed render that the size was the reason; None elsewhere. Main thread."""
    if may_walk_trees() or not re.search(r"\d{3,}\s*x\s*\d{3,}", str(error)):
        return None
    return TooLarge(str(source.name()), str(error).strip(" ."))


def may_walk_trees() -> bool:
    """Say whether Python may look at any number of nodes; Non-commercial hands out ten for each script, and Indie perhaps too."""
    return not any(nuke.env.get(edition) for edition in ("nc", "indie", "ple"))


graph.ration(not may_walk_trees())


def limit_reached(failure: Optional[BaseException] = None) -> Optional[EditionLimited]:
    """Give the failure to speak of when this edition has no node left; None in every other case. Main thread.

    Asking costs a node, so a sentence that nothing puts in doubt costs none.

    Args:
        failure: that is about to be told; None where a node was not there.
    """
    if may_walk_trees():
        return None
    if not graph.exhausted() and (not isinstance(failure, (Failure, OSError)) or graph.doubtful()):
        graph.note_exhausted(nuke.toNode("root") is None)
    return EditionLimited() if graph.exhausted() else None


def handed_out(node: Optional[nuke.Node]) -> nuke.Node:
    """Take a node that Nuke was asked for; where nodes are counted, it gives None past the tenth.

    Raises:
        EditionLimited.
    """
    graph.note_exhausted(node is None and not may_walk_trees())
    if node is None:
        raise EditionLimited
    return node


def root_node() -> nuke.Node:
    """Give the script's Root, which holds the project settings.

    Raises:
        EditionLimited.
    """
    root = graph.root(nuke.root)
    # One that is held says nothing about the nodes that are left.
    return root if root is not None else handed_out(root)
