"""Change the list of keyframes, and key the roto itself; main thread."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Collection, List, Optional, Sequence, Set, Tuple

from xmem_roto_nuke import host
from xmem_roto_nuke.handover import plates
from xmem_roto_nuke.node import identity, roto_pipe
from xmem_roto_nuke.node.settings import ALPHA, SHAPES
from xmem_roto_nuke.panel import status, timeline
from xmem_roto_nuke.roto import reading
from xmem_roto_nuke.roto.key_edits import ONE_OBJECT, KeyEdits
from xmem_roto_nuke.roto.reading import RotoReading
from xmem_roto_nuke.roto.sampling import Path, controls_of, shapes_with_paths
from xmemcore.protocol.choices import ALL_OBJECTS
from xmemcore.protocol.failures import RequestError
from xmemcore.protocol.frames import FrameRange
from xmemcore.protocol.results import OwnShape
from xmemcore.protocol.words import listed, plural

if TYPE_CHECKING:
    import nuke


Six = Tuple[Optional[Tuple[float, ...]], ...]
"""A point's six positions, in the order of `controls_of`; None: where it stands."""

IN, OUT, FEATHER_IN, FEATHER_OUT = 0, 2, 3, 5
"""Positions of the tangents among the six."""

OF_APPROVED = {
    "removed": "stays, and counts as before: Take back undoes that",
    "absent": "does not count any more, since the object is said to be absent there",
    "added": "does not count any more, since the shape as it is drawn counts there",
}
"""What becomes of approved mattes on frames that are put into one of the lists."""

MOST_NAMED = 5
"""Shapes that the status names as left alone."""


def add_current(node: nuke.Node) -> None:
    """Count the current frame as annotated for the chosen object.

    Raises:
        RequestError: the plate has not got it.
    """
    _edit(node, "added", *_on_plate(node, [host.current_frame()]))


def remove_current(node: nuke.Node) -> None:
    """Do not count the current frame, whatever is keyed there. What is approved there stays, and the status says so."""
    _edit(node, "removed")


def absent_frames(node: nuke.Node) -> None:
    """Declare the chosen object absent on the named frames, or on the current one.

    Raises:
        FrameRangeInvalid, RequestError: the plate has got none of them.
    """
    _edit(node, "absent", *_on_plate(node, meant_frames(node)))


def unsay_absent(node: nuke.Node) -> bool:
    """Take back that the chosen object is absent on the named frames, or on the current one; say whether that was said of any.

    Raises:
        FrameRangeInvalid, RequestError.
    """
    frames = meant_frames(node)
    edits = identity.key_edits(node)
    if not any(edits.absent.values()):
        return False
    apart = _apart(node)
    names, chosen = _shapes(node) if apart else [ONE_OBJECT], chosen_shapes(node)
    if apart:
        edits = replace(edits.carried_over(names)[0], known=tuple(names))
    meant = [name for name in names if chosen in (None, name)]
    said = [frame for frame in frames if any(frame in edits.absent.get(name, ()) for name in meant)]
    for frame in said:
        edits = edits.unsaid([name for name in meant if frame in edits.absent.get(name, ())], frame)
    if said:
        with host.one_undo("XMem keyframes"):
            identity.write_key_edits(node, edits)
        status.refresh(node)
    return bool(said)


def _on_plate(node: nuke.Node, frames: List[int]) -> List[int]:
    """Leave out the frames that the plate has not got: a Propagate refuses annotations there."""
    plate = identity.connected(node, identity.PLATE)
    off = set() if plate is None else set(plates.off(frames, plate))
    on_plate = [frame for frame in frames if frame not in off]
    if plate is not None and not on_plate:
        raise RequestError(
            f"The plate {plate.name()} has the frames {plate.firstFrame()}-{plate.lastFrame()}, and not {FrameRange.of(frames)}. "
            f"Choose frames of the plate. {plates.HOW_TO_NAME_THE_RANGE}"
        )
    return on_plate


def meant_frames(node: nuke.Node) -> List[int]:
    """Give the frames that `on frames` names; the current one where it names none.

    Raises:
        FrameRangeInvalid; RequestError as `host.text_of`.
    """
    named = host.text_of(node["on_frames"]).strip() if node.knob("on_frames") is not None else ""
    return list(FrameRange.parse(named)) if named else [host.current_frame()]


