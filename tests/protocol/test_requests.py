"""What no request may ask for is said wherever it comes from."""

from __future__ import annotations

import pytest

from xmemcore.protocol.requests import LARGEST_SIZE, SMALLEST_SIZE, SettingUnknown, require_size


def test_working_size_has_limits_that_everybody_can_ask_for() -> None:
    for size in (SMALLEST_SIZE, 480, LARGEST_SIZE):
        require_size(size)
    for size in (SMALLEST_SIZE - 1, 0, -480, LARGEST_SIZE + 1):
        with pytest.raises(SettingUnknown, match=f"working size {size} is out of range. Choose 64 to 4096 pixels"):
            require_size(size)
