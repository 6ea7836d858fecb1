"""The page for people with a licence runs through in the stand-in, which shows that the script itself is sound."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.timeout(120)


def test_the_check_for_a_real_nuke_runs_through_and_ends_with_its_page(start, capsys):
    stage = start()
    stage.host.run_file(CHECKOUT / "tests" / "in_nuke" / "check.py")
    page = capsys.readouterr().out
    assert "ERROR" not in page, page
    assert not re.search(r"^ *\d+  NO ", page, re.MULTILINE), page
    assert len(re.findall(r"^ *\d+  ", page, re.MULTILINE)) >= 27


def test_the_list_says_which_of_its_numbers_are_tried():
    page = (CHECKOUT / "docs" / "unverified-in-nuke.md").read_text("utf-8")
    listed = [int(number) for number in re.findall(r"^\| (\d+) \|", page, re.MULTILINE)]
    tried = sorted(
        map(int, re.findall(r"^@check\((\d+)\)", (CHECKOUT / "tests" / "in_nuke" / "check.py").read_text("utf-8"), re.MULTILINE))
    )
    assert listed == list(range(1, len(listed) + 1)) and set(tried) < set(listed)
    said = re.search(r"tries the numbers\s+([\d,\s]+)", page)[1]
    assert [int(number) for number in re.findall(r"\d+", said)] == tried
