"""Choose the key that lowers the shot's expected error the most.

A key explains a frame better when it is nearer in time and the objects look more alike on the two. A sweep ends at the next key: what
lies beyond one is explained by looking alike alone. The worth of a key is the sum, over the shot, of each frame's expected error times
the share of it that the key explains. This is facility location, solved greedily.
XMem++'s own Algorithm 1 (`suggestion`) takes the frame that is farthest from all keys, which often explains only itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from xmemcore.engine.nearness import Nearness

FRAMES_COMPARED = 240
"""Frames that are compared with each other; of a longer shot every second one, every third one, and so on."""
LOOK_ROWS = 16
"""Most rows of cells of a frame's key that are kept of it."""
GLIMPSE_ROWS = 8
"""Rows of cells that a frame's key is averaged to before frames are compared."""
FADING_FRAMES = 10.0
"""Distance at which half of what a key can explain is lost."""
FLOOR = 0.05
"""Expected error on the keyed frame itself, beside 1 for a frame that no key explains."""
ERROR_SHARE = 0.9
"""How much the expected errors count; the rest of the weight is the same for every frame, because expected errors are uncertain."""
APPEARANCE_SHARE = 0.35
"""How much appearance counts in the distance of two frames; the rest is time. The two are multiplied."""
OBJECT_SHARE = 0.7
"""How much the cells that the objects cover count in appearance; the rest of the weight is the same for every cell, because what stands
around an object tells poses apart too, and mattes may be wrong."""


@dataclass(frozen=True)
class Apart:
    """How far the frames of a shot are from each other, in frames; 0 on the diagonals."""

    swept: np.ndarray
    """(N, N) float64: two frames without a key between them."""
    remembered: np.ndarray
    """(N, N) float64, at least `swept`: two frames with a key between them, which no sweep joins."""

    def beside(self, keyed: Sequence[int]) -> np.ndarray:
        """Give the distances (N, N) in a shot that has keys at these positions."""
        places = np.arange(len(self.swept))
        up_to = np.cumsum(np.isin(places, keyed))
        first, last = np.minimum.outer(places, places), np.maximum.outer(places, places)
        return np.where(up_to[np.maximum(last - 1, 0)] > up_to[first], self.remembered, self.swept)


def look(key: Tensor) -> Tensor:
    """Reduce a frame's key (1, Ck, h, w) to what is kept of it: (Ck, rows, columns) float32."""
    return _averaged(key[0], LOOK_ROWS)


def glimpse(seen: Tensor) -> Tensor:
    """Reduce a look (Ck, h, w) to a few cells, by which frames are compared.

    Returns:
        (cells, Ck) float32.
    """
    return _averaged(seen, GLIMPSE_ROWS).flatten(1).T.contiguous()


def distances(
    frames: Sequence[int],
    glimpses: Callable[[int], Tensor],
    covered: Callable[[int], Tensor | None] = lambda index: None,
    progress: Callable[[int, int], None] = lambda done, total: None,
    cancelled: Callable[[], bool] = lambda: False,
    nearness: Nearness | None = None,
) -> Apart:
    """Measure how far frames are from each other.

    Differences of appearance are turned into frames too: into the number of frames after which this shot usually differs by as much.
    A pose that comes back is near, however much later it is.

    Args:
        frames: indices, ascending.
        glimpses: gives `glimpse` of a frame by its index, (cells, Ck).
        covered: gives the share of each cell that the objects cover, (cells,); None where it is unknown.
        progress: called with frames done and their number.
        cancelled: asked before every frame.
        nearness: what was measured before, and is added to; None: nothing.

    Raises:
        Cancelled.
    """
    nearness = Nearness() if nearness is None else nearness
    seen = [glimpses(index) for index in frames]
    places = nearness.among(seen, progress, cancelled)
    weights = [_weights(covered(index), len(cells)) for index, cells in zip(frames, seen)]
    there = torch.stack([nearness.table[place][places].float() @ weight for place, weight in zip(places, weights)])
    looks = ((there + there.T) / 2).double().numpy()
    times = np.abs(np.subtract.outer(np.asarray(frames), np.asarray(frames))).astype(np.float64)
    if looks.max() <= 1e-6:
        return Apart(looks, looks)  # a still picture: any key explains all of it
    alike = np.maximum(_as_frames(looks, times), 0.5)
    np.fill_diagonal(alike, 0)
    swept = times ** (1 - APPEARANCE_SHARE) * alike**APPEARANCE_SHARE
    return Apart(swept, np.maximum(swept, alike))


