"""Rotos read once as text: objects, keyframes, what is sampled because a text cannot tell it, and what a later look sees.

The stand-in evaluates curves, transforms and expressions by code of its own, so agreement with the text is no circle.
"""

# ruff: noqa: UP031, E501 -- curves text is all braces and its lines are as long as Nuke writes them
from __future__ import annotations

import numpy as np
import pytest

from tests import shared_data
from tests.nuke_plugin.drawn_rotos import FEATHERED, NESTED, curves, read, triangle

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def roto(start):
    """Make a Roto of curves text and read it."""
    stage = start()

    def make(text: str, one_object: bool = False):
        node = stage.nuke.nodes.Roto()
        node["curves"].fromScript(text)
        return read([node], one_object)

    return make


def edits(**kinds):
    from xmem_roto_nuke.roto.key_edits import KeyEdits

    return KeyEdits(**kinds)


def frames(reading) -> dict[str, list[int]]:
    from xmem_roto_nuke.roto.reading import keyframes

    return keyframes(reading, edits())


def send(reading, every=(), **kinds):
    from xmem_roto_nuke.roto.reading import send

    return send(reading, edits(**kinds), (1920, 1080, 1.0), every)


def core(reading, every=(), **kinds) -> dict:
    """Read what is sent as the core does: objects by name."""
    from xmemcore.roto import read_roto

    return {obj.name: obj for obj in read_roto(send(reading, every, **kinds).roto.write()).objects}


def test_every_top_level_shape_and_layer_is_an_object_topmost_first(roto):
    layer = "layer body {f 512} {t 0 0} {a} {%s} {%s}" % (triangle("arm"), triangle("leg", "1010"))
    reading = roto(curves(triangle("sleeve"), layer, triangle("sleeve", "1005")))
    assert frames(reading) == {"sleeve": [1001], "body": [1001, 1010], "sleeve_2": [1005]}


def test_two_shapes_with_different_keyframes_are_known_on_their_own_frames_only(roto):
    sent = send(roto(curves(triangle("one", "1001 1020"), triangle("two", "1010"))))
    assert sent.roto.keyframes == {"one": (1001, 1020), "two": (1010,)}
    assert {name: sorted(known) for name, known in sent.states.items()} == {"one": ["1001", "1020"], "two": ["1010"]}


def test_all_shapes_as_one_object_keep_their_stacking(roto):
    reading = roto(curves(triangle("top", "1001"), triangle("bottom", "1010")), one_object=True)
    assert frames(reading) == {"roto": [1001, 1010]}
    assert [placed.shape.name for placed in reading.objects[0].placed] == ["bottom", "top"]
    assert list(core(reading)) == ["roto"]


@pytest.mark.parametrize(
    ("attributes", "transform", "expected"),
    [
        ("opc {{1001 1} {1007 0.5} {1009 0}}", "{t 0 0}", [1001]),
        ("vis {{1003 1} {1009 0} {1012 1}}", "{t 0 0}", [1001]),
        ("ff {{1003 1} {1009 2}}", "{t 0 0}", [1001]),
        ("", "{t 0 0 0 {{1004 0 -} {1008 50 -}}}", [1001, 1004, 1008]),
        ("", "{t {{1004 0 -} {1008 50 -}} 0}", [1001]),
        ("", "{tx 1 0}", [1001]),
        ("", "{t 0 0 0 {%s}}" % " ".join("{%d %d}" % (1001 + i, i) for i in range(30)), [1001]),
        ("", "{t 0 0 0 {=frame*2 20}}", [1001]),
    ],
    ids=[
        "opacity says when and not where",
        "visibility likewise",
        "falloff does not count",
        "transform",
        "pivot does not count",
        "a transform that nobody touched does not count",
        "baked does not count",
        "expressions never",
    ],
)
def test_keyframes_are_those_of_points_and_of_transforms_that_are_not_baked(roto, attributes, transform, expected):
    assert frames(roto(curves(triangle("one", attributes=attributes, transform=transform))))["one"] == expected


