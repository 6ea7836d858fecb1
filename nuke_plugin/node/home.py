"""Remember the script of a node. In a copy of the script, or pasted into another one, the node gets its own id. Main thread only.

Shots begin with a template or another shot's script, and a copied script keeps the ids of its nodes. Without new ids two shots would
write into one folder of the cache. Versions of one script are one home, and so is a project that was moved as a whole.
"""

from __future__ import annotations

import os
from functools import cache
from typing import TYPE_CHECKING, Dict, Tuple

from xmem_roto_nuke import host
from xmem_roto_nuke.node import identity, places

if TYPE_CHECKING:
    import nuke

TAIL = 3
"""Parts at the end of a home that stay when a project is moved, or seen under another name of its disk: two folders and the script."""

_notes: Dict[str, str] = {}
"""Sentences for the status of nodes that got an id of their own, by node id, until the node's first run here."""


def settle(node: nuke.Node) -> None:
    """Compare the script with the one that the node belongs to; in a copy give it an id of its own. It shows what it showed before.

    Not for `onCreate`: while Nuke loads a script, its name may still be the one before.
    """
    script = places.script_home(host.script_path())
    known = str(identity.read_hidden(node, "home").get("script", ""))
    if not script or known == script or (known and _is_same(known, script)):
        return
    with host.unrecorded():
        if known:
            former = str(node["node_id"].value())
            # From the old id and the place alone: a session that does not save the script finds its mattes again.
            identity.give_id(node, seed=f"{former} {script}")
            for made_of_it in host.passes_of(node, former):
                made_of_it["made_of"].setValue(identity.node_id(node))  # else they would show the other script's mattes for ever
            _notes[identity.node_id(node)] = _sentence(node, known)
        identity.write_hidden(node, "home", {"script": script})


def notes(node_id: str) -> Tuple[str, ...]:
    """Give what the status should say about where a node comes from."""
    return (_notes[node_id],) if node_id in _notes else ()


def forget_note(node_id: str) -> None:
    """The node has a result of its own now."""
    _notes.pop(node_id, None)


@cache
def _is_same(known: str, script: str) -> bool:
    """Say whether two different texts name one home: a project that was moved, or a disk with two names.

    Asked at every idle moment, so the disks are looked at once a session: one that is gone may take seconds to say so.
    """
    if known.split("/")[-TAIL:] != script.split("/")[-TAIL:]:
        return False
    before, now = os.path.dirname(known), os.path.dirname(script)
    try:
        return os.path.samefile(before, now)
    except OSError:
        return not os.path.isdir(before)


def _sentence(node: nuke.Node, known: str) -> str:
    text = f"This script is a copy of {known}: {node.name()} is a node of its own here, with its own cache and output."
    return text + " It shows the mattes of that script until its first Propagate." if node["has_result"].value() else text
