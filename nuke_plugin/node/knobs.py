"""A node's knobs read as they are now. Main thread only."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any

from xmem_roto_nuke import graph, host
from xmem_roto_nuke.node import identity, places
from xmem_roto_nuke.node.settings import Settings
from xmemcore.protocol.failures import RequestError
from xmemcore.protocol.places import OUTPUT_VARIABLE

if TYPE_CHECKING:
    import nuke


def read_settings(node: nuke.Node) -> Settings:
    """Copy a node's knobs, as they are now."""
    try:
        out = matte_pattern(node)
    except RequestError:
        out = ""  # a status or a suggestion needs no place for mattes; a propagate asks before it begins

    def read(name: str) -> Any:
        knob = node.knob(name)
        return None if knob is None else knob.value()

    return Settings.of_knobs(read, str(node.fullName()), out, host.current_frame())


def result_read(node: nuke.Node) -> nuke.Node:
    """Give the Read inside of a node that puts out its mattes.

    Raises:
        RequestError, EditionLimited.
    """
    read = graph.held(node, "Result", lambda: node.node("Result"))  # type: ignore[attr-defined]
    if read is None:
        raise host.limit_reached() or RequestError(
            f"{node.name()} has no Read called Result inside. Make a new XMemRoto, or undo the change."
        )
    return read


def shown_pattern(node: nuke.Node) -> str:
    """Give the pattern of the mattes that the node puts out; empty when it puts out none.

    Raises:
        RequestError, EditionLimited.
    """
    return path_of(result_read(node), "file") if node["has_result"].value() else ""


def path_of(node: nuke.Node, knob: str) -> str:
    """Give a knob's path with the place of the frame number still in it."""
    return str(node[knob].getEvaluatedValue() or "")  # type: ignore[attr-defined]


def matte_pattern(node: nuke.Node, version: str = "") -> str:
    """Say where a node's mattes go.

    Args:
        node: an XMemRoto.
        version: of its mattes; empty for the one that its knob says.

    Raises:
        RequestError: there is no place for them.
    """
    chosen = host.filled_path(node["output"])
    knob, variables = node.knob("version"), host.script_variables()
    home = places.Home(
        host.script_path(),
        identity.node_id(node),
        str(node.fullName()),
        version or ("" if knob is None else str(knob.value())),
        os.environ.get(OUTPUT_VARIABLE, "").strip(),
        variables.get("shot", "") or os.environ.get("SHOT", ""),
        re.sub(r"[^A-Za-z0-9_.-]+", "_", "_".join(variables[name] for name in sorted(variables))),
    )
    return places.matte_pattern(chosen, home)
