"""Versions of a node's result, and the lock that makes one read-only for every Propagate. Main thread only.

A version is a folder of mattes. The knob `version` says which one the node shows and the next Propagate writes; Version up begins the
next one and locks the former, so that it stays as it is and can be shown again.
"""

from __future__ import annotations

import contextlib
import itertools
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Dict, List, Optional, Tuple

from xmem_roto_nuke import host
from xmem_roto_nuke.node import identity, knobs, places, runs
from xmem_roto_nuke.panel import ownership, result, status, views
from xmem_roto_nuke.staleness import mattes_on_disk
from xmemcore.protocol import result_lock
from xmemcore.protocol.failures import Busy, RequestError
from xmemcore.protocol.result_lock import ResultLock

if TYPE_CHECKING:
    import nuke


MOST_SKIPPED = 8
"""Versions in a row without mattes, such as those that were begun and never propagated, behind which another one is looked for."""


@dataclass
class _Begun:
    """What Version up did, so that Undo and Redo can be followed: they turn knobs back, and know of no lock.

    Its token stands in the node's knob `begun`, which nothing else changes. So a version that a script or the menu chose is told from an
    undone one, and so is the undo of such a choice.
    """

    former_token: str
    """Token that stood there before."""
    left: str
    """Version that was left."""
    left_pattern: str
    name: str
    """Version that began."""
    pattern: str
    """Its pattern."""
    lock: Optional[ResultLock]
    """The lock that was made; None where none was needed, or there was one already."""


_begun: Dict[Tuple[str, str], _Begun] = {}
"""Versions that were begun in this session, by node id and token."""
_seen: Dict[str, Tuple[str, str]] = {}
"""Version and token of each node, by node id, when it was last acted on."""


def version_up(node: nuke.Node) -> None:
    """Begin the next version; the one that is left is locked where it has mattes, unless another node made them: that one goes on.

    Raises:
        Busy, RequestError.
    """
    _refuse_at_work(node)
    if _is_driven(node["version"]):
        raise RequestError(f"The version of {node.name()} follows an expression or keys, which stay: change it where they come from.")
    left, kept = knobs.matte_pattern(node), knobs.kept_pattern(node)
    has_mattes = bool(mattes_on_disk.frames(left))
    is_to_lock = has_mattes and not ownership.belongs_to_another(node, left)
    lock = result_lock.lock(left) if is_to_lock and result_lock.lock_of(left) is None else None
    known, former = existing(node), str(node["version"].value())
    upcoming = places.version_name(max(map(places.version_number, known)) + 1)
    former_token, token = _token(node), uuid.uuid4().hex
    own = [knobs.matte_pattern(node, version) for version in known]
    with host.one_undo("XMem version up"):
        _offer(node, [*known, upcoming])
        node["version"].setValue(upcoming)
        if node.knob("begun") is not None:
            node["begun"].setValue(token)
        if has_mattes:  # one that was begun and never propagated shows no difference
            views.compare_with(node, left, kept, own)
    note(node)
    if _token(node) == token:
        _begun[identity.node_id(node), token] = _Begun(former_token, former, left, upcoming, knobs.matte_pattern(node), lock)
    shown = knobs.shown_pattern(node)
    until_then = f"; until then {shown} shows" if shown else ""
    status.refresh(node, (f"{upcoming} begins: the next Propagate writes {knobs.matte_pattern(node)}{until_then}.",))


def show_chosen(node: nuke.Node) -> None:
    """Let the node put out the version that its knob says, once there are mattes of it. During a run the knob goes back to the run's.

    Raises:
        Busy, RequestError.
    """
    run = runs.under_way.get(identity.node_id(node))
    if run is not None:
        if run.version and str(node["version"].value()) != run.version:
            with host.unrecorded():
                node["version"].setValue(run.version)
            _refuse_at_work(node)
        return
    result.show_place(node, knobs.matte_pattern(node))
    status.refresh(node)


def note(node: nuke.Node) -> None:
    """Take the node's version as it is: it was loaded, or Version up began it."""
    if node.knob("version") is not None:
        _seen[identity.node_id(node)] = (str(node["version"].value()), _token(node))


def note_choice(node: nuke.Node) -> None:
    """Take the node's version as it is: somebody has chosen it. What Undo did to the token meanwhile is still to be followed."""
    if node.knob("version") is not None:
        node_id = identity.node_id(node)
        token = _seen[node_id][1] if node_id in _seen else _token(node)
        _seen[node_id] = (str(node["version"].value()), token)


