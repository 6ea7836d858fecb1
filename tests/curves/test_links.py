"""Expressions that lead to knobs of the same script, and those that lead nowhere we could follow."""

from __future__ import annotations

import pytest

from tests.roto.made_roto import curves, layer, node, script, square
from xmemcore.roto import read_roto

TRACKER = "Tracker4 {\n inputs 0\n translate {{curve x1001 0 x1011 20} {curve x1001 5}}\n center {96 54}\n name Tracker1\n}"
TABLE = """Tracker4 {
 inputs 0
 tracks { { 1 31 2 }
{ { 5 1 20 enable e 1 }
{ 3 1 75 name name 1 }
{ 2 1 58 track_x track_x 1 }
{ 2 1 58 track_y track_y 1 }
}
{
 { {curve K x1001 1} "track 1" {curve x1001 3 x1011 4} {curve x1001 1} }
 { {curve K x1001 1} "track 2" {curve x1001 0 x1011 30} {curve x1001 7} }
}
}
 name Tracks
}"""


def left_edge(expression: str, *nodes: str, frame: int = 1006, inside: str = "") -> float | None:
    """Give where a square at 10 stands that an expression moves; None: it is not known."""
    tracked = layer("tracked", square("a", 10, 10, 8), transform=f'{{t 0 0 0 {{"={expression}" 0}}}}')
    roto = node("Roto1", curves(tracked))
    text = script(*(f"Group {{\n name {inside}\n offset {{7 8}}\n}}\n{roto}\nend_group" if inside else roto,), *nodes)
    obj = read_roto(text).objects[0]
    return None if obj.unknown else float(obj.at(frame)[0].points[0, 0, 0])


@pytest.mark.parametrize(
    ("expression", "moved"),
    [
        ("Tracker1.translate.x", 10),
        ("parent.Tracker1.translate.x", 10),
        ("root.Tracker1.translate.x", 10),
        ("Tracker1.translate.y", 5),
        ("Tracker1.center.x", 96),
        ("Tracker1.translate.x - Tracker1.translate.x(1001)", 10),
        ("Tracker1.translate.x(frame - 1) + 2", 10),
        ("-(Tracker1.translate.x + 2) * 3 / 2", -18),
        ("Tracks.tracks.1.track_x", 3.5),
        ("Tracks.tracks.2.track_x - Tracks.tracks.2.track_y", 8),
        ("frame - 1000", 6),
        ("t - x + t - 1000", 6),
        ("3", 3),
        ("Transform1.translate.x", 12),
        ("Transform1.translate.y", 5),
        ("Transform1.rotate", 90),
        ("Transform1.scale.y", 1.5),
        ("Transform2.scale.x", 1),
        ("Transform3.scale.w + Transform3.scale.h", 5),
        ("Transform1.scale.h", 1.5),
        ("Group1.Inner.amount", 4),
    ],
)
def test_links_to_knobs_that_the_script_holds_are_followed(expression: str, moved: float) -> None:
    transform = (
        "Transform {\n translate {{parent.Tracker1.translate.x+2} {Tracker1.translate.y i}}\n rotate 90\n scale 1.5\n name Transform1\n}"
    )
    plain = "Transform {\n name Transform2\n}\nTransform {\n scale {2 3}\n name Transform3\n}"
    group = "Group {\n name Group1\n}\nBlur {\n inputs 0\n amount {{curve x1001 4}}\n name Inner\n}\nend_group"
    assert left_edge(expression, TRACKER, TABLE, transform, plain, group) == pytest.approx(10 + moved)


@pytest.mark.parametrize(
    ("expression", "moved"),
    [("offset.x", 7), ("parent.offset.y", 8), ("Tracker1.translate.x", 10), ("parent.parent.Tracker1.translate.x", 10)],
)
def test_names_are_looked_up_from_the_inside_out(expression: str, moved: float) -> None:
    assert left_edge(expression, TRACKER, inside="Group1") == pytest.approx(10 + moved)


