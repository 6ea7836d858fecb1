"""`run`, `collect` and `plan`: a job folder, or a shot that becomes one, on whichever machine computes."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from xmemcore.cli.mattes_beside import mattes_beside, say_beside
from xmemcore.cli.options import (
    Parser,
    add_annotation_options,
    add_cache_options,
    add_cache_place,
    add_device_options,
    add_object_option,
    add_settings,
    add_telling_options,
    add_word_options,
    request_of,
    step_seconds,
    whole,
)
from xmemcore.cli.progress import TerminalListener, farm_stream, listening
from xmemcore.protocol import job
from xmemcore.protocol.choices import PRECISIONS
from xmemcore.protocol.failures import MachineError, NotWritable, RequestError
from xmemcore.protocol.path_map import PathRules, read_rules
from xmemcore.protocol.requests import PATHS, PropagateRequest
from xmemcore.protocol.results import Collected
from xmemcore.protocol.words import of_them_new, one_line, plural

if TYPE_CHECKING:
    from xmemcore.shot.forecast import ChunkForecast, GapForecast

MOST_WORKERS = 10_000
worker_count = whole(1, MOST_WORKERS)
LISTED = 12
"""Gaps that are printed; a shot may have hundreds."""


def add_run(commands: argparse._SubParsersAction[Parser]) -> None:
    """Describe the command."""
    parser = commands.add_parser("run", help="propagate a job folder that Nuke exported; needs no Nuke")
    _add_job(parser)
    add_settings(parser, PropagateRequest, "workers")
    add_device_options(parser)
    _add_machine(parser)
    parser.add_argument("--no-collect", dest="collect", action="store_false", help="leave the mattes in the job folder")
    parser.set_defaults(run=run_run)


def add_collect(commands: argparse._SubParsersAction[Parser]) -> None:
    """Describe the command."""
    parser = commands.add_parser("collect", help="bring a job's mattes to where its script looks for them")
    _add_job(parser)
    add_settings(parser, PropagateRequest, "workers")
    _add_machine(parser)
    parser.set_defaults(run=run_collect)


def add_plan(commands: argparse._SubParsersAction[Parser]) -> None:
    """Describe the command."""
    parser = commands.add_parser("plan", help="what a propagate would compute, what it costs, and a share for each of N workers")
    add_annotation_options(parser, required=False)
    add_word_options(parser)
    add_object_option(parser, "; the others are not computed")
    add_settings(parser, PropagateRequest, "model", "engine", "propagate")
    add_cache_options(parser)
    parser.add_argument("--shot", help="of a job folder in place of PLATE")
    _add_path_rules(parser)
    parser.add_argument("--workers", type=worker_count, default=1, metavar="N", help="share the work out to so many (default: 1)")
    pace_help = "seconds that a step takes on the machines that will compute (default: as earlier runs here have found)"
    parser.add_argument("--pace", type=step_seconds, metavar="SECONDS", help=pace_help)
    add_telling_options(parser)
    parser.set_defaults(run=run_plan)


def _add_job(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("job", metavar="JOBDIR", help="folder that holds a job.json")
    parser.add_argument("--shot", action="append", metavar="NAME", help="only this shot of the job (repeatable; default: all)")
    _add_path_rules(parser)
    add_telling_options(parser)


def _add_path_rules(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--path-map", action="append", default=[], metavar="FROM=TO", help="what another machine's path is called here")
    parser.add_argument("--path-mapping-rules", metavar="FILE", help="such rules as JSON of Open Job Description")


def _add_machine(parser: argparse.ArgumentParser) -> None:
    """Add the options that the machine that runs a job decides."""
    parser.add_argument("--model", metavar="FILE", help="the model's file on this machine (default: found by the job's name for it)")
    parser.add_argument("--precision", choices=PRECISIONS, help="level for a job that says auto; the same on every machine")
    add_cache_place(parser)


def run_run(chosen: argparse.Namespace) -> None:
    """Propagate the shots of a job one after another; a run of all of it brings the mattes home."""
    rules = read_rules(chosen.path_mapping_rules, chosen.path_map)
    answers = []
    for shot, request in _shots(chosen, rules):
        request = replace(request, device=chosen.device, gpu_memory=chosen.gpu_memory, chunk=chosen.chunk)
        _require_model(shot, request)
        with _machines_fault(), listening(TerminalListener(shot.name, farm=farm_stream(chosen.json), unit="frames")) as listener:
            from xmemcore.shot.propagate import propagate

            result = propagate(request, listener)
        answer = {"shot": shot.name, **result.as_json(), "collected": None}
        if chosen.collect and chosen.chunk is None:
            answer["collected"] = _collected(chosen, shot, request, rules).as_json()
        answers.append(answer)
        if not chosen.json:
            where = answer["collected"]["out"] if answer["collected"] else result.out
            new = of_them_new(len(result.frames), len(result.written))
            print(one_line(f"{shot.name}: {plural(len(result.frames), 'matte')}, {new}, in {result.seconds:.1f} s: {where}"))
            if chosen.chunk is None:
                say_beside(mattes_beside(Path(where), result.frames))
    if chosen.json:
        print(json.dumps({"job": chosen.job, "shots": answers}))


def run_collect(chosen: argparse.Namespace) -> None:
    """Bring home what was computed."""
    rules = read_rules(chosen.path_mapping_rules, chosen.path_map)
    answers = []
    for shot, request in _shots(chosen, rules):
        _require_model(shot, request)
        answer = _collected(chosen, shot, request, rules)
        answers.append(answer.as_json())
        if not chosen.json:
            new = of_them_new(len(answer.frames), len(answer.copied))
            print(one_line(f"{shot.name}: {plural(len(answer.frames), 'matte')}, {new}: {answer.out}"))
            if chosen.chunk is None:
                say_beside(mattes_beside(Path(answer.out), answer.frames))
    if chosen.json:
        print(json.dumps({"job": chosen.job, "shots": answers}))


def _collected(chosen: argparse.Namespace, shot: job.JobShot, request: PropagateRequest, rules: PathRules) -> Collected:
    result = shot.result_here(rules)
    if result and shot.script:
        # Where a disk is not mounted, its folders can be made all the same, and nobody would find the mattes in them.
        _require_seen(rules.mapped(shot.script), f"the script of {shot.name}")
    with _machines_fault(), listening(TerminalListener(f"{shot.name} collect", farm=farm_stream(chosen.json), unit="frames")) as listener:
        from xmemcore.shot.collect import collect

        return collect(shot, request, rules, listener)


@contextmanager
def _machines_fault() -> Iterator[None]:
    """Call a folder that cannot be written the machine's fault: the job was exported from a machine that could write it, so another may."""
    try:
        yield
    except NotWritable as error:
        raise MachineError(str(error)) from error


