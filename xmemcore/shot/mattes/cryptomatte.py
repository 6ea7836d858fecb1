"""Cryptomatte layers: every pixel's objects by the hash of their names, the one that covers most first, and the names in the metadata.

Source: Friedman & Jones, "Fully automatic ID mattes with support for motion blur and transparency", SIGGRAPH 2015 posters, and the
specification 1.2.0 of 2016: MurmurHash3_x86_32 of the UTF-8 name, its bits read as a float32 whose exponent is neither 0 nor 255.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from xmemcore.protocol.failures import RequestError
from xmemcore.protocol.names import CRYPTOMATTE, CRYPTOMATTE_LAYERS

MOST_RANKS = 2 * len(CRYPTOMATTE_LAYERS)
"""Objects that a pixel can name, as renderers write."""


def require_usable() -> None:
    """Raise RequestError unless names can be hashed."""
    try:
        import mmh3  # noqa: F401
    except ImportError as error:
        raise RequestError(
            "Cryptomatte needs the package mmh3, which is not installed here. Run `bootstrap.py setup --extras cryptomatte`, "
            "or leave out --cryptomatte."
        ) from error


def name_bits(name: str) -> int:
    """Give the 32 bits that stand for a name."""
    import mmh3

    bits = int(mmh3.hash(name.encode("utf-8", "replace"), signed=False))
    return bits ^ (1 << 23) if (bits >> 23) & 255 in (0, 255) else bits


def name_id(name: str) -> np.float32:
    """Give the value of a name in the layers."""
    return np.uint32(name_bits(name)).view(np.float32)


def metadata(names: Sequence[str]) -> dict[str, str]:
    """Give the attributes that say what the layers are, and which name has which hash."""
    key = f"cryptomatte/{name_bits(CRYPTOMATTE):08x}"[:-1]
    manifest = {name: f"{name_bits(name):08x}" for name in names}
    return {
        f"{key}/name": CRYPTOMATTE,
        f"{key}/hash": "MurmurHash3_32",
        f"{key}/conversion": "uint32_to_float32",
        f"{key}/manifest": json.dumps(manifest, separators=(",", ":"), ensure_ascii=True),
    }


@dataclass(frozen=True)
class Ranked:
    """The objects of each pixel by how much they cover."""

    ids: np.ndarray
    """(ranks, H, W) float32; 0 where there is nothing."""
    coverage: np.ndarray
    """(ranks, H, W) float32, falling; an object of another object (a sleeve of a body) counts by itself, so that they may sum to over 1."""

    def channels(self) -> dict[str, np.ndarray]:
        """Name the planes as an EXR has them: R and G the id and coverage of one rank, B and A of the next."""
        planes = {}
        for rank in range(len(self.ids)):
            layer, first = CRYPTOMATTE_LAYERS[rank // 2], rank % 2 == 0
            planes[f"{layer}.{'R' if first else 'B'}"] = self.ids[rank]
            planes[f"{layer}.{'G' if first else 'A'}"] = self.coverage[rank]
        return planes


def ranked(names: Sequence[str], mattes: Iterable[np.ndarray], size: tuple[int, int]) -> Ranked:
    """Rank the objects of every pixel.

    Args:
        names: of the objects, as the artist has them.
        mattes: (H, W) in [0, 1] each.
        size: H and W.
    """
    ranks = min(len(names) + len(names) % 2, MOST_RANKS)
    ids = np.zeros((ranks, *size), np.float32)
    coverage = np.zeros_like(ids)
    for name, matte in zip(names, mattes):
        # Sorted in from below: what is weaker moves down one rank.
        value, share = np.full(matte.shape, name_id(name)), matte.astype(np.float32)
        value[share == 0] = 0
        for rank in range(ranks):
            wins = share > coverage[rank]
            ids[rank], value = np.where(wins, value, ids[rank]), np.where(wins, ids[rank], value)
            coverage[rank], share = np.where(wins, share, coverage[rank]), np.where(wins, coverage[rank], share)
    return Ranked(ids, coverage)