@pytest.mark.parametrize(
    "expression",
    [
        "Nobody.translate.x", "Tracker1.nothing", "Tracker1.translate", "Tracker1.translate.q", "Tracker1", "[python {1}]", "random(frame)",
        "sin(1)", "Tracker1.translate.x > 3", "1 / Tracker1.translate.x", "1 / 0", "frame +", "(frame", "frame)", "", "Loop.a", "Wrong.a",
        "Tracks.tracks.3.track_x", "Tracks.tracks.0.track_x", "Tracks.tracks.1.nothing", "x" * 600, "(" * 30 + "1" + ")" * 30, "input.size",
    ],
)  # fmt: skip
def test_what_cannot_be_followed_is_not_known(expression: str) -> None:
    others = ("Blur {\n a {{Loop.b}}\n b {{Loop.a}}\n name Loop\n}", "Blur {\n a {{curve xq}}\n name Wrong\n}")
    assert left_edge(expression, TRACKER, TABLE, *others) is None


def test_one_expression_leads_to_a_bounded_number_of_knobs() -> None:
    levels = [f"Blur {{\n a {{{{{'+'.join([f'B{i + 1}.a'] * 20)}}}}}\n name B{i}\n}}" for i in range(9)]
    assert left_edge("B0.a", *levels, "Blur {\n a 1\n name B9\n}") is None


def test_attributes_and_points_follow_links_too() -> None:
    text = script(
        node("Roto1", curves(square("a", 10, 10, 8, attributes="opc {=Grade1.mix 1} vis {=Grade1.on 1}"))),
        "Grade {\n inputs 0\n mix {{curve x1001 1 x1011 0}}\n on {{curve K x1001 1 x1009 0}}\n name Grade1\n}",
    )
    obj = read_roto(text).objects[0]
    assert obj.keyframes == (1001,) and obj.at(1006)[0].opacity == pytest.approx(0.5)
    assert [obj.absent(frame) for frame in (1008, 1009)] == [False, True]


def test_a_pivot_that_moves_nothing_need_not_be_known() -> None:
    still = square("a", 10, 10, 8, transform="{t {=who.knows 4} 0}")
    turned = square("a", 10, 10, 8, transform="{t {=who.knows 4} 0 0 0 0 0 0 0 30}")
    assert read_roto(curves(still)).objects[0].unknown is None
    assert read_roto(curves(turned)).objects[0].unknown is not None


def test_colours_of_the_overlay_need_not_be_known() -> None:
    assert read_roto(curves(square("a", 1, 1, 1, attributes="ro {=who.knows 1} spx {=width 3}"))).objects[0].unknown is None


def test_what_is_not_known_says_how_to_bake_it() -> None:
    roto = read_roto(curves(layer("l", square("a", 1, 1, 1), transform="{t 0 0 0 {=Card1.translate.x 3}}"), square("b", 1, 1, 1)))
    assert [obj.has(1001) for obj in roto.objects] == [False, True]
    (warning,) = roto.warnings
    assert "'Card1.translate.x' of l" in warning and "Bake it" in warning


@pytest.mark.parametrize(
    ("written", "moved"),
    [
        ("{=frame - 1000}", 6),
        ("{=frame - 1000 x40a00000}", 6),
        ("{=Tracker1.translate.x * 2 7}", 20),
        ("{= 3 * 2}", 6),
        ("{=-3 {1001 5}}", -3),
        ("{=[value Tracker1.translate.x]}", None),
        ("{=[python {nuke.frame()}] 5}", None),
        ("{=frame > 1002 ? 5 : 6}", None),
    ],
)
def test_expression_with_spaces_is_no_damage(written: str, moved: float | None) -> None:
    tracked = layer("tracked", square("a", 10, 10, 8), transform=f"{{t 0 0 0 {written}}}")
    obj = read_roto(script(node("Roto1", curves(tracked)), TRACKER)).objects[0]
    if moved is None:
        assert obj.unknown
    else:
        assert obj.at(1006)[0].points[0, 0, 0] == pytest.approx(10 + moved)