def test_edits_add_remove_and_declare_absent(roto):
    reading = roto(curves(triangle("one", "1001 1010")))
    obj = core(reading, added={"one": {1005}}, removed={"one": {1010}}, absent={"one": {1020}})["one"]
    assert obj.keyframes == (1001, 1005, 1020) and obj.absent(1020) and obj.at(1020) == []
    assert obj.at(1005)[0].points[0, 0, 0] == pytest.approx(100 + 10 * 4 / 9, abs=1e-3)


@pytest.mark.parametrize(
    ("attributes", "gone"),
    [
        ("vis 0", "1001-1012"),
        ("opc 0", "1001-1012"),
        ("vis {{1001 1} {1005 0} {1009 1}}", "1005-1008"),
        ("opc {{1001 1 0 1 0 1} {1005 0} {1012 0}}", "1005-1012"),
        ("ltt 2 ltn 1005 ltm 1005", "1001-1004,1006-1012"),
        ("ltt 3 ltn 1002 ltm 1002", "1001"),
        ("ltt 1 ltn 1 ltm 1000", "1001-1012"),
        ("ltt 4 ltn 1002 ltm 1009", "1001,1010-1012"),
        ("vis {=frame>1004 1}", "1001-1004"),
        ("ltt 4 ltn {=1003 0} ltm {=1003+4 0}", "1001-1002,1008-1012"),
    ],
)
def test_a_hidden_object_is_absent_on_every_frame_of_the_range_keyed_or_not(roto, attributes, gone):
    from xmemcore.protocol.frames import FrameRange

    reading, wanted = roto(curves(triangle("one", attributes=attributes))), range(1001, 1013)
    sent, obj = send(reading, wanted), core(reading, wanted)["one"]
    assert sent.hidden == {"one": gone}
    assert str(FrameRange.of([frame for frame in wanted if obj.absent(frame)])) == gone
    assert bool(obj.at(1001)) != (1001 in FrameRange.parse(gone))


def test_an_invisible_layer_hides_its_shapes(roto):
    layer = "layer body {f 512} {t 0 0} {a vis {{1001 1} {1005 0}}} {%s}" % triangle("arm", "1001 1005")
    body = core(roto(curves(layer)))["body"]
    assert len(body.at(1001)) == 1 and body.at(1005) == [] and body.absent(1006)


def test_strokes_are_named_and_spoil_the_union_check(roto):
    from xmem_roto_nuke.roto.reading import every_shape_counts

    stroke = "cubiccurve Brush1 512 catmullrom {cc {f 2080} {px 1001 {10 10} {20 20} {30 10}}} {t 0 0} {a}"
    reading = roto(curves(stroke, triangle("one")))
    assert "Brush1" in reading.warnings[0] and list(frames(reading)) == ["one"]
    assert not every_shape_counts(reading, edits())


def test_a_roto_without_shapes_is_refused(roto):
    from xmemcore.protocol.failures import RequestError

    with pytest.raises(RequestError, match="no shapes"):
        roto(curves())


SPLINE = "curvegroup spline 512 bspline {{cc {f 8192} {p {100 100} {400 100} {380 300} {120 280}}} {cc {f 8192} {p {-5 -5} {5 -5} {5 5} {-5 5}}}} {t 0 0} {a ft 2}"
OPEN = "curvegroup open 1049088 bezier {{cc {f 8224} {p {0 0} {100 100} {10 0} {0 0} {400 120} {0 0}}} idem} {t 0 0 0 0 0 0 0 0 0 2 2} {a osw 7}"


TEXTS = {
    "moving": curves(triangle("one", "1001 1010 1030")),
    "feathered and turned": curves(FEATHERED),
    "b-spline": curves(SPLINE),
    "open": curves(OPEN),
    "nested layers": curves(NESTED % triangle("deep", "1001 1010")),
    "several": curves(triangle("a", "1001"), FEATHERED, NESTED % triangle("deep", "1001 1010", "inv 1 bm 5")),
    "opacity of a layer": curves("layer body {f 512} {t 0 0} {a opc 0.5} {%s}" % triangle("arm", attributes="opc 0.5")),
}
FRAMES = (995, 1001, 1004, 1010, 1040)


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_nuke_places_every_point_where_the_text_says(roto, text):
    """All points are asked for, so that the stand-in's curves and matrices speak for every number."""
    compare(roto(text), FRAMES)