def gains(apart: Apart, keyed: Sequence[int], error: np.ndarray) -> np.ndarray:
    """Say how much of the shot's expected error a key would take away, for each frame as that key.

    Args:
        apart: of `distances`.
        keyed: positions that have a key; may be empty.
        error: (N,) expected error of each frame, at least 0; only proportions count.

    Returns:
        (N,) shares of the whole error, in [0, 1]; 0 for keyed frames.
    """
    weight = error / error.mean() if error.any() else np.ones(len(error))
    weight = (1 - ERROR_SHARE) + ERROR_SHARE * weight
    beside = _unexplained(apart.beside(keyed))
    weight[list(keyed)] = 0
    share = np.maximum(0, 1 - beside / _left(beside, keyed)[:, None])
    worth = weight @ share / max(weight.sum(), 1e-12)
    worth[list(keyed)] = 0
    return worth


def compared(count: int, must: Sequence[int], may: Sequence[int]) -> list[int]:
    """Choose the frames that are compared.

    Args:
        count: frames of the shot.
        must: indices that are always among them: the keyed ones.
        may: indices that may be picked.

    Returns:
        Indices, ascending: all of a short shot, evenly thinned ones of a long shot.
    """
    step = -(-count // FRAMES_COMPARED)
    if step == 1:
        return list(range(count))
    picked = may if len(may) <= FRAMES_COMPARED else [index for index in may if index % step == 0] or may[::step]
    return sorted({*range(0, count, step), *must, *picked})


def picks(
    frames: Sequence[int],
    apart: Apart,
    keyed: Sequence[int],
    may: Sequence[int],
    error: np.ndarray,
    count: int,
    mends: Callable[[int], Iterable[int]] = lambda index: (),
) -> Iterator[tuple[int, float, np.ndarray]]:
    """Pick keys one after another, each as if those before it were keyed.

    Args:
        frames: indices of the rows of `apart`.
        apart: of `distances`.
        keyed: indices that have a key.
        may: indices that may be picked.
        error: (N,), of each of `frames`.
        count: picks at most.
        mends: gives the indices that a key at an index puts right, whatever it explains: those of a stretch that is wrong in one way.

    Yields:
        Index, its gain, and all frames' gains (N,) in that round: shares of the error before the first pick.
    """
    place = {index: position for position, index in enumerate(frames)}
    taken = [place[index] for index in keyed]
    open_places = [place[index] for index in may if index in place and index not in keyed]
    error = np.asarray(error, np.float64).copy()
    usual, whole = float(np.median(error)), max(float(error.sum()), 1e-12)
    while open_places and count > 0:
        worth = gains(apart, taken, error) * (error.sum() / whole)
        shown = np.zeros(len(frames))
        shown[open_places] = worth[open_places]
        best = int(shown.argmax())
        if shown[best] <= 0:
            return
        yield frames[best], float(shown[best]), shown
        beside = _unexplained(apart.beside(taken))
        # The error that the new key explains is taken off.
        error *= np.minimum(1, beside[:, best] / _left(beside, taken))
        taken.append(best)
        open_places.remove(best)
        mended = [place[index] for index in mends(frames[best]) if index in place]
        error[mended] = np.minimum(error[mended], usual)
        count -= 1


def _averaged(cells: Tensor, most: int) -> Tensor:
    """Average (Ck, h, w) to at most so many rows, and columns in proportion."""
    rows = min(most, cells.shape[-2])
    columns = max(1, round(rows * cells.shape[-1] / cells.shape[-2]))
    return F.adaptive_avg_pool2d(cells[None].float(), (rows, columns))[0]


def _weights(covered: Tensor | None, cells: int) -> Tensor:
    """Weigh the cells of a glimpse, to a sum of 1; all alike where no object is known to be."""
    even = torch.full((cells,), 1 / cells)
    if covered is None or not covered.any():
        return even
    return torch.lerp(even, covered / covered.sum(), OBJECT_SHARE)


def _unexplained(apart: np.ndarray) -> np.ndarray:
    return FLOOR + apart / (apart + FADING_FRAMES)


def _left(unexplained: np.ndarray, keyed: Sequence[int]) -> np.ndarray:
    """Give what the keys leave unexplained of each frame, (N,), of what each frame as a key would (N, N)."""
    return unexplained[:, list(keyed)].min(axis=1) if len(keyed) else np.full(len(unexplained), FLOOR + 1.0)


def _as_frames(looks: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Turn differences of appearance into frames, by the curve of the mean difference over time, made to rise."""
    lags = np.unique(times[times > 0])
    if not len(lags):
        return np.zeros_like(looks)
    mean = np.array([looks[times == lag].mean() for lag in lags])
    rising = np.maximum.accumulate(mean) + np.arange(len(mean)) * 1e-12
    return np.interp(looks, np.concatenate(([0.0], rising)), np.concatenate(([0.0], lags)))
