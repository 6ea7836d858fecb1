"""A matte tells by itself how wrong it is expected to be."""

from __future__ import annotations

import cv2
import numpy as np

from xmemcore.shot.suggestion.doubt import SIGHT_NUMBERS, Doubt, Sight, Stretch, doubts, expected_error, expected_j, sight, stretches
from xmemcore.shot.suggestion.likeness import Likeness
from xmemcore.shot.suggestion.reasons import Reason, mended, reason


def disc(x: float = 60, y: float = 40, radius: float = 20, soft: float = 0.0) -> np.ndarray:
    rows, columns = np.mgrid[:80, :120]
    sharp = np.clip(radius + 0.5 - np.hypot(columns - x, rows - y), 0, 1).astype(np.float32)
    return cv2.GaussianBlur(sharp, (0, 0), soft) if soft else sharp


def shot(length: int, **odd: np.ndarray) -> list[Sight | None]:
    mattes = {int(name[1:]): matte for name, matte in odd.items()}
    return [sight(mattes.get(index, disc())) for index in range(length)]


def test_soft_ragged_and_hollow_mattes_are_expected_to_be_worse() -> None:
    clean = expected_error(sight(disc()), 3)
    hollow = disc()
    hollow[hollow > 0.5] = 0.7
    ragged = disc()
    ragged[::3] = 0
    for worse in (disc(soft=4), hollow, ragged):
        assert expected_error(sight(worse), 3) > clean + 0.02


def test_expected_j_falls_with_the_error_and_a_lost_object_has_none() -> None:
    told = [expected_j(error) for error in np.linspace(0, 1, 21)]
    assert told[0] == 1 and told[-1] == 0 and all(a > b for a, b in zip(told, told[1:]))
    # Runs of blackswan and of chair, expected error 0.104 and 0.31, had J of 0.955 and 0.875.
    assert abs(expected_j(0.104) - 0.955) < 0.05 and abs(expected_j(0.31) - 0.875) < 0.05


def test_frames_far_from_a_key_are_expected_to_be_worse() -> None:
    assert expected_error(sight(disc()), 25) > expected_error(sight(disc()), 2)


def test_sight_counts_parts_but_no_crumbs() -> None:
    assert sight(disc()).pieces == 1
    assert sight(disc(40, 40, 15) + disc(85, 40, 15)).pieces == 2
    assert sight(np.maximum(disc(), disc(100, 10, 2))).pieces == 1
    assert sight(np.zeros((80, 120), np.float32)) == Sight(0.0, 0.0, 0.0, 1.0, (0.0, 0.0), 0)


def test_keyed_frames_are_right() -> None:
    assert [doubt.error for doubt in doubts(shot(3), {0: True, 1: True, 2: True})] == [0, 0, 0]


def test_lost_object_is_named_until_it_comes_back() -> None:
    nothing = np.zeros((80, 120), np.float32)
    found = doubts(shot(8, f3=nothing, f4=nothing), {0: True})
    assert [doubt.reason for doubt in found] == ["", "", "", "lost", "lost", "", "", ""]
    assert found[3].error == 1


def test_object_that_is_said_to_be_absent_is_not_lost() -> None:
    nothing = np.zeros((80, 120), np.float32)
    found = doubts(shot(8, f3=nothing, f4=nothing, f5=nothing), {0: True, 3: False, 7: True})
    assert {doubt.reason for doubt in found} == {""}


def test_sudden_change_and_second_place_are_named() -> None:
    assert doubts(shot(6, f3=disc(radius=8)), {0: True})[3].reason == "suddenly smaller"
    assert doubts(shot(6, f3=disc(20, 15)), {0: True})[3].reason == "jumps to another place"
    assert doubts(shot(6, f3=np.maximum(disc(25, 40, 15), disc(98, 40, 14))), {0: True})[3].reason == "in two places"


def test_steady_clean_shot_gives_no_reason() -> None:
    assert {doubt.reason for doubt in doubts(shot(12), {0: True})} == {""}


def test_unknown_matte_is_judged_by_its_distance_alone() -> None:
    found = doubts([None] * 20, {0: True})
    assert found[1].error < found[19].error and not found[19].reason


def test_thin_object_is_soft_everywhere_and_its_edge_is_not_unsure_for_that() -> None:
    thin = np.zeros((80, 120), np.float32)
    thin[20:60, 49:54], thin[20:60, 50:53] = 0.4, 1
    blurred = np.maximum(0.4 * disc(radius=9), disc(radius=5))
    assert sight(thin).softness > 0.6 and sight(blurred).softness > 0.6
    assert [doubts([sight(matte)] * 4, {0: True})[2].reason for matte in (thin, blurred)] == ["", "edge unsure"]


