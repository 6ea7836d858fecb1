"""What the layers of a matte are called: names that Nuke takes for layers, one for each object."""

from __future__ import annotations

import re
from typing import List, Sequence, Set

RESERVED = frozenset(
    "rgba rgb depth other confidence core edge alpha red green blue mask motion forward backward disparity deep all none id matte matter".split()
)
"""Layers that Nuke or we use for something else."""


def layer_names(originals: Sequence[str]) -> List[str]:
    """Name a layer for each object.

    Args:
        originals: the artist's names, in roto order.

    Returns:
        Names of the characters [A-Za-z0-9_], not beginning with a digit, none reserved, none twice.
    """
    names: List[str] = []
    taken: Set[str] = set()
    for original in originals:
        base = re.sub(r"[^A-Za-z0-9_]", "_", original) or "_"
        if base[0].isdigit() or base.lower() in RESERVED or not base.strip("_"):
            base = f"obj_{base}"
        name, number = base, 1
        while name.lower() in taken:
            number += 1
            name = f"{base}_{number}"
        taken.add(name.lower())
        names.append(name)
    return names