def compare(reading, frames) -> None:
    """The shapes with all points sampled through nuke.rotopaint are those of the text alone."""
    from xmem_roto_nuke.roto import sampling
    from xmemcore.curves import SentRoto, write_tree
    from xmemcore.roto import read_roto

    for node in reading.nodes:
        root = node.reading.root
        every = {path for path, _ in sampling.shapes_with_paths(root)}
        assert sampling.elsewhere(root, node.elements, frames) == []
        asked = write_tree(sampling.sampled(root, node.elements, every, frames, frames))
        of_text, of_nuke = (read_roto(SentRoto((1920, 1080, 1.0), ((node.name, text),)).write()) for text in (node.text, asked))
        assert [obj.name for obj in of_text.objects] == [obj.name for obj in of_nuke.objects]
        for ours, theirs in zip(of_text.objects, of_nuke.objects):
            for frame in frames:
                assert len(ours.at(frame)) == len(theirs.at(frame)), ours.name
                for shape, other in zip(ours.at(frame), theirs.at(frame)):
                    np.testing.assert_allclose(shape.points, other.points, atol=2e-3)
                    if shape.feather is not None and other.feather is not None:
                        np.testing.assert_allclose(shape.feather, other.feather, atol=2e-3)


@pytest.mark.parametrize("name", shared_data.names("nuke-samples/roto/snippets", "*.nk"))
def test_text_and_nuke_agree_on_rotos_of_real_artists(start, shared, name):
    from xmemcore.curves.chain import CLASSES

    stage = start()
    stage.host.open(shared / "nuke-samples" / "roto" / "snippets" / name, unknown="inert")
    from xmemcore.protocol.failures import RequestError

    compared = 0
    for node in [node for node in stage.host.all_nodes() if node.Class() in CLASSES]:
        if "{=" in node["curves"].toScript() or '"=' in node["curves"].toScript():
            continue  # their trackers are in the scripts that these were cut from
        try:
            reading = read([node])
        except RequestError:
            continue
        compare(reading, (1, 10, 37, 1001))
        compared += 1
    if not compared:
        pytest.skip("no shapes in this sample")


def test_points_that_follow_an_expression_are_nukes_on_the_annotated_frames(roto):
    text = curves(triangle("one", "1001 1010")).replace("{{100 -} {110 0.5 1 1.5 1}}", "{=frame*2 {{100 -} {110 -}}}", 1)
    assert "=frame" in text
    obj = core(roto(text), added={"one": {1005}})["one"]
    assert obj.unknown is None
    assert [obj.at(frame)[0].points[0, 0, 0] for frame in (1001, 1005, 1010)] == [2002, 2010, 2020]


def test_a_layer_that_follows_a_tracker_moves_its_shapes_as_nuke_does(start):
    stage = start()
    tracker = stage.nuke.nodes.Grade(name="Tracker1")
    tracker["multiply"].fromScript("{curve L x1001 0 x1011 50}")
    node = stage.nuke.nodes.Roto()
    layer = "layer stuck {f 512} {t 50 50 0 {=Tracker1.multiply 0} 0 0 0 0 0 2 2} {a} {%s}" % triangle("box", "1001 1006 1011", more=0)
    node["curves"].fromScript(curves(layer))
    stuck = core(read([node]))["stuck"]
    left = [stuck.at(frame)[0].points[0, 0, 0] for frame in (1001, 1006, 1011)]
    assert left == pytest.approx([150, 175, 200], abs=1e-3), "enlarged about 50 and moved by the tracker"
    before = send(read([node])).states["stuck"]
    tracker["multiply"].fromScript("{curve L x1001 0 x1006 20 x1011 50}")
    after = send(read([node])).states["stuck"]
    assert after["1006"] != before["1006"] and after["1001"] == before["1001"]
    assert core(read([node]))["stuck"].at(1006)[0].points[0, 0, 0] == pytest.approx(170, abs=1e-3), "asked anew"


