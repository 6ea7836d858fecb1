"""Propagate without an interface: `nuke -t nuke_plugin/render.py [--save | --origin SCRIPT] script.nk NodeName [NodeName ...]`.

The same code as the button, in one thread. Exit codes are the command line's: 0 done, 2 the request is wrong, 3 the machine
failed, 75 busy, 130 cancelled. The script is an artist's and stays as it is: whoever opens it next sees the mattes, because the plugin
takes them up from the record that lies beside them. `--save` saves it, for machines without the plugin, also when a later node
fails: what was finished until then shows. One that somebody saved meanwhile stays as it is. `--origin SCRIPT` says of which script this
one is a copy, as farms make them: the mattes then come into that one.

`--export-only JOBDIR` renders what the core needs into a job folder and computes nothing: then a render licence is needed, and no
model, no GPU and no core. `xmem-roto run JOBDIR` propagates it on any machine. `--copy-plates` copies the plate's own files too.

`--plate-only` is what the plugin itself calls for *render the plate: in the background*.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import List, Optional, Sequence, Tuple

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from xmem_roto_nuke import actions, export, host  # noqa: E402
from xmem_roto_nuke import run as runs_here  # noqa: E402
from xmem_roto_nuke.handover import background  # noqa: E402
from xmem_roto_nuke.handover.exchange import read_to_hand_over  # noqa: E402
from xmem_roto_nuke.node.runs import Run  # noqa: E402
from xmemcore.protocol.failures import Failure, RequestError  # noqa: E402

USAGE = (
    "Usage: nuke -t nuke_plugin/render.py [--save | --origin SCRIPT] script.nk NodeName [NodeName ...]; or "
    "--export-only JOBDIR [--copy-plates] [--origin SCRIPT] script.nk NodeName [NodeName ...]"
)
SAVE, EXPORT, COPY, ORIGIN, PLATE = "--save", "--export-only", "--copy-plates", "--origin", background.PLATE_ONLY
SCRIPTS = (".nk", ".nknc", ".nkind")


@dataclass(frozen=True)
class Arguments:
    """What was asked for."""

    script: str
    names: Tuple[str, ...]
    save: bool = False
    job: Optional[str] = None
    """Job folder to export to; None: propagate here."""
    copy_plates: bool = False
    origin: str = ""
    plate_only: bool = False
    """Render the plate into the node's folder for exchange, for the session that waits for it."""

    @classmethod
    def parse(cls, words: Sequence[str]) -> Arguments:
        """Read them in any order; raises RequestError."""
        flags = {SAVE: False, COPY: False, PLATE: False}
        values = {EXPORT: "", ORIGIN: ""}
        plain: List[str] = []
        left = iter(words)
        for word in left:
            if word in flags:
                flags[word] = True
            elif word in values:
                values[word] = next(left, "")
                if not values[word] or values[word].startswith("--"):
                    raise RequestError(f"{word} needs a path. {USAGE}")
            else:
                plain.append(word)
        if len(plain) < 2:
            raise RequestError(USAGE)
        exports = bool(values[EXPORT])
        if flags[COPY] and not exports or exports and (flags[SAVE] or flags[PLATE]):
            raise RequestError(f"{COPY} belongs to {EXPORT}, {SAVE} does not. {USAGE}")
        if values[ORIGIN] and flags[SAVE]:
            raise RequestError(f"{SAVE} would save the copy, and not the script that {ORIGIN} names. {USAGE}")
        # Farms hand on one word for a list; no node's name has a comma.
        names = tuple(name for word in plain[1:] for name in word.split(",") if name)
        return cls(plain[0], names, flags[SAVE], values[EXPORT] or None, flags[COPY], values[ORIGIN], flags[PLATE])


def main(words: Sequence[str]) -> int:
    """Open the script, propagate or export the nodes one after another; returns the exit code."""
    finished = 0
    try:
        asked = Arguments.parse(words)
        if asked.origin:
            host.stand_for(Path(asked.origin).absolute().as_posix())
        host.open_script(asked.script)
        if asked.plate_only and asked.origin:
            host.bear_name(asked.origin)
        try:
            for name in asked.names:
                run = _run(asked, name)
                if run.failure is not None:
                    host.tell_farm(run.failure)
                    return run.failure.exit_code  # its sentence has been told
                for warning in run.warnings:
                    host.tell(warning)
                finished += 1
        finally:
            if asked.save and finished:
                host.save_script()
    except Failure as failure:
        host.tell(str(failure))
        host.tell_farm(failure)
        return failure.exit_code
    finally:
        host.stand_for("")
        from xmem_roto_nuke.core.client import session_core

        session_core().close()
    return 0


def _run(asked: Arguments, name: str) -> Run:
    node = host.find_node(name)
    if node is None or node.knob("propagate") is None:
        raise RequestError(f"{asked.script} has no XMemRoto node called {name}. Names within Groups are written Group1.XMemRoto1.")
    if asked.plate_only:
        return runs_here.start(node, "Plate", read_to_hand_over, background.render_here)
    if asked.job is None:
        return actions.propagate(node)
    return export.export(node, Path(asked.job), asked.copy_plates)


def _own_arguments(arguments: List[str]) -> List[str]:
    """Nuke puts its own options in front on some versions; ours begin with one of ours or the script."""
    for index, argument in enumerate(arguments):
        if argument in (SAVE, EXPORT, COPY, ORIGIN, PLATE) or argument.endswith(SCRIPTS):
            return arguments[index:]
    return arguments


if __name__ == "__main__":
    sys.exit(main(_own_arguments(sys.argv[1:])))
