"""Ownership of results: no two nodes write into one without the artist's consent. Main thread only."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Callable, Optional, Tuple

from xmem_roto_nuke import host
from xmem_roto_nuke.node import home, identity, knobs
from xmem_roto_nuke.panel import result
from xmem_roto_nuke.staleness.record import owner_of
from xmemcore.protocol.failures import Cancelled, RequestError
from xmemcore.protocol.places import OUTPUT_VARIABLE
from xmemcore.protocol.result_lock import lock_of, require_unlocked

if TYPE_CHECKING:
    import nuke


def require_own(node: nuke.Node) -> None:
    """Check that a propagate may write to the node's output. Mattes of another node are replaced only when the artist agrees.

    Raises:
        RequestError: it is locked, or another node of the script writes there too.
        Cancelled: the artist said no.
    """
    pattern = knobs.matte_pattern(node)
    require_unlocked(pattern)
    _refuse_shared(node, pattern)
    if not _may_touch(node, pattern, "Replace them?"):
        raise Cancelled("Nothing was replaced. Version up begins a folder of its own for this node's mattes.")


def require_approvable(node: nuke.Node) -> None:
    """Check that what is approved may lie beside the mattes where the node writes: the node that made those keeps it and learns from it.

    Raises:
        RequestError: there is no place, or another node of the script writes there too.
        Cancelled: the artist said no.
    """
    pattern = knobs.matte_pattern(node)
    _refuse_shared(node, pattern)
    if not _may_touch(node, pattern, "What you approve here counts for that node too. Go on?"):
        raise Cancelled("Nothing was approved.")


def belongs_to_another(node: nuke.Node, pattern: str) -> bool:
    """Say whether the mattes at a place were made by another node: of another script, of this one, or one that is gone."""
    owner = owner_of(pattern)
    return owner is not None and owner.node_id != identity.node_id(node)


def _refuse_shared(node: nuke.Node, pattern: str) -> None:
    """Raise RequestError where another node of the script writes to the same place."""
    sharing = _sharing(node, pattern)
    if sharing is None:
        return
    own_place = (
        "empty its output for a place of its own" if str(node["output"].value()).strip() else f"put {{node}} into ${OUTPUT_VARIABLE}"
    )
    raise RequestError(f"{sharing.name()} writes to {pattern} too. Give {node.name()} another output, or {own_place}.")


def _may_touch(node: nuke.Node, pattern: str, question: str) -> bool:
    """Ask the artist where the mattes at a place were made by another node; elsewhere the answer is yes."""
    owner = owner_of(pattern)
    if owner is None or not belongs_to_another(node, pattern):
        return True
    living = next((other for other in identity.living() if other["node_id"].value() == owner.node_id), None)
    whose = (
        f"{owner.node_name}, a node of another script or one that is gone"
        if living is None
        else f"{living.name()}, which writes elsewhere now"
    )
    return host.ask(f"The mattes {pattern} were made by {whose}. {question}")


def notes(node: nuke.Node, pattern: str) -> Tuple[str, ...]:
    """Write what the artist should know about a result before the next run."""
    sentences = []
    lock = lock_of(pattern) if pattern else None
    if lock is not None:
        sentences.append(f"Locked by {lock.by} since {lock.since}: no Propagate replaces these mattes until Lock result is pressed again.")
    if node.clones():
        sentences.append(
            f"{node.name()} has a clone: they are one node with one result, whatever is connected to each. Copy and paste it instead."
        )
    if host.may_walk_trees() and knobs.follows_shots(node) and not knobs.shown_pattern(node):
        kept = host.kept_path(knobs.result_read(node)["file"])
        sentences.append(
            f"{node.name()} reads {kept}, and this script has no such variable, or this Nuke none at all (16 and later have them). "
            "It shows no mattes until there is one, or until they are propagated here."
        )
    sharing = _sharing(node, pattern) if pattern else None
    if sharing is not None:
        sentences.append(f"{sharing.name()} writes to the same place: Propagate refuses until one of the two has another output.")
    beside = _sharing(node, pattern, os.path.dirname) if pattern and sharing is None else None
    if beside is not None:
        sentences.append(
            f"{beside.name()} writes into the same folder, {os.path.dirname(pattern)}: the two share its lock, its approved mattes "
            "and the record of the last run. Give one of them a folder of its own."
        )
    return tuple(sentences)


def settle(node: nuke.Node, pressed: bool = False) -> None:
    """Give a node the identity under which its next run works: its own, and in a copied script a new one. Not while it is at work.

    Args: as `home.settle`.
    """
    reclaim(node)
    home.settle(node, pressed)


def reclaim(node: nuke.Node) -> None:
    """Give a node its own identity back after a preset replaced it: two nodes with one id would share cache, record and mattes."""
    if not identity.has_anothers_id(node):
        return
    with host.unrecorded():
        identity.reclaim(node)
        result.forget(node)
    result.take_up(node)
    result.put_back(node)


def _sharing(node: nuke.Node, pattern: str, place: Callable[[str], str] = str) -> Optional[nuke.Node]:
    """Find another node of the script that writes to the same place: the same files, or what else `place` makes of a pattern."""
    for other in identity.living():
        if other.fullName() == node.fullName() or identity.is_clone(node, other):
            continue
        try:
            if place(knobs.matte_pattern(other)) == place(pattern):
                return other
        except RequestError:
            continue  # it has no place at all
    return None
