"""Draw a planned clip with opencv, on one core."""

from __future__ import annotations

import cv2
import numpy as np

from xmemcore.training import motion
from xmemcore.training.plan import ClipPlan, Layer, Look, canvas_motion, source_step, warp

_LONGEST_SMEAR = 13

_Level = tuple[np.ndarray, np.ndarray | None, np.ndarray | None]
"""Picture, alpha and back of a layer, reduced."""


def draw(plan: ClipPlan) -> tuple[np.ndarray, np.ndarray]:
    """Draw every frame.

    Returns:
        Frames (T, S, S, 3) uint8 and labels (T, S, S) uint8, 0 the background.
    """
    size = plan.size
    frames = np.zeros((plan.frames, size, size, 3), np.uint8)
    labels = np.zeros((plan.frames, size, size), np.uint8)
    coarse = motion.grid(size)
    pyramids: dict[int, list[_Level]] = {}
    for t in range(plan.frames):
        for number, layer in enumerate(plan.layers):
            now = layer.at(t)
            levels = [(now.picture, now.alpha, now.back)]
            if layer.moments is None:
                levels = pyramids.setdefault(number, levels)
            _add(plan, now, levels, t, coarse, frames[t], labels[t])
        if plan.look is not None:
            frames[t] = developed(frames[t], plan.look, t)
    return frames, labels


def _add(plan: ClipPlan, layer: Layer, levels: list[_Level], t: int, coarse: np.ndarray, frame: np.ndarray, labels: np.ndarray) -> None:
    """Lay one layer over a frame and its labels."""
    step = source_step(plan, layer, t)
    source = warp(plan, layer, t, coarse)
    rows, columns = _reach(layer, source, step)
    if rows.stop <= rows.start or columns.stop <= columns.start:
        return
    # The coarse grid has one cell more on every side, so that cells at the border are interpolated like all others.
    part = source[rows.start : rows.stop + 2, columns.start : columns.stop + 2]
    g = motion.GRID_STEP
    fine = cv2.resize(part, (part.shape[1] * g, part.shape[0] * g), interpolation=cv2.INTER_LINEAR)[g:-g, g:-g]
    place = (slice(rows.start * g, rows.stop * g), slice(columns.start * g, columns.stop * g))
    picture, alpha, back = _level(levels, step)
    shrink = layer.picture.shape[1] / picture.shape[1]
    at = (fine + 0.5) / shrink - 0.5 if shrink > 1 else fine
    x, y = np.ascontiguousarray(at[..., 0]), np.ascontiguousarray(at[..., 1])
    shown = back if back is not None and layer.path.width[t] < 0 else picture
    border = cv2.BORDER_REFLECT if layer.alpha is None else cv2.BORDER_REPLICATE
    colour = cv2.remap(shown, x, y, cv2.INTER_LINEAR, borderMode=border)
    if layer.gain is not None:
        colour = cv2.LUT(colour, np.clip(np.arange(256)[:, None] * layer.gain[t][None], 0, 255).astype(np.uint8)[:, None])
    smear = _smear(canvas_motion(plan, layer, t) * layer.smear)
    if layer.alpha is None:
        frame[place] = colour if smear is None else cv2.filter2D(colour, -1, smear)
        cover = np.full(colour.shape[:2], 1, bool)
    else:
        assert alpha is not None, "the levels of a layer have what the layer has"
        opacity: np.ndarray = cv2.remap(alpha, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT).astype(np.float32) / 255
        if smear is not None:
            colour, opacity = cv2.filter2D(colour, -1, smear), cv2.filter2D(opacity, -1, smear)
        frame[place] = cv2.blendLinear(frame[place], colour, 1 - opacity, opacity)
        cover = opacity > 0.5
    if layer.regions is None:
        labels[place][cover] = layer.label
    else:
        regions = cv2.remap(
            layer.regions,
            np.ascontiguousarray(fine[..., 0]),
            np.ascontiguousarray(fine[..., 1]),
            cv2.INTER_NEAREST,
            borderMode=cv2.BORDER_CONSTANT,
        )
        labels[place][cover] = regions[cover]