def _require_seen(path: str, subject: str) -> None:
    """Raise MachineError where not even the folder of a path is there: the machine lacks a disk that another one has."""
    from xmemcore.shot.files.sequence import names_view

    folder = next(folder for folder in Path(path).parents if not names_view(folder.name))
    if not os.path.isdir(folder):
        raise MachineError(
            f"This machine has no folder {folder}, where {subject} is. Mount its disk here, run this on another machine, or say what the "
            "folder is called here (--path-map FROM=TO)."
        )


def run_plan(chosen: argparse.Namespace) -> None:
    """Look ahead, and print it."""
    from xmemcore.shot.forecast import forecast

    ahead = forecast(_planned(chosen), chosen.workers, chosen.pace)
    if chosen.json:
        print(json.dumps(ahead.as_json()))
        return
    mattes = plural(ahead.stale_count, "matte")
    print(f"{mattes} to compute of {ahead.frames}: {_time(ahead.seconds)} ({ahead.seconds_from})")
    print(
        f"memory of a worker: about {ahead.memory_mb:.0f} MB ({ahead.memory_from}); model {ahead.model}, {ahead.precision}, {ahead.device}"
    )
    for gap in ahead.gaps[:LISTED]:
        print(f"  {gap.frames}: {_work(gap)}")
    if len(ahead.gaps) > LISTED:
        print(f"  and {len(ahead.gaps) - LISTED} more (--json lists all)")
    if chosen.workers > 1:
        print(f"for {chosen.workers} workers:")
        for chunk in ahead.chunks:
            print(f"  --chunk {chunk.chunk}  {chunk.frames}: {_work(chunk)}{f', {_time(chunk.seconds)}' if chunk.stale else ''}")
    for warning in ahead.warnings:
        print(one_line(warning))


