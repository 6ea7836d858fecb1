"""Write a result's frames as curves of hidden knobs, so that Nuke's key jumps, Dope Sheet and Curve Editor work on them. Main thread only.

For each object `keyed_LAYER` has a key on each keyframe, `area_LAYER` is the share of the picture that it covers, and `sure_LAYER` how
sure the core was of it; `sure` is that of the whole shot. Curves of areas and sureness have keys only where they bend, so that a jump
to the next key finds keyframes and dips, and not every frame. `approved_LAYER` has a key on each frame that the artist approved: such
frames come and go between runs, so that curve follows the copies on disk whenever the node is judged.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Collection, Dict, List, Mapping, Sequence

from xmem_roto_nuke import host
from xmem_roto_nuke.node.body import APPROVED, AREA, KEYED, SURE, is_curve
from xmem_roto_nuke.staleness import mattes_on_disk
from xmem_roto_nuke.staleness.record import Record
from xmemcore.protocol.names import layer_names

if TYPE_CHECKING:
    import nuke

TOLERANCE = 0.02
"""Largest error of a curve, as a share of its largest value."""


@host.unrecorded()
def follow(node: nuke.Node, record: Record) -> None:
    """Write the curves of a result, and remove those of objects that are gone."""
    listed = mattes_on_disk.recorded(record.out)
    wanted: Dict[str, str] = {SURE: _bent(listed.sureness)}
    labels = {SURE: "sureness"}
    for name, layer in zip(record.objects, record.layers):
        keyed = sorted(int(frame) for frame in record.snapshot.roto.get(name, ()))
        curves = {KEYED: _steps(keyed), AREA: _bent(listed.areas.get(layer, {})), SURE: _bent(listed.sureness_of.get(layer, {}))}
        for kind, text in curves.items():
            wanted[f"{kind}_{layer}"], labels[f"{kind}_{layer}"] = text, f"{name}: {kind}"
    remove(node, {*(name for name, text in wanted.items() if text), *_of_approvals(node)})
    for name, text in wanted.items():
        if text:
            host.write_hidden_curve(node, name, labels[name], text)


@host.unrecorded()
def follow_approvals(node: nuke.Node, objects: Sequence[str], approved: Mapping[str, Sequence[int]]) -> None:
    """Write the curves of approved frames where they differ, and remove those of objects without any.

    Args:
        node: an XMemRoto.
        objects: names of its objects, in roto order.
        approved: frames by object.
    """
    wanted = {f"{APPROVED}_{layer}": name for name, layer in zip(objects, layer_names(objects)) if approved.get(name)}
    for knob in _of_approvals(node):
        if knob not in wanted:
            host.remove_knob(node, knob)
    for knob, name in wanted.items():
        frames = list(approved[name])
        if node.knob(knob) is None or [int(frame) for frame in node[knob].getKeyList()] != frames:  # type: ignore[attr-defined]
            host.write_hidden_curve(node, knob, f"{name}: {APPROVED}", _steps(frames))


@host.unrecorded()
def remove(node: nuke.Node, but: Collection[str] = ()) -> None:
    """Remove the curves of a result, but for those of these names."""
    for name in names(node):
        if name not in but:
            host.remove_knob(node, name)


def names(node: nuke.Node) -> List[str]:
    """List the knobs of the curves that a node has."""
    # An artist's own knob of such a name shows.
    return [name for name in host.knob_names(node) if is_curve(name) and not node[name].visible()]


def _of_approvals(node: nuke.Node) -> List[str]:
    return [name for name in names(node) if name.startswith(APPROVED)]


def _steps(frames: List[int]) -> str:
    """Write a curve with a key on each frame, all 1."""
    return "curve K " + " ".join(f"x{frame} 1" for frame in frames) if frames else ""


def _bent(values: Mapping[int, float]) -> str:
    """Write a curve of straight lines through values by frame; empty for none."""
    corners = bends(values)
    return "curve L " + " ".join(f"x{frame} {round(values[frame], 4):g}" for frame in corners) if corners else ""


def bends(values: Mapping[int, float]) -> List[int]:
    """Choose the frames between which straight lines are near enough to all values (Douglas and Peucker, 1973)."""
    frames = sorted(values)
    if len(frames) < 3:
        return frames
    allowed = TOLERANCE * max(abs(value) for value in values.values())
    corners = {0, len(frames) - 1}
    waiting = [(0, len(frames) - 1)]
    while waiting:
        first, last = waiting.pop()
        slope = (values[frames[last]] - values[frames[first]]) / (frames[last] - frames[first])
        off = {at: abs(values[frames[first]] + slope * (frames[at] - frames[first]) - values[frames[at]]) for at in range(first + 1, last)}
        farthest = max(off, key=lambda at: off[at], default=first)
        if farthest != first and off[farthest] > allowed:
            corners.add(farthest)
            waiting += [(first, farthest), (farthest, last)]
    return [frames[at] for at in sorted(corners)]
