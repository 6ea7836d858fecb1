"""One XMemRoto node: its identity, its hidden knobs, and its inputs. Main thread only.

The id names the node's cache; it is not the node's name. It survives rename, save, reopen and undo because it is a knob,
and it splits on copy and paste because a session knows which living node has which id; no other node is looked at. For copies of
the whole script see `home`.
"""

from __future__ import annotations

import base64
import json
import uuid
from typing import TYPE_CHECKING, Any, Dict, List, Optional, Set

from xmem_roto_nuke import graph, host
from xmem_roto_nuke.roto.key_edits import KINDS, KeyEdits, NothingKeyed
from xmemcore.protocol.failures import RequestError
from xmemcore.protocol.names import is_node_id
from xmemcore.protocol.outside import parse_json

if TYPE_CHECKING:
    import nuke

PLATE, ROTO = 0, 1
"""Input numbers."""

COPY_OF = "copy_of"
"""Entry of the hidden knob `home`: the id of the node that a node was copied from."""

_living: Dict[str, nuke.Node] = {}
"""Nodes of this session by id."""
_just_copied: Dict[str, str] = {}
"""Ids of the nodes that nodes were copied from, by the ids of the copies, until somebody looks at them."""


def node_id(node: nuke.Node) -> str:
    """Give the node's id; makes one for a node that has none, or one that could leave the cache's folder."""
    if not is_node_id(node["node_id"].value()):
        give_id(node)
    return str(node["node_id"].value())


def is_xmemroto(node: nuke.Node) -> bool:
    """Say whether any node of a script is an XMemRoto."""
    return node.Class() == "Group" and node.knob("node_id") is not None and node.knob("plugin_version") is not None


def register(node: nuke.Node) -> None:
    """Enter a node that was created, loaded, pasted or brought back by undo; a copy of a living one gets its own id."""
    own_id = str(node["node_id"].value())
    if is_node_id(own_id) and _is_anothers(own_id, node) and is_clone(node, _living[own_id]):
        return  # its id is the other's, and a new one would be the other's too
    if is_node_id(own_id) and _is_anothers(own_id, node):
        write_hidden(node, "home", {**read_hidden(node, "home"), COPY_OF: own_id})  # `home` looks for passes that were copied along
        give_id(node)
        _just_copied[str(node["node_id"].value())] = own_id
    elif not is_node_id(own_id):
        give_id(node)
    else:
        _living[own_id] = node


def take_over(node: nuke.Node) -> None:
    """Give a copy the id of its original where that is gone before anybody looked at them: it is the same node in another place.

    Nuke makes a Group of nodes, and nodes of a Group, by copying them and deleting those before.
    """
    own_id = str(node["node_id"].value())
    former = _just_copied.pop(own_id, "")
    if not former or living_with(former) is not None:
        return
    with host.unrecorded():
        write_hidden(node, "home", {name: entry for name, entry in read_hidden(node, "home").items() if name != COPY_OF})
        node["node_id"].setValue(former)
    _living[former] = _living.pop(own_id)


def living_with(own_id: str) -> Optional[nuke.Node]:
    """Give the node of this session that has an id; None where there is none, or it was deleted."""
    node = _living.get(own_id)
    return None if node is None or _full_name(node) is None else node


def is_clone(node: nuke.Node, other: nuke.Node) -> bool:
    """Say whether two nodes share their knobs."""
    if not node.clones() or not other.clones():
        return False
    before = str(node["node_id"].value())
    try:
        node["node_id"].setValue(f"{before}?")
        return str(other["node_id"].value()) == f"{before}?"
    finally:
        node["node_id"].setValue(before)


def has_anothers_id(node: nuke.Node) -> bool:
    """Say whether a node carries the id of another living one that is no clone of it, as after choosing a node preset."""
    own_id = str(node["node_id"].value())
    return _is_anothers(own_id, node) and not is_clone(node, _living[own_id])


def reclaim(node: nuke.Node) -> None:
    """Give a node its own id back, and take away what the other's knobs brought along: record, suggestions, changed keyframes."""
    other = _living[str(node["node_id"].value())]
    own_id = next(
        (
            living_id
            for living_id, living_node in _living.items()
            if living_node is not other and _full_name(living_node) == node.fullName()
        ),
        None,
    )
    for knob in ("record", "suggestions", "key_edits", "home"):
        if node[knob].value() == other[knob].value():
            node[knob].setValue("")
    if own_id is None:
        give_id(node)
    else:
        node["node_id"].setValue(own_id)


