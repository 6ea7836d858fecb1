"""What others measured of roto in a real Nuke, as tests of the stand-in; the source of each stands beside it.

M: measured, RB: rotobridge's probe of 17.1v1 by case number, S17: a scan of 17.0v3, F15: Foundry's own Python of 15.0v1.
"""

from __future__ import annotations

import pytest

HEAD = "{v x3f99999a} {f 0} {n {layer Root {f 0} {t 50 40} {a} %s}}"  # noqa: UP031 (braces)
SQUARE = "{curvegroup s 512 bezier {{cc {f 8192} {p {0 0} {10 10} {0 0} {0 0} {30 10} {0 0} {0 0} {30 30} {0 0} {0 0} {10 30} {0 0}}} idem} {t 0 0} {a %s}}"  # noqa: E501

BLENDING = (  # M, RB 94, 97, 98: white at full cover over 0, .5 and 1
    ("over", 1, 1, 1), ("max", 1, 1, 1), ("multiply", 0, 0.5, 1), ("color-burn", 0, 1, 1), ("min", 0, 0.5, 1), ("screen", 1, 1, 1),
    ("color-dodge", 1, 1, 1), ("plus", 1, 1.5, 2), ("overlay", 1, 1, 1), ("soft-light", 1, 1.5, 2), ("hard-light", 0, 1, 1),
    ("from", 1, 0.5, 0), ("minus", -1, -0.5, 0), ("difference", 1, 0.5, 0), ("exclusion", 1, 0.5, 0),
)  # fmt: skip


@pytest.mark.parametrize("number", list(range(15)))
def test_a_white_shape_blends_as_measured(host, number):
    import nuke

    nuke.root()["format"].setValue("40 40 0 0 40 40 1 blend")
    for below, expected in zip((0.0, 0.5, 1.0), BLENDING[number][1:]):
        ground = nuke.nodes.Constant(channels="rgba", color=below)
        roto = nuke.nodes.Roto(inputs=[ground])
        roto["curves"].fromScript(HEAD % (SQUARE % f"bm {number}"))
        assert (roto.sample("alpha", 20, 20), roto.sample("alpha", 35, 35)) == (expected, below), BLENDING[number][0]


def test_the_knob_of_the_mode_stands_for_the_selection_and_takes_no_value(host):
    import nuke

    for name in ("blending_mode", "toolbar_blending_mode"):  # M, RB 95, 96; S17
        knob = nuke.nodes.Roto()[name]
        names = [entry.split("\t")[0] for entry in knob.values()]
        assert names == sorted(mode[0] for mode in BLENDING) and knob.values()[names.index("plus")] == "plus\t\t7"
        knob.setValue("plus")
        assert (knob.value(), knob.getValue()) == ("over", 0)


# --- keys: M, RB 21, 63, 71, 74, 108-117. K = 0@1 20@50 100@100, H = 0@1 1@50 0@100.

K, H = ((1, 0), (50, 20), (100, 100)), ((1, 0), (50, 1), (100, 0))


def curve(host, keys, codes):
    import nuke.rotopaint as rp

    animated = rp.AnimCurve()
    for (time, value), code in zip(keys, codes):
        key = rp.AnimCurveKey()
        key.time, key.value, key.interpolationType = float(time), float(value), code
        animated.addKey(key)
    return animated


@pytest.mark.parametrize(
    "code, k25, k75, h25, h75",
    [
        (0, 4.3055, 54.4697, 0.6759, 0.6875),
        (3, 4.3055, 54.4697, 0.6759, 0.6875),
        (256, 4.3055, 54.4697, 0.6759, 0.6875),
        (1, 0, 20, 0.6759, 1),
        (257, 0, 20, 0.6759, 1),
        (2, 9.7959, 60, 0.4898, 0.5),
        (258, 9.7959, 60, 0.4898, 0.5),
        (4, 4.4153, 54.3568, 0.6722, 0.6913),
    ],
)
def test_keys_interpolate_by_their_code(host, code, k25, k75, h25, h75):
    every, middle = curve(host, K, [code] * 3), curve(host, H, [256, code, 256])
    assert [every.evaluate(25), every.evaluate(75)] == [pytest.approx(k25, abs=4e-4), pytest.approx(k75, abs=4e-4)]
    assert [middle.evaluate(25), middle.evaluate(75)] == [pytest.approx(h25, abs=4e-4), pytest.approx(h75, abs=4e-4)]


