"""What the lane computes, and when, changes no matte."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor

import pytest
import torch

from tests.engine.small import MadeUpShot, propagate, small_network
from tests.engine.test_second_look import TwiceSeen
from xmemcore.engine.config import EngineConfig
from xmemcore.engine.frames import Annotation
from xmemcore.engine.lanes import ahead, beside
from xmemcore.engine.propagation import Propagation, plan_gaps
from xmemcore.engine.second_look import LONG_SWEEP_FRAMES


class Late(ThreadPoolExecutor):
    """A lane that begins so many seconds after it is asked."""

    def __init__(self, seconds: float) -> None:
        super().__init__(1)
        self.seconds = seconds

    def submit(self, task: Callable, /, *args: object, **named: object) -> Future:
        def late() -> object:
            time.sleep(self.seconds)
            return task(*args, **named)

        return super().submit(late)


@pytest.fixture(params=[0, 0.02])
def lane(request: pytest.FixtureRequest) -> Iterator[Executor]:
    with Late(request.param) as executor:
        yield executor


def test_steps_come_in_order_each_once_and_one_ahead(lane: Executor) -> None:
    made: list[int] = []

    def steps() -> Iterator[int]:
        for number in range(1, 6):
            made.append(number)
            yield number

    taken = ahead(lane, steps())
    assert next(taken) == 1 and list(taken) == [2, 3, 4, 5] == made[1:]
    assert list(ahead(None, steps())) == [1, 2, 3, 4, 5]


def test_a_failed_step_fails_whoever_asks_for_it(lane: Executor) -> None:
    def steps() -> Iterator[int]:
        yield 1
        raise ValueError("the second step")

    taken = ahead(lane, steps())
    assert next(taken) == 1
    with pytest.raises(ValueError, match="the second step"):
        next(taken)


def test_nothing_is_under_way_once_it_is_closed(lane: Executor) -> None:
    at_work: list[bool] = []

    def steps() -> Iterator[int]:
        for number in range(3):
            at_work.append(True)
            time.sleep(0.05)
            at_work[-1] = False
            yield number

    taken = ahead(lane, steps())
    next(taken)
    taken.close()  # type: ignore[attr-defined]
    assert not any(at_work)
    time.sleep(0.1)
    assert len(at_work) <= 2


def test_tasks_are_shared_and_their_results_come_in_order(lane: Executor) -> None:
    threads: set[str] = set()

    def task(number: int) -> int:
        threads.add(threading.current_thread().name)
        time.sleep(0.01)
        return number

    assert beside(lane, [lambda n=n: task(n) for n in range(12)]) == list(range(12))
    assert len(threads) == 2
    assert beside(None, [lambda: 1, lambda: 2]) == [1, 2] and beside(lane, []) == []


def test_a_lane_that_is_busy_is_not_waited_for() -> None:
    busy = threading.Event()
    with ThreadPoolExecutor(1) as lane:
        lane.submit(busy.wait)
        assert beside(lane, [lambda: 1, lambda: 2, lambda: 3]) == [1, 2, 3]
        busy.set()


@pytest.mark.parametrize("failing", [0, 5])
def test_a_failed_task_fails_the_caller_when_all_are_done(lane: Executor, failing: int) -> None:
    def task(number: int) -> int:
        time.sleep(0.01)
        if number == failing:
            raise ValueError("one of them")
        return number

    with pytest.raises(ValueError, match="one of them"):
        beside(lane, [lambda n=n: task(n) for n in range(8)])


def mattes(lane: Executor | None, objects: int) -> dict[int, torch.Tensor]:
    shot = MadeUpShot(small_network(), 9, lane=lane)
    masks = {obj: shot.mask(0, dx=3 * obj) for obj in range(objects)}
    late = {obj: shot.mask(8, dx=3 * obj) for obj in range(objects)}
    found = propagate(shot, {0: Annotation(masks), 8: Annotation(late)}, objects, EngineConfig(boxes=True))
    return {index: prediction.planes for index, prediction in found.items()}


@pytest.mark.parametrize("objects", [1, 5, 20])
def test_mattes_do_not_depend_on_how_busy_the_lane_is(objects: int) -> None:
    with Late(0) as free, Late(0.02) as late:
        found, other = mattes(free, objects), mattes(late, objects)
    assert all(torch.equal(found[index], other[index]) for index in found)
    for index, alone in mattes(None, objects).items():
        torch.testing.assert_close(found[index], alone, atol=1e-4, rtol=0)


def test_the_second_look_that_runs_ahead_gives_what_it_gives_in_turn(lane: Executor) -> None:
    def run(lane: Executor | None) -> list[torch.Tensor]:
        shot = TwiceSeen(small_network(), LONG_SWEEP_FRAMES, lane=lane)
        annotations = {0: Annotation({0: shot.mask(0)})}
        propagation = Propagation(shot.network, shot, annotations, 1, EngineConfig(boxes=True, second_look=True))
        for look in propagation.looks:
            look.learn(0)
        (gap,) = plan_gaps(LONG_SWEEP_FRAMES, annotations, 1, propagation.config)
        return [prediction.planes for _, prediction in propagation.run(gap)]

    assert all(torch.equal(found, expected) for found, expected in zip(run(lane), run(None), strict=True))
