"""A fingerprint sees an artist's hand and not a file format's rounding."""

from __future__ import annotations

import random
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xmem_roto_nuke.staleness.fingerprint import fingerprint, is_same


def shapes(count: int, seed: int = 0, size: float = 4096.0):
    rng = random.Random(seed)
    points = [[[rng.uniform(-50, size), rng.uniform(-50, size)] for _ in range(3)] for _ in range(count)]
    return {"shapes": [{"points": points, "closed": True, "blending": "over", "opacity": 1.0}]}


def saved(content):
    """As after saving and reopening: every fractional number in single precision."""
    if isinstance(content, float):
        return struct.unpack("f", struct.pack("f", content))[0]
    if isinstance(content, dict):
        return {key: saved(value) for key, value in content.items()}
    return [saved(value) for value in content] if isinstance(content, list) else content


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 400), st.integers(0, 10_000))
def test_saving_and_reopening_is_no_change(count, seed):
    content = shapes(count, seed)
    assert is_same(fingerprint(content), fingerprint(saved(content)))


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 400), st.integers(0, 10_000), st.sampled_from([-0.5, 0.5, 3.0]))
def test_one_coordinate_moved_by_half_a_pixel_is_seen(count, seed, by):
    content = shapes(count, seed)
    before = fingerprint(content)
    content["shapes"][0]["points"][seed % count][seed % 3][seed % 2] += by
    assert not is_same(before, fingerprint(saved(content)))


@pytest.mark.parametrize("change", [{"blending": "max"}, {"closed": False}, {"opacity": 0.5}, {"points": []}])
def test_what_is_not_a_coordinate_is_seen_too(change):
    content = shapes(5)
    before = fingerprint(content)
    content["shapes"][0].update(change)
    assert not is_same(before, fingerprint(content))


def test_absent_is_not_the_same_as_a_shape_and_equals_itself():
    assert is_same(fingerprint({"shapes": []}), fingerprint({"shapes": []}))
    assert not is_same(fingerprint({"shapes": []}), fingerprint(shapes(3)))
