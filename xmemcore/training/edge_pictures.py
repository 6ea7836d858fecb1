"""Draw small pictures with a known soft edge, and what a network of a quarter of the working size would answer there.

They teach the network of edges. Shapes and alpha come from numbers, for no photograph has an alpha that is known. Colours are generated
too, or cut from photographs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from xmemcore.evaluation.coverage_pen import HAIR, CoveragePen, out_of_focus, wavy_outline
from xmemcore.protocol.failures import RequestError
from xmemcore.training.procedural import Procedural, shaded, texture

CELLS = 48
"""Side of a picture, in cells of the working size."""
_REFERENCE_SCALE = 2.4
"""Pixels of a cell in a 2K frame at 480 lines; sizes below are in pixels of such a frame."""
_SUPERSAMPLING = 3
_GAMMA = 2.2
_SCENES = 600
_PHOTOGRAPHED = 0.65
"""Share of photographs among the scenes, where there are any."""
_WIDTHS = (400, 800, 1600)
"""Widths to which photographs are reduced, so that their detail comes in several sizes."""
_ANSWERED = 0.02
"""A network never answers less than this, or more than 1 minus it."""


@dataclass(frozen=True)
class EdgePicture:
    """A picture, the truth, and an answer to be refined."""

    picture: np.ndarray
    """(S * CELLS, S * CELLS, 3) float32, display-encoded in [0, 1], S pixels a cell."""
    alpha: np.ndarray
    """(S * CELLS, S * CELLS) float32 in [0, 1]."""
    answer: np.ndarray
    """(CELLS, CELLS) float32 in [0, 1]."""


class EdgePictures:
    """Draws pictures, their textures cut from photographs and from generated scenes, which are kept, for they cost more than all else."""

    def __init__(self, seed: int, photographs: Sequence[Path] = ()) -> None:
        """Prepare.

        Args:
            seed: of the generated scenes.
            photographs: files whose parts serve as textures.

        Raises:
            RequestError: a photograph cannot be read.
        """
        self._seed = seed
        self._scenes: dict[int, np.ndarray] = {}
        self._source = Procedural()
        self._photographs = [reduced for path in photographs for reduced in _reductions(path)]

    def draw(self, rng: np.random.Generator, scale: int) -> EdgePicture:
        """Draw a picture of so many pixels a cell."""
        size = CELLS * scale
        alpha, kind = _alpha(rng, size), rng.random()
        ground = self._cloth(rng, size)
        if kind < 0.22:
            light = _mixed(alpha, self._relative(rng, ground, scale), ground)
            light = _lit(rng, light, alpha, scale)
        elif kind < 0.47:
            light = self._beside_another_edge(rng, alpha, ground, scale)
        else:
            front = self._cloth(rng, size)
            if rng.random() < 0.25:  # camouflaged
                front = 0.35 * front + 0.65 * ground.mean(axis=(0, 1)) * rng.uniform(0.7, 1.4)
            light = _mixed(alpha, front, ground)
        return EdgePicture(_exposed(rng, light), alpha, _answer(rng, alpha))

    def _relative(self, rng: np.random.Generator, ground: np.ndarray, scale: int) -> np.ndarray:
        """Make a thing of several parts whose colours are near its ground's."""
        size = len(ground)
        share = rng.uniform(0.2, 0.9)
        front = (1 - share) * self._cloth(rng, size) + share * ground.mean(axis=(0, 1)) * rng.uniform(0.3, 2)
        return _mixed(_alpha(rng, size), rng.uniform(0.3, 1) * self._cloth(rng, size), front)

    def _beside_another_edge(self, rng: np.random.Generator, alpha: np.ndarray, ground: np.ndarray, scale: int) -> np.ndarray:
        """Give a picture without an edge where alpha has one: an even ground, or one with some other body's edge near it or anywhere."""
        if rng.random() >= 0.6:
            return ground
        if rng.random() < 0.5:
            body = _alpha(rng, len(alpha))
        else:
            body = cv2.dilate(alpha, np.ones((2 * int(rng.uniform(1.5, 9) * scale) + 1,) * 2))
        return _mixed(body, self._cloth(rng, len(alpha)), ground)

    def _cloth(self, rng: np.random.Generator, size: int) -> np.ndarray:
        """Give a texture (size, size, 3) in linear light: part of a generated scene, or two colours woven."""
        if rng.random() < 0.6:
            scene = self._scene(rng)
            side = int(min(size / rng.uniform(0.5, 2.2), *scene.shape[:2]))
            top, left = (int(rng.integers(extent - side + 1)) for extent in scene.shape[:2])
            way = cv2.INTER_AREA if side > size else cv2.INTER_CUBIC
            cut = cv2.resize(scene[top : top + side, left : left + side], (size, size), interpolation=way).astype(np.float32) / 255
            return (cut if rng.random() < 0.5 else cut[:, ::-1]) ** _GAMMA * np.exp(rng.normal(0, 0.4)).astype(np.float32)
        first, second = rng.uniform(0.02, 0.9, (2, 3)).astype(np.float32) ** 1.5
        if rng.random() < 0.4:
            second = first * rng.uniform(0.6, 1.6)
        folds = 0.5 + 0.4 * _waves(rng, size, size * rng.uniform(0.1, 0.8)) + 0.15 * _waves(rng, size, 0.05 * size)
        threads = cv2.resize(rng.standard_normal((size // 3 + 1,) * 2).astype(np.float32), (size, size))
        share = folds.clip(0, 1)[..., None]
        return (share * first + (1 - share) * second) * (1 + rng.uniform(0, 0.12) * threads[..., None]).clip(0.2, 2)

    def _scene(self, rng: np.random.Generator) -> np.ndarray:
        """Give any of the photographs or generated scenes, (H, W, 3) uint8."""
        if self._photographs and rng.random() < _PHOTOGRAPHED:
            return self._photographs[int(rng.integers(len(self._photographs)))]
        number = int(rng.integers(_SCENES))
        if number not in self._scenes:
            draw = np.random.default_rng([self._seed, number])
            scene = self._source.background(draw) if draw.random() < 0.7 else shaded(draw, texture(draw))
            self._scenes[number] = cv2.GaussianBlur(scene, (0, 0), draw.uniform(0.4, 2.5)) if draw.random() < 0.6 else scene
        return self._scenes[number]


def _reductions(path: Path) -> list[np.ndarray]:
    picture = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if picture is None:
        raise RequestError(f"Cannot read the photograph {path}. Give a folder of JPEGs or PNGs.")
    height, width = picture.shape[:2]
    sizes = [(wide, round(height * wide / width)) for wide in _WIDTHS if wide <= width]
    return [cv2.resize(picture, size, interpolation=cv2.INTER_AREA)[..., ::-1] for size in sizes] or [picture[..., ::-1]]


def _alpha(rng: np.random.Generator, size: int) -> np.ndarray:
    """Draw bodies, thin parts or hair, and give their edge a softness."""
    pen, unit, kind = CoveragePen(size, size, _SUPERSAMPLING), size / CELLS / _REFERENCE_SCALE, rng.random()
    draw = _bodies if kind < 0.62 else _thin_parts if kind < 0.82 else _hair
    return _softened(rng, draw(rng, pen, size, unit), unit).clip(0, 1)


def _bodies(rng: np.random.Generator, pen: CoveragePen, size: int, unit: float) -> np.ndarray:
    for _ in range(1 if rng.random() < 0.75 else 2):
        radius = size * _between(rng, 0.15, 1.6)
        turn, away = rng.uniform(0, 2 * np.pi), radius * rng.uniform(0.5, 1.1)
        pen.fill(_outline(rng, size / 2 + away * _direction(turn) + rng.uniform(-0.2, 0.2, 2) * size, radius))
    for _ in range(int(rng.integers(1, 6)) if rng.random() < 0.3 else 0):
        pen.line(_curve(rng, size), rng.uniform(4, 24) * unit)
    return pen.taken()


def _thin_parts(rng: np.random.Generator, pen: CoveragePen, size: int, unit: float) -> np.ndarray:
    if rng.random() < 0.5:
        pen.fill(_outline(rng, rng.uniform(0, size, 2), size * rng.uniform(0.1, 0.5)))
    for _ in range(int(rng.integers(1, 8))):
        pen.line(_curve(rng, size), _between(rng, 1.2, 12) * unit)
    return pen.taken()


def _hair(rng: np.random.Generator, pen: CoveragePen, size: int, unit: float) -> np.ndarray:
    centre, radius = rng.uniform(0.2, 0.8, 2) * size, size * rng.uniform(0.2, 0.6)
    pen.fill(_outline(rng, centre, radius))
    covered = pen.taken()
    for thickness, opacity in HAIR:
        for _ in range(int(rng.integers(8, 50))):
            root = centre + 0.9 * radius * _direction(rng.uniform(0, 2 * np.pi))
            pen.line(_curve(rng, size, root, size * rng.uniform(0.1, 0.6)), thickness * unit)
        covered = 1 - (1 - covered) * (1 - opacity * pen.taken())
    return covered


def _outline(rng: np.random.Generator, centre: np.ndarray, radius: float) -> np.ndarray:
    return wavy_outline(rng, centre, radius, rng.uniform(0.02, 0.35), (2, 3, 5, 8, 13, 21), 160)


def _curve(rng: np.random.Generator, size: int, start: np.ndarray | None = None, length: float | None = None) -> np.ndarray:
    turn, steps = rng.uniform(0, 2 * np.pi), 24
    length = size * rng.uniform(0.4, 1.4) if length is None else length
    start = rng.uniform(0, size, 2) if start is None else start
    turns = turn + rng.normal(0, 0.9) * np.linspace(0, 1, steps)
    return start + np.cumsum(np.stack((np.cos(turns), np.sin(turns)), axis=1) * length / steps, axis=0)


def _softened(rng: np.random.Generator, alpha: np.ndarray, unit: float) -> np.ndarray:
    """Soften as a lens does, as focus does, one end of the picture more than the other, by motion, or by an iris."""
    kind, size = rng.random(), len(alpha)
    if kind < 0.5:
        return cv2.GaussianBlur(alpha, (0, 0), rng.uniform(0.4, 1.0) * max(unit, 0.7))
    if kind < 0.65:
        return cv2.GaussianBlur(alpha, (0, 0), _between(rng, 1, 7) * unit)
    if kind < 0.75:
        share = np.linspace(0, 1, size, dtype=np.float32)[None, :]
        soft, sharp = cv2.GaussianBlur(alpha, (0, 0), _between(rng, 1.6, 7) * unit), cv2.GaussianBlur(alpha, (0, 0), 0.6 * unit)
        share = share[:, ::-1] if rng.random() < 0.5 else share
        return np.ascontiguousarray((sharp * (1 - share) + soft * share).T if rng.random() < 0.5 else sharp * (1 - share) + soft * share)
    if kind < 0.88:
        return cv2.filter2D(alpha, -1, _motion(rng, int(_between(rng, 4, 45) * unit)), borderType=cv2.BORDER_REPLICATE)
    return out_of_focus(alpha, max(1, round(rng.uniform(2, 11) * unit)))


def _motion(rng: np.random.Generator, length: int) -> np.ndarray:
    """Draw a line through the middle of a kernel."""
    middle, turn = length // 2, rng.uniform(0, np.pi)
    kernel = np.zeros((2 * middle + 1,) * 2, np.float32)
    for along in np.linspace(-middle, middle, 4 * middle + 1):
        kernel[round(middle + along * np.sin(turn)), round(middle + along * np.cos(turn))] = 1
    return kernel / kernel.sum()


def _answer(rng: np.random.Generator, alpha: np.ndarray) -> np.ndarray:
    """Answer as a network would; or as a key would that was carried along the flow: nearly right, and sharp."""
    carried = rng.random() < 0.3
    cells = cv2.resize(alpha, (CELLS, CELLS), interpolation=cv2.INTER_AREA)
    astray, wave = rng.uniform(0, 0.4 if carried else 1.0), 1.5 * rng.uniform(5, 10)
    columns, rows = np.meshgrid(np.arange(CELLS, dtype=np.float32), np.arange(CELLS, dtype=np.float32))
    across, down = ((axis + astray * _waves(rng, CELLS, wave)).astype(np.float32) for axis in (columns, rows))
    cells = cv2.remap(cells, across, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    if not carried:
        return _decoded(rng, cells)
    sharp = cells if rng.random() < 0.5 else cv2.GaussianBlur(cells, (0, 0), rng.uniform(0.3, 0.9))
    doubt = rng.uniform(0, 0.25) if rng.random() < 0.3 else 0
    return (sharp + doubt * (_decoded(rng, cells) - sharp)).clip(0, 1).astype(np.float32)


def _decoded(rng: np.random.Generator, cells: np.ndarray) -> np.ndarray:
    """Soften as logits do that are computed at a quarter of the working size (sometimes at half of it) and enlarged."""
    step = 4 if rng.random() < 0.8 else 2
    top, left = (int(offset) for offset in rng.integers(0, step, 2))
    wide = cv2.copyMakeBorder(cells, top, 2 * step, left, 2 * step, cv2.BORDER_REPLICATE)
    side = min(wide.shape) // step * step
    wide = np.ascontiguousarray(wide[:side, :side])
    coarse = cv2.resize(wide, (side // step,) * 2, interpolation=cv2.INTER_AREA).clip(_ANSWERED, 1 - _ANSWERED)
    logits = np.log(coarse / (1 - coarse)) * rng.uniform(1.2, 3)
    if rng.random() < 0.3:  # in doubt
        logits = logits + _waves(rng, side // step, rng.uniform(2, 5)) * rng.uniform(0.3, 1.5)
    if rng.random() < 0.2:  # thin parts fade
        logits = np.where(logits < 0, logits - rng.uniform(0, 1.5), logits)
    enlarged = cv2.resize(logits.astype(np.float32), (side, side), interpolation=cv2.INTER_LINEAR)
    return np.asarray(1 / (1 + np.exp(-enlarged[top : top + CELLS, left : left + CELLS])), np.float32)


def _lit(rng: np.random.Generator, light: np.ndarray, alpha: np.ndarray, scale: int) -> np.ndarray:
    """Let one light go over thing and ground, and sometimes let the thing throw a shadow."""
    size = len(alpha)
    light = light * np.exp(_waves(rng, size, size * rng.uniform(0.3, 1)) * rng.uniform(0, 0.6))[..., None]
    if rng.random() >= 0.4:
        return light
    down, across = (int(offset) for offset in rng.integers(-size // 4, size // 4 + 1, 2))
    shadow = cv2.GaussianBlur(np.roll(alpha, (down, across), (0, 1)), (0, 0), rng.uniform(1, 6) * scale)
    return _mixed(alpha, light, light * (1 - rng.uniform(0.2, 0.7) * shadow[..., None]))


def _exposed(rng: np.random.Generator, light: np.ndarray) -> np.ndarray:
    """Expose, with grain, sometimes out of focus; gives a display-encoded picture."""
    light = light * np.float32(np.exp(rng.normal(0, 0.3)) if rng.random() < 0.8 else rng.uniform(0.02, 3))
    light = light + rng.uniform(0, 0.02) * np.sqrt(np.maximum(light, 0)) * rng.standard_normal(light.shape, np.float32)
    picture = np.maximum(light, 0) ** (1 / _GAMMA)
    if rng.random() < 0.3:
        picture = cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.4, 1))
    return np.ascontiguousarray(picture.clip(0, 1), np.float32)


def _mixed(alpha: np.ndarray, front: np.ndarray, ground: np.ndarray) -> np.ndarray:
    return alpha[..., None] * front + (1 - alpha[..., None]) * ground


def _waves(rng: np.random.Generator, size: int, length: float) -> np.ndarray:
    """Draw smooth noise of about unit deviation, (size, size) float32."""
    knots = max(2, int(size / length) + 3)
    return cv2.resize(rng.standard_normal((knots, knots)).astype(np.float32), (size, size), interpolation=cv2.INTER_CUBIC)


def _between(rng: np.random.Generator, low: float, high: float) -> float:
    """Draw a size, as likely between 1 and 2 as between 2 and 4."""
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def _direction(turn: float) -> np.ndarray:
    return np.array((np.cos(turn), np.sin(turn)))
