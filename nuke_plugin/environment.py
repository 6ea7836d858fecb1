"""What pixels depend on in the environment of the process, as far as texts tell: variables that brackets ask for, and $OCIO."""

from __future__ import annotations

import os
import re
from functools import lru_cache
from pathlib import Path
from typing import Iterable, List, Tuple

from xmemcore.protocol.places import file_state

_ASKED = re.compile(r"""\b(?:getenv|env|environ(?:\.get)?)\b[\s(\[{\\"']+(?P<name>[A-Za-z_]\w*)""")
"""A variable by name: `[getenv X]`, `$env(X)`, `os.environ["X"]`, `os.environ.get('X')`, `os.getenv("X")`."""
_IN_CONFIG = re.compile(r"\$\{?(?P<name>[A-Za-z_]\w*)|%(?P<other>[A-Za-z_]\w*)%")
LARGEST_CONFIG = 4_000_000
"""Bytes of an OCIO configuration that is searched for variables."""


def asked_in(text: str) -> List[str]:
    """Write the variables that a text with brackets or Python asks for, each with its value."""
    return _with_values(found["name"] for found in _ASKED.finditer(text)) if "env" in text else []


def ocio_state(config: str = "") -> List[str]:
    """Write what an OCIO configuration is: of $OCIO, which Nuke prefers, and of the project settings. Without either nothing.

    The variables that stand in it count too: search paths and looks of a shot are chosen by them.

    Args:
        config: path that the project settings name; empty for none.
    """
    lines = []
    for name, path in (("OCIO", os.environ.get("OCIO", "")), ("config", config)):
        if path:
            state = file_state(Path(path))
            lines.append(f"{name} {path} {state}")
            lines += _with_values(_named_in(path, tuple(state)) if state is not None else ())
    return lines


@lru_cache(maxsize=8)
def _named_in(path: str, state: Tuple[int, ...]) -> Tuple[str, ...]:
    """Name the variables in a configuration; asked at every look, so a file is read once for each state that it has."""
    try:
        with open(path, "rb") as file:
            text = file.read(LARGEST_CONFIG).decode("utf-8", errors="replace")
    except OSError:
        return ()
    return () if "\0" in text else tuple(sorted({found["name"] or found["other"] for found in _IN_CONFIG.finditer(text)}))


def _with_values(names: Iterable[str]) -> List[str]:
    return [f"${name} {os.environ.get(name)}" for name in dict.fromkeys(names)]
