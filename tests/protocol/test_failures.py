"""A failure's sentence is bounded, whatever it repeats, and names what is in the way."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from xmemcore.protocol.failures import LONGEST, Failure, RequestError, not_written


def test_ordinary_sentence_is_itself() -> None:
    text = "Cannot read frame 1001 of /show/shot/plate.1001.exr: no such file. Check the Read node's range."
    assert str(RequestError(text)) == f"{RequestError(text)}" == text
    assert str(Failure()) == ""


@pytest.mark.parametrize("echo", ["Z" * 5000, "Z " * 5000, "é" * 100_000, "a\n" * 9000])
def test_echo_is_bounded_and_the_advice_stays(echo: str) -> None:
    sentence = str(RequestError(f"There is no frame '{echo}'. Choose another."))
    assert len(sentence) <= LONGEST and sentence.startswith("There is no frame '") and sentence.endswith("'. Choose another.")


@pytest.mark.parametrize("broken", ["a\nb", "a\r\nb", "a\x00b", "a\tb", "a\x1b[31mb"])
def test_sentence_stays_on_one_line_whatever_it_repeats(broken: str) -> None:
    sentence = str(RequestError(f"There is no key encoder {broken}. Choose another."))
    assert sentence.isprintable() and sentence.startswith("There is no key encoder a ") and sentence.endswith("Choose another.")


@pytest.mark.parametrize("name", ["report.png", "deeper/report.png", "."])
def test_a_file_in_the_place_of_a_folder_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("mine")
    path = tmp_path / "file" / name
    for number in (errno.EEXIST, errno.ENOTDIR):
        failure = not_written(path, OSError(number, os.strerror(number)))
        assert str(failure) == f"Cannot write {path}: {tmp_path / 'file'} is a file. Name another file or folder."
    assert "Permission denied" in str(not_written(path, OSError(errno.EACCES, os.strerror(errno.EACCES))))


@pytest.mark.parametrize("target", ["nowhere", "link"])
def test_a_link_that_leads_nowhere_is_named(tmp_path: Path, target: str) -> None:
    link = tmp_path / "link"
    link.symlink_to(tmp_path / target)
    with pytest.raises(OSError) as caught:
        (link / "deeper").mkdir(parents=True, exist_ok=True)
    assert f"{link} is a link to {tmp_path / target}, which leads nowhere" in str(not_written(link / "deeper", caught.value))
