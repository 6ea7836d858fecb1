"""`evaluate`, `experiments` and `bench`: measure quality and speed."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xmemcore.cli.options import Parser, add_settings, natural, positive, request_of, share
from xmemcore.cli.progress import TerminalListener, farm_stream, listening
from xmemcore.protocol.choices import FIRSTS, METHODS
from xmemcore.protocol.failures import Cancelled, RequestError, not_written
from xmemcore.protocol.outside import read_object
from xmemcore.protocol.requests import PropagateRequest, SuggestRequest
from xmemcore.protocol.settings import rows

if TYPE_CHECKING:
    from xmemcore.evaluation.clips import Clip
    from xmemcore.network.catalogue import Model
    from xmemcore.shot.listener import Listener

ON_STDOUT = "-"
TABLE_KEYS = {"mean", "rows", "ratios", "paper", "checkpoints", "overhead"}
"""Each table that --json writes has one of these keys."""
SHARED = ("plate", "model", "engine")
"""Groups of settings that `propagate` and the commands that measure it share."""


def _counts(text: str) -> tuple[int, ...]:
    """Read numbers of annotations such as `1,5,10`."""
    return tuple(dict.fromkeys(positive(part.strip()) for part in text.split(",")))


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def add_evaluate(commands: argparse._SubParsersAction[Parser]) -> None:
    """Describe the command."""
    parser = commands.add_parser("evaluate", help="score propagation on clips with ground truth: J and F, hold baseline beside them")
    _add_clip_options(parser)
    parser.add_argument("--annotations", type=_counts, default=(1, 5, 10), metavar="K,K", help="annotated frames (default: 1,5,10)")
    select = "how they are chosen; all but uniform begin with one frame and add one at a time (default: %(default)s)"
    parser.add_argument("--select", choices=METHODS, default="uniform", help=select)
    first = "which that first one is: the first mask, or the best first frame that suggest names (default: %(default)s)"
    parser.add_argument("--first", choices=FIRSTS, default=FIRSTS[0], help=first)
    parser.add_argument("--seed", type=natural, default=0, help="of --select random")
    parser.add_argument("--alpha", type=share, default=SuggestRequest.alpha, help="as of suggest (default: %(default)s)")
    parser.add_argument(
        "--min-pixels", type=int, default=SuggestRequest.min_pixels, metavar="N", help="as of suggest (default: %(default)s)"
    )
    add_settings(parser, PropagateRequest, *SHARED)
    _add_json_file(parser)
    parser.add_argument("--resume", action="store_true", help="go on with the table in the --json file")
    parser.set_defaults(run=run_evaluate)


def add_experiments(commands: argparse._SubParsersAction[Parser]) -> None:
    """Describe the command."""
    parser = commands.add_parser("experiments", help="the papers' experiments, one factor at a time; can be stopped and resumed")
    _add_clip_options(parser)
    parser.add_argument("--out", type=Path, default=Path("experiments"), metavar="DIR", help="tables and pictures (default: experiments)")
    tables = parser.add_mutually_exclusive_group()
    tables.add_argument("--only", type=_names, metavar="A,B", help="just these experiments; `list` names them")
    tables.add_argument("--studies", action="store_true", help="instead: long shots, look-alikes, parts of objects")
    tables.add_argument("--failures", action="store_true", help="instead: whether suggest finds failures, planted and the model's own")
    tables.add_argument("--fits", action="store_true", help="instead: what fit saves an artist between two keys")
    tables.add_argument(
        "--keys", action="store_true", help="instead: which keys of long shots, and what the best choice of keys would give"
    )
    parser.add_argument("--seed", type=natural, default=0, help="of --failures (default: %(default)s)")
    add_settings(parser, PropagateRequest, "model")
    parser.add_argument("--jobs", type=positive, default=1, metavar="N", help="processes, each with its share of the cores (default: 1)")
    parser.set_defaults(run=run_experiments)


def add_bench(commands: argparse._SubParsersAction[Parser]) -> None:
    """Describe the command."""
    parser = commands.add_parser("bench", help="frames a second and memory of this program beside its own plain mode")
    parser.add_argument("clip", metavar="CLIP", nargs="?", help="a folder with frames and masks (default: a made-up shot, 854x480)")
    parser.add_argument("--frames", type=positive, default=40, help="of the clip, from its start (default: %(default)s)")
    parser.add_argument("--plain", action="store_true", help="run the plain mode alone")
    parser.add_argument("--full", action="store_true", help="also run a network of the official size (untrained: for its speed alone)")
    parser.add_argument("--only", metavar="RATIO,...", help="instead: these ratios of --full, such as compact_1_first")
    parser.add_argument("--stream", type=positive, metavar="N", help="instead: stream N made-up frames and watch the memory")
    parser.add_argument("--exr", action="store_true", help="instead: what reading and writing 2K EXRs adds to the official size")
    paper = "instead: 1, 3 and 8 objects at 480 and 1080 lines, with and without the preload, and xmem mode; --frames 500 is the paper's"
    parser.add_argument("--paper", action="store_true", help=paper)
    known = "instead: edges against known alpha, on drawn 2K and 4K shots; needs no model"
    parser.add_argument("--edges", dest="known_alpha", action="store_true", help=known)  # not `edges`: that is a setting
    add_settings(parser, PropagateRequest, "model")
    _add_json_file(parser)
    parser.set_defaults(run=run_bench)


def _add_clip_options(parser: Parser) -> None:
    parser.add_argument("clips", metavar="CLIPS", help="a folder of <clip>/{frames,masks}, or of JPEGImages and Annotations")
    parser.add_argument("--names", type=_names, metavar="A,B", help="just these clips")
    parser.add_argument("--min-frames", type=positive, metavar="N", help="just clips of at least N frames")


def _add_json_file(parser: Parser) -> None:
    parser.add_argument("--json", nargs="?", const=ON_STDOUT, metavar="FILE", help="write the table to a file, or to stdout alone")


def run_evaluate(chosen: argparse.Namespace) -> None:
    """Evaluate, and print the table."""
    from xmemcore.evaluation.evaluate import EvaluationSettings, Table, evaluate, line

    _require_possible(chosen)
    file = _json_file(chosen)
    if chosen.resume and file is None:
        raise RequestError("--resume goes on with a table in a file, and no file is named. Add --json FILE.")
    clips = _chosen_clips(chosen)
    settings = EvaluationSettings(
        annotations=chosen.annotations,
        select=chosen.select,
        first=chosen.first,
        seed=chosen.seed,
        alpha=chosen.alpha,
        min_pixels=chosen.min_pixels,
        choices=request_of(chosen, PropagateRequest, plate=""),
    )
    model = _model(chosen)
    assert model.sha256 is not None
    table = Table(model.name, model.sha256, settings, file, chosen.resume)
    what_stays = (
        f"The figures that were finished stay in {file}; --resume goes on." if file else "Nothing was kept; with --json FILE it would be."
    )
    with _stopped(what_stays), listening(TerminalListener("evaluate", farm=farm_stream(chosen.json == ON_STDOUT))) as listener:
        content = evaluate(clips, settings, table, listener)
    if chosen.json == ON_STDOUT:
        print(json.dumps(content))
        return
    for k, figures in content["mean"].items():
        print(line(f"mean of {figures['clips']} clips", k, figures))
    if file is not None:
        print(f"Table: {file}")


def run_experiments(chosen: argparse.Namespace) -> None:
    """Run the experiments that are not there yet, and write the tables."""
    from xmemcore.evaluation import experiments
    from xmemcore.evaluation.experiment_run import run_all
    from xmemcore.evaluation.measurements import write_page
    from xmemcore.evaluation.study_run import run_studies

    if chosen.only == ["list"]:
        for experiment in experiments.EXPERIMENTS:
            print(f"{experiment.name}: {experiment.question}")
        return
    _require_possible(chosen)
    clips = _chosen_clips(chosen)
    model = _model(chosen)
    what_stays = f"The figures that were finished stay in {chosen.out}; the same command goes on."
    with _stopped(what_stays), listening(TerminalListener("experiments")) as listener:
        if chosen.failures:
            from xmemcore.evaluation.failures import run_failures

            written = run_failures(model, chosen.device, clips, chosen.out, chosen.size, chosen.seed, listener)
        elif chosen.fits:
            from xmemcore.evaluation.fit_study import run_fits

            written = run_fits(model, chosen.device, clips, chosen.out, chosen.size, listener)
        elif chosen.keys:
            from xmemcore.evaluation.key_study import run_keys

            written = run_keys(model, chosen.device, clips, chosen.out, chosen.size, listener)
        elif chosen.studies:
            written = run_studies(model, chosen.device, clips, chosen.out, chosen.size, listener)
        else:
            run_all(model, chosen.device, clips, chosen.out, chosen.only, chosen.size, chosen.jobs, listener)
            written = write_page(chosen.out, model)
    for path in written:
        print(path)


def run_bench(chosen: argparse.Namespace) -> None:
    """Measure, and print the rows side by side."""
    from xmemcore.evaluation.bench_ratios import MEASUREMENTS
    from xmemcore.protocol.whole_file import write_text

    asked = {"--stream": chosen.stream, "--exr": chosen.exr, "--edges": chosen.known_alpha, "--paper": chosen.paper}
    instead = [option for option, wanted in asked.items() if wanted]
    if len(instead) > 1:
        raise RequestError(f"{instead[0]} and {instead[1]} are two measurements. Choose one.")
    only = tuple(name for name in (chosen.only or "").split(",") if name)
    unknown = sorted(set(only) - set(MEASUREMENTS))
    if unknown:
        raise RequestError(f"There is no ratio {unknown[0]}. Choose of: {', '.join(MEASUREMENTS)}.")
    _require_possible(chosen)
    file = _json_file(chosen)
    with _stopped("Nothing was kept."), listening(TerminalListener("bench")) as listener:
        content, text = _measured(chosen, only, listener)
    if chosen.json == ON_STDOUT:
        print(json.dumps(content))
        return
    print(text)
    if file is not None:
        try:
            write_text(file, json.dumps(content, indent=1))
        except OSError as error:
            raise not_written(file, error) from error
        print(f"Table: {file}")


def _measured(chosen: argparse.Namespace, only: Sequence[str], listener: Listener) -> tuple[dict[str, Any], str]:
    """Measure what was asked for; gives the figures, and how they are printed."""
    from xmemcore.evaluation import bench, bench_edges, bench_exr, bench_paper, bench_stream

    if chosen.known_alpha:
        content = bench_edges.compare_edges(chosen.size, listener)
        return content, bench_edges.text(content)
    if chosen.stream:
        content = bench_stream.stream(chosen.stream, chosen.size, chosen.device, listener)
        return content, bench_stream.text(content)
    if chosen.exr:
        content = bench_exr.exr_overhead(chosen.frames, chosen.size, chosen.device, listener, chosen.model)
        return content, bench_exr.text(content)
    if chosen.paper:
        content = bench_paper.paper_table(chosen.frames, chosen.model, chosen.device, chosen.precision, listener)
        return content, bench_paper.text(content)
    content = bench.compare(
        chosen.clip, chosen.frames, chosen.model, chosen.device, chosen.size, chosen.plain, chosen.full, listener, chosen.precision, only
    )
    return content, bench.text(content)


@contextmanager
def _stopped(what_stays: str) -> Iterator[None]:
    """Add to a cancel's sentence what became of the figures."""
    try:
        yield
    except Cancelled as cancelled:
        raise Cancelled(f"Cancelled. {what_stays}") from cancelled


