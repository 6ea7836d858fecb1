"""Walk Nuke's graph out of Groups and through Dots, and hold node objects where Nuke counts them. Main thread only.

Non-commercial hands Python ten node objects for each script and counts the same node again. Past the tenth it gives None without an error,
and begins anew only when the script is closed. So no node is asked for twice: one that is held is given again as long as a name, which
costs nothing, says that it is still the one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Callable, Dict, Optional, Tuple

from xmemcore.curves.chain import PASSED
from xmemcore.curves.script import GROUPS

if TYPE_CHECKING:
    import nuke

_held: Dict[Tuple[str, str], nuke.Node] = {}
_root: Optional[nuke.Node] = None
_rationed = False
_exhausted = False
"""Whether Nuke has given None where there is a node: it hands out no more of this script."""
_doubtful = False
"""Whether an answer since the last press was None, which may mean that nothing is there, or that nodes are used up."""


def ration(wanted: bool) -> None:
    """Switch holding on or off; `host` knows whether this Nuke counts nodes."""
    global _rationed
    _rationed = wanted
    begin_anew()


def begin_anew() -> None:
    """Forget the nodes of a script that is closed; the next one has ten of its own."""
    global _root, _exhausted
    _root, _exhausted = None, False
    _held.clear()
    new_press()


def exhausted() -> bool:
    """Say whether Nuke hands out no more nodes of this script, as far as it was met; asking would cost a node."""
    return _exhausted


def note_exhausted(met: bool) -> None:
    """Remember that Nuke gave None where there is a node, or that it gave one."""
    global _exhausted
    _exhausted = met


def doubtful() -> bool:
    """Say whether something was not there since the last press, which may as well be the end of the nodes."""
    return _doubtful


def _answer(node: Optional[nuke.Node]) -> Optional[nuke.Node]:
    """Take what Nuke was asked for, and remember a None."""
    global _doubtful
    _doubtful = _doubtful or (_rationed and node is None)
    return node


def held(owner: nuke.Node, role: str, ask: Callable[[], Optional[nuke.Node]], is_still: Callable[[nuke.Node], bool]) -> Optional[nuke.Node]:
    """Give a node that belongs to another one, asked for once where nodes are counted; main thread.

    Args:
        owner: the node that it belongs to.
        role: that it has there.
        ask: Nuke for it.
        is_still: says of the one that is held whether it has that role still; must ask for no node.
    """
    if not _rationed:
        return ask()
    place = (str(owner.fullName()), role)
    known = _held.get(place)
    if known is None or not _is_alive(known) or not is_still(known):
        known = _answer(ask())
        if known is not None:
            _held[place] = known
    return known


def root(ask: Callable[[], Optional[nuke.Node]]) -> Optional[nuke.Node]:
    """Give the script's Root, which stays the same until the script is closed; main thread."""
    global _root
    if not _rationed:
        return ask()
    if _root is not None and not _is_alive(_root):
        begin_anew()
    if _root is None:
        _root = ask()
    return _root


def new_press() -> None:
    """Forget what the last press of a button left in doubt."""
    global _doubtful
    _doubtful = False


def _is_alive(node: nuke.Node) -> bool:
    try:
        node.Class()
    except ValueError:
        return False
    return True


def own_name(node: nuke.Node) -> str:
    """Give a name that no other node has: clones have one full name, and differ in where they lie and in what feeds them.

    The full name where nodes are counted.
    """
    name = str(node.fullName())
    if _rationed:
        return name
    if "." in name:
        name = f"{own_name(node.parent())}.{node.name()}"
    if node.clones():
        feeding = (node.input(index) for index in range(node.inputs()))
        name += f" {node.xpos()} {node.ypos()} {' '.join('-' if above is None else str(above.name()) for above in feeding)}"
    return name


def outside(node: nuke.Node) -> Optional[nuke.Node]:
    """Give what feeds an Input node through the Group around it; None when nothing does, and for any other node."""
    if node.Class() != "Input":
        return None
    group = _answer(node.parent())
    # An Input at the top of a script has the Root around it, which has no inputs.
    if group is None or group.Class() == "Root":
        return None
    return _answer(group.input(int(node["number"].value())))


def within(node: nuke.Node) -> Optional[nuke.Node]:
    """Give the Output of a Group whose picture is that of what is inside; None where there is none, or several, and for any other node."""
    if node.Class() not in GROUPS:
        return None
    if _rationed:
        return held(node, "output", node.output, lambda known: True)  # type: ignore[attr-defined]
    outputs = [child for child in node.nodes() if child.Class() == "Output"]  # type: ignore[attr-defined]
    return outputs[0] if len(outputs) == 1 else None


def behind_dots(node: Optional[nuke.Node]) -> Optional[nuke.Node]:
    """Follow Dots, NoOps and PostageStamps up to the node that they carry, out of Groups too.

    They change no picture, whenever they were put into the wire, and two of them have no hash in Nuke.
    """
    while node is not None and (node.Class() in PASSED or node.Class() == "Input"):
        node = outside(node) if node.Class() == "Input" else _answer(node.input(0))
    return node
