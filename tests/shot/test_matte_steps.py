"""The chain between network and file: steps in order, the plate read once and only when asked for, every step in the signature."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from tests.shot.set_up import depends
from tests.witness.pixels import decoded
from tests.witness.shots import WitnessShot, write_shot
from xmemcore.protocol.requests import PropagateRequest
from xmemcore.shot import plan as plans
from xmemcore.shot.files.box import Box
from xmemcore.shot.mattes.steps import Enlarge, Planes, chain_of, finished, keys_of
from xmemcore.shot.plate.canvas import Canvas
from xmemcore.shot.propagate import propagate

CANVAS = Canvas(Box(0, 0, 12, 8), Box(0, 0, 12, 8))


@dataclass(frozen=True)
class Harden:
    """A step that decides every pixel, on a picture that it looks at."""

    key: str | None = "harden 1"

    def __call__(self, planes: Planes) -> Planes:
        assert planes.picture().shape[:2] == planes.values.shape[1:]
        best = planes.values.argmax(axis=0)
        return planes.with_values(np.stack([(best == place).astype(np.float32) for place in range(len(planes.values))]))


def never() -> np.ndarray:
    raise AssertionError("nobody asked for the picture")


def test_the_plain_chain_enlarges_and_reads_no_plate() -> None:
    predicted = np.random.default_rng(0).dirichlet((1, 1, 1), (4, 6)).astype(np.float32).transpose(2, 0, 1)
    before = predicted.copy()
    planes = finished(chain_of(PropagateRequest(plate="p", edges="plain"), CANVAS), predicted, 3, never)
    assert planes.shape == (3, 8, 12)
    np.testing.assert_allclose(planes.sum(axis=0), 1, atol=1e-6)
    planes[:] = 0
    np.testing.assert_array_equal(predicted, before)


def test_steps_run_in_order_and_are_named_in_order() -> None:
    chain = (Enlarge(CANVAS), Harden())
    predicted = np.random.default_rng(1).dirichlet((1, 1), (4, 6)).astype(np.float32).transpose(2, 0, 1)
    planes = finished(chain, predicted, 0, lambda: np.zeros((8, 12, 3), np.float32))
    assert set(np.unique(planes)) == {0, 1}
    assert keys_of(chain) == ["harden 1"] and keys_of(chain_of(PropagateRequest(plate="p", edges="plain"), CANVAS)) == []


@pytest.fixture
def shot(tmp_path: Path) -> WitnessShot:
    return write_shot("pictures", tmp_path)


def test_a_step_makes_other_mattes_with_another_signature_and_leaves_keyed_frames_alone(
    shot: WitnessShot, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Path(shot.request.out).parent
    propagate(shot.request)
    before, plain = decoded(folder, shot.window), depends(shot.request)
    monkeypatch.setattr(plans, "chain_of", lambda request, canvas: (Enlarge(canvas), Harden()))
    hardened = depends(shot.request)
    assert hardened.signature(1) != plain.signature(1)
    assert hardened.signature(0) == plain.signature(0), "a frame on which everything is keyed has no part of the network's"
    result = propagate(replace(shot.request, frames="1-2"))
    assert result.written == (1, 2)
    after = decoded(folder, shot.window)
    assert set(np.unique(after["1/obj_1.alpha"])) <= {0, 255} and len(np.unique(before["1/obj_1.alpha"])) > 2
