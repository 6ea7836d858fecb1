"""A shot of our own making: a patterned shape that turns, bends and wanders over a moving background and behind a post.

It is drawn, not photographed, so it may be shipped, and its true mattes are known. Plates are scene-linear with highlights above 1;
the roto is what an artist would key: Bezier points on the shape, at two frames.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import cv2
import numpy as np

from xmemcore.protocol.failures import not_written
from xmemcore.shot.files import exr
from xmemcore.shot.files.box import Box
from xmemcore.shot.files.sequence import frame_path

FIRST_FRAME = 1001
POINTS = 16
SUPERSAMPLING = 4

PLATES = "demo.%04d.exr"
"""Name of a plate's file."""


@dataclass(frozen=True)
class DemoShot:
    """A drawn shot."""

    width: int = 640
    height: int = 360
    length: int = 40
    seed: int = 7

    @property
    def frames(self) -> range:
        """Give the frame numbers."""
        return range(FIRST_FRAME, FIRST_FRAME + self.length)

    @property
    def keyframes(self) -> tuple[int, int]:
        """Name the two frames that the roto is keyed on; the post stands beside the shape there."""
        return FIRST_FRAME, FIRST_FRAME + self.length * 7 // 8

    def outline(self, frame: int, angles: np.ndarray) -> np.ndarray:
        """Give points of the shape's outline.

        Args:
            frame: number of the frame.
            angles: (n,), in radians, of the shape's own; they stay on the same spots of its surface.

        Returns:
            (n, 2), x and y in pixels, y down, pixel centres at half integers.
        """
        t = (frame - FIRST_FRAME) / self.length
        radius = 0.21 * self.height * (1 + 0.20 * np.sin(2 * angles + 5 * t) + 0.10 * np.sin(3 * angles - 7 * t + 1))
        turn = angles + 1.6 * t
        centre_x = self.width * (0.24 + 0.52 * t)
        centre_y = self.height * (0.52 + 0.13 * math.sin(5.5 * t))
        scale = 1 + 0.35 * t
        return np.stack((centre_x + scale * radius * np.cos(turn), centre_y + scale * radius * np.sin(turn)), axis=1)

    def matte(self, frame: int) -> np.ndarray:
        """Draw the true matte, float32 (H, W) in [0, 1], without what the post hides."""
        return self._coverage(frame) * (1 - self._post(frame))

    def plate(self, frame: int) -> np.ndarray:
        """Draw the plate, float32 (H, W, 3), scene-linear."""
        background = self._background(frame)
        shape = self._shape_colour(frame)
        coverage = self._coverage(frame)[..., None]
        post = self._post(frame)[..., None]
        picture = background * (1 - coverage) + shape * coverage
        picture = picture * (1 - post) + np.array([0.05, 0.045, 0.04], np.float32) * (1 + self._background(frame)) * post
        exposure = 1 + 0.1 * math.sin(9 * (frame - FIRST_FRAME) / self.length)
        grain = np.random.default_rng((self.seed, frame)).normal(0, 0.004, picture.shape)
        return np.maximum(picture * exposure + grain, 0).astype(np.float32)

    def roto_curves(self) -> str:
        """Write the two keyed outlines as the text of a Roto node's `curves` knob."""
        step = 2 * math.pi / POINTS
        angles = np.arange(POINTS) * step
        keyed = []
        for frame in self.keyframes:
            centre = self._upright(self.outline(frame, angles))
            ahead, behind = (self._upright(self.outline(frame, angles + d)) for d in (1e-4, -1e-4))
            # A third of the way to the next point along the tangent: the cubic that follows the curve.
            tangent = (ahead - behind) / 2e-4 * step / 3
            keyed.append(np.stack((-tangent, centre, tangent), axis=1))  # (POINTS, 3, 2)
        span = self.keyframes[1] - self.keyframes[0]
        points = "\n".join(
            "{" + " ".join(_keys(keyed[0][p, part, axis], keyed[1][p, part, axis], span) for axis in (0, 1)) + "}"
            for p in range(POINTS)
            for part in range(3)
        )
        centre_x, centre_y = self.width / 2, self.height / 2
        first, second = self.keyframes
        return (
            f"{{{{{{v x3f99999a}}\n {{f 0}}\n {{n\n  {{layer Root\n   {{f 0}}\n   {{t {centre_x:g} {centre_y:g}}}\n   {{a}}\n"
            f"   {{curvegroup shape 512 bezier\n    {{{{cc\n      {{f 8192}}\n      {{px {{{first} {second}}}\n{points}}}}} idem}}\n"
            f"    {{t {centre_x:g} {centre_y:g}}}\n    {{a}}}}}}}}}}}}"
        )

    def script(self, plates: str) -> str:
        """Write a Nuke script with the plates and the roto."""
        return (
            "version 15.0 v1\n"
            f"Root {{\n inputs 0\n first_frame {self.frames[0]}\n last_frame {self.frames[-1]}\n"
            f' format "{self.width} {self.height} 0 0 {self.width} {self.height} 1 demo"\n}}\n'
            f'Read {{\n inputs 0\n file_type exr\n file "{plates}"\n first {self.frames[0]}\n last {self.frames[-1]}\n'
            f' format "{self.width} {self.height} 0 0 {self.width} {self.height} 1 demo"\n name Plate\n xpos 0\n ypos 0\n}}\n'
            f"Roto {{\n output alpha\n curves {self.roto_curves()}\n name Roto1\n xpos 0\n ypos 120\n}}\n"
        )

    def write_plates(self, folder: Path) -> str:
        """Write the plates as half-float EXR.

        Returns:
            Their pattern.

        Raises:
            RequestError, DiskFailed: the folder cannot be written.
        """
        box = Box(0, 0, self.width, self.height)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise not_written(folder, error) from error
        for frame in self.frames:
            picture = self.plate(frame).astype(np.float16)
            channels = {name: np.ascontiguousarray(picture[..., position]) for position, name in enumerate("RGB")}
            exr.write(frame_path(folder / PLATES, frame), channels, box, box, 1.0, {})
        return (folder / PLATES).as_posix()

    def _upright(self, points: np.ndarray) -> np.ndarray:
        """Turn y around, as Nuke has it."""
        return np.stack((points[:, 0], self.height - points[:, 1]), axis=1)

    def _coverage(self, frame: int) -> np.ndarray:
        outline = self.outline(frame, np.linspace(0, 2 * math.pi, 720, endpoint=False))
        large = np.zeros((self.height * SUPERSAMPLING, self.width * SUPERSAMPLING), np.uint8)
        # Fixed-point vertices; half a sample off, because opencv counts from pixel centres.
        fixed = np.round((outline * SUPERSAMPLING - 0.5) * 256).astype(np.int32)
        cv2.fillPoly(large, [fixed], 255, shift=8)
        return cv2.resize(large, (self.width, self.height), interpolation=cv2.INTER_AREA).astype(np.float32) / 255

    def _post(self, frame: int) -> np.ndarray:
        """Draw the post's coverage; it drifts the other way and crosses the shape between the keyframes."""
        t = (frame - FIRST_FRAME) / self.length
        left = self.width * (0.52 - 0.10 * t)
        columns = np.clip(np.minimum(np.arange(self.width) + 1 - left, left + 0.035 * self.width - np.arange(self.width)), 0, 1)
        return np.broadcast_to(columns.astype(np.float32), (self.height, self.width))

    def _background(self, frame: int) -> np.ndarray:
        t = (frame - FIRST_FRAME) / self.length
        shift = np.array([[1, 0, -20 - 60 * t], [0, 1, -10 - 8 * math.sin(6 * t)]], np.float32)
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        inverse = cv2.invertAffineTransform(shift)
        return cv2.warpAffine(self._wallpaper, inverse, (self.width, self.height), flags=flags, borderMode=cv2.BORDER_REFLECT)

    def _shape_colour(self, frame: int) -> np.ndarray:
        """Sample the pattern in the shape's own coordinates, so that it turns and bends with it."""
        grid = np.linspace(0, 2 * math.pi, 256, endpoint=False)
        edge = self.outline(frame, grid)
        centre = edge.mean(axis=0)
        from_centre = edge - centre
        bearing = np.unwrap(np.arctan2(from_centre[:, 1], from_centre[:, 0]))
        y, x = np.mgrid[0 : self.height, 0 : self.width].astype(np.float32) + 0.5
        at = np.mod(np.arctan2(y - centre[1], x - centre[0]) - bearing[0], 2 * math.pi)
        order = np.mod(bearing - bearing[0], 2 * math.pi)
        # Cosine and sine, not the angle itself, which jumps from 2 pi to 0.
        cosine, sine = (np.interp(at, order, wave, period=2 * math.pi) for wave in (np.cos(grid), np.sin(grid)))
        reach = np.interp(at, order, np.hypot(from_centre[:, 0], from_centre[:, 1]), period=2 * math.pi)
        depth = np.hypot(y - centre[1], x - centre[0]) / reach
        u, v = 128 + 100 * depth * cosine, 128 + 100 * depth * sine
        return cv2.remap(self._pattern, u.astype(np.float32), v.astype(np.float32), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)

    @cached_property
    def _wallpaper(self) -> np.ndarray:
        return _texture(self.seed, self.height + 40, self.width + 120, ((0.02, 0.05, 0.09), (0.30, 0.34, 0.30)), highlights=0.0)

    @cached_property
    def _pattern(self) -> np.ndarray:
        return _texture(self.seed + 1, 256, 256, ((0.20, 0.04, 0.02), (0.85, 0.45, 0.12)), highlights=40.0)


def _texture(seed: int, height: int, width: int, colours: tuple[tuple[float, ...], tuple[float, ...]], highlights: float) -> np.ndarray:
    """Draw smooth noise on several scales between two colours, float32 (height, width, 3), with some values above 1 if asked."""
    generator = np.random.default_rng(seed)
    noise = np.zeros((height, width), np.float32)
    for cells, weight in ((6, 1.0), (14, 0.7), (36, 0.5), (90, 0.3)):
        coarse = generator.normal(size=(max(2, cells * height // width), cells)).astype(np.float32)
        noise += weight * cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    level = (1 / (1 + np.exp(-1.5 * noise)))[..., None]
    dark, light = (np.array(colour, np.float32) for colour in colours)
    return dark * (1 - level) + light * level + highlights * np.maximum(level - 0.93, 0)


def _keys(first: float, second: float, span: int) -> str:
    """Write one coordinate keyed twice, with a straight line between."""
    slope = (second - first) / span
    return f"{{{{{first:.4f} 0 1 {slope:.6f} 1}} {{{second:.4f} {slope:.6f} 1 0 1}}}}"