def test_a_shape_that_nuke_places_elsewhere_is_taken_from_nuke_and_named(roto):
    reading = roto(curves(triangle("one", "1001 1010 1030"), triangle("two", "1001")))
    reading.nodes[0].elements.at((0,))[0].center.getPositionAnimCurve(0).addKey(1010, 470.0)
    sent = send(reading)
    assert sent.warnings == ("Nuke places points of one elsewhere than the text of Roto1 says; they are taken as Nuke has them.",)
    assert core(reading)["one"].at(1010)[0].points[0, 0, 0] == 470
    assert core(reading)["one"].at(1030)[0].points[2, 0, 0] == 270, "its other points too"


def test_an_unchanged_text_is_read_and_compared_once(roto, monkeypatch):
    from xmem_roto_nuke.roto import sampling

    text, asked = curves(triangle("one", "1001 1010")), []
    original = sampling.elsewhere
    monkeypatch.setattr(sampling, "elsewhere", lambda *arguments: (asked.append(arguments[2]), original(*arguments))[1])
    for _ in range(3):
        send(roto(text))
    send(roto(text), added={"one": {1004}})
    assert asked == [[1001, 1010], [1004]]


def test_a_state_changes_with_what_is_drawn_and_with_nothing_else(roto):
    def states(text: str) -> dict:
        return send(roto(text)).states["one"]

    was = states(curves(triangle("one", "1001 1010")))
    same = states(curves(triangle("one", "1001 1010", "vis 1 opc 1 mb 4", "{t 250 186 0 0 0 0 0 0 0 1 1 1}")))
    assert was == same, "defaults that are written, and attributes that draw nothing"
    moved = states(curves(triangle("one", "1001 1010", more=2)))
    assert was["1001"] == moved["1001"] and was["1010"] != moved["1010"]
    for changed in (
        triangle("one", "1001 1010", "opc 0.5"),
        triangle("one", "1001 1010", "", "{t 250 186 0 1 0}"),
        triangle("one", "1001 1010", "vis 0"),
    ):
        assert states(curves(changed))["1001"] != was["1001"]


# --- chains


def test_a_chain_of_rotos_is_read_whole_and_objects_are_named_by_node_where_names_clash(start):
    stage = start()
    nuke = stage.nuke
    lower = nuke.nodes.Roto(name="Lower")
    lower["curves"].fromScript(curves(triangle("sleeve", "1001"), triangle("hat", "1001")))
    off = nuke.nodes.Blur(inputs=[nuke.nodes.NoOp(inputs=[nuke.nodes.PostageStamp(inputs=[lower])])], disable=True)
    silent = nuke.nodes.Roto(name="Silent", inputs=[nuke.nodes.Dot(inputs=[off])], disable=True)
    silent["curves"].fromScript(curves(triangle("ghost", "1001")))
    upper = nuke.nodes.Roto(name="Upper", inputs=[silent], motionblur_mode="global", useLifetime=True)
    upper["curves"].fromScript(curves(triangle("sleeve", "1005")))
    node = nuke.createNode("XMemRoto")
    node.setInput(1, nuke.nodes.Dot(inputs=[upper]))
    from xmem_roto_nuke.node import roto_pipe

    pipe = roto_pipe.above(node)
    assert [roto_node.name() for roto_node in pipe.rotos] == ["Upper", "Lower"]
    assert pipe.warnings == (
        "Silent is disabled; its shapes do not count.",
        "The global motion blur of Upper is left out.",
        "The lifetime of the node Upper is left out; that of its shapes counts.",
    )
    assert frames(read(pipe.rotos)) == {"Upper.sleeve": [1005], "Lower.sleeve": [1001], "hat": [1001]}
    assert list(core(read(pipe.rotos))) == ["Upper.sleeve", "Lower.sleeve", "hat"]
    upper["replace"].setValue(True)
    assert [roto_node.name() for roto_node in roto_pipe.above(node).rotos] == ["Upper"]


