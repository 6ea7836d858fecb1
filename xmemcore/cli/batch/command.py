"""`batch`: many shots one after another, on one machine or several. Finished shots are not done again. One page lists them all."""

from __future__ import annotations

import argparse
import json
from collections import deque
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path

from xmemcore.cli.batch.page import BUSY, DONE, FAILED, WAITING, WORST_FRAMES, Row, require_ours, write_page
from xmemcore.cli.batch.shot_list import ListedShot, read_shots
from xmemcore.cli.options import Parser, add_telling_options
from xmemcore.cli.progress import TerminalListener, farm_stream, listening
from xmemcore.protocol import foreign
from xmemcore.protocol.failures import Busy, Cancelled, Failure, MachineError, RequestError, not_written
from xmemcore.protocol.path_map import PathRules
from xmemcore.protocol.result_file import ResultFile
from xmemcore.protocol.version import VERSION
from xmemcore.shot.listener import Listener

PAGE = "report.html"


def add_batch(commands: argparse._SubParsersAction[Parser]) -> None:
    """Describe the command."""
    parser = commands.add_parser("batch", help="propagate a list of shots, resumable, with one report page")
    parser.add_argument("list", metavar="SHOTS.TOML", help="see docs/engines/batch.md")
    where = "folder of the report page (default: SHOTS.batch beside the list)"
    parser.add_argument("--report", metavar="DIR", help=where)
    parser.add_argument("--no-sheets", dest="sheets", action="store_false", help="draw no contact sheets")
    check = "open shots again that are finished and whose files have not changed, and compare contents"
    parser.add_argument("--check", action="store_true", help=check)
    add_telling_options(parser)
    parser.set_defaults(run=run)


def run(chosen: argparse.Namespace) -> int:
    """Work through the list; shots that somebody else works at come last. Returns the exit code of the worst shot."""
    path = Path(chosen.list)
    shots = read_shots(path)
    folder = Path(chosen.report).expanduser() if chosen.report else path.absolute().with_suffix(".batch")
    try:
        require_ours(folder, PAGE, [shot.name for shot in shots])
    except OSError as error:
        raise not_written(folder / PAGE, error) from error
    rows = {shot.name: _kept(folder, shot, chosen.check) or Row(shot.name, WAITING, "") for shot in shots}
    waiting = deque(shot for shot in shots if rows[shot.name].state != DONE)
    tried: set[str] = set()
    _tell(folder, path, list(rows.values()))
    with listening(TerminalListener("batch", farm=farm_stream(chosen.json), unit="shots")) as overall:
        while waiting:
            overall.progress(len(shots) - len(waiting), len(shots))
            if overall.cancelled():
                raise Cancelled("Cancelled. What was finished stays; the same command goes on from there.")
            shot = waiting.popleft()
            try:
                # The first time round nothing waits for a busy shot; when nothing else is left, it is waited for.
                patience = shot.request.wait if shot.name in tried else 0.0
                patient = replace(shot, request=replace(shot.request, wait=patience))
                row = _propagated(folder, patient, chosen.sheets, overall)
            except (Cancelled, KeyboardInterrupt):
                raise
            except Busy as busy:
                if shot.name not in tried:
                    tried.add(shot.name)
                    waiting.append(shot)
                    continue
                row = Row(shot.name, BUSY, str(busy), busy.exit_code)
            except Exception as error:
                failure = foreign.known(error)
                if failure is None:
                    raise
                row = Row(shot.name, FAILED, str(failure), failure.exit_code)
            rows[shot.name] = row
            _keep(folder, row)
            _tell(folder, path, list(rows.values()))
            overall.message(f"{row.name}: {row.state}{f', {row.text}' if row.state != DONE else ''}")
        overall.progress(len(shots), len(shots))
    done = sum(row.state == DONE for row in rows.values())
    if chosen.json:
        print(json.dumps({"report": str(folder / PAGE), "done": done, "shots": [row.as_json() for row in rows.values()]}))
    else:
        print(f"{done} of {len(shots)} shots done: {folder / PAGE}")
    codes = {row.exit_code for row in rows.values()}
    order = (MachineError.exit_code, Busy.exit_code, RequestError.exit_code, *sorted(codes - {0}))
    return next((code for code in order if code in codes), 0)


