"""Roto text and shapes made for tests."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence

import numpy as np

from xmemcore.roto import EvaluatedShape

CIRCLE = 0.5522847498


def hexadecimal(value: float) -> str:
    """Write a number as Nuke does."""
    return "x" + struct.pack(">f", value).hex()


def polygon(*corners: tuple[float, float], **attributes: object) -> EvaluatedShape:
    """Make a shape of straight edges."""
    points = np.zeros((len(corners), 3, 2))
    points[:, 0] = np.reshape(corners, (-1, 2))
    return EvaluatedShape(points, **attributes)


def rectangle(x0: float, y0: float, x1: float, y1: float, **attributes: object) -> EvaluatedShape:
    """Make a rectangle, anticlockwise (y up)."""
    return polygon((x0, y0), (x1, y0), (x1, y1), (x0, y1), **attributes)


def circle(x: float, y: float, radius: float, feather: float = 0.0, **attributes: object) -> EvaluatedShape:
    """Make a circle of four Bezier points; its feather circle is larger by `feather`."""
    angles = np.arange(4) * np.pi / 2
    out = np.stack((np.cos(angles), np.sin(angles)), axis=1)
    along = np.stack((-np.sin(angles), np.cos(angles)), axis=1) * CIRCLE
    points = np.stack((out * radius + (x, y), -along * radius, along * radius), axis=1)
    ring = np.stack((out * feather, -along * (radius + feather), along * (radius + feather)), axis=1)
    return EvaluatedShape(points, ring if feather else None, **attributes)


def cc(points: Iterable[str], times: str | None = None, flags: int = 8192) -> str:
    """Write a control curve; points are texts of X and Y."""
    body = " ".join(f"{{{point}}}" for point in points)
    return f"{{cc {{f {flags}}} {{{'p' if times is None else 'px ' + times} {body}}}}}"


def corners(*points: tuple[float, float]) -> list[str]:
    """Write Bezier triplets without tangents, as texts of constants."""
    return [text for x, y in points for text in ("0 0", f"{x} {y}", "0 0")]


def shape(
    name: str, main: str, feather: str = "idem", transform: str = "{t 0 0}", attributes: str = "", kind: str = "bezier", flags: int = 512
) -> str:
    """Write a curvegroup."""
    return f"{{curvegroup {name} {flags} {kind} {{{main} {feather}}} {transform} {{a {attributes}}}}}"


def square(name: str, x: float, y: float, size: float, times: str | None = "1001", attributes: str = "", transform: str = "{t 0 0}") -> str:
    """Write a shape: a square with its lower left corner at (x, y)."""
    points = corners((x, y), (x + size, y), (x + size, y + size), (x, y + size))
    return shape(name, cc(points, times), attributes=attributes, transform=transform)


def layer(name: str, *elements: str, transform: str = "{t 0 0}", attributes: str = "") -> str:
    """Write a layer."""
    return f"{{layer {name} {{f 0}} {transform} {{a {attributes}}} {' '.join(elements)}}}"


def curves(*elements: str, transform: str = "{t 0 0}", attributes: str = "") -> str:
    """Write the value of a `curves` knob, its own braces included."""
    return f"{{{{{{v x3f99999a}} {{f 0}} {{n {layer('Root', *elements, transform=transform, attributes=attributes)}}}}}}}"


def script(*nodes: str, size: tuple[int, int] = (64, 48)) -> str:
    """Write a Nuke script."""
    return (
        f'version 15.1 v2\nRoot {{\n inputs 0\n format "{size[0]} {size[1]} 0 0 {size[0]} {size[1]} 1 made"\n}}\n' + "\n".join(nodes) + "\n"
    )


def node(name: str, value: str, kind: str = "Roto", knobs: Sequence[str] = ()) -> str:
    """Write a node."""
    lines = "".join(f" {knob}\n" for knob in knobs)
    return f"{kind} {{\n inputs 0\n curves {value}\n{lines} name {name}\n}}"
