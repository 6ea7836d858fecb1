"""Drawn shots with exactly known alpha, by which edges are judged. No photograph has an exactly known alpha.

Each kind has something that makes edges hard. Objects and grounds are drawn in scene-linear light, mixed there by their alpha as a lens
mixes them, and encoded for display. Everything comes from numbers, so that anybody can repeat a figure.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from xmemcore.evaluation.coverage_pen import HAIR, CoveragePen, out_of_focus, wavy_outline
from xmemcore.shot.plate.colour import display_encoded

SUPERSAMPLING = 2
REFERENCE_HEIGHT = 1152
"""Lines of a 2K frame, in whose pixels the sizes below are."""
GRAIN = 0.006
APART = 0.3
"""Least difference in some channel between a colour of the object and a colour of its ground, in scene-linear light."""


@dataclass(frozen=True)
class AlphaFrame:
    """One drawn frame."""

    picture: np.ndarray
    """(H, W, 3) float32, display-encoded in [0, 1]."""
    alpha: np.ndarray
    """(H, W) float32 in [0, 1]."""


@dataclass(frozen=True)
class AlphaShot:
    """A drawn shot of one kind."""

    kind: str
    """One of `KINDS`."""
    width: int = 2048
    height: int = 1152
    seed: int = 1
    light: float = 1.0
    """Exposure: 0.02 is a night, 8 drives highlights far over 1."""

    def frame(self, number: int = 0) -> AlphaFrame:
        """Draw a frame, numbered from 0; the object moves, the ground pans."""
        pen = _Pen(self.width, self.height)
        place = sorted(KINDS).index(self.kind)
        rng = np.random.default_rng((self.seed, place))
        alpha = KINDS[self.kind](pen, rng, float(number))
        front_colours, back_colours = _palettes(np.random.default_rng((self.seed, place, 0)))
        front = _cloth(self.width, self.height, front_colours, np.random.default_rng((self.seed, 1)), (3.0 * number, number))
        back = _cloth(self.width, self.height, back_colours, np.random.default_rng((self.seed, 2)), (-2.0 * number, 0.0))
        linear = self.light * (alpha[..., None] * front + (1 - alpha[..., None]) * back)
        linear += GRAIN * np.sqrt(linear) * np.random.default_rng((self.seed, number, 3)).standard_normal(linear.shape, np.float32)
        planes = [np.maximum(linear[..., channel], 0) for channel in range(3)]
        return AlphaFrame(display_encoded(planes, "linear"), alpha)


def answered(alpha: np.ndarray, lines: int, seed: int = 0, astray: float = 0.8) -> np.ndarray:
    """Imitate a network's answer for an alpha: at working size, soft, its edge astray by parts of a cell.

    Args:
        alpha: (H, W), the truth.
        lines: short side of the working size.
        seed: of the errors.
        astray: standard deviation of the edge's place, in cells of the working size.

    Returns:
        (h, w) float32 in [0, 1], at working size.
    """
    height, width = alpha.shape
    scale = lines / min(height, width)
    size = round(width * scale), round(height * scale)
    cells = cv2.resize(alpha, size, interpolation=cv2.INTER_AREA)
    rng = np.random.default_rng(seed)
    waves = (cv2.GaussianBlur(rng.standard_normal(tuple(cells.shape), np.float32), (0, 0), 8) for _ in range(2))
    across, down = (wave * (astray / max(float(np.std(wave)), 1e-6)) for wave in waves)
    columns, rows = np.meshgrid(np.arange(size[0], dtype=np.float32), np.arange(size[1], dtype=np.float32))
    cells = cv2.remap(cells, columns + across, rows + down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    quarter = cv2.resize(cells, (-(-size[0] // 4), -(-size[1] // 4)), interpolation=cv2.INTER_AREA).clip(0.02, 0.98)
    logits = cv2.resize(2 * np.log(quarter / (1 - quarter)), size, interpolation=cv2.INTER_LINEAR)
    return (1 / (1 + np.exp(-logits))).astype(np.float32)


class _Pen:
    """Draws coverage; sizes are in pixels of a 2K frame, places in shares of the picture's height from its middle."""

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self.unit = height / REFERENCE_HEIGHT
        self._pen = CoveragePen(width, height, SUPERSAMPLING)

    def _points(self, points: np.ndarray) -> np.ndarray:
        return np.array((self.width, self.height)) / 2 + self.height * points

    def fill(self, points: np.ndarray) -> None:
        """Fill an outline (N, 2)."""
        self._pen.fill(self._points(points))

    def line(self, points: np.ndarray, thickness: float) -> None:
        """Draw a line (N, 2) of a thickness in pixels, which may be under one."""
        self._pen.line(self._points(points), thickness * self.unit)

    def taken(self) -> np.ndarray:
        """Give what was drawn, (H, W) float32 in [0, 1], and begin anew."""
        return self._pen.taken()

    def blurred(self, plane: np.ndarray, sigma: float) -> np.ndarray:
        """Blur by a sigma in pixels of a 2K frame."""
        return cv2.GaussianBlur(plane, (0, 0), sigma * self.unit)


