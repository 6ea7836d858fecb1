"""Tell cheaply whether a node's settings, or anything above it, have changed since its result was last judged. Main thread only.

Nuke's own hashes answer at once, but only for a frame on which they were taken before, and not for every node. Artists key other frames
than the last one they looked at, so there is a second witness that knows no frame: the texts of the knobs above, of the roto's shapes and
of the node's own settings.
It costs a walk up the tree. The walk begins at most every two seconds, goes on by a few nodes at each moment, however large the tree
is, and begins less often where it takes long.
"""

from __future__ import annotations

import itertools
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Dict, Iterator, List, Optional, Sequence, Tuple

from xmem_roto_nuke import host
from xmem_roto_nuke.handover import digest, plates
from xmem_roto_nuke.node import identity, roto_pipe
from xmem_roto_nuke.node.settings import ALPHA, watched_knobs
from xmemcore.protocol.failures import RequestError

if TYPE_CHECKING:
    import nuke

LOOK_EVERY_SECONDS = 2.0
STEPS_AT_ONCE = 16
"""Steps of a walk at one idle moment; each node takes two, and each name in an expression that has to be looked up one."""
SHARE = 0.05
"""Largest share of the interface's time that looking may take."""


@dataclass
class _JudgedInputs:
    """A node's inputs when its result was judged."""

    token: str
    hashes: Dict[int, Tuple[digest.Witness, ...]] = field(default_factory=dict)
    """Nuke's hashes of the inputs, by the frame that was shown."""
    moved: bool = False
    """Whether the last look found a change."""


@dataclass
class _Walk:
    """A look at the texts above a node, under way."""

    steps: Iterator[str]
    seconds: float = 0.0
    """Seconds that the walk has taken so far."""


_judged: Dict[str, _JudgedInputs] = {}
"""Inputs of judged results, by node id."""
_due: Dict[str, float] = {}
"""Time at which the inputs may be looked at again, by node id."""
_walks: Dict[str, _Walk] = {}
"""Looks at the texts that have begun, by node id."""


def settle(node: nuke.Node, began: Optional[float] = None) -> None:
    """Note that a node's result has been judged by its inputs as they are.

    Args:
        node: an XMemRoto.
        began: when the judging began, as `time.monotonic` counts: what takes long is done less often.
    """
    began = time.monotonic() if began is None else began
    node_id, hashes = identity.node_id(node), _input_hashes(node)
    before, token = _judged.get(node_id), _token(node)
    _walks.pop(node_id, None)
    _judged[node_id] = _JudgedInputs(token, {host.current_frame(): hashes})
    if before is not None and before.token == token:
        _judged[node_id].hashes = {**before.hashes, host.current_frame(): hashes}
    _wait(node_id, began)


def is_due(node_id: str) -> bool:
    """Say whether the inputs may be looked at again, or a look has begun."""
    return node_id in _walks or time.monotonic() >= _due.get(node_id, float("-inf"))


def rest(node_id: str) -> None:
    """Do not look again before the result is judged: a look that failed would fail, and be printed, at every idle moment."""
    _due[node_id] = float("inf")
    _walks.pop(node_id, None)
    if node_id in _judged:
        _judged[node_id].moved = False


def is_marked(node_id: str) -> bool:
    """Say whether a look found that the inputs differ, and nobody has judged the result since."""
    return node_id in _judged and _judged[node_id].moved


def has_moved(node: nuke.Node, node_id: str, validate: bool = True) -> bool:
    """Say whether the inputs differ from those of the last judging; changes nothing in the script.

    Args:
        node: an XMemRoto.
        node_id: of it.
        validate: ask for Nuke's hashes too, for which the inputs are validated; not while Nuke draws.
    """
    judged = _judged.get(node_id)
    if judged is None:
        return True
    began = time.monotonic()
    if validate:
        frame, hashes = host.current_frame(), _input_hashes(node)
        known = judged.hashes.setdefault(frame, hashes) if not judged.moved else judged.hashes.get(frame, hashes)
        if any(digest.speaks_against(before, now) for before, now in zip(known, hashes)):
            return True
    if is_due(node_id):
        walk = _walks.setdefault(node_id, _Walk(_token_in_steps(node)))
        token = next((text for text in itertools.islice(walk.steps, STEPS_AT_ONCE) if text), "")
        walk.seconds += time.monotonic() - began
        if token:
            del _walks[node_id]
            judged.moved = token != judged.token
            _wait(node_id, time.monotonic() - walk.seconds)
    return judged.moved


def _wait(node_id: str, began: float) -> None:
    now = time.monotonic()
    _due[node_id] = now + max(LOOK_EVERY_SECONDS, (now - began) / SHARE)


def _input_hashes(node: nuke.Node) -> Tuple[digest.Witness, ...]:
    return tuple(map(host.op_hashes, (_plate(node), identity.connected(node, identity.ROTO))))


def _plate(node: nuke.Node) -> Optional[nuke.Node]:
    """Give what the plate's colours come from; None when nothing is connected."""
    plate = identity.connected(node, identity.PLATE)
    return None if plate is None else plates.source_of(plate)


def _token(node: nuke.Node) -> str:
    """Reduce what is above a node, on whatever frame, to a text; files are not looked at."""
    return [text for text in _token_in_steps(node) if text][-1]


def _token_in_steps(node: nuke.Node) -> Iterator[str]:
    """Do the same one node at a time, giving "" until the last step."""
    # Undo, a script and an expression change the node's own knobs without a callback.
    own = (node.knob(name) for name in ("key_edits", *watched_knobs()))
    texts = [f"{knob.name()} {knob.value()}" for knob in own if knob is not None]
    plate, source = _plate(node), identity.connected(node, identity.ROTO)
    state = host.script_state() if host.may_walk_trees() else ()
    if plate is not None:
        yield from _tree_text(plate, state, texts)
    rotos = () if str(node["roto_input"].value()) == ALPHA else _rotos(node)
    for roto in rotos:
        text = str(roto["curves"].toScript())
        texts.append(f"{roto.fullName()} {text}")
        yield ""
        for followed in roto_pipe.followed(roto, text) if host.may_walk_trees() else ():
            yield ""
            if followed is not None:
                yield from _tree_text(followed, state, texts)
    if not rotos and source is not None:
        yield from _tree_text(source, state, texts)
    yield digest.of_lines(texts)


def _rotos(node: nuke.Node) -> Tuple[nuke.Node, ...]:
    try:
        return roto_pipe.above(node).rotos
    except RequestError:
        return ()  # no Roto is connected


def _tree_text(node: nuke.Node, state: Sequence[str], texts: List[str]) -> Iterator[str]:
    """Add the digest of a tree, under project settings, to `texts`; yields "" meanwhile."""
    if not host.may_walk_trees():
        texts.append(plates.tree_above(node).digest)
        return
    for text in digest.text_in_steps(node, host.upstream, state):
        if text:
            texts.append(text)
        else:
            yield ""
