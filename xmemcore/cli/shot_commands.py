"""`propagate` and `suggest`: fill in the request, hand it to the shot, print the answer."""

from __future__ import annotations

import argparse
import json
from dataclasses import fields
from pathlib import Path
from typing import TypeVar

from xmemcore.cli.mattes_beside import mattes_beside, say_beside
from xmemcore.cli.options import (
    Parser,
    add_annotation_options,
    add_cache_options,
    add_object_option,
    add_settings,
    add_telling_options,
    add_word_options,
    request_of,
)
from xmemcore.cli.progress import TerminalListener, farm_stream, listening
from xmemcore.protocol.failures import Cancelled, Failure, RequestError
from xmemcore.protocol.frames import counted
from xmemcore.protocol.requests import ApproveRequest, FitRequest, PropagateRequest, ShotRequest, SuggestRequest
from xmemcore.protocol.words import argument, of_them_new, one_line, plural
from xmemcore.shot.listener import Listener
from xmemcore.shot.machine.footprint import peak_mb

RENAMED_SHOWN = 8
"""Objects whose layer has another name; there may be hundreds."""

AnyRequest = TypeVar("AnyRequest", bound=ShotRequest)


def add_propagate(commands: argparse._SubParsersAction[Parser]) -> None:
    """Describe the command."""
    parser = commands.add_parser("propagate", help="fill a frame range with mattes")
    add_annotation_options(parser)
    add_word_options(parser)
    add_object_option(parser, "; the others are not computed")
    add_settings(parser, PropagateRequest, "model", "engine", "propagate", "workers")
    add_cache_options(parser)
    add_telling_options(parser)
    parser.set_defaults(run=run_propagate)


def add_suggest(commands: argparse._SubParsersAction[Parser]) -> None:
    """Describe the command."""
    parser = commands.add_parser("suggest", help="name the next frames worth keying")
    # Without annotations the first frame to key is named.
    add_annotation_options(parser, required=False)
    add_word_options(parser)
    add_settings(parser, SuggestRequest, "suggest", "model")
    add_cache_options(parser)
    add_telling_options(parser)
    parser.set_defaults(run=run_suggest)


def add_fit(commands: argparse._SubParsersAction[Parser]) -> None:
    """Describe the command."""
    parser = commands.add_parser("fit", help="move the roto's own shapes onto the matte of a frame")
    add_annotation_options(parser, masks=False)
    add_object_option(parser)
    add_settings(parser, FitRequest, "fit")
    parser.set_defaults(frame=None)  # no frame is usual
    add_telling_options(parser)
    parser.set_defaults(run=run_fit)


def add_approve(commands: argparse._SubParsersAction[Parser]) -> None:
    """Describe the command."""
    parser = commands.add_parser("approve", help="mark mattes as right: they stay in every later run, and count as annotations")
    parser.add_argument("mattes", metavar="MATTES", help="mattes of a propagate, a folder or a pattern")
    parser.add_argument("--frames", required=True, metavar="RANGE", help="such as 1010-1032")
    add_object_option(parser)
    parser.add_argument("--approved", metavar="DIR", help="folder of the copies (default: approved, beside the mattes)")
    instead = parser.add_mutually_exclusive_group()
    instead.add_argument("--undo", action="store_true", help="take the mark back")
    instead.add_argument(
        "--rename", metavar="NEW", help="the one --object is called so in the roto now: what is approved of it counts again"
    )
    add_telling_options(parser)
    parser.set_defaults(run=run_approve)


def run_approve(chosen: argparse.Namespace) -> None:
    """Approve, and list what is approved now."""
    from xmemcore.shot.inputs.approved import approve

    answer = approve(request_of(chosen, ApproveRequest)).as_json()
    if chosen.json:
        print(json.dumps(answer))
        return
    for warning in answer["warnings"]:
        print(one_line(warning))
    done = "Taken back" if chosen.undo else "Approved" if chosen.rename is None else "Renamed"
    print(f"{done}: {counted(answer['changed']) if answer['changed'] else 'nothing'}")
    for name, frames in answer["approved"].items():
        print(one_line(f"{name}: {frames}"))
    if answer["approved"]:
        print(one_line(f"Add to the next runs: --approved {argument(answer['folder'])}"))


