"""A Roto or RotoPaint node read through nuke.rotopaint into the roto JSON that the core reads.

Every top-level shape or layer is one object, or all shapes together are one. The JSON holds each object on the frames
where it is keyed, and only there: on other frames it is unknown, not absent. `shapes: []` says absent.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Dict, Iterator, List, Sequence, Set, Tuple

from xmem_roto_nuke.roto.key_edits import ONE_OBJECT, KeyEdits
from xmem_roto_nuke.roto.keyed_frames import keyed_frames, showing_frames
from xmem_roto_nuke.roto.shape import Kind, is_shown, shape_at
from xmemcore.protocol.failures import RequestError

VERSION = 1
CLASSES = ("Roto", "RotoPaint")
OPEN_FLAG = 1 << 5
"""Bit of a control curve's flags: its ends are not joined."""


@dataclass(frozen=True)
class Leaf:
    """A shape with the layers around it, from Root inwards."""

    shape: Any
    parents: Tuple[Any, ...]
    kind: Kind


@dataclass(frozen=True)
class RotoObject:
    """One rotoed thing."""

    name: str
    leaves: Tuple[Leaf, ...]
    """Its shapes from bottom to top."""

    def keyed(self) -> Set[int]:
        """Give the frames on which any of its shapes is drawn, and those on which a key of visibility or opacity hides them all."""
        drawn = {frame for leaf in self.leaves for frame in keyed_frames(leaf.shape, leaf.parents)}
        switched = {frame for leaf in self.leaves for frame in showing_frames(leaf.shape, leaf.parents)}
        return drawn | {frame for frame in switched - drawn if not any(is_shown(leaf.shape, leaf.parents, frame) for leaf in self.leaves)}

    def at(self, frame: int) -> List[Dict[str, Any]]:
        """Evaluate its shapes at a frame, bottom to top; shapes that do not show are left out."""
        shapes = [shape_at(leaf.shape, leaf.parents, frame, leaf.kind) for leaf in self.leaves]
        return [shape for shape in shapes if shape is not None]


@dataclass(frozen=True)
class RotoReading:
    """The objects of a node, and what of it cannot be taken."""

    objects: Tuple[RotoObject, ...]
    """In the order of the roto's list, the topmost first."""
    warnings: Tuple[str, ...]
    complete: bool = True
    """Every element of the node is in one of the objects; paint strokes are not."""


def read_objects(curves: Any, node_name: str, one_object: bool) -> RotoReading:
    """Find the objects of a node's `curves` knob.

    Args:
        curves: the knob, of nuke.rotopaint.
        node_name: for warnings.
        one_object: take the union of all shapes as one object.

    Raises:
        RequestError: there is no shape at all.
    """
    root = curves.rootLayer
    kinds = iter(_kinds(curves.toScript()))
    objects: List[RotoObject] = []
    strokes: List[str] = []
    for element in root:
        # The list shows the topmost first; drawing, and so the JSON, begins at the bottom.
        leaves = tuple(reversed(list(_leaves(element, (root,), kinds, strokes))))
        if leaves:
            objects.append(RotoObject(_name(element), leaves))
    if not objects:
        raise RequestError(f"{node_name} has no shapes. Draw and key a shape, or choose the input's alpha as roto input.")
    if one_object:
        objects = [RotoObject(ONE_OBJECT, tuple(leaf for one in reversed(objects) for leaf in one.leaves))]
    warnings = []
    if strokes:
        warnings.append(f"Paint strokes of {node_name} do not count ({', '.join(strokes[:5])}); choose the input's alpha to include them.")
    if any(_has_motion_blur(leaf) for one in objects for leaf in one.leaves):
        warnings.append(f"Shape motion blur in {node_name} is left out of the annotations.")
    bands = [leaf.shape.name for one in objects for leaf in one.leaves if not leaf.kind.closed]
    if bands:
        warnings.append(f"Open splines of {node_name} count with one width for all their points ({', '.join(bands[:5])}).")
    return RotoReading(tuple(objects), tuple(warnings), complete=not strokes)


def keyframes(reading: RotoReading, edits: KeyEdits) -> Dict[str, List[int]]:
    """List each object's annotated frames; objects of one name share their frames' edits."""
    return {name: sorted(edits.frames(name, one.keyed())) for name, one in zip(names(reading), reading.objects)}


def names(reading: RotoReading) -> List[str]:
    """Give each object a name of its own: Nuke allows two shapes of one name, the panel's list does not."""
    unique: List[str] = []
    for one in reading.objects:
        count, candidate = 1, one.name
        while candidate in unique:
            count += 1
            candidate = f"{one.name}_{count}"
        unique.append(candidate)
    return unique


def roto_json(reading: RotoReading, edits: KeyEdits, image_format: Sequence[float]) -> Dict[str, Any]:
    """Write version 1 of the roto JSON.

    Args:
        reading: of `read_objects`.
        edits: the artist's changes in the panel.
        image_format: width, height and pixel aspect of the plate's format.

    Raises:
        RequestError: no object has a keyframe.
    """
    objects = []
    for name, one in zip(names(reading), reading.objects):
        absent = edits.absent.get(name, set())
        frames = sorted(edits.frames(name, one.keyed()))
        objects.append({"name": name, "frames": {str(frame): {"shapes": [] if frame in absent else one.at(frame)} for frame in frames}})
    if not any(one["frames"] for one in objects):
        raise RequestError(
            "No shape of the roto has a key. Key one on at least one frame, or use Add current for the frames that are right."
        )
    return {"version": VERSION, "format": list(image_format), "objects": objects}


def every_shape_counts(reading: RotoReading, edits: KeyEdits) -> bool:
    """Say whether Nuke's own render of the whole roto is the union that we mean: nothing declared absent, no strokes left out."""
    return not any(edits.absent.values()) and reading.complete


def _leaves(element: Any, parents: Tuple[Any, ...], kinds: Iterator[Kind], strokes: List[str]) -> Iterator[Leaf]:
    kind = type(element).__name__
    if kind == "Layer":
        for child in element:
            yield from _leaves(child, (*parents, element), kinds, strokes)
    elif kind == "Shape":
        yield Leaf(element, parents, next(kinds, Kind()))
    else:
        strokes.append(_name(element))


def _name(element: Any) -> str:
    return str(element.name) or "shape"


def _kinds(script: str) -> List[Kind]:
    """Read what nuke.rotopaint does not tell of each shape from the text, in the text's order: its spline, and whether it is open."""
    shapes = re.findall(r"\{curvegroup\s+(?:\{[^{}]*\}|\"(?:[^\"\\]|\\.)*\"|\S+)\s+\d+\s+(\w+)\s+\{+cc\s+\{f\s+(\d+)\}", script)
    return [Kind(bspline=spline == "bspline", closed=not int(flags) & OPEN_FLAG) for spline, flags in shapes]


def _has_motion_blur(leaf: Leaf) -> bool:
    attributes = leaf.shape.getAttributes()
    return "mbo" in attributes and float(attributes.getValue(0, "mbo")) >= 0.5
