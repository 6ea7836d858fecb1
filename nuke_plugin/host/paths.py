"""Paths in knobs, with the [brackets] that Nuke runs in them, and the variables of the script that may stand in them."""

from __future__ import annotations

import os
import re
from typing import Any, Dict, Mapping, Optional

import nuke

from xmem_roto_nuke.host.artist import plain
from xmem_roto_nuke.host.edition import root_node
from xmemcore.protocol.failures import RequestError

_VARIABLE = re.compile(r"%(?:\{(?P<braced>[^{}\s]+)\}|(?P<plain>(?![vVd]\b)[A-Za-z_]\w*))")
"""The script's variable in a text, as `%shot` or `%{set.shot}`; %v, %V and %d are Nuke's own. Source: measured, 17.0v2."""
_FOLDER = r"(?!\.*/|\.*$)[^\\/:*?\"<>|%#\[\]{}$~\s](?:[^\\/:*?\"<>|%#\[\]{}$\x00-\x1f]*[^\\/:*?\"<>|%#\[\]{}$\s.])?"
_FOLDERS = re.compile(rf"{_FOLDER}(?:/{_FOLDER})*")
"""What may stand in a path on every system as it is: `sh010`, `sq01/sh010`. Nothing absolute, nothing that Nuke or a disk changes."""
DEFAULT_SET = "__default__"
"""The script's variables that belong to no set by name; shots are among them."""
DEEPEST = 10
"""Times that variables are looked for in the values of others."""


def script_variables() -> Dict[str, str]:
    """Give the variables of the script (MultiShot, Nuke 16), those that it has a value for; variables in a value are filled in."""
    return {name: filled(value) for name, value in _variable_sets().get(DEFAULT_SET, {}).items()}


def kept_variables() -> Dict[str, str]:
    """Give the values of the variables that a file knob may keep, by the name that stands in `%{name}`: those that can be folders."""
    found = {}
    for group, variables in _variable_sets().items():
        for name, text in variables.items():
            value = filled(text)
            if re.fullmatch(r"\w+", group) and _VARIABLE.fullmatch(f"%{name}") and _FOLDERS.fullmatch(value):
                found[name if group == DEFAULT_SET else f"{group}.{name}"] = value
    return found


def filled(text: str) -> str:
    """Put the values of the script's variables into a text; what is no variable, and a circle of them, stays."""
    for _ in range(DEEPEST if "%" in text else 0):
        before, text = text, _with_values(text, {})
        if text == before:
            break
    return text


def _with_values(text: str, stand_ins: Mapping[str, str]) -> str:
    """Put values, or what stands for them, in the place of variables."""
    sets = _variable_sets() if "%" in text else {}

    def value(found: re.Match[str]) -> str:
        group, dot, name = (found["braced"] or found["plain"]).rpartition(".")
        group = group if dot else DEFAULT_SET
        stand_in = stand_ins.get(name if group == DEFAULT_SET else f"{group}.{name}")
        return stand_in or sets.get(group, {}).get(name, found[0])

    return _VARIABLE.sub(value, text)


def _variable_sets() -> Dict[str, Dict[str, str]]:
    knob = root_node().knob("gsv")
    sets = knob.value() if knob is not None else None
    found = {str(name): values for name, values in sets.items() if isinstance(values, dict)} if isinstance(sets, dict) else {}
    return {name: {str(variable): str(value) for variable, value in values.items() if value} for name, values in found.items()}


def filled_path(knob: Any, stand_ins: Optional[Mapping[str, str]] = None) -> str:
    """Give the path of a text knob with its [brackets] run and the script's variables filled in; the place for a frame number stays.

    A file knob does that by itself, but tools that collect a script's files take every file knob for an input.

    Args:
        knob: of text.
        stand_ins: what to put in the place of some variables instead of their values.

    Raises:
        RequestError: Nuke does not understand what stands in brackets.
    """
    if knob.Class() == "File_Knob":  # of an older node; not evaluate(), which puts in a frame number
        return str(knob.getEvaluatedValue() or "")
    return filled(_with_values(text_of(knob), stand_ins or {}))


def text_of(knob: Any) -> str:
    """Give what a text knob says, with its [brackets] run.

    Raises:
        RequestError: Nuke does not understand what stands in brackets.
    """
    text = str(knob.getText() or "")
    if "[" in text:
        try:
            text = str(nuke.tcl("subst", "-nobackslashes", "-novariables", text))
        except RuntimeError as error:
            raise RequestError(
                f"Nuke does not understand the brackets in '{knob.label()}', {text} ({plain(error)}). Correct it."
            ) from error
    return text


_BRACKET = "[format %c 91]"
"""A command that gives a bracket. A backslash does not keep a bracket from being run everywhere."""


def _in_brackets(path: str) -> str:
    return path.replace("[", _BRACKET)


def kept_path(knob: Any) -> str:
    """Give the path that `set_path` or `note_path` wrote, with the script's variables in it; runs nothing."""
    return str(knob.value() or "").replace(_BRACKET, "[")


def note_path(knob: Any, path: str) -> None:
    """Write a path into a text knob that expressions read; nothing is checked."""
    knob.setValue(_in_brackets(path))


def set_path(knob: Any, path: str, kept: str = "") -> bool:
    """Write a path into a file knob so that it comes out as it is: Nuke runs what stands in brackets.

    Args:
        knob: of a file.
        path: with the values of the script's variables in it.
        kept: the same with variables such as `%{shot}` in it, for which Nuke puts in what they are when it renders; empty for none.

    Returns:
        Whether the knob keeps the variables. It does not where a scope around the node, such as a VariableGroup, has others.

    Raises:
        RequestError: it comes out as something else.
    """
    if kept and kept != path:
        knob.setValue(_in_brackets(kept))
        # The script may be at another shot by now; then the knob gives the mattes of that one.
        if filled(str(knob.getEvaluatedValue())) == path or filled(kept) != path:
            return True
    knob.setValue(_in_brackets(path))
    if any(letter in path for letter in "[]{}$\\") and knob.getEvaluatedValue() != path:
        raise RequestError(f"Nuke does not take the path {path} as it is. Save the script, or put the output, where no name has brackets.")
    return False


def file_pattern(read: nuke.Node) -> str:
    """Give the files of a Read with %04d or #### still in it: brackets and file name filters applied, absolute where that is possible."""
    try:
        found = nuke.filename(read)
    except RuntimeError:
        return ""  # brackets that fail; Nuke says so when it renders
    # Of a gizmo, Nuke gives the files of all Writes inside.
    pattern = found if isinstance(found, str) else ""
    pattern = pattern.replace("%V", nuke.views()[0]).replace("%v", nuke.views()[0][:1])
    project = str(root_node()["project_directory"].evaluate() or "")  # type: ignore[attr-defined]
    return os.path.join(project, pattern) if pattern and project else pattern
