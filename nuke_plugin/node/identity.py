"""One XMemRoto node: its identity, its hidden knobs, and what hangs on its inputs. Main thread only.

The id names the node's cache; it is not the node's name. It survives rename, save, reopen and undo because it is a knob,
and it splits on copy and paste because a session knows which living node has which id; no other node is looked at. A copy of
the whole script is another matter, which `home` settles.
"""

from __future__ import annotations

import base64
import json
import uuid
from typing import TYPE_CHECKING, Any, Dict, List, Optional, Set

from xmem_roto_nuke import graph
from xmem_roto_nuke.node.settings import ALPHA
from xmem_roto_nuke.roto.key_edits import KINDS, KeyEdits
from xmem_roto_nuke.roto.rotopaint import CLASSES
from xmemcore.protocol.failures import RequestError
from xmemcore.protocol.names import is_node_id
from xmemcore.protocol.outside import parse_json

if TYPE_CHECKING:
    import nuke

PLATE, ROTO = 0, 1
"""Input numbers."""

_living: Dict[str, nuke.Node] = {}
"""Nodes of this session by id."""


def node_id(node: nuke.Node) -> str:
    """Give the node's id; makes one for a node that has none, or one that could leave the cache's folder."""
    if not is_node_id(node["node_id"].value()):
        give_id(node)
    return str(node["node_id"].value())


def register(node: nuke.Node) -> None:
    """Note that a node has come to life: created, loaded, pasted or brought back by undo; a copy of a living one gets its own id."""
    given = str(node["node_id"].value())
    if not is_node_id(given) or _is_anothers(given, node):
        give_id(node)
    else:
        _living[given] = node


def living() -> List[nuke.Node]:
    """List the nodes of this session that have not been deleted."""
    return [node for node in list(_living.values()) if _full_name(node) is not None]


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
    _living[fresh] = node


def _is_anothers(given: str, node: nuke.Node) -> bool:
    other = _living.get(given)
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
    kept: Dict[str, Any] = {kind: changes for kind, changes in content.items() if changes}
    write_hidden(node, "key_edits", {**kept, "known": list(edits.known)} if kept else {})


def connected(node: nuke.Node, number: int) -> Optional[nuke.Node]:
    """Give what is connected to an input; None when nothing is."""
    return graph.held(node, f"input {number}", lambda: node.input(number))


def plate_input(node: nuke.Node) -> nuke.Node:
    """Give what is connected to `plate`.

    Raises:
        RequestError.
    """
    plate = connected(node, PLATE)
    if plate is None:
        raise RequestError(f"Nothing is connected to the plate input of {node.name()}. Connect the footage.")
    return plate


def roto_input(node: nuke.Node, meaning: str) -> nuke.Node:
    """Give what is connected to `roto`; behind Dots and Inputs, the Roto itself when its shapes are wanted.

    Raises:
        RequestError.
    """
    source = connected(node, ROTO)
    if source is None:
        raise RequestError(f"Nothing is connected to the roto input of {node.name()}. Connect a Roto or RotoPaint.")
    if meaning == ALPHA:
        return source
    found = graph.behind_dots(source)
    if found is None or found.Class() not in CLASSES:
        shown = source.name() if found is None else f"{found.name()}, a {found.Class()}"
        raise RequestError(
            f"The roto input of {node.name()} is {shown}. "
            "Connect the Roto or RotoPaint itself, or choose 'alpha of the input' and list the frames."
        )
    return found