def _outline(rng: np.random.Generator, radius: float, centre: tuple[float, float], turn: float, rough: float = 0.15) -> np.ndarray:
    return wavy_outline(rng, np.array(centre), radius, rough, (2, 3, 5, 8, 13), 400, turn)


def _soft(pen: _Pen, rng: np.random.Generator, number: float) -> np.ndarray:
    """A body whose edge is sharp at one end and soft at the other."""
    pen.fill(_outline(rng, 0.27, (0.006 * number, 0), 0.02 * number))
    plane = pen.taken()
    share = np.linspace(0, 1, pen.width, dtype=np.float32)[None, :]
    return (1 - share) * pen.blurred(plane, 0.6) + share * pen.blurred(plane, 5)


def _thin(pen: _Pen, rng: np.random.Generator, number: float) -> np.ndarray:
    """A wheel: rim, hub and spokes, with straps of a few pixels around."""
    centre = np.array((0.006 * number - 0.1, 0.02))
    around = np.linspace(0, 2 * np.pi, 300)
    circle = np.stack((np.cos(around), np.sin(around)), axis=1)
    pen.line(centre + 0.30 * circle, 14)
    pen.fill(centre + 0.06 * circle)
    for spoke, angle in enumerate(np.linspace(0, 2 * np.pi, 12, endpoint=False) + 0.03 * number):
        end = np.array((math.cos(angle), math.sin(angle)))
        pen.line(centre + np.stack((0.05 * end, 0.30 * end)), 2 + spoke % 4)
    for strap in range(5):
        sag = np.linspace(0, 1, 40)
        droop = np.stack((0.2 + 0.5 * sag, -0.3 + 0.14 * strap + 0.1 * np.sin(np.pi * sag + strap)), axis=1)
        pen.line(droop + (0.006 * number - 0.3, 0), 1.5 + strap)
    return pen.blurred(pen.taken(), 0.6)


def _strands(pen: _Pen, rng: np.random.Generator, number: float) -> np.ndarray:
    """A head with loose hair."""
    centre = np.array((0.006 * number, 0.05))
    pen.fill(_outline(rng, 0.2, (float(centre[0]), float(centre[1])), 0.0, 0.05))
    coverage = pen.taken()
    along = np.linspace(0, 1, 30)
    for thickness, opacity in HAIR:
        for _ in range(90):
            angle, reach, bend = rng.uniform(-2.9, -0.24), rng.uniform(0.03, 0.13), rng.normal(0, 0.5)
            turned = angle + bend * along**2 + 0.02 * math.sin(0.3 * number)
            radius = 0.18 + reach * along
            pen.line(centre + radius[:, None] * np.stack((np.cos(turned), np.sin(turned)), axis=1), thickness)
        coverage = 1 - (1 - coverage) * (1 - opacity * pen.taken())
    return pen.blurred(coverage, 0.5)


def _motion(pen: _Pen, rng: np.random.Generator, number: float) -> np.ndarray:
    """A body that moves 40 pixels while the shutter is open."""
    total = np.zeros((pen.height, pen.width), np.float32)
    state = rng.bit_generator.state
    times = np.linspace(-0.5, 0.5, 21)
    for time in times:
        rng.bit_generator.state = state
        place = 0.035 * (number % 12 + time) - 0.2
        pen.fill(_outline(rng, 0.22, (place, 0.3 * place), 0.1 * time))
        total += pen.taken()
    return total / len(times)


def _defocus(pen: _Pen, rng: np.random.Generator, number: float) -> np.ndarray:
    """A body out of focus: its edge spread by the disc of an iris."""
    pen.fill(_outline(rng, 0.25, (0.005 * number, 0), 0.0))
    pen.line(np.array(((0.1, -0.1), (0.45, -0.3))), 18)
    return out_of_focus(pen.taken(), max(1, round(9 * pen.unit))).clip(0, 1)


