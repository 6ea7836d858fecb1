"""Windows: small objects are computed close up, are never outside of their window, and the mattes are those of the shot, not of the run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.shot.made_shot import HEIGHT, OVERSCAN, WIDTH, body_left, sent_to, write_frame, write_shot
from tests.shot.mattes.moving_body import grey
from tests.shot.set_up import depends
from xmemcore.engine import second_look
from xmemcore.engine.frames import Padding
from xmemcore.engine.order import Gap, outward_gaps
from xmemcore.engine.second_look import halved
from xmemcore.engine.sweep import Sweep
from xmemcore.protocol.requests import PropagateRequest
from xmemcore.shot.annotations.annotations import network_mask_from_matte
from xmemcore.shot.files.box import Box
from xmemcore.shot.inputs.inputs import open_shot
from xmemcore.shot.inputs.opened import open_propagate
from xmemcore.shot.mattes.composition import _beside
from xmemcore.shot.mattes.mattes import Matte, read_mattes
from xmemcore.shot.plan import plan as planning
from xmemcore.shot.plan import windows
from xmemcore.shot.plan.plan import plan
from xmemcore.shot.plan.windows import STRIDE, GroupWindows, Lens, seen_in
from xmemcore.shot.plate.canvas import Canvas
from xmemcore.shot.plate.flow import Flows, PartFlows
from xmemcore.shot.propagate import propagate
from xmemcore.shot.store.cache import FEATURES, CacheFile, cache_files
from xmemcore.shot.store.state import NodeManifest, clear_node

CANVAS = Canvas(Box(0, 0, 1920, 1080), Box(0, 0, 1920, 1080))


@pytest.fixture(autouse=True)
def enlarged(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let windows enlarge: the plates that are made here have fewer pixels than the network sees."""
    monkeypatch.setattr(windows, "FINEST", 2.0)


def square(row: float, column: float, side: float = 120) -> Box:
    return Box(round(column - side / 2), round(row - side / 2), round(column + side / 2), round(row + side / 2))


def group(keys: Mapping[int, Box | None]) -> GroupWindows:
    return GroupWindows(CANVAS, Padding(480, 853), keys, frozenset(keys))


def gap_of(*keys: int, length: int = 41) -> Gap:
    return next(gap for gap in outward_gaps(length, keys) if len(gap.sweeps) == 2)


def test_a_small_object_is_seen_larger_at_the_working_size() -> None:
    windows = group({0: square(500, 400), 40: square(500, 1500)})
    lenses = windows.candidates(gap_of(0, 40))
    zooms = [lens.size[0] / lens.rows / (480 / 1080) for lens in lenses]
    assert zooms[0] > 3.9 and zooms == sorted(zooms, reverse=True)
    whole = 480 * 864
    for lens in lenses:
        assert 0.8 * whole < lens.size[0] * lens.size[1] < 1.2 * whole and not lens.size[0] % 16 and not lens.size[1] % 16
        assert lens.size[0] / lens.rows == pytest.approx(lens.size[1] / lens.columns, rel=0.05), "pixels stay square"


def test_no_window_shows_more_than_the_pixels_of_the_plate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    lenses = group({0: square(500, 400), 40: square(500, 1500)}).lenses
    assert lenses[0].size[0] / lenses[0].rows == pytest.approx(1, abs=0.02)
    assert all(lens.size[0] <= 1.02 * lens.rows for lens in lenses)
    small = Canvas(Box(0, 0, 854, 480), Box(0, 0, 854, 480))
    assert GroupWindows(small, Padding(480, 854), {0: square(200, 400, 40)}, frozenset({0})).lenses == ()


def test_a_window_keeps_its_size_and_follows_smoothly() -> None:
    windows, gap = group({0: square(500, 400), 40: square(500, 1500)}), gap_of(0, 40)
    found = windows.path(gap, {index: square(500, 400 + 27.5 * index) for index in gap.delivers})
    assert found is not None
    lens, places = found
    assert {(place.height, place.width) for place in places.values()} == {(lens.rows, lens.columns)}
    steps = np.diff([places[index].x0 for index in sorted(places)])
    assert np.abs(np.diff(steps)).max() <= STRIDE * lens.columns / lens.size[1] + 1, "it moves by the network's cells, and does not jerk"
    assert sorted(places) == list(range(41)), "also where only sweeps look"


