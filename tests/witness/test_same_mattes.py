"""The mattes are what version 0.2.0 made of the same shots, pixel for pixel: moving the house does not change the picture.

`python -m tests.witness.test_same_mattes` writes the kept results again. That is right only when mattes change on purpose; the commit
then says why.
"""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.witness.pixels import decoded, differences, differences_from_kept, keep
from tests.witness.shots import SHOTS, WitnessShot, write_shot
from xmemcore.protocol.failures import Cancelled
from xmemcore.protocol.requests import PropagateRequest
from xmemcore.shot.listener import Silence
from xmemcore.shot.propagate import propagate


@pytest.fixture(scope="module", params=SHOTS)
def name(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def shot(name: str, tmp_path_factory: pytest.TempPathFactory) -> WitnessShot:
    return write_shot(name, tmp_path_factory.mktemp(name))


@pytest.fixture(scope="module")
def first(shot: WitnessShot) -> dict[str, np.ndarray]:
    """One undisturbed run."""
    return _run(shot, shot.request)


def test_a_first_run_gives_the_mattes_of_0_2_0(name: str, first: dict[str, np.ndarray]) -> None:
    assert not differences_from_kept(first, f"{name}-first")


def test_a_second_round_gives_the_mattes_of_0_2_0(name: str, shot: WitnessShot, first: dict[str, np.ndarray]) -> None:
    corrected = _run(shot, shot.corrected)
    assert not differences_from_kept(corrected, f"{name}-second")
    assert differences(corrected, first), "a keyframe more changes mattes, or this witness sees nothing"


def test_a_run_that_is_cancelled_and_taken_up_gives_the_same_mattes(
    shot: WitnessShot, first: dict[str, np.ndarray], tmp_path: Path
) -> None:
    request = replace(shot.request, cache=str(tmp_path / "cache"), out=str(tmp_path / "matte.%04d.exr"))
    with pytest.raises(Cancelled):
        propagate(request, _StopsAfter(4))
    assert len(list(tmp_path.glob("matte.*.exr"))) < len({plane.split("/")[0] for plane in first})
    propagate(request)
    assert _exactly(decoded(tmp_path, shot.window), first)


def test_a_range_in_two_parts_gives_the_same_mattes(shot: WitnessShot, first: dict[str, np.ndarray], tmp_path: Path) -> None:
    for part in reversed(shot.cut):
        propagate(replace(shot.request, frames=part, cache=str(tmp_path / "cache"), out=str(tmp_path / "matte.%04d.exr")))
    assert _exactly(decoded(tmp_path, shot.window), first)


def test_a_run_without_a_cache_gives_the_same_mattes_but_for_rounding(
    shot: WitnessShot, first: dict[str, np.ndarray], tmp_path: Path
) -> None:
    propagate(replace(shot.request, use_cache=False, out=str(tmp_path / "matte.%04d.exr")))
    assert not differences(decoded(tmp_path, shot.window), first)


class _StopsAfter(Silence):
    """A listener that cancels after so many frames."""

    def __init__(self, frames: int) -> None:
        self._left = frames

    def frame_done(self, frame: int, path: Path) -> None:
        self._left -= 1

    def cancelled(self) -> bool:
        return self._left <= 0


def _run(shot: WitnessShot, request: PropagateRequest) -> dict[str, np.ndarray]:
    propagate(request)
    return decoded(Path(request.out).parent, shot.window)


def _exactly(planes: dict[str, np.ndarray], others: dict[str, np.ndarray]) -> bool:
    return planes.keys() == others.keys() and all(np.array_equal(planes[name], others[name]) for name in planes)


def write_kept() -> None:
    """Make every kept result again, on one thread as the tests run."""
    torch.set_num_threads(1)
    for name in SHOTS:
        shot = write_shot(name, Path(tempfile.mkdtemp(prefix="witness-")))
        keep(f"{name}-first", _run(shot, shot.request))
        keep(f"{name}-second", _run(shot, shot.corrected))


if __name__ == "__main__":
    write_kept()
