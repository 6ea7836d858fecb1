"""A matte's hash changes with what the matte depends on, and with nothing else."""

from __future__ import annotations

from pathlib import Path

from tests.shot.made_shot import sent_to, write_shot
from tests.shot.set_up import depends
from xmemcore.engine.order import outward_gaps
from xmemcore.shot.plan.dependencies import PredictionHashes


def signatures(changed: int | None = None, base: str = "settings") -> list[str]:
    group = PredictionHashes(base, outward_gaps(20, {4, 15}), lambda index: f"frame {index}{' changed' if index == changed else ''}")
    return [group.hash(index) for index in range(20)]


def changed_by(frame: int) -> set[int]:
    return {index for index, (before, after) in enumerate(zip(signatures(), signatures(frame))) if before != after}


def test_frame_depends_on_the_frames_that_its_sweep_has_seen() -> None:
    assert changed_by(1) == {0, 1}
    assert changed_by(18) == {18, 19}
    assert changed_by(6) == set(range(6, 12)), "the forward pass ends with the cross-fade"
    assert changed_by(13) == set(range(8, 14)), "the backward pass ends with the cross-fade"


def test_frame_depends_on_the_holes_that_its_sweep_has_crossed() -> None:
    def with_hole(before: int) -> list[str]:
        numbers = [1001 + index + 9 * (index >= before) for index in range(20)]
        group = PredictionHashes("settings", outward_gaps(20, {4, 15}), lambda index: f"frame {index}", numbers=numbers)
        return [group.hash(index) for index in range(20)]

    def moved(before: int) -> set[int]:
        return {index for index, (one, other) in enumerate(zip(signatures(), with_hole(before))) if one != other}

    assert moved(0) == set(), "all numbers are higher"
    assert moved(6) == set(range(6, 12)) and moved(18) == {18, 19}


def test_every_frame_depends_on_annotations_and_settings() -> None:
    assert not set(signatures()).intersection(signatures(base="other"))


def test_order_of_asking_does_not_matter() -> None:
    group = PredictionHashes("settings", outward_gaps(20, {4, 15}), lambda index: f"frame {index}")
    assert [group.hash(index) for index in reversed(range(20))] == signatures()[::-1]


def test_frames_that_a_hole_moves_farther_away_have_other_mattes(tmp_path: Path) -> None:
    request = sent_to(write_shot(tmp_path, last=1006, body_keys=(1001,), sleeve_keys=(1001,)), tmp_path)
    before = [depends(request).signature(index) for index in range(6)]
    last = tmp_path / "plate" / "plate.1006.exr"
    last.rename(last.with_name("plate.1019.exr"))
    after = [depends(request).signature(index) for index in range(6)]
    assert before[0] == after[0], "a keyed frame is the artist's own"
    assert all(one != other for one, other in zip(before[1:], after[1:]))