@pytest.mark.parametrize("seed", range(20))
def test_whatever_is_seen_lies_in_the_window_or_the_whole_frame_is_computed(seed: int) -> None:
    rng = np.random.default_rng(seed)
    windows, gap = group({0: square(500, 900), 40: square(500, 900)}), gap_of(0, 40)
    wander = np.cumsum(rng.normal(0, rng.choice((3, 15, 60)), (41, 2)), axis=0)
    sides = 120 * np.exp(np.cumsum(rng.normal(0, 0.05, 41)))
    seen = {
        index: None if rng.random() < 0.1 else square(500 + wander[index, 0], 900 + wander[index, 1], sides[index]).intersection(CANVAS.box)
        for index in gap.delivers
    }
    seen = {index: None if box is None or box.empty else box for index, box in seen.items()}
    found = windows.path(gap, seen)
    if found is None:
        return
    lens, places = found
    for index, box in seen.items():
        assert places[index].intersection(CANVAS.box) == places[index]
        assert box is None or (lens.holds(places[index], box) and places[index].intersection(box) == box)


def test_a_jump_costs_the_closest_window_and_a_long_loss_costs_all() -> None:
    windows, gap = group({0: square(500, 400), 40: square(500, 400)}), gap_of(0, 40)
    still = {index: square(500, 400) for index in gap.delivers}
    near, jumped = windows.path(gap, still), windows.path(gap, {**still, 20: square(500, 800)})
    assert near is not None and jumped is not None
    assert jumped[0].rows > near[0].rows
    assert windows.path(gap, {**still, 20: square(500, 1800)}) is None, "no window holds both within so few frames"
    assert windows.path(gap, {index: box if index < 15 else None for index, box in still.items()}) is None


def test_a_large_object_has_no_window_and_neither_has_a_gap_without_one_to_compute() -> None:
    assert group({0: Box(10, 300, 1910, 700), 40: square(540, 900)}).candidates(gap_of(0, 40)) == []
    small = group({0: square(540, 900), 1: square(540, 900)})
    assert [bool(small.candidates(gap)) for gap in outward_gaps(9, {0, 1})] == [False, True]
    assert group({0: None, 40: None}).candidates(gap_of(0, 40)) == []


def test_a_sweep_begins_in_the_window_in_which_its_keyframe_is_remembered() -> None:
    windows, gap = group({0: square(300, 300), 40: square(700, 1500), 60: None}), gap_of(0, 40, length=61)
    found = windows.path(gap, {index: square(320 + 10 * index, 310 + 30 * index) for index in gap.delivers})
    assert found is not None
    lens, places = found
    assert all(windows.of_key(key, lens) == (lens, places[key]) for key in (0, 40))
    assert windows.of_key(60, lens)[1].intersection(square(700, 1500)) == square(700, 1500), "an absent object is awaited where it was"


def test_a_keyframe_too_large_for_a_window_is_remembered_in_a_larger_one() -> None:
    windows = group({0: square(500, 400, 100), 40: square(500, 900, 400), 80: CANVAS.box})
    closest = windows.lenses[0]
    assert windows.of_key(0, closest)[0] == closest
    larger, part = windows.of_key(40, closest)
    assert larger.rows > closest.rows and larger.holds(part, square(500, 900, 400))
    assert windows.of_key(80, closest) == (windows.whole, CANVAS.box)


def test_specks_of_the_coarse_pass_do_not_count_but_a_second_object_does() -> None:
    objects = np.zeros((2, 60, 80), np.float32)
    objects[0, 10:30, 10:30] = 1
    objects[0, 55, 70] = 1
    assert seen_in(objects) == Box(10, 10, 30, 30)
    objects[1, 40:43, 50:53] = 0.9
    assert seen_in(objects) == Box(10, 10, 53, 43)
    assert seen_in(0 * objects) is None


def test_a_small_piece_that_is_surely_the_objects_stays_in_the_window() -> None:
    objects = np.zeros((1, 60, 80), np.float32)
    objects[0, 10:40, 10:40] = 1
    for value, side, seen in ((0.95, 4, True), (0.7, 4, False), (0.95, 2, False)):
        objects[0, 45:60, 60:80] = 0
        objects[0, 50 : 50 + side, 70 : 70 + side] = value
        assert seen_in(objects) == (Box(10, 10, 74, 54) if seen else Box(10, 10, 40, 40)), (value, side)


