"""Links of the pages lead to files and headings that are there, as GitHub names them."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
PAGES = [*sorted(CHECKOUT.glob("*.md")), *sorted((CHECKOUT / "docs").rglob("*.md"))]


def headings(page: Path) -> Counter[str]:
    """Count a page's headings as links name them; of two alike, a link leads to the first."""
    titles = re.findall(r"^#+ (.*)$", page.read_text("utf-8"), re.MULTILINE)
    return Counter(re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text("utf-8")):
        if link.startswith("http"):
            continue
        name, _, mark = link.partition("#")
        target = (page.parent / name) if name else page
        assert target.exists(), link
        assert not mark or headings(target)[mark] == 1, link


def test_every_figure_that_was_wanted_links_the_section_that_measured_it() -> None:
    table = (CHECKOUT / "docs" / "measurements.md").read_text("utf-8").split("\n| what |", 1)[1].split("\n\n", 1)[0]
    sections = [row.rstrip(" |").rsplit(" | ", 1)[1] for row in table.splitlines()[2:]]
    assert len(sections) > 20
    assert [section for section in sections if "](#" not in section and section != "the same"] == []