def living() -> List[nuke.Node]:
    """List the nodes of this session that have not been deleted."""
    return [node for node in list(_living.values()) if _full_name(node) is not None]


def restored(node: nuke.Node, own_id: str) -> nuke.Node:
    """Give the node itself, or the one that undo has brought back in its place after it was deleted."""
    if _full_name(node) is not None:
        return node
    again = _living.get(own_id)
    return node if again is None or _full_name(again) is None else again


def give_id(node: nuke.Node, seed: str = "") -> None:
    """Give a node an id of its own.

    Args:
        node: an XMemRoto.
        seed: the same one gives the same id in every session, unless a living node has it; empty for one never seen before.
    """
    fresh = uuid.uuid5(uuid.NAMESPACE_URL, seed).hex if seed else uuid.uuid4().hex
    if _is_anothers(fresh, node):
        fresh = uuid.uuid4().hex
    node["node_id"].setValue(fresh)
    for former in [known for known, living_node in _living.items() if _full_name(living_node) == node.fullName()]:
        del _living[former]
    _living[fresh] = node


def _is_anothers(own_id: str, node: nuke.Node) -> bool:
    other = _living.get(own_id)
    return other is not None and _full_name(other) not in (None, node.fullName())


def _full_name(node: nuke.Node) -> Optional[str]:
    """Give a node's name, or None when it was deleted."""
    try:
        return str(node.fullName())
    except ValueError:
        return None


def read_hidden(node: nuke.Node, knob: str) -> Dict[str, Any]:
    """Read a hidden knob's JSON; {} when it is empty or not ours."""
    try:
        content = parse_json(base64.b64decode(str(node[knob].value()).encode("ascii")))
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}


def write_hidden(node: nuke.Node, knob: str, content: Dict[str, Any]) -> None:
    """Write a hidden knob; base64, because Nuke evaluates brackets and dollars in texts."""
    node[knob].setValue(base64.b64encode(json.dumps(content, sort_keys=True).encode("utf-8")).decode("ascii") if content else "")


def key_edits(node: nuke.Node) -> KeyEdits:
    """Read what the artist changed about the keyframes."""
    stored = read_hidden(node, "key_edits")
    added, removed, absent = (_frames_by_name(stored.get(kind)) for kind in KINDS)
    known = stored.get("known")
    return KeyEdits(added, removed, absent, tuple(name for name in known if isinstance(name, str)) if isinstance(known, list) else ())


def _frames_by_name(stored: Any) -> Dict[str, Set[int]]:
    """Read frames by object; what is damaged says nothing."""
    listed = {name: frames for name, frames in stored.items() if isinstance(frames, list)} if isinstance(stored, dict) else {}
    return {name: {frame for frame in frames if type(frame) is int} for name, frames in listed.items()}


def write_key_edits(node: nuke.Node, edits: KeyEdits) -> None:
    """Keep what the artist changed about the keyframes."""
    content = {kind: {name: sorted(frames) for name, frames in getattr(edits, kind).items() if frames} for kind in KINDS}
    non_empty: Dict[str, Any] = {kind: changes for kind, changes in content.items() if changes}
    write_hidden(node, "key_edits", {**non_empty, "known": list(edits.known)} if non_empty else {})


def connected(node: nuke.Node, number: int) -> Optional[nuke.Node]:
    """Give what is connected to an input; None when nothing is."""
    if number >= node.inputs():
        return None  # without a question whose answer would be in doubt where nodes are counted
    return graph.held(node, f"input {number}", lambda: node.input(number), lambda known: host.input_name(node, number) == known.name())


def plate_input(node: nuke.Node) -> nuke.Node:
    """Give what is connected to `plate`.

    Raises:
        RequestError.
    """
    plate = connected(node, PLATE)
    if plate is None:
        raise RequestError(f"Nothing is connected to the plate input of {node.name()}. Connect the footage.")
    return plate


def roto_source(node: nuke.Node) -> nuke.Node:
    """Give what is connected to `roto`; `roto_pipe` finds the Rotos behind it.

    Raises:
        NothingKeyed.
    """
    source = connected(node, ROTO)
    if source is None:
        raise NothingKeyed(f"Nothing is connected to the roto input of {node.name()}. Connect a Roto or RotoPaint.")
    return source
