"""The plugin's record of a run, as a run without Nuke completes it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from xmemcore.protocol.nuke_record import completed


@pytest.mark.parametrize(
    ("exported", "holes"),
    [
        ({"frames": "1040-1050", "missing": [1003, 1045]}, [1003, 1046]),
        ({"frames": "1040-1050"}, [1046]),
        ({"frames": "no range", "missing": [1003]}, [1046]),
        ({"frames": "1040-1050", "missing": "1003"}, [1046]),
    ],
)
def test_holes_of_earlier_runs_stay_and_those_of_this_one_are_what_the_core_found(exported: dict[str, Any], holes: list[int]) -> None:
    record = completed(exported, Path("/m/matte.%04d.exr"), "stamp", ["body"], ["body"], "compact", [1046])
    assert record["missing"] == holes and record["complete"] is True and record["out"] == "/m/matte.%04d.exr"
