"""What time and memory a run is expected to take, beside what runs have taken."""

from __future__ import annotations

import json
import struct
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from tests.shot.made_shot import sent_to, write_shot
from xmemcore.engine.order import outward_gaps
from xmemcore.network.catalogue import WEIGHTS_FOLDER, parameters_of
from xmemcore.network.checkpoint import read_state
from xmemcore.shot.forecast import forecast
from xmemcore.shot.inputs.opened import open_propagate
from xmemcore.shot.plan.plan import LEAST_SECOND_LOOK, plan
from xmemcore.shot.run.pace import expected_mb, pace_key

COMPACT = WEIGHTS_FOLDER / "compact.safetensors"
OFFICIAL_PARAMETERS = 62_191_000


def official(folder: Path, suffix: str) -> Path:
    """Make a file as large as a model of the official widths, in half precision or as it is published; it takes no room on disk."""
    path = folder / f"official{suffix}"
    numbers = 2 * OFFICIAL_PARAMETERS if suffix == ".safetensors" else 4 * OFFICIAL_PARAMETERS
    content = {
        "__metadata__": {"dimensions": json.dumps({"key_encoder": "resnet50"})},
        "a": {"dtype": "F16", "shape": [OFFICIAL_PARAMETERS], "data_offsets": [0, numbers]},
    }
    header = json.dumps(content).encode()
    with path.open("wb") as file:
        if suffix == ".safetensors":
            file.write(struct.pack("<Q", len(header)) + header)
        file.truncate(numbers)
    return path


@pytest.mark.parametrize(
    "plate, working, objects, peak_mb",
    [
        ((854, 480), (432, 240), 1, 458),
        ((854, 480), (864, 480), 1, 688),
        ((1920, 1080), (864, 480), 1, 725),
        ((640, 360), (640, 368), 3, 612),
    ],
)
def test_expected_memory_is_near_the_peak_that_was_measured(
    plate: tuple[int, int], working: tuple[int, int], objects: int, peak_mb: float
) -> None:
    expected = expected_mb(COMPACT, plate[0] * plate[1], working[0] * working[1] // 256, 1, objects, "cpu", matted=False)
    assert 0.95 * peak_mb < expected < 1.15 * peak_mb


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_expected_memory_of_a_network_of_the_official_widths_is_near_the_peak_too(tmp_path: Path, suffix: str) -> None:
    expected = expected_mb(official(tmp_path, suffix), 854 * 480, 432 * 240 // 256, 1, 1, "cpu", matted=False)
    assert 0.95 * 1000 < expected < 1.15 * 1000


def test_parameters_are_counted_without_reading_them() -> None:
    counted, key_encoder = parameters_of(COMPACT)
    assert counted == sum(tensor.numel() for tensor in read_state(COMPACT).values())
    assert key_encoder == "mobilenet_v2"


def test_a_pace_of_a_small_plate_or_of_other_edges_says_nothing_of_a_large_one_or_of_these() -> None:
    def opened(height: int, width: int, edges: str) -> SimpleNamespace:
        shot = SimpleNamespace(
            plate=SimpleNamespace(canvas=SimpleNamespace(height=height, width=width)), annotations=SimpleNamespace(objects=("sleeve",))
        )
        content = SimpleNamespace(padding=SimpleNamespace(height=480, width=864))
        request = SimpleNamespace(edges=edges, plain=False, augment=False)
        return SimpleNamespace(model_sha256="a", precision="float32", content=content, shot=shot, request=request)

    kinds = ((480, 854, "refined"), (2160, 3840, "refined"), (2160, 3840, "matting"))
    assert len({pace_key(opened(*kind), torch.device("cpu")) for kind in kinds}) == 3


def test_solving_in_closed_form_takes_memory_of_its_own() -> None:
    sizes = COMPACT, 854 * 480, 864 * 480 // 256, 1, 1, "cpu"
    assert expected_mb(*sizes, matted=True) - expected_mb(*sizes, matted=False) == pytest.approx(400)


def test_a_second_look_and_a_search_for_windows_cost_what_they_take(tmp_path: Path) -> None:
    request = replace(write_shot(tmp_path, body_keys=(1001, 1030), sleeve_keys=(1001, 1030)), size=LEAST_SECOND_LOOK)
    planned = plan(open_propagate(request))
    group, _ = planned.groups
    between, behind = group.gaps
    assert planned.effort(group, between, between.delivers) == 28 + 8, "no sweep is long, and keyframes are given"
    long = outward_gaps(40, {0})[0]
    alone = replace(group, gaps=[long])
    assert planned.effort(alone, long, long.delivers) == pytest.approx(1.2 * 38)
    assert planned.effort(alone, long, {9}) == pytest.approx(1.2 * 9), "all of a long sweep looks twice"
    windows = SimpleNamespace(candidates=lambda gap: ["a size"])
    cropped = replace(alone, windows=windows)  # type: ignore[arg-type]
    assert planned.effort(cropped, long, {9}) == pytest.approx(1.2 * 9 + 0.5 * 38), "the search goes over the whole gap"
    assert planned.effort(cropped, long, set()) == 0


def test_a_forecast_counts_a_second_look(tmp_path: Path) -> None:
    request = sent_to(replace(write_shot(tmp_path, body_keys=(1001,), sleeve_keys=(1001,)), size=LEAST_SECOND_LOOK), tmp_path)
    twice, once = (forecast(replace(request, second_look=look), step_seconds=10) for look in (True, False))
    assert (twice.steps, once.steps) == (80, 80), "two groups"
    assert (twice.seconds, once.seconds) == (936, 780)
    assert twice.gaps[0].seconds == twice.chunks[0].seconds == 936
