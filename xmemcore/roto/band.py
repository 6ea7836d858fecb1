"""The outline of an open spline's band: a quadrilateral for each piece of the line and a disc on each of its points."""

from __future__ import annotations

import numpy as np

CORNERS = 16
"""Of a disc; bands are thin."""


def band_edges(line: np.ndarray, radii: np.ndarray, width: int, height: int) -> tuple[np.ndarray, np.ndarray]:
    """Surround a line.

    Args:
        line: (N, 2), columns and rows.
        radii: (N,) half the width at each point.
        width, height: of the raster; outlines that lie beside it are left out.

    Returns:
        Starts and ends (E, 2) of the edges of overlapping closed outlines, all turning the same way.
    """
    along = np.diff(line, axis=0)
    length = np.hypot(along[:, 0], along[:, 1])[:, None]
    across = np.divide(along[:, ::-1] * (-1, 1), length, out=np.zeros_like(along), where=length > 0)
    first, second = across * radii[:-1, None], across * radii[1:, None]
    quads = np.stack((line[:-1] - first, line[1:] - second, line[1:] + second, line[:-1] + first), axis=1)
    angles = np.arange(CORNERS) * (2 * np.pi / CORNERS)
    near = np.all((line + radii[:, None] > 0) & (line - radii[:, None] < (width, height)), axis=1)
    discs = line[near, None] + radii[near, None, None] * np.stack((np.cos(angles), np.sin(angles)), axis=1)
    quads = quads[np.all((quads.max(axis=1) > 0) & (quads.min(axis=1) < (width, height)), axis=1)]
    starts = np.concatenate((quads.reshape(-1, 2), discs.reshape(-1, 2)))
    ends = np.concatenate((np.roll(quads, -1, axis=1).reshape(-1, 2), np.roll(discs, -1, axis=1).reshape(-1, 2)))
    return starts, ends