def settle(node: nuke.Node) -> None:
    """Follow a change of the version that came without a callback, with what shows; and Undo and Redo of Version up with its lock.

    In doubt a lock stays: it keeps mattes that somebody approved. Not while the node is at work, and not in a terminal, where nothing is
    undone and nothing is shown anew.
    """
    if node.knob("version") is None or not host.has_interface():
        return
    node_id, now = identity.node_id(node), (str(node["version"].value()), _token(node))
    before = _seen.setdefault(node_id, now)
    if now == before:
        return
    _seen[node_id] = now
    sentences = []
    undone, again = _steps(node_id, before[1], now[1]), _steps(node_id, now[1], before[1])
    for step in undone if undone and undone[-1].left == now[0] else ():
        is_its_own = step.lock is not None and result_lock.lock_of(step.left_pattern) == step.lock
        if is_its_own and not mattes_on_disk.frames(step.pattern):
            with contextlib.suppress(OSError):  # the status names a lock that stays
                result_lock.unlock(step.left_pattern)
                sentences.append(f"Version up is undone: {step.left} is no longer locked.")
    for step in again if again and again[0].name == now[0] else ():
        if step.lock is not None:
            with contextlib.suppress(OSError):
                step.lock = result_lock.lock(step.left_pattern)
    with contextlib.suppress(RequestError):  # no place for mattes, which a run would say
        result.show_place(node, knobs.matte_pattern(node))
    status.refresh(node, sentences)


def _token(node: nuke.Node) -> str:
    """Give the token of the last Version up that was not undone; empty where there was none, or the node has no knob for it."""
    knob = node.knob("begun")
    return "" if knob is None else str(knob.value())


def _steps(node_id: str, later: str, earlier: str) -> List[_Begun]:
    """List what was begun on the way from one token to a later one, the last first; empty where no way leads there."""
    steps: List[_Begun] = []
    while later != earlier:
        if (node_id, later) not in _begun:
            return []
        steps.append(_begun[node_id, later])
        later = steps[-1].former_token
    return steps


def offer(node: nuke.Node) -> None:
    """List the versions that there are, and the chosen one; a node without a place for mattes keeps its list."""
    if node.knob("version") is None:
        return
    try:
        known = existing(node)
    except RequestError:
        return
    _offer(node, known)


def existing(node: nuke.Node) -> List[str]:
    """List the versions that have a folder, the first and the chosen one in any case, ascending."""
    chosen = places.version_number(str(node["version"].value()))
    found = {1, chosen}
    for number in itertools.count(2):
        if mattes_on_disk.frames(knobs.matte_pattern(node, places.version_name(number))):
            found.add(number)
        elif number > max(found) + MOST_SKIPPED:
            break
    return [places.version_name(number) for number in sorted(found)]


def toggle_lock(node: nuke.Node) -> None:
    """Lock the mattes where the node writes, or take their lock away.

    Raises:
        Busy, RequestError, OSError.
    """
    _refuse_at_work(node)
    pattern = knobs.matte_pattern(node)
    lock = result_lock.lock_of(pattern)
    if lock is None and not mattes_on_disk.frames(pattern):
        raise RequestError(f"{node.name()} has no mattes at {pattern}. Propagate first.")
    if lock is None:
        result_lock.lock(pattern)
        sentence = ""  # the status names every lock
    else:
        result_lock.unlock(pattern)
        sentence = f"The lock that {lock.by} made on {lock.since} is gone: Propagate writes these mattes again."
    status.refresh(node, (sentence,) if sentence else ())


def _offer(node: nuke.Node, names: List[str]) -> None:
    knob = node["version"]
    chosen = str(knob.value())
    if list(knob.values()) != names and not _is_driven(knob):  # type: ignore[attr-defined]
        with host.unrecorded():
            knob.setValues(names)  # type: ignore[attr-defined]
            knob.setValue(chosen)


def _is_driven(version: nuke.Knob) -> bool:
    """Say whether keys or an expression choose the version, by its place in the menu."""
    return bool(version.hasExpression() or version.isAnimated())


def _refuse_at_work(node: nuke.Node) -> None:
    title = runs.title(identity.node_id(node))
    if title:
        raise Busy(f"{title} of {node.name()} is at work. Cancel it, or wait for it.")
