"""Chains of Rotos: find all Rotos whose shapes come to a roto input."""

from __future__ import annotations

from typing import Dict, List, Optional, Sequence

from xmemcore.curves.script import Node

CLASSES = ("Roto", "RotoPaint")
PASSED = ("Dot", "NoOp", "PostageStamp")
"""Classes that hand on their input as it is; a Stamp is one of them."""


def chain_above(last: Node) -> List[Node]:
    """List a Roto and those whose shapes come to it through its input, the given one first; disabled ones too.

    Dots, NoOps, PostageStamps and disabled nodes of any class are passed through. A Roto that replaces what it gets ends the chain.
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


def _behind(node: Node, known: Dict[int, Optional[Node]]) -> Optional[Node]:
    """Give the Roto at a Roto's first input, through nodes that pass it on; None where there is none.

    Args:
        node: a Roto.
        known: what was found for the nodes on the way, which this fills.
    """
    if node.value("replace") in ("true", "1") and not node.disabled:
        return None
    seen: Dict[int, None] = {}
    found: Optional[Node] = None
    above = node.inputs[0] if node.inputs else None
    while above is not None and id(above) not in seen:
        if above.kind in CLASSES or id(above) in known:
            found = known.get(id(above), above)
            break
        if above.kind not in PASSED and not above.disabled:
            break
        seen[id(above)] = None
        above = above.inputs[0] if above.inputs else None
    known.update(dict.fromkeys(seen, found))
    return found
