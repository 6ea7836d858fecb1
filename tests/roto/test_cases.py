"""Scripts as Nuke and artists write them that were once read wrong, and damaged ones; each stands for its kind."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from tests.roto.made_roto import curves, layer, node, script, square
from xmemcore.curves.braces import CurvesTextBroken
from xmemcore.protocol.failures import RequestError
from xmemcore.roto import RotoObject, read_roto

CASES = Path(__file__).parent / "cases"


def case(name: str) -> RotoObject:
    roto = read_roto(CASES / f"{name}.nk")
    assert len(roto.objects) == 1 and roto.warnings == ()
    return roto.objects[0]


def corners(obj: RotoObject, frame: int) -> list[list[float]]:
    return obj.at(frame)[0].points[:, 0].tolist()


def test_a_key_without_a_value_is_0() -> None:
    box = case("key-without-value")
    assert box.keyframes == (1001, 1004)
    assert corners(box, 1001) == [[20, 10], [60, 10], [60, 40], [20, 40]]
    assert corners(box, 1004) == [[0, 0], [60, 0], [60, 40], [0, 40]]


def test_keys_may_be_bare_numbers() -> None:
    box = case("keys-as-bare-numbers")
    assert box.keyframes == (1001, 1003, 1005)
    assert corners(box, 1001) == [[10, 10], [50, 10], [50, 40], [10, 40]]
    assert corners(box, 1003) == [[20, 10], [50, 10], [58, 40], [10, 44]]
    assert corners(box, 1005) == [[30, 12], [70, 10], [66, 40], [30, 48]]


def test_a_lifetime_counts_on_every_frame() -> None:
    patch = case("lifetime-off-key-frames")
    assert patch.keyframes == (1005, 1009)
    assert [frame for frame in range(1001, 1013) if not patch.absent(frame)] == [*range(1004, 1010)]


def test_visibility_says_when_and_not_where() -> None:
    ball, points_only = case("visibility-keys"), case("points-only")
    assert ball.keyframes == points_only.keyframes == (1001, 1005, 1012)
    assert [frame for frame in range(1001, 1013) if ball.absent(frame)] == [1006, 1007, 1008]
    assert np.array_equal(ball.at(1005)[0].points, points_only.at(1005)[0].points)


def test_a_link_to_a_tracker_is_followed() -> None:
    ball = case("linked-to-tracker")
    assert ball.keyframes == (1001, 1012)
    moved = np.array(corners(ball, 1012)) - corners(ball, 1001)
    assert moved == pytest.approx(np.tile([38.4, 0], (4, 1)))


def short(points: Sequence[str], times: str = "{1001 1003}", feather: str = "idem", rest: str = "{t} {a}") -> str:
    """Write a shape as text that leaves out what it can."""
    listed = " ".join(f"{{{point}}}" for point in points)
    return f"{{curvegroup a 512 bezier {{{{cc {{f 8192}} {{px {times} {listed}}}}} {feather}}} {rest}}}"


MIXED = ["0 {}", "{10 20} {{5 -}}", "", "", "{{x 2 50}} {5 {6 -}}", "{} {}", "{0} {0}", "{{50 -} 60} {40}", "{{}}"]


def test_bare_and_braced_numbers_may_stand_side_by_side() -> None:
    box = read_roto(curves(short(MIXED))).objects[0]
    assert corners(box, 1001) == [[10, 5], [50, 5], [50, 40]]
    assert corners(box, 1003) == [[20, 5], [50, 6], [60, 40]]


def test_feather_curves_are_written_shorter_too() -> None:
    feather = "{cc {f 8192} {px {1001 1003} {} {{1 {2 -}}} {} {} {{} {3}} {} {} {{x 2 -4}} {}}}"
    box = read_roto(curves(short(MIXED, feather=feather))).objects[0]
    assert box.at(1001)[0].feather[:, 0].tolist() == [[1, 0], [0, 3], [-4, 0]]
    assert box.at(1003)[0].feather[:, 0].tolist() == [[2, 0], [0, 3], [-4, 0]]


def test_transforms_and_attributes_are_written_shorter_too() -> None:
    rest = "{t 0 0 0 {{1001 7} 1003} {{1001} {1003 2}} {}} {a osbe {} opc {{1001 0.5} {1003 1}} vis {{1001 1} 1003} inv}"
    box = read_roto(curves(short(MIXED, rest=rest))).objects[0]
    first = box.at(1001)[0]
    assert first.points[0, 0].tolist() == [17, 5] and first.opacity == 0.5 and not first.inverted
    assert box.at(1003) == [] and box.absent(1003)


def test_transforms_with_one_list_of_times_take_bare_keys() -> None:
    box = read_roto(curves(short(MIXED, rest="{tx {1001 1003} 0 0 0 {7 9} {{2 -}} 0} {a}"))).objects[0]
    assert [box.at(frame)[0].points[0, 0].tolist() for frame in (1001, 1003)] == [[17, 7], [29, 7]]


@pytest.mark.parametrize(
    "text", ["{layer Root}", "{layer Root {f} {t} {a}}", "{layer Root {curvegroup a 512 bezier {{cc {f 8192} {p}}}}}", "{layer}"]
)
def test_layers_and_shapes_may_end_early(text: str) -> None:
    with pytest.raises(RequestError, match="has no shapes"):
        read_roto(f"{{{{v 1}} {{f 0}} {{n {text}}}}}")


def test_a_shape_may_leave_out_feather_transform_and_attributes() -> None:
    bare = "{curvegroup a {{cc {f} {px 1001 {} {4 4} {} {} {8 4} {} {} {8 9} {}}}}}"
    box = read_roto(f"{{{{v}} {{n {{layer Root {bare}}}}}}}").objects[0]
    assert box.keyframes == (1001,) and corners(box, 1001) == [[4, 4], [8, 4], [8, 9]]


@pytest.mark.parametrize("path", sorted(CASES.glob("damage-*.nk")), ids=lambda path: path.stem)
def test_damaged_text_is_one_sentence_that_names_the_file_and_the_place(path: Path) -> None:
    with pytest.raises(CurvesTextBroken, match=r"line \d+, column \d+") as caught:
        read_roto(path)
    assert path.name in str(caught.value) and len(str(caught.value)) < 400


def test_deep_nesting_is_one_sentence() -> None:
    with pytest.raises(CurvesTextBroken, match="deeper than"):
        read_roto("{" * 20_000 + "}" * 20_000)
    with pytest.raises(CurvesTextBroken, match="deeper than"):
        read_roto("{{v 1} {f 0} {n " + "{layer a " * 5000 + "}" * 5000 + "}}")
    inner = square("a", 0, 0, 1)
    for depth in range(99):
        inner = layer(f"l{depth}", inner)
    assert read_roto(curves(inner)).objects[0].keyframes == (1001,)


def test_a_shape_at_infinity_is_named(tmp_path: Path) -> None:
    from xmemcore.shot.annotations.roto import RotoAnnotations
    from xmemcore.shot.files.box import Box
    from xmemcore.shot.plate.canvas import Canvas

    identity = [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0]
    lost = square("lost", 4, 4, 9, transform="{t " + " ".join(map(str, [0] * 9 + [1] * 3 + [0] * 7 + identity)) + "}")
    masks_of_roto = RotoAnnotations(read_roto(curves(lost, square("kept", 4, 4, 9))), Canvas(Box(0, 0, 32, 32), Box(0, 0, 32, 32)))
    assert masks_of_roto.objects == ("kept",) and any("lies at infinity on frame 1001" in warning for warning in masks_of_roto.warnings)


def test_real_folders_and_endless_files_are_no_roto(tmp_path: Path) -> None:
    for path in ("/dev/zero", tmp_path):
        with pytest.raises(RequestError, match="is no file"):
            read_roto(path)


def test_a_node_of_paint_strokes_beside_the_roto_needs_no_choice() -> None:
    stroke = "{cubiccurve Brush1 512 catmullrom {cc {f 2080} {p {1 2 0.5} {3 4 1}}} {t 0 0} {a bs 5}}"
    text = script(node("Paint", curves(stroke), "RotoPaint"), node("Roto1", curves(square("a", 1, 1, 5))))
    assert [obj.name for obj in read_roto(text).objects] == ["a"]
