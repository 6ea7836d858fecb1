"""`xmem-roto`: run the command that the arguments name, and turn a failure into one sentence and an exit code."""

from __future__ import annotations

# Nothing else is imported here, but where a Ctrl-C gets its sentence: imports are most of a command's first second.
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Sequence

DONE = 0
OUR_MISTAKE = 1
CANCELLED = 130
"""Exit code of `Cancelled`, which may not be there yet."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code: 0 done, 2 wrong request or no model, 3 the machine failed, 75 busy, 130 cancelled."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    if arguments[:1] == ["worker"]:
        return _ended(_worker, arguments)  # its streams are the protocol's
    return _ended(lambda: _outlived(arguments), arguments)


def _outlived(arguments: list[str]) -> int:
    from xmemcore.cli.streams import outlived

    with outlived():
        return _ended(lambda: _start(arguments), arguments)


def _start(arguments: list[str]) -> int:
    if arguments[:1] == ["train"]:
        return _train(arguments[1:])
    chosen = make_parser().parse_args(arguments)
    from xmemcore.cli.streams import logged

    with logged(getattr(chosen, "log", None)):
        return _ended(lambda: chosen.run(chosen) or DONE, arguments)


def _ended(run: Callable[[], int], arguments: Sequence[str]) -> int:
    """Run something to its end; what goes wrong becomes one sentence and an exit code."""
    try:
        try:
            code = run()
        except SystemExit as end:  # argparse's own, behind --help and --version
            code = int(end.code or DONE)
        if sys.stdout is not None:
            sys.stdout.flush()  # here, where a failure still gets its sentence
        return code
    except KeyboardInterrupt:
        return _refuse("Cancelled. What was finished stays.", CANCELLED, arguments)
    except Exception as error:
        return _failed(error, arguments)


def _failed(error: Exception, arguments: Sequence[str]) -> int:
    from xmemcore.protocol import foreign
    from xmemcore.protocol.failures import Failure

    failure = error if isinstance(error, Failure) else foreign.known(error)
    return _crashed(error, arguments) if failure is None else _refuse(str(failure), failure.exit_code, arguments)


def make_parser() -> argparse.ArgumentParser:
    """Describe every command."""
    from xmemcore.cli import demo, doctor, job_commands, measure, models, shot_commands
    from xmemcore.cli.batch.command import add_batch
    from xmemcore.cli.options import Parser
    from xmemcore.protocol.version import VERSION

    parser = Parser(prog="xmem-roto", description="Roto a few frames, get the mattes of the shot (XMem++).")
    parser.add_argument("--version", action="version", version=f"xmem-roto {VERSION}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True, parser_class=Parser)
    shot_commands.add_propagate(commands)
    shot_commands.add_suggest(commands)
    shot_commands.add_fit(commands)
    shot_commands.add_approve(commands)
    job_commands.add_plan(commands)
    job_commands.add_run(commands)
    job_commands.add_collect(commands)
    add_batch(commands)
    measure.add_evaluate(commands)
    measure.add_experiments(commands)
    measure.add_bench(commands)
    commands.add_parser("train", help="train or fine-tune a model; see `xmem-roto train --help`")
    models.add_models(commands)
    demo.add_demo(commands)
    doctor.add_doctor(commands)
    commands.add_parser("worker", help="what Nuke starts; JSON messages on stdin and stdout")
    return parser


def _train(arguments: list[str]) -> int:
    from xmemcore.cli.train import main as train

    return train(arguments) or DONE


def _worker() -> int:
    from contextlib import suppress

    from xmemcore.worker.__main__ import main as work

    with suppress(BrokenPipeError):  # whoever read our stderr is gone
        work()
    return DONE


def _refuse(sentence: str, exit_code: int, arguments: Sequence[str]) -> int:
    print(f"xmem-roto: {sentence}", file=sys.stderr)
    if exit_code != CANCELLED:
        from xmemcore.cli.progress import farm_stream, say_failed

        say_failed(sentence, farm_stream("--json" in arguments))
    return exit_code


def _crashed(error: Exception, arguments: Sequence[str]) -> int:
    import traceback

    traceback.print_exception(error)
    advice = "Please report it with the lines above and what `xmem-roto doctor` prints."
    return _refuse(f"That is a mistake of ours. {advice}", OUR_MISTAKE, arguments)
