"""Drawn shots: `evaluate` reads them, each is the same whatever others are drawn, and nothing is replaced."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.training.made_scene import made_scene
from xmemcore.cli.main import main
from xmemcore.evaluation.clips import find_clips
from xmemcore.protocol.failures import RequestError
from xmemcore.training.rendered import GENERATED, begin_folder, save_scene, scene_path
from xmemcore.training.shots import write_shots


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("scenes")
    begin_folder(folder, {"skins": GENERATED})
    save_scene(scene_path(folder, 0), made_scene())
    return str(folder)


def test_shots_are_clips_whose_first_mask_shows_the_object(scenes: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "shots"
    assert main(["train", "shots", str(out), "--scenes", scenes, "--count", "3", "--size", "64", "--frames", "6"]) == 0
    assert "3 shots" in capsys.readouterr().out
    clips = find_clips(out)
    assert [clip.name for clip in clips] == ["shot_00", "shot_01", "shot_02"]
    for clip in clips:
        assert list(clip.masks) == list(range(6)) and len(clip.frames) == 6
        assert clip.objects == (1,) and (clip.labels(0) == 1).any()
        assert len({cv2.imread(str(frame)).tobytes() for frame in clip.frames}) > 1, "something moves"


def test_a_shot_does_not_depend_on_how_many_are_drawn(tmp_path: Path) -> None:
    one, two = (write_shots(tmp_path / str(count), count, None, None, 4, 64, 3) for count in (1, 2))
    assert all(np.array_equal(one[0].labels(t), two[0].labels(t)) for t in range(3))
    assert one[0].frames[2].read_bytes() == two[0].frames[2].read_bytes()
    assert two[1].frames[0].read_bytes() != two[0].frames[0].read_bytes()


def test_a_folder_in_use_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("kept")
    with pytest.raises(RequestError, match="is not empty"):
        write_shots(tmp_path, 1, None, None, 0, 64, 2)
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]