def test_what_changes_the_picture_ends_the_chain_and_is_refused_at_its_end(start):
    stage = start()
    nuke = stage.nuke
    lower = nuke.nodes.Roto(name="Lower")
    blur = nuke.nodes.Blur(inputs=[lower])
    upper = nuke.nodes.Roto(inputs=[blur])
    node = nuke.createNode("XMemRoto")
    from xmem_roto_nuke.node import roto_pipe
    from xmemcore.protocol.failures import RequestError

    node.setInput(1, upper)
    assert [roto_node.name() for roto_node in roto_pipe.above(node).rotos] == [upper.name()]
    node.setInput(1, blur)
    with pytest.raises(RequestError, match="Blur1, a Blur"):
        roto_pipe.above(node)


def grouped(nuke, source, *classes: str, name: str = "G"):
    """Put nodes, from the plate's side down, into a Group below a node; gives the Group."""
    group = nuke.nodes.Group(name=name)
    with group:
        node = nuke.nodes.Input()
        for class_name in classes:
            node = getattr(nuke.nodes, class_name)(inputs=[node])
        nuke.nodes.Output(inputs=[node])
    group.setInput(0, source)
    return group


@pytest.mark.parametrize(
    ("inside", "found"),
    [((), ["Lower"]), (("Dot", "Roto", "NoOp"), ["G.Roto1", "Lower"]), (("Roto", "Blur"), None), (("Blur",), None)],
)
def test_a_group_that_puts_out_a_roto_or_what_it_gets_is_followed(start, inside, found):
    stage = start()
    nuke = stage.nuke
    group = grouped(nuke, nuke.nodes.Roto(name="Lower"), *inside)
    node = nuke.createNode("XMemRoto")
    node.setInput(1, nuke.nodes.Dot(inputs=[group]))
    from xmem_roto_nuke.node import roto_pipe
    from xmemcore.protocol.failures import RequestError

    if found is None:
        with pytest.raises(RequestError, match="G, a Group"):
            roto_pipe.above(node)
        upper = nuke.nodes.Roto(inputs=[group])
        node.setInput(1, upper)
        assert [roto.fullName() for roto in roto_pipe.above(node).rotos] == [upper.name()]
        assert (
            roto_pipe.above(node)
            .warnings[0]
            .startswith(f"The shapes of Lower do not count: G, a Group, stands between it and {upper.name()}")
        )
    else:
        assert [roto.fullName() for roto in roto_pipe.above(node).rotos] == found
    group["disable"].setValue(True)
    assert [roto.name() for roto in roto_pipe.above(node).rotos][-1] == "Lower"


def test_a_group_with_two_outputs_and_a_node_of_ours_are_no_roto(start):
    stage = start()
    nuke = stage.nuke
    group = grouped(nuke, nuke.nodes.Roto(name="Lower"), "NoOp")
    with group:
        nuke.nodes.Output()
    node = nuke.createNode("XMemRoto")
    from xmem_roto_nuke.node import roto_pipe
    from xmemcore.protocol.failures import RequestError

    other = nuke.createNode("XMemRoto")
    other.setInput(0, None)
    for source in (group, other):
        node.setInput(1, source)
        with pytest.raises(RequestError, match=f"{source.name()}, a Group"):
            roto_pipe.above(node)


def test_a_roto_inside_of_a_group_is_propagated_and_keyed(stage):
    nuke = stage.nuke
    group = nuke.nodes.Group(name="G")
    with group:
        inner = nuke.nodes.Roto(name="Inner")
        nuke.nodes.Output(inputs=[inner])
    inner["curves"].fromScript(stage.roto["curves"].toScript())
    stage.node.setInput(1, group)
    stage.propagate()
    assert stage.told == [] and "Up to date" in stage.status() and "tri: 1001" in stage.node["keyframes"].value()
    inner["curves"].rootLayer[0][0].center.addPositionKey(1007, (12, 12))
    inner["curves"].changed()
    stage.press("refresh")
    assert "Up to date" not in stage.status() and "1007" in stage.node["keyframes"].value()