def test_what_lies_beside_a_window_is_cut_into_rectangles_that_cover_it_once() -> None:
    part = Box(20, 20, 60, 50)
    for boxes in ([Box(0, 0, 100, 90)], [Box(25, 25, 30, 30)], [Box(50, 10, 90, 30), Box(70, 60, 80, 70)], [Box(0, 0, 10, 10)], []):
        count = np.zeros((100, 120), int)
        for box in _beside(part, boxes):
            count[box.y0 : box.y1, box.x0 : box.x1] += 1
        assert count.max() <= 1 and not count[part.y0 : part.y1, part.x0 : part.x1].any()
        for box in boxes:
            count[part.y0 : part.y1, part.x0 : part.x1] = 1
            assert count[box.y0 : box.y1, box.x0 : box.x1].all()


def test_motion_in_windows_is_that_of_the_frame() -> None:
    whole = Flows(grey).way(6, 3, (96, 160))
    parts = {3: Box(30, 20, 110, 60), 6: Box(40, 24, 120, 64)}
    way = PartFlows(Flows(grey), parts, (96, 160)).way(6, 3, (40, 80))
    np.testing.assert_allclose(way.columns + 30, whole.columns[24:64, 40:120], atol=0.05)
    np.testing.assert_allclose(way.rows + 20, whole.rows[24:64, 40:120], atol=0.05)


