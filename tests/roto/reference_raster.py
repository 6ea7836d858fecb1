"""Slow rasters that say the formula: count sample points of each pixel that have a winding number other than 0."""

from __future__ import annotations

import math

import numpy as np


def curve_point(a: np.ndarray, b: np.ndarray, c: np.ndarray, d: np.ndarray, t: float) -> np.ndarray:
    """De Casteljau."""
    ab, bc, cd = a + t * (b - a), b + t * (c - b), c + t * (d - c)
    abc, bcd = ab + t * (bc - ab), bc + t * (cd - bc)
    return abc + t * (bcd - abc)


def outline(triplets: np.ndarray, steps: int = 64) -> list[tuple[float, float]]:
    """Flatten a closed spline of (N, 3, 2) triplets, evenly in each segment."""
    points = []
    for index in range(len(triplets)):
        start, end = triplets[index], triplets[(index + 1) % len(triplets)]
        for step in range(steps):
            x, y = curve_point(start[0], start[0] + start[2], end[0] + end[1], end[0], step / steps)
            points.append((float(x), float(y)))
    return points


def winding_numbers(points: list[tuple[float, float]], x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Count how often an outline goes around each of many places: edges that a ray to the right meets, by direction."""
    number = np.zeros(x.shape, int)
    for (x0, y0), (x1, y1) in zip(points, points[1:] + points[:1]):
        if y0 != y1:
            crosses = ((y0 <= y) != (y1 <= y)) & (x0 + (y - y0) / (y1 - y0) * (x1 - x0) > x)
            number[crosses] += 1 if y1 > y0 else -1
    return number


def raster(points: list[tuple[float, float]], width: int, height: int, samples: int) -> np.ndarray:
    """Rasterise an outline on pixels that begin at (0, 0), samples x samples places in each; y up in, row 0 at the top out."""
    x, y = np.meshgrid((np.arange(width * samples) + 0.5) / samples, height - (np.arange(height * samples) + 0.5) / samples)
    inside = winding_numbers(points, x, y) != 0
    return inside.reshape(height, samples, width, samples).mean(axis=(1, 3))


def feathered(main: np.ndarray, outer: np.ndarray, width: int, height: int, samples: int, levels: int) -> np.ndarray:
    """Average the rasters of outlines on the way from the main to the feather curve (absolute triplets)."""
    total = np.zeros((height, width))
    for level in range(levels):
        total += raster(outline(main + (level + 0.5) / levels * (outer - main), 12), width, height, samples)
    return total / levels


def bezier_area(triplets: np.ndarray) -> float:
    """Integrate x dy - y dx over a closed spline; exact, because three Gauss points integrate polynomials of degree 5."""
    nodes, weights = np.polynomial.legendre.leggauss(3)
    area = 0.0
    for index in range(len(triplets)):
        start, end = triplets[index], triplets[(index + 1) % len(triplets)]
        a, b, c, d = start[0], start[0] + start[2], end[0] + end[1], end[0]
        for node, weight in zip((nodes + 1) / 2, weights / 2):
            x, y = curve_point(a, b, c, d, node)
            dx, dy = 3 * ((1 - node) ** 2 * (b - a) + 2 * (1 - node) * node * (c - b) + node**2 * (d - c))
            area += weight * (x * dy - y * dx) / 2
    return area


def hermite(time0: float, value0: float, slope0: float, time1: float, value1: float, slope1: float, time: float) -> float:
    """Evaluate the cubic with these values and slopes at its ends."""
    span = time1 - time0
    u = (time - time0) / span
    return (
        (2 * u**3 - 3 * u**2 + 1) * value0
        + (u**3 - 2 * u**2 + u) * span * slope0
        + (3 * u**2 - 2 * u**3) * value1
        + (u**3 - u**2) * span * slope1
    )


def half_plane_share(distance: float, angle: float, samples: int = 200) -> float:
    """Give the share of the unit pixel about 0 with x cos + y sin < distance."""
    steps = (np.arange(samples) + 0.5) / samples - 0.5
    x, y = np.meshgrid(steps, steps)
    return float(np.mean(x * math.cos(angle) + y * math.sin(angle) < distance))
