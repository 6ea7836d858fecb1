"""What can go wrong, in three kinds that every door (command line, worker, Nuke) treats alike."""

from __future__ import annotations


class Failure(Exception):
    """Stop with one sentence that an artist can act on: what, where, what to do.

    The sentence is the exception's text. `code` names the failure on the wire; `exit_code` ends the command line.
    """

    exit_code = 1

    @property
    def code(self) -> str:
        return type(self).__name__


class RequestError(Failure):
    """The request is wrong, or no model is installed; the same request will fail again."""

    exit_code = 2


class MachineError(Failure):
    """The machine failed: disk, memory or device. The same request may pass later."""

    exit_code = 3


class Cancelled(Failure):
    """The artist asked to stop; what was finished stays."""

    exit_code = 130