def test_tangents_of_an_inner_key_count_under_code_5_alone(host):
    user = curve(host, K, [5] * 3)
    for index in range(3):
        key = user.getKey(index)
        key.lslope = key.rslope = key.la = key.ra = 0.0
    # Both readings of K come out with handles of length 0 at the middle key, and with ends that follow its slope.
    assert [user.evaluate(25), user.evaluate(75)] == [pytest.approx(11.2414, abs=2e-3), pytest.approx(54.2548, abs=2e-3)]
    smooth, written = curve(host, K, [256] * 3), curve(host, K, [256] * 3)
    for index in range(3):
        written.getKey(index).lslope = written.getKey(index).rslope = 9.0
    assert written.evaluate(25) == smooth.evaluate(25)


def test_more_readings_of_smooth_keys(host):
    smooth = curve(host, K, [256] * 3)
    for time, value in ((12, 1.3460), (37, 9.7074), (62, 34.4657), (87, 75.6249)):
        assert smooth.evaluate(time) == pytest.approx(value, abs=4e-4)
    x, y = curve(host, ((1, 100), (10, 300), (20, 500)), [256] * 3), curve(host, ((1, 100), (10, 200), (20, 100)), [256] * 3)
    assert [x.evaluate(5), y.evaluate(5)] == [pytest.approx(190.766, abs=2e-3), pytest.approx(162.277, abs=2e-3)]
    assert [x.evaluate(15), y.evaluate(15)] == [pytest.approx(401.974, abs=2e-3), pytest.approx(168.75, abs=2e-3)]


def test_two_keys_are_a_straight_line_under_every_code_but_hold(host):  # RB 109
    for code in (0, 2, 3, 4, 5, 256):
        assert curve(host, ((1, 0), (11, 10)), [code] * 2).evaluate(4) == pytest.approx(3)
    assert curve(host, ((1, 0), (11, 10)), [1] * 2).evaluate(10.9) == 0


def test_a_fresh_key_is_smooth_and_odd_codes_are_not_guessed(host):
    import nuke.rotopaint as rp
    from nukesim import SimError

    assert rp.AnimCurveKey().interpolationType == 256
    with pytest.raises(SimError, match="not measured"):
        curve(host, K, [-1] * 3).evaluate(25)


def test_a_smooth_key_stays_within_its_neighbours(host):  # F15, AnimationKey
    steep = curve(host, ((0, 0), (10, 10), (11, 10.1), (30, 10.1)), [256] * 4)
    assert max(steep.evaluate(10 + i / 20) for i in range(21)) <= 10.1 + 1e-9


def test_curves_of_ordinary_knobs_leave_their_ends_without_curvature(host):  # F15: zero second derivative
    import nuke

    knob = nuke.nodes.Multiply()["value"]
    knob.fromScript("{curve x1 0 x50 20 x100 100}")
    assert knob.getValueAt(25) == pytest.approx(4.3055, abs=4e-4)
    knob.fromScript("{curve K x1 0 L x50 20 x100 100}")
    assert (knob.getValueAt(25), knob.getValueAt(75)) == (0, 60)


# --- transforms and points


def api_roto(frame=1):
    import nuke
    import nuke.rotopaint as rp

    nuke.root()["frame"].setValue(frame)
    node = nuke.nodes.Roto()
    shape = rp.Shape(node["curves"], (10, 10), (30, 10), (30, 30))
    node["curves"].rootLayer.append(shape)
    return node, node["curves"].rootLayer[0]


