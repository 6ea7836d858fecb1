"""Names of layers: what Nuke takes, one for each object, the same on both sides of the wire."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xmemcore.protocol.names import RESERVED, layer_names


@pytest.mark.parametrize(
    ("originals", "layers"),
    [
        (["sleeve", "body"], ["sleeve", "body"]),
        (["left arm", "left-arm"], ["left_arm", "left_arm_2"]),
        (["a", "a", "a_2", "a"], ["a", "a_2", "a_2_2", "a_3"]),
        (["1", "2", "10"], ["obj_1", "obj_2", "obj_10"]),
        (["rgba", "depth", "other"], ["obj_rgba", "obj_depth", "obj_other"]),
        (["confidence", "core", "edge"], ["obj_confidence", "obj_core", "obj_edge"]),
        (["Depth"], ["obj_Depth"]),
        (["Arm", "arm"], ["Arm", "arm"]),
        (["ärmel.links"], ["_rmel_links"]),
        ([""], ["obj__"]),
        (["袖"], ["obj__"]),
        (["obj_1", "1"], ["obj_1", "obj_1_2"]),
        ([], []),
    ],
)
def test_names_become_layers(originals: list[str], layers: list[str]) -> None:
    assert layer_names(originals) == layers


@given(st.lists(st.text(max_size=12), max_size=12))
@settings(max_examples=80, deadline=None)
def test_every_object_gets_a_layer_of_its_own_that_nuke_takes(originals: list[str]) -> None:
    layers = layer_names(originals)
    assert len(layers) == len(set(layers)) == len(originals)
    for layer in layers:
        assert re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", layer)
        assert layer.lower() not in RESERVED


def test_very_long_name_still_fits_an_exr_channel() -> None:
    (layer,) = layer_names(["x" * 1000])
    assert len(f"{layer}.alpha") < 255
