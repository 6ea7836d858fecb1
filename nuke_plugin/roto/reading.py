"""Read a node's Rotos once, as curves texts: their objects and keyframes, what the core gets, and what changed.

Every top-level shape or layer is one object, or all shapes together are one. Values that a text cannot tell are sampled
(`sampling`); geometry is left to the core. Nuke's main thread, since sampling asks Nuke.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Dict, Iterable, List, Optional, Sequence, Set, Tuple

import xmemcore.curves as curves
from xmem_roto_nuke.roto import sampling
from xmem_roto_nuke.roto.key_edits import ONE_OBJECT, KeyEdits, NothingKeyed
from xmem_roto_nuke.roto.sampling import Elements, Path
from xmem_roto_nuke.roto.states import ABSENT, State, hidden, states
from xmemcore.curves import CurvesTextBroken, Layer, SentRoto, TextObject
from xmemcore.protocol.frames import FrameRange
from xmemcore.protocol.words import listed

MOST_NAMED = 5
"""Elements that a warning names."""
TEXTS_KEPT = 8
"""Curves texts whose trees are kept for the next look."""


@dataclass(frozen=True)
class TextReading:
    """A curves text as it was read, and Nuke's answers about it, which are the same for the same text."""

    root: Layer
    compared: Set[int] = field(default_factory=set)
    """Frames on which a point of each shape was compared with Nuke's."""
    elsewhere: Set[Path] = field(default_factory=set)
    """Shapes that Nuke places elsewhere."""


@lru_cache(maxsize=TEXTS_KEPT)
def _text_reading(text: str) -> TextReading:
    return TextReading(curves.read_tree(text, points=False))


@dataclass(frozen=True)
class RotoNode:
    """One Roto."""

    name: str
    text: str
    elements: Elements
    reading: TextReading


@dataclass(frozen=True)
class RotoReading:
    """The objects of a chain of Rotos, and warnings of what cannot be taken."""

    nodes: Tuple[RotoNode, ...]
    """Nodes of the chain, the last one first: it is drawn on top."""
    objects: Tuple[TextObject, ...]
    """Objects in the order of the lists, the topmost first."""
    union: Optional[str]
    taken: Tuple[str, ...]
    """Layers of the plate, which no matte may replace."""
    warnings: Tuple[str, ...]
    complete: bool
    """Every element of the nodes is in one of the objects; paint strokes are not."""

    @property
    def names(self) -> List[str]:
        """Give each object's name; no two are equal."""
        return [obj.name for obj in self.objects]


@dataclass(frozen=True)
class RotoForCore:
    """What the core gets, and what the node's record keeps."""

    roto: SentRoto
    states: Dict[str, Dict[str, State]]
    """Digests by object and annotated frame."""
    hidden: Dict[str, str]
    """Frames of the range on which an object's shapes do not show, as a range, by object."""
    warnings: Tuple[str, ...]


def read_rotos(rotos: Sequence[Tuple[str, str, Any]], one_object: bool, taken: Iterable[str] = ()) -> RotoReading:
    """Find the objects of a chain of Rotos.

    Args:
        rotos: name, curves text and `curves` knob of each, the last of the chain first.
        one_object: take the union of all shapes as one object.
        taken: layers of the plate, which no matte may replace.

    Raises:
        NothingKeyed: there is no shape at all.
        CurvesTextBroken: a text cannot be read.
    """
    nodes = tuple(RotoNode(name, text, Elements(knob), _read(name, text)) for name, text, knob in rotos)
    union = ONE_OBJECT if one_object else None
    layers = tuple(sorted(taken))
    objects = tuple(curves.objects_of([(node.name, node.reading.root) for node in nodes], union, layers))
    called = " and ".join(node.name for node in nodes)
    if not objects:
        raise NothingKeyed(f"{called} has no shapes. Draw and key a shape, or choose the input's alpha as roto input.")
    strokes = [stroke.name or "stroke" for node in nodes for stroke in curves.strokes_below(node.reading.root)]
    warnings = []
    if strokes:
        shown = listed(strokes, MOST_NAMED)
        warnings.append(f"Paint strokes of {called} do not count ({shown}); choose the input's alpha to include them.")
    plain = {obj.name for obj in curves.objects_of([(node.name, node.reading.root) for node in nodes], union)}
    moved = [obj.name for obj in objects if obj.name not in plain]
    if moved:
        warnings.append(f"The plate has layers of the same names, so these mattes have others: {listed(moved, MOST_NAMED)}.")
    return RotoReading(nodes, objects, union, layers, tuple(warnings), complete=not strokes)


