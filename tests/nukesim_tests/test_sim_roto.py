"""Roto: the python API, the curves text, and the pictures it makes."""

from __future__ import annotations

import math

import pytest
from nukesim.curvelib import StaleRoto

FORM = "100 80 0 0 100 80 1 roto"


def tree(*elements, root="{t 50 40}"):
    """The text of a whole tree."""
    return "{{v x3f99999a} {f 0} {n {layer Root {f 0} ROOT {a} ELEMENTS}}}".replace("ROOT", root).replace("ELEMENTS", " ".join(elements))


def bezier(points, name="s", attributes="", xform="{t 0 0}", header="p", feather="idem"):
    """The text of one bezier; points is the text of its triplets."""
    curve = "{cc {f 8192} {HEADER POINTS}}".replace("HEADER", header).replace("POINTS", points)
    return "{curvegroup " + name + " 512 bezier {" + curve + " " + feather + "} " + xform + " {a " + attributes + "}}"


def corners(points):
    """Triplets without tangents."""
    return " ".join("{0 0} {%s %s} {0 0}" % point for point in points)  # noqa: UP031 (braces)


def roto_of(points, name="shape", attributes="", node=None, feather=None, xform="{t 0 0}"):
    """A Roto with one bezier whose tangents are given or zero: points are (x, y) or (x, y, inx, iny, outx, outy)."""
    import nuke

    nuke.root()["format"].setValue(FORM)
    node = node or nuke.nodes.Roto()
    words = []
    for point in points:
        x, y, ix, iy, ox, oy = (*point, 0, 0, 0, 0)[:6]
        words.append(f"{{{ix} {iy}}} {{{x} {y}}} {{{ox} {oy}}}")
    second = "idem" if feather is None else "{cc {f 8192} {p " + corners(feather) + "}}"
    node["curves"].fromScript(tree(bezier(" ".join(words), name, attributes, xform, feather=second)))
    return node


SQUARE = [(10, 10), (30, 10), (30, 30), (10, 30)]


def total(host, node, frame=None, channel="rgba.alpha"):
    return sum(host.pixels(node, frame, [channel]).planes[channel])


def test_a_square_covers_its_pixels_exactly(host):
    node = roto_of([(10.25, 10), (30, 10), (30, 30.5), (10.25, 30.5)])
    picture = host.pixels(node)
    assert [
        round(picture.at("rgba.alpha", x, y), 6) for x, y in ((9, 15), (10, 15), (11, 15), (29, 29), (30, 15), (15, 30), (10, 30), (15, 9))
    ] == [0, 0.75, 1, 1, 0, 0.5, 0.375, 0]
    assert total(host, node) == pytest.approx(19.75 * 20.5, rel=1e-6)
    assert node.channels() == ["rgba.alpha"] and (node.bbox().x(), node.bbox().w()) == (9, 22)


def test_the_direction_of_the_outline_does_not_matter(host):
    assert total(host, roto_of(SQUARE[::-1])) == pytest.approx(400, rel=1e-6)


def test_a_bezier_circle_has_its_area(host):
    k, r, c = 0.5522847498, 25.0, (50, 40)
    circle = [
        (c[0] + r, c[1], 0, -k * r, 0, k * r),
        (c[0], c[1] + r, k * r, 0, -k * r, 0),
        (c[0] - r, c[1], 0, k * r, 0, -k * r),
        (c[0], c[1] - r, -k * r, 0, k * r, 0),
    ]
    assert total(host, roto_of(circle)) == pytest.approx(math.pi * r * r, rel=2e-3)


@pytest.mark.parametrize(
    "attributes, inside, outside",
    [
        ("opc 0.5", 0.5, 0),
        ("inv 1", 0, 1),
        ("inv 1 opc 0.25", 0, 0.25),
        ("vis 0", 0, 0),
        ("a 0.5", 0.5, 0),
        ("ltt 2 ltn 5 ltm 5", 0, 0),
        ("ltt 4 ltn 1 ltm 3", 1, 0),
    ],
)
def test_attributes_change_the_matte(host, attributes, inside, outside):
    picture = host.pixels(roto_of(SQUARE, attributes=attributes), channels=["rgba.alpha"])
    assert (picture.at("rgba.alpha", 20, 20), picture.at("rgba.alpha", 50, 50)) == (inside, outside)


