"""Where mattes go: what is a pattern for them, and what is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from xmem_roto_nuke.node.places import Home, matte_pattern
from xmemcore.protocol.failures import RequestError


@pytest.mark.parametrize(
    ("chosen", "pattern"),
    [
        ("/shots/a/matte.%04d.exr", "/shots/a/matte.%04d.exr"),
        ("/shots/a/matte.%d.EXR", "/shots/a/matte.%d.EXR"),
        ("/shots/a/matte.####.exr", "/shots/a/matte.%04d.exr"),
        ("/shots/7/matte_#####.exr", "/shots/7/matte_%05d.exr"),
        ("mattes/m.%04d.exr", "/shots/a/mattes/m.%04d.exr"),
        ("~/mattes/m.%04d.exr", f"{Path.home().as_posix()}/mattes/m.%04d.exr"),
    ],
)
def test_patterns_are_taken_as_nuke_takes_them(chosen: str, pattern: str) -> None:
    assert matte_pattern(chosen, Home("/shots/a/comp_v001.nk", "0" * 32)) == pattern


@pytest.mark.parametrize("name", ["matte.exr", "matte.%04d.png", "matte.%V.exr", "matte.%V.%04d.exr", "m.%04d.%04d.exr", "/"])
def test_what_is_no_pattern_is_refused(name: str) -> None:
    with pytest.raises(RequestError, match="is no pattern for EXR frames. Use one like matte.%04d.exr."):
        matte_pattern(f"/shots/a/{name}", Home("/shots/a/comp.nk", "0" * 32))


@pytest.mark.parametrize("folder", ["/shots/#7", "/shots/%V", "/shots/50% off", "/shots/%04d"])
def test_folders_in_which_nuke_would_fill_something_in_are_refused_by_name(folder: str) -> None:
    for chosen, script in ((f"{folder}/matte.%04d.exr", "/shots/a/comp.nk"), ("", f"{folder}/comp.nk")):
        with pytest.raises(RequestError, match=f"every % and # of a path, and the folder {folder}.*Name an output path"):
            matte_pattern(chosen, Home(script, "0" * 32))