def _read(name: str, text: str) -> TextReading:
    try:
        return _text_reading(text)
    except CurvesTextBroken as error:
        raise CurvesTextBroken(f"{name}: {error}") from error


def keyframes(reading: RotoReading, edits: KeyEdits) -> Dict[str, List[int]]:
    """List each object's annotated frames."""
    return {obj.name: sorted(edits.frames(obj.name, set(curves.keyframes(obj.placed)))) for obj in reading.objects}


def send(reading: RotoReading, edits: KeyEdits, image_format: Tuple[int, int, float], wanted: Iterable[int]) -> RotoForCore:
    """Prepare the text for the core.

    Args:
        reading: of `read_rotos`.
        edits: the artist's changes in the panel.
        image_format: width, height and pixel aspect of the plate's format.
        wanted: the frames that are wanted.

    Raises:
        NothingKeyed: no object has a keyframe.
        CurvesTextBroken: points cannot be read.
    """
    keyed = keyframes(reading, edits)
    frames = sorted({frame for listed in keyed.values() for frame in listed})
    if not frames:
        raise NothingKeyed(
            "No shape of the roto has a key. Key one on at least one frame, or use Add current for the frames that are right."
        )
    all_frames = sorted({*frames, *wanted})
    roots: List[Tuple[str, Layer]] = []
    texts: List[Tuple[str, str]] = []
    warnings: List[str] = []
    for node in reading.nodes:
        root, sentences = _settled(node, frames, all_frames)
        roots.append((node.name, root))
        texts.append((node.name, node.text if root is node.reading.root else curves.write_tree(root)))
        warnings += sentences
    objects = reading.objects if all(root is node.reading.root for (_, root), node in zip(roots, reading.nodes)) else ()
    objects = objects or tuple(curves.objects_of(roots, reading.union, reading.taken))
    absent = {name: tuple(sorted(edits.absent[name])) for name in reading.names if edits.absent.get(name)}
    return RotoForCore(
        SentRoto(image_format, tuple(texts), reading.union, {name: tuple(listed) for name, listed in keyed.items()}, absent, reading.taken),
        {obj.name: {**states(obj.placed, keyed[obj.name]), **_absences(absent.get(obj.name, ()))} for obj in objects},
        {obj.name: str(FrameRange.of(gone)) for obj in objects if (gone := hidden(obj.placed, all_frames))},
        tuple(warnings),
    )


def _absences(frames: Sequence[int]) -> Dict[str, State]:
    return {str(frame): list(ABSENT[0]) for frame in frames}


def _settled(node: RotoNode, keyed: Sequence[int], all_frames: Sequence[int]) -> Tuple[Layer, List[str]]:
    """Give a Roto's tree with Nuke's values where the text cannot tell them."""
    reading, root = node.reading, node.reading.root
    try:
        fresh = [frame for frame in keyed if frame not in reading.compared]
        if fresh:
            reading.elsewhere.update(sampling.elsewhere(root, node.elements, fresh))
            reading.compared.update(fresh)
        if not reading.elsewhere and not sampling.hangs_on_expressions(root):
            return root, []
        settled = sampling.sampled(root, node.elements, reading.elsewhere, keyed, all_frames)
    except IndexError:
        return root, [f"Nuke lists other shapes of {node.name} than its text, so what hangs on expressions there is not known."]
    names = [placed.shape.name for path, placed in sampling.shapes_with_paths(root) if path in reading.elsewhere]
    if not names:
        return settled, []
    shown = listed(names, MOST_NAMED)
    return settled, [f"Nuke places points of {shown} elsewhere than the text of {node.name} says; they are taken as Nuke has them."]


def every_shape_counts(reading: RotoReading, edits: KeyEdits) -> bool:
    """Say whether Nuke's own render of the whole roto is the union that we mean: nothing declared absent, no strokes left out."""
    return not any(edits.absent.values()) and reading.complete
