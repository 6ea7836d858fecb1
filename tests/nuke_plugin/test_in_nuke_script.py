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
    assert len(re.findall(r"^ *\d+  ", page, re.MULTILINE)) >= 14


def test_every_number_of_the_list_that_a_script_can_try_is_tried():
    listed = set(re.findall(r"^\| (\d+) \|", (CHECKOUT / "docs" / "unverified-in-nuke.md").read_text("utf-8"), re.MULTILINE))
    tried = set(re.findall(r"^@check\((\d+)\)", (CHECKOUT / "tests" / "in_nuke" / "check.py").read_text("utf-8"), re.MULTILINE))
    assert tried <= listed
