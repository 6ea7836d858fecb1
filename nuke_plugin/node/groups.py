"""Out of a Group: what is connected outside to an Input node inside. Main thread only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Optional

if TYPE_CHECKING:
    import nuke


def outside(node: nuke.Node) -> Optional[nuke.Node]:
    """Give what feeds an Input node through the Group around it; None when nothing does, and for any other node."""
    if node.Class() != "Input":
        return None
    group = node.parent()
    # An Input at the top of a script has the Root around it, which has no inputs.
    if group is None or group.Class() == "Root":
        return None
    return group.input(int(node["number"].value()))
