"""The contact sheet: keyed frames, mattes, confidence along the shot, and the frames to key next."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import product
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from xmemcore.evaluation.picture import write_picture
from xmemcore.evaluation.worst_edges import CROP_PIXELS, EdgeReport, look_at_edges
from xmemcore.protocol.result_file import ResultFile
from xmemcore.shot.annotations.annotations import MAX_OBJECTS
from xmemcore.shot.mattes.mattes import matte_pattern, read_mattes
from xmemcore.shot.plate.plate import Plate

SHEET_WIDTH = 1600
MARGIN = 24
COLUMNS, COLUMNS_UPRIGHT = 5, 8
"""Pictures in a row, of a wide and of an upright plate."""
THUMBNAILS = 20
TIMELINE_HEIGHT = 150
FLICKER_HEIGHT = 80
LEGEND_LINE = 28
LegendEntry = tuple[int, str, tuple[int, int, int]]
"""Place from the left, text and colour."""

PAPER, INK, FAINT = (24, 26, 30), (226, 228, 232), (120, 124, 132)
KEYED, SUGGESTED, CURVE, GAP = (96, 200, 120), (255, 168, 64), (255, 255, 255), (70, 40, 40)
OBJECT_COLOURS = ((70, 220, 210), (255, 80, 80), (80, 170, 255), (120, 220, 90), (240, 200, 60), (200, 110, 255), (255, 140, 200))
TINT = 0.45
"""Opacity of an object's colour over the plate."""


@dataclass(frozen=True)
class Sheet:
    """Everything that a contact sheet shows."""

    title: str
    frames: tuple[int, ...]
    """Frames on the plate, ascending."""
    objects: tuple[str, ...]
    keyed: tuple[int, ...]
    """Frames that somebody decided: keyed, absent or approved."""
    absent: tuple[int, ...] = ()
    """Those of them on which no object is to be seen."""
    approved: tuple[int, ...] = ()
    """Those of them on which nothing is drawn and a matte was marked as right."""
    suggested: tuple[int, ...] = ()
    """Suggested frames, the most useful first."""
    confidence: dict[int, float] = field(default_factory=dict)
    """Confidence by frame, in [0, 1]; frames without a matte are missing."""
    notes: tuple[str, ...] = ()
    """Lines under the title."""
    edges: EdgeReport | None = None
    """Flicker and the worst edges."""


def draw_report(
    plate: str,
    out: str,
    path: Path | str,
    colorspace: str | None = None,
    suggested: Sequence[int] = (),
    notes: Sequence[str] = (),
    view: str | None = None,
) -> None:
    """Draw the contact sheet of a matte sequence.

    Args:
        plate: pattern of the plate.
        out: pattern of the mattes; `result.json` beside them tells the rest.
        path: PNG to write.
        colorspace: of the plate.
        suggested: frames to mark, in the order of their use.
        notes: lines to print under the title.
        view: of the plate.

    Raises:
        RequestError, DiskFailed, and what reading the plate raises.
    """
    opened = Plate.open(plate, colorspace, view)
    pattern = matte_pattern(out)
    result = ResultFile(pattern)
    mattes = read_mattes(str(pattern))
    header = result.header
    with_matte = sorted(set(result.records) & set(opened.frames))
    sheet = Sheet(
        title=f"{Path(opened.sequence.pattern).name}   {header.model}   {len(result.records)} mattes",
        frames=tuple(opened.frames),
        objects=header.objects,
        keyed=header.keyframes,
        absent=header.absent,
        approved=header.approved,
        suggested=tuple(suggested),
        confidence={frame: record.confidence for frame, record in result.records.items()},
        notes=tuple(notes),
        edges=look_at_edges(with_matte, opened.read, lambda frame: mattes.read(frame, opened.canvas).union),
    )
    layers = header.layers

    def picture(frame: int, size: tuple[int, int]) -> np.ndarray:
        image = cv2.resize(opened.read(frame), size[::-1], interpolation=cv2.INTER_AREA)
        if frame not in result.records:
            return image
        by_layer = mattes.read(frame, opened.canvas).layers
        planes = [cv2.resize(by_layer[layer], size[::-1], interpolation=cv2.INTER_AREA) for layer in layers if layer in by_layer]
        return over(image, planes)

    canvas = opened.canvas
    sheet_image = draw(sheet, picture, canvas.width * canvas.pixel_aspect / canvas.height)
    write_picture(sheet_image, Path(path))