def test_outer_feather_falls_from_one_to_zero(host):
    node = roto_of(SQUARE, feather=[(-8, -8), (8, -8), (8, 8), (-8, 8)])
    picture = host.pixels(node, channels=["rgba.alpha"])
    row = [picture.at("rgba.alpha", x, 20) for x in range(29, 40)]
    assert row[0] == 1 and row[9] == 0 and all(a >= b for a, b in zip(row, row[1:]))
    for i, x in enumerate(range(30, 38)):
        assert row[1 + i] == pytest.approx(1 - (x + 0.5 - 30) / 8, abs=0.05)


def test_global_feather_spreads_outwards(host):
    picture = host.pixels(roto_of(SQUARE, attributes="fx 10 fy 10"), channels=["rgba.alpha"])
    assert picture.at("rgba.alpha", 20, 20) == 1 and 0.3 < picture.at("rgba.alpha", 34, 20) < 0.7 and picture.at("rgba.alpha", 45, 20) == 0
    assert picture.at("rgba.alpha", 4, 20) > 0.3


def test_transforms_go_through_shape_and_layers(host):
    import nuke

    moved = roto_of(SQUARE, xform="{t 20 20 0 40 10}")
    assert host.pixels(moved).at("rgba.alpha", 60, 30) == 1 and total(host, moved) == pytest.approx(400, rel=1e-6)
    turned = roto_of(SQUARE, xform="{t 20 20 0 10 10 0 0 0 45 2 1 1}")
    assert total(host, turned) == pytest.approx(800, rel=1e-3)
    assert host.pixels(turned).at("rgba.alpha", 42, 42) == 1  # the long side points up right after a turn of 45 degrees to the left
    node = nuke.nodes.Roto()
    layer = "{layer L {f 512} {t 0 0 0 0 7} {a} " + bezier(corners([(10, 10), (20, 10), (20, 20), (10, 20)])) + "}"
    node["curves"].fromScript(tree(layer, root="{t 0 0 0 5}"))
    picture = host.pixels(node)
    assert [picture.at("rgba.alpha", x, y) for x, y in ((14, 20), (15, 17), (24, 26), (25, 26), (24, 27))] == [0, 1, 1, 0, 0]


def test_keys_move_the_shape_by_their_slopes(host):
    import nuke

    nuke.root()["format"].setValue(FORM)
    node = nuke.nodes.Roto()

    def coordinate(a, b, tangents=""):
        return f"{{{{{a} 0 1 {(b - a) / 10} 1}} {{{b} {(b - a) / 10} 1 0 1}}}}" if tangents else f"{{{{{a} -}} {{{b} -}}}}"

    def curves(tangents):
        still = "{{{0 -}} {{0 -}}}"
        points = " ".join(f"{still} {{{coordinate(x, x + 20, tangents)} {coordinate(y, y, tangents)}}} {still}" for x, y in SQUARE)
        return tree(bezier(points, attributes="opc {{1 1} {11 0.5}}", header="px {1 11}"))

    node["curves"].fromScript(curves("linear"))
    assert node["curves"].getKeyList() == [1, 11]
    assert host.pixels(node, 1).at("rgba.alpha", 10, 15) == 1 and host.pixels(node, 11).at("rgba.alpha", 30, 15) == 0.5
    middle = host.pixels(node, 3.5)  # linear: 5 pixels to the right
    # Its opacity has two keys without slopes: a straight line from 1 to 0.5.
    assert middle.at("rgba.alpha", 14, 15) == 0 and middle.at("rgba.alpha", 15, 15) == 0.875
    node["curves"].fromScript(curves(""))
    assert node["curves"].rootLayer[0][0].center.getPosition(3.5).x == pytest.approx(15, abs=1e-4)  # two keys are a straight line
    assert node["curves"].rootLayer[0][0].center.getPosition(99).x == 30


