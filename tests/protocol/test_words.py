"""Words in sentences stay on one line and command no terminal."""

from __future__ import annotations

import shlex

import pytest

from xmemcore.protocol.words import argument, listed, of_them_new, one_line, plural


def test_one_thing_is_no_plural() -> None:
    assert [plural(number, "frame") for number in (0, 1, 2)] == ["0 frames", "1 frame", "2 frames"]


def test_what_is_new_reads_well_for_any_number() -> None:
    counts = ((0, 0), (1, 0), (1, 1), (3, 0), (3, 1), (3, 3))
    assert [of_them_new(*count) for count in counts] == ["none new", "not new", "new", "none new", "1 of them new", "all new"]


@pytest.mark.parametrize("broken", ["a\nb", "a\r\nb", "a\x00b", "a\tb", "a\x1b[31mb", "a\x9b31mb"])
def test_control_characters_become_blanks(broken: str) -> None:
    assert one_line(broken).isprintable() and one_line(broken).startswith("a ")


def test_letters_of_every_script_stay() -> None:
    assert one_line("Ärmel 袖 👕") == "Ärmel 袖 👕"


def test_list_is_cut() -> None:
    assert listed(["a", "b", "c"], 2) == "a, b and 1 more"


@pytest.mark.parametrize("path", ["/m/a b", "/m/it's", '/m/"a"', "/m/$HOME", "/m/a;b", "/m/[a]*", "/m/plain"])
def test_a_path_in_a_command_is_one_word_to_a_shell(path: str) -> None:
    assert shlex.split(f"--approved {argument(path)}") == ["--approved", path]
    assert argument("/m/plain") == "/m/plain"
