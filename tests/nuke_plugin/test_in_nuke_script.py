"""The page for people with a licence runs through in the stand-in, which shows that the script itself is sound."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.timeout(300)


def faults(page: str) -> list[str]:
    """List the lines of checks that failed for another reason than that the stand-in does not know the answer either."""
    return [line for line in page.splitlines() if "ERROR" in line and "is not measured" not in line]


@pytest.mark.parametrize("nc", [True, False], ids=["Non-commercial", "licensed"])
def test_the_check_for_a_real_nuke_runs_through_and_ends_with_its_page(start, capsys, nc):
    stage = start(gui=False, nc=nc)
    stage.host.run_file(CHECKOUT / "tests" / "in_nuke" / "check.py")
    page = capsys.readouterr().out
    assert not faults(page), page
    assert not re.search(r"^ *[\w ]+  NO ", page, re.MULTILINE), page
    assert len(re.findall(r"^ *\d+  ", page, re.MULTILINE)) >= 30


def test_in_the_interface_the_check_tells_of_idle_moments_after_its_page(start, capsys):
    stage = start()
    stage.host.run_file(CHECKOUT / "tests" / "in_nuke" / "check.py")
    page = capsys.readouterr().out
    assert not faults(page), page
    later = []
    stage.host.pump(60, until=lambda: later.append(capsys.readouterr().out) or "the longest bite" in "".join(later))
    assert "updateUI came" in "".join(later) and "4 of 4 gaps between bites" in "".join(later) and not stage.host.python_errors


def test_the_cryptomatte_of_the_check_is_what_the_core_writes(tmp_path):
    """With the environment variable XMEM_TEST_RECORD the file is written anew."""
    pytest.importorskip("mmh3", reason="the extra cryptomatte is not installed")
    import numpy as np
    import OpenEXR

    from xmemcore.shot.mattes import matte_proof
    from xmemcore.shot.mattes.mattes import MatteWriter, Passes
    from xmemcore.shot.plate.canvas import Box, Canvas

    reference = CHECKOUT / "tests" / "in_nuke"
    folder = reference if os.environ.get("XMEM_TEST_RECORD") else tmp_path
    mattes = np.zeros((2, 30, 40), np.float32)
    mattes[0, :, :10] = mattes[1, :, 10:20] = 1
    writer = MatteWriter(
        folder / "cryptomatte.%04d.exr", Canvas(Box(0, 0, 40, 30), Box(0, 0, 40, 30)), [("body", "body"), ("hat", "hat")], {},
        Passes(cryptomatte=True),
    )  # fmt: skip
    proof = matte_proof.metadata("check", (0.25, 0.25), 1.0, (1.0, 1.0))
    writer.write(1, mattes, mattes.sum(axis=0), False, proof=proof)
    written, expected = (OpenEXR.File(str(each / "cryptomatte.0001.exr"), separate_channels=True) for each in (folder, reference))
    assert {key: value for key, value in written.header().items() if "cryptomatte" in key} == {
        key: value for key, value in expected.header().items() if "cryptomatte" in key
    }
    assert set(written.channels()) == set(expected.channels())
    for name, channel in written.channels().items():
        assert np.array_equal(channel.pixels, expected.channels()[name].pixels), name


def test_the_list_says_which_of_its_numbers_are_tried():
    page = (CHECKOUT / "docs" / "unverified-in-nuke.md").read_text("utf-8")
    open_ones = page.split("## Settled")[0]
    listed = [int(number) for number in re.findall(r"^\| (\d+) \|", open_ones, re.MULTILINE)]
    tried = sorted(
        {int(number) for number in re.findall(r"^@check\((\d+)\)", (CHECKOUT / "tests/in_nuke/check.py").read_text("utf-8"), re.MULTILINE)}
    )
    assert listed == sorted(set(listed)) and set(tried) < set(listed), "a number that is settled leaves, and is not given again"
    numbers = re.search(r"tries the numbers\s+([\d,\s]+)", page)[1]
    assert [int(number) for number in re.findall(r"\d+", numbers)] == tried
