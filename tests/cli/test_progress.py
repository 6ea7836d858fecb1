"""Progress on a terminal, in a log, and on a farm."""

from __future__ import annotations

import io

import pytest

from xmemcore.cli import progress
from xmemcore.cli.progress import TerminalListener, farm_stream, say_failed


def test_log_gets_one_line_per_five_percent() -> None:
    stream = io.StringIO()
    listener = TerminalListener("propagate", stream)
    for done in range(201):
        listener.progress(done, 200)
    lines = stream.getvalue().splitlines()
    assert lines[0] == "propagate: 0 % (0 of 200)"
    assert lines[1] == "propagate: 5 % (10 of 200)"
    assert lines[-1] == "propagate: 100 % (200 of 200)"
    assert len(lines) == 21


def test_a_warning_is_told_once_and_not_again_by_the_listener_that_follows() -> None:
    stream = io.StringIO()
    first = TerminalListener("propagate", stream)
    for _ in range(2):
        first.warning("The plate has\nholes.")
    TerminalListener("report", stream, warned=first.warned).warning("The plate has\nholes.")
    TerminalListener("report", stream, warned=first.warned).warning("It is dark.")
    assert stream.getvalue().splitlines() == ["Warning: The plate has holes.", "Warning: It is dark."]


def test_short_run_gets_a_line_per_step() -> None:
    stream = io.StringIO()
    listener = TerminalListener("suggest", stream)
    for done in range(3):
        listener.progress(done, 2)
    assert [line.split(":")[1].split("(")[0].strip() for line in stream.getvalue().splitlines()] == ["0 %", "50 %", "100 %"]


def test_new_phase_begins_again() -> None:
    stream = io.StringIO()
    listener = TerminalListener("x", stream)
    listener.progress(10, 10)
    listener.progress(0, 4)
    listener.progress(4, 4)
    assert [line.split()[1] for line in stream.getvalue().splitlines()] == ["100", "0", "100"]


def test_terminal_gets_a_bar_that_messages_do_not_tear() -> None:
    stream = io.StringIO()
    listener = TerminalListener("propagate", stream, terminal=True)
    listener.progress(50, 100)
    listener.warning("Frame 1003 is missing.")
    listener.progress(100, 100)
    listener.close()
    text = stream.getvalue()
    assert "\rpropagate [###############...............]  50 %  50/100" in text
    assert "\nWarning" not in text and "Warning: Frame 1003 is missing.\n" in text
    assert text.endswith("100/100\n")


def test_farm_gets_each_percent_once() -> None:
    farm = io.StringIO()
    listener = TerminalListener("propagate", io.StringIO(), farm)
    for done in (0, 1, 1, 2, 4):
        listener.progress(done, 4)
    assert farm.getvalue().splitlines() == ["openjd_progress: 0", "openjd_progress: 25", "openjd_progress: 50", "openjd_progress: 100"]


def test_farm_is_told_only_in_its_session_and_never_beside_json() -> None:
    assert farm_stream(False, {}) is None and farm_stream(False, {"OPENJD_SESSION_ID": "no engine sets it"}) is None
    for name in ("OPENJD_SESSION_WORKING_DIR", "DEADLINE_SESSION_ID"):
        assert farm_stream(True, {name: "s"}) is None
        assert farm_stream(False, {name: "s"}) is not None


def test_a_farm_hears_a_failure_on_one_line() -> None:
    farm = io.StringIO()
    say_failed("The plate is gone.\nBring it back.", farm)
    say_failed("Nobody listens.", None)
    assert farm.getvalue() == "openjd_fail: The plate is gone. Bring it back.\n"


def test_nothing_to_do_is_all_done() -> None:
    stream = io.StringIO()
    TerminalListener("x", stream).progress(0, 0)
    assert stream.getvalue() == "x: 100 % (0 of 0)\n"


def test_what_is_counted_is_said() -> None:
    stream = io.StringIO()
    TerminalListener("report", stream, unit="comparisons").progress(11, 218)
    TerminalListener("report", stream, terminal=True, unit="comparisons").progress(218, 218)
    assert stream.getvalue().startswith("report: 5 % (11 of 218 comparisons)\n") and stream.getvalue().endswith("218/218 comparisons")


def test_names_from_files_neither_break_a_line_nor_command_a_terminal() -> None:
    stream = io.StringIO()
    listener = TerminalListener("propagate", stream)
    listener.message("Reading \x1b[31m\nsleeve")
    listener.warning("The shape \x1b]0;x\x07\nsleeve is not read.")
    lines = stream.getvalue().splitlines()
    assert len(lines) == 2 and all(line.isprintable() for line in lines)


@pytest.mark.parametrize("columns", [1, 12, 20, 45, 80, 200])
def test_the_bar_is_never_wider_than_its_terminal(columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(progress, "_columns", lambda _: columns)
    monkeypatch.setattr(progress, "REDRAW_SECONDS", 0.0)
    listener = TerminalListener("propagate", stream, terminal=True, unit="frames")
    for done in (0, 50, 100):
        listener.progress(done, 100)
    drawn = stream.getvalue().split("\r")[1:]
    assert len(drawn) == 3 and all(len(line) < max(columns, 2) for line in drawn)
    if columns >= 20:
        assert drawn[-1].startswith("propagate ") and "100 %" in drawn[-1]
    if columns >= 80:
        assert f"[{'#' * progress.BAR_CELLS}] 100 %  100/100 frames" in drawn[-1]
