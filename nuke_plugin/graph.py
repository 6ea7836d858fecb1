"""Walk Nuke's graph out of Groups and through Dots, and hold node objects where Nuke counts them. Main thread only.

Non-commercial hands Python ten node objects for each script and counts the same node again. Past the tenth it gives None without an error,
and begins anew only when the script is closed. So nothing is asked for twice between two presses of a button. A press lets go of all
nodes, since inputs may have changed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Callable, Dict, Optional, Tuple

from xmemcore.curves.chain import PASSED

if TYPE_CHECKING:
    import nuke

_held: Dict[Tuple[str, str], nuke.Node] = {}
_root: Optional[nuke.Node] = None
_rationed = False


def ration(wanted: bool) -> None:
    """Switch holding on or off; `host` knows whether this Nuke counts nodes."""
    global _rationed, _root
    _rationed, _root = wanted, None
    _held.clear()


def held(owner: nuke.Node, role: str, ask: Callable[[], Optional[nuke.Node]]) -> Optional[nuke.Node]:
    """Give a node that belongs to another one, asked for once where nodes are counted; main thread."""
    if not _rationed:
        return ask()
    place = (str(owner.fullName()), role)
    known = _held.get(place)
    if known is None or not _is_alive(known):
        known = ask()
        if known is not None:
            _held[place] = known
    return known


def root(ask: Callable[[], Optional[nuke.Node]]) -> Optional[nuke.Node]:
    """Give the script's Root, which stays the same until the script is closed; main thread."""
    global _root
    if not _rationed:
        return ask()
    if _root is None or not _is_alive(_root):
        _root = ask()
    return _root


def let_go() -> None:
    """Let go of all held nodes."""
    _held.clear()


def _is_alive(node: nuke.Node) -> bool:
    try:
        node.Class()
    except ValueError:
        return False
    return True


def outside(node: nuke.Node) -> Optional[nuke.Node]:
    """Give what feeds an Input node through the Group around it; None when nothing does, and for any other node."""
    if node.Class() != "Input":
        return None
    group = node.parent()
    # An Input at the top of a script has the Root around it, which has no inputs.
    if group is None or group.Class() == "Root":
        return None
    return group.input(int(node["number"].value()))


def behind_dots(node: Optional[nuke.Node]) -> Optional[nuke.Node]:
    """Follow Dots, NoOps and PostageStamps up to the node that they carry, out of Groups too; two of them have no hash in Nuke."""
    while node is not None and (node.Class() in PASSED or node.Class() == "Input"):
        node = outside(node) if node.Class() == "Input" else node.input(0)
    return node