def test_the_first_shape_in_the_text_is_on_top(host):
    import nuke

    nuke.root()["format"].setValue(FORM)
    node = nuke.nodes.Roto(output="rgba")
    square = corners([(10, 10), (20, 10), (20, 20), (10, 20)])
    node["curves"].fromScript(tree(bezier(square, "top", "g 0 b 0"), bezier(square, "below", "r 0")))
    picture = host.pixels(node)
    assert [picture.at("rgba." + c, 15, 15) for c in ("red", "green", "blue")] == [1, 0, 0]


def test_roto_paints_over_its_input_or_replaces_it(host):
    import nuke

    nuke.root()["format"].setValue(FORM)
    constant = nuke.nodes.Constant(channels="rgba", color=0.5)
    node = roto_of(SQUARE, attributes="opc 0.5")
    node.setInput(0, constant)
    assert (node.sample("alpha", 20, 20), node.sample("alpha", 50, 50), node.sample("red", 20, 20)) == (0.75, 0.5, 0.5)
    node["replace"].setValue(True)
    assert (node.sample("alpha", 20, 20), node.sample("alpha", 50, 50)) == (0.5, 0)


def test_points_follow_expressions(host):
    import nuke

    nuke.root()["format"].setValue(FORM)
    nuke.scriptReadText("NoOp { inputs 0\n addUserKnob {20 User}\n addUserKnob {12 origin}\n origin {40 30}\n name Ctl }")
    node = nuke.nodes.Roto()
    points = '{} {{=Ctl.origin.x x4474c000} 10} {} {} {{"=frame + 10" 0} {=Ctl.origin.y 0}} {} {} {10 {=Ctl.origin.y+0 0}} {}'
    node["curves"].fromScript(tree(bezier(points)))
    at = [tuple(point.center.getPosition(5))[:2] for point in node["curves"].rootLayer[0]]
    assert at == [(40, 10), (15, 30), (10, 30)]


def test_a_shape_made_by_script_shows_after_changed(host):
    import nuke
    import nuke.rotopaint as rp

    nuke.root()["format"].setValue(FORM)
    node = nuke.nodes.Roto()
    knob = node["curves"]
    nuke.Undo.begin("shape")
    shape = rp.Shape(knob, (10, 10), (30, 10), (30, 30), (10, 30))
    shape.name = "made"
    knob.rootLayer.append(shape)
    with pytest.raises(RuntimeError, match="associated c\\+\\+ object is NULL"):
        shape.getAttributes()  # append took a copy
    shape = knob.rootLayer[0]
    node.forceValidate()
    before = node.opHashes()
    assert total(host, node) == 0
    knob.changed()
    nuke.Undo.end()
    assert total(host, node) == pytest.approx(400, rel=1e-6) and node.opHashes() == before
    node.forceValidate()
    assert node.opHashes() != before
    nuke.Undo.begin("keys")
    for point in shape:
        x, y, _ = point.center.getPosition(1)
        for part, move in (
            (point.center, (x, y)),
            (point.leftTangent, (0, 0)),
            (point.rightTangent, (0, 0)),
            (point.featherCenter, (0, 0)),
            (point.featherLeftTangent, (0, 0)),
            (point.featherRightTangent, (0, 0)),
        ):
            part.addPositionKey(1, move)
            part.addPositionKey(9, (move[0] + 40 * (part is point.center), move[1]))
    shape.getAttributes().set(5, rp.AnimAttributes.kOpacityAttribute, 0.5)
    knob.changed()
    nuke.Undo.end()
    assert knob.getKeyList() == [1, 5, 9] and host.pixels(node, 9).at("rgba.alpha", 60, 20) == 0.5
    text = knob.toScript()
    other = nuke.nodes.Roto()
    other["curves"].fromScript(text)
    assert host.pixels(other, 6).planes == host.pixels(node, 6).planes and "idem" in text
    assert len(node["curves"].rootLayer) == 1
    host.undo()
    assert node["curves"].getKeyList() == [1] and len(node["curves"].rootLayer) == 1  # the transform that nobody touched
    host.undo()
    assert len(node["curves"].rootLayer) == 0


