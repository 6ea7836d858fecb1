"""What a worker's memory is expected to be, beside what runs have taken."""

from __future__ import annotations

import pytest

from xmemcore.shot.pace import expected_mb

COMPACT_BYTES = 8_344_064


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
    expected = expected_mb(COMPACT_BYTES, plate[0] * plate[1], working[0] * working[1] // 256, 1, objects, "cpu")
    assert 0.95 * peak_mb < expected < 1.15 * peak_mb
