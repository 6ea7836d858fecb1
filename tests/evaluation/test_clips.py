"""Every folder layout, the choice of annotations, and the hold baseline."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from xmemcore.engine.jaccard import jaccard
from xmemcore.engine.selection import evenly
from xmemcore.evaluation import clips
from xmemcore.evaluation.clips import Clip
from xmemcore.protocol.failures import RequestError


def write_clip(frames: Path, masks: Path, labels: list[np.ndarray | None], stem: str = "{:05d}") -> None:
    """Write one frame per entry, and a mask where the entry is not None."""
    frames.mkdir(parents=True)
    masks.mkdir(parents=True)
    for index, label in enumerate(labels):
        Image.new("RGB", (8, 6)).save(frames / f"{stem.format(index)}.jpg")
        if label is not None:
            picture = Image.fromarray(label.astype(np.uint8), "P")
            picture.putpalette([channel for value in range(256) for channel in (value, 0, 255 - value)])
            picture.save(masks / f"{stem.format(index)}.png")


def labels(*values: int) -> np.ndarray:
    """Make a 6x8 label image whose first row begins with these values."""
    image = np.zeros((6, 8), np.uint8)
    image[0, : len(values)] = values
    return image


@pytest.mark.parametrize(
    ("frames", "masks"),
    [
        ("{}/frames", "{}/masks"),
        ("JPEGImages/{}", "Annotations/{}"),
        ("JPEGImages/480p/{}", "Annotations/480p/{}"),
        ("JPEGImages/Full-Resolution/{}", "Annotations/Full-Resolution/{}"),
    ],
)
def test_every_layout_is_found(tmp_path: Path, frames: str, masks: str) -> None:
    for name in ("zebra", "ant"):
        write_clip(tmp_path / frames.format(name), tmp_path / masks.format(name), [labels(1), labels(2), None])
    found = clips.find_clips(tmp_path)
    assert [(c.name, len(c), list(c.masks), c.objects, c.sparse) for c in found] == [
        ("ant", 3, [0, 1], (1, 2), True),
        ("zebra", 3, [0, 1], (1, 2), True),
    ]


def test_a_single_clip_folder_is_one_clip(tmp_path: Path) -> None:
    write_clip(tmp_path / "only/frames", tmp_path / "only/masks", [labels(1)])
    assert [c.name for c in clips.find_clips(tmp_path / "only")] == ["only"]


def test_folder_without_masks_is_no_clip(tmp_path: Path) -> None:
    write_clip(tmp_path / "a/frames", tmp_path / "a/masks", [labels(1)])
    write_clip(tmp_path / "b/frames", tmp_path / "b/masks", [None])
    assert [c.name for c in clips.find_clips(tmp_path)] == ["a"]


def test_missing_folder_and_empty_folder_have_their_sentences(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="There is no folder .*nowhere"):
        clips.find_clips(tmp_path / "nowhere")
    with pytest.raises(RequestError, match="No clip with frames and masks"):
        clips.find_clips(tmp_path)


def test_frame_numbers_come_from_file_names(tmp_path: Path) -> None:
    write_clip(tmp_path / "a/frames", tmp_path / "a/masks", [labels(1)] * 2, stem="frame_{:06d}")
    assert [clips.find_clips(tmp_path)[0].frame_number(i) for i in (0, 1)] == [0, 1]


def test_palette_masks_are_read_as_indices_not_colours(tmp_path: Path) -> None:
    write_clip(tmp_path / "a/frames", tmp_path / "a/masks", [labels(2, 1)])
    assert clips.find_clips(tmp_path)[0].labels(0)[0, :3].tolist() == [2, 1, 0]


def test_black_and_white_masks_are_one_object(tmp_path: Path) -> None:
    write_clip(tmp_path / "a/frames", tmp_path / "a/masks", [labels(255), labels(0)])
    clip = clips.find_clips(tmp_path)[0]
    assert clip.objects == (1,)
    assert clip.labels(0)[0, :2].tolist() == [1, 0]


def test_255_beside_other_labels_is_void(tmp_path: Path) -> None:
    write_clip(tmp_path / "a/frames", tmp_path / "a/masks", [labels(1, 255)])
    clip = clips.find_clips(tmp_path)[0]
    assert clip.objects == (1,)
    assert clip.labels(0)[0, :2].tolist() == [1, 255]


def test_colour_mask_is_refused_by_name(tmp_path: Path) -> None:
    write_clip(tmp_path / "a/frames", tmp_path / "a/masks", [labels(1)])
    Image.new("RGB", (8, 6)).save(tmp_path / "a/masks/00000.png")
    with pytest.raises(RequestError, match="00000.png is a RGB picture"):
        clips.find_clips(tmp_path)[0].labels(0)


def test_truncated_mask_is_refused_by_name(tmp_path: Path) -> None:
    write_clip(tmp_path / "a/frames", tmp_path / "a/masks", [labels(1)])
    path = tmp_path / "a/masks/00000.png"
    path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(RequestError, match="Cannot read the mask .*00000.png"):
        clips.find_clips(tmp_path)[0].labels(0)


def test_uniform_choice_is_the_papers() -> None:
    assert evenly(60, 1) == [0]
    assert evenly(60, 5) == [0, 14, 29, 44, 59]
    assert evenly(11, 3) == [0, 5, 10]


def dense(count: int, name: str = "clip") -> Clip:
    return Clip(name, tuple(Path(f"{i:05d}.jpg") for i in range(count)), {i: Path(f"{i:05d}.png") for i in range(count)})


def test_annotations_of_a_sparse_clip_are_among_its_masks() -> None:
    masks = {i: Path(f"{i}.png") for i in (0, 14, 33, 43, 66)}
    clip = Clip("caps", tuple(Path(f"{i}.jpg") for i in range(87)), masks)
    assert clips.spread(clip, 1) == (0,)
    assert clips.spread(clip, 3) == (0, 33, 66)
    with pytest.raises(clips.NothingToScore, match="caps has 5 masks: 5 annotations leave no frame to score"):
        clips.spread(clip, 5)


def test_no_annotation_is_refused() -> None:
    with pytest.raises(clips.NothingToScore, match="at least 1"):
        clips.spread(dense(5), 0)


def test_unknown_clip_name_lists_the_known_ones() -> None:
    with pytest.raises(RequestError, match="no clip cat. These exist: ant, bee"):
        clips.named([dense(3, "ant"), dense(3, "bee")], ["cat"])


def test_nearest_annotation_prefers_the_earlier_of_two() -> None:
    assert [clips.nearest(i, (0, 4, 9)) for i in (0, 2, 3, 6, 7, 20)] == [0, 0, 4, 4, 9, 9]


def test_hold_copies_the_nearest_annotation(tmp_path: Path) -> None:
    write_clip(tmp_path / "a/frames", tmp_path / "a/masks", [labels(1), labels(0, 1), labels(0, 0, 1), labels(0, 0, 0, 1)])
    held = clips.hold(clips.find_clips(tmp_path)[0], (0, 3))
    assert [int(held[i].argmax()) for i in range(4)] == [0, 0, 3, 3]


def test_hold_baseline_has_its_known_mean_on_the_shared_clips(shared: Path) -> None:
    """0.31 / 0.56 / 0.67 mean J over the 13 dense clips: the figures that every result is read against."""
    dense_clips = [clip for clip in clips.find_clips(shared / "clips") if not clip.sparse]
    assert len(dense_clips) == 13
    for k, expected in ((1, 0.31), (5, 0.56), (10, 0.67)):
        means = []
        for clip in dense_clips:
            annotated = clips.spread(clip, k)
            held = clips.hold(clip, annotated)
            scored = [i for i in clip.masks if i not in annotated]
            # Each mask is read once; the mean over objects of the means over frames is that over both, each object has every frame.
            truth = {i: clip.labels(i) for i in scored}
            means.append(np.mean([jaccard(held[i] == o, truth[i] == o) for i in scored for o in clip.objects]))
        assert np.mean(means) == pytest.approx(expected, abs=0.006)
