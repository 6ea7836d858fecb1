"""Generated textures and shapes: a source of pictures without licences, and of thin things that photographs lack."""

from __future__ import annotations

import cv2
import numpy as np

from xmemcore.training.cutouts import Cutout, Source

SIDE = 272
"""Pixels of a generated picture."""


class Procedural:
    """Pictures without photographs. Nothing is kept: the same generator state gives the same picture."""

    def background(self, rng: np.random.Generator) -> np.ndarray:
        """Give a scene: a texture, a gradient of light, and a few textured shapes that belong to it."""
        picture = texture(rng)
        for _ in range(int(rng.integers(0, 9))):
            _paint(rng, picture, outline(rng))
        return shaded(rng, picture)

    def cutout(self, rng: np.random.Generator) -> Cutout:
        """Give a shape of several parts in a scene."""
        picture = self.background(rng)
        parts = figure(rng)
        for label in range(1, int(parts.max()) + 1):
            region = parts == label
            picture[region] = shaded(rng, texture(rng))[region]
        return Cutout(picture, np.where(parts > 0, 255, 0).astype(np.uint8), parts if parts.max() > 1 else None)


class Thin:
    """Spokes, branches, ropes, poles and wire figures, filled from another source's pictures."""

    def __init__(self, pictures: Source) -> None:
        self._pictures = pictures

    def background(self, rng: np.random.Generator) -> np.ndarray:
        """Give a picture of the other source."""
        return self._pictures.background(rng)

    def cutout(self, rng: np.random.Generator) -> Cutout:
        """Give a thin thing, filled with a texture or a picture."""
        mask = strokes(rng)
        filling = texture(rng) if rng.random() < 0.6 else cv2.resize(self.background(rng), (SIDE, SIDE))
        return Cutout(shaded(rng, filling), mask)


def texture(rng: np.random.Generator) -> np.ndarray:
    """Draw a texture, (SIDE, SIDE, 3) uint8: fractal noise, stripes, cells or a plain colour, between two or three colours."""
    kind = rng.choice(("noise", "stripes", "cells", "plain"), p=(0.5, 0.15, 0.2, 0.15))
    field = fractal(rng, rng.uniform(0.5, 1.6))
    if kind == "stripes":
        y, x = np.mgrid[:SIDE, :SIDE].astype(np.float32) / SIDE
        turn = rng.uniform(0, np.pi)
        field = 0.5 + 0.5 * np.sin(2 * np.pi * rng.uniform(3, 30) * (x * np.cos(turn) + y * np.sin(turn)) + rng.uniform(0, 3) * field)
    elif kind == "cells":
        seeds = np.zeros((SIDE, SIDE), np.uint8)
        count = int(rng.integers(10, 120))
        seeds[rng.integers(0, SIDE, count), rng.integers(0, SIDE, count)] = 1
        _, labels = cv2.distanceTransformWithLabels(1 - seeds, cv2.DIST_L2, 3, labelType=cv2.DIST_LABEL_PIXEL)
        field = 0.8 * rng.random(int(labels.max()) + 1).astype(np.float32)[labels] + 0.2 * field
    elif kind == "plain":
        field = 0.08 * field
    colours = rng.uniform(0, 255, (3, 3)) * rng.uniform(0.3, 1.0)
    colours = colours.mean() + (colours - colours.mean()) * rng.uniform(0.2, 1.0)
    stops = np.array([np.interp(np.linspace(0, 1, 256), [0, 0.5, 1], colours[:, c]) for c in range(3)]).T
    painted = stops[np.clip(field * 255, 0, 255).astype(np.uint8)]
    grain = fractal(rng, 0.2)[..., None] - 0.5
    return np.clip(painted + grain * rng.uniform(0, 50), 0, 255).astype(np.uint8)


def fractal(rng: np.random.Generator, roughness: float) -> np.ndarray:
    """Sum octaves of noise, (SIDE, SIDE) float32 stretched to [0, 1]; a larger roughness leaves less fine detail."""
    field = np.zeros((SIDE, SIDE), np.float32)
    for octave in range(1, 8):
        cells = 2**octave + 1
        noise = rng.random((cells, cells), np.float32) - 0.5
        field += cv2.resize(noise, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC) * 2.0 ** (-octave * roughness)
    low, high = field.min(), field.max()
    return (field - low) / (high - low + 1e-6)


def shaded(rng: np.random.Generator, picture: np.ndarray) -> np.ndarray:
    """Light a picture from one side."""
    light = cv2.resize(
        rng.uniform(0.6, 1.3, (2, 2)).astype(np.float32), (picture.shape[1], picture.shape[0]), interpolation=cv2.INTER_LINEAR
    )
    return np.clip(picture * light[..., None], 0, 255).astype(np.uint8)


