"""The page of a batch: a row a shot, with its worst frames, how sure it is, and its contact sheet."""

from __future__ import annotations

import html
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from xmemcore.protocol.failures import RequestError
from xmemcore.protocol.outside import NotUsable, number, read_object
from xmemcore.protocol.whole_file import read_ordinary, write_text
from xmemcore.protocol.words import of_them_new, plural

WORST_FRAMES = 5
DONE, FAILED, BUSY, WAITING = "done", "failed", "busy", "waiting"
HEAD_BYTES = 4096
"""Bytes of a page in which it is looked for who wrote it."""
_STYLE = (
    "body{background:#181a1e;color:#e2e4e8;font:15px sans-serif;margin:24px}table{border-collapse:collapse;width:100%}"
    "td,th{border-top:1px solid #383c44;padding:8px 12px;text-align:left;vertical-align:top}img{max-width:520px;display:block}"
    "a{color:#6eaaff}.failed{color:#ff7a7a}.busy,.waiting{color:#ffa840}.done{color:#60c878}"
)


@dataclass(frozen=True)
class Row:
    """The outcome of one shot."""

    name: str
    state: str
    """done, failed, busy or waiting."""
    text: str
    """A sentence beside the state: why the shot failed, or where its mattes are."""
    exit_code: int = 0
    frames: int = 0
    """Mattes that are up to date."""
    written: int = 0
    """Mattes that the last run computed."""
    seconds: float = 0.0
    confidence: float | None = None
    """Mean over the frames without a key, in [0, 1]; None where there are none."""
    worst: tuple[tuple[int, float], ...] = ()
    """Frames without a key that are least sure, with their confidence, the worst first."""
    sheet: str = ""
    """File name of the contact sheet, beside the page; empty: none."""
    key: str = ""
    """Hash of the shot's request and of the state of its files when it was finished."""

    @classmethod
    def load(cls, path: Path) -> Row | None:
        """Read a row that an earlier batch kept; None where there is none, or it is damaged."""
        content = read_object(path)
        try:
            assert content is not None
            worst = tuple((int(frame), number(sure, "confidence", 0, 1)) for frame, sure in content["worst"])
            row = cls(**{**content, "worst": worst})
            texts = (row.name, row.state, row.text, row.sheet, row.key)
            return row if all(isinstance(text, str) for text in texts) and isinstance(row.exit_code, int) else None
        except (AssertionError, KeyError, TypeError, ValueError, NotUsable):
            return None

    def save(self, path: Path) -> None:
        """Keep the row; raises OSError."""
        write_text(path, json.dumps(asdict(self)))

    def as_json(self) -> dict[str, Any]:
        """Give what `--json` prints."""
        return {name: value for name, value in asdict(self).items() if name != "key"}


def require_ours(folder: Path, page: str, shots: Iterable[str]) -> None:
    """Raise RequestError where a batch would replace a file of its report's folder that no batch has written."""
    head = read_ordinary(folder / page, 0, begin=HEAD_BYTES) if (folder / page).exists() else b""
    foreign = [folder / page] if head and f"<style>{_STYLE}".encode() not in head else []
    foreign += [row for row in (folder / f"{shot}.json" for shot in shots) if row.exists() and Row.load(row) is None]
    if foreign:
        raise RequestError(f"{foreign[0]} is there and is no report of a batch: it stays as it is. Name another folder (--report).")


def write_page(path: Path, title: str, rows: list[Row]) -> None:
    """Write the page whole; raises OSError."""
    counts = ", ".join(f"{sum(row.state == state for row in rows)} {state}" for state in (DONE, FAILED, BUSY, WAITING))
    lines = [
        f"<!doctype html><html><head><meta charset='utf-8'><title>{html.escape(title)}</title><style>{_STYLE}</style></head><body>",
        f"<h1>{html.escape(title)}</h1><p>{plural(len(rows), 'shot')}: {counts}</p>",
        "<table><tr><th>shot</th><th>state</th><th>mattes</th><th>sure</th><th>worst frames</th><th>contact sheet</th></tr>",
        *(_line(row) for row in rows),
        "</table></body></html>",
    ]
    write_text(path, "\n".join(lines))


def _line(row: Row) -> str:
    worst = "<br>".join(f"{frame}: {sure:.2f}" for frame, sure in row.worst) or "-"
    sure = "-" if row.confidence is None else f"{row.confidence:.2f}"
    sheet = html.escape(row.sheet, quote=True)
    picture = f"<a href='{sheet}'><img src='{sheet}' loading='lazy' alt='{html.escape(row.name, quote=True)}'></a>" if sheet else "-"
    mattes = f"{row.frames}, {of_them_new(row.frames, row.written)}, {row.seconds:.0f} s" if row.frames else "-"
    return (
        f"<tr id='{html.escape(row.name, quote=True)}'><td>{html.escape(row.name)}</td><td class='{row.state}'>{row.state}"
        f"<br><small>{html.escape(row.text)}</small></td><td>{mattes}</td><td>{sure}</td><td>{worst}</td><td>{picture}</td></tr>"
    )
