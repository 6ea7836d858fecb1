"""Rendered bodies: closed meshes, exact masks, kept as they were, and staged into clips like everything else."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.training.made_scene import made_scene
from xmemcore.cli.main import main
from xmemcore.protocol.failures import RequestError
from xmemcore.training import bodies
from xmemcore.training.clips import StagedClips
from xmemcore.training.draw import draw
from xmemcore.training.draw_torch import draw_on
from xmemcore.training.procedural import Procedural, Thin
from xmemcore.training.rendered import GENERATED, UNSAID, Scenes, begin_folder, load_scene, save_scene, scene_path, targets
from xmemcore.training.scene import ClipShape, SceneConfig, stage, stage_rendered


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    begin_folder(tmp_path, {"skins": GENERATED})
    for number in range(2):
        save_scene(scene_path(tmp_path, number), made_scene())
    return tmp_path


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000), kind=st.sampled_from(bodies.KINDS))
def test_every_part_of_a_body_is_a_surface_seen_from_outside(seed: int, kind: str) -> None:
    body = bodies.make_body(np.random.default_rng(seed), kind)
    assert {part.skin for part in body.parts} == set(range(body.skins))
    for part in body.parts:
        mesh = part.mesh
        assert np.isfinite(mesh.vertices).all() and np.linalg.norm(mesh.vertices, axis=1).max() <= 1 + 1e-9
        assert mesh.uvs.min() >= 0 and mesh.uvs.max() <= 1
        a, b, c = (mesh.vertices[mesh.triangles[:, k]] for k in range(3))
        # Six times the volume; of a surface that is seen from inside it would be negative.
        assert np.einsum("ij,ij->i", a, np.cross(b, c)).sum() > 0


def test_a_scene_comes_back_with_its_masks_exact_and_its_colours_near(folder: Path) -> None:
    scene, loaded = made_scene(), load_scene(scene_path(folder, 0))
    np.testing.assert_array_equal(loaded.labels, scene.labels)
    np.testing.assert_array_equal(loaded.colours[..., 3], scene.colours[..., 3])
    inside = loaded.labels[..., 0] == 1
    assert np.abs(loaded.colours[inside][:, :3].astype(int) - scene.colours[inside][:, :3]).mean() < 12
    np.testing.assert_array_equal(load_scene(scene_path(folder, 0), np.array((0.0, 1.0))).labels, scene.labels[[0, -1]])


def test_a_damaged_scene_and_an_empty_folder_are_refused_in_a_sentence(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = scene_path(folder, 1)
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(RequestError, match="damaged"):
        load_scene(path)
    with pytest.raises(RequestError, match="no rendered scenes"):
        Scenes(tmp_path_factory.mktemp("empty"))


def test_scenes_of_two_makings_do_not_mix(folder: Path) -> None:
    assert Scenes(folder).skins == GENERATED
    with pytest.raises(RequestError, match="made otherwise"):
        begin_folder(folder, {"skins": UNSAID})


def test_a_folder_that_does_not_say_is_taken_for_photographs(folder: Path) -> None:
    (folder / "scenes.json").unlink()
    assert Scenes(folder).skins == UNSAID


@pytest.mark.parametrize("partial", [False, True])
def test_targets_are_whole_bodies_or_parts_of_one(partial: bool) -> None:
    labels = made_scene().labels
    for seed in range(8):
        marks = targets(np.random.default_rng(seed), labels, 2, partial)
        pairs = {tuple(pair) for pair in labels[marks == 1]}
        others = {tuple(pair) for pair in labels[marks == 2]}
        assert pairs and others and not pairs & others
        assert len({body for body, _ in pairs | others}) == (1 if partial else 2)


def test_a_rendered_target_moves_as_it_was_rendered(folder: Path) -> None:
    quiet = SceneConfig(
        energy=(1.0, 0.0, 0.0), bystanders=0, occluder=0, thin_occluder=0, partial=0, zooming=0, leaving=0, bending=0, smearing=0
    )
    plan = stage_rendered(
        np.random.default_rng(1), Scenes(folder), Procedural(), Thin(Procedural()), ClipShape(64, 4, 2, regular=True), quiet
    )
    bodies_layer = plan.layers[-1]
    assert bodies_layer.moments is not None and len(bodies_layer.moments) == 4
    frames, labels = draw(plan)
    assert frames.shape == (4, 64, 64, 3) and set(np.unique(labels)) == {0, 1, 2}
    drawn_frames, drawn = draw_on([plan], torch.device("cpu"))
    assert (drawn[0].numpy() == labels).mean() > 0.97
    assert drawn_frames.shape[1:] == frames.shape


def test_the_share_of_rendered_clips_is_the_recipes_and_the_number_decides(folder: Path) -> None:
    plans = [
        StagedClips(Procedural(), Thin(Procedural()), None, 0.0, SceneConfig(), 3, Scenes(folder), share)._staged(
            np.random.default_rng(number), ClipShape(64, 3)
        )
        for share in (0.0, 1.0)
        for number in range(3)
    ]
    assert [any(layer.moments for layer in plan.layers) for plan in plans] == [False] * 3 + [True] * 3


def test_blocks_hide_the_target_in_their_own_frame_alone() -> None:
    config = SceneConfig(hidden=1, bystanders=0, occluder=0, thin_occluder=0, look_alike=0, partial=0)
    covered = 0
    for seed in range(6):
        plan = stage(np.random.default_rng(seed), Procedural(), Thin(Procedural()), ClipShape(64, 4, 1), config)
        blocks = [layer for layer in plan.layers if layer.label == 0 and layer.alpha is not None and layer.alpha.shape == (64, 64)]
        for block in blocks:
            assert np.count_nonzero(np.abs(block.path.centre).max(axis=1) < 10) == 1
        covered += len(blocks)
    assert covered


def test_the_renderer_masks_what_it_shows(tmp_path: Path) -> None:
    pytest.importorskip("pybullet", reason="pybullet is not installed: pip install -r requirements/train.txt")
    from xmemcore.training.render import render_scene

    scene = render_scene(np.random.default_rng(4), Procedural(), size=48, frames=3)
    cover, bodies_seen = scene.colours[..., 3], scene.labels[..., 0]
    assert bodies_seen.max() >= 1
    assert (cover[bodies_seen > 0] >= 127).all() and (bodies_seen[cover == 255] > 0).all()
    assert not scene.labels[bodies_seen == 0].any()
    assert (scene.labels[bodies_seen > 0][:, 1] > 0).all()
    again = render_scene(np.random.default_rng(4), Procedural(), size=48, frames=3)
    np.testing.assert_array_equal(again.colours, scene.colours)
    words = ["train", "scenes", str(tmp_path), "--size", "32", "--frames", "2", "--count"]
    assert main([*words, "1"]) == 0 and main([*words, "2"]) == 0, "what is there stays"
    assert len(Scenes(tmp_path)) == 2 and Scenes(tmp_path).skins == GENERATED
