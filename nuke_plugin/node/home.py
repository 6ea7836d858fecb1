"""Remember the script of a node. In a copy of the script, or pasted into another one, the node gets its own id. Main thread only.

Shots begin with a template or another shot's script, and a copied script keeps the ids of its nodes. Without new ids two shots would
write into one folder of the cache. Versions of one script are one home, and so is a project that was moved as a whole.

Passes that were copied together with their node are looked for here too: they name the id of the node that they were made of.
"""

from __future__ import annotations

import os
from collections import Counter
from functools import cache
from typing import TYPE_CHECKING, Dict, List, Set, Tuple

from xmem_roto_nuke import host
from xmem_roto_nuke.node import identity, places
from xmemcore.protocol.words import listed

if TYPE_CHECKING:
    import nuke

TAIL = 3
"""Parts at the end of a home that stay when a project is moved, or seen under another name of its disk: two folders and the script."""

_notes: Dict[str, str] = {}
"""Sentences for the status of nodes that got an id of their own, by node id, until the node's first run here."""

_looked: Set[str] = set()
"""Ids of the nodes that were asked in this session whether they are copies with passes."""
_left: Dict[str, Tuple[str, List[nuke.Node]]] = {}
"""Passes that follow the node that another one was copied from, with that node's id, by the id of the copy."""


def settle(node: nuke.Node, pressed: bool = False) -> None:
    """Compare the script with the one that the node belongs to; in a copy give it an id of its own. It shows what it showed before.

    Not for `onCreate`: while Nuke loads a script, its name may still be the one before, and passes that are pasted may be still to come.

    Args:
        node: an XMemRoto.
        pressed: an artist has pressed a button, so a script without a name was never saved, and is not one that is being opened.
    """
    for living in identity.living():
        identity.take_over(living)
    _settle_script(node, pressed)
    for living in identity.living():  # a copy's passes would follow what is pressed on the original
        _settle_passes(living)


def _settle_script(node: nuke.Node, pressed: bool) -> None:
    stored = identity.read_hidden(node, "home")
    script = places.script_home(host.script_path())
    known = str(stored.get("script", ""))
    if not (script or pressed) or known == script or (known and _is_same(known, script)):
        return
    with host.unrecorded():
        if known:
            former = str(node["node_id"].value())
            # From the old id and the place alone: a session that does not save the script finds its mattes again.
            identity.give_id(node, seed=f"{former} {script}" if script else "")
            for made_of_it in host.passes_of(node, former):
                made_of_it["made_of"].setValue(identity.node_id(node))  # else they would show the other script's mattes for ever
            for other in identity.living():
                of_other = identity.read_hidden(other, "home")
                if of_other.get(identity.COPY_OF) == former:
                    identity.write_hidden(other, "home", {**of_other, identity.COPY_OF: identity.node_id(node)})
            stored = identity.read_hidden(node, "home")
            _notes[identity.node_id(node)] = _sentence(node, known, script)
        identity.write_hidden(node, "home", {**stored, "script": script})


def look_again(node: nuke.Node) -> None:
    """A node was created, pasted or brought back, and its passes with it."""
    _looked.discard(str(node["node_id"].value()))


def _settle_passes(node: nuke.Node) -> None:
    """Give a copied node the passes that were copied with it, where its own Group tells them; else note which follow the original."""
    node_id = identity.node_id(node)
    if node_id in _looked:
        return
    _looked.add(node_id)
    former = str(identity.read_hidden(node, "home").get(identity.COPY_OF, ""))
    original = identity.living_with(former)
    if original is None:
        return
    follow = host.passes_of(node, former)
    own = _own_group(str(node.fullName()), str(original.fullName()))
    if own:
        inside = [made_of_it for made_of_it in follow if str(made_of_it.fullName()).startswith(f"{own}.")]
        # What was copied is there twice. Others are the original's own, which an artist put into this Group.
        outside = {_choice(made_of_it) for made_of_it in follow if made_of_it not in inside}
        copied = [made_of_it for made_of_it in inside if _choice(made_of_it) in outside]
        with host.unrecorded():
            for made_of_it in copied:
                made_of_it["made_of"].setValue(node_id)
        follow = [made_of_it for made_of_it in follow if made_of_it not in copied]
    _left[node_id] = (former, follow)


def _own_group(node_name: str, original_name: str) -> str:
    """Give the full name of the outermost Group that holds a node and not the one that it is a copy of; empty where there is none."""
    groups = node_name.split(".")[:-1]
    around = (".".join(groups[: depth + 1]) for depth in range(len(groups)))
    return next((group for group in around if not original_name.startswith(f"{group}.")), "")


def _choice(made_of_it: nuke.Node) -> Tuple[str, str]:
    """Say what a pass puts out, by which a copy is known; the layers are those of a Cryptomatte pass."""
    picked, kept = (made_of_it.node(name) for name in ("Picked", "Kept"))  # type: ignore[attr-defined]
    return "" if picked is None else str(picked["from0"].value()), "" if kept is None else str(kept["channels2"].value())


def _twice(node_id: str) -> List[str]:
    """Name the passes that are there twice and follow the node that this one is a copy of, as far as they are still there."""
    former, follow = _left.get(node_id, ("", []))
    named: List[Tuple[str, Tuple[str, str]]] = []
    for made_of_it in follow:
        try:
            if made_of_it["made_of"].value() == former:
                named.append((str(made_of_it.fullName()), _choice(made_of_it)))
        except ValueError:
            continue  # it was deleted
    counted = Counter(choice for _, choice in named)
    return sorted(name for name, choice in named if counted[choice] > 1)


def notes(node_id: str) -> Tuple[str, ...]:
    """Give what the status should say about where a node comes from."""
    sentences = [_notes[node_id]] if node_id in _notes else []
    twice, node = _twice(node_id), identity.living_with(node_id)
    original = identity.living_with(_left[node_id][0]) if twice else None
    if node is not None and original is not None:
        sentences.append(
            f"{listed(twice)} follow {original.fullName()}, of which {node.name()} is a copy, and which of them were copied with it cannot "
            f"be told: delete the copies, and press Make passes here."
        )
    return tuple(sentences)


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


def _sentence(node: nuke.Node, known: str, script: str) -> str:
    origin = f"This script is a copy of {known}" if script else f"{node.name()} comes from {known}, and this script was never saved"
    text = f"{origin}: {node.name()} is a node of its own here, with its own cache and output."
    return text + " It shows the mattes of that script until its first Propagate." if node["has_result"].value() else text
