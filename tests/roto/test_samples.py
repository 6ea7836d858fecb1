"""Real scripts: every file of the samples parses, and what comes out is what an artist drew."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from tests.roto.reference_raster import bezier_area
from xmemcore.curves.chain import CLASSES
from xmemcore.curves.reading import read_tree
from xmemcore.curves.script import Node, read_script
from xmemcore.curves.tree import shapes_below, strokes_below
from xmemcore.protocol.failures import RequestError
from xmemcore.roto import PixelGrid, Roto, rasterise, read_roto


def roto_nodes(text: str) -> list[Node]:
    return read_script(text).of(CLASSES)


def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")


@pytest.fixture(scope="module")
def roto_folder(shared: Path) -> Path:
    return shared / "nuke-samples" / "roto"


@pytest.fixture(scope="module")
def scripts(shared: Path) -> list[Path]:
    return sorted(path for path in (shared / "nuke-samples").rglob("*") if path.suffix in (".nk", ".gizmo"))


def test_every_shape_and_stroke_of_every_sample_is_found(scripts: list[Path]) -> None:
    """Counted apart, by keyword; SplineWarps hold strokes, and no shapes, in these files."""
    for path in scripts:
        text = text_of(path)
        trees = [read_tree(text, *node.knob("curves")) for node in roto_nodes(text) if node.knob("curves")]
        assert sum(len(list(shapes_below(tree, ()))) for tree in trees) == len(re.findall(r"\{curvegroup ", text)), path.name
        if "SplineWarp" not in text:
            assert sum(len(list(strokes_below(tree))) for tree in trees) == len(re.findall(r"\{cubiccurve ", text)), path.name


def test_every_roto_of_every_sample_evaluates_and_rasterises(scripts: list[Path]) -> None:
    drawn = 0
    grid = PixelGrid(64, 36, pixel_width=40, pixel_height=40)
    for path in scripts:
        for node in roto_nodes(text_of(path)):
            try:
                roto = read_roto(path, node.path)
            except RequestError:
                continue
            for obj in roto.objects:
                for frame in obj.keyframes or (1,):
                    raster = rasterise(obj.at(frame), grid)
                    assert np.isfinite(raster).all() and 0 <= raster.min() <= raster.max() <= 1
                    drawn += 1
    assert drawn > 100


def test_every_animated_roto_of_every_sample_is_read(scripts: list[Path]) -> None:
    """Counted by the keys in its text, apart from the reader."""
    animated = unreadable = 0
    for path in scripts:
        for node in roto_nodes(text_of(path)):
            if "{px " in node.value("curves") and "curvegroup" in node.value("curves"):
                animated += 1
                try:
                    read_roto(path, node.path)
                except RequestError:
                    unreadable += 1
    assert animated > 20 and unreadable == 0


def test_splinewarps_and_colour_lookups_are_no_roto(roto_folder: Path) -> None:
    with pytest.raises(RequestError, match="has no Roto or RotoPaint node"):
        read_roto(roto_folder / "NST_h_stickit.gizmo")
    assert [node.name for node in roto_nodes(text_of(roto_folder / "NST_SparkyExampleScene.nk"))] == ["RotoPaint1"]


def read(folder: Path, name: str, node: str | None = None) -> Roto:
    return read_roto(folder / name, node)


def test_a_whole_nuke_16_script(roto_folder: Path) -> None:
    roto = read(roto_folder, "CoTracker_check_results_v001.nk")
    assert (roto.format.width, roto.format.height) == (2304, 1296)
    assert [(obj.name, obj.keyframes) for obj in roto.objects] == [("Bezier1", (1024,))]
    points = roto.objects[0].at(1024)[0].points
    assert points[0].tolist() == [[1129, 459], [-8.5, -18.5], [8.5, 18.5]]
    drawn = rasterise(roto.objects[0].at(1024), PixelGrid(2304, 1296))
    assert drawn.sum(dtype=np.float64) == pytest.approx(abs(bezier_area(points)), rel=1e-3)
    rows, columns = np.nonzero(drawn > 0.5)
    assert 1296 - rows.max() - 1 == pytest.approx(points[:, 0, 1].min(), abs=20)
    assert columns.min() == pytest.approx(points[:, 0, 0].min(), abs=20)


def test_shapes_turned_by_their_layers_close_a_hexagon(roto_folder: Path) -> None:
    """Six blades, each turned by 60 degrees about the middle."""
    roto = read(roto_folder, "snippets/bokeh_rotated_shapes.nk")
    centres = np.array([obj.at(79)[0].points[:, 0].mean(axis=0) for obj in roto.objects])
    radii = np.hypot(*(centres - centres.mean(axis=0)).T)
    assert len(centres) == 6 and radii.std() / radii.mean() < 0.1
    turns = np.sort(np.degrees(np.arctan2(*(centres - centres.mean(axis=0)).T)))
    assert np.diff(turns) == pytest.approx([60] * 5, abs=8)


def test_two_keys_and_values_written_once(roto_folder: Path) -> None:
    roto = read(roto_folder, "snippets/cwslate_two_keys.nk")
    ellipse = roto.objects[0]
    assert ellipse.keyframes == (0, 1)
    before, after = (ellipse.at(frame)[0].points for frame in (0, 1))
    assert after[:, 0] - before[:, 0] == pytest.approx(np.tile([5.97, -2.5], (4, 1)), abs=0.02)
    assert np.array_equal(before[:, 1:], after[:, 1:])


def test_a_shape_with_feather_that_is_inverted(roto_folder: Path) -> None:
    roto = read(roto_folder, "snippets/roto_to_matte_static_feather_inverted.nk")
    shape = roto.objects[0].at(1)[0]
    assert shape.inverted and shape.feather is not None and roto.objects[0].keyframes == ()
    drawn = rasterise([shape], PixelGrid(97, 95))
    assert drawn[0, 0] == 1 and drawn[47, 48] == 0


def test_expressions_are_named_with_their_shapes(roto_folder: Path) -> None:
    warnings = read(roto_folder, "snippets/perspective_expressions.nk").warnings
    assert any("'origin.y+1' of Bezier2, Bezier1" in warning for warning in warnings)


def test_open_splines_are_named_and_drawn(roto_folder: Path) -> None:
    roto = read(roto_folder, "snippets/waterlens_openspline_point_attrs.nk")
    assert any("Open splines" in warning and "OpenSpline1" in warning for warning in roto.warnings)
    drawn = rasterise(roto.objects[0].at(11), PixelGrid(1280, 720))
    assert 300 < drawn.sum() < 1000  # some 600 pixels long, one wide


def test_layers_are_objects_with_all_their_shapes(roto_folder: Path) -> None:
    roto = read(roto_folder, "snippets/flow_layers_openspline.nk")
    assert [(obj.name, len(obj.at(184))) for obj in roto.objects][:3] == [("KnottedPost1", 6), ("KnottedPost", 6), ("Pipe", 3)]


def test_a_keyed_rest_position_and_views_do_no_harm(roto_folder: Path) -> None:
    roto = read(roto_folder, "snippets/bokehblur_keyed_transform_views.nk")
    points = roto.objects[0].at(1044)[0].points[:, 0]
    radii = np.hypot(*(points - points.mean(axis=0)).T)
    assert len(points) == 8 and radii.std() / radii.mean() < 0.05