def outline(rng: np.random.Generator) -> np.ndarray:
    """Draw a closed shape somewhere, (SIDE, SIDE) uint8, 0 or 255: round, angular or star-like."""
    corners = int(rng.integers(3, 12))
    angles = np.sort(rng.uniform(0, 2 * np.pi, corners))
    if rng.random() < 0.6:
        angles = np.linspace(0, 2 * np.pi, 64, endpoint=False)
    radius = np.full(len(angles), rng.uniform(0.1, 0.35) * SIDE)
    for wave in range(1, 6):
        radius *= 1 + rng.normal(0, 0.35 / wave) * np.cos(wave * angles + rng.uniform(0, 2 * np.pi))
    centre = rng.uniform(0.25, 0.75, 2) * SIDE
    stretch = rng.uniform(0.6, 1.6)
    points = np.stack((centre[0] + radius * np.cos(angles) * stretch, centre[1] + radius * np.sin(angles) / stretch), axis=1)
    mask = np.zeros((SIDE, SIDE), np.uint8)
    cv2.fillPoly(mask, [np.round(points).astype(np.int32)], 255)
    return mask


def figure(rng: np.random.Generator) -> np.ndarray:
    """Draw a thing with a body, and sometimes limbs and patches: (SIDE, SIDE) uint8 part labels, 1 the body."""
    parts = np.zeros((SIDE, SIDE), np.uint8)
    while np.count_nonzero(parts) < 1500:
        parts[outline(rng) > 0] = 1
    ys, xs = np.nonzero(parts)
    centre = np.array([xs.mean(), ys.mean()])
    for label in range(2, 2 + int(rng.integers(0, 5)) * int(rng.random() < 0.7)):
        if rng.random() < 0.6:
            pick = rng.integers(len(xs))
            start = np.array([xs[pick], ys[pick]], np.float64)
            away = (start - centre) / (np.linalg.norm(start - centre) + 1e-3)
            knee = start + (away + rng.normal(0, 0.4, 2)) * rng.uniform(20, 60)
            end = knee + (away + rng.normal(0, 0.6, 2)) * rng.uniform(15, 50)
            cv2.polylines(parts, [np.round([start, knee, end]).astype(np.int32)], False, int(label), int(rng.integers(4, 22)))
        else:
            parts[(outline(rng) > 0) & (parts > 0)] = label
    return parts


def strokes(rng: np.random.Generator) -> np.ndarray:
    """Draw a thin thing, (SIDE, SIDE) uint8, 0 or 255: a wheel, a branching line, a frame or bars."""
    mask = np.zeros((SIDE, SIDE), np.uint8)
    kind = rng.choice(("wheel", "branches", "frame", "bars"))
    thick = int(rng.integers(2, 8))
    middle = np.array([SIDE / 2, SIDE / 2])
    if kind == "wheel":
        radius = int(rng.uniform(60, 115))
        cv2.circle(mask, (SIDE // 2, SIDE // 2), radius, 255, thick + 2)
        for angle in np.linspace(0, 2 * np.pi, int(rng.integers(3, 13)), endpoint=False):
            end = middle + radius * np.array([np.cos(angle), np.sin(angle)])
            cv2.line(mask, (SIDE // 2, SIDE // 2), tuple(int(v) for v in end), 255, max(1, thick - 2))
    elif kind == "branches":
        for _ in range(int(rng.integers(1, 5))):
            point, heading = middle + rng.normal(0, 10, 2), rng.uniform(0, 2 * np.pi)
            for _ in range(int(rng.integers(3, 9))):
                heading += rng.normal(0, 0.5)
                following = np.clip(point + rng.uniform(15, 40) * np.array([np.cos(heading), np.sin(heading)]), 5, SIDE - 6)
                cv2.line(
                    mask, tuple(int(v) for v in point), tuple(int(v) for v in following), 255, max(1, thick + int(rng.integers(-2, 3)))
                )
                point = following
    elif kind == "frame":
        corners = rng.uniform(20, SIDE - 20, (int(rng.integers(3, 7)), 2))
        cv2.polylines(mask, [np.round(corners).astype(np.int32)], True, 255, thick)
    else:
        tilt = rng.normal(0, 20)
        for x in np.linspace(30, SIDE - 30, int(rng.integers(1, 7))):
            cv2.line(mask, (int(x + tilt), 8), (int(x - tilt), SIDE - 9), 255, thick)
    return mask


def _paint(rng: np.random.Generator, picture: np.ndarray, mask: np.ndarray) -> None:
    region = mask > 0
    picture[region] = texture(rng)[region]
