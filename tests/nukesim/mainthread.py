"""Threads: the queue to the main thread, and progress bars that another thread may hold."""

from __future__ import annotations

import sys
import threading
import traceback
from collections.abc import Callable
from typing import Any

from . import state


class Deadlock(state.SimError):
    """Nuke would hang here for ever."""


class MainQueue:
    """Calls from other threads that wait for the main one."""

    def __init__(self) -> None:
        self._waiting: list[tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any], threading.Event, list[Any]]] = []
        self._lock = threading.Lock()
        self._arrived = threading.Event()
        self.closed = False

    def put(self, call: Callable[..., Any], args: Any, kwargs: Any) -> tuple[threading.Event, list[Any]]:
        if not isinstance(args, tuple):
            args = (args,)
        done, answer = threading.Event(), [None]
        with self._lock:
            self._waiting.append((call, args, dict(kwargs), done, answer))
            self._arrived.set()
        return done, answer

    def run_one(self, host: Any) -> bool:
        """Run the oldest call; False when there was none. An exception is printed and answers None, as in Nuke."""
        with self._lock:
            if not self._waiting:
                self._arrived.clear()
                return False
            call, args, kwargs, done, answer = self._waiting.pop(0)
        try:
            with host._user_code():
                answer[0] = call(*args, **kwargs)
        except Exception as error:
            host.printed_errors.append(error)
            traceback.print_exc(file=sys.stderr)
        finally:
            done.set()
        return True

    def wait(self, seconds: float) -> bool:
        return self._arrived.wait(seconds)

    def close(self) -> None:
        """Let nobody wait for a main thread that is gone."""
        self.closed = True
        with self._lock:
            for entry in self._waiting:
                entry[3].set()
            self._waiting.clear()


def executeInMainThread(call: Callable[..., Any], args: Any = (), kwargs: Any = {}) -> None:  # noqa: B006 (Nuke's own signature)
    """Queue a call for the main thread and go on; from the main thread itself it is queued too."""
    host = state.running()
    if host is None:
        raise state.SimError("executeInMainThread after the host was closed: the caller outlived Nuke")
    host._queue.put(call, args, kwargs)


def executeInMainThreadWithResult(call: Callable[..., Any], args: Any = (), kwargs: Any = {}) -> Any:  # noqa: B006
    """Queue a call for the main thread and wait; None when it raised. From the main thread Nuke waits for ever: Deadlock here."""
    host = state.running()
    if host is None:
        raise state.SimError("executeInMainThreadWithResult after the host was closed: the caller outlived Nuke")
    if threading.current_thread() is host._main_thread:
        if host.hostile:
            raise SystemError("error return without exception set")  # 11.x; 10 and later raise on purpose (NUKE_MEASURED 5)
        raise Deadlock("executeInMainThreadWithResult was called from the main thread: Nuke would wait for itself for ever")
    done, answer = host._queue.put(call, args, kwargs)
    while not done.wait(0.2):
        if host._queue.closed:
            return None
    return answer[0]


class RunInMainThread:
    """The pair of calls underneath."""

    @classmethod
    def request(cls, call: Callable[..., Any], args: Any = (), kwargs: Any = {}) -> None:  # noqa: B006
        executeInMainThread(call, args, kwargs)

    @classmethod
    def result(cls, call: Callable[..., Any], args: Any = (), kwargs: Any = {}) -> Any:  # noqa: B006
        return executeInMainThreadWithResult(call, args, kwargs)


class ProgressTask:
    """A progress bar. Any thread may use it; the host records it and can press Cancel (host.cancel_progress)."""

    def __init__(self, name: str = "") -> None:
        self._title, self._message, self._progress, self._cancelled = name, "", 0, False
        self._seen: list[tuple[int, str]] = []
        host = state.running()
        if host is not None:
            with host._progress_lock:
                host.progress_records.append(ProgressRecord(self))

    def setMessage(self, s: str) -> None:
        self._message = s
        self._seen.append((self._progress, s))

    def setProgress(self, i: int) -> None:
        if not isinstance(i, int):
            raise TypeError(f"ProgressTask.setProgress() needs an int from 0 to 100, not {type(i).__name__}")
        self._progress = i
        self._seen.append((i, self._message))

    def isCancelled(self) -> bool:
        return self._cancelled


class ProgressRecord:
    """What the host remembers of a bar: it does not keep the bar open, as only the plugin's reference does that."""

    def __init__(self, task: ProgressTask) -> None:
        import weakref

        self.title = task._title
        self.seen = task._seen
        self._task = weakref.ref(task)

    @property
    def open(self) -> bool:
        return self._task() is not None

    def cancel(self) -> None:
        task = self._task()
        if task is not None:
            task._cancelled = True
