"""What the layers of a matte are called: names that Nuke takes for layers, one for each object."""

from __future__ import annotations

import re
from typing import List, Sequence, Set

CRYPTOMATTE = "XMemRoto"
"""What the Cryptomatte of a matte is called."""
CRYPTOMATTE_LAYERS = tuple(f"{CRYPTOMATTE}{place:02d}" for place in range(3))
"""Its layers, as far as there are objects for them: each names two objects of a pixel."""

RESERVED = frozenset(
    (
        "rgba rgb alpha red green blue depth deep mask motion forward backward disparity other all none "
        "confidence core edge id matte matter"
    ).split()
    + [layer.lower() for layer in CRYPTOMATTE_LAYERS]
)
"""Layer names that Nuke or this program uses for something else, in any case."""

ORIGINAL_NAME = "xmem/name/"
"""Metadata of a matte: this and a layer's name give the name that the artist gave the object."""

MAX_LENGTH = 200
"""Longest name in characters. EXR takes 255 for a channel with its layer."""


_LAYER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_NODE_ID = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,99}")
EXCHANGE = "nuke"
"""Folder of the cache in which plugin and core hand each other files."""
COMPILED = "compiled"
"""Folder of the cache for what packages compile."""
PACE = "pace.json"
"""File of the cache that says how fast this machine is."""
TAKEN_NODE_IDS = ("features", EXCHANGE, COMPILED, PACE)
"""Names in the cache that belong to no node, in lower case."""


def is_layer_name(text: object) -> bool:
    """Say whether a text can be a name that `layer_names` gave. Other texts must not reach Nuke as a layer."""
    return isinstance(text, str) and _LAYER.fullmatch(text) is not None and len(text) <= MAX_LENGTH + 20


def is_node_id(text: object) -> bool:
    """Say whether something can name a node's folder in the cache, and no place outside of it."""
    return isinstance(text, str) and _NODE_ID.fullmatch(text) is not None and text.lower() not in TAKEN_NODE_IDS


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
        base = re.sub(r"[^A-Za-z0-9_]", "_", original)[:MAX_LENGTH] or "_"
        if base[0].isdigit() or base.lower() in RESERVED or not base.strip("_"):
            base = f"obj_{base}"
        name, number = base, 1
        while name in taken:
            number += 1
            name = f"{base}_{number}"
        taken.add(name)
        names.append(name)
    return names
