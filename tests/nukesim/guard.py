"""The gate in front of every public name: right thread, live node, one undo step, and Non-commercial's count of nodes."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

from . import state

C = TypeVar("C", bound=type)

_DUNDERS = ("__getitem__", "__setitem__", "__len__", "__enter__", "__exit__", "__iter__", "__contains__")


def public(function: Callable[..., Any]) -> Callable[..., Any]:
    """Let the host check a call before it runs; the signature stays visible to inspect."""

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        return state.current()._enter(function, args, kwargs)

    return call


def public_class(cls: C) -> C:
    """Put the gate in front of every public method that this class itself defines."""
    for name, member in list(vars(cls).items()):
        if name.startswith("_") and name not in _DUNDERS:
            continue
        if isinstance(member, classmethod):
            setattr(cls, name, classmethod(public(member.__func__)))
        elif isinstance(member, property):
            setattr(cls, name, property(*(public(part) if part else None for part in (member.fget, member.fset, member.fdel))))
        elif callable(member) and hasattr(member, "__code__"):
            setattr(cls, name, public(member))
    return cls
