"""`xmem-roto train`: from words on the command line to a training."""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
import os
from collections.abc import Sequence
from pathlib import Path

from xmemcore.cli import train_material
from xmemcore.cli.options import Parser, device_name, positive, whole
from xmemcore.protocol.failures import Cancelled, RequestError

DESCRIPTION = "Train a model, or fine-tune one on your own finished shots. Ctrl-C keeps what was learned; --resume goes on with it."
DEFAULT_MINUTES = 90.0


def _minutes(text: str, zero: bool = False) -> float:
    """Read a number of minutes; 0 only where it means something."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or value < 0 or value == 0 and not zero:
        raise argparse.ArgumentTypeError(f"'{text}' must be a number of minutes{', or 0' if zero else ' above 0'}")
    return value


def _minutes_between(text: str) -> float:
    return _minutes(text, zero=True)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the options."""
    cores = os.cpu_count() or 1
    limit = ", the cores of this machine"
    pictures = parser.add_argument_group("what to learn from (one of these)")
    pictures.add_argument("--stills", metavar="DIR", help="photographs with masks or part labels: <set>/images and <set>/masks")
    pictures.add_argument("--procedural", action="store_true", help="generated pictures alone: no photograph, no question of rights")
    pictures.add_argument(
        "--finetune", nargs=2, action="append", metavar=("PLATES", "MATTES"), help="a finished shot; may be given several times"
    )
    parser.add_argument("--scenes", metavar="DIR", help="rendered scenes beside --stills or --procedural, made by `xmem-roto train scenes`")
    parser.add_argument("--out", metavar="DIR", required=True, help="folder for checkpoints, losses, curve and sample sheets")
    parser.add_argument(
        "--config",
        metavar="FILE",
        default=None,
        help="recipe: a TOML file, or the name of a bundled one (a wrong name lists them)",
    )
    parser.add_argument("--encoder", metavar="FILE", default=None, help="start of the key encoder: MobileNetV2 as safetensors")
    parser.add_argument("--model", metavar="FILE", default=None, help="start from a model; needed by --finetune (default: the bundled one)")
    parser.add_argument("--resume", action="store_true", help="go on with the training in --out, with the recipe that it began with")
    parser.add_argument("--device", type=device_name, default="auto")
    parser.add_argument("--steps", type=positive, default=None, help="length in steps; the same steps give the same losses")
    parser.add_argument("--minutes", type=_minutes, default=None, help="length in minutes of work, in place of --steps; default 90")
    parser.add_argument("--seed", type=whole(0, 2**63 - 1), default=None, help="in place of the recipe's")
    parser.add_argument("--threads", type=whole(1, cores, limit), default=None, help="cores for the network; default: all")
    parser.add_argument(
        "--workers", type=whole(0, cores, limit), default=1, help="processes that make clips; 0: none beside the training (default 1)"
    )
    parser.add_argument("--checkpoint-minutes", type=_minutes_between, default=3.0, help="work between two checkpoints (default 3)")
    parser.add_argument("--validate-minutes", type=_minutes, default=8.0, help="work between two validations (default 8)")
    parser.add_argument("--clips", metavar="DIR", default=None, help="annotated clips to validate on, never to learn from")
    parser.add_argument("--validate", metavar="NAMES", default=None, help="names of those clips, with commas; default all")


def run(arguments: argparse.Namespace) -> int:
    """Train as asked; returns the exit code."""
    import torch

    from xmemcore.cli.progress import TerminalListener, listening
    from xmemcore.training.export import export
    from xmemcore.training.plan_run import open_folder, plan_run
    from xmemcore.training.record import VALIDATIONS, entries
    from xmemcore.training.state import MODEL
    from xmemcore.training.trainer import Habits, Length, Trainer

    if arguments.steps is not None and arguments.minutes is not None:
        raise RequestError("A training has --steps or --minutes, not both.")
    folder = Path(arguments.out)
    if arguments.threads is not None:
        # Before the network is made: the key's orthogonal start, too, rounds by the number of threads.
        torch.set_num_threads(arguments.threads)
    run_plan = plan_run(arguments, folder)
    open_folder(run_plan, folder)
    minutes = DEFAULT_MINUTES if arguments.minutes is None else arguments.minutes
    length = Length(arguments.steps, None if arguments.steps is not None else minutes)
    habits = dataclasses.replace(
        Habits(),
        workers=arguments.workers,
        checkpoint_seconds=60 * arguments.checkpoint_minutes,
        validate_seconds=60 * arguments.validate_minutes,
        draws_on_device=run_plan.device.type == "cuda",
    )
    trainer = Trainer(run_plan.network, run_plan.recipe, length, folder, run_plan.device, habits, run_plan.yardstick)
    if run_plan.state is not None:
        trainer.restore(run_plan.state)
    with listening(TerminalListener("train")) as listener:
        finished = trainer.run(run_plan.make_source, listener.cancelled)
    if not finished:
        if not trainer.step:
            raise Cancelled("Stopped before the first step: there was nothing to keep yet.")
        raise Cancelled(f"Stopped at step {trainer.step}; what was learned stays in {folder}. Repeat the command with --resume to go on.")
    model = export(folder, folder / MODEL, run_plan.name, run_plan.terms, before=run_plan.before, former=run_plan.former)
    last = (entries(folder / VALIDATIONS) or [{}])[-1]
    print(json.dumps({"model": str(model), "steps": trainer.step, "minutes": round(trainer.seconds / 60, 1), "validation": last}))
    return 0


def main(arguments: Sequence[str]) -> int:
    """Parse and run."""
    if arguments and arguments[0] in train_material.COMMANDS:
        return train_material.main(arguments[0], arguments[1:])
    epilog = f"Before a training: xmem-roto train {' | '.join(train_material.COMMANDS)}, each with a --help of its own."
    parser = Parser(prog="xmem-roto train", description=DESCRIPTION, epilog=epilog)
    add_arguments(parser)
    return run(parser.parse_args(arguments))
