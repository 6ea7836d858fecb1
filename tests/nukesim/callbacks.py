"""nuke.callbacks: lists of functions per event and node class, called as Nuke calls them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import state

_EVENTS = {
    "onUserCreates": {},
    "onCreates": {},
    "onScriptLoads": {},
    "onScriptSaves": {},
    "onScriptCloses": {},
    "onDestroys": {},
    "knobChangeds": {},
    "updateUIs": {},
    "autolabels": {},
    "beforeRenders": {},
    "beforeFrameRenders": {},
    "afterFrameRenders": {},
    "afterRenders": {},
    "filenameFilters": {},
}  # type: dict[str, dict[str, list[Any]]]


REMOVED = ("AfterFrameRender", "OnCreate", "OnScriptLoad", "OnScriptSave", "UpdateUI")
"""Events whose callbacks somebody takes away again; see `tests/nukesim_tests/test_sim_unused.py`."""


def clear() -> None:
    """Forget every function; a new host starts empty."""
    for table in _EVENTS.values():
        table.clear()


def _add(table: dict[str, list[Any]], call: Callable[..., Any], args: Any, kwargs: Any, nodeClass: str, node: Any = None) -> None:
    if not callable(call):
        raise ValueError("call must be a callable")
    if not isinstance(kwargs, dict):
        raise ValueError("kwargs must be a dictionary")
    entry = (call, args if isinstance(args, tuple) else (args,), kwargs, node)
    entries = table.setdefault(nodeClass, [])
    if entry in entries:
        entries.remove(entry)  # a function is in the list once
    entries.append(entry)


def _remove(table: dict[str, list[Any]], call: Callable[..., Any], args: Any, kwargs: Any, nodeClass: str, node: Any = None) -> None:
    entry = (call, args if isinstance(args, tuple) else (args,), kwargs, node)
    if entry in table.get(nodeClass, []):
        table[nodeClass].remove(entry)


def _matching(event: str, class_name: str, node: Any) -> list[Any]:
    table = _EVENTS[event]
    return [e for e in [*table.get(class_name, []), *table.get("*", [])] if e[3] is None or e[3] is node]


def _run(event: str) -> None:
    node = state.current()._context_node()
    for call, args, kwargs, _ in _matching(event, node._class, node):
        call(*args, **kwargs)


def _build(event: str, verb: str, default: str) -> dict[str, Any]:
    """Make addX and x for one event, and removeX where somebody calls it."""
    table = _EVENTS[event]
    noun = verb[0].upper() + verb[1:]

    def add(call: Any, args: Any = (), kwargs: Any = {}, nodeClass: str = default) -> None:  # noqa: B006
        _add(table, call, args, kwargs, nodeClass)

    def remove(call: Any, args: Any = (), kwargs: Any = {}, nodeClass: str = default) -> None:  # noqa: B006
        _remove(table, call, args, kwargs, nodeClass)

    def run() -> None:
        _run(event)

    add.__name__, remove.__name__, run.__name__ = "add" + noun, "remove" + noun, verb
    made = {"add" + noun: add, verb: run, event: table}
    return {**made, "remove" + noun: remove} if noun in REMOVED else made


_made: dict[str, Any] = {}
for _event, _verb, _default in (
    ("onUserCreates", "onUserCreate", "*"),
    ("onCreates", "onCreate", "*"),
    ("onScriptLoads", "onScriptLoad", "Root"),
    ("onScriptSaves", "onScriptSave", "Root"),
    ("onScriptCloses", "onScriptClose", "Root"),
    ("onDestroys", "onDestroy", "*"),
    ("updateUIs", "updateUI", "*"),
    ("autolabels", "autolabel", "*"),
    ("beforeRenders", "beforeRender", "Write"),
    ("beforeFrameRenders", "beforeFrameRender", "Write"),
    ("afterFrameRenders", "afterFrameRender", "Write"),
    ("afterRenders", "afterRender", "Write"),
):
    _made.update(_build(_event, _verb, _default))
globals().update(_made)

knobChangeds = _EVENTS["knobChangeds"]
filenameFilters = _EVENTS["filenameFilters"]


def addKnobChanged(call: Any, args: Any = (), kwargs: Any = {}, nodeClass: str = "*", node: Any = None) -> None:  # noqa: B006
    _add(_EVENTS["knobChangeds"], call, args, kwargs, nodeClass, node)


def knobChanged() -> None:
    _run("knobChangeds")


def autolabel() -> Any:
    """The first text that a function gives, the last added first."""
    node = state.current()._context_node()
    table = _EVENTS["autolabels"]
    for entries in (table.get(node._class, []), table.get("*", [])):
        for call, args, kwargs, _ in reversed(entries):
            text = call(*args, **kwargs)
            if text is not None:
                return text
    return None


def addFilenameFilter(call: Any, args: Any = (), kwargs: Any = {}, nodeClass: str = "*") -> None:  # noqa: B006
    _add(_EVENTS["filenameFilters"], call, args, kwargs, nodeClass)


def removeFilenameFilter(call: Any, args: Any = (), kwargs: Any = {}, nodeClass: str = "*") -> None:  # noqa: B006
    _remove(_EVENTS["filenameFilters"], call, args, kwargs, nodeClass)


def filenameFilter(filename: str) -> str:
    """Pass a file name through the filters, the last added first."""
    node = state.current()._context_node()
    table = _EVENTS["filenameFilters"]
    for entries in (table.get(node._class, []), table.get("*", [])):
        for call, args, kwargs, _ in reversed(entries):
            answer = call(filename, *args, **kwargs)
            if answer is not None:
                filename = answer
    return filename


NAMES = sorted(
    [
        *_made,
        "addKnobChanged",
        "knobChanged",
        "knobChangeds",
        "filenameFilters",
        "autolabel",
        "addFilenameFilter",
        "removeFilenameFilter",
        "filenameFilter",
    ]
)
"""What the nuke module offers of this one."""
