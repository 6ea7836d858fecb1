"""The undo stack: steps of small changes, nested begin/end, and disable/enable that count."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import state
from .guard import public_class


class UndoStack:
    """Steps done and undone. A change is a pair of functions, back and forth; they find nodes by number when they run."""

    def __init__(self) -> None:
        self.done: list[tuple[str, list[tuple[Callable[[], None], Callable[[], None]]]]] = []
        self.undone: list[tuple[str, list[tuple[Callable[[], None], Callable[[], None]]]]] = []
        self.open_name: str | None = None
        self.open: list[tuple[Callable[[], None], Callable[[], None]]] = []
        self.depth = 0
        self.off = 0
        self.replaying = False
        self.joined: list[bool] = []

    def record(self, back: Callable[[], None], forth: Callable[[], None]) -> None:
        """Remember one change in the open step; there is no step without begin and end, and no Undo without interface (NUKE_MEASURED 4)."""
        if self.off or self.replaying or not self.depth or not state.current()._gui:
            return
        self.open.append((back, forth))
        self.undone.clear()

    def join(self, name: str) -> None:
        """Go on in the open step, if there is one: making a node opens none."""
        self.depth += self.depth > 0
        self.joined.append(self.depth > 0)

    def part(self) -> None:
        """End what `join` began."""
        if self.joined.pop():
            self.end()

    def begin(self, name: str | None = None) -> None:
        self.depth += 1
        if self.depth == 1:
            self.open, self.open_name = [], name
        elif name:
            self.open_name = self.open_name or name

    def end(self) -> None:
        if not self.depth:
            raise RuntimeError("Undo.end() without Undo.begin()")
        self.depth -= 1
        if self.depth == 0 and self.open:
            self.done.append((self.open_name or "", self.open))
            self.open, self.open_name = [], None

    def cancel(self) -> None:
        """Take back what the open step did; of one within another, all: whether Nuke takes back less is not known. Without one: nothing."""
        changes, self.open, self.depth = self.open, [], max(0, self.depth - 1)
        self.replay([back for back, _ in reversed(changes)])

    def replay(self, functions: list[Callable[[], None]]) -> None:
        self.replaying = True
        try:
            for function in functions:
                function()
        finally:
            self.replaying = False

    def undo(self) -> None:
        if self.done:
            step = self.done.pop()
            self.replay([back for back, _ in reversed(step[1])])
            self.undone.append(step)

    def redo(self) -> None:
        if self.undone:
            step = self.undone.pop()
            self.replay([forth for _, forth in step[1]])
            self.done.append(step)


@public_class
class Undo:
    """nuke.Undo: used as a class, and as a context manager."""

    def __init__(self, name: str | None = None) -> None:
        self._name = name

    @classmethod
    def begin(cls, name: str | None = None) -> None:
        state.current()._undo.begin(name)

    @classmethod
    def end(cls) -> None:
        state.current()._undo.end()

    @classmethod
    def new(cls, name: str | None = None) -> None:
        stack = state.current()._undo
        if stack.depth:
            depth = stack.depth
            stack.depth = 1
            stack.end()
            stack.begin(name)
            stack.depth = depth

    @classmethod
    def name(cls, name: str) -> None:
        state.current()._undo.open_name = name

    @classmethod
    def cancel(cls) -> None:
        state.current()._undo.cancel()

    @classmethod
    def disable(cls) -> None:
        state.current()._undo.off += 1

    @classmethod
    def enable(cls) -> None:
        stack = state.current()._undo
        if not stack.off:
            raise RuntimeError("Undo.enable() without Undo.disable()")
        stack.off -= 1

    @classmethod
    def disabled(cls) -> bool:
        return bool(state.current()._undo.off)

    @classmethod
    def undo(cls) -> None:
        state.current()._undo.undo()

    @classmethod
    def redo(cls) -> None:
        state.current()._undo.redo()

    @classmethod
    def undoSize(cls) -> int:
        return len(state.current()._undo.done)

    def __enter__(self) -> Undo:
        state.current()._undo.begin(self._name)
        return self

    def __exit__(self, type: Any, value: Any, traceback: Any) -> Any:
        state.current()._undo.end()
        return False
