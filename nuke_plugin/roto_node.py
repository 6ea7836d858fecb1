"""One XMemRoto node: its identity, its hidden knobs, and what hangs on its inputs. Main thread only.

The id names the node's cache; it is not the node's name. It survives rename, save, reopen and undo because it is a knob,
and it splits on copy and paste because a session knows which living node has which id; no other node is looked at.
"""

from __future__ import annotations

import base64
import json
import uuid
from typing import TYPE_CHECKING, Any, Dict, Optional

from nuke_plugin.roto import CLASSES, KeyEdits
from nuke_plugin.settings import ALPHA
from xmemcore.protocol.failures import RequestError

if TYPE_CHECKING:
    import nuke

PLATE, ROTO = 0, 1
"""Input numbers."""

_living: Dict[str, nuke.Node] = {}
"""Nodes of this session by id."""


class InputMissing(RequestError):
    """Nothing is connected where a plate or roto should be."""


class RotoInputWrong(RequestError):
    """The roto input is no Roto, and its shapes are wanted."""


def node_id(node: nuke.Node) -> str:
    """Give the node's id; makes one for a node that has none."""
    if not node["node_id"].value():
        _give_id(node)
    return str(node["node_id"].value())


def register(node: nuke.Node) -> bool:
    """Note that a node has come to life: created, loaded, pasted or brought back by undo.

    Returns:
        Whether it was a copy of a living node and so got an id of its own.
    """
    given = str(node["node_id"].value())
    if not given:
        _give_id(node)
        return False
    other = _living.get(given)
    if other is not None and _full_name(other) not in (None, node.fullName()):
        _give_id(node)
        return True
    _living[given] = node
    return False


def _give_id(node: nuke.Node) -> None:
    fresh = uuid.uuid4().hex
    node["node_id"].setValue(fresh)
    _living[fresh] = node


def _full_name(node: nuke.Node) -> Optional[str]:
    """Give a node's name, or None when it was deleted."""
    try:
        return str(node.fullName())
    except ValueError:
        return None


def read_hidden(node: nuke.Node, knob: str) -> Dict[str, Any]:
    """Read a hidden knob's JSON; {} when it is empty or not ours."""
    try:
        content = json.loads(base64.b64decode(str(node[knob].value()).encode("ascii")).decode("utf-8"))
    except (ValueError, UnicodeError):
        return {}
    return content if isinstance(content, dict) else {}


def write_hidden(node: nuke.Node, knob: str, content: Dict[str, Any]) -> None:
    """Write a hidden knob; base64, because Nuke evaluates brackets and dollars in texts."""
    node[knob].setValue(base64.b64encode(json.dumps(content, sort_keys=True).encode("utf-8")).decode("ascii") if content else "")


def key_edits(node: nuke.Node) -> KeyEdits:
    """Read what the artist changed about the keyframes."""
    stored = read_hidden(node, "key_edits")
    return KeyEdits(
        **{kind: {name: set(frames) for name, frames in stored.get(kind, {}).items()} for kind in ("added", "removed", "absent")}
    )


def write_key_edits(node: nuke.Node, edits: KeyEdits) -> None:
    """Keep what the artist changed about the keyframes."""
    content = {
        kind: {name: sorted(frames) for name, frames in getattr(edits, kind).items() if frames} for kind in ("added", "removed", "absent")
    }
    write_hidden(node, "key_edits", {kind: changes for kind, changes in content.items() if changes})


def plate_input(node: nuke.Node) -> nuke.Node:
    """Give what is connected to `plate`.

    Raises:
        InputMissing.
    """
    plate = node.input(PLATE)
    if plate is None:
        raise InputMissing(f"Nothing is connected to the plate input of {node.name()}. Connect the footage.")
    return plate


def roto_input(node: nuke.Node, meaning: str) -> nuke.Node:
    """Give what is connected to `roto`; behind Dots, the Roto itself when its shapes are wanted.

    Raises:
        InputMissing, RotoInputWrong.
    """
    source = node.input(ROTO)
    if source is None:
        raise InputMissing(f"Nothing is connected to the roto input of {node.name()}. Connect a Roto or RotoPaint.")
    if meaning == ALPHA:
        return source
    found = behind_dots(source)
    if found is None or found.Class() not in CLASSES:
        shown = source.name() if found is None else f"{found.name()}, a {found.Class()}"
        raise RotoInputWrong(
            f"The roto input of {node.name()} is {shown}. "
            "Connect the Roto or RotoPaint itself, or choose 'alpha of the input' and list the frames."
        )
    return found


def behind_dots(node: Optional[nuke.Node]) -> Optional[nuke.Node]:
    """Follow Dots up to the node that they carry."""
    while node is not None and node.Class() == "Dot":
        node = node.input(0)
    return node
