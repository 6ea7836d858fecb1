"""A clip before it is drawn: its layers, how each is warped, and what the camera does to the light.

Planning is cheap and the same everywhere; drawing is done by `draw` on a CPU or by `draw_torch` on an accelerator.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from xmemcore.training import motion
from xmemcore.training.motion import Path


@dataclass
class Layer:
    """One thing in a clip."""

    picture: np.ndarray
    """(H, W, 3) uint8."""
    alpha: np.ndarray | None
    """(H, W) uint8; None: opaque everywhere and mirrored beyond its border, as the background."""
    path: Path
    centre: tuple[float, float]
    """Pixels of the picture that lie at u = 0."""
    radius: float
    """Pixels of the picture from u = 0 to u = 1."""
    label: int = 0
    """Label of the whole thing; 0 for a thing that is no target."""
    regions: np.ndarray | None = None
    """(H, W) uint8 labels in place of `label`, for partial targets."""
    back: np.ndarray | None = None
    """(H, W, 3) uint8: what is seen while the thing shows its other side."""
    gain: np.ndarray | None = None
    """(T, 3): light that falls on this thing alone."""
    smear: float = 0.0
    """Shutter: the share of the way to the next frame that is blurred."""
    moments: list[tuple[np.ndarray, np.ndarray, np.ndarray]] | None = None
    """Picture, alpha and regions of each of T frames, in place of those above: a thing that was rendered as it moved."""

    def at(self, frame: int) -> Layer:
        """Give the layer as it is at one frame, its pictures still."""
        if self.moments is None:
            return self
        picture, alpha, marks = self.moments[frame]
        return replace(self, picture=picture, alpha=alpha, regions=marks, moments=None)


@dataclass
class Look:
    """Changes of the finished frames, T of each."""

    gain: np.ndarray
    """(T, 3)."""
    gamma: np.ndarray
    """(T,)."""
    offset: np.ndarray
    """(T, 3), 0..255."""
    blur: np.ndarray
    """(T,): sigma in pixels; 0 for none."""
    noise: np.ndarray
    """(T,): deviation, 0..255."""
    quality: np.ndarray
    """(T,): JPEG quality; 0 for none."""
    seed: int
    """Seed of the noise."""
    shade: np.ndarray | None = None
    """(T, n, n): factors of brightness over the canvas, enlarged to it: shadows and patches of light that move."""


@dataclass
class ClipPlan:
    """All layers of a clip, and the changes of its frames."""

    size: int
    """Pixels of a side, a multiple of 16."""
    camera: Path
    layers: list[Layer] = field(default_factory=list)
    """Layers from bottom to top."""
    look: Look | None = None

    @property
    def frames(self) -> int:
        return len(self.camera)


def warp(plan: ClipPlan, layer: Layer, frame: int, coarse: np.ndarray) -> np.ndarray:
    """Say which pixel of a layer's picture each coarse canvas point shows.

    Args:
        plan: of the clip.
        layer: one of its layers.
        frame: index.
        coarse: (n, n, 2), from `motion.grid`.

    Returns:
        (n, n, 2) float32, pixel centres at integers.
    """
    u = motion.backward(layer.path, frame, motion.backward(plan.camera, frame, coarse))
    return (u * layer.radius + np.array(layer.centre) - 0.5).astype(np.float32)


def source_step(plan: ClipPlan, layer: Layer, frame: int) -> float:
    """Give the pixels of the picture that one pixel of the canvas covers."""
    return float(layer.radius / (np.exp(layer.path.log_scale[frame] + plan.camera.log_scale[frame]) * plan.size / 2))


def canvas_motion(plan: ClipPlan, layer: Layer, frame: int) -> np.ndarray:
    """Give the way of a layer's centre from one frame to the next, in pixels of the canvas."""
    start, end = (frame, frame + 1) if frame + 1 < plan.frames else (frame - 1, frame)
    if plan.frames < 2:
        return np.zeros(2)
    places = [(layer.path.centre[t] * np.exp(plan.camera.log_scale[t]) + plan.camera.centre[t]) for t in (start, end)]
    return (places[1] - places[0]) * plan.size / 2