def test_old_wrappers_are_dead_after_from_script(host):
    node = roto_of(SQUARE)
    knob = node["curves"]
    layer, shape = knob.rootLayer, knob.rootLayer[0]
    point, curve = shape[0].center, shape[0].center.getPositionAnimCurve(0)
    knob.fromScript(knob.toScript())
    for use in (
        lambda: len(layer),
        lambda: shape.name,
        lambda: point.getPosition(1),
        lambda: curve.evaluate(1),
        lambda: shape.getAttributes(),
        lambda: layer[0],
    ):
        with pytest.raises(StaleRoto):
            use()
    assert node["curves"].rootLayer[0].name == "shape"


def test_a_text_that_does_not_parse_leaves_the_good_one(host):
    node = roto_of(SQUARE)
    before = node["curves"].toScript()
    for bad in (
        "{nonsense}",
        "AddMode 0 0",
        "{{v 1} {f 0} {n {layer Root {curvegroup x 512 bezier {{cc {px {1 2} {{{1 -} {2 -} {3 -}} 0}}}}}}}}",
    ):
        with pytest.raises(RuntimeError):
            node["curves"].fromScript(bad)
    assert node["curves"].toScript() == before


def test_matrices_agree_with_the_picture(host):
    import nuke.rotopaint as rp

    node = roto_of(SQUARE, xform="{t 20 20 0 40 10 0 0 0 30}")
    shape = node["curves"].rootLayer[0]
    matrix = node["curves"].rootLayer.getTransform().evaluate(1).getMatrix() * shape.getTransform().evaluate(1).getMatrix()
    corner = matrix * rp.CVec4(10, 10, 0, 1)
    angle = math.radians(30)
    assert corner.x == pytest.approx(60 + -10 * math.cos(angle) + 10 * math.sin(angle)) and len(matrix) == 16
    assert "opc" in shape.getAttributes() and shape.getAttributes().getValue(1, "opc") == 1 and shape.getVisible(1)
    shape.setVisible(3, False)
    assert not shape.getVisible(3)


@pytest.mark.parametrize(("step", "least"), [(4, (30, 1300)), pytest.param(1, (60, 8000), marks=pytest.mark.exhaustive)])
def test_every_real_tree_parses_evaluates_and_comes_back(host, samples, step, least):
    import nuke

    trees = points = 0
    scripts = [path for path in sorted(samples.rglob("*")) if path.suffix in (".nk", ".gizmo")]
    for path in [path for path in scripts if path.name != "MrLixm_Write-pass-template.nk"][::step]:
        nuke.scriptClear()
        host.load_gizmo(path, unknown="inert") if path.suffix == ".gizmo" else host.open(path, unknown="inert")
        for node in host.all_nodes():
            knob = node.knob("curves")
            if not isinstance(knob, nuke.rotopaint.CurveKnob) or not knob._text_value:
                continue
            trees += 1
            first = knob.toScript()
            assert knob.rootLayer is not None
            keys = knob.getKeyList()
            second = knob.toScript()  # now written from the tree
            knob.fromScript(second)
            assert knob.rootLayer is not None
            assert knob.toScript() == second and knob.getKeyList() == keys, (path.name, node.name())
            assert first.startswith("AddMode 0 0 1 0 {")
            points += sum(len(e._points) for e in _elements(knob.rootLayer) if hasattr(e, "_points"))
    assert trees > least[0] and points > least[1]


def _elements(layer):
    for element in getattr(layer, "_elements", []):
        yield element
        yield from _elements(element)


def test_real_roto_nodes_render(host, samples):
    import nuke

    snippets = sorted((samples / "roto" / "snippets").glob("*.nk"))
    assert snippets
    for path in snippets:
        host.open(path, unknown="inert")
        node = nuke.allNodes()[0]
        if path.stem in ("perspective_expressions",):
            continue  # its points hang on a node that the snippet does not have
        shapes = [e for e in _elements(node["curves"].rootLayer) if hasattr(e, "_points")]
        node["disable"].setExpression("0")
        picture = host.pixels(node, 1, ["rgba.alpha"])
        values = picture.planes["rgba.alpha"]
        assert len(shapes) > 0 and min(values) >= -1e-6 and max(values) <= 1 + 1e-6, path.name


