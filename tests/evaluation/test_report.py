"""The contact sheet: which frames it shows, and that what it marks is there to see."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.shot.made_shot import HEIGHT, OVERSCAN, WIDTH, body_left, sent_to, write_shot
from xmemcore.evaluation import report
from xmemcore.evaluation.picture import require_writable, write_picture
from xmemcore.evaluation.report import Sheet
from xmemcore.protocol.failures import RequestError
from xmemcore.shot.annotations.annotations import MAX_OBJECTS
from xmemcore.shot.propagate import propagate


def sheet(**changes: object) -> Sheet:
    frames = tuple(f for f in range(1001, 1101) if f != 1030)
    settings = {
        "title": "shot", "frames": frames, "objects": ("sleeve", "body"), "keyed": (1001, 1050), "suggested": (1080, 1020),
        "confidence": {f: 0.4 if f == 1065 else 0.9 for f in frames},
    }  # fmt: skip
    return Sheet(**{**settings, **changes})  # type: ignore[arg-type]


def grey(frame: int, size: tuple[int, int]) -> np.ndarray:
    return np.full((*size, 3), 0.5, np.float32)


def test_keyed_suggested_and_unsure_frames_are_always_shown() -> None:
    shown = report.chosen_frames(sheet())
    assert {1001, 1050, 1080, 1020, 1065} <= set(shown)
    assert shown == sorted(set(shown)) and len(shown) <= report.THUMBNAILS
    assert 1030 not in shown


def test_captions_tell_drawn_frames_from_absent_and_approved_ones() -> None:
    shown = sheet(keyed=(1001, 1002, 1003), absent=(1002,), approved=(1003,))
    assert [report._caption(shown, frame) for frame in shown.keyed] == ["1001  keyed", "1002  absent", "1003  approved"]
    assert report._legend(shown)[0][0][1] == "keyed, absent, approved"
    assert report._legend(sheet())[0][0][1] == "keyed"


def test_mattes_lie_over_their_objects_where_the_plate_has_overscan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    request = sent_to(replace(write_shot(tmp_path, last=1009, sleeve_keys=(1001, 1009)), frames="1001-1002"), tmp_path)
    propagate(request)
    pictures: list[Callable[[int, tuple[int, int]], np.ndarray]] = []
    monkeypatch.setattr(report, "draw", lambda sheet, picture, aspect: pictures.append(picture))
    monkeypatch.setattr(report, "write_picture", lambda image, path: None)
    report.draw_report(request.plate, request.out, tmp_path / "sheet.png")
    size = HEIGHT + 2 * OVERSCAN, WIDTH + 2 * OVERSCAN
    tinted = pictures[0](1001, size)
    monkeypatch.setattr(report, "over", lambda image, planes: image)
    rows, columns = np.nonzero((tinted != pictures[0](1001, size)).any(axis=2))
    assert (rows.min(), rows.max() + 1) == (OVERSCAN + 16, OVERSCAN + 48)
    assert columns.min() == OVERSCAN + body_left(1001)


def test_no_two_objects_share_a_colour() -> None:
    colours = [report.object_colour(place) for place in range(MAX_OBJECTS)]
    assert len(set(colours)) == MAX_OBJECTS
    few = np.array(colours[:20], float)
    apart = np.abs(few[:, None] - few[None]).sum(axis=2) + 765 * np.eye(20)
    assert apart.min() >= 80, "the first twenty are easy to tell apart"
    assert np.abs(few[: len(report.OBJECT_COLOURS)] - report.CURVE).sum(axis=1).min() >= 80, "none is taken for the confidence"


def test_many_keys_do_not_fill_the_sheet() -> None:
    assert len(report.chosen_frames(sheet(keyed=tuple(range(1001, 1101))))) <= report.THUMBNAILS


def test_short_shot_is_shown_whole_but_for_what_was_not_asked_for() -> None:
    short = sheet(frames=(1, 2, 3), keyed=(1,), suggested=(), confidence={1: 1.0, 2: 0.5})
    assert report.chosen_frames(short) == [1, 2]
    assert report.chosen_frames(sheet(frames=(1, 2, 3), keyed=(1,), suggested=(), confidence={})) == [1, 2, 3]


def test_sheet_has_the_marks_of_keyed_suggested_and_missing_frames() -> None:
    image = report.draw(sheet(), grey, 16 / 9)
    colours = {colour for _, colour in image.getcolors(1 << 24)}
    assert {report.KEYED, report.SUGGESTED, report.CURVE, report.GAP} <= colours
    assert report.GAP not in {c for _, c in report.draw(sheet(frames=tuple(range(1001, 1101))), grey, 16 / 9).getcolors(1 << 24)}


@pytest.mark.parametrize("level", [1.0, 0.9, 0.8, 0.55, 0.45, 0.2, 0.0])
def test_number_of_a_suggestion_does_not_lie_on_the_curve(level: float) -> None:
    def curve_pixels(suggested: tuple[int, ...]) -> int:
        even = sheet(confidence=dict.fromkeys(sheet().frames, level), objects=(), keyed=(), suggested=suggested)
        pixels = np.asarray(report.draw(even, grey, 16 / 9).convert("RGB"))
        timeline = pixels[report.MARGIN + 68 : report.MARGIN + 68 + report.TIMELINE_HEIGHT]
        return int((timeline == report.CURVE).all(axis=2).sum())

    assert curve_pixels((1005, 1020, 1080)) == curve_pixels(()) > 0


def test_dip_of_confidence_is_drawn_lower() -> None:
    def lowest_curve_row(confidence: dict[int, float]) -> int:
        pixels = np.asarray(report.draw(sheet(confidence=confidence, objects=()), grey, 16 / 9).convert("RGB"))
        below_legend = pixels[report.MARGIN + 70 : 300]
        return int(np.flatnonzero((below_legend == report.CURVE).all(axis=2).any(axis=1)).max())

    frames = sheet().frames
    assert lowest_curve_row({f: 0.1 if f == 1065 else 0.9 for f in frames}) > lowest_curve_row(dict.fromkeys(frames, 0.9)) + 50


def test_legend_goes_on_in_another_line_where_names_need_it() -> None:
    names = tuple(f"RectangleCusped{number}" for number in range(20))
    lines = report._legend(sheet(objects=names))
    assert len(lines) > 1 and [text for line in lines for _, text, _ in line][3:] == list(names)
    assert all(x + 18 + report._font(17).getlength(text) <= report.SHEET_WIDTH - report.MARGIN for line in lines for x, text, _ in line)
    one, many = (report.draw(sheet(objects=objects), grey, 16 / 9) for objects in (names[:1], names))
    assert many.height - one.height == report.LEGEND_LINE * (len(lines) - 1), "what follows stands lower"


def test_matte_is_tinted_and_outlined_over_the_plate() -> None:
    matte = np.zeros((20, 20), np.float32)
    matte[5:15, 5:15] = 1
    tinted = report.over(grey(0, (20, 20)), [matte])
    assert np.allclose(tinted[0, 0], 0.5)
    colour = np.float32(report.OBJECT_COLOURS[0]) / 255
    assert np.allclose(tinted[10, 10], 0.5 + report.TINT * (colour - 0.5), atol=1e-6)
    assert np.allclose(tinted[5, 5], colour, atol=1e-6)


def test_negative_frames_and_a_single_frame_can_be_drawn() -> None:
    upright = report.draw(sheet(frames=(-5, -4, -3), keyed=(-5,), suggested=(), confidence={}), grey, 0.6)
    wide = report.draw(sheet(frames=(7,), keyed=(7,), suggested=(), confidence={7: 1.0}), grey, 2.39)
    assert upright.width == wide.width == report.SHEET_WIDTH and upright.height > wide.height
    assert all(len(np.unique(np.asarray(image))) > 10 for image in (upright, wide)), "something is drawn"


def test_picture_is_written_whole_or_refused_with_a_sentence(tmp_path: Path) -> None:
    image = report.draw(sheet(), grey, 16 / 9)
    write_picture(image, tmp_path / "new" / "sheet.png")
    assert [p.name for p in (tmp_path / "new").iterdir()] == ["sheet.png"]
    (tmp_path / "file").write_text("")
    with pytest.raises(RequestError, match="Cannot write .*Name another"):
        write_picture(image, tmp_path / "file" / "sheet.png")


@pytest.mark.parametrize("name", ["file/sheet.png", "folder"])
def test_place_of_a_picture_is_looked_at_before_the_work(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()
    with pytest.raises(RequestError, match="Cannot write .*Name another"):
        require_writable(tmp_path / name)
    require_writable(tmp_path / "new" / "sheet.png")
    assert list((tmp_path / "new").iterdir()) == []


def test_a_picture_of_another_program_stays_and_one_of_ours_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "sheet.png"
    for content in (b"a text", b"\x89PNG\r\n\x1a\n"):
        path.write_bytes(content)
        with pytest.raises(RequestError, match="sheet.png is there and is no picture of this program: it stays as it is"):
            require_writable(path)
    path.write_bytes(b"")
    require_writable(path)
    write_picture(Image.new("RGB", (4, 4)), path)
    require_writable(path)
