"""The page for people with a licence runs through in the stand-in, which shows that the script itself is sound."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.timeout(300)


@pytest.mark.parametrize("nc", [True, False], ids=["Non-commercial", "licensed"])
def test_the_check_for_a_real_nuke_runs_through_and_ends_with_its_page(start, capsys, nc):
    stage = start(gui=False, nc=nc)
    stage.host.run_file(CHECKOUT / "tests" / "in_nuke" / "check.py")
    page = capsys.readouterr().out
    faults = [line for line in page.splitlines() if "ERROR" in line and "is not measured" not in line]
    assert not faults, page
    assert not re.search(r"^ *[\w ]+  NO ", page, re.MULTILINE), page
    assert len(re.findall(r"^ *\d+  ", page, re.MULTILINE)) >= 30


def test_the_list_says_which_of_its_numbers_are_tried():
    page = (CHECKOUT / "docs" / "unverified-in-nuke.md").read_text("utf-8")
    open_ones = page.split("## Settled")[0]
    listed = [int(number) for number in re.findall(r"^\| (\d+) \|", open_ones, re.MULTILINE)]
    tried = sorted(
        {int(number) for number in re.findall(r"^@check\((\d+)\)", (CHECKOUT / "tests/in_nuke/check.py").read_text("utf-8"), re.MULTILINE)}
    )
    assert listed == sorted(set(listed)) and set(tried) < set(listed), "a number that is settled leaves, and is not given again"
    said = re.search(r"tries the numbers\s+([\d,\s]+)", page)[1]
    assert [int(number) for number in re.findall(r"\d+", said)] == tried
