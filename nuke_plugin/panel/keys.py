"""The list of keyframes changed by hand, and keys made in the roto itself; main thread."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, List, Sequence, Tuple

from xmem_roto_nuke import host
from xmem_roto_nuke.node import identity, roto_pipe
from xmem_roto_nuke.node.settings import SHAPES
from xmem_roto_nuke.panel import status
from xmem_roto_nuke.roto import reading
from xmem_roto_nuke.roto.key_edits import ONE_OBJECT
from xmem_roto_nuke.roto.reading import RotoReading
from xmem_roto_nuke.roto.sampling import controls_of, shapes_with_paths
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
        identity.roto_source(node)  # raises when there is none
        changed = edits.changed([ONE_OBJECT], frame, kind)
    with host.one_undo("XMem keyframes"):
        identity.write_key_edits(node, changed)
    status.refresh(node)


def _shapes(node: nuke.Node) -> List[str]:
    return _read(node)[1].names


def _read(node: nuke.Node) -> Tuple[Tuple[nuke.Node, ...], RotoReading]:
    """Read the Rotos of a node, each shape or layer an object."""
    pipe = roto_pipe.above(node)
    rotos = [(*text, roto["curves"]) for text, roto in zip(roto_pipe.texts(pipe), pipe.rotos)]
    return pipe.rotos, reading.read_rotos(rotos, one_object=False, taken=roto_pipe.layers(identity.connected(node, identity.PLATE)))


@dataclass(frozen=True)
class _Drawn:
    """A shape in nuke.rotopaint."""

    roto: nuke.Node
    shape: Any
    around: Tuple[Any, ...]
    """The layers that it stands in, and itself."""


def key_roto(node: nuke.Node) -> None:
    """Key every point of the roto's shapes on the current frame where it stands, so that the artist corrects instead of drawing.

    Only shapes of the object that suggestions are for, when one is chosen. What is locked or hidden, or follows an expression, is left
    alone, and the status says so. One entry in Undo.

    Raises:
        RequestError.
    """
    frame = host.current_frame()
    chosen = str(node["suggest_object"].value())
    rotos, read = _read(node)
    drawn = _drawn(rotos, read, chosen)
    names = " and ".join(str(roto.name()) for roto in rotos)
    if not drawn:
        raise RequestError(f"{names} has no shape called {chosen}. Choose another object.")
    may = [(one, _why_not(one, frame)) for one in drawn]
    left = [f"{one.shape.name} is {why} and was left alone." for one, why in may if why]
    if len(left) == len(drawn):
        raise RequestError(f"Nothing was keyed on {frame}: {' '.join(left[:MOST_NAMED])} Unlock or show what you want to key.")
    with host.one_undo("Key roto"):
        for one in [one for one, why in may if not why]:
            driven = _key_shape(one.shape, frame)
            if driven:
                left.append(f"{counted(driven, 'point')} of {one.shape.name} follow expressions and were left alone.")
        for roto in rotos:
            roto["curves"].changed()  # type: ignore[attr-defined]
    status.refresh(node, left[:MOST_NAMED])


def _drawn(rotos: Sequence[nuke.Node], read: RotoReading, chosen: str) -> List[_Drawn]:
    """List the shapes of an object, or of all."""
    wanted = {id(placed.shape) for one in read.objects if chosen in ("all", one.name) for placed in one.placed}
    found = []
    for roto, text in zip(rotos, read.nodes):
        for path, placed in shapes_with_paths(text.known.root):
            if id(placed.shape) in wanted:
                around = tuple(text.elements.at(path[:depth]) for depth in range(len(path) + 1))
                found.append(_Drawn(roto, around[-1], around))
    return found


def _why_not(drawn: _Drawn, frame: int) -> str:
    """Say why a shape is not to be keyed on a frame; empty when it may be."""
    if any(element.locked for element in drawn.around):
        return "locked"
    return "" if all(element.getVisible(frame) for element in drawn.around) else "hidden"


def _key_shape(shape: Any, frame: int) -> int:
    """Key the points of a shape that nothing drives; gives the number of the others."""
    driven = 0
    for point in shape:
        controls = controls_of(point)
        if any(control.getPositionAnimCurve(axis).useExpression for control in controls for axis in (0, 1)):
            driven += 1
            continue
        for control in controls:
            # Read before any of them is keyed: a key changes what lies between its neighbours.
            position = control.getPosition(frame)
            control.addPositionKey(frame, (position.x, position.y))
    return driven
