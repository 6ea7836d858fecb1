"""The list of keyframes changed by hand, and keys made in the roto itself; main thread."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Dict, List, Set

from nuke_plugin import host, roto, roto_node, status
from nuke_plugin.roto_keys import control_points
from nuke_plugin.settings import ALPHA, UNION
from xmemcore.protocol.failures import RequestError

if TYPE_CHECKING:
    import nuke

Edits = Dict[str, Dict[str, Set[int]]]


class NothingToKey(RequestError):
    """The roto has no shape that could be keyed."""


def add_current(node: nuke.Node) -> None:
    """Count the current frame as annotated for the chosen object."""
    _edit(node, added=True)


def remove_current(node: nuke.Node) -> None:
    """Do not count the current frame, whatever is keyed there."""
    _edit(node, removed=True)


def absent_current(node: nuke.Node) -> None:
    """Declare that the chosen object is not in the current frame."""
    _edit(node, absent=True)


def _edit(node: nuke.Node, added: bool = False, removed: bool = False, absent: bool = False) -> None:
    frame = host.current_frame()
    edits = roto_node.key_edits(node)
    kinds: Edits = {kind: {name: set(frames) for name, frames in getattr(edits, kind).items()} for kind in ("added", "removed", "absent")}
    for name in _chosen_objects(node):
        # The last word counts: a frame is in one of the three lists at most.
        for kind in kinds.values():
            kind.get(name, set()).discard(frame)
        for kind_name, wanted in (("added", added), ("removed", removed), ("absent", absent)):
            if wanted:
                kinds[kind_name].setdefault(name, set()).add(frame)
    with host.one_undo("XMem keyframes"):
        roto_node.write_key_edits(node, roto.KeyEdits(**kinds))
    status.refresh(node)


def _chosen_objects(node: nuke.Node) -> List[str]:
    meaning = str(node["roto_input"].value())
    source = roto_node.roto_input(node, meaning)
    if meaning == ALPHA:
        return [source.name()]
    names = roto.names(roto.read_objects(source["curves"], source.name(), one_object=meaning == UNION))
    chosen = str(node["key_object"].value())
    return [chosen] if chosen in names else names


def key_roto(node: nuke.Node) -> None:
    """Key every point of the roto's shapes on the current frame where it stands, so that the artist corrects instead of drawing.

    Only shapes of the object that suggestions are for, when one is chosen. One entry in Undo.

    Raises:
        InputMissing, RotoInputWrong, NothingKeyed, NothingToKey.
    """
    source = roto_node.roto_input(node, UNION)
    frame = host.current_frame()
    chosen = str(node["suggest_object"].value())
    reading = roto.read_objects(source["curves"], source.name(), one_object=False)
    leaves = [leaf for name, one in zip(roto.names(reading), reading.objects) if chosen in ("all", name) for leaf in one.leaves]
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
