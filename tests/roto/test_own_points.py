"""Shapes that lie in the picture, brought back into the coordinates of their node."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.roto.made_roto import cc, curves, layer, node, script, shape, square
from xmemcore.roto import EvaluatedShape, RotoObject, read_roto

TURNED = "{t 0 0 0 30 -12 0 0 0 25 1.4 0.7 1 0.2}"
BENT = ["3 -5", "10 10", "-4 6", "-8 -2", "60 14", "7 3", "2 9", "40 70", "-1 -7"]
FEATHERED = ["3 -5", "-4 -4", "-4 6", "-8 -2", "9 0", "7 3", "2 9", "0 11", "-1 -7"]
VERTICES = ["10 10", "60 14", "70 50", "40 70", "8 44"]
OFFSETS = ["-4 -4", "6 -1", "5 5", "0 8", "-6 2"]


def read(*shapes: str) -> tuple[RotoObject, ...]:
    return read_roto(script(node("Roto1", curves(*shapes)))).objects


def numbers(texts: list[str]) -> np.ndarray:
    return np.array([list(map(float, text.split())) for text in texts])


@pytest.mark.parametrize("attributes", ["fo 1", "fo 1 fx 6 fy 3", "fo 0"])
def test_points_come_back_through_all_transforms(attributes: str) -> None:
    (body,) = read(layer("body", shape("arm", cc(BENT), cc(FEATHERED), TURNED, attributes), transform=TURNED))
    (shape_of_node,) = body.own(1001, 1001, body.at(1001))
    assert (shape_of_node.node, shape_of_node.path, shape_of_node.name) == ("Roto1", (0, 0), "arm")
    points = [six[:3] for six in shape_of_node.points]
    assert np.allclose(np.array(points).reshape(-1, 2), numbers(BENT), atol=1e-6)
    feather = [six[3:] for six in shape_of_node.points]
    if attributes == "fo 0":
        assert feather == [(None,) * 3] * 3, "what is switched off stays as it is"
    else:
        assert np.allclose(np.array(feather).reshape(-1, 2), numbers(FEATHERED), atol=1e-6)


@pytest.mark.parametrize("flags", [8192, 8192 + 32])
def test_the_vertices_of_a_b_spline_come_back(flags: int) -> None:
    (body,) = read(shape("body", cc(VERTICES, flags=flags), cc(OFFSETS, flags=flags), TURNED, kind="bspline"))
    (shape_of_node,) = body.own(1001, 1001, body.at(1001))
    assert np.allclose([six[1] for six in shape_of_node.points], numbers(VERTICES), atol=1e-6)
    assert np.allclose([six[4] for six in shape_of_node.points], numbers(OFFSETS), atol=1e-6)
    assert all(six[0] is None and six[2] is None for six in shape_of_node.points)


def test_a_moving_layer_is_that_of_the_frame_where_the_shape_is_to_be() -> None:
    moving = "{t 0 0 0 {{1001 0} {1011 100}} 0 0}"
    (body,) = read(layer("body", square("arm", 10, 10, 20, None), transform=moving))
    (start,) = body.at(1001)
    (shape_of_node,) = body.own(1001, 1011, [start])
    assert np.allclose([six[1] for six in shape_of_node.points][0], start.points[0, 0] - [100, 0])


def test_shapes_that_do_not_show_at_the_first_frame_are_left_out() -> None:
    hidden = square("far", 50, 50, 10, None, "vis {{1001 0} {1005 1}}")
    (body,) = read(layer("body", hidden, square("near", 10, 10, 20, None)))
    assert [shape_of_node.path for shape_of_node in body.own(1001, 1005, body.at(1001))] == [(0, 1)]
    assert [shape_of_node.path for shape_of_node in body.own(1005, 1005, body.at(1005))] == [(0, 1), (0, 0)]


def test_a_moved_shape_is_evaluated_where_it_was_put() -> None:
    (body,) = read(shape("body", cc(BENT), cc(FEATHERED), TURNED, "fx 5 fy 5"))
    (lies,) = body.at(1001)
    moved: EvaluatedShape = replace(lies, points=lies.points + np.array([[12.0, -7.0], [0, 0], [0, 0]]))
    (shape_of_node,) = body.own(1001, 1001, [moved])
    texts = [[f"{x} {y}" for x, y in (pair for six in shape_of_node.points for pair in six[first : first + 3])] for first in (0, 3)]
    (again,) = read(shape("body", cc(texts[0]), cc(texts[1]), TURNED, "fx 5 fy 5"))
    (now,) = again.at(1001)
    assert np.allclose(now.points, moved.points, atol=1e-4) and np.allclose(now.feather, moved.feather, atol=1e-4)
