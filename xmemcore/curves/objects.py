"""The objects of a roto: its top-level shapes and layers, or all shapes together, under unique names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, List, Optional, Sequence, Set, Tuple

from xmemcore.curves.tree import Layer, Placed, Shape, shapes_below
from xmemcore.protocol.choices import ALL_OBJECTS
from xmemcore.protocol.names import layer_names


@dataclass(frozen=True)
class TextObject:
    """One object, as its text has it."""

    name: str
    """The artist's, made unique among the objects."""
    original: str
    """The artist's name for it."""
    node: str
    """Name of its node."""
    placed: Tuple[Placed, ...]
    """Its shapes from bottom to top."""


PREFIX = "roto_"
"""Before the name of an object whose layer the plate has already, or that a panel could not tell from all objects."""


def objects_of(rotos: Sequence[Tuple[str, Layer]], union: Optional[str] = None, taken: Sequence[str] = ()) -> List[TextObject]:
    """Make an object of every top-level shape and of every top-level layer that holds shapes, in the list's order, the topmost first.

    Args:
        rotos: name and root layer of each node of a chain, the last one first: it is drawn on top.
        union: name of the one object that all shapes are to be; None: each is its own.
        taken: layers of the plate, which no matte may replace: an object of such a name is called `roto_NAME`, or with more of that prefix
            where the plate has such a layer too, and so is one called `all`.
    """
    found: List[Tuple[str, str, Tuple[Placed, ...]]] = []
    for node, root in rotos:
        for element in root.children:
            # The text begins at the top of the stack; shapes are drawn from the bottom.
            placed = tuple(shape for shape in reversed(list(shapes_below(element, (root,)))) if draws(shape.shape))
            if placed:
                found.append((node, element.name or "shape", placed))
    lower = {layer.lower() for layer in taken}
    if union is not None and found:
        return [
            TextObject(_beside([union], lower)[0], union, found[0][0], tuple(shape for _, _, placed in reversed(found) for shape in placed))
        ]
    owners: Dict[str, Set[str]] = {}
    for node, original, _ in found:
        owners.setdefault(original, set()).add(node)
    names = _beside([original if len(owners[original]) == 1 else f"{node}.{original}" for node, original, _ in found], lower)
    return [TextObject(name, original, node, placed) for name, (node, original, placed) in zip(names, found)]


def _beside(names: Sequence[str], taken: Set[str]) -> List[str]:
    """Make names unique whose layers are not taken, and that do not stand for all objects.

    The prefix stands in front as often as that needs: the plate of the third node in a chain has the prefixed layer of the second.
    """
    found = list(names)
    while True:
        layers = zip(layer_names(unique(found)), (layer_names([name])[0] for name in found))
        hit = [name == ALL_OBJECTS or not taken.isdisjoint(map(str.lower, each)) for name, each in zip(found, layers)]
        if not any(hit):
            return unique(found)
        found = [f"{PREFIX}{name}" if is_hit else name for name, is_hit in zip(found, hit)]


def draws(shape: Shape) -> bool:
    """Say whether a shape has at least two points; a single point draws nothing."""
    return shape.main.count >= 2 * shape.stride


def unique(names: Sequence[str]) -> List[str]:
    """Make a name unique: Nuke allows two shapes of one name."""
    taken: Set[str] = set()
    counts: Dict[str, int] = {}
    result = []
    for name in names:
        candidate = name
        while candidate in taken:
            counts[name] = counts.get(name, 1) + 1
            candidate = f"{name}_{counts[name]}"
        taken.add(candidate)
        result.append(candidate)
    return result
