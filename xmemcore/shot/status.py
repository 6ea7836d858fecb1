"""What the next propagate would find: which mattes are up to date, which are stale and why, and what it would cost."""

from __future__ import annotations

from xmemcore.engine.propagation import asks_for
from xmemcore.protocol.frames import counted
from xmemcore.protocol.requests import PropagateRequest
from xmemcore.protocol.results import NodeStatus
from xmemcore.shot.plan import ShotPlan
from xmemcore.shot.store.cache import features_folder
from xmemcore.shot.store.permanent import PermanentStore
from xmemcore.shot.store.state import bytes_used


def node_status(request: PropagateRequest) -> NodeStatus:
    """Compare a node's inputs with what its mattes and its cache were made of. Reads the plate; runs no network.

    Raises:
        RequestError: the inputs cannot be opened.
    """
    plan = ShotPlan(request)
    frames = plan.plate.frames
    stale = [index for index in plan.wanted if plan.up_to_date(index) is None]
    steps = [
        index
        for group, gaps in zip(plan.groups, plan.gaps)
        for gap in gaps
        for visit in gap.visits(stale)
        for index in visit.indices
        if asks_for(index, group.annotations, len(group.objects), plan.config)
    ]
    features = features_folder(plan.root)
    memory = PermanentStore(plan.root, plan.node_id, warn=lambda text: None)
    return NodeStatus(
        node_id=plan.node_id,
        bytes_used=bytes_used(plan.root, plan.node_id),
        fresh=tuple(frames[index] for index in plan.wanted if index not in set(stale)),
        stale=tuple(frames[index] for index in stale),
        reasons=tuple(_reasons(plan)) if stale else (),
        frames_to_encode=sum(plan.content.digest(index) not in features for index in sorted(set(steps))),
        annotations_to_encode=sum(key not in memory for keys in plan.memory_keys for key in keys.values()),
        frames_to_compute=len(steps),
    )


def _reasons(plan: ShotPlan) -> list[str]:
    """Name what differs from the last run, in the artist's words."""
    last = plan.last
    if last is None:
        return ["Nothing has been propagated yet."]
    frames = plan.plate.frames
    reasons = []
    if last.model_sha256 != plan.model_sha256:
        reasons.append("The model is another one.")
    if last.settings != plan.settings():
        now = plan.settings()
        other = sorted(name for name in now.keys() | last.settings.keys() if last.settings.get(name) != now.get(name))
        reasons.append(f"Settings changed: {', '.join(other)}.")
    plates = [
        frames[index] for index in plan.wanted if last.features.get(frames[index], plan.content.digest(index)) != plan.content.digest(index)
    ]
    if plates:
        reasons.append(f"The plate changed on {counted(plates)}.")
    keyed = plan.annotation_signatures()
    for text, frames_changed in (
        ("New keys on", sorted(set(keyed) - set(last.annotations))),
        ("Keys were removed on", sorted(set(last.annotations) - set(keyed))),
        ("The roto changed on", sorted(frame for frame in set(keyed) & set(last.annotations) if keyed[frame] != last.annotations[frame])),
    ):
        if frames_changed:
            reasons.append(f"{text} {counted(frames_changed)}.")
    absent, known = plan.absent_objects(), {*keyed, *last.annotations}
    differ = [frame for frame in (frames[index] for index in plan.wanted) if last.absent.get(frame, []) != absent.get(frame, [])]
    if shown := [frame for frame in differ if frame not in known]:
        reasons.append(f"The roto shows other objects on {counted(shown)}.")
    return reasons or ["Some mattes are missing."]