class _ShotListener(TerminalListener):
    """Report one shot; a stop that the batch heard is meant for it too."""

    def __init__(self, shot: str, overall: TerminalListener) -> None:
        super().__init__(shot, stream=overall.stream, terminal=overall.terminal, unit="frames")
        self._overall = overall

    def cancelled(self) -> bool:
        return self._overall.cancelled()


def _propagated(folder: Path, shot: ListedShot, sheets: bool, overall: TerminalListener) -> Row:
    """Propagate a shot, bring its mattes home where it is a job, and draw its sheet; raises Failure."""
    from xmemcore.shot.mattes.mattes import matte_pattern
    from xmemcore.shot.propagate import propagate

    listener = _ShotListener(shot.name, overall)
    try:
        result = propagate(shot.request, listener)
        out = result.out
        if shot.job is not None:
            from xmemcore.shot.collect import collect

            out = collect(shot.job, shot.request, PathRules(), listener).out
    finally:
        listener.close()
    records = ResultFile(matte_pattern(result.out)).records
    unkeyed = {frame: records[frame].confidence for frame in result.frames if frame in records and not records[frame].keyframe}
    worst = sorted((sure, frame) for frame, sure in unkeyed.items())[:WORST_FRAMES]
    sheet = folder / f"{shot.name}.png"
    if sheets and (result.written or not sheet.is_file()):
        _draw(shot, sheet, [frame for _, frame in worst], listener)
    return Row(
        shot.name,
        DONE,
        out,
        0,
        len(result.frames),
        len(result.written),
        result.seconds,
        sum(unkeyed.values()) / len(unkeyed) if unkeyed else None,
        tuple((frame, sure) for sure, frame in worst),
        sheet.name if sheet.is_file() else "",
        _key(shot),
    )


def _draw(shot: ListedShot, sheet: Path, worst: list[int], listener: Listener) -> None:
    """Draw the contact sheet; the mattes are there without it."""
    from xmemcore.evaluation.picture import require_writable
    from xmemcore.evaluation.report import draw_report

    request = shot.request
    try:
        require_writable(sheet)
        draw_report(request.plate, request.out, sheet, request.colorspace, worst, view=request.view)
    except Failure as failure:
        listener.warning(str(failure))


def _kept(folder: Path, shot: ListedShot, check: bool) -> Row | None:
    """Give the row of a shot that is finished, when neither its request nor any of its files has changed since."""
    row = None if check else Row.load(folder / f"{shot.name}.json")
    return row if row is not None and row.name == shot.name and row.state == DONE and row.key and row.key == _key(shot) else None


def _key(shot: ListedShot) -> str:
    """Hash a request, and names, sizes and times of what it reads and writes, by this version; empty where a file is not to be found."""
    from xmemcore.network.catalogue import resolve
    from xmemcore.shot.files.sequence import Sequence
    from xmemcore.shot.inputs.opened import files_read
    from xmemcore.shot.mattes.mattes import matte_pattern
    from xmemcore.shot.plate import ocio
    from xmemcore.shot.store.cache import digest

    request = shot.request
    try:
        home = shot.job.result_here(PathRules()) if shot.job is not None else ""
        read = files_read(request, Sequence.find(request.plate, "plate", request.view), resolve(request.model))
        read += [Path(config) for config in (ocio.chosen(),) if config is not None and Path(config).is_file()]
        written = [path for out in (request.out, home) if out for path in _beside(matte_pattern(out))]
        states = [(str(path), status.st_size, status.st_mtime_ns) for path in (*read, *written) for status in (path.stat(),)]
    except (Failure, OSError):
        return ""
    return digest(VERSION, ocio.chosen(), asdict(replace(request, wait=0.0)), states)


def _beside(pattern: Path) -> Iterator[Path]:
    """Give the files in the folder of mattes, and their PNGs."""
    from xmemcore.shot.mattes.pictures import FOLDER

    files = (*pattern.parent.iterdir(), *pattern.parent.glob(f"{FOLDER}/*/*"))
    yield from sorted(path for path in files if path.name[0] != "." and path.is_file())


def _keep(folder: Path, row: Row) -> None:
    path = folder / f"{row.name}.json"
    try:
        row.save(path)
    except OSError as error:
        raise not_written(path, error) from error


def _tell(folder: Path, path: Path, rows: list[Row]) -> None:
    try:
        write_page(folder / PAGE, path.stem, rows)
    except OSError as error:
        raise not_written(folder / PAGE, error) from error
