"""Scripts, curves text and their mistakes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.roto.made_roto import cc, corners, curves, layer, node, script, shape, square
from xmemcore.curves.braces import CurvesTextBroken
from xmemcore.curves.chain import CLASSES
from xmemcore.curves.script import Format, Node, read_script
from xmemcore.protocol.failures import RequestError
from xmemcore.roto import read_roto

ONE = curves(square("sleeve", 10, 20, 8))


def roto_nodes(text: str) -> list[Node]:
    return read_script(text).of(CLASSES)


def written(folder: Path, text: str, name: str = "shot.nk") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def centres(roto, frame: int = 1001) -> np.ndarray:
    return roto.objects[0].at(frame)[0].points[:, 0]


def test_a_script_gives_objects_format_and_keyframes(tmp_path: Path) -> None:
    roto = read_roto(written(tmp_path, script(node("Roto1", ONE), size=(2048, 1556))))
    assert [(obj.name, obj.keyframes) for obj in roto.objects] == [("sleeve", (1001,))]
    assert roto.format == Format(2048, 1556, 1.0)
    assert roto.warnings == ()


def test_a_nodes_own_format_goes_before_the_scripts(tmp_path: Path) -> None:
    with_format = node("Roto1", ONE, knobs=['format "512 256 0 0 512 256 2 anamorphic"'])
    assert read_roto(written(tmp_path, script(with_format))).format == Format(512, 256, 2.0)


@pytest.mark.parametrize(
    "text",
    [ONE, ONE[1:-1], "curves " + ONE, "AddMode 0 0 1 0 " + ONE[1:-1], "curves {AddMode 0 0 1 0 " + ONE[1:-1] + "}", "\n " + ONE],
    ids=["braced", "bare", "knob", "toScript", "braced toScript", "leading space"],
)
def test_curves_text_alone_is_enough(tmp_path: Path, text: str) -> None:
    expected = [[10, 20], [18, 20], [18, 28], [10, 28]]
    assert np.array_equal(centres(read_roto(written(tmp_path, text, "curves.txt"))), expected)
    assert np.array_equal(centres(read_roto(text + "\n")), expected)


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r", "\r\r\n"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_line_ends_and_encodings_of_other_systems_do_no_harm(tmp_path: Path, line_end: str, encoding: str) -> None:
    path = tmp_path / "shot.nk"
    path.write_bytes(script(node("Roto1", ONE)).replace("\n", line_end).encode(encoding))
    assert len(read_roto(path).objects) == 1


def test_names_may_hold_spaces_quotes_and_braces() -> None:
    names = {'"left sleeve"': "left sleeve", r'"a \"b\" \{c\}"': 'a "b" {c}', "{two words}": "two words", "täxt": "täxt"}
    text = curves(*(square(written, 0, 0, 1) for written in names))
    assert [obj.name for obj in read_roto(text).objects] == list(names.values())


def test_objects_of_one_name_are_told_apart() -> None:
    text = curves(*(square(name, 0, 0, 1) for name in ("a", "a", "b", "a")))
    assert [obj.name for obj in read_roto(text).objects] == ["a", "a_2", "b", "a_3"]


def test_a_layer_is_one_object_and_its_first_shape_is_on_top() -> None:
    text = curves(layer("body", square("top", 5, 0, 1), layer("inner", square("low", 7, 0, 1))), square("alone", 9, 0, 1), layer("empty"))
    roto = read_roto(text)
    assert [obj.name for obj in roto.objects] == ["body", "alone"]
    assert [shape.points[0, 0, 0] for shape in roto.objects[0].at(1001)] == [7, 5]


def test_nodes_in_groups_have_paths(tmp_path: Path) -> None:
    text = script(
        "Group {\n name Outer\n}", " Input {\n  name Input1\n }", " Group {\n  name Inner\n }", node("Roto1", ONE), " end_group",
        node("Paint", ONE, "RotoPaint"), "end_group", node("Roto1", curves(square("other", 0, 0, 1))),
    )  # fmt: skip
    assert [node.path for node in roto_nodes(text)] == ["Outer.Inner.Roto1", "Outer.Paint", "Roto1"]
    path = written(tmp_path, text)
    assert read_roto(path, "Outer.Paint").objects[0].name == "sleeve"
    assert read_roto(path, "Paint").objects[0].name == "sleeve"
    assert read_roto(path, "Roto1").objects[0].name == "other"


def test_other_nodes_and_other_knobs_called_curves_are_stepped_over() -> None:
    text = script(
        "ColorLookup {\n lut {master {}\n  red {curve x0 0 x1 1}}\n curves {r {curve x0 0}}\n}",
        f"SplineWarp3 {{\n curves {ONE}\n name SplineWarp1\n}}",
        'addUserKnob {26 text l "" T "Roto \\{ curves \\}"}',
        "# a comment with a { brace",
        node("Roto1", ONE, knobs=[r'label "a \"quoted\" \{ brace"', "toolbox {selectAll { { selectAll str 1 } } }"]),
    )
    assert [node.path for node in roto_nodes(text)] == ["Roto1"]


def test_a_disabled_roto_is_used_and_named() -> None:
    assert "Roto1 is disabled" in read_roto(script(node("Roto1", ONE, knobs=["disable true"]))).warnings[0]


@pytest.mark.parametrize("says", ["{{curve K x1001 0 x1007 1}}", '{{"frame > 1006"}}', "{{parent.off}}"])
def test_a_roto_that_is_disabled_for_a_time_is_used_and_named(says: str) -> None:
    read = read_roto(script(node("Roto1", ONE, knobs=[f"disable {says}"])))
    assert read.warnings == ("Roto1 is disabled for a time, by keys or an expression; its shapes count all the same.",) and read.objects
    assert not read_roto(script(node("Roto1", ONE, knobs=["disable false"]))).warnings


def test_several_nodes_are_listed(tmp_path: Path) -> None:
    path = written(tmp_path, script(node("Roto1", ONE), node("Roto2", ONE)))
    with pytest.raises(RequestError, match="Roto1, Roto2"):
        read_roto(path)
    with pytest.raises(RequestError, match="no Roto node 'Roto3'. It has: Roto1, Roto2"):
        read_roto(path, "Roto3")


def test_two_nodes_of_one_name_want_a_path(tmp_path: Path) -> None:
    groups = [f"Group {{\n name {group}\n}}\n{node('Roto1', ONE)}\nend_group" for group in ("A", "B")]
    with pytest.raises(RequestError, match="A.Roto1, B.Roto1"):
        read_roto(written(tmp_path, script(*groups)), "Roto1")


def test_a_script_without_roto_says_so(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="has no Roto or RotoPaint node"):
        read_roto(written(tmp_path, script("Blur {\n size 3\n}")))


@pytest.mark.parametrize("value", [curves(), curves(layer("empty"))])
def test_a_roto_without_shapes_says_so(value: str) -> None:
    with pytest.raises(RequestError, match="has no shapes"):
        read_roto(script(node("Roto1", value)))


def test_a_new_node_without_a_curves_knob_has_no_shapes() -> None:
    with pytest.raises(RequestError, match="Roto1 has no shapes"):
        read_roto(script("Roto {\n inputs 0\n name Roto1\n}"))


def test_paint_strokes_are_named_and_left_out() -> None:
    stroke = "{cubiccurve Brush1 512 catmullrom {cc {f 2080} {p {1 2 0.5} {3 4 1}}} {t 0 0} {a bs 5}}"
    roto = read_roto(curves(stroke, square("shape", 0, 0, 1)))
    assert [obj.name for obj in roto.objects] == ["shape"]
    assert any("strokes" in warning and "Brush1" in warning for warning in roto.warnings)
    with pytest.raises(RequestError, match="only paint strokes"):
        read_roto(curves(stroke))


def test_nuke_6_is_refused_by_name() -> None:
    old = 'curves {AnimTree: "" {\n Version: 1.2\n Flag: 0\n RootNode: 1\n}}'
    for text in (script(f"Roto {{\n inputs 0\n {old}\n name Roto1\n}}"), old + "\n"):
        with pytest.raises(RequestError, match="Nuke 6"):
            read_roto(text)


@pytest.mark.parametrize("content", [b"", b"  \n", b"\x00\x01binary", b"PK\x03\x04\x00"])
def test_a_file_that_is_no_text_says_so(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.nk"
    path.write_bytes(content)
    with pytest.raises(RequestError, match="x.nk"):
        read_roto(path)


@pytest.mark.parametrize("ending", [".nknc", ".nkind", ".NKNC"])
def test_an_encrypted_script_is_named_with_what_to_give_instead(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"shot{ending}"
    path.write_text("#! C:/Nuke.exe -nx\nkQ0x9aV3\n")
    with pytest.raises(RequestError, match=r"shot.*is encrypted.*Give the roto\.json"):
        read_roto(path)


@pytest.mark.parametrize(("above", "masked"), [("Constant {\n inputs 0\n}\npush 0", True), ("push 0\npush 0", False)])
def test_a_mask_at_a_rotos_input_is_named(above: str, masked: bool) -> None:
    text = (
        script(node("Roto1", curves(square("a", 0, 0, 1)))).replace("Roto {", f"{above}\nRoto {{", 1).replace("inputs 0\n", "inputs 1+1\n")
    )
    if masked:
        text = text.replace("inputs 1+1", "inputs 0", 1)
    assert [w for w in read_roto(text).warnings if "mask" in w] == ["The mask input of Roto1 is left out; its shapes count whole."] * masked


@pytest.mark.parametrize("folder", ["[wip]", "{shot}", "AddMode 1", "two\nlines"])
def test_a_file_in_a_folder_of_any_name_is_no_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str) -> None:
    (tmp_path / folder).mkdir()
    (tmp_path / folder / "roto.nk").write_text(script(node("Roto1", curves(square("a", 0, 0, 1)))))
    monkeypatch.chdir(tmp_path)
    assert read_roto(f"{folder}/roto.nk").objects[0].name == "a"
    if "\n" not in folder:
        with pytest.raises(RequestError, match="gone.nk.*Check the path"):
            read_roto(f"{folder}/gone.nk")


def test_a_missing_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="nothing.nk"):
        read_roto(tmp_path / "nothing.nk")
    with pytest.raises(RequestError, match="is no file"):
        read_roto(tmp_path)


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (lambda text: text.replace("{px 1001", "{px 1001}", 1), "broken at line"),
        (lambda text: text.replace("{10 20}", "{10 twenty}"), r"line \d+, column \d+: a number was expected, not 'twenty'"),
        (lambda text: text.replace("{10 20}", ""), "which come in threes"),
        # A kind that we do not know is drawn as Bezier points, so its points come in threes too.
        (lambda text: text.replace("bezier", "nurbs").replace("{10 20}", ""), "which come in threes"),
        (lambda text: text.replace("{layer Root", "{folder Root"), "does not begin with a layer"),
        (lambda text: text.replace("{10 20}", "{1 2 3 4}"), "a point of 4 numbers"),
        (lambda text: text.replace("{a }", "{a {opc} 1}"), "attributes come as name and value"),
        (lambda text: text.replace("{cc", "{xx"), "has no points"),
    ],
)
def test_broken_curves_say_where(damage, sentence: str) -> None:
    broken = damage(ONE)
    assert broken != ONE
    with pytest.raises(CurvesTextBroken, match=sentence):
        read_roto(script(node("Roto1", broken)))


def test_a_script_cut_off_in_the_middle_says_where() -> None:
    text = script(node("Roto1", ONE))
    with pytest.raises(CurvesTextBroken, match="line 6, column 6.*never closed"):
        read_roto(text[: text.index("{10 20}")])


def test_feather_with_other_points_is_refused() -> None:
    with pytest.raises(CurvesTextBroken, match="different numbers of points"):
        read_roto(curves(shape("a", cc(corners((0, 0), (1, 0), (1, 1)), "1"), cc(corners((0, 0)), "1"))))
