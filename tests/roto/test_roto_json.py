"""The roto JSON: as DESIGN has it, the same shapes as the text it was made of, and its mistakes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.roto.made_roto import cc, circle, corners, curves, layer, shape, square
from xmemcore.curves.script import Format
from xmemcore.protocol.failures import RequestError
from xmemcore.roto import PixelGrid, Roto, RotoObject, rasterise, read_roto, roto_json

EXAMPLE = {
    "version": 1,
    "format": [64, 48, 2.0],
    "objects": [
        {
            "name": "sleeve",
            "frames": {
                "1001": {
                    "shapes": [
                        {
                            "points": [[[10, 10], [0, 0], [0, 0]], [[30, 10], [0, 0], [0, 0]], [[30, 30], [0, 0], [0, 0]]],
                            "feather": None,
                            "closed": True,
                            "opacity": 1.0,
                            "inverted": False,
                            "blending": "over",
                            "feather_falloff": 1.0,
                        }
                    ]
                },
                "-5": {"shapes": []},
            },
        }
    ],
}
HIDDEN = '{"version": 1, "format": [1, 2, 1], "objects": [{"name": "a", "hidden": %s, "frames": {}}]}'
GRID = PixelGrid(64, 48)


def changed(**changes: object) -> str:
    """Write the example with its shape changed."""
    text = json.loads(json.dumps(EXAMPLE))
    text["objects"][0]["frames"]["1001"]["shapes"][0].update(changes)
    return json.dumps(text)


def test_the_designs_example_is_read(tmp_path: Path) -> None:
    path = tmp_path / "roto.json"
    path.write_text(json.dumps(EXAMPLE))
    roto = read_roto(path)
    assert roto.format == Format(64, 48, 2.0)
    obj = roto.objects[0]
    assert (obj.name, obj.keyframes) == ("sleeve", (-5, 1001))
    assert obj.at(-5) == [] and obj.has(1001) and not obj.has(1002)
    assert rasterise(obj.at(1001), GRID).sum() == pytest.approx(200)


def test_what_is_written_is_the_designs_form() -> None:
    written = json.loads(roto_json.write(read_roto(json.dumps(EXAMPLE))))
    assert written == EXAMPLE


def test_a_text_and_its_json_give_the_same_rasters_everywhere() -> None:
    main = cc(["-6 0", "20 8", "6 0", "0 -6", "40 20", "0 6", "6 0", "20 40", "-6 0", "0 6", "6 20", "0 -6"], "{1001 1011}")
    feather = cc(["-8 0", "{{3 -} {6 -}} 0", "8 0"] + ["0 0"] * 9, "{1001 1011}")
    turned = shape("a", main, feather, "{t 20 20 0 2 1 0 0 0 30 0.8 1.1}", "opc {{1001 0.8 -} {1011 1 -}} ff 1.5 ft 3")
    text = curves(
        layer("body", turned, square("b", 30, 5, 12)),
        square("c", 3, 3, 9, attributes="inv 1 bm 13 fx 2 fy 3"),
        shape("d", cc(corners((5, 40), (60, 44)), "1001", flags=8224), attributes="osw 5"),
        transform="{t 32 24 0 0 0 0 0 0 {{1001 0 -} {1011 20 -}}}",
    )
    roto = read_roto(text)
    again = read_roto(roto_json.write(roto, {obj.name: range(1000, 1013, 3) for obj in roto.objects}))
    assert [obj.name for obj in again.objects] == ["body", "c", "d"]
    for original, other in zip(roto.objects, again.objects):
        for frame in range(1000, 1013, 3):
            assert np.array_equal(rasterise(original.at(frame), GRID), rasterise(other.at(frame), GRID))


def test_an_absent_object_is_written_as_such() -> None:
    roto = read_roto(curves(square("a", 0, 0, 5, "{1 9}", "vis {{1 1 0 1 0 1 0} {9 0 0 1 0 1 0}}")))
    written = json.loads(roto_json.write(roto, image_format=Format(64, 48, 1.0)))
    assert written["objects"][0]["frames"]["9"] == {"shapes": []}
    assert written["format"] == [64, 48, 1.0]


def test_an_open_shape_without_widths_has_nukes_default() -> None:
    thin = [[[4, 20], [0, 0], [0, 0]], [[60, 20], [0, 0], [0, 0]]]
    drawn = rasterise(read_roto(changed(points=thin, closed=False)).objects[0].at(1001), GRID)
    assert drawn[:, 30].sum() == pytest.approx(10)
    assert "10 pixels: sleeve" in read_roto(changed(points=thin, closed=False)).warnings[0]


def test_feather_comes_through() -> None:
    shape = circle(30, 20, 10, feather=6)
    roto = Roto((RotoObject("a", (1,), lambda frame: [shape]),), Format(64, 48, 1.0), ())
    again = read_roto(roto_json.write(roto))
    assert np.array_equal(again.objects[0].at(1)[0].feather, shape.feather)


def test_hidden_frames_come_through() -> None:
    roto = read_roto(curves(square("a", 0, 0, 5, "{1 9}", "vis {{1 1 0 1 0 1 0} {5 0 0 1 0 1 0} {8 1 0 1 0 1 0}}")))
    written = roto_json.write(roto, image_format=Format(64, 48, 1.0), plate=range(1, 11))
    (again,) = read_roto(written).objects
    assert [frame for frame in range(1, 11) if again.absent(frame)] == [5, 6, 7] and again.keyframes == roto.objects[0].keyframes


@pytest.mark.parametrize("version", [0, 3, "1", None])
def test_another_version_says_which(version: object) -> None:
    with pytest.raises(RequestError, match=f"version {version!r}; this program reads 1"):
        read_roto(json.dumps({**EXAMPLE, "version": version}))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('{"version": 1, "format": [1, 2, 1], "objects": [', "it is no JSON .*line 1 column"),
        ('{"a": 1}', "it has no version"),
        ("[1, 2]", "it has no version"),
        ("{}", "it has no version"),
        ('{"version": 1, "format": [1, 2, 1]}', "'objects' is missing"),
        ('{"version": 1, "format": [1, 2], "objects": []}', "the format is"),
        ('{"version": 1, "format": [1, 2, 1], "objects": [{"frames": {}}]}', "'name' is missing"),
        ('{"version": 1, "format": [1, 2, 1], "objects": [{"name": "", "frames": {}}]}', "has no name"),
        (
            '{"version": 1, "format": [1, 2, 1], "objects": [{"name": "a", "frames": {"x": {"shapes": []}}}]}',
            "frame 'x', which",
        ),
        ('{"version": 1, "format": [1, 2, 1], "objects": [{"name": "a", "frames": {"1": {}}}]}', "'a' at frame 1: shapes should be a list"),
        ('{"version": 1, "format": [1, 2, 1], "objects": []}', "it has no object"),
        ('{"version": 1, "format": [1, 2, 1], "objects": null}', "objects should be a list"),
        ('{"version": 1, "format": [1, 2, 1], "objects": [{"name": "a", "frames": null}]}', "the frames of 'a' should be"),
        (
            '{"version": 1, "format": [1, 2, 1], "objects": [{"name": "a", "frames": {"3": {"shapes": 1}}}]}',
            "'a' at frame 3: shapes",
        ),
        (changed(points=[[[float("nan"), 2], [0, 0], [0, 0]]] * 3), "shape 1 of 'sleeve' at frame 1001: a coordinate of a point is nan"),
        (changed(points=[[[1e300, 2], [0, 0], [0, 0]]] * 3), "a coordinate of a point is 1e[+]300, but must be in"),
        (changed(points=[[[2**64, 2], [0, 0], [0, 0]]] * 3), "a coordinate of a point is 18446744073709551616, but must be in"),
        (changed(points=[[[10**39, 2], [0, 0], [0, 0]]] * 3), "a coordinate of a point is 1000"),
        (changed(points=[[[True, 2], [0, 0], [0, 0]], [["1", 2], [0, 0], [0, 0]]]), "which is no number"),
        (changed(points=[]), "shape 1 of 'sleeve' at frame 1001: it has 0 points, which enclose nothing"),
        (changed(opacity=float("nan")), "its opacity is nan, which is no finite number"),
        (changed(feather_falloff=float("inf")), "its feather falloff is inf"),
        (changed(widths=[1, float("nan"), 2], closed=False), "a width is nan"),
        (changed(opacity=[1]), "its opacity is a list, which is no number"),
        (changed(blending=["over"]), "blending mode a list is unknown"),
        ("[" * 90_000, "nested too deeply"),
        ('{"version": ' + "1" * 5000 + "}", "a number of 5000 digits"),
        ('{"version": 1, "format": [1e9, 2, 1], "objects": [{"name": "a", "frames": {}}]}', "a side of the format is 1e[+]09"),
        ('{"version": 1, "format": [1, 2, 0], "objects": [{"name": "a", "frames": {}}]}', "the pixel aspect is 0"),
        ('{"version": 1, "format": [1, 2, 1], "objects": [{"name": "a", "frames": {"1_0": {"shapes": []}}}]}', "frame '1_0', which"),
        (changed(points=[[1, 2]]), "points are"),
        (changed(points=[[[1, 2], [0, 0]], [[1, 2]]]), "no roto JSON of version 1"),
        (changed(points=[["a", "b"]]), "no roto JSON of version 1"),
        (changed(feather=[[[0, 0], [0, 0], [0, 0]]]), "1 feather points for 3 points"),
        (changed(blending="dissolve"), "blending mode 'dissolve' is unknown"),
        (changed(feather_type="rough"), "feather type 'rough' is unknown"),
        (changed(closed="yes"), "true or false was expected"),
        (changed(widths=[1]), "has 1 widths"),
        (changed(opacity=None), "no roto JSON of version 1"),
        (HIDDEN % '"1010-x"', "where 'a' is hidden, '1010-x', is no frame range"),
        (HIDDEN % "7", "where 'a' is hidden, 7, is no frame range"),
    ],
    ids=range(41),
)
def test_broken_json_says_what_is_wrong(text: str, sentence: str) -> None:
    with pytest.raises(RequestError, match=sentence):
        read_roto(text)