@pytest.mark.parametrize("frame", [1, 0, 1004])
def test_a_transform_that_nobody_touched_has_one_key_where_it_was_made(host, frame):  # M, RB 30, 95
    node, shape = api_roto(frame)
    transform = shape.getTransform()
    families = (transform.getTransformKeyTimes, transform.getTranslationKeyTimes, transform.getRotationKeyTimes, transform.getScaleKeyTimes)
    assert [times() for times in families] == [[float(frame)]] * 4
    assert not transform.isDefault()
    attributes = shape.getAttributes()
    assert [attributes.getValue(frame, name) for name in ("ltn", "ltm", "ltt")] == [frame, frame, 0]
    node["curves"].changed()
    word = str(frame) if frame in (0, 1) else "x447b0000"
    assert f"{{tx {word} 0}}" in node["curves"].toScript()
    node["curves"].fromScript(node["curves"].toScript())
    assert node["curves"].rootLayer[0].getTransform().getScaleKeyTimes() == [float(frame)]


def test_the_matrix_is_a_list_of_16_with_the_translation_in_3_and_7(host):  # M, RB 70, 77, 78: confirms the layout of 9
    import nuke.rotopaint as rp

    node, shape = api_roto()
    node["curves"].fromScript(node["curves"].toScript().replace("{tx 1 0}", "{t 0 0 0 7 9}"))
    shape = node["curves"].rootLayer[0]
    matrix = shape.getTransform().evaluate(1).getMatrix()
    assert len(matrix) == 16 and (matrix[3], matrix[7]) == (7.0, 9.0) and isinstance(matrix[3], float)
    moved = matrix * rp.CVec3(10, 10, 1)
    assert (moved.x, moved.y) == (17, 19)
    # Points are before all transforms: confirms 10.
    assert tuple(shape[0].center.getPosition(1))[:2] == (10, 10)


def test_coordinates_are_stored_in_single_precision(host):  # M
    node, shape = api_roto()
    shape[0].center.addPositionKey(1, (1000.123456789, 10))
    assert 0 < abs(shape[0].center.getPosition(1).x - 1000.123456789) <= 3.05e-5


def test_methods_that_nuke_lacks_are_missing(host):  # M
    import nuke.rotopaint as rp

    assert not hasattr(rp.AnimCurve, "getKeyTimes") and not hasattr(rp.AnimCTransform, "getMatrixAt")


def test_append_copies_to_the_bottom_and_attributes_die_with_changed(host):  # M, RB 76
    import nuke.rotopaint as rp

    node, first = api_roto()
    knob = node["curves"]
    second = rp.Shape(knob, (1, 1), (2, 1), (2, 2))
    second.name = "second"
    knob.rootLayer.append(second)
    with pytest.raises(RuntimeError, match="associated c"):
        len(second)
    assert [element.name for element in knob.rootLayer] == [first.name, "second"]
    held = first.getAttributes()
    knob.changed()
    with pytest.raises(RuntimeError, match="associated c"):
        held.getValue(1, "opc")
    assert first.getAttributes().getValue(1, "opc") == 1


# --- attributes: M, RB 01, 40, 62, 72, 76

ORDER = (
    "vis r g b a ro go bo ao opc bm inv mbo mb mbs mbsot mbso fo fx fy ff ft osw osf src stx sty str sr ssx ssy sskx ssky sso spx spy stot "
    "sto sv sf sb nv view1 ltn ltm ltt tt pt"
).split()
NOT_ZERO = dict.fromkeys("vis r g b a opc mb fo ff str ssx ssy nv view1 ltn ltm".split(), 1)
NOT_ZERO.update(mbs=0.5, osw=10, sf=2, spx=320, spy=240)


def test_a_shape_has_48_attributes_in_order(host):
    attributes = api_roto()[1].getAttributes()
    assert len(attributes) == len(ORDER) == 48
    assert [attributes.getName(index) for index in range(49)] == [*ORDER, ""]
    assert {name: attributes.getValue(1, name) for name in ORDER if attributes.getValue(1, name)} == NOT_ZERO


