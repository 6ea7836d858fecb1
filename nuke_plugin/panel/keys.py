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
from xmem_roto_nuke.words import counted
from xmemcore.protocol.failures import RequestError

if TYPE_CHECKING:
    import nuke


MOST_NAMED = 5
"""Shapes that the status names as left alone."""


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

    Only shapes of the object that suggestions are for, when one is chosen. What is locked or hidden, or follows an expression, is left
    alone, and the status says so. One entry in Undo.

    Raises:
        RequestError.
    """
    source = identity.roto_input(node, UNION)
    frame = host.current_frame()
    chosen = str(node["suggest_object"].value())
    reading = rotopaint.read_objects(source["curves"], source.name(), one_object=False)
    leaves = [leaf for name, one in zip(rotopaint.names(reading), reading.objects) if chosen in ("all", name) for leaf in one.leaves]
    if not leaves:
        raise RequestError(f"{source.name()} has no shape called {chosen}. Choose another object.")
    may = {leaf: _why_not(leaf, frame) for leaf in leaves}
    left = [f"{leaf.shape.name} is {why} and was left alone." for leaf, why in may.items() if why]
    if len(left) == len(leaves):
        raise RequestError(f"Nothing was keyed on {frame}: {' '.join(left[:MOST_NAMED])} Unlock or show what you want to key.")
    with host.one_undo("Key roto"):
        for leaf in [leaf for leaf, why in may.items() if not why]:
            driven = _key_shape(leaf.shape, frame)
            if driven:
                left.append(f"{counted(driven, 'point')} of {leaf.shape.name} follow expressions and were left alone.")
        source["curves"].changed()  # type: ignore[attr-defined]
    status.refresh(node, left[:MOST_NAMED])


def _why_not(leaf: rotopaint.Leaf, frame: int) -> str:
    """Say why a shape is not to be keyed on a frame; empty when it may be."""
    around = (*leaf.parents, leaf.shape)
    if any(element.locked for element in around):
        return "locked"
    return "" if all(element.getVisible(frame) for element in around) else "hidden"


def _key_shape(shape: Any, frame: int) -> int:
    """Key the points of a shape that nothing drives; gives the number of the others."""
    driven = 0
    for point in shape:
        controls = control_points(point)
        if any(control.getPositionAnimCurve(axis).useExpression for control in controls for axis in (0, 1)):
            driven += 1
            continue
        for control in controls:
            # Read before any of them is keyed: a key changes what lies between its neighbours.
            position = control.getPosition(frame)
            control.addPositionKey(frame, (position.x, position.y))
    return driven