def over(image: np.ndarray, mattes: Sequence[np.ndarray]) -> np.ndarray:
    """Lay each object's colour and outline over a picture.

    Args:
        image: (h, w, 3) in [0, 1].
        mattes: (h, w) in [0, 1], one an object.
    """
    image = image.copy()
    for number, matte in enumerate(mattes):
        colour = np.array(object_colour(number), np.float32) / 255
        image += (colour - image) * (TINT * matte[..., None])
        outlines, _ = cv2.findContours((matte >= 0.5).astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(image, outlines, -1, colour.tolist(), 1)
    return image


def object_colour(place: int) -> tuple[int, int, int]:
    """Give the colour of an object by its place; no two objects of a shot have the same."""
    return _object_colours()[place]


@cache
def _object_colours() -> tuple[tuple[int, int, int], ...]:
    """List colours: the chosen ones, then each time the one that is farthest from all before it."""
    colours = list(OBJECT_COLOURS)
    steps = np.linspace(0, 255, 12).round()
    bright = np.array([colour for colour in product(steps, repeat=3) if max(colour) > 130])
    apart = np.min([np.abs(bright - colour).sum(axis=1) for colour in colours], axis=0)
    while len(colours) < MAX_OBJECTS:
        red, green, blue = bright[int(apart.argmax())].astype(int).tolist()
        colours.append((red, green, blue))
        apart = np.minimum(apart, np.abs(bright - colours[-1]).sum(axis=1))
    return tuple(colours)


def draw(sheet: Sheet, picture: Callable[[int, tuple[int, int]], np.ndarray], aspect: float) -> Image.Image:
    """Draw a sheet.

    Args:
        sheet: what to show.
        picture: gives (h, w, 3) in [0, 1] for a frame and a size (h, w).
        aspect: width over height of the plate as seen.
    """
    shown = chosen_frames(sheet)
    columns = COLUMNS if aspect >= 1 else COLUMNS_UPRIGHT
    cell = (SHEET_WIDTH - MARGIN * (columns + 1)) // columns
    thumb = (max(1, round(cell / aspect)), cell)
    rows = -(-len(shown) // columns)
    legend = _legend(sheet)
    top = MARGIN + 40 + 24 * len(sheet.notes) + LEGEND_LINE * len(legend)
    grid = top + TIMELINE_HEIGHT + 64
    edges = grid + rows * (thumb[0] + 40)
    image = Image.new("RGB", (SHEET_WIDTH, edges + _edges_height(sheet) + MARGIN), PAPER)
    pen = ImageDraw.Draw(image)
    pen.text((MARGIN, MARGIN), sheet.title, INK, font=_font(26))
    for number, note in enumerate(sheet.notes):
        pen.text((MARGIN, MARGIN + 40 + 24 * number), note, FAINT, font=_font(17))
    _draw_legend(pen, legend, top - LEGEND_LINE * len(legend))
    _timeline(pen, sheet, (MARGIN + 40, top, SHEET_WIDTH - MARGIN, top + TIMELINE_HEIGHT))
    for number, frame in enumerate(shown):
        x = MARGIN + (number % columns) * (cell + MARGIN)
        y = grid + (number // columns) * (thumb[0] + 40)
        pixels = (np.clip(picture(frame, thumb), 0, 1) * 255).round().astype(np.uint8)
        image.paste(Image.fromarray(pixels), (x, y))
        colour = KEYED if frame in sheet.keyed else SUGGESTED if frame in sheet.suggested else FAINT
        pen.rectangle((x - 2, y - 2, x + cell + 1, y + thumb[0] + 1), outline=colour, width=2)
        pen.text((x, y + thumb[0] + 6), _caption(sheet, frame), colour if colour != FAINT else INK, font=_font(17))
    if sheet.edges is not None:
        _draw_edges(image, pen, sheet, edges)
    return image


def _edges_height(sheet: Sheet) -> int:
    """Give the rows that the part about edges takes."""
    if sheet.edges is None:
        return 0
    curve = FLICKER_HEIGHT + 70 if sheet.edges.flicker else 0
    return curve + (2 * CROP_PIXELS + 70 if sheet.edges.crops else 0)


def _draw_edges(image: Image.Image, pen: ImageDraw.ImageDraw, sheet: Sheet, top: int) -> None:
    """Draw how edges tremble over frames, and the worst edges at the plate's resolution: plate above, matte below."""
    assert sheet.edges is not None
    left, right, flicker = MARGIN + 40, SHEET_WIDTH - MARGIN, sheet.edges.flicker
    if flicker:
        most = max(*flicker.values(), 1.0)
        pen.text((left, top), f"edges against the frame before, along the motion: up to {most:.1f} pixels", INK, font=_font(17))
        box = (left, top + 28, right, top + 28 + FLICKER_HEIGHT)
        pen.rectangle(box, fill=(34, 37, 43))
        first, last = sheet.frames[0], sheet.frames[-1]
        for frame, pixels in flicker.items():
            x = left + (right - left) * (frame - first + 0.5) / (last - first + 1)
            colour = KEYED if frame in sheet.keyed or frame - 1 in sheet.keyed else CURVE
            pen.line((x, box[3], x, box[3] - (FLICKER_HEIGHT - 6) * pixels / most), fill=colour, width=3)
        top = box[3] + 42
    if sheet.edges.crops:
        pen.text((left, top), "the widest undecided edges, pixel by pixel", INK, font=_font(17))
        for number, crop in enumerate(sheet.edges.crops):
            corner = left + number * (CROP_PIXELS + MARGIN)
            for row, part in enumerate((crop.plate, np.repeat(crop.matte[..., None], 3, axis=2))):
                shown = Image.fromarray((np.clip(part, 0, 1) * 255).round().astype(np.uint8))
                image.paste(shown, (corner, top + 28 + row * (CROP_PIXELS + 4)))
            pen.text((corner, top + 34 + 2 * CROP_PIXELS), str(crop.frame), FAINT, font=_font(15))


def chosen_frames(sheet: Sheet) -> list[int]:
    """Choose what to show: keyed and suggested frames, the least sure ones, and an even spread of the other mattes; in order."""
    wanted: list[int] = [f for f in (*sheet.keyed, *sheet.suggested) if f in sheet.frames]
    if len(wanted) > THUMBNAILS - 5:
        wanted = wanted[:: -(-len(wanted) // (THUMBNAILS - 5))]
    unsure = sorted((c, f) for f, c in sheet.confidence.items() if f in sheet.frames and f not in wanted)
    wanted += [f for _, f in unsure[:3]]
    rest = [f for f in sheet.frames if f not in wanted and (f in sheet.confidence or not sheet.confidence)]
    places = min(THUMBNAILS - len(wanted), len(rest))
    wanted += [rest[int(p)] for p in np.linspace(0, len(rest) - 1, places)] if places > 0 else []
    return sorted(set(wanted))


def _caption(sheet: Sheet, frame: int) -> str:
    if frame in sheet.keyed:
        return f"{frame}  {'absent' if frame in sheet.absent else 'approved' if frame in sheet.approved else 'keyed'}"
    sure = f"  {sheet.confidence[frame]:.2f} sure" if frame in sheet.confidence else "  no matte"
    if frame in sheet.suggested:
        return f"{frame}  suggestion {sheet.suggested.index(frame) + 1}{sure}"
    return f"{frame}{sure}"


def _legend(sheet: Sheet) -> list[list[LegendEntry]]:
    """Lay out what the colours mean: the entries of each line."""
    decided = [("keyed", set(sheet.keyed) - {*sheet.absent, *sheet.approved}), ("absent", sheet.absent), ("approved", sheet.approved)]
    entries = [
        (", ".join(word for word, frames in decided if frames) or "keyed", KEYED),
        *([("suggested", SUGGESTED)] if sheet.suggested else []),
        ("confidence", CURVE),
    ]
    entries += [(name, object_colour(place)) for place, name in enumerate(sheet.objects)]
    begin = x = MARGIN + 40
    lines: list[list[LegendEntry]] = [[]]
    for text, colour in entries:
        width = 18 + round(_font(17).getlength(text))
        if lines[-1] and x + width > SHEET_WIDTH - MARGIN:
            lines.append([])
            x = begin
        lines[-1].append((x, text, colour))
        x += width + 26
    return lines


def _draw_legend(pen: ImageDraw.ImageDraw, lines: list[list[LegendEntry]], top: int) -> None:
    for number, line in enumerate(lines):
        y = top + LEGEND_LINE * number
        for x, text, colour in line:
            pen.rectangle((x, y + 4, x + 12, y + 16), fill=colour)
            pen.text((x + 18, y), text, INK, font=_font(17))


def _timeline(pen: ImageDraw.ImageDraw, sheet: Sheet, box: tuple[int, int, int, int]) -> None:
    """Draw confidence over frames, with the keyed and suggested frames; a frame that is missing on disk is a dark stripe."""
    left, top, right, bottom = box
    first, last = sheet.frames[0], sheet.frames[-1]

    def at(frame: float) -> float:
        return left + (right - left) * (frame - first + 0.5) / (last - first + 1)

    pen.rectangle(box, fill=(34, 37, 43))
    present = set(sheet.frames)
    for frame in range(first, last + 1):
        if frame not in present:
            pen.rectangle((at(frame - 0.5), top, at(frame + 0.5), bottom), fill=GAP)
    for level in (0.0, 0.5, 1.0):
        y = bottom - 6 - level * (bottom - top - 12)
        pen.line((left, y, right, y), fill=(56, 60, 68))
        pen.text((left - 34, y - 10), f"{level:.1f}", FAINT, font=_font(15))
    for frame in sheet.keyed:
        pen.line((at(frame), top, at(frame), bottom), fill=KEYED, width=3)
    previous = None
    for frame in sheet.frames:
        if frame not in sheet.confidence:
            previous = None
            continue
        point = (at(frame), bottom - 6 - sheet.confidence[frame] * (bottom - top - 12))
        if previous is not None:
            pen.line((*previous, *point), fill=CURVE, width=2)
        pen.ellipse((point[0] - 2, point[1] - 2, point[0] + 2, point[1] + 2), fill=CURVE)
        previous = point
    for number, frame in enumerate(sheet.suggested):
        x = at(frame)
        # On the side that the curve leaves free, so that the number can be read.
        edge, away = (bottom, -1) if sheet.confidence.get(frame, 0.0) > 0.5 else (top, 1)
        pen.polygon((x - 7, edge, x + 7, edge, x, edge + 12 * away), fill=SUGGESTED)
        pen.text((x, edge + 24 * away), str(number + 1), SUGGESTED, font=_font(15), anchor="mm")
    for frame in _ticks(first, last):
        pen.text((at(frame) - 16, bottom + 6), str(frame), FAINT, font=_font(15))


def _ticks(first: int, last: int) -> list[int]:
    """Choose at most a dozen frame numbers to print, at round steps, beginning with the first."""
    step = next(s for s in (1, 2, 5, 10, 20, 25, 50, 100, 200, 250, 500, 1000, 5000, 10**5, 10**7) if (last - first) / s <= 11)
    return list(range(first, last + 1, step))


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)
