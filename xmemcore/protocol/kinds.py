"""Make dataclasses of values from outside, after each value is found to have its field's type."""

from __future__ import annotations

import math
import re
from collections import abc
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from typing import Any, Dict, Mapping, Optional, Tuple, Type, TypeVar, Union, get_type_hints

from xmemcore.protocol.outside import NotUsable, short

T = TypeVar("T")

LARGEST_WHOLE = 2**53
"""Larger whole numbers change on their way through JSON readers that use doubles."""
_FRAME = re.compile(r"-?[0-9]{1,15}")
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
        values: of its fields, by name. Lists stand for tuples, and missing fields are not looked at.
        paths: whether texts are paths or names, which cannot hold every character.
    """
    hints = _hints(kind)  # type: ignore[arg-type]  # a class can be hashed
    for name, value in values.items():
        wanted = [_plain(hint) for hint in (getattr(hints[name], "__args__", ()) if _is_union(hints[name]) else (hints[name],))]
        if Any in wanted or any(_fits(hint, value) for hint in wanted):
            continue
        if isinstance(value, str) and str in wanted:
            if not paths:
                continue
            return f"{name} is {short(value)}, which holds characters that no path and no name can have"
        named = " or ".join(_NAMES[hint] for hint in wanted if hint in _NAMES)
        return f"{name} is {short(value)}, but must be {named or 'something else'}"
    return None


def of_json(kind: Type[T], content: Any) -> T:
    """Make a dataclass of parsed JSON, and the dataclasses inside of it.

    Raises:
        NotUsable: a field is missing, unknown, or has a value of another kind.
    """
    if not isinstance(content, dict):
        raise NotUsable(f"{kind.__name__} is {short(content)}, but must be an object")
    hints = _hints(kind)  # type: ignore[arg-type]  # a class can be hashed
    declared = {field.name: field for field in fields(kind)}  # type: ignore[arg-type]
    for name in content:
        if name not in declared:
            raise NotUsable(f"{kind.__name__} has no field {short(name)}")
    for name, field in declared.items():
        if name not in content and field.default is MISSING and field.default_factory is MISSING:
            raise NotUsable(f"{kind.__name__} lacks its field {name}")
    return kind(**{name: _made_of(hints[name], value, name) for name, value in content.items()})


def _made_of(hint: Any, value: Any, name: str) -> Any:
    """Make a field's value of JSON; raises NotUsable, which names the field."""
    arguments: Tuple[Any, ...] = getattr(hint, "__args__", ())
    if _is_union(hint):
        if value is None and type(None) in arguments:
            return None
        (hint,) = (argument for argument in arguments if argument is not type(None))
        return _made_of(hint, value, name)
    plain = _plain(hint)
    if getattr(plain, "__origin__", None) is tuple and isinstance(value, list):
        return tuple(_made_of(arguments[0], element, name) for element in value)
    if plain in (dict, abc.Mapping) and isinstance(value, dict):
        return {_key(arguments[0], key, name): _made_of(arguments[1], element, name) for key, element in value.items()}
    if is_dataclass(plain) and isinstance(plain, type):
        return of_json(plain, value)
    if plain is Any or (isinstance(value, str) if plain is str else _fits(plain, value)):
        return value
    raise NotUsable(f"{name} is {short(value)}, but must be {_NAMES.get(plain, 'something else')}")


def _key(hint: Any, key: str, name: str) -> Any:
    """Turn the text that JSON has for a key into what it stands for; raises NotUsable."""
    if hint is not int:
        return key
    if _FRAME.fullmatch(key) is None:
        raise NotUsable(f"{name} has the key {short(key)}, but must have whole numbers for keys")
    return int(key)


@cache
def _hints(kind: Type[Any]) -> Dict[str, Any]:
    return get_type_hints(kind)


def _is_union(hint: Any) -> bool:
    return getattr(hint, "__origin__", None) is Union


def _plain(hint: Any) -> Any:
    """Reduce Dict[str, Any] to dict; a tuple type keeps what it holds."""
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
        return isinstance(value, (list, tuple)) and all(item is Any or _fits(item, entry) for entry in value)
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
