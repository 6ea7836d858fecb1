"""What no request may ask for is said wherever it comes from."""

from __future__ import annotations

from typing import Any

import pytest

from xmemcore.protocol.failures import RequestError
from xmemcore.protocol.requests import SuggestRequest, require_size


def test_working_size_has_limits_that_everybody_can_ask_for() -> None:
    for size in (64, 480, 4096):
        require_size(size)
    for size in (63, 0, -480, 4097):
        with pytest.raises(RequestError, match=f"working size {size} is out of range. Choose 64 to 4096 pixels"):
            require_size(size)


@pytest.mark.parametrize(
    ("setting", "sentence"),
    [
        ({"count": 0}, "0 suggestions are not possible. Ask for 1 or more"),
        ({"count": -3}, "-3 suggestions are not possible"),
        ({"alpha": 1.5}, "An alpha of 1.5 is not possible. Choose 0 to 1"),
        ({"alpha": float("nan")}, "An alpha of nan is not possible"),
        ({"min_pixels": -1}, "A least of -1 pixels is not possible. Choose 0 or more"),
        ({"method": "best"}, "There is no method 'best' to suggest frames. Choose one of: coverage, published, "),
        ({"size": 20}, "The working size 20 is out of range"),
    ],
)
def test_impossible_suggestion_is_refused(setting: dict[str, Any], sentence: str) -> None:
    SuggestRequest(plate="p", count=1, alpha=0.0, min_pixels=0).require_possible()
    with pytest.raises(RequestError, match=sentence):
        SuggestRequest(plate="p", **setting).require_possible()
