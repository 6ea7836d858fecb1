"""Digest each annotation to a few letters, so that a later look can say which one changed; and find when objects are hidden.

Curves are kept and saved in single precision, so a roto that was saved and opened again has the same letters.
"""

from __future__ import annotations

import hashlib
from array import array
from dataclasses import replace
from operator import itemgetter
from typing import Any, Callable, Dict, Iterable, Iterator, List, Optional, Sequence, Tuple

from xmemcore.curves import DEFAULTS, DRAWING, ONE_BY_DEFAULT, Curve, Placed, Shape, differs, is_shown, value

LETTERS = 16
"""Length of a digest."""

HIDING = ("vis", "opc", "ltt")
"""Attributes that hide a shape on some frame, if any does."""

State = List[Any]


def state_of(text: str) -> State:
    """Digest one annotation, as a record keeps it."""
    return [hashlib.sha1(text.encode("utf-8")).hexdigest()[:LETTERS]]


ABSENT: Tuple[State, ...] = (["absent"], state_of("absent"))
"""Digest of a frame on which an object is declared absent: first for a roto's shapes, then for an alpha."""


def states(placed: Sequence[Placed], frames: Sequence[int]) -> Dict[str, State]:
    """Digest an object on each of some frames; two digests are equal where its shapes are."""
    digests = {frame: hashlib.sha1() for frame in frames}
    for shape in placed:
        shown = [frame for frame in frames if is_shown(shape, frame)] if _may_hide(shape) else list(frames)
        if not shown:
            continue
        numbers = _numbers(shape, shown)
        if shape.shape.feather is not None and _is_main_curve(shape.shape, shown):
            # Nuke writes a feather that nobody has drawn as soon as a point is keyed by Python.
            shape = replace(shape, shape=replace(shape.shape, feather=None))
        kind = f"{shape.shape.kind} {shape.shape.closed} {shape.shape.feather is None}"
        names = hashlib.sha1("\n".join([*(element.name for element in shape.chain), kind, *numbers]).encode("utf-8")).digest()
        for frame, row in zip(shown, zip(*numbers.values(), *_points(shape, shown))):
            digests[frame].update(names + array("f", row).tobytes())
    return {str(frame): [digest.hexdigest()[:LETTERS]] for frame, digest in digests.items()}


def hidden(placed: Sequence[Placed], frames: Iterable[int]) -> Tuple[int, ...]:
    """List the frames on which none of an object's shapes shows: visibility, opacity and lifetime say so."""
    if not all(_may_hide(shape) for shape in placed):
        return ()
    return tuple(frame for frame in frames if not any(is_shown(shape, frame) for shape in placed))


def _may_hide(shape: Placed) -> bool:
    return any(differs(element, name) for element in shape.chain for name in HIDING)


def _numbers(shape: Placed, frames: Sequence[int]) -> Dict[str, Sequence[float]]:
    """Evaluate the settings of a shape and the layers around it. Defaults are left out, written or not."""
    found: Dict[str, Sequence[float]] = {}
    for depth, element in enumerate(shape.chain):
        for place, curve in enumerate(element.transform):
            default = 1.0 if place in ONE_BY_DEFAULT else 0.0
            found[f"{depth} {place}"] = values = _values(curve, frames)
            if not any(number != default for number in values):
                del found[f"{depth} {place}"]
        for name in DRAWING:
            settings = [value(element, name, frame) for frame in frames] if differs(element, name) else []
            # Not where it is the default here: which other frames were sampled changes no shape.
            if any(number != DEFAULTS[name] for number in settings):
                found[f"{depth} {name}"] = settings
    return found


def _points(shape: Placed, frames: Sequence[int]) -> Iterator[Sequence[float]]:
    """Evaluate every number of a shape's points."""
    for outline in (shape.shape.main, shape.shape.feather):
        if outline is None:
            continue
        pick = _picker(outline.key_times, frames)
        for point in outline.points:
            for curve in (point.x, point.y, *(point.attributes[name] for name in sorted(point.attributes))):
                yield pick(curve.values) if pick is not None and curve.times is outline.key_times else _values(curve, frames)


def _is_main_curve(shape: Shape, frames: Sequence[int]) -> bool:
    """Say whether a shape's feather lies on its main curve on all of some frames."""
    if shape.feather is None or len(shape.feather.points) != len(shape.main.points):
        return False
    for number, (point, main) in enumerate(zip(shape.feather.points, shape.main.points)):
        centre = number % shape.stride == shape.stride // 2
        for curve, wanted in ((point.x, main.x), (point.y, main.y)):
            values = _values(curve, frames)
            if any(values) if centre else list(values) != list(_values(wanted, frames)):
                return False
    return True


def _values(curve: Curve, frames: Sequence[int]) -> Sequence[float]:
    return [curve.at(frame) for frame in frames] if curve.times or curve.link is not None else (curve.constant,) * len(frames)


def _picker(times: Sequence[float], frames: Sequence[int]) -> Optional[Callable[[Sequence[float]], Sequence[float]]]:
    """Make a function that picks the values of keys at the frames; None where a frame has no key."""
    places = {time: place for place, time in enumerate(times)}
    if any(frame not in places for frame in frames):
        return None
    wanted = [places[frame] for frame in frames]
    return itemgetter(*wanted) if len(wanted) > 1 else lambda values: (values[wanted[0]],)
