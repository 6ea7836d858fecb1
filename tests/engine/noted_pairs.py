"""Which pairs of frames are measured."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from xmemcore.engine import nearness


def note_pairs(monkeypatch: pytest.MonkeyPatch) -> list[frozenset[str]]:
    """Note the pairs that are measured from now on."""
    pairs: list[frozenset[str]] = []
    measure: Callable = nearness._nearest
    monkeypatch.setattr(nearness, "_nearest", lambda one, two, sides: (pairs.append(frozenset((one, two))), measure(one, two, sides))[1])
    return pairs
