"""Trees read from text: the quick way and the thorough way, written and read again, and what is known without reading points."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.roto.made_roto import cc, corners, curves, hexadecimal, layer, shape, square
from xmemcore.curves import Curve, CurvesTextBroken, Layer, objects_of, read_tree, shapes_below, with_curves, write_tree
from xmemcore.curves import reading as reading_module
from xmemcore.curves.animation import CUBIC, LINEAR, STEP, USER, Key, keyed
from xmemcore.curves.chain import CLASSES
from xmemcore.curves.script import read_script


def content(root: Layer) -> list[object]:
    """List everything that a tree says, curve by curve."""
    found: list[object] = []

    def note(curve: Curve, place: object) -> Curve:
        found.append((place, curve.constant, curve.keys, curve.expression))
        return curve

    for placed in shapes_below(with_curves(root, note), ()):
        found.append((placed.shape.name, placed.shape.flags, placed.shape.kind, [parent.name for parent in placed.parents]))
        for outline in (placed.shape.main, placed.shape.feather):
            found.append(None if outline is None else (outline.flags, len(outline.points)))
    return found


def thorough(monkeypatch: pytest.MonkeyPatch, text: str) -> list[object]:
    with monkeypatch.context() as patch:
        patch.setattr(reading_module, "quick_point", lambda inner, times: None)
        return content(read_tree(text))


def sample_texts(shared: Path) -> list[str]:
    paths = [path for path in (shared / "nuke-samples").rglob("*") if path.suffix in (".nk", ".gizmo")]
    texts = [path.read_text(encoding="utf-8", errors="replace") for path in sorted(paths)]
    nodes = [node for text in texts for node in read_script(text).of(CLASSES)]
    return [node.text[slice(*extent)] for node in nodes if (extent := node.knob("curves")) and extent[1] - extent[0] < 100_000]


def test_every_real_tree_is_read_alike_both_ways_and_comes_back_when_written(monkeypatch: pytest.MonkeyPatch, shared: Path) -> None:
    texts = [text for text in sample_texts(shared) if "curvegroup" in text]
    assert len(texts) > 20
    for text in texts:
        read = content(read_tree(text))
        assert read == thorough(monkeypatch, text)
        assert content(read_tree(write_tree(read_tree(text)))) == read


words = st.one_of(
    st.integers(-99, 99).map(str),
    st.floats(-1e6, 1e6, width=32).map(hexadecimal),
    st.floats(-9, 9).map(repr),
    st.sampled_from(["0", "1", "x3f800000"]),
)
plain_keys = words.flatmap(lambda word: st.sampled_from([word, f"{{{word}}}", f"{{{word} -}}"]))
sloped_keys = st.lists(words, min_size=5, max_size=6).map(
    lambda parts: "{" + " ".join([*parts[:5], *(["256"] if len(parts) > 5 else [])]) + "}"
)
runs = st.tuples(st.integers(0, 4), plain_keys).map(lambda run: f"{{x {run[0]} {run[1]}}}")
key_lists = st.lists(st.one_of(plain_keys, plain_keys, sloped_keys, runs, st.just("{}")), max_size=5).map(
    lambda keys: "{" + " ".join(keys) + "}"
)
coordinates = st.one_of(words, key_lists, key_lists, st.just("{}"))
points = st.lists(coordinates, max_size=3).map(" ".join)


@given(st.lists(points, max_size=6), st.integers(0, 5))
@settings(max_examples=150, deadline=None)
def test_quick_and_thorough_reading_agree_or_both_refuse(listed: list[str], count: int) -> None:
    times = None if count == 0 else "{" + " ".join(str(1001 + 2 * i) for i in range(count)) + "}"
    text = curves(shape("a", cc(listed, times), kind="bspline"))
    outcomes = []
    with pytest.MonkeyPatch.context() as patch:
        for quick in (True, False):
            if not quick:
                patch.setattr(reading_module, "quick_point", lambda inner, times: None)
            try:
                outcomes.append(content(read_tree(text)))
            except CurvesTextBroken as error:
                outcomes.append([str(error)])
    assert outcomes[0] == outcomes[1]
    assert read_tree(text, points=False).children[0].main.count == len(listed)


def test_unordered_times_are_sorted() -> None:
    text = curves(shape("a", cc(["{{1} {2} {3}} 0", "1 1"], "{1009 1001 1005}"), kind="bspline"))
    assert [(key.time, key.value) for key in read_tree(text).children[0].main.points[0].x.keys] == [(1001, 2), (1005, 3), (1009, 1)]


def test_a_still_value_keyed_twice_on_a_frame_is_one_key() -> None:
    from xmemcore.curves.braces import split
    from xmemcore.curves.curve_text import curve

    for listed, expected in (("{7}", 7), ("{{5 -}}", 5)):
        found = curve(listed, split(listed, 0, len(listed))[0], (1001.0, 1009.0, 1003.0, 1003.0, 1001.0))
        assert tuple(found.times) == (1001, 1003, 1009)
        assert [found.at(frame) for frame in (1000, 1001, 1002, 1003, 1005, 1010)] == pytest.approx([expected] * 6)


def test_keys_are_known_before_points_are_read() -> None:
    text = curves(shape("a", cc(["0 0", "{{5} {broken}} 4", "0 0"] * 3, "{1001 1005}")), layer("l", square("b", 0, 0, 1)))
    with pytest.raises(CurvesTextBroken, match="Shape 'a'.*'broken'"):
        read_tree(text)
    root = read_tree(text, points=False)
    from xmemcore.curves import keyframes

    assert [(obj.name, keyframes(obj.placed)) for obj in objects_of([("Roto1", root)])] == [("a", (1001, 1005)), ("l", (1001,))]
    with pytest.raises(CurvesTextBroken, match="'broken'"):
        root.children[0].main.points  # noqa: B018


def test_what_is_written_comes_back() -> None:
    keys = [
        Key(1001, 0.1),
        Key(1002.5, -3, STEP),
        Key(1004, 1e-7, LINEAR),
        Key(1006, 2, CUBIC),
        Key(1008, 3, USER, 1, -2, 0.5, 2),
        Key(1009, 4),
    ]
    animated = keyed(keys)
    tree = read_tree(
        curves(
            layer(
                '"a \\"b\\" \\[c\\] {d}"',
                square("s 1".join('""'), 1.1, 2, 3, "{1001 1009}", "opc {=Grade1.mix 1} vis 0", "{t 0 0 0 1 {=x {{1 2}}}}"),
            ),
            shape("open", cc(corners((0, 0), (1.5, 1)), None, flags=8224), "idem", kind="bezier", flags=1049088),
        )
    )
    changed = with_curves(tree, lambda curve, place: animated if place.part == "transform" and place.key == 4 else curve)
    again = read_tree(write_tree(changed))
    assert content(again) == content(changed) and again.children[0].name == 'a "b" [c] {d}'
    assert again.children[0].children[0].transform[4].keys == tuple(keys)


def test_curves_are_replaced_where_they_stand() -> None:
    """What the plugin does with expressions: it asks Nuke and puts keys in their place."""
    text = curves(layer("l", square("a", 10, 10, 8, attributes="opc {=w.x 1}"), transform="{t 0 0 0 {=w.x 0}}"))
    asked = []

    def sampled(curve: Curve, place: object) -> Curve:
        if not curve.unknown:
            return curve
        asked.append((place.element, place.part, place.key, curve.expression))
        return keyed([Key(1001, 0.25), Key(1002, 0.5)])

    root = with_curves(read_tree(text), sampled)
    assert asked == [((0,), "transform", 3, "w.x"), ((0, 0), "attribute", "opc", "w.x")]
    (obj,) = objects_of([("Roto1", read_tree(write_tree(root)))])
    assert obj.placed[0].shape.attributes["opc"].at(1002) == 0.5


def test_large_texts_and_long_time_lists_are_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading_module, "MAX_CHARACTERS", 100)
    with pytest.raises(CurvesTextBroken, match="curves text of 0 MB, over"):
        read_tree(curves(square("a", 0, 0, 1)))
    monkeypatch.undo()
    monkeypatch.setattr(reading_module, "MAX_TIMES", 3)
    with pytest.raises(CurvesTextBroken, match="keys on 4 frames"):
        read_tree(curves(square("a", 0, 0, 1, "{1 2 3 4}")))


def test_a_seeded_run_of_damage_ends_in_shapes_or_one_sentence() -> None:
    """A short one; `make fuzz` runs it long."""
    from tests.roto.damage import damaged
    from xmemcore.protocol.failures import RequestError
    from xmemcore.roto import read_roto

    seeds = [path.read_text() for path in sorted((Path(__file__).parents[1] / "roto" / "cases").glob("[!d]*.nk"))]
    rng = random.Random(7)
    for _ in range(200):
        text = damaged(rng.choice(seeds), rng) + "\n"
        try:
            for obj in read_roto(text).objects:
                for frame in obj.keyframes[:2]:
                    obj.at(frame)
                    obj.absent(frame + 1)
        except RequestError as error:
            assert len(str(error)) < 800


@pytest.mark.parametrize(
    "told", ["pterr nan", "pterr 1.#QNAN", "spx xffc00000", "source rgba", "ptex {{1001 nan}}", "view left", 'tt "a b"']
)
def test_what_no_matte_depends_on_needs_no_number(told: str) -> None:
    stroke = f"{{cubiccurve Brush1 512 catmullrom {{cc {{f 2080}} {{p {{1 nan 1}}}}}} {{t nan}} {{a {told} opc nan}}}}"
    root = read_tree(curves(stroke, square("sleeve", 1, 1, 5, attributes=f"opc .5 {told} inv 1")))
    shape_read = next(iter(shapes_below(root, ()))).shape
    assert {name: curve.constant for name, curve in shape_read.attributes.items()} == {"opc": 0.5, "inv": 1.0}


def test_what_a_matte_depends_on_needs_a_number() -> None:
    with pytest.raises(CurvesTextBroken, match="'nan' is no number"):
        read_tree(curves(square("sleeve", 1, 1, 5, attributes="opc nan")))
