"""Frame ranges: what artists write, and what comes back."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xmemcore.protocol.failures import RequestError
from xmemcore.protocol.frames import MAX_FRAMES, FrameRange, FrameRangeInvalid, counted


@pytest.mark.parametrize(
    ("text", "frames"),
    [
        ("1001", (1001,)),
        ("1001-1004", (1001, 1002, 1003, 1004)),
        ("1001-1006x2,1050", (1001, 1003, 1005, 1050)),
        ("1001-1001", (1001,)),
        (" 1001 , 1040 ", (1001, 1040)),
        ("1 5 10-14x2", (1, 5, 10, 12, 14)),
        ("-5--1x2", (-5, -3, -1)),
        ("-2-1", (-2, -1, 0, 1)),
        ("0-0", (0,)),
        ("5,1-3", (5, 1, 2, 3)),
        ("1-3,2-4", (1, 2, 3, 4)),
        ("1-2x5", (1,)),
        ("0001-0003", (1, 2, 3)),
    ],
)
def test_text_gives_frames_in_the_order_written_without_duplicates(text: str, frames: tuple[int, ...]) -> None:
    assert tuple(FrameRange.parse(text)) == frames


@pytest.mark.parametrize("text", ["", " ", ",", "1001,", "ten", "1001-", "x2", "1-10x", "1..10", "1.5", "1-10x-2", "--5", "1001–1010", "²"])
def test_other_text_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(FrameRangeInvalid, match="is no frame range. Write for example"):
        FrameRange.parse(text)


@pytest.mark.parametrize("text", ["10-1", "1-10x0", "-1--5"])
def test_backward_ranges_and_steps_of_0_are_refused(text: str) -> None:
    with pytest.raises(FrameRangeInvalid, match="runs backwards or has no step"):
        FrameRange.parse(text)


@pytest.mark.parametrize("text", ["1-99999999999", f"1-{MAX_FRAMES},{MAX_FRAMES + 1}-{MAX_FRAMES + 9}"])
def test_range_that_would_fill_the_memory_is_refused(text: str) -> None:
    with pytest.raises(FrameRangeInvalid, match="over 1000000 frames"):
        FrameRange.parse(text)


def test_refusal_is_a_wrong_request() -> None:
    with pytest.raises(RequestError) as failure:
        FrameRange.parse("all")
    assert failure.value.exit_code == 2 and failure.value.code == "request"


@pytest.mark.parametrize(
    ("frames", "text"),
    [
        ((), ""),
        ((1001,), "1001"),
        ((1001, 1002), "1001-1002"),
        ((1001, 1003), "1001,1003"),
        ((1001, 1003, 1005), "1001-1005x2"),
        ((1, 3, 4, 5), "1,3-5"),
        ((-5, -3, -1), "-5--1x2"),
        ((5, 4, 3), "5,4,3"),
        (tuple(range(1001, 1041)), "1001-1040"),
    ],
)
def test_frames_are_written_compactly(frames: tuple[int, ...], text: str) -> None:
    assert str(FrameRange.of(frames)) == text


@given(st.lists(st.integers(-50, 50), min_size=1, max_size=30))
@settings(max_examples=80, deadline=None)
def test_any_frames_survive_being_written_and_read(frames: list[int]) -> None:
    given_range = FrameRange.of(frames)
    assert FrameRange.parse(str(given_range)) == given_range
    assert list(given_range) == list(dict.fromkeys(frames))
    assert len(given_range) == len(set(frames))
    assert all((frame in given_range) == (frame in set(frames)) for frame in range(-51, 52))


def test_ranges_with_the_same_frames_are_equal_and_hash_alike() -> None:
    first, second = FrameRange.parse("1-3"), FrameRange.of([1, 2, 3])
    assert 2 in first  # asking must not change what is compared
    assert first == second and hash(first) == hash(second)
    assert "2" not in first and None not in first


def test_frames_are_named_as_a_range_and_a_long_one_is_cut() -> None:
    assert counted(range(-9, -2)) == "frames -9 to -3"
    assert counted([7]) == "frame 7" and counted([20, 21, 22, 30]) == "frames 20-22, 30"
    scattered = [n * n for n in range(11)]
    assert counted(scattered) == "frames 0-1, 4, 9, 16, 25, 36, 49, 64 and 2 more"
