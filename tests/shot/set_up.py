"""The set-up of a propagate without the run: what a test compares."""

from __future__ import annotations

from xmemcore.protocol.requests import PropagateRequest
from xmemcore.shot.inputs.opened import open_propagate
from xmemcore.shot.plan.dependencies import Dependencies
from xmemcore.shot.plan.plan import plan
from xmemcore.shot.run.learned import LearningRound, learning_round
from xmemcore.shot.status import Outlook


def depends(request: PropagateRequest) -> Dependencies:
    """Take the three steps: open, plan, hash."""
    return Outlook.of(open_propagate(request)).depends


def round_of(request: PropagateRequest) -> LearningRound | None:
    """Say what a run would learn."""
    opened = open_propagate(request)
    return learning_round(opened, plan(opened))
