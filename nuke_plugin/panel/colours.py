"""The objects' colours: the same in the strip and in the node's view *overlay*."""

from __future__ import annotations

from typing import Tuple

Colour = Tuple[float, float, float]
"""Red, green and blue in [0, 1]."""

OBJECTS: Tuple[Colour, ...] = (
    (0.95, 0.62, 0.19),
    (0.25, 0.70, 0.95),
    (0.90, 0.35, 0.55),
    (0.45, 0.80, 0.35),
    (0.70, 0.50, 0.95),
    (0.95, 0.85, 0.30),
    (0.25, 0.80, 0.70),
    (0.95, 0.45, 0.25),
)
"""Easy to tell from each other, and from skin, grass and sky; the first is the one of the thumbnails' outlines."""


def of_object(place: int) -> Colour:
    """Give the colour of an object by its place in the roto; they begin anew when they are used up."""
    return OBJECTS[place % len(OBJECTS)]


def as_hex(colour: Colour) -> str:
    """Write a colour as `#rrggbb`."""
    return "#" + "".join(f"{round(255 * part):02x}" for part in colour)
