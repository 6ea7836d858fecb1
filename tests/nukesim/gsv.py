"""Graph scope variables of Nuke 16 and later (MultiShot): the knob `gsv`, and `%shot` in texts. Source: NUKE_MEASURED 7."""

from __future__ import annotations

import re
from typing import Any

from .guard import public_class
from .knobs import Knob

DEFAULT_SET = "__default__"
_NAME = re.compile(r"%(?:\{([^{}\s]*)\}|([A-Za-z_]\w*))")
_KEPT_FREE = ("v", "V", "d")


@public_class
class _Gsv_Knob(Knob):
    """Sets of variables. A child scope sees its own alone: inherited ones give None here, and count in texts all the same."""

    _type = "Gsv_Knob"

    def _setup(self) -> None:
        self._sets: dict[str, dict[str, str]] = {}

    def _get_state(self) -> Any:
        return repr(self._sets)

    def _put_state(self, saved: Any) -> None:
        self._sets = {} if not saved else dict(eval(saved))  # noqa: S307 (our own repr)

    def _to_script(self) -> str:
        return self._get_state()

    def _from_script(self, text: str) -> None:
        self._put_state(text)

    def value(self, *args: Any) -> dict[str, dict[str, str]]:
        return {name: dict(variables) for name, variables in self._sets.items()}

    def setValue(self, *args: Any) -> None:
        """Replace everything: sets that the new value lacks are gone."""
        given = {name: dict(variables) for name, variables in args[0].items()}
        self._edit(lambda: self._put_state(repr(given)))

    def _parts(self, path: str) -> tuple[str, str]:
        first, dot, second = path.partition(".")
        return (first, second) if dot else (DEFAULT_SET, first)

    def getGsvValue(self, path: str) -> str | None:
        group, name = self._parts(path)
        return self._sets.get(group, {}).get(name)

    def setGsvValue(self, path: str, value: str) -> None:
        group, name = self._parts(path)

        def put() -> None:
            self._sets.setdefault(group, {})[name] = str(value)

        self._edit(put)


def expand(text: str, node: Any, depth: int = 0) -> str:
    """Put variables into a text of a node; unknown names stay as typed, values may name others, and a circle is left."""
    if "%" not in text or depth > 10:
        return text

    def one(match: re.Match[str]) -> str:
        braced, bare = match.groups()
        path = braced if braced is not None else bare
        if path in _KEPT_FREE:
            return match.group()
        found = _look_up(path, node)
        return match.group() if found is None else expand(found, node, depth + 1)

    return _NAME.sub(one, text)


def _look_up(path: str, node: Any) -> str | None:
    """Find a variable in the scopes around a node, the innermost first."""
    scope = node
    while scope is not None:
        knob = scope._knobs_by_name.get("gsv")
        if isinstance(knob, _Gsv_Knob):
            group, name = knob._parts(path)
            if name in knob._sets.get(group, {}):
                return knob._sets[group][name]
        scope = scope._parent()
    return None
