"""A node's knobs read as they are now. Main thread only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xmem_roto_nuke import host
from xmem_roto_nuke.node import identity, places
from xmem_roto_nuke.node.settings import Settings
from xmemcore.protocol.failures import RequestError

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


def matte_pattern(node: nuke.Node) -> str:
    """Say where a node's mattes go.

    Raises:
        RequestError: there is no place for them.
    """
    # Not evaluate(): that puts a frame number where the pattern has its place for one.
    chosen = str(node["output"].getEvaluatedValue() or "")  # type: ignore[attr-defined]
    return places.matte_pattern(chosen, host.script_path(), identity.node_id(node))
