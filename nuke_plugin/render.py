"""Propagate without an interface: `nuke -t nuke_plugin/render.py [--save] script.nk NodeName [NodeName ...]`.

The same code as the button, in one thread. Exit codes are the command line's: 0 done, 2 the request is wrong, 3 the machine
failed, 130 cancelled. The script is an artist's and stays as it is: whoever opens it next sees the mattes, because the plugin
takes them up from the record that lies beside them. `--save` saves it, for machines without the plugin, also when a later node
fails: what was finished until then shows.
"""

from __future__ import annotations

import os
import sys
from typing import List, Sequence

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from xmem_roto_nuke import actions, host  # noqa: E402
from xmemcore.protocol.failures import Failure, RequestError

USAGE = "Usage: nuke -t nuke_plugin/render.py [--save] script.nk NodeName [NodeName ...]"
SAVE = "--save"


def main(arguments: Sequence[str]) -> int:
    """Open the script, propagate the nodes one after another.

    Args:
        arguments: path of the script, then names of XMemRoto nodes; `--save` anywhere.
    """
    script, *names = [argument for argument in arguments if argument != SAVE] or [""]
    if not names:
        host.tell(USAGE)
        return 2
    finished = 0
    try:
        host.open_script(script)
        try:
            for name in names:
                node = host.find_node(name)
                if node is None or node.knob("propagate") is None:
                    raise RequestError(f"{script} has no XMemRoto node called {name}. Names within Groups are written Group1.XMemRoto1.")
                run = actions.propagate(node)
                if run.failure is not None:
                    return run.failure.exit_code  # its sentence has been told
                for warning in run.warnings:
                    host.tell(warning)
                finished += 1
        finally:
            if SAVE in arguments and finished:
                host.save_script()
    except Failure as failure:
        host.tell(str(failure))
        return failure.exit_code
    finally:
        from xmem_roto_nuke.core.client import session_core

        session_core().close()
    return 0


def _own_arguments(arguments: List[str]) -> List[str]:
    """Nuke puts its own options in front on some versions; ours begin with the script."""
    for index, argument in enumerate(arguments):
        if argument.endswith((".nk", ".nknc", ".nkind")):
            return [SAVE] * (SAVE in arguments[:index]) + arguments[index:]
    return arguments


if __name__ == "__main__":
    sys.exit(main(_own_arguments(sys.argv[1:])))
