"""The list of keyframes changed by hand, and keys made in the roto itself; main thread."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, List

from xmem_roto_nuke import host
from xmem_roto_nuke.node import identity
from xmem_roto_nuke.node.settings import SHAPES, UNION
from xmem_roto_nuke.panel import status
from xmem_roto_nuke.roto import rotopaint
from xmem_roto_nuke.roto.key_edits import ONE_OBJECT
from xmem_roto_nuke.roto.keyed_frames import control_points
from xmemcore.protocol.failures import RequestError

if TYPE_CHECKING:
    import nuke


class NothingToKey(RequestError):
    """The roto has no shape that could be keyed."""


def add_current(node: nuke.Node) -> None:
    """Count the current frame as annotated for the chosen object."""
    _edit(node, "added")


def remove_current(node: nuke.Node) -> None:
    """Do not count the current frame, whatever is keyed there."""
    _edit(node, "removed")


def absent_current(node: nuke.Node) -> None:
    """Declare that the chosen object is not in the current frame."""
    _edit(node, "absent")


def _edit(node: nuke.Node, kind: str) -> None:
    frame = host.current_frame()
    edits = identity.key_edits(node)
    if str(node["roto_input"].value()) == SHAPES:
        names = _shapes(node)
        edits, _ = edits.carried_over(names)
        chosen = str(node["key_object"].value())
        changed = replace(edits.changed([chosen] if chosen in names else names, frame, kind), known=tuple(names))
        if kind == "removed" and chosen not in names:
            changed = changed.forgotten(edits.orphans(names), frame)
    else:
        identity.roto_input(node, str(node["roto_input"].value()))  # raises when there is none
        changed = edits.changed([ONE_OBJECT], frame, kind)
    with host.one_undo("XMem keyframes"):
        identity.write_key_edits(node, changed)
    status.refresh(node)


def _shapes(node: nuke.Node) -> List[str]:
    source = identity.roto_input(node, SHAPES)
    return rotopaint.names(rotopaint.read_objects(source["curves"], source.name(), one_object=False))


def key_roto(node: nuke.Node) -> None:
    """Key every point of the roto's shapes on the current frame where it stands, so that the artist corrects instead of drawing.

    Only shapes of the object that suggestions are for, when one is chosen. One entry in Undo.

    Raises:
        InputMissing, RotoInputWrong, NothingKeyed, NothingToKey.
    """
    source = identity.roto_input(node, UNION)
    frame = host.current_frame()
    chosen = str(node["suggest_object"].value())
    reading = rotopaint.read_objects(source["curves"], source.name(), one_object=False)
    leaves = [leaf for name, one in zip(rotopaint.names(reading), reading.objects) if chosen in ("all", name) for leaf in one.leaves]
    if not leaves:
        raise NothingToKey(f"{source.name()} has no shape called {chosen}. Choose another object.")
    with host.one_undo("Key roto"):
        for leaf in leaves:
            _key_shape(leaf.shape, frame)
        source["curves"].changed()  # type: ignore[attr-defined]
    status.refresh(node)


def _key_shape(shape: Any, frame: int) -> None:
    for point in shape:
        for control in control_points(point):
            # Read before any of them is keyed: a key changes what lies between its neighbours.
            position = control.getPosition(frame)
            control.addPositionKey(frame, (position.x, position.y))