def chosen_object(node: nuke.Node) -> Optional[str]:
    """Give the object that the buttons are for; None for all."""
    chosen = str(node["key_object"].value())
    return None if chosen == ALL_OBJECTS else chosen


def chosen_shapes(node: nuke.Node) -> Optional[str]:
    """Give the object that the buttons are for, where each shape or layer is one; None for all, and where there is but one."""
    return chosen_object(node) if _apart(node) else None


def _apart(node: nuke.Node) -> bool:
    """Say whether each shape or layer is an object of its own; a union or an alpha is one object, ONE_OBJECT in what is said of it."""
    return str(node["roto_input"].value()) == SHAPES


def _edit(node: nuke.Node, kind: str, *frames: int) -> None:
    """Put frames into one of the lists; without frames, the current one."""
    frames = frames or (host.current_frame(),)
    edits = identity.key_edits(node)
    if _apart(node):
        names = _shapes(node)
        chosen = _of_today(node, names, chosen_object(node))
        edits, _ = edits.carried_over(names)
        changed = replace(edits, known=tuple(names))
        for frame in frames:
            changed = changed.changed(names if chosen is None else [chosen], frame, kind)
            if kind == "removed" and chosen is None:
                changed = changed.forgotten(edits.orphans(names), frame)
    else:
        identity.roto_source(node)  # raises when there is none
        changed = edits
        for frame in frames:
            changed = changed.changed([ONE_OBJECT], frame, kind)
    with host.one_undo("XMem keyframes"):
        identity.write_key_edits(node, changed)
    status.refresh(node)
    if beside := _beside_approval(node, None, frames, OF_APPROVED[kind]):
        status.refresh(node, [beside])


def _beside_approval(node: nuke.Node, names: Optional[Collection[str]], frames: Sequence[int], what: str) -> str:
    """Say what becomes of approved mattes on frames of which something else was said just now; empty where there are none.

    Args:
        node: an XMemRoto.
        names: objects of which it was said; None: the one that the buttons are for.
        frames: on which it was said.
        what: of `OF_APPROVED`.
    """
    shown, chosen = timeline.of_node(identity.node_id(node)), chosen_shapes(node)
    found = {} if shown is None else {name: set(frames).intersection(at) for name, at in shown.approved.items()}
    meant = [name for name, at in found.items() if at and (chosen in (None, name) if names is None else name in names)]
    on = FrameRange.of(sorted({frame for name in meant for frame in found[name]}))
    return f"What you approved of {listed(meant, MOST_NAMED)} on {on} {what}." if meant else ""


def absent_of_approved(node: nuke.Node, frames: Sequence[int]) -> List[str]:
    """Say of frames that are being approved where the object is said to be absent; [] where it is nowhere."""
    shown, chosen = timeline.of_node(identity.node_id(node)), chosen_shapes(node)
    found = {} if shown is None else {name: sorted(set(frames).intersection(at)) for name, at in shown.absent.items()}
    return [
        f"{name} is said to be absent on {FrameRange.of(at)}, which counts more than an approved matte: press Take back, then Approve."
        for name, at in found.items()
        if at and chosen in (None, name)
    ]


def _of_today(node: nuke.Node, names: Collection[str], chosen: Optional[str]) -> Optional[str]:
    """Give the chosen object; None for all, as in a union or an alpha, where every shape belongs to the one object.

    Raises:
        RequestError: it is gone, and the pulldown offers those that are there.
    """
    if not _apart(node):
        return None
    if chosen is not None and chosen not in names:
        status.refresh(node)
        raise RequestError(
            f"The roto of {node.name()} has no shape called {chosen}. Choose another object beside the buttons, and press again."
        )
    return chosen


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

    object: str
    """Name of the object that it belongs to; in a union, as if each were one."""
    node: str
    """Name of its Roto, as `roto_pipe.texts` gives it."""
    path: Path
    """The shape's position in its Roto's text."""
    name: str
    """The shape's name there."""
    shape: Any
    around: Tuple[Any, ...]
    """The layers that it stands in, and itself."""


def key_roto(node: nuke.Node) -> None:
    """Key every point of the roto's shapes on the current frame where it stands, so that the artist corrects instead of drawing.

    Only shapes of the object that is chosen beside the buttons, when one is. Shapes that are locked, hidden or follow an expression
    are left alone, and the status says so. The frame counts from then on, whatever was said of it. One entry in Undo.

    Raises:
        RequestError.
    """
    frame = host.current_frame()
    left = _key(node, frame, None, chosen_object(node))
    status.refresh(node, left[:MOST_NAMED])


