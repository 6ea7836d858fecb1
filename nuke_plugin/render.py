"""Propagate without an interface: `nuke -t nuke_plugin/render.py script.nk NodeName [NodeName ...]`.

The same code as the button, in one thread. Exit codes are the command line's: 0 done, 2 the request is wrong, 3 the machine
failed, 130 cancelled. The script is saved when it can be, so that the next one who opens it sees the mattes.
"""

from __future__ import annotations

import os
import sys
from typing import List, Sequence

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from nuke_plugin import actions, host  # noqa: E402
from xmemcore.protocol.failures import Failure, RequestError  # noqa: E402


class NodeUnknown(RequestError):
    """The script has no such node."""


def main(arguments: Sequence[str]) -> int:
    """Open the script, propagate the nodes one after another, save.

    Args:
        arguments: path of the script, then names of XMemRoto nodes.
    """
    if len(arguments) < 2:
        host.tell("Usage: nuke -t nuke_plugin/render.py script.nk NodeName [NodeName ...]")
        return 2
    try:
        host.open_script(arguments[0])
        for name in arguments[1:]:
            node = host.find_node(name)
            if node is None or node.knob("propagate") is None:
                raise NodeUnknown(f"{arguments[0]} has no XMemRoto node called {name}. Names within Groups are written Group1.XMemRoto1.")
            run = actions.propagate(node)
            if run.failure is not None:
                return _exit_code(run.failure)  # its sentence has been told
            for warning in run.warnings:
                host.tell(warning)
        host.save_script()
    except Failure as failure:
        host.tell(str(failure))
        return _exit_code(failure)
    finally:
        from nuke_plugin.core_client import session_core

        session_core().close()
    return 0


def _exit_code(failure: Failure) -> int:
    return failure.exit_code


def _own_arguments(arguments: List[str]) -> List[str]:
    """Nuke puts its own options in front on some versions; ours begin with the script."""
    for index, argument in enumerate(arguments):
        if argument.endswith((".nk", ".nknc", ".nkind")):
            return arguments[index:]
    return arguments


if __name__ == "__main__":
    sys.exit(main(_own_arguments(sys.argv[1:])))
