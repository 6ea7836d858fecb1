"""Nuke's main thread, and what the artist is told and asked there; in a terminal, what the log and the farm are told.

Node, knob and Qt calls belong to the main thread. `in_main` brings a call there and its value or exception back;
Nuke's own way prints an exception and answers None.
"""

from __future__ import annotations

import threading
from typing import Any, Callable, List, Optional, Tuple, TypeVar

import nuke

from xmemcore.protocol import farm
from xmemcore.protocol.failures import Cancelled, Failure

T = TypeVar("T")


class NodeGone(Cancelled):
    """The node was deleted, or its script closed, during a run."""


class HostGone(Cancelled):
    """Nuke is leaving and runs no more calls."""


def has_interface() -> bool:
    """Say whether Nuke has its interface, or runs in a terminal."""
    return bool(nuke.GUI)


def in_main(call: Callable[..., T], *arguments: Any) -> T:
    """Run a call in Nuke's main thread and wait for its value; an exception comes out here.

    Raises:
        NodeGone: the call touched a node that is no more.
        HostGone: Nuke is closing.
    """
    if threading.current_thread() is threading.main_thread():
        return _node_gone_said(call, *arguments)

    def carried() -> Tuple[bool, Any]:
        try:
            return True, _node_gone_said(call, *arguments)
        except Exception as error:
            return False, error

    answer = nuke.executeInMainThreadWithResult(carried)
    if answer is None:
        raise HostGone("Nuke is closing.")
    succeeded, value = answer
    if not succeeded:
        raise value
    return value  # type: ignore[no-any-return]


def later(call: Callable[[], None]) -> None:
    """Run a call in Nuke's main thread at its next idle moment; an exception is printed by Nuke."""
    nuke.executeInMainThread(call)


def _node_gone_said(call: Callable[..., T], *arguments: Any) -> T:
    try:
        return call(*arguments)
    except ValueError as error:
        if "not attached to a node" in str(error):
            raise NodeGone("The node was deleted or its script closed.") from error
        raise


def tell(text: str) -> None:
    """Show one sentence: a dialogue to an artist, a line on a farm."""
    if has_interface():
        nuke.message(text)
    else:
        nuke.tprint(f"XMem Roto: {text}")


def tell_farm(failure: Failure) -> None:
    """Tell the farm that runs this terminal, where one does, why the task fails."""
    if farm.in_session() and not isinstance(failure, Cancelled):
        nuke.tprint(farm.failed(str(failure)))


def say(text: str) -> None:
    """Print a text into the Script Editor's output, or the terminal."""
    nuke.tprint(text)


_together: List[str] = []
"""Sentences to be told in one message."""


def tell_together(text: str) -> None:
    """Tell a sentence together with others of the same moment: a script with ten old nodes is no reason for ten dialogues. Main thread."""
    if not has_interface():
        tell(text)
        return
    _together.append(text)
    if len(_together) == 1:
        nuke.executeInMainThread(_tell_collected)


def _tell_collected() -> None:
    texts = list(dict.fromkeys(_together))
    _together.clear()
    tell("\n".join(texts))


def ask(question: str) -> bool:
    """Ask an artist to decide; without an interface the answer is yes, and the question is printed."""
    if has_interface():
        return bool(nuke.ask(question))
    tell(question)
    return True


class ProgressBar:
    """Nuke's progress bar in the interface, lines in a terminal; may be used from any thread."""

    def __init__(self, title: str) -> None:
        """Show the bar; it closes with the last reference to it."""
        self._title = title
        self._task: Optional[Any] = nuke.ProgressTask(title) if has_interface() else None
        self._percent_printed = -1

    def show(self, done: int, total: int, text: str) -> None:
        """Set how far, and what is being done."""
        percent = int(100 * done / max(total, 1))
        if self._task is not None:
            self._task.setMessage(text)
            self._task.setProgress(percent)
        elif percent // 5 != self._percent_printed:
            self._percent_printed = percent // 5
            nuke.tprint(f"XMem Roto: {self._title}: {percent} % {text}")
            if farm.in_session():
                nuke.tprint(f"{farm.status(text)}\n{farm.progress(percent)}")

    @property
    def cancelled(self) -> bool:
        return self._task is not None and bool(self._task.isCancelled())

    def close(self) -> None:
        """Take the bar away."""
        self._task = None


def plain(error: Exception) -> str:
    """Give the text of an error of Nuke's as part of a sentence: one line, no full stop."""
    return " ".join(str(error).split()).rstrip(".") or type(error).__name__
