"""Parts of objects: lines that move with the object they lie on."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from xmemcore.evaluation import parts
from xmemcore.evaluation.clips import Clip, find_clips
from xmemcore.evaluation.parts import Part
from xmemcore.evaluation.studies import write_clip

SHIFT = 3


@pytest.fixture
def clip(tmp_path: Path) -> Clip:
    """A speckled patch that moves right by three pixels a frame over another texture."""
    generator = np.random.default_rng(5)
    ground = cv2.GaussianBlur(generator.integers(0, 255, (120, 200, 3), dtype=np.uint8), (0, 0), 2)
    patch = cv2.GaussianBlur(generator.integers(0, 255, (60, 70, 3), dtype=np.uint8), (0, 0), 1.5)
    frames, labels = [], []
    for index in range(9):
        frame, label = ground.copy(), np.zeros((120, 200), np.uint8)
        x = 30 + SHIFT * index
        frame[30:90, x : x + 70] = patch
        label[30:90, x : x + 70] = 1
        frames.append(frame)
        labels.append(label)
    return write_clip(tmp_path / "patch", frames, labels)


@pytest.mark.parametrize("hand", [(0,), (8,), (0, 8), (3, 6)])
def test_line_moves_with_its_object_from_wherever_it_was_put_down(clip: Clip, hand: tuple[int, ...]) -> None:
    part = Part("patch", 1, True, {index: (60 + SHIFT * index, 20, 60 + SHIFT * index, 100) for index in hand})
    lines = parts.carried(clip, part)
    assert sorted(lines) == list(range(9))
    for index, line in lines.items():
        assert np.allclose(line[:, 0], 60 + SHIFT * index, atol=1.5), index
        assert np.allclose(line[:, 1], (20, 100), atol=1.5)


def test_part_is_the_side_that_was_named() -> None:
    mask = np.ones((4, 10), bool)
    upright = np.array([[4.5, 0], [4.5, 4]])
    assert parts.part_mask(mask, upright, right=True)[0].tolist() == [False] * 5 + [True] * 5
    assert parts.part_mask(mask, upright, right=False)[0].tolist() == [True] * 5 + [False] * 5


def test_both_sides_together_are_the_object(clip: Clip) -> None:
    mask = clip.labels(0) == 1
    line = np.array([[50, 0], [80, 110]])
    right, left = (parts.part_mask(mask, line, side) for side in (True, False))
    assert np.array_equal(right | left, mask) and not (right & left).any()


def test_written_part_is_a_clip_of_its_own(clip: Clip, tmp_path: Path) -> None:
    written = parts.write_part(clip, Part("patch", 1, True, {0: (60, 20, 60, 100)}), tmp_path / "part")
    assert len(written) == 9 and written.objects == (1,)
    assert (written.labels(4) == 1).sum() == pytest.approx(40 * 60, rel=0.06)


def test_hand_made_lines_cross_their_objects(shared: Path) -> None:
    clips = {clip.name: clip for clip in find_clips(shared / "clips")}
    read = parts.read_parts()
    assert len(read) >= 5
    for part in read:
        clip = clips[part.clip]
        for index, line in part.lines.items():
            mask = clip.labels(index) == part.object
            share = parts.part_mask(mask, np.array(line).reshape(2, 2), part.right).sum() / mask.sum()
            assert 0.15 < share < 0.9, (part.clip, index, share)