def raster():
    """The rasteriser itself, which lives in the renderer's process."""
    np = pytest.importorskip("numpy")
    import importlib.util
    from pathlib import Path

    import nukesim

    path = Path(nukesim.__file__).parent / "outline_raster.py"
    spec = importlib.util.spec_from_file_location("outline_raster", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return np, module


def winding_by_points(np, points, box, per=16):
    """Coverage by counting sub-pixel points with a winding number that is not 0."""
    x0, y0, x1, y1 = box
    xs = x0 + (np.arange((x1 - x0) * per) + 0.5) / per
    ys = y0 + (np.arange((y1 - y0) * per) + 0.5) / per
    winding = np.zeros((len(ys), len(xs)), int)
    for (ax, ay), (bx, by) in zip(points, np.roll(points, -1, axis=0)):
        crosses = (ay <= ys) != (by <= ys)
        at = ax + (ys - ay) / ((by - ay) or 1) * (bx - ax)
        winding += (crosses[:, None] & (xs[None] > at[:, None])) * (1 if by > ay else -1)
    return (winding != 0).reshape(y1 - y0, per, x1 - x0, per).mean((1, 3))


def test_coverage_is_the_area_of_any_polygon_that_does_not_cross_itself(host):
    np, module = raster()
    rng = np.random.default_rng(1)
    box = (-3, 2, 17, 15)
    for corners_count in (3, 4, 7):
        for _ in range(20):
            middle = rng.uniform((0, 4), (14, 13))
            angles = (np.arange(corners_count) + rng.uniform(0, 0.4, corners_count)) / corners_count * 2 * np.pi  # never crosses itself
            points = middle + np.stack([np.cos(angles), np.sin(angles)], 1) * rng.uniform(1, 14, (corners_count, 1))
            got = module.fill(points, box)
            assert np.abs(got - winding_by_points(np, points, box)).max() < 0.07  # 16 x 16 points a pixel know no better
            assert np.allclose(got, module.fill(points[::-1], box))


def test_a_polygon_that_runs_round_twice_is_full_and_its_loops_too(host):
    np, module = raster()
    twice = np.array([(1, 1), (9, 1), (9, 9), (1, 9), (1, 1), (9, 1), (9, 9), (1, 9)], float)
    assert np.array_equal(module.fill(twice, (0, 0, 10, 10)), module.fill(twice[:4], (0, 0, 10, 10)))
    bow = np.array([(1, 1), (9, 9), (9, 1), (1, 9)], float)
    assert module.fill(bow, (0, 0, 10, 10)).sum() == pytest.approx(32, abs=0.8)


def test_a_bspline_stays_inside_its_hull_and_an_open_spline_has_its_width(host):
    import nuke

    nuke.root()["format"].setValue(FORM)
    node = nuke.nodes.Roto()
    hull = "{10 10} {50 10} {50 50} {10 50}"
    node["curves"].fromScript(tree("{curvegroup b 512 bspline {{cc {f 8192} {p " + hull + "}} idem} {t 0 0} {a}}"))
    picture = host.pixels(node)
    assert picture.at("rgba.alpha", 30, 30) == 1 and picture.at("rgba.alpha", 12, 12) == 0 and 600 < total(host, node) < 1200
    line = "{0 0} {20 40} {0 0} {0 0} {60 40} {0 0}"
    node["curves"].fromScript(tree("{curvegroup o 1049088 bezier {{cc {f 1056800} {p " + line + "}} idem} {t 0 0} {a osw 6}}"))
    column = [host.pixels(node).at("rgba.alpha", 40, y) for y in range(30, 50)]
    assert sum(column) == pytest.approx(6, abs=0.1) and max(column) == 1


def test_motion_blur_smears_along_the_motion(host):
    import nuke

    nuke.root()["format"].setValue(FORM)
    node = nuke.nodes.Roto()
    square = corners([(10, 10), (20, 10), (20, 20), (10, 20)])
    node["curves"].fromScript(tree(bezier(square, attributes="mbo 1 mbs 1", xform="{t 0 0 0 {{1 0 0 1 10 1} {5 40 10 1 0 1}}}")))
    picture = host.pixels(node, 3)
    row = [picture.at("rgba.alpha", x, 15) for x in range(100)]
    assert sum(row) == pytest.approx(10, abs=0.05) and 0 < row[26] < 1 and max(row) < 1.001