@pytest.fixture
def request_(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PropagateRequest:
    """A shot of two groups whose objects get windows: sizes are small, and the coarse pass sees what is there."""
    monkeypatch.setattr(windows, "LEAST_SIZE", 64)
    monkeypatch.setattr(windows, "LEAST_COARSE", 32)

    def body(index: int) -> Box:
        x = OVERSCAN + body_left(1001 + index)
        return Box(x, OVERSCAN + 16, x + 44, OVERSCAN + 48)

    chosen = GroupWindows.path
    monkeypatch.setattr(GroupWindows, "path", lambda self, gap, seen: chosen(self, gap, {index: body(index) for index in seen}))
    request = write_shot(tmp_path, last=1024, body_keys=(1001, 1024), sleeve_keys=(1001, 1012, 1024))
    return sent_to(replace(request, bands=False), tmp_path)


def mattes_of(request: PropagateRequest) -> dict[int, Matte]:
    found = read_mattes(request.out)
    return {frame: found.read(frame) for frame in found.frames}


def lenses_of(request: PropagateRequest) -> list[Lens]:
    planned = plan(open_propagate(request))
    return [lens for each in planned.groups for gap in each.gaps if each.windows for lens in each.windows.candidates(gap)]


def test_a_window_is_looked_at_twice_with_a_memory_of_its_own_size(request_: PropagateRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[tuple[tuple[int, int], bool]] = []
    step = Sweep.step

    def noted(self, index, frame, annotation=None, last=False, second=None):
        steps.append((self.padding.padded, second is not None))
        return step(self, index, frame, annotation, last, second)

    monkeypatch.setattr(planning, "LEAST_SECOND_LOOK", 64)
    monkeypatch.setattr(second_look, "LONG_SWEEP_FRAMES", 6)
    monkeypatch.setattr(Sweep, "step", noted)
    propagate(request_)
    close = {lens.size for lens in lenses_of(request_) if (lens.size, True) in steps}
    assert close and all((halved(Padding(*size)).padded, False) in steps for size in close)


def test_a_window_leaves_nothing_outside_of_it_and_keyframes_are_the_artists_own(request_: PropagateRequest) -> None:
    assert lenses_of(request_)
    propagate(request_)
    cropped = mattes_of(request_)
    whole = replace(request_, crop="off", out=request_.out.replace("out", "whole"), node_id="whole")
    propagate(whole)
    others = mattes_of(whole)
    shot = open_shot(request_)
    for frame in shot.annotations.keyframes:
        for obj in shot.annotations.known(frame):
            layer = shot.annotations.objects[obj]
            np.testing.assert_array_equal(cropped[frame].layers[layer], others[frame].layers[layer])
    differing = [frame for frame, matte in cropped.items() if not np.array_equal(matte.layers["body"], others[frame].layers["body"])]
    assert differing == [frame for frame in cropped if 1001 < frame < 1024], "every frame between the keys was computed close up"
    opened = open_propagate(request_)
    planned = plan(opened)
    body = next(each for each in planned.groups if each.group.objects == (opened.layers.index("body"),))
    (gap,) = (gap for gap in body.gaps if len(gap.sweeps) == 2)
    assert body.windows is not None
    found = body.windows.path(gap, dict.fromkeys(gap.delivers))
    assert found is not None
    for index in gap.delivers[1:]:
        outside = np.ones((HEIGHT, WIDTH), bool)
        place = found[1][index].moved(-OVERSCAN, -OVERSCAN)
        outside[max(place.y0, 0) : place.y1, max(place.x0, 0) : place.x1] = False
        assert outside.any() and not cropped[1001 + index].layers["body"][outside].any()


def test_mattes_in_windows_are_the_same_whatever_the_range_and_the_cache(request_: PropagateRequest) -> None:
    request = replace(request_, steady=True, confidence=True)
    propagate(request)
    whole = mattes_of(request)
    again = replace(request, out=request.out.replace("out", "again"), frames="1006-1008", node_id="other")
    propagate(again)
    propagate(replace(again, frames="1003-1016", use_cache=False))
    for frame, matte in mattes_of(again).items():
        np.testing.assert_array_equal(matte.union, whole[frame].union)
        for layer, plane in matte.layers.items():
            np.testing.assert_array_equal(plane, whole[frame].layers[layer])
    assert propagate(request).written == (), "nothing is stale"


def test_clear_takes_what_windows_and_searches_keep_and_leaves_what_another_node_needs(request_: PropagateRequest, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    first = replace(request_, cache=str(cache))
    propagate(first)
    last = NodeManifest.load(cache / first.node_id)
    assert last is not None and last.beside, "windows and searches are kept"
    assert all(file.path.stem in {*last.features.values(), *last.beside} for file in in_features(cache))
    second = replace(first, out=first.out.replace("out", "second"), node_id="second", frames="1006-1008")
    propagate(second)
    write_frame(tmp_path / "plate" / "plate.1020.exr", 1020, brightness=0.5)
    propagate(first)
    propagate(first)
    clear_node(first.node_id, str(cache))
    left = {file.path.stem for file in in_features(cache)}
    kept = NodeManifest.load(cache / "second")
    assert kept is not None and left and left <= {*kept.features.values(), *kept.beside}
    assert propagate(second).encoded_frames == 0, "nothing that the other node needs is gone"
    clear_node("second", str(cache))
    assert not in_features(cache)


def in_features(cache: Path) -> list[CacheFile]:
    return [file for file in cache_files(cache) if file.path.parent.parent.name == FEATURES]


def test_every_frame_of_a_gap_with_a_window_depends_on_all_of_them(request_: PropagateRequest, tmp_path: Path) -> None:
    before = [depends(request_).signature(index) for index in range(24)]
    off = [depends(replace(request_, crop="off")).signature(index) for index in range(24)]
    assert [index for index in range(24) if before[index] != off[index]] == list(range(1, 23))
    write_frame(tmp_path / "plate" / "plate.1006.exr", 1006, brightness=0.5)
    after = [depends(request_).signature(index) for index in range(24)]
    assert [index for index in range(24) if before[index] != after[index]] == list(range(1, 23))
    later = [depends(replace(request_, crop="off")).signature(index) for index in range(24)]
    assert len([index for index in range(1, 23) if off[index] != later[index]]) < 22, "without a window, those whose sweep has seen it"


def test_plain_mode_small_sizes_and_many_groups_have_no_windows(request_: PropagateRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    assert lenses_of(request_)
    assert not lenses_of(replace(request_, crop="off")) and not lenses_of(replace(request_, plain=True))
    monkeypatch.setattr(windows, "MOST_GROUPS", 1)
    assert not lenses_of(request_)
    monkeypatch.setattr(windows, "MOST_GROUPS", 4)
    monkeypatch.setattr(windows, "LEAST_SIZE", 65)
    assert not lenses_of(request_)


def test_annotations_are_drawn_for_the_window_at_its_resolution(request_: PropagateRequest) -> None:
    annotations = open_shot(request_).annotations
    part = Box(10, 16, 70, 64)
    drawn = annotations.network_mask(1001, 0, (144, 180), part=part)
    fine = annotations.network_mask(1001, 0, (240, 336))
    assert drawn is not None and fine is not None
    np.testing.assert_array_equal(drawn.unpacked(), fine.unpacked()[48:192, 30:210])
    matte = annotations.matte(1001, 0)
    cut = network_mask_from_matte(matte, (48, 60), "area", part)
    assert cut is not None
    np.testing.assert_array_equal(cut.unpacked(), matte[16:64, 10:70] >= 0.5)
    assert cut.box is not None and cut.unpacked()[cut.box.y0 : cut.box.y1, cut.box.x0 : cut.box.x1].any(axis=1).all()