def _work(part: GapForecast | ChunkForecast) -> str:
    return f"{part.stale} to compute, {plural(part.steps, 'step')}" if part.stale else "nothing to compute"


def _time(seconds: float | None) -> str:
    return "time unknown" if seconds is None else f"about {seconds:.0f} s"


def _planned(chosen: argparse.Namespace) -> PropagateRequest:
    """Give the request of a shot, or of a job folder that stands in place of the plate."""
    folder = _named(chosen.plate)
    if not job.is_job(folder):
        if folder.is_dir() and not chosen.roto and not chosen.masks:
            raise RequestError(f"{folder} is no job folder: it has no {job.NAME}. For a plate, give one of --roto and --masks.")
        return request_of(chosen, PropagateRequest)
    if chosen.roto or chosen.masks:
        raise RequestError(f"{folder} is a job folder, which brings its own annotations. Leave out --roto and --masks.")
    opened = job.read(folder)
    if chosen.shot is None and len(opened.shots) > 1:
        raise RequestError(f"The job has several shots; name one with --shot: {', '.join(shot.name for shot in opened.shots)}.")
    shot = opened.shots[0] if chosen.shot is None else opened.shot(chosen.shot)
    request = shot.here(folder, read_rules(chosen.path_mapping_rules, chosen.path_map))
    of_machine = {name: getattr(chosen, name) for name in ("device", "cache", "use_cache", "cache_limit")}
    of_machine["model"] = chosen.model or _model_here(shot, request.model)
    request = replace(request, **of_machine)
    _require_model(shot, request)  # what another model would compute is no plan of this job
    return request


def _named(path: str) -> Path:
    """Give a job's folder, which may be named by the file in it."""
    return Path(path).parent if Path(path).name == job.NAME else Path(path)


def _shots(chosen: argparse.Namespace, rules: PathRules) -> Iterator[tuple[job.JobShot, PropagateRequest]]:
    """Give the chosen shots of a job, each with the request that this machine can run."""
    folder = _named(chosen.job)
    if folder.is_file():
        raise RequestError(f"{folder} is a file, and no job folder. Export one with render.py --export-only.")
    _require_seen(str(folder / job.NAME), "the job")
    opened = job.read(folder)
    for shot in opened.shots if not chosen.shot else [opened.shot(name) for name in chosen.shot]:
        request = shot.here(folder, rules)
        for name in job.INPUTS:
            if (path := getattr(request, name)) is not None:
                _require_seen(path, f"the {PATHS[name]} of {shot.name}")
        of_machine = {name: getattr(chosen, name) for name in ("cache", "use_cache", "cache_limit", "wait")}
        of_machine["model"] = chosen.model or _model_here(shot, request.model)
        if chosen.precision is not None and request.precision == PRECISIONS[0]:
            of_machine["precision"] = chosen.precision
        yield shot, replace(request, **of_machine)


def _require_model(shot: job.JobShot, request: PropagateRequest) -> None:
    """Raise MachineError where another model would compute than the one that was chosen."""
    from xmemcore.network.catalogue import resolve, verify

    model = resolve(request.model)
    if shot.model_sha256 is not None and verify(model) != shot.model_sha256:
        raise MachineError(
            f"The job {shot.name} is for a model of SHA-256 {shot.model_sha256[:12]}, but {model.name} here is another "
            f"({model.path}). Install the same model, or name its file with --model."
        )


def _model_here(shot: job.JobShot, named: str | None) -> str | None:
    """Name the model of a job as this machine has it: by its hash where that is known, whatever is the default here."""
    from xmemcore.network.catalogue import installed

    if shot.model_sha256 is not None:
        for model in installed():
            if model.sha256 == shot.model_sha256:
                return model.name
    return named
