"""Chains of Rotos: find all Rotos whose shapes come to a roto input."""

from __future__ import annotations

from typing import Dict, List, Optional, Sequence, Tuple

from xmemcore.curves.script import GROUPS, Node

CLASSES = ("Roto", "RotoPaint")
PASSED = ("Dot", "NoOp", "PostageStamp")
"""Classes that hand on their input as it is; a Stamp is one of them."""
MOST_BETWEEN = 20
"""Nodes behind a Roto among which another one is looked for."""


def chain_above(last: Node) -> List[Node]:
    """List a Roto and those whose shapes come to it through its input, the given one first; disabled ones too.

    Dots, NoOps, PostageStamps and disabled nodes of any class are passed through, into Groups and out of them too. A Roto that replaces
    what it gets ends the chain.
    """
    chain: Dict[int, Node] = {}
    known: Dict[int, Optional[Node]] = {}
    node: Optional[Node] = last
    while node is not None and id(node) not in chain:
        chain[id(node)] = node
        node = _behind(node, known)
    return list(chain.values())


def heads(nodes: Sequence[Node]) -> List[Node]:
    """Leave out the Rotos that another of them has above it."""
    known: Dict[int, Optional[Node]] = {}
    fed = {id(_behind(node, known)) for node in nodes}
    return [node for node in nodes if id(node) not in fed] or list(nodes[:1])


def left_out(last: Node) -> Optional[Tuple[Node, Node]]:
    """Find the Roto that stands above a chain's last one, behind a node that changes the picture, so that its shapes do not count.

    Returns:
        That Roto, and the node that stands first between the two; None where there is none, or the search comes to several inputs.
    """
    if _replaces(last):
        return None
    between: Optional[Node] = None
    above = _above(last)
    for _ in range(MOST_BETWEEN):
        if above is None or above.kind in CLASSES:
            break
        if not _passes(above):
            between = between or above
            if len(above.inputs) > 1:
                return None
        above = _above(above)
    return (above, between) if above is not None and above.kind in CLASSES and between is not None else None


def _behind(node: Node, known: Dict[int, Optional[Node]]) -> Optional[Node]:
    """Give the Roto at a Roto's first input, through nodes that pass it on; None where there is none.

    Args:
        node: a Roto.
        known: what was found for the nodes on the way, which this fills.
    """
    if _replaces(node):
        return None
    seen: Dict[int, None] = {}
    found: Optional[Node] = None
    above = _above(node)
    while above is not None and id(above) not in seen:
        if above.kind in CLASSES or id(above) in known:
            found = known.get(id(above), above)
            break
        if not _passes(above):
            break
        seen[id(above)] = None
        above = _above(above)
    known.update(dict.fromkeys(seen, found))
    return found


def _above(node: Node) -> Optional[Node]:
    """Give the node at a node's first input; for a Group's Input, what is connected to the Group there, for a Group, what it puts out."""
    output = _output(node)
    if output is not None:
        return output.inputs[0] if output.inputs else None
    if node.kind != "Input":
        return node.inputs[0] if node.inputs else None
    number = node.value("number")
    place = int(number) if number.isdecimal() and len(number) < 6 else 0
    return node.group.inputs[place] if node.group is not None and place < len(node.group.inputs) else None


def _passes(node: Node) -> bool:
    return node.kind in (*PASSED, "Input") or node.disabled or _output(node) is not None


def _output(node: Node) -> Optional[Node]:
    """Give the Output of a Group that is not disabled; None where it has none, or several, and for any other node."""
    outputs = [child for child in node.children if child.kind == "Output"] if node.kind in GROUPS and not node.disabled else []
    return outputs[0] if len(outputs) == 1 else None


def _replaces(roto: Node) -> bool:
    return roto.value("replace") in ("true", "1") and not roto.disabled
