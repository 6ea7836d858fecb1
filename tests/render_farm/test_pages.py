"""The pages about farms: every engine has one, and each command is one that this version takes."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from xmemcore.cli.main import make_parser

CHECKOUT = Path(__file__).resolve().parents[2]
FARM = CHECKOUT / "farm"
PAGES = [CHECKOUT / "docs" / "farm.md", *sorted((CHECKOUT / "docs" / "engines").glob("*.md"))]
ENGINES = {
    "openjd": "openjd.md",
    "deadline-cloud": "deadline-cloud.md",
    "deadline10": "deadline-10.md",
    "opencue": "opencue.md",
    "tractor": "tractor.md",
    "container": "installation.md",
}
"""The page of each folder of farm/."""


def commands(page: Path) -> list[list[str]]:
    """Read the command lines of a page: indented ones, and those between backticks that name a path."""
    text = page.read_text("utf-8").replace("\\\n", " ")
    found = re.findall(r"^    +((?:python|xmem-roto|openjd|deadline) .*)$", text, re.MULTILINE)
    found += re.findall(r"`((?:python|xmem-roto) [^`\n]* /[^`\n]*)`", text)
    return [shlex.split(line, comments=True) for line in found]


def test_every_engine_has_a_page_that_ends_with_what_was_checked() -> None:
    assert {path.name for path in FARM.iterdir() if path.is_dir() and path.name != "__pycache__"} == set(ENGINES)
    general = PAGES[0].read_text("utf-8")
    for name in set(ENGINES.values()):
        assert f"](engines/{name})" in general
        page = (CHECKOUT / "docs" / "engines" / name).read_text("utf-8")
        assert "](../farm.md" in page and "*Not checked" in page
        if name != "installation.md":
            assert "*Checked" in page and f"{'Submit' if name != 'openjd.md' else 'submit'}." in page and "**5. Collect.**" in page


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_of_a_page_are_taken(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for words in commands(page):
        if words[0] == "xmem-roto":
            make_parser().parse_args(words[1:])
        elif words[0] == "python" and words[1].startswith("farm/"):
            _require_recipe(words[1], words[2:], tmp_path, monkeypatch)
        elif words[0] in ("openjd", "deadline"):
            _require_template(words)


def test_the_pages_have_commands() -> None:
    kinds = {words[0] for page in PAGES for words in commands(page)}
    assert kinds == {"python", "xmem-roto", "openjd", "deadline"}


def _require_recipe(script: str, arguments: list[str], folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = arguments[: arguments.index(">")] if ">" in arguments else arguments
    if script == "farm/opencue/outline_script.py":
        monkeypatch.syspath_prepend(FARM / "opencue")
        import outline_script

        assert outline_script.arguments(arguments).chunks == 8
        return
    arguments += ["--files", str(folder)] if "deadline10" in script else []
    answer = subprocess.run([sys.executable, CHECKOUT / script, *arguments], capture_output=True, text=True, timeout=60)
    assert answer.returncode == 0, answer.stderr


def _require_template(words: list[str]) -> None:
    """See that a template has the parameters and the step that a command names."""
    named = next((word for word in words if word.startswith("farm/")), None)
    if named is None:
        return
    path = CHECKOUT / named
    text = (path / "template.yaml" if path.is_dir() else path).read_text("utf-8")
    parameters, steps = (set(re.findall(r"^  - name: (\w+)", part, re.MULTILINE)) for part in text.split("\nsteps:"))
    given = {value.partition("=")[0] for option, value in zip(words, words[1:]) if option == "-p"}
    assert given and given <= parameters or words[1] == "check", words
    assert {value for option, value in zip(words, words[1:]) if option == "--step"} <= steps, words