def test_second_place_that_looks_like_the_object_and_an_object_that_looks_like_no_key_are_named() -> None:
    alike = [Likeness(1.0, 0.0)] * 4 + [Likeness(0.1, 1.0)] * 4 + [Likeness(0.1, 0.0)] * 4
    found, without = doubts(shot(12), {0: True}, alike), doubts(shot(12), {0: True})
    assert [doubt.reason for doubt in found] == [""] * 4 + ["two candidates"] * 4 + ["turned away"] * 4
    assert found[5].error > without[5].error + 0.2
    assert [doubt.error for doubt in found[8:]] == [doubt.error for doubt in without[8:]], "such a matte may well be right"


def test_turned_object_is_a_reason_and_no_alarm() -> None:
    found = [[Doubt(0.3, "turned away") if 4 <= index <= last else Doubt(0.1, "") for index in range(20)] for last in (2, 11)]
    said = reason(6, [[0, 19], [0, 19]], [0, 19], found, ["sleeve", "head"], list(range(1001, 1021)))
    assert said.sentence == "head: turned away, like none of its keys, on 1005-1012" and not said.wrong
    assert (said.object, said.first, said.last) == ("head", 4, 11)
    assert mended(6, found) == []
    assert "turned" not in reason(15, [[0, 19], [0, 19]], [0, 19], found, ["sleeve", "head"], list(range(20))).sentence


def test_where_nothing_looks_wrong_the_object_its_distance_and_the_frames_that_a_key_helps_are_told() -> None:
    right, frames = [[Doubt(0.02, "")] * 31 for _ in range(2)], list(range(1001, 1032))
    keys = [[0, 30], [0, 15, 30]]

    def said(index: int, doubts: list[list[Doubt]], *earlier: int) -> str:
        return reason(index, keys, [0, 15, 30, *earlier], doubts, ["body", "sleeve"], frames).sentence

    assert said(16, right) == "body: 14 frames from its nearest key (1031); a key here helps 1010-1023 most", "1016 is the sleeve's"
    assert said(20, right, 16) == "body: 4 frames from 1017, suggested before it; a key here helps 1020-1025 most"
    assert said(4, right) == "body: 4 frames from its nearest key (1001); a key here helps 1004-1017 most"
    assert [reason(4, keys, [0], found, ["body", "sleeve"], frames).object for found in (right, [])] == ["body", None]
    apart = reason(21, [[0, 30], [0, 12]], [0, 12, 30], [], ["body", "sleeve"], frames).sentence
    assert apart == "body: 9 frames from its nearest key (1031); a key here helps 1012-1026 most", "the sleeve's nearest is another"
    assert said(4, []) == "all objects: 4 frames from their nearest key (1001); a key here helps 1004-1010 most"
    right[1][3:6] = [Doubt(0.1, "edge unsure")] * 3
    assert said(4, right).startswith("sleeve: edge unsure on 1004-1006, as right mattes can be; 4 frames from its nearest key")
    right[1][3:6] = [Doubt(0.1, "")] * 3
    assert said(4, right).startswith("sleeve: less sure there than elsewhere; 4 frames from its nearest key (1001)")


def test_a_reason_counts_the_frames_that_the_plate_lacks() -> None:
    frames = [*range(1001, 1006), *range(1041, 1046)]
    assert reason(5, [[0, 4]], [0, 4], [], ["head"], frames).sentence.startswith("head: 36 frames from its nearest key (1005); ")
    assert reason(3, [[0, 4]], [0, 4], [], ["head"], frames).sentence.startswith("head: 1 frame from its nearest key (1005); ")


def test_a_stretch_is_named_once_and_by_the_frame_that_puts_it_right() -> None:
    signs = {**dict.fromkeys(range(18, 22), 0.6), **dict.fromkeys(range(25, 28), 0.5), **dict.fromkeys(range(50, 54), 0.3)}
    found = [[Doubt(signs.get(index, 0.05), "lost" if index in signs else "") for index in range(80)]]
    found[0].extend([Doubt(0.3, "turned away")] * 20)

    def said(*suggested: int) -> list[str]:
        told: list[Reason] = []
        for place, index in enumerate(suggested):
            keyed = [0, 99, *suggested[:place]]
            told.append(reason(index, [[0, 99]], keyed, found, ["sleeve"], list(range(100)), suggested, told))
        return [each.sentence.partition("lost for ")[2] for each in told]

    assert said(30, 17) == ["3 frames (25-27)", "4 frames (18-21)"], "the key on 17 is the one that helps 18-21"
    assert said(30, 35) == ["4 frames (18-21)", "4 frames (50-53)"]
    assert said(20, 22) == ["4 frames (18-21)", "3 frames (25-27)"]
    assert said(66, 70, 75)[1:] == ["", ""]
    turned = [
        reason(85, [[0, 99]], [0, 99], found, ["sleeve"], list(range(100)), (85, 90), told)
        for told in ([], [Reason("", "sleeve", 80, 99, False)])
    ]
    assert ["turned" in each.sentence for each in turned] == [True, False]