def _leaving(pen: _Pen, rng: np.random.Generator, number: float) -> np.ndarray:
    """A body that the picture's border cuts, on two sides."""
    corner = pen.width / pen.height / 2
    pen.fill(_outline(rng, 0.3, (corner - 0.08 + 0.004 * number, 0.42), 0.0))
    pen.fill(_outline(rng, 0.12, (-corner, -0.2), 0.0))
    return pen.blurred(pen.taken(), 0.8)


def _figure(pen: _Pen, rng: np.random.Generator, number: float) -> np.ndarray:
    """Somebody: head with hair, trunk, arms, fingers, legs, a bag on a strap."""
    swing, x = 0.25 * math.sin(0.4 * number), 0.004 * number
    joints = {
        "trunk": ((0, -0.2), (0.01, 0.08), 150),
        "left arm": ((-0.05, -0.19), (-0.16 - 0.2 * swing, 0.03), 46),
        "right arm": ((0.06, -0.19), (0.17 + 0.2 * swing, -0.02), 46),
        "left leg": ((-0.03, 0.08), (-0.07 - 0.3 * swing, 0.44), 64),
        "right leg": ((0.04, 0.08), (0.08 + 0.3 * swing, 0.44), 64),
        "strap": ((-0.06, -0.24), (0.09, 0.02), 7),
    }
    for start, end, thickness in joints.values():
        pen.line(np.array((start, end)) + (x, 0), thickness)
    pen.fill(_outline(rng, 0.065, (x, -0.32), 0.0, 0.04))
    pen.fill(np.array(((0.07, 0.0), (0.15, 0.0), (0.14, 0.09), (0.08, 0.09))) + (x, 0))
    for hand in ((-0.16 - 0.2 * swing, 0.03), (0.17 + 0.2 * swing, -0.02)):
        for finger in np.linspace(-0.5, 0.5, 5):
            pen.line(np.array((hand, (hand[0] + 0.035 * math.sin(finger), hand[1] + 0.045 * math.cos(finger)))) + (x, 0), 8)
    coverage = pen.taken()
    along = np.linspace(0, 1, 20)
    for _ in range(70):
        angle, reach, bend = rng.uniform(-3.0, -0.14), rng.uniform(0.005, 0.03), rng.normal(0, 0.6)
        radius = 0.06 + reach * along
        pen.line(
            np.array((x, -0.32)) + radius[:, None] * np.stack((np.cos(angle + bend * along), np.sin(angle + bend * along)), axis=1), 1.3
        )
    coverage = 1 - (1 - coverage) * (1 - 0.7 * pen.taken())
    return pen.blurred(coverage, 0.7)


KINDS: dict[str, Callable[[_Pen, np.random.Generator, float], np.ndarray]] = {
    "soft": _soft,
    "thin": _thin,
    "strands": _strands,
    "motion": _motion,
    "defocus": _defocus,
    "leaving": _leaving,
    "figure": _figure,
}
"""What can be drawn: soft edges, thin parts, hair-like strands, motion blur, defocus, a body cut by the border, a person-like figure."""


def _palettes(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Choose two colours (2, 3) each for an object and its ground, so that an eye can tell the two apart."""
    while True:
        front, back = rng.uniform(0.03, 0.8, (2, 2, 3))
        if all(np.abs(colour - other).max() > APART for colour in front for other in back):
            return front, back


def _cloth(width: int, height: int, colours: np.ndarray, rng: np.random.Generator, offset: tuple[float, float]) -> np.ndarray:
    """Weave a picture of two colours (2, 3) with folds and threads, (H, W, 3) float32, scene-linear."""
    unit = height / REFERENCE_HEIGHT
    small = rng.standard_normal((48, 64)).astype(np.float32)
    matrix = np.array(((64 / width, 0, offset[0] * unit * 64 / width), (0, 48 / height, offset[1] * unit * 48 / height)))
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP

    def waves(sigma: float) -> np.ndarray:
        soft = cv2.GaussianBlur(small, (0, 0), sigma) * sigma
        return cv2.warpAffine(soft, matrix, (width, height), flags=flags, borderMode=cv2.BORDER_REFLECT)

    folds = waves(8.0) + 0.6 * waves(3.0) + 0.3 * waves(1.0)
    share = (0.5 + 0.35 * folds).clip(0, 1)[..., None]
    fine = rng.standard_normal((height // 3 + 1, width // 3 + 1)).astype(np.float32)
    threads = cv2.resize(fine, (width, height), interpolation=cv2.INTER_LINEAR)[..., None]
    return ((share * colours[0] + (1 - share) * colours[1]) * (1 + 0.06 * threads).clip(0.2, 2)).astype(np.float32)
