"""The roto as the plugin reads it through nuke.rotopaint, against the same roto as the core reads it from text.

The stand-in evaluates curves and transforms by code of its own, so agreement is no circle.
"""

# ruff: noqa: UP031, E501 -- curves text is all braces and its lines are as long as Nuke writes them
from __future__ import annotations

import json

import numpy as np
import pytest

from tests import shared_data

pytestmark = pytest.mark.timeout(120)

HEAD = "AddMode 0 0 1 0 {{v x3f99999a} {f 0} {n {layer Root {f 0} {t 960 540} {a} "


def curves(*elements: str) -> str:
    return HEAD + " ".join("{%s}" % element for element in elements) + "}}}"


def triangle(name: str, keys: str = "1001", attributes: str = "", transform: str = "{t 250 186}", more: int = 1) -> str:
    """A triangle, keyed at one or several times; with several, x moves by 10 for each key."""
    count = len(keys.split())
    times = keys if count == 1 else "{%s}" % keys

    def number(value: float) -> str:
        if value == 0 or count == 1:
            return str(value)
        return "{%s}" % " ".join("{%d %s}" % (value + 10 * i * more, "0.5 1 1.5 1" if i else "-") for i in range(count))

    points = " ".join("{0 0} {%s %s} {0 0}" % (number(x), number(y)) for x, y in ((100, 100), (400, 100), (250, 360)))
    return "curvegroup %s 512 bezier {{cc {f 8192} {px %s %s}} idem} %s {a %s}" % (name, times, points, transform, attributes)


@pytest.fixture
def roto(start):
    """Make a Roto of curves text and read it."""
    stage = start()

    def make(text: str, one_object: bool = False):
        from xmem_roto_nuke.roto import rotopaint as reader

        node = stage.nuke.nodes.Roto()
        node["curves"].fromScript(text)
        return reader.read_objects(node["curves"], "Roto1", one_object)

    return make


def edits(**kinds):
    from xmem_roto_nuke.roto.rotopaint import KeyEdits

    return KeyEdits(**kinds)


def frames(reading) -> dict[str, list[int]]:
    from xmem_roto_nuke.roto.rotopaint import keyframes

    return keyframes(reading, edits())


def test_every_top_level_shape_and_layer_is_an_object_topmost_first(roto):
    layer = "layer body {f 512} {t 0 0} {a} {%s} {%s}" % (triangle("arm"), triangle("leg", "1010"))
    reading = roto(curves(triangle("sleeve"), layer, triangle("sleeve", "1005")))
    assert frames(reading) == {"sleeve": [1001], "body": [1001, 1010], "sleeve_2": [1005]}


def test_two_shapes_with_different_keyframes_are_known_on_their_own_frames_only(roto):
    from xmem_roto_nuke.roto.rotopaint import roto_json

    written = roto_json(roto(curves(triangle("one", "1001 1020"), triangle("two", "1010"))), edits(), (1920, 1080, 1.0))
    assert [sorted(one["frames"]) for one in written["objects"]] == [["1001", "1020"], ["1010"]]


def test_all_shapes_as_one_object_keep_their_stacking(roto):
    reading = roto(curves(triangle("top", "1001"), triangle("bottom", "1010")), one_object=True)
    assert frames(reading) == {"roto": [1001, 1010]}
    assert [leaf.shape.name for leaf in reading.objects[0].leaves] == ["bottom", "top"]


