"""What keys teach the frames around them: what the network misses of a shape goes along with the picture, fades, and pops nowhere."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.shot.mattes.moving_body import HEIGHT, WIDTH, Keys, body, grey, moved, planes
from tests.witness.pixels import decoded
from tests.witness.shots import WitnessShot, write_shot
from xmemcore.protocol.requests import PropagateRequest
from xmemcore.shot.files.box import Box
from xmemcore.shot.mattes.carry import AGREED, APART, REACH, KeyDifferences, feather_of
from xmemcore.shot.mattes.edges import Refinement
from xmemcore.shot.mattes.steps import Carry, Enlarge, chain_of, keys_of
from xmemcore.shot.plate.canvas import Canvas
from xmemcore.shot.plate.flow import Flows
from xmemcore.shot.propagate import propagate


def differences(*keys: int) -> KeyDifferences:
    found = KeyDifferences(Keys({key: frozenset({0}) for key in keys}), 1, Flows(grey), range(100))
    for key in keys:
        found.put(key, {0: body(key)}, planes(body(key, strap=False)))
    return found


@pytest.mark.parametrize("inside", [False, True], ids=["where nothing is", "inside of the object"])
def test_a_trace_that_the_flow_leaves_far_from_the_object_is_not_carried(inside: bool) -> None:
    found = KeyDifferences(Keys({10: frozenset({0})}), 1, Flows(grey), range(100))
    trace = np.zeros((HEIGHT, WIDTH), np.float32)
    if inside:
        trace[52:54, 50:60] = -0.15
    else:
        trace[10:12, 100:140] = 0.15
    own = body(10, strap=False)
    found.put(10, {0: own + moved(trace, 10)}, planes(own))
    answer = planes(body(13, strap=False))
    np.testing.assert_allclose(found.added_to(answer, 13)[0], answer, atol=0.02)


def test_a_part_that_the_network_misses_goes_along_with_the_picture() -> None:
    carried = differences(10).added_to(planes(body(13, strap=False)), 13)[0]
    strap = body(13) - body(13, strap=False)
    assert carried[1][strap > 0.5].min() > 0.5, "the strap is where the picture has moved it"
    assert np.abs(carried[1] - body(13)).mean() < 0.4 * strap.mean()
    np.testing.assert_allclose(carried.sum(axis=0), 1, atol=1e-5)


def test_what_is_carried_fades_with_distance_and_ends() -> None:
    def left(distance: int) -> float:
        return float(differences(10).added_to(planes(body(10 + distance, strap=False)), 10 + distance)[0][1][:36].sum())

    near, middle = left(1), left(REACH // 2)
    assert near > middle > 0
    assert differences(10).keys_for(10 + REACH + 1) == [] and left(REACH + 1) == 0


def test_two_keys_share_a_short_gap_and_a_keyed_frame_takes_nothing() -> None:
    both = differences(10, 14)
    assert both.keys_for(12) == [10, 14] and both.keys_for(10) == [] and both.looked_at(12) == [10, 11, 12, 13, 14]
    carried = both.added_to(planes(body(12, strap=False)), 12)[0]
    strap = body(12) - body(12, strap=False) > 0.5
    assert carried[1][strap].min() > 0.5, "both keys know the strap, so it does not fade between them"


def test_a_hole_of_the_plate_counts_as_the_frames_that_it_lacks() -> None:
    def behind(hole: int) -> KeyDifferences:
        """Frame 10 is keyed; so many frames are missing behind it."""
        frames = [*range(11), *range(11 + hole, 50 + hole)]
        found = KeyDifferences(Keys({10: frozenset({0})}), 1, Flows(grey), frames)
        found.put(10, {0: body(10)}, planes(body(10, strap=False)))
        return found

    def left(found: KeyDifferences) -> float:
        return float(found.added_to(planes(body(11, strap=False)), 11)[0][1][:36].sum())

    assert behind(REACH - 1).keys_for(11) == [10] and behind(REACH).keys_for(11) == []
    assert left(behind(0)) > left(behind(3)) > left(behind(REACH)) == 0
    elsewhere = planes(np.roll(body(11, strap=False), 60, axis=1))
    unsure = behind(3).added_to(elsewhere, 11)[0]
    assert behind(0).added_to(elsewhere, 11)[0][1].sum() > unsure[1].sum() + 10, "only to the next frame motion is sure"


def test_the_edge_of_a_moving_shape_does_not_jump_at_a_key() -> None:
    def network(index: int) -> np.ndarray:
        """Two pixels too far to the left, whatever the frame."""
        return np.roll(body(index, strap=False), -2, axis=1)

    found = KeyDifferences(Keys({10: frozenset({0})}), 1, Flows(grey), range(100))
    found.put(10, {0: body(10, strap=False)}, planes(network(10)))
    wrong, right = network(11), found.added_to(planes(network(11)), 11)[0][1]
    truth = body(11, strap=False)
    assert np.abs(wrong - truth).sum() / 60 > 1.5, "the matte of before jumps by two pixels on each side"
    assert np.abs(right - truth).sum() / 60 < 0.5


def feathered(index: int) -> np.ndarray:
    """The block with a feather of eight pixels on its right side alone."""
    plane = np.zeros((HEIGHT, WIDTH), np.float32)
    plane[40:70, 40:66] = 1
    plane[40:70, 66:74] = np.linspace(0.94, 0.06, 8)
    return moved(plane, index)


def test_a_feather_is_found_where_it_is_and_goes_along() -> None:
    feather = feather_of(feathered(0), (HEIGHT, WIDTH))
    assert feather[55, 68:72].min() > 0.9 and feather[45:65, 38:42].max() < 0.1 and feather[20, 20] == 0
    found = KeyDifferences(Keys({10: frozenset({0})}), 1, Flows(grey), range(100))
    found.put(10, {0: feathered(10)}, planes(body(10, strap=False)), {0: feather_of(feathered(10), (HEIGHT, WIDTH))})
    _, soft = found.added_to(planes(body(12, strap=False)), 12)
    assert soft[0, 55, 24 + 68 : 24 + 72].min() > 0.8 and soft[0, 55, 24 + 38 : 24 + 42].max() < 0.2


def test_a_feathered_edge_stays_soft_where_the_plate_has_a_sharp_one() -> None:
    picture = np.where(body(12, strap=False)[..., None] > 0.5, (0.8, 0.3, 0.2), (0.1, 0.3, 0.6)).astype(np.float32)
    picture = cv2.resize(picture, (4 * WIDTH, 4 * HEIGHT), interpolation=cv2.INTER_NEAREST)
    small = planes(cv2.GaussianBlur(body(12, strap=False), (0, 0), 1.5))
    enlarged = np.stack([cv2.resize(plane, (4 * WIDTH, 4 * HEIGHT), interpolation=cv2.INTER_LINEAR) for plane in small])

    def width(soft: np.ndarray | None) -> int:
        row = Refinement(small, picture, soft).rows(slice(0, 4 * HEIGHT), enlarged)[1, 4 * 55, 4 * (24 + 55) :]
        return int(((row > 0.1) & (row < 0.9)).sum())

    assert width(None) <= 4 and width(np.ones((1, HEIGHT, WIDTH), np.float32)) >= 12


def test_flow_does_not_depend_on_what_was_asked_before() -> None:
    fresh, used = Flows(grey), Flows(grey)
    for index in (3, 7, 2, 9):
        used.way(index, 5, (HEIGHT, WIDTH))
    for a, b in zip(vars(fresh.way(8, 5, (HEIGHT, WIDTH))).values(), vars(used.way(8, 5, (HEIGHT, WIDTH))).values()):
        np.testing.assert_array_equal(a, b)


def test_flow_does_not_depend_on_the_number_of_threads() -> None:
    found, before = [], cv2.getNumThreads()
    try:
        for threads in (1, 2, 5):
            cv2.setNumThreads(threads)
            found.append(Flows(grey).between(6, 5))
    finally:
        cv2.setNumThreads(before)
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[0], found[2])


def test_plain_mode_carries_nothing_and_the_choice_is_in_the_signature() -> None:
    canvas, found = Canvas(Box(0, 0, 12, 8), Box(0, 0, 12, 8)), [differences(0)]
    assert chain_of(PropagateRequest("p", plain=True), canvas, found) == (Enlarge(canvas),)
    assert chain_of(PropagateRequest("p", carry=False, edges="plain"), canvas, found) == (Enlarge(canvas),)
    chain = chain_of(PropagateRequest("p", edges="plain"), canvas, found)
    assert isinstance(chain[0], Carry) and keys_of(chain) == ["carry 3"]


@pytest.fixture
def shot(tmp_path: Path) -> WitnessShot:
    return write_shot("roto", tmp_path)


def test_a_part_of_the_range_gives_the_mattes_of_the_whole(shot: WitnessShot) -> None:
    request = replace(shot.request, carry=True)
    folder = Path(request.out).parent
    propagate(request)
    whole = decoded(folder, shot.window)
    frames = sorted({int(name.split("/")[0]) for name in whole})
    assert propagate(request).written == (), "every matte is what its signature says"
    parts = replace(request, out=str(folder / "parts" / "matte.%04d.exr"), cache=str(folder / "other"))
    propagate(replace(parts, frames=str(frames[len(frames) // 2])))
    propagate(parts)
    again = decoded(folder / "parts", shot.window)
    assert whole.keys() == again.keys()
    for name, plane in whole.items():
        np.testing.assert_array_equal(plane, again[name], err_msg=name)


def test_a_difference_is_looked_for_only_where_the_frame_comes_to_lie_on_it() -> None:
    """What is found there is what the whole frame would give, and nothing lies beside it."""
    difference = differences(10)._found[10][0]
    way = Flows(grey).way(13, 10, (HEIGHT, WIDTH))
    answer = body(13, strap=False)
    seen = difference.at(way, answer, 3)
    assert seen is not None
    part, added, feathered = seen
    assert added.size < 0.5 * answer.size
    whole = np.zeros_like(answer)
    whole[part] = added
    rows, columns = way.rows - difference.row, way.columns - difference.column
    everywhere = cv2.remap(difference.values, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
    apart = cv2.blur(np.abs(everywhere[..., 1] - answer), (5, 5))
    counts = ((APART - apart) / (APART - AGREED)).clip(1 - 2 / 3, 1)
    np.testing.assert_array_equal(whole, everywhere[..., 0] * counts)
    assert feathered.shape == added.shape and added.any()
    away = replace(way, columns=way.columns + 1000)
    assert difference.at(away, answer, 3) is None