def test_an_object_called_like_a_layer_of_the_plate_gets_a_prefix_in_plugin_and_core(start):
    from xmem_roto_nuke.roto.reading import read_rotos

    node = start().nuke.nodes.Roto()
    node["curves"].fromScript(curves(triangle("Diffuse"), triangle("hat")))
    reading = read_rotos([("Roto1", node["curves"].toScript(), node["curves"])], False, {"diffuse", "specular"})
    assert reading.names == ["roto_Diffuse", "hat"] == list(core(reading))
    assert reading.warnings == ("The plate has layers of the same names, so these mattes have others: roto_Diffuse.",)


@pytest.mark.parametrize(
    ("shapes", "of_plate", "expected"),
    [
        (["tri"], {"tri", "roto_tri"}, ["roto_roto_tri"]),
        (["tri", "roto_tri"], {"tri"}, ["roto_tri", "roto_tri_2"]),
        (["tri", "tri"], {"tri"}, ["roto_tri", "roto_tri_2"]),
        (["tri", "tri"], {"tri_2"}, ["tri", "roto_tri"]),
        (["all", "tri"], {"roto_all"}, ["roto_roto_all", "tri"]),
    ],
)
def test_no_layer_is_one_of_the_plates_whatever_it_was_called_instead(start, shapes, of_plate, expected):
    """As the third node of a chain, whose plate has the layers of the other two."""
    from xmem_roto_nuke.roto.reading import read_rotos

    node = start().nuke.nodes.Roto()
    node["curves"].fromScript(curves(*map(triangle, shapes)))
    reading = read_rotos([("Roto1", node["curves"].toScript(), node["curves"])], False, of_plate)
    assert reading.names == expected == list(core(reading))
    union = read_rotos([("Roto1", node["curves"].toScript(), node["curves"])], True, {"roto", "roto_roto"})
    assert union.names == ["roto_roto_roto"]


def test_a_roto_behind_a_node_that_changes_the_picture_is_named(stage):
    nuke = stage.nuke
    blur = nuke.nodes.Blur(inputs=[stage.roto])
    upper = nuke.nodes.Roto(inputs=[nuke.nodes.Dot(inputs=[blur])], name="Upper")
    upper["curves"].fromScript(stage.roto["curves"].toScript())
    stage.node.setInput(1, upper)
    stage.propagate()
    assert "The shapes of Roto1 do not count: Blur1, a Blur, stands between it and Upper" in stage.status()
    for change in (lambda: upper["replace"].setValue(True), lambda: blur.setInput(0, stage.plate)):
        upper["replace"].setValue(False)
        change()
        stage.propagate()
        assert "do not count" not in stage.status()


def test_a_mask_at_a_rotos_own_input_is_named_in_the_status(stage):
    """As the command line names it, `tests/roto/test_reading.py`."""
    named = "The mask input of Roto1 is left out; its shapes count whole."
    stage.roto.setInput(1, stage.nuke.nodes.Dot(inputs=[stage.plate]))
    stage.propagate()
    assert named in stage.status()
    stage.roto.setInput(1, None)
    stage.propagate()
    assert named not in stage.status()


@pytest.mark.parametrize(("kind", "number", "masked"), [("Roto", 1, True), ("RotoPaint", 4, True), ("RotoPaint", 1, False)])
def test_the_mask_is_the_input_that_nuke_calls_optional(start, kind, number, masked):
    nuke = start().nuke
    drawn, node = getattr(nuke.nodes, kind)(name="Drawn"), nuke.createNode("XMemRoto")
    drawn.setInput(number, nuke.nodes.CheckerBoard2())
    node.setInput(1, drawn)
    from xmem_roto_nuke.node import roto_pipe

    assert roto_pipe.above(node).warnings == ("The mask input of Drawn is left out; its shapes count whole.",) * masked