def test_a_layer_has_no_blending_inversion_or_lifetime(host):
    import nuke.rotopaint as rp

    attributes = rp.Layer(None).getAttributes()
    assert [name for name in ("bm", "inv", "ltn", "ltm", "ltt") if name in attributes] == []
    assert [name for name in ("vis", "opc", "mbo", "mb", "mbs", "fo", "fx", "fy", "ff", "ft", "warp") if name not in attributes] == []


def test_names_of_the_api_stand_for_these_words(host):
    import nuke.rotopaint as rp

    assert rp.AnimAttributes.kViewAttribute == "view"
    for long, short in (
        ("kTensionAttribute", "t"),
        ("kSourceSkewXAttribute", "sskx"),
        ("kSourceSkewYAttribute", "ssky"),
        ("kSourceSkewOrderAttribute", "sso"),
        ("kWriteOnStartAttribute", "ws"),
        ("kWriteOnEndAttribute", "we"),
        ("kEffectParameter1Attribute", "ep1"),
        ("kEffectParameter3Attribute", "ep3"),
        ("kPlanarTrackLayerAttribute", "pt"),
    ):
        assert getattr(rp.AnimAttributes, long) == short


def test_attributes_have_their_traps(host):
    attributes = api_roto()[1].getAttributes()
    assert attributes.getValue(1, "nonsense") == 0.0 and "nonsense" in attributes
    with pytest.raises(TypeError):
        attributes.getValue(1, "opc", 0)
    assert attributes.getValue(1, "opc", "main") == 1
    with pytest.raises(TypeError):
        attributes.addKey(1, "opc", 0.5)
    curve = attributes.getCurve("opc")
    curve.addKey(1, 1.0)
    curve.addKey(11, 0.0)
    attributes.add("opc", 0.25)
    assert (attributes.getValue(6, "opc"), curve.evaluate(6)) == (0.25, 0.5)


def test_flags_are_these_bits(host):  # F NDK; seen: layers 2097664 = 2^21 + 512
    import nuke.rotopaint as rp

    names = (
        "Break TangentLengthLock KeySelected LeftTangentSelected RightTangentSelected Open Selected Active Visible Renderable Locked "
        "PressureInZ NukeAnimCurveEval RelativeTangent"
    ).split()
    assert [getattr(rp.FlagType, f"e{name}Flag") for name in names] == list(range(14))


# --- rendering: M, RB 77, 78; S17


def test_a_roto_without_input_has_only_its_shapes(host):
    import nuke

    nuke.root()["format"].setValue("100 80 0 0 100 80 1 roto")
    node = nuke.nodes.Roto()
    node["curves"].fromScript(HEAD % (SQUARE % ""))
    assert node.sample("rgba.alpha", 20, 20) == 1
    with pytest.raises(RuntimeError, match="unable to sample node at given location"):
        node.sample("rgba.alpha", 60, 60)
    node.setInput(0, nuke.nodes.Constant(color=1))
    assert node.sample("rgba.alpha", 60, 60) == 0  # a Constant's channels are rgb: its alpha stays 0


def test_roto_and_rotopaint_differ_in_mode_and_output(host):
    import nuke

    roto, paint = nuke.nodes.Roto(), nuke.nodes.RotoPaint()
    assert (roto["rotoMode"].value(), roto["output"].value()) == (1, "alpha")
    assert (paint["rotoMode"].value(), paint["output"].value()) == (0, "rgba")
    assert [(node.minInputs(), node.maxInputs()) for node in (roto, paint)] == [(2, 5), (2, 5)]


@pytest.mark.parametrize("kind, frames", [(0, "1 4 5 6 9"), (1, "1 4 5 6"), (2, "4"), (3, "4 5 6 9"), (4, "4 5 6")])
def test_lifetimes_include_their_ends(host, kind, frames):  # S17, the tooltip
    import nuke

    node = nuke.nodes.Roto(inputs=[nuke.nodes.Constant()])
    node["curves"].fromScript(HEAD % (SQUARE % f"ltt {kind} ltn 4 ltm 6"))
    shown = [frame for frame in (1, 4, 5, 6, 9) if node.sample("alpha", 20, 20, frame=frame)]
    assert shown == [int(word) for word in frames.split()]
