"""What no request may ask for is said wherever it comes from."""

from __future__ import annotations

import os
from typing import Any

import pytest

from xmemcore.protocol.failures import RequestError
from xmemcore.protocol.requests import PATHS, PropagateRequest, SuggestRequest


def test_working_size_has_limits() -> None:
    for size in (64, 480, 4096):
        PropagateRequest(plate="p", size=size).require_possible()
    for size in (63, 0, -480, 4097):
        with pytest.raises(RequestError, match=f"working size {size} is out of range. Choose 64 to 4096 pixels"):
            PropagateRequest(plate="p", size=size).require_possible()


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


@pytest.mark.parametrize("name", [*PATHS])
def test_empty_path_is_refused_by_name(name: str) -> None:
    kind = SuggestRequest if name == "mattes" else PropagateRequest
    for empty in ("", " "):
        with pytest.raises(RequestError, match=f"The {PATHS[name]} is empty"):
            kind(**{"plate": "p.%04d.exr", name: empty}).require_possible_here()


@pytest.mark.skipif(os.name == "nt", reason="there these are paths")
@pytest.mark.parametrize("path", ["C:\\shots\\p.%04d.exr", "d:/shots/p.%04d.exr", "\\\\server\\shots\\p.%04d.exr"])
@pytest.mark.parametrize("name", ["plate", "masks", "out", "cache"])
def test_path_of_windows_is_refused_elsewhere(name: str, path: str) -> None:
    with pytest.raises(RequestError, match="a path of Windows"):
        PropagateRequest(**{"plate": "p.%04d.exr", name: path}).require_possible_here()


@pytest.mark.parametrize("path", ["/shots/p.%04d.exr", "shots/p.%04d.exr", "//server/shots/p.%04d.exr", "a:b.%04d.exr", "~/p.%04d.exr"])
def test_other_paths_may_be_meant(path: str) -> None:
    PropagateRequest(path, out=path).require_possible_here()