@pytest.mark.parametrize(
    ("attributes", "transform", "expected"),
    [
        ("opc {{1001 1} {1007 0.5} {1009 0}}", "{t 0 0}", [1001, 1009]),
        ("vis {{1003 1} {1009 0} {1012 1}}", "{t 0 0}", [1001, 1009]),
        ("ff {{1003 1} {1009 2}}", "{t 0 0}", [1001]),
        ("", "{t 0 0 0 {{1004 0 -} {1008 50 -}}}", [1001, 1004, 1008]),
        ("", "{t {{1004 0 -} {1008 50 -}} 0}", [1001]),
        ("", "{tx 1 0}", [1001]),
        ("", "{t 0 0 0 {%s}}" % " ".join("{%d %d}" % (1001 + i, i) for i in range(30)), [1001]),
        ("", "{t 0 0 0 {=frame*2 20}}", [1001]),
    ],
    ids=[
        "opacity 0 is a keyframe, any other is none",
        "hidden is a keyframe, shown is none",
        "falloff does not count",
        "transform",
        "pivot does not count",
        "a transform that nobody touched does not count",
        "baked does not count",
        "expressions never",
    ],
)
def test_keyframes_are_those_of_points_and_transforms_that_are_not_baked_and_where_a_key_hides_the_shape(
    roto, attributes, transform, expected
):
    assert frames(roto(curves(triangle("one", attributes=attributes, transform=transform))))["one"] == expected


def test_edits_add_remove_and_declare_absent(roto):
    from xmem_roto_nuke.roto.rotopaint import roto_json

    reading = roto(curves(triangle("one", "1001 1010")))
    written = roto_json(reading, edits(added={"one": {1005}}, removed={"one": {1010}}, absent={"one": {1020}}), (1920, 1080, 1.0))
    known = written["objects"][0]["frames"]
    assert sorted(known) == ["1001", "1005", "1020"] and known["1020"] == {"shapes": []}
    assert known["1005"]["shapes"][0]["points"][0][0][0] == pytest.approx(100 + 10 * 4 / 9, abs=1e-3)


@pytest.mark.parametrize(
    "attributes",
    ["vis 0", "opc 0", "ltt 2 ltn 1005 ltm 1005", "ltt 3 ltn 1002 ltm 1002", "ltt 1 ltn 1 ltm 1000", "ltt 4 ltn 1002 ltm 1009"],
)
def test_what_does_not_show_is_absent_and_not_unknown(roto, attributes):
    from xmem_roto_nuke.roto.rotopaint import roto_json

    written = roto_json(roto(curves(triangle("one", attributes=attributes))), edits(), (1920, 1080, 1.0))
    assert written["objects"][0]["frames"] == {"1001": {"shapes": []}}


def test_an_invisible_layer_hides_its_shapes(roto):
    from xmem_roto_nuke.roto.rotopaint import roto_json

    layer = "layer body {f 512} {t 0 0} {a vis {{1001 1} {1005 0}}} {%s}" % triangle("arm")
    written = roto_json(roto(curves(layer)), edits(), (1920, 1080, 1.0))["objects"][0]["frames"]
    assert len(written["1001"]["shapes"]) == 1 and written["1005"]["shapes"] == []


def test_strokes_are_named_and_spoil_the_union_check(roto):
    from xmem_roto_nuke.roto.rotopaint import every_shape_counts

    stroke = "cubiccurve Brush1 512 catmullrom {cc {f 2080} {px 1001 {10 10} {20 20} {30 10}}} {t 0 0} {a}"
    reading = roto(curves(stroke, triangle("one")))
    assert "Brush1" in reading.warnings[0] and list(frames(reading)) == ["one"]
    assert not every_shape_counts(reading, edits())


def test_a_roto_without_shapes_is_refused(roto):
    from xmemcore.protocol.failures import RequestError

    with pytest.raises(RequestError, match="no shapes"):
        roto(curves())


FEATHERED = (
    "curvegroup soft 512 bezier {{cc {f 8192} {p {0 0} {100 100} {0 0} {-20 5} {400 100} {30 -5} {0 0} {250 360} {0 0}}} "
    "{cc {f 8192} {p {0 0} {-10 -12} {0 0} {-20 5} {14 -9} {30 -5} {0 0} {0 22} {0 0}}}} {t 250 186 0 5 -7 0 0 0 30 1.5 0.75} {a fx 6 fy 3 ff 2 opc 0.5}"
)
SPLINE = "curvegroup spline 512 bspline {{cc {f 8192} {p {100 100} {400 100} {380 300} {120 280}}} {cc {f 8192} {p {-5 -5} {5 -5} {5 5} {-5 5}}}} {t 0 0} {a ft 2}"
OPEN = "curvegroup open 1049088 bezier {{cc {f 8224} {p {0 0} {100 100} {10 0} {0 0} {400 120} {0 0}}} idem} {t 0 0 0 0 0 0 0 0 0 2 2} {a osw 7}"
NESTED = "layer outer {f 512} {t 100 50 0 {{1001 0 -} {1010 90 -}} 20 0 0 0 15} {a} {layer inner {f 512} {t 30 40 0 0 0 0 0 0 -40 0.5 2} {a} {%s}}"


