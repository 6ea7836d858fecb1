"""Training clips: right by construction, the same for the same number."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from xmemcore.protocol.failures import RequestError
from xmemcore.training import motion, regions
from xmemcore.training.clips import RoleConfig, StagedClips, choose_roles, processing_order
from xmemcore.training.cutouts import Cutout, recoloured, without
from xmemcore.training.draw import draw
from xmemcore.training.draw_torch import draw_on
from xmemcore.training.plan import ClipPlan, Layer
from xmemcore.training.procedural import Procedural, Thin, strokes
from xmemcore.training.scene import ClipShape, SceneConfig, stage
from xmemcore.training.stills import Stills


def _procedural(config: SceneConfig = SceneConfig()) -> StagedClips:  # noqa: B008  (frozen)
    return StagedClips(Procedural(), Thin(Procedural()), None, 0.0, config, seed=5)


def test_a_thing_at_rest_shows_every_pixel_where_it_was() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8)
    rest = motion.still(2, (0.0, 0.0), 1.0)
    plan = ClipPlan(64, rest, [Layer(picture, None, rest, (32.0, 32.0), 32.0, label=3)])
    frames, labels = draw(plan)
    # One level: opencv's bilinear weights have 5 bits.
    assert np.abs(frames[1].astype(int) - picture).max() <= 1
    assert (labels == 3).all()


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000), x=st.floats(-0.8, 0.8), y=st.floats(-0.8, 0.8))
def test_a_path_leads_back_from_where_it_leads(seed: int, x: float, y: float) -> None:
    rng = np.random.default_rng(seed)
    path = motion.still(1, tuple(rng.uniform(-0.5, 0.5, 2)), float(rng.uniform(0.3, 2)))
    path.angle[:], path.width[:], path.shear[:] = rng.uniform(-1, 1), rng.choice((-1, 1)) * rng.uniform(0.4, 1.4), rng.uniform(-0.2, 0.2)
    scale = np.exp(path.log_scale[0])
    along = np.array([(x + path.shear[0] * y) * path.width[0] * scale, y * scale])
    turn = np.array([[np.cos(path.angle[0]), -np.sin(path.angle[0])], [np.sin(path.angle[0]), np.cos(path.angle[0])]])
    np.testing.assert_allclose(motion.backward(path, 0, turn @ along + path.centre[0]), (x, y), atol=1e-9)


def test_moments_never_leave_their_range_by_rounding() -> None:
    for seed in range(500):
        for frames in (4, 8, 12):
            at = motion.times(np.random.default_rng(seed), frames, regular=False)
            assert at[0] == 0 and at.max() <= 1 and (np.diff(at) > 0).all()


def test_the_same_number_gives_the_same_clip_and_another_number_another() -> None:
    shape = ClipShape(64, 3, 1)
    first, again, other = (_procedural().clip(number, shape, in_order=False) for number in (7, 7, 8))
    np.testing.assert_array_equal(first.frames, again.frames)
    np.testing.assert_array_equal(first.labels, again.labels)
    assert not np.array_equal(first.frames, other.frames)


@pytest.mark.parametrize("objects", [1, 2])
@pytest.mark.parametrize("in_order", [False, True])
def test_the_first_frame_shows_every_target(objects: int, in_order: bool) -> None:
    clips = _procedural()
    for number in range(6):
        clip = clips.clip(number, ClipShape(64, 4, objects, in_order), in_order)
        assert set(np.unique(clip.labels[0])) - {0} == set(range(1, objects + 1))
        assert clip.labels.max() <= objects


@pytest.mark.exhaustive
def test_a_target_leaves_the_frame_in_some_clips_and_changes_scale_fivefold_in_others() -> None:
    config = SceneConfig(partial=0, leaving=1, zooming=0, occluder=0, turning=0)
    gone = [any(not (frame == 1).any() for frame in _procedural(config).clip(n, ClipShape(64, 6, 1, True), True).labels) for n in range(12)]
    assert any(gone)
    scales = []
    for seed in range(30):
        plan = stage(np.random.default_rng(seed), Procedural(), Thin(Procedural()), ClipShape(64, 4, 1), SceneConfig(partial=0, zooming=1))
        target = next(layer for layer in plan.layers if layer.label == 1)
        scales.append(np.exp(np.ptp(target.path.log_scale + plan.camera.log_scale)))
    assert max(scales) >= 5


def test_partial_targets_lie_in_their_thing_and_do_not_fill_it() -> None:
    mask = np.zeros((80, 90), np.uint8)
    cv2.ellipse(mask, (45, 40), (35, 25), 0, 0, 360, 255, -1)
    cutout = Cutout(np.zeros((80, 90, 3), np.uint8), mask)
    for seed in range(30):
        region = regions.partial(np.random.default_rng(seed), cutout)
        assert not region[mask == 0].any()
        assert 0 < np.count_nonzero(region == 1) < np.count_nonzero(mask)


def test_a_look_alike_is_not_labelled_as_its_twin() -> None:
    config = SceneConfig(partial=0, look_alike=1, bystanders=0, occluder=0, thin_occluder=0, thin_target=0, thin_limbs=0, in_place=0)
    plan = stage(np.random.default_rng(3), Procedural(), Thin(Procedural()), ClipShape(64, 2, 1), config)
    layers = plan.layers[1:]
    assert len(layers) == 2 and layers[0].picture is layers[1].picture
    assert sorted(layer.label for layer in layers) == [0, 1]


def test_a_wide_view_shows_no_mirrored_target() -> None:
    picture = np.full((64, 64, 3), 30, np.uint8)
    mask = np.zeros((64, 64), np.uint8)
    mask[20:40, 44:62] = 255
    picture[mask > 0] = 250
    filled = without(picture, mask)
    assert filled[mask > 0].max() < 100
    np.testing.assert_array_equal(filled[:, :30], picture[:, :30])


def test_thin_things_are_thin() -> None:
    for seed in range(12):
        mask = strokes(np.random.default_rng(seed))
        assert mask.any()
        assert cv2.distanceTransform(mask, cv2.DIST_L2, 5).max() < 14


def test_an_accelerator_draws_what_a_core_draws() -> None:
    shape = ClipShape(96, 3, 1)
    for seed in range(4):
        plan = stage(np.random.default_rng(seed), Procedural(), Thin(Procedural()), shape, SceneConfig(smearing=0, shaded=1))
        if plan.look is not None:
            plan.look.noise[:], plan.look.quality[:] = 0, 0
        frames, labels = draw(plan)
        other_frames, other_labels = draw_on([plan], torch.device("cpu"))
        # Reduced pictures are averaged in another way, so single pixels differ; the picture and the labels as a whole do not.
        assert np.abs(frames.astype(int) - other_frames[0].numpy().astype(int)).mean() < 5
        assert (labels == other_labels[0].numpy()).mean() > 0.985


def test_shadows_drift_over_the_picture_and_leave_labels_alone() -> None:
    shape = ClipShape(96, 4, 1)
    bright, dark = (
        draw(stage(np.random.default_rng(3), Procedural(), Thin(Procedural()), shape, SceneConfig(shaded=share))) for share in (0, 1)
    )
    assert (bright[1] == dark[1]).all()
    shade = motion.shade(np.random.default_rng(3), np.linspace(0, 1, 4), 0.9)
    assert shade.min() < 0.5 and 1.2 < shade.max() < 1.5
    assert np.abs(shade[0] - shade[3]).max() > 0.2
    assert np.abs(np.diff(shade, axis=1)).max() < 0.8  # no step from one cell to the next


def test_a_camouflaged_thing_has_the_colours_of_its_surroundings_and_keeps_its_texture() -> None:
    rng = np.random.default_rng(0)
    picture = rng.integers(150, 250, (40, 40, 3)).astype(np.uint8)
    ground = rng.integers(20, 60, (40, 40, 3)).astype(np.uint8)
    hidden = recoloured(picture, np.full((40, 40), 255, np.uint8), ground, 1.0)
    assert abs(hidden.mean() - ground.mean()) < 12
    assert np.corrcoef(hidden[..., 1].ravel(), picture[..., 1].ravel())[0, 1] > 0.6
    assert (recoloured(picture, np.full((40, 40), 255, np.uint8), ground, 0.0).astype(int) - picture).max() < 4


def test_a_planned_clip_has_the_order_of_a_drawn_one() -> None:
    clips = _procedural()
    planned = clips.planned(11, ClipShape(64, 4, 1), in_order=False)
    frames, labels = draw(planned.plan)
    assert sorted(planned.order) == [0, 1, 2, 3]
    assert (labels[planned.order[0]] == 1).any()
    assert frames.shape == (4, 64, 64, 3)


def test_no_order_exists_where_a_target_is_never_seen() -> None:
    labels = np.zeros((3, 16, 16), np.uint8)
    assert processing_order(np.random.default_rng(0), labels, 1, in_order=False) is None


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), length=st.integers(2, 9), in_order=st.booleans())
def test_roles_leave_something_to_predict(seed: int, length: int, in_order: bool) -> None:
    annotated, remembered = choose_roles(np.random.default_rng(seed), length, in_order, RoleConfig())
    assert annotated[0] and not all(annotated) and len(annotated) == len(remembered) == length
    assert 1 <= sum(annotated) <= 5


def test_stills_need_masks(tmp_path: Path) -> None:
    (tmp_path / "set" / "images").mkdir(parents=True)
    cv2.imwrite(str(tmp_path / "set" / "images" / "a.jpg"), np.zeros((30, 30, 3), np.uint8))
    with pytest.raises(RequestError, match="No photograph with a mask"):
        Stills(tmp_path)
    with pytest.raises(RequestError, match="There is no folder"):
        Stills(tmp_path / "nowhere")


def test_labels_of_a_still_are_its_parts_and_an_empty_mask_is_left_out(tmp_path: Path) -> None:
    for folder in ("images", "masks"):
        (tmp_path / "set" / folder).mkdir(parents=True)
    for name, labels in {"full": (1, 2), "empty": ()}.items():
        cv2.imwrite(str(tmp_path / "set" / "images" / f"{name}.png"), np.full((60, 60, 3), 99, np.uint8))
        plane = np.zeros((60, 60), np.uint8)
        for number, label in enumerate(labels):
            plane[10 + 20 * number : 30 + 20 * number, 5:50] = label
        Image.fromarray(plane).save(tmp_path / "set" / "masks" / f"{name}.png")
    stills = Stills(tmp_path)
    for seed in range(6):
        cutout = stills.cutout(np.random.default_rng(seed))
        assert set(np.unique(cutout.parts)) == {0, 1, 2}
        assert np.count_nonzero(cutout.mask) == 2 * 20 * 45


def test_a_clip_of_real_stills_is_labelled(shared: Path) -> None:
    stills = Stills(shared / "stills")
    clips = StagedClips(stills, Thin(stills), None, 0.0, dataclasses.replace(SceneConfig(), partial=0), seed=1)
    clip = clips.clip(0, ClipShape(64, 3, 1), in_order=False)
    assert (clip.labels[0] == 1).mean() > 0.003
    assert clip.frames.std() > 5


def _write_stills(folder: Path, mask: np.ndarray | None) -> Path:
    for name in ("images", "masks"):
        (folder / "set" / name).mkdir(parents=True)
    cv2.imwrite(str(folder / "set" / "images" / "one.png"), np.full((64, 64, 3), 90, np.uint8))
    if mask is None:
        (folder / "set" / "masks" / "one.png").write_text("hello")
    else:
        cv2.imwrite(str(folder / "set" / "masks" / "one.png"), mask)
    return folder


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    ("mask", "sentence"),
    [
        (None, "Cannot read the mask"),
        (np.ones((64, 64, 3), np.uint8), "has colours"),
        (np.zeros((64, 64), np.uint8), "covers 400 pixels"),
    ],
    ids=["text", "colours", "empty"],
)
def test_masks_of_photographs_that_show_nothing_are_said(tmp_path: Path, mask: np.ndarray | None, sentence: str) -> None:
    stills = Stills(_write_stills(tmp_path, mask))
    with pytest.raises(RequestError, match=sentence):
        stills.cutout(np.random.default_rng(0))