def test_all_objects_that_a_key_puts_right_are_named_the_worst_first() -> None:
    def wrong(sign: str, error: float, first: int, last: int) -> list[Doubt]:
        return [Doubt(error, sign) if first <= index <= last else Doubt(0.05, "") for index in range(40)]

    names = ["head", "sleeve", "hand", "body", "shoe", "hat"]
    found = [wrong("lost", 1.0, 10, 21), wrong("jumps to another place", 0.6, 12, 18), wrong("lost", 1.0, 13, 17), wrong("", 0.05, 0, 0)]
    found += [wrong("edge unsure", 0.3, 10, 21), wrong("lost", 1.0, 25, 27)]

    def said(*suggested: int) -> list[Reason]:
        told: list[Reason] = []
        for place, index in enumerate(suggested):
            told.append(reason(index, [[0, 39]] * 6, [0, 39, *suggested[:place]], found, names, list(range(1001, 1041)), suggested, told))
        return told

    first, second = said(15, 26)
    hand, sleeve = "hand: lost for 5 frames (1014-1018)", "sleeve: jumps to another place on 1013-1019"
    assert first.sentence == f"head: lost for 12 frames (1011-1022); {hand}; {sleeve}", "an edge that right mattes show too is no fault"
    assert (first.object, first.besides) == ("head", (("hand", 13, 17), ("sleeve", 12, 18)))
    assert second.sentence == "hat: lost for 3 frames (1026-1028)" and second.besides == ()
    assert first.tells("hand", 14) and not first.tells("hand", 18) and first.tells("head", 18) and not first.tells("body", 14)
    assert [each.sentence.count("hand") for each in said(22, 14)] == [0, 1], "by the key that puts it right"
    found[3] = wrong("suddenly larger", 0.5, 14, 16)
    found[4] = wrong("suddenly smaller", 0.5, 15, 16)
    assert said(15)[0].sentence.endswith("; body: suddenly larger on 1015-1017 and 1 more")


def test_two_candidates_are_an_alarm_once_they_last() -> None:
    def said(last: int) -> bool:
        found = [[Doubt(0.35, "two candidates") if 4 <= index <= last else Doubt(0.05, "") for index in range(20)]]
        return reason(6, [[0, 19]], [0, 19], found, ["sleeve"], list(range(20))).wrong

    assert said(6) and not said(5)


def test_sweeps_that_do_not_meet_raise_the_expected_error_of_their_gap() -> None:
    apart = np.maximum(disc(radius=12), 0.5 * disc(radius=20))
    fade = range(9, 13)
    mattes = shot(21, **{f"f{index}": apart for index in fade})
    keyed = {0: True, 20: True}
    errors, without = ([doubt.error for doubt in doubts(mattes, keyed, fades=fades)] for fades in ([tuple(fade)], []))
    assert errors[8] > without[8] + 0.05 and errors[8] > errors[6] > errors[1] >= without[1]
    assert all(error >= before for error, before in zip(errors, without))
    assert [doubt.error for doubt in doubts(shot(21), keyed, fades=[tuple(fade)])] == [doubt.error for doubt in doubts(shot(21), keyed)]


def test_object_behind_a_post_is_in_one_place() -> None:
    behind = disc()
    behind[:, 54:66] = 0
    assert sight(behind).pieces == 2 and 0.2 < sight(behind).gap < 0.5
    assert not doubts([sight(disc())] * 3 + [sight(behind)] * 3, {0: True})[4].reason


def test_a_sight_is_kept_as_numbers() -> None:
    seen = sight(np.maximum(disc(40, 40, 15), disc(85, 40, 14)))
    assert len(seen.numbers()) == SIGHT_NUMBERS and Sight.of_numbers(seen.numbers()) == seen


