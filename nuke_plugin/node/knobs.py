"""A node's knobs read as they are now. Main thread only."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any, Callable, Mapping

from xmem_roto_nuke import graph, host
from xmem_roto_nuke.node import identity, places
from xmem_roto_nuke.node.settings import Settings
from xmemcore.protocol.failures import RequestError
from xmemcore.protocol.places import OUTPUT_VARIABLE

if TYPE_CHECKING:
    import nuke


def read_settings(node: nuke.Node) -> Settings:
    """Copy a node's knobs, as they are now.

    Raises:
        RequestError: the brackets of a text make no sense to Nuke.
    """
    try:
        out = matte_pattern(node)
        kept = kept_pattern(node)
    except RequestError:
        out = kept = ""  # a status or a suggestion needs no place for mattes; a propagate asks before it begins

    def read(name: str) -> Any:
        knob = node.knob(name)
        if knob is None:
            return None
        return host.text_of(knob) if name == "frame_range" else knob.value()

    return Settings.of_knobs(read, str(node.fullName()), out, host.current_frame(), kept)


def result_read(node: nuke.Node) -> nuke.Node:
    """Give the Read inside of a node that puts out its mattes.

    Raises:
        RequestError, EditionLimited.
    """
    name = f"{node.fullName()}.Result"
    read = graph.held(node, "Result", lambda: node.node("Result"), lambda known: known.fullName() == name)  # type: ignore[attr-defined]
    if read is None:
        raise host.limit_reached() or RequestError(
            f"{node.name()} has no Read called Result inside. Make a new XMemRoto, or undo the change."
        )
    return read


def shown_pattern(node: nuke.Node) -> str:
    """Give the pattern of the mattes that the node puts out, those of the current shot; empty when it puts out none.

    Raises:
        RequestError, EditionLimited.
    """
    pattern = path_of(result_read(node), "file") if node["has_result"].value() else ""
    # A variable that this script, or this Nuke, has not got stays as it is, and so no matte is found.
    return "" if _NO_NUMBER.search(pattern) else pattern


def shown_pattern_or_empty(node: nuke.Node) -> str:
    """Give `shown_pattern`; empty too where the node's Read is gone, for what looks at a node and asks nothing of it."""
    try:
        return shown_pattern(node)
    except RequestError:
        return ""


def path_of(node: nuke.Node, knob: str) -> str:
    """Give a knob's path with the script's variables filled in, and the place of the frame number still in it."""
    return host.filled(str(node[knob].getEvaluatedValue() or ""))  # type: ignore[attr-defined]


def follows_shots(node: nuke.Node) -> bool:
    """Say whether the node's Read keeps a variable of the script in its path, so that each shot shows its own mattes."""
    knob = node.knob("range_of")
    return knob is not None and bool(knob.value())


def keeps_range(node: nuke.Node, pattern: str) -> bool:
    """Say whether the range that a node or a pass keeps is that of these mattes, and not that of another shot of the script."""
    return not follows_shots(node) or host.kept_path(node["range_of"]) == pattern


_NO_NUMBER = re.compile(r"%(?!0?\d*d)")


def matte_pattern(node: nuke.Node, version: str = "") -> str:
    """Say where a node's mattes go.

    Args:
        node: an XMemRoto.
        version: of its mattes; empty for the one that its knob says.

    Raises:
        RequestError: there is no place for them.
    """
    return _pattern(node, version, {})


def kept_pattern(node: nuke.Node, version: str = "") -> str:
    """Say where a node's mattes go with the script's variables kept as `%{shot}`, for a file knob; `matte_pattern` where it has none.

    A variable is kept that can be a folder as it is; $SHOT of the environment is none.

    Args, raises: as `matte_pattern`.
    """
    return with_variables(lambda stand_ins: _pattern(node, version, stand_ins))


def with_variables(place: Callable[[Mapping[str, str]], str]) -> str:
    """Write a path with variables in it.

    Args:
        place: gives the path with what it is given in the place of variables, by name; with nothing, the path as it is now.
    """
    # A letter that no path has goes through all that is done to a path, where `%{shot}` would be refused, as it is from artists.
    letters = {name: chr(0xE000 + number) for number, name in enumerate(sorted(host.kept_variables()))}
    path = place({})
    try:
        text = place(letters) if letters else path
    except RequestError:
        return path  # a variable without which it is no path at all
    for name, letter in letters.items():
        text = text.replace(letter, f"%{{{name}}}")
    return text if host.filled(text) == path else path


def _pattern(node: nuke.Node, version: str, stand_ins: Mapping[str, str]) -> str:
    chosen = host.filled_path(node["output"], stand_ins)
    kept, values = host.kept_variables(), host.script_variables()
    cleaned = {name: value if name in kept else re.sub(r"[^A-Za-z0-9_.-]+", "_", value) for name, value in values.items()}
    knob = node.knob("version")
    home = places.Home(
        host.script_path(),
        identity.node_id(node),
        str(node.fullName()),
        version or ("" if knob is None else str(knob.value())),
        os.environ.get(OUTPUT_VARIABLE, "").strip(),
        {**values, **stand_ins}.get("shot", "") or os.environ.get("SHOT", ""),
        "_".join(stand_ins.get(name, cleaned[name]) for name in sorted(cleaned)),
    )
    return places.matte_pattern(chosen, home)
