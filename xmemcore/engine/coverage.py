"""Choose the key that lowers the shot's expected error the most.

A key explains a frame better when it is nearer in time and the two frames look more alike. The worth of a key is the sum, over the
shot, of each frame's expected error times the share of it that the key explains. This is facility location, solved greedily.
XMem++'s own Algorithm 1 (`suggestion`) takes the frame that is farthest from all keys, which often explains only itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from xmemcore.protocol.failures import Cancelled

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
APPEARANCE_SHARE = 0.5
"""How much appearance counts in the distance of two frames; the rest is time. The two are multiplied."""


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
    progress: Callable[[int, int], None] = lambda done, total: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> np.ndarray:
    """Measure how far frames are from each other, in frames.

    Differences of appearance are turned into frames too: into the number of frames after which this shot usually differs by as much.
    A pose that comes back is near, however much later it is.

    Args:
        frames: indices, ascending.
        glimpses: gives `glimpse` of a frame by its index.
        progress: called with frames done and their number.
        cancelled: asked before every frame.

    Returns:
        (N, N) float64, 0 on the diagonal.

    Raises:
        Cancelled.
    """
    seen = torch.stack([glimpses(index) for index in frames])
    looks = np.zeros((len(frames), len(frames)))
    for place in range(1, len(frames)):
        if cancelled():
            raise Cancelled("Cancelled. Nothing was changed.")
        apart = torch.cdist(seen[place][None], seen[:place])  # (place, cells, cells)
        looks[place, :place] = ((apart.amin(dim=1).mean(dim=1) + apart.amin(dim=2).mean(dim=1)) / 2).numpy()
        progress(place + 1, len(frames))
    looks += looks.T
    times = np.abs(np.subtract.outer(np.asarray(frames), np.asarray(frames))).astype(np.float64)
    if looks.max() <= 1e-6:
        return np.zeros_like(looks)  # a still picture: any key explains all of it
    alike = _as_frames(looks, times)
    apart_frames = times ** (1 - APPEARANCE_SHARE) * np.maximum(alike, 0.5) ** APPEARANCE_SHARE
    np.fill_diagonal(apart_frames, 0)
    return apart_frames


def gains(apart: np.ndarray, keyed: Sequence[int], error: np.ndarray) -> np.ndarray:
    """Say how much of the shot's expected error a key would take away, for each frame as that key.

    Args:
        apart: (N, N), of `distances`.
        keyed: positions that have a key; may be empty.
        error: (N,) expected error of each frame, at least 0; only proportions count.

    Returns:
        (N,) shares of the whole error, in [0, 1]; 0 for keyed frames.
    """
    weight = error / error.mean() if error.any() else np.ones(len(error))
    weight = (1 - ERROR_SHARE) + ERROR_SHARE * weight
    left = _unexplained(apart[:, list(keyed)].min(axis=1)) if len(keyed) else np.full(len(apart), FLOOR + 1.0)
    weight[list(keyed)] = 0
    share = np.maximum(0, 1 - _unexplained(apart) / left[:, None])
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
    return sorted({*range(0, count, step), *must, *may[:: -(-len(may) // FRAMES_COMPARED) or 1]})


def picks(
    frames: Sequence[int],
    apart: np.ndarray,
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
        before = _unexplained(apart[:, taken].min(axis=1)) if taken else np.full(len(frames), FLOOR + 1.0)
        taken.append(best)
        open_places.remove(best)
        # The error that the new key explains is taken off.
        error *= np.minimum(1, _unexplained(apart[:, best]) / before)
        mended = [place[index] for index in mends(frames[best]) if index in place]
        error[mended] = np.minimum(error[mended], usual)
        count -= 1


def _averaged(cells: Tensor, most: int) -> Tensor:
    """Average (Ck, h, w) to at most so many rows, and columns in proportion."""
    rows = min(most, cells.shape[-2])
    columns = max(1, round(rows * cells.shape[-1] / cells.shape[-2]))
    return F.adaptive_avg_pool2d(cells[None].float(), (rows, columns))[0]


def _unexplained(apart: np.ndarray) -> np.ndarray:
    return FLOOR + apart / (apart + FADING_FRAMES)


def _as_frames(looks: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Turn differences of appearance into frames, by the curve of the mean difference over time, made to rise."""
    lags = np.unique(times[times > 0])
    if not len(lags):
        return np.zeros_like(looks)
    mean = np.array([looks[times == lag].mean() for lag in lags])
    rising = np.maximum.accumulate(mean) + np.arange(len(mean)) * 1e-12
    return np.interp(looks, np.concatenate(([0.0], rising)), np.concatenate(([0.0], lags)))
