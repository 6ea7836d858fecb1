"""What a mask looks like, where it does not look like one: labels saved as greys or colours, or a picture."""

from __future__ import annotations

import numpy as np

LABEL_COLOURS, LABELLED_SHARE = 16, 0.95
"""Where this share of a coloured mask's seen pixels has at most so many colours, the mask is flat: no edge is soft."""
LABEL_SHARE = 0.05
"""A colour is a label's when this share of the seen pixels has it, and it is neither full nor none of each object."""
HALF_SEEN = (8, 247)
"""Least and largest of the greys from 0 to 255 that are neither none nor full."""
LOSSY_SPREAD, LOSSY_SHARE = 4, 0.15
"""So many greys to both sides belong to a label of a lossy mask, which has at least this share of the seen pixels there; on soft edges
up to 0.11 were measured, on each of five equal labels 0.19."""
CLEAN_SHARE = 0.2
"""Share of pixels that belong wholly or not at all to each object. Where it is less, the file is a picture and no mask."""

GREYS_OF_SOFT_EDGES = 3
"""Least number of half seen greys that a palette has for the sake of soft edges."""

INDEX_AS_RGB = (
    "an index mask saved as RGB: its colours count as amounts of a red, a green and a blue object. Save it with its palette, "
    "or each object at full strength in a channel of its own."
)
NO_MASK = "a picture, not a mask: red, green and blue count as an object each. Check the path of the masks."
INDEX_AS_GREY = (
    "an index mask saved as greys: they count as amounts of one object. Save the numbers themselves (1, 2, ...), or each object in white "
    "in files of its own."
)


def doubt_of_grey(grey: np.ndarray) -> str | None:
    """Say what a mask of (H, W) in [0, 1] looks like, if not like an amount of one object."""
    levels = np.round(grey * 255).astype(np.int32)
    counts = np.bincount(levels.ravel(), minlength=256)[1:]
    if np.sort(counts)[-LABEL_COLOURS:].sum() < LABELLED_SHARE * counts.sum():
        return None
    # Inside of a label all neighbours are alike; on a soft edge none are.
    middle = levels[1:-1, 1:-1]
    alike = (middle == levels[:-2, 1:-1]) & (middle == levels[2:, 1:-1]) & (middle == levels[1:-1, :-2]) & (middle == levels[1:-1, 2:])
    inside = np.count_nonzero(alike & (middle >= HALF_SEEN[0]) & (middle <= HALF_SEEN[1]))
    return INDEX_AS_GREY if inside > LABEL_SHARE * counts.sum() else None


def doubt_of_lossy_grey(grey: np.ndarray) -> str | None:
    """Say the same of a mask whose neighbours have rounded each other's greys: there a label is a heap of greys, and a soft edge none."""
    counts = np.bincount(np.round(grey * 255).astype(np.int32).ravel(), minlength=256)
    near = np.convolve(counts, np.ones(2 * LOSSY_SPREAD + 1), mode="same")
    none, full = HALF_SEEN[0] + 2 * LOSSY_SPREAD, HALF_SEEN[1] - 2 * LOSSY_SPREAD
    return INDEX_AS_GREY if near[none : full + 1].max() > LOSSY_SHARE * counts[none:].sum() else None


def is_soft(grey: np.ndarray) -> bool:
    """Say whether greys from 0 to 255 that a palette numbers are the amounts of one object: its edges are soft, and nothing else is."""
    seen = np.flatnonzero(np.bincount(grey.ravel()))
    half = np.count_nonzero((seen >= HALF_SEEN[0]) & (seen <= HALF_SEEN[1]))
    whole = seen[0] < HALF_SEEN[0] and seen[-1] > HALF_SEEN[1]
    return bool(whole and half >= GREYS_OF_SOFT_EDGES) and doubt_of_grey(grey / 255) is None


def doubt_of_colours(colours: np.ndarray) -> str | None:
    """Say what a mask of (H, W, 3) in [0, 1] looks like, if not like an object in each channel."""
    red, green, blue = (np.round(colours[..., place] * 31).astype(np.int32) for place in range(3))
    counts = np.bincount((red * 1024 + green * 32 + blue).ravel(), minlength=32**3)
    bins = np.arange(32**3)
    channels = np.stack((bins // 1024, bins // 32 % 32, bins % 32))
    clean = np.all((channels <= 1) | (channels >= 30), axis=0)
    if counts[clean].sum() < CLEAN_SHARE * counts.sum() and np.sort(counts)[-LABEL_COLOURS:].sum() < LABELLED_SHARE * counts.sum():
        return NO_MASK
    counts[0] = 0
    seen = counts.sum()
    flat = np.sort(counts)[-LABEL_COLOURS:].sum() >= LABELLED_SHARE * seen
    return INDEX_AS_RGB if flat and bool((counts[~clean] >= LABEL_SHARE * seen).any()) else None