@pytest.mark.parametrize(
    "text",
    [
        curves(triangle("one", "1001 1010 1030")),
        curves(FEATHERED),
        curves(SPLINE),
        curves(OPEN),
        curves(NESTED % triangle("deep", "1001 1010")),
        curves(triangle("a", "1001"), FEATHERED, NESTED % triangle("deep", "1001 1010", "inv 1 bm 5")),
        curves("layer body {f 512} {t 0 0} {a opc 0.5} {%s}" % triangle("arm", attributes="opc 0.5")),
    ],
    ids=["moving", "feathered and turned", "b-spline", "open", "nested layers", "several", "opacity of a layer"],
)
@pytest.mark.parametrize("frame", [995, 1001, 1004, 1010, 1040])
def test_plugin_and_core_read_the_same_shapes_from_the_same_roto(roto, text, frame):
    compare(roto(text), text, frame)


def compare(reading, text: str, frame: int) -> None:
    """The plugin's reading as JSON, read by the core, is what the core reads from the text."""
    from xmem_roto_nuke.roto.rotopaint import names, roto_json
    from xmemcore.roto import roto_json as core_json
    from xmemcore.roto.read import read_roto

    every = {name: {frame} for name in names(reading)}
    written = json.dumps(roto_json(reading, edits(added=every), (1920, 1080, 1.0)))
    plugin = {one.name: one.at(frame) for one in core_json.parse(written, "plugin").objects}
    core = {one.name: one.at(frame) for one in read_roto(text).objects}
    assert list(plugin) == list(core)
    for name, shapes in core.items():
        assert len(plugin[name]) == len(shapes), name
        for ours, theirs in zip(plugin[name], shapes):
            np.testing.assert_allclose(ours.points, theirs.points, atol=2e-3)
            assert (ours.feather is None) == (theirs.feather is None)
            if ours.feather is not None:
                np.testing.assert_allclose(ours.feather, theirs.feather, atol=2e-3)
            if ours.widths is not None and "{{a osw" not in text:  # the width of single points is in the text alone
                np.testing.assert_allclose(ours.widths, theirs.widths, rtol=1e-3)
            for field in ("closed", "inverted", "blending", "feather_type"):
                assert getattr(ours, field) == getattr(theirs, field), field
            assert ours.opacity == pytest.approx(theirs.opacity, abs=1e-5)
            assert ours.feather_falloff == pytest.approx(theirs.feather_falloff, abs=1e-5)


@pytest.mark.parametrize("name", shared_data.names("nuke-samples/roto/snippets", "*.nk"))
def test_plugin_and_core_agree_on_rotos_of_real_artists(start, shared, name):
    stage = start()
    stage.host.open(shared / "nuke-samples" / "roto" / "snippets" / name, unknown="inert")
    from xmem_roto_nuke.roto import rotopaint as reader
    from xmemcore.protocol.failures import RequestError

    compared = 0
    for node in [node for node in stage.host.all_nodes() if node.Class() in reader.CLASSES]:
        if "{=" in node["curves"].toScript() or '"=' in node["curves"].toScript():
            continue  # Nuke evaluates expressions, the core takes the number beside them and says so
        try:
            reading = reader.read_objects(node["curves"], node.name(), one_object=False)
        except RequestError:
            continue
        for frame in (1, 10, 37, 1001):
            compare(reading, node["curves"].toScript(), frame)
            compared += 1
    if not compared:
        pytest.skip("no shapes in this sample")