def movable(node: nuke.Node, frame: int) -> Optional[Tuple[str, ...]]:
    """Name the objects that Make key here may move onto the matte: the one that is chosen, or all, without what counts as keyed already.

    Returns:
        None where every object may be moved.

    Raises:
        RequestError: none may.
    """
    _, read = _read(node)
    chosen = _of_today(node, read.names, chosen_object(node))
    meant, left = _meant(node, read, frame, chosen, moves=True)
    if not meant:
        raise RequestError(_nothing(frame, left))
    return None if chosen is None and not left else tuple(meant)


def key_fitted(node: nuke.Node, frame: int, moved: Sequence[OwnShape], chosen: Optional[str]) -> List[str]:
    """Key the roto's shapes on a frame where the core has moved them; those that it could not move as they stand.

    What counts as keyed there stays as it is: the artist may have drawn it, before the core began or since.

    Args:
        node: an XMemRoto.
        frame: to key.
        moved: shapes in their node's coordinates.
        chosen: object that was chosen when the core began; None for all.

    Returns:
        Sentences about shapes that were left alone or keyed as they stood.

    Raises:
        RequestError.
    """
    return _key(node, frame, moved, chosen)


def _edits(node: nuke.Node, read: RotoReading) -> KeyEdits:
    """Read what was said of the keyframes, under today's names."""
    edits = identity.key_edits(node)
    return edits.carried_over(read.names)[0] if _apart(node) else edits


def _meant(node: nuke.Node, read: RotoReading, frame: int, chosen: Optional[str], moves: bool) -> Tuple[List[str], List[str]]:
    """Name the objects whose shapes are to be keyed on a frame, and say which are left alone.

    Args:
        node: an XMemRoto.
        read: its Rotos.
        frame: to key.
        chosen: the only object that is meant; None for all.
        moves: the shapes are moved, and not keyed as they stand.
    """
    edits, apart = _edits(node, read), _apart(node)
    names = [chosen] if chosen is not None else read.names
    gone = [name for name in names if apart and frame in edits.absent.get(name, ())]
    if len(gone) == len(names):
        gone = []  # the last word counts
    left = [f"{name} is said to be absent on {frame} and was left alone; choose it beside the buttons to key it." for name in gone]
    meant = [name for name in names if name not in gone]
    keyed = _keyed(node, read, frame, meant) if moves else []
    if keyed:
        who = listed(keyed, MOST_NAMED) if apart else ONE_OBJECT
        left.append(
            f"{who} {'count' if apart and len(keyed) > 1 else 'counts'} as keyed on {frame} already, and what is drawn there "
            "stays. Press Remove there first to have it moved onto the matte all the same."
        )
    return [name for name in meant if name not in keyed], left


def _keyed(node: nuke.Node, read: RotoReading, frame: int, names: List[str]) -> List[str]:
    """Name those of some objects that count as keyed on a frame; of a union every one or none; of an alpha none, where no key counts."""
    edits = _edits(node, read)
    if str(node["roto_input"].value()) == ALPHA:
        return []
    if _apart(node):
        found = reading.keyframes(read, edits)
        return [name for name in names if frame in found[name] and frame not in edits.absent.get(name, ())]
    drawn = {at for frames in reading.keyframes(read, KeyEdits()).values() for at in frames}
    return names if frame in edits.frames(ONE_OBJECT, drawn) - edits.absent.get(ONE_OBJECT, set()) else []


def _nothing(frame: int, left: Sequence[str]) -> str:
    return f"Nothing was keyed on {frame}: {' '.join(left[:MOST_NAMED])}"


