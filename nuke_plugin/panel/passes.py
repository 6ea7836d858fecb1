"""XMemPass nodes made from a result: the union, each object, and confidence, core, edge and Cryptomatte where they exist."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xmem_roto_nuke import host
from xmem_roto_nuke.node import identity, knobs, runs
from xmem_roto_nuke.panel import picked, result
from xmem_roto_nuke.staleness.last_run import last_record
from xmemcore.protocol.failures import RequestError
from xmemcore.protocol.names import CRYPTOMATTE_LAYERS

if TYPE_CHECKING:
    import nuke


def make_passes(node: nuke.Node) -> None:
    """Create the passes of a node's result below it.

    Raises:
        RequestError.
    """
    record = last_record(node)
    if record is None or not record.layers:
        title = runs.title(identity.node_id(node))
        todo = f"{title} is at work: press again when it has finished." if title else "Propagate first."
        raise RequestError(f"{node.name()} has no finished result yet. {todo}")
    channels = ["rgba.alpha", *(f"{layer}.alpha" for layer in record.layers)]
    if picked.is_on(record, "confidence"):
        channels.append("confidence.value")
    if picked.is_on(record, "bands"):
        channels += ["core.value", "edge.value"]
    pattern, frames = knobs.shown_pattern(node) or record.out, result.shown_range(node)
    kept = host.kept_path(knobs.result_read(node)["file"])
    cryptomatte = CRYPTOMATTE_LAYERS if picked.is_on(record, "cryptomatte") else ()

    def point(created: nuke.Node) -> None:
        result.point(created, pattern, kept, frames)

    for created in host.create_passes(node, identity.node_id(node), point, channels, cryptomatte):
        result.mark_holes(created, record.missing)
    picked.follow(node)
    picked.forget_left(node)