def test_a_sign_that_right_mattes_show_too_is_an_alarm_only_where_much_is_expected_to_be_wrong_for_a_while() -> None:
    def said(sign: str, error: float, last: int = 8) -> bool:
        found = [[Doubt(error, sign) if 4 <= index <= last else Doubt(0.05, "") for index in range(20)]]
        return reason(6, [[0, 19]], [0, 19], found, ["sleeve"], list(range(20))).wrong

    assert said("jumps to another place", 0.3) and said("lost", 0.3)
    for sign in ("in two places", "edge unsure", "unsure inside"):
        assert not said(sign, 0.3) and said(sign, 0.5) and not said(sign, 0.5, last=5)


def test_frames_that_are_wrong_in_turn_in_many_ways_are_one_stretch_told_by_the_sign_that_weighs_most() -> None:
    signs = ("edge unsure", "unsure inside", "in two places")
    changing = [Doubt(0.6 if index % 3 == 1 else 0.45, signs[index % 3]) if 6 <= index <= 14 else Doubt(0.1, "") for index in range(30)]
    assert stretches(changing) == [Stretch(6, 14, "unsure inside", sum(doubt.error for doubt in changing[6:15]), 6)]
    said = reason(10, [[0, 29]], [0, 29], [changing], ["sleeve"], list(range(1001, 1031)))
    assert said.sentence == "sleeve: unsure inside on 1007-1015" and said.wrong
    assert mended(8, [changing]) == list(range(6, 15)), "a key within it puts all of it right"

    changing[10] = Doubt(1.0, "jumps to another place")
    assert [(each.first, each.last, each.reason) for each in stretches(changing)] == [(6, 14, "jumps to another place")]
    changing[10] = Doubt(0.2, "edge unsure")
    assert [(each.first, each.last, each.wrong) for each in stretches(changing)] == [(6, 14, 5)], "one tolerated frame does not part it"
    changing[9:12] = [Doubt(0.2, "edge unsure")] * 3
    assert {(each.first, each.last) for each in stretches(changing) if each.wrong} == {(6, 8), (12, 14)}


def test_signs_that_are_tolerated_alone_raise_no_alarm_together() -> None:
    def said(*errors: float) -> bool:
        found = [Doubt(0.05, "")] * 20
        found[6 : 6 + len(errors)] = [
            Doubt(error, sign) if error else Doubt(0.05, "") for error, sign in zip(errors, ("edge unsure", "unsure inside") * 3)
        ]
        return reason(7, [[0, 19]], [0, 19], [found], ["sleeve"], list(range(20))).wrong

    assert not said(0.3, 0.3, 0.3, 0.3) and not said(0.45, 0, 0, 0.45) and not said(0.45, 0.45)
    assert said(0.45, 0.45, 0.45) and said(0.55, 0, 0.55, 0.55) and not said(0.45, 0, 0.45, 0.45)


def test_an_object_behind_a_tree_is_in_as_many_places_as_the_tree_has_gaps() -> None:
    def said(*places: int) -> bool:
        behind = [Doubt(0.5, f"in {number} places") if number else Doubt(0.05, "") for number in places]
        found = [Doubt(0.05, "")] * 6 + behind + [Doubt(0.05, "")] * 6
        return reason(7, [[0, len(found) - 1]], [0, len(found) - 1], [found], ["sleeve"], list(range(len(found)))).wrong

    assert not said(3, 4, 3, 4, 5, 3) and not said(3, 0, 3, 3) and said(3, 3, 3)


def test_a_lost_object_is_counted_apart_from_what_is_wrong_beside_it() -> None:
    found = [Doubt(0.1, "")] * 4 + [Doubt(0.6, "jumps to another place")] + [Doubt(1.0, "lost")] * 5 + [Doubt(0.5, "edge unsure")] * 4
    assert [(each.first, each.last, each.reason) for each in stretches(found)] == [
        (4, 4, "jumps to another place"), (5, 9, "lost"), (10, 13, "edge unsure"),
    ]  # fmt: skip


def test_a_key_parts_what_is_wrong_on_either_side() -> None:
    """Next to a key, a stretch that goes on behind it would be called wrong on the key itself."""
    for sign in ("jumps to another place", "lost", "edge unsure"):
        wrong = [Doubt(0.6, sign)] * 4
        assert [(each.first, each.last) for each in stretches([*wrong, Doubt(0.0, "", keyed=True), *wrong])] == [(0, 3), (5, 8)], sign
        assert [(each.first, each.last) for each in stretches([*wrong, Doubt(0.0, ""), *wrong])] == [(0, 8)], sign