def _key(node: nuke.Node, frame: int, moved: Optional[Sequence[OwnShape]], chosen: Optional[str]) -> List[str]:
    """Key the chosen object's shapes, in one entry of Undo; gives sentences about shapes that were left alone.

    Args:
        node: an XMemRoto.
        frame: to key.
        moved: where the core has moved them; None: they are keyed as they stand.
        chosen: the only object that is meant; None for all.
    """
    rotos, read = _read(node)
    meant, said = _meant(node, read, frame, _of_today(node, read.names, chosen), moves=moved is not None)
    drawn = _drawn(read, meant)
    refusals = [(target, _why_not(target, frame)) for target in drawn]
    left = [f"{target.shape.name} is {why} and was left alone." for target, why in refusals if why]
    if len(left) == len(drawn):
        raise RequestError(_nothing(frame, [*said, *left]) + (" Unlock or show what you want to key." if left else ""))
    left = [*said, *left]
    standing, keyed = [], set()
    with host.one_undo("Key roto"):
        for target in [target for target, why in refusals if not why]:
            goal = _goal(target, moved or ())
            if moved and goal is None:
                standing.append(target.name)
            driven = _key_shape(target.shape, frame, () if goal is None else goal.points)
            if driven < len(target.shape):
                keyed.add(target.object)
            if driven:
                left.append(f"{plural(driven, 'point')} of {target.shape.name} follow expressions and were left alone.")
        for roto in rotos:
            roto["curves"].changed()  # type: ignore[attr-defined]
        objects = keyed if _apart(node) or not keyed else {ONE_OBJECT}
        left += _count(node, read, frame, objects)
    left += filter(None, [_beside_approval(node, objects, [frame], OF_APPROVED["added"])])
    if standing:
        left.append(f"Keyed as they stood, since they could not be moved onto the matte: {listed(standing, MOST_NAMED)}.")
    return left


def _count(node: nuke.Node, read: RotoReading, frame: int, objects: Set[str]) -> List[str]:
    """Let a frame count on which objects were keyed just now, whatever was said of it; gives a sentence where a key does not count."""
    edits = _edits(node, read)
    if str(node["roto_input"].value()) == ALPHA:
        if frame in edits.frames(ONE_OBJECT, set()) - edits.absent.get(ONE_OBJECT, set()):
            return []
        return [f"Of an alpha the listed frames count, and {frame} is none of them: press Add current once the shapes are right."]
    again = edits.unsaid(objects, frame)
    if again != edits:
        identity.write_key_edits(node, replace(again, known=tuple(read.names)) if _apart(node) else again)
    return []


def _drawn(read: RotoReading, names: Sequence[str]) -> List[_Drawn]:
    """List the shapes of some objects."""
    wanted = {id(placed.shape): obj.name for obj in read.objects if obj.name in names for placed in obj.placed}
    found = []
    for text in read.nodes:
        for path, placed in shapes_with_paths(text.reading.root):
            if id(placed.shape) in wanted:
                around = tuple(text.elements.at(path[:depth]) for depth in range(len(path) + 1))
                found.append(_Drawn(wanted[id(placed.shape)], text.name, path, placed.shape.name, around[-1], around))
    return found


def _goal(target: _Drawn, moved: Sequence[OwnShape]) -> Optional[OwnShape]:
    """Find where the core has moved a shape. Others may have been drawn, deleted or reordered meanwhile: its name counts, and its
    position where two are called alike.
    """
    called = [shape for shape in moved if (shape.node, shape.name) == (target.node, target.name)]
    found = called if len(called) == 1 else [shape for shape in called if shape.path == target.path]
    return found[0] if found and len(found[0].points) == len(target.shape) else None


def _why_not(drawn: _Drawn, frame: int) -> str:
    """Say why a shape is not to be keyed on a frame; empty when it may be."""
    if any(element.locked for element in drawn.around):
        return "locked"
    return "" if all(element.getVisible(frame) for element in drawn.around) else "hidden"


def _key_shape(shape: Any, frame: int, points: Sequence[Six]) -> int:
    """Key the points of a shape that nothing drives; gives the number of the others.

    Args:
        shape: of nuke.rotopaint.
        frame: to key.
        points: where they are to be, six positions each; a position that is None, and no points at all, stay where they stand.
    """
    driven = 0
    for number, point in enumerate(shape):
        controls = controls_of(point)
        if any(control.getPositionAnimCurve(axis).useExpression for control in controls for axis in (0, 1)):
            driven += 1
            continue
        # Read before any of them is keyed: a key changes what lies between its neighbours.
        standing = [(position.x, position.y) for position in (control.getPosition(frame) for control in controls)]
        wanted: Six = points[number] if points else (None,) * len(controls)
        places = [stands if place is None else (place[0], place[1]) for stands, place in zip(standing, wanted)]
        for feather, main in ((FEATHER_IN, IN), (FEATHER_OUT, OUT)):
            # A feather that nobody has drawn has the main curve's tangents, wherever those go.
            if wanted[feather] is None and standing[feather] == standing[main]:
                places[feather] = places[main]
        for control, place in zip(controls, places):
            control.addPositionKey(frame, place)
    return driven
