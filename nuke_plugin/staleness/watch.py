"""Cheap answers to one question: has anything above a node moved since its result was last judged? Main thread only.

Nuke's own hashes answer at once, but only for a frame on which they were taken before. Artists key other frames than the last one they
looked at, so there is a second witness that knows no frame: the texts of the knobs above, and of the roto's shapes. It costs a walk
up the tree, and is asked at most every two seconds, and less often where it takes long.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Dict, Optional

from xmem_roto_nuke import host
from xmem_roto_nuke.handover import digest, plates
from xmem_roto_nuke.node import identity
from xmem_roto_nuke.node.settings import ALPHA

if TYPE_CHECKING:
    import nuke

LOOK_EVERY_SECONDS = 2.0
SHARE = 0.05
"""Of the interface's time, at most, for looking."""


@dataclass
class _Seen:
    """A node's inputs when its result was judged."""

    token: str
    hashes: Dict[int, Any] = field(default_factory=dict)
    """Nuke's hashes of the inputs, by the frame that was shown."""
    moved: bool = False
    """What the last look at the token said."""


_seen: Dict[str, _Seen] = {}
"""By node id."""
_due: Dict[str, float] = {}
"""By node id: when the inputs may be looked at again."""


def settle(node: nuke.Node, began: Optional[float] = None) -> None:
    """Note that a node's result has been judged by its inputs as they are.

    Args:
        node: an XMemRoto.
        began: when the judging began, as `time.monotonic` counts: what takes long is done less often.
    """
    began = time.monotonic() if began is None else began
    node_id, hashes = identity.node_id(node), _input_hashes(node)
    before, token = _seen.get(node_id), _token(node)
    _seen[node_id] = _Seen(token, {host.current_frame(): hashes})
    if before is not None and before.token == token:
        _seen[node_id].hashes = {**before.hashes, host.current_frame(): hashes}
    _wait(node_id, began)


def is_due(node_id: str) -> bool:
    """Say whether the inputs may be looked at again."""
    return time.monotonic() >= _due.get(node_id, float("-inf"))


def rest(node_id: str) -> None:
    """Look no more until the result is judged again: what failed once would fail, and be printed, at every idle moment."""
    _due[node_id] = float("inf")
    if node_id in _seen:
        _seen[node_id].moved = False


def is_marked(node_id: str) -> bool:
    """Say whether a look found that the inputs differ, and nobody has judged the result since."""
    return node_id in _seen and _seen[node_id].moved


def has_moved(node: nuke.Node, node_id: str) -> bool:
    """Say whether the inputs differ from those of the last judging; changes nothing in the script."""
    seen = _seen.get(node_id)
    if seen is None:
        return True
    hashes, known = _input_hashes(node), seen.hashes.get(host.current_frame())
    if known is not None and known != hashes:
        return True
    if is_due(node_id):
        began = time.monotonic()
        seen.moved = _token(node) != seen.token
        if not seen.moved:
            seen.hashes[host.current_frame()] = hashes
        _wait(node_id, began)
    return seen.moved


def _wait(node_id: str, began: float) -> None:
    now = time.monotonic()
    _due[node_id] = now + max(LOOK_EVERY_SECONDS, (now - began) / SHARE)


def _input_hashes(node: nuke.Node) -> Any:
    inputs = (node.input(identity.PLATE), node.input(identity.ROTO))
    return tuple(digest.op_hashes(source) if source is not None else () for source in inputs)


def _token(node: nuke.Node) -> str:
    """Reduce what is above a node, on whatever frame, to a text; files are not looked at."""
    texts = [str(node["key_edits"].value())]
    plate, source = node.input(identity.PLATE), node.input(identity.ROTO)
    if plate is not None:
        texts.append(_tree_text(plate))
    drawn = identity.behind_dots(source)
    if drawn is not None and drawn.knob("curves") is not None and str(node["roto_input"].value()) != ALPHA:
        texts.append(f"{drawn.fullName()} {drawn['curves'].toScript()}")
    elif source is not None:
        texts.append(_tree_text(source))
    return digest.of_lines(texts)


def _tree_text(node: nuke.Node) -> str:
    tree = plates.tree_above(node)
    return f"{tree.digest} {tree.reloads}"
