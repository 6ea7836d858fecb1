"""Whether values from outside are of the kinds that a dataclass says: asked before one is made of them."""

from __future__ import annotations

import math
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any, Dict, Mapping, Optional, Tuple, Type, Union, get_type_hints

from xmemcore.protocol.outside import short

LARGEST_WHOLE = 2**53
"""Beyond, a number is not the same on both sides of every JSON."""
_NAMES = {
    str: "text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    dict: "an object",
    Tuple[int, ...]: "a list of whole numbers",
    Tuple[str, ...]: "a list of texts",
}


def wrong_kind(kind: Type[Any], values: Mapping[str, Any], paths: bool = True) -> Optional[str]:
    """Say which field has a value of another kind, and what it should be; None when all are right.

    Args:
        kind: a dataclass.
        values: of its fields, by name; tuples may be lists, and what is missing is not looked at.
        paths: whether texts are paths and names, which cannot hold every character.
    """
    hints = _hints(kind)  # type: ignore[arg-type]  # a class can be hashed
    for name, value in values.items():
        wanted = [_plain(hint) for hint in (getattr(hints[name], "__args__", ()) if _is_union(hints[name]) else (hints[name],))]
        if Any in wanted or any(_fits(one, value) for one in wanted):
            continue
        if isinstance(value, str) and str in wanted:
            if not paths:
                continue
            return f"{name} is {short(value)}, which holds characters that no path and no name can have"
        named = " or ".join(_NAMES[one] for one in wanted if one in _NAMES)
        return f"{name} is {short(value)}, but must be {named or 'something else'}"
    return None


def wrong_field(instance: Any) -> Optional[str]:
    """`wrong_kind` of a dataclass that exists."""
    return wrong_kind(type(instance), {field.name: getattr(instance, field.name) for field in fields(instance)})


@cache
def _hints(kind: Type[Any]) -> Dict[str, Any]:
    return get_type_hints(kind)


def _is_union(hint: Any) -> bool:
    return getattr(hint, "__origin__", None) is Union


def _plain(hint: Any) -> Any:
    """Reduce Dict[str, Any] to its origin; of a tuple, what is in it matters."""
    origin = getattr(hint, "__origin__", hint)
    return hint if origin is tuple else origin


def _fits(wanted: Any, value: Any) -> bool:
    if wanted is str:
        return isinstance(value, str) and _is_sayable(value)
    if wanted is bool:
        return isinstance(value, bool)
    if wanted is int:
        return isinstance(value, int) and not isinstance(value, bool) and abs(value) <= LARGEST_WHOLE
    if wanted is float:
        return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) <= LARGEST_WHOLE and math.isfinite(value)
    if getattr(wanted, "__origin__", None) is tuple:
        item = _plain(wanted.__args__[0])
        return isinstance(value, (list, tuple)) and all(item is Any or _fits(item, one) for one in value)
    if wanted is dict:
        return isinstance(value, dict)
    if wanted is type(None):
        return value is None
    return isinstance(wanted, type) and is_dataclass(wanted) and isinstance(value, wanted)


def _is_sayable(text: str) -> bool:
    """Say whether a text can be a path: no NUL, no lone surrogate but those that stand for bytes."""
    try:
        text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return False
    return "\0" not in text
