"""A matte is compared with the object's keys by what its cells look like."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from xmemcore.shot.suggestion.likeness import KeyLooks, Likeness, along, cells_of

ROWS, COLUMNS = 6, 10
GROUND, ACTOR, BACK, OTHER = 0, 1, 2, 3
PLACE, SECOND = (slice(1, 4), slice(1, 4)), (slice(2, 5), slice(6, 9))


def look(*placed: tuple[tuple[slice, slice], int]) -> torch.Tensor:
    """Looks of (4, h, w): ground, with other things on it."""
    kinds = np.zeros((ROWS, COLUMNS), int)
    for place, kind in placed:
        kinds[place] = kind
    noise = np.random.default_rng(1).normal(0, 0.02, (4, ROWS, COLUMNS))
    return torch.from_numpy(np.eye(4)[kinds].transpose(2, 0, 1) + noise).float()


def at(*places: tuple[slice, slice]) -> np.ndarray:
    cells = np.zeros((ROWS, COLUMNS), np.float32)
    for place in places:
        cells[place] = 1
    return cells


def compared(seen: torch.Tensor, *mattes: np.ndarray) -> list[Likeness | None]:
    """Compare mattes on frame 5 with the key 0, on which the actor is the first object and another one the second."""
    nothing = np.zeros((ROWS, COLUMNS), np.float32)
    second = at(SECOND) if len(mattes) == 2 else None
    key = look((PLACE, ACTOR), *([(SECOND, OTHER)] if second is not None else []))
    shown = [at(PLACE), second if second is not None else nothing][: len(mattes)]
    return KeyLooks({0: key}, {0: np.array(shown)}).likenesses(5, seen, np.array(mattes))


def test_matte_on_the_object_looks_like_its_key() -> None:
    assert compared(look((PLACE, ACTOR)), at(PLACE)) == [Likeness(1.0, 0.0)]


def test_object_that_shows_its_back_looks_like_no_key() -> None:
    back = torch.where(torch.from_numpy(at(PLACE) > 0), look((PLACE, GROUND)) + 0.1, look())
    (found,) = compared(back, at(PLACE))
    assert found is not None and found.own < 0.2 and found.elsewhere == 0


def test_matte_beside_the_object_has_a_second_candidate() -> None:
    (found,) = compared(look((PLACE, ACTOR)), at(SECOND))
    assert found == Likeness(0.0, 1.0)


def test_place_of_another_object_is_no_candidate() -> None:
    first, _ = compared(look((PLACE, ACTOR), (SECOND, ACTOR)), at(PLACE), at(SECOND))
    assert first == Likeness(1.0, 0.0)


@pytest.mark.parametrize("matte", [at((slice(1, 2), slice(1, 3))), np.full((ROWS, COLUMNS), np.nan, np.float32)])
def test_nothing_is_said_of_few_cells_or_no_matte(matte: np.ndarray) -> None:
    assert compared(look((PLACE, ACTOR)), matte) == [None]


def test_nothing_is_said_where_no_key_shows_the_object() -> None:
    unknown = np.full((1, ROWS, COLUMNS), np.nan, np.float32)
    assert KeyLooks({0: look()}, {0: unknown}).likenesses(5, look(), at(PLACE)[None]) == [None]


def test_one_blurred_frame_among_neighbours_does_not_count_and_thinned_frames_answer_for_those_between() -> None:
    alike = {index: Likeness(1.0 if index != 4 else 0.0, 0.0) for index in range(0, 12, 2)}
    assert [found and found.own for found in along(alike, 14, 1)] == [1.0] * 12 + [None] * 2
    assert along({}, 2, 1) == [None, None]


def test_cells_are_the_share_that_is_covered() -> None:
    matte = torch.zeros(32, 32)
    matte[:16, :8] = 1
    assert cells_of(matte, (2, 2)).tolist() == [[0.5, 0.0], [0.0, 0.0]]
