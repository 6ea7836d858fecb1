"""The lane: one more thread that computes for a shot, ahead of the one that asks, or beside it.

Small networks gain little from several cores inside of one operation. So where cores compute, each operation has few of them, and the
lane does meanwhile what does not depend on what is computed now. No result depends on which thread came first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, wait
from typing import TypeVar

Result = TypeVar("Result")


def ahead(lane: Executor | None, steps: Iterator[Result]) -> Iterator[Result]:
    """Take steps in the lane, one further than what was asked for; None: each when it is asked for.

    No step is under way any more when the iterator is closed.
    """
    if lane is None:
        yield from steps
        return
    coming = lane.submit(next, steps, None)
    try:
        while (found := coming.result()) is not None:
            coming = lane.submit(next, steps, None)
            yield found
    finally:
        coming.cancel()
        wait([coming])


def beside(lane: Executor | None, tasks: Sequence[Callable[[], Result]]) -> list[Result]:
    """Do tasks that do not depend on each other, this thread one after another, and the lane those that it comes to first.

    Returns:
        What each gives, in their order.
    """
    if lane is None or len(tasks) < 2:
        return [task() for task in tasks]
    results: dict[int, Result] = {}
    left = iter(enumerate(tasks))  # the next one is taken under Python's lock, so that no task is taken twice

    def work() -> None:
        for place, task in left:
            results[place] = task()

    helping = lane.submit(work)
    try:
        work()
    finally:
        if not helping.cancel():
            helping.result()
    return [results[place] for place in range(len(tasks))]