def _reach(layer: Layer, source: np.ndarray, step: float) -> tuple[slice, slice]:
    """Find the cells of the canvas that a layer can touch."""
    cells = source.shape[0] - 2
    if layer.alpha is None:
        return slice(0, cells), slice(0, cells)
    ys, xs = np.flatnonzero(layer.alpha.any(1)), np.flatnonzero(layer.alpha.any(0))
    margin = 2 + 1.5 * step * motion.GRID_STEP / max(0.25, float(np.abs(layer.path.width).min()))
    x, y = source[..., 0], source[..., 1]
    near = (x > xs[0] - margin) & (x < xs[-1] + margin) & (y > ys[0] - margin) & (y < ys[-1] + margin)
    rows, columns = np.flatnonzero(near.any(1)), np.flatnonzero(near.any(0))
    if not len(rows):
        return slice(0, 0), slice(0, 0)
    return (
        slice(max(0, rows[0] - 2), min(cells, rows[-1] + 1)),
        slice(max(0, columns[0] - 2), min(cells, columns[-1] + 1)),
    )


def _level(levels: list[_Level], step: float) -> _Level:
    """Give the picture, reduced so far that sampling it leaves no pixel out."""
    wanted = int(np.clip(np.floor(np.log2(max(step, 1e-3)) + 0.4), 0, 4))
    while len(levels) <= wanted and min(levels[-1][0].shape[:2]) >= 8:
        picture, alpha, back = levels[-1]
        levels.append((_halved(picture), None if alpha is None else _halved(alpha), None if back is None else _halved(back)))
    return levels[min(wanted, len(levels) - 1)]


def _halved(plane: np.ndarray) -> np.ndarray:
    return cv2.resize(plane, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)


def _smear(way: np.ndarray) -> np.ndarray | None:
    """Make the kernel of a straight blur, or None for a short way."""
    length = float(np.hypot(*way))
    if length < 2:
        return None
    way = way * min(1.0, _LONGEST_SMEAR / length)
    half = int(np.ceil(np.abs(way).max() / 2))
    kernel = np.zeros((2 * half + 1, 2 * half + 1), np.float32)
    ends = [tuple(int(v) for v in np.round(half + sign * way / 2)) for sign in (-1, 1)]
    cv2.line(kernel, ends[0], ends[1], 1.0)
    return kernel / kernel.sum()


def developed(frame: np.ndarray, look: Look, t: int) -> np.ndarray:
    """Shade, expose, blur, add grain and compress."""
    if look.shade is not None:
        factors = cv2.resize(look.shade[t], frame.shape[1::-1], interpolation=cv2.INTER_LINEAR)
        frame = np.clip(frame * factors[..., None], 0, 255).astype(np.uint8)
    ramp = (np.arange(256, dtype=np.float32)[:, None] / 255) ** look.gamma[t] * 255
    table = np.clip(ramp * look.gain[t][None] + look.offset[t][None], 0, 255).astype(np.uint8)
    frame = cv2.LUT(frame, table[:, None])
    if look.blur[t] > 0.3:
        frame = cv2.GaussianBlur(frame, (0, 0), float(look.blur[t]))
    if look.noise[t] > 0.5:
        rng = np.random.default_rng([look.seed, t])
        grain = rng.standard_normal(frame.shape, np.float32) * float(look.noise[t])
        frame = np.clip(frame + grain, 0, 255).astype(np.uint8)
    if look.quality[t] > 0:
        _, stream = cv2.imencode(".jpg", frame, (cv2.IMWRITE_JPEG_QUALITY, int(look.quality[t])))
        frame = cv2.imdecode(stream, cv2.IMREAD_COLOR)  # type: ignore[assignment]  # what was just encoded can be decoded
    return frame