def run_fit(chosen: argparse.Namespace) -> None:
    """Fit, and say how well each object's shapes cover its matte."""
    if chosen.frame is None:
        raise RequestError("Name the frame whose matte the shapes are moved onto: --frame F.")
    request = _checked(request_of(chosen, FitRequest))
    if not request.mattes:
        raise RequestError("Name the mattes of a propagate: --mattes DIR.")
    with listening(TerminalListener("fit", unit="objects")) as listener:
        from xmemcore.shot.fit import fit_shapes

        answer = fit_shapes(request, listener).as_json()
    if chosen.json:
        print(json.dumps(answer))
        return
    for fitted in answer["objects"]:
        found = f"shapes of frame {fitted['keyed_on']} on frame {answer['frame']}, overlap with the matte {fitted['iou']:.3f}"
        print(one_line(f"{fitted['name']}: {found}"))
    for warning in answer["warnings"]:
        print(one_line(warning))
    print(one_line(f"Give to the next runs: --roto {argument(answer['out'])}"))


def run_propagate(chosen: argparse.Namespace) -> None:
    """Propagate, draw the contact sheet if asked, and say where everything is."""
    request = _checked(request_of(chosen, PropagateRequest))
    if request.report is not None and Path(request.report).suffix.lower() != ".png":
        raise RequestError(f"The contact sheet is a PNG, but --report says {request.report}. Write a name that ends in .png.")
    undrawn: Failure | None = None
    with listening(TerminalListener("propagate", farm=farm_stream(chosen.json), unit="frames")) as listener:
        # Imported here: in the midst of an import a Ctrl-C may be lost, and the listener keeps it.
        from xmemcore.shot.propagate import propagate

        if request.report is not None:
            from xmemcore.evaluation.picture import require_writable

            require_writable(Path(request.report))
        answer = propagate(request, listener).as_json()
    if request.report is not None:
        try:
            with listening(TerminalListener("report", unit="comparisons", warned=listener.warned)) as listener:
                _draw_report(request, request.report, listener)
        except (Cancelled, KeyboardInterrupt):
            undrawn = Cancelled("Cancelled. The mattes are finished; the contact sheet was not drawn.")
        except Failure as failure:
            # The mattes are there; whoever reads the answer must get it.
            undrawn = failure
    beside = [] if request.chunk is not None else mattes_beside(Path(answer["out"]), answer["frames"])
    if chosen.json:
        print(json.dumps({**answer, "beside": beside, "report": None if undrawn else request.report, "peak_mb": peak_mb()}))
    else:
        count = len(answer["frames"])
        new = f"{of_them_new(count, len(answer['written']))}, in {answer['seconds']:.1f} s"
        print(one_line(f"{plural(count, 'matte')}, {new}: {answer['out']}"))
        renamed = [f"{obj} is {layer}" for obj, layer in zip(answer["objects"], answer["layers"]) if obj != layer]
        if renamed:
            more = f" and {len(renamed) - RENAMED_SHOWN} more (--json shows all)" if len(renamed) > RENAMED_SHOWN else ""
            print(one_line(f"Layers under names that Nuke takes: {', '.join(renamed[:RENAMED_SHOWN])}{more}"))
        say_beside(beside)
        if request.report is not None and undrawn is None:
            print(one_line(f"Contact sheet: {request.report}"))
    if undrawn is not None:
        raise undrawn


def _checked(request: AnyRequest) -> AnyRequest:
    """Refuse an option that would say nothing; raises RequestError."""
    if request.roto_node is not None and request.masks is not None:
        raise RequestError("--roto-node chooses a node of --roto, and masks have none. Leave one of the two out.")
    return request


def _draw_report(request: PropagateRequest, report: str, listener: Listener) -> None:
    """Draw the contact sheet, with the frames that are worth keying next: the features are at hand."""
    from xmemcore.evaluation.report import draw_report
    from xmemcore.shot.suggest import suggest

    shared = {field.name: getattr(request, field.name) for field in fields(ShotRequest)}
    picks = suggest(SuggestRequest(**shared, mattes=request.out), listener).suggestions
    draw_report(request.plate, request.out, report, request.colorspace, [pick.frame for pick in picks], view=request.view)


def run_suggest(chosen: argparse.Namespace) -> None:
    """Suggest, and print one frame a line, the most useful first."""
    request = _checked(request_of(chosen, SuggestRequest))
    with listening(TerminalListener("suggest", farm=farm_stream(chosen.json), unit="comparisons")) as listener:
        from xmemcore.shot.inputs.approved import forgotten
        from xmemcore.shot.mattes.mattes import matte_pattern
        from xmemcore.shot.suggest import suggest

        uncounted = forgotten(matte_pattern(request.mattes)) if request.mattes and request.approved is None else None
        if uncounted is not None:
            listener.warning(uncounted)
        answer = suggest(request, listener).as_json()
    if chosen.json:
        print(json.dumps(answer))
        return
    for pick in answer["suggestions"]:
        print(one_line(f"{pick['frame']}  score {pick['score']:.3g}  {pick['reason']}"))
    print(one_line(answer["message"]))