def _json_file(chosen: argparse.Namespace) -> Path | None:
    """Give the file that --json names; raises RequestError before anything is measured."""
    from xmemcore.protocol.whole_file import probe

    if chosen.json in (None, ON_STDOUT):
        return None
    file = Path(chosen.json)
    if file.is_dir():
        raise RequestError(f"Cannot write {file}: it is a folder. Name a file in it, such as {file / 'table.json'}.")
    if file.exists() and file.stat().st_size and not TABLE_KEYS.intersection(read_object(file) or {}):
        raise RequestError(f"{file} is there and is no table of this program: it stays as it is. Name another file (--json).")
    try:
        probe(file.parent)
    except OSError as error:
        raise not_written(file, error) from error
    return file


def _chosen_clips(chosen: argparse.Namespace) -> list[Clip]:
    from xmemcore.evaluation.clips import NothingToScore, find_clips, named

    clips = named(find_clips(chosen.clips), chosen.names)
    if chosen.min_frames:
        for clip in clips:
            if len(clip) < chosen.min_frames:
                print(f"{clip.name} is left out: {len(clip)} frames.", file=sys.stderr)
        clips = [clip for clip in clips if len(clip) >= chosen.min_frames]
    if not clips:
        raise NothingToScore(f"No clip in {chosen.clips} has {chosen.min_frames} frames. Lower --min-frames.")
    return clips


def _require_possible(chosen: argparse.Namespace) -> None:
    """Raise RequestError for a setting that is out of range, before anything is opened or measured."""
    for setting in rows(PropagateRequest):
        if setting.group in SHARED and hasattr(chosen, setting.name):
            setting.require(getattr(chosen, setting.name))


def _model(chosen: argparse.Namespace) -> Model:
    """Find the model, its hash filled in, and the device; raises what each raises, before anything is measured."""
    from xmemcore.network.catalogue import resolve, verify
    from xmemcore.shot.machine.device import choose_device

    choose_device(chosen.device)
    model = resolve(chosen.model)
    return replace(model, sha256=verify(model))
