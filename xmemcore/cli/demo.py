"""`demo`: draw a shot, do everything on it, and say where the files are."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from xmemcore.cli.options import DEFAULTS, Parser, add_json_option, device_name
from xmemcore.cli.progress import TerminalListener, listening

UNTRAINED = "UNTRAINED WEIGHTS: no model is installed, so the mattes of this demo are meaningless; it only proves the installation."


def add_demo(commands: argparse._SubParsersAction[Parser]) -> None:
    """Describe the command."""
    parser = commands.add_parser("demo", help="draw a shot, roto two frames, propagate, suggest, score")
    parser.add_argument("--out", type=Path, default=Path("demo-output"), metavar="DIR", help="(default: demo-output)")
    parser.add_argument("--model", metavar="NAME|FILE", help="(default: the first of `xmem-roto models list`)")
    parser.add_argument("--device", type=device_name, default=DEFAULTS.device)
    add_json_option(parser)
    parser.set_defaults(run=run)


def run(chosen: argparse.Namespace) -> None:
    """Run the demo and say where everything is; without a trained model the first and the last line say so."""
    from xmemcore.evaluation.demo_run import run_demo
    from xmemcore.evaluation.untrained import is_trained

    trained = is_trained(chosen.model)
    if not trained:
        print(UNTRAINED, file=sys.stderr if chosen.json else sys.stdout, flush=True)
    with listening(TerminalListener("demo")) as listener:
        result = run_demo(chosen.out, chosen.model, chosen.device, listener)
    if chosen.json:
        print(json.dumps(result.as_json()))
        return
    keyed = " and ".join(map(str, result.keyframes))
    print(f"Keyed frames {keyed}; propagated with {result.model} in {result.seconds:.1f} s; next to key: {_list(result.suggested)}.")
    scores = f"J (overlap) {result.j:.3f}  F (outline) {result.f:.3f}"
    print(f"{scores}   (nearest key copied: J {result.j_hold:.3f}  F {result.f_hold:.3f})")
    print(f"Plates         {result.plates}")
    print(f"Roto           {result.script}")
    print(f"Mattes         {result.mattes}")
    print(f"Contact sheet  {result.contact_sheet}")
    if not trained:
        print(UNTRAINED)


def _list(frames: tuple[int, ...]) -> str:
    return ", ".join(map(str, frames)) or "none"
