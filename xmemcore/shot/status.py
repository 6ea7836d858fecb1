"""Foresee the next propagate: which mattes are up to date, which are stale and why, and what it would cost."""

from __future__ import annotations

from dataclasses import dataclass

from xmemcore.engine.propagation import asks_for
from xmemcore.protocol.frames import counted
from xmemcore.protocol.requests import PropagateRequest
from xmemcore.protocol.results import NodeStatus
from xmemcore.shot.inputs.opened import OpenedShot, open_propagate
from xmemcore.shot.mattes.matte_proof import FormerMattes
from xmemcore.shot.plan.dependencies import Dependencies
from xmemcore.shot.plan.plan import Plan, plan
from xmemcore.shot.run.learned import expected_weights
from xmemcore.shot.store.cache import features_folder
from xmemcore.shot.store.permanent import PermanentStore
from xmemcore.shot.store.state import NodeManifest, bytes_used


@dataclass(frozen=True)
class Outlook:
    """A run that is opened, planned and hashed, and not begun."""

    opened: OpenedShot
    plan: Plan
    depends: Dependencies
    former: FormerMattes

    @classmethod
    def of(cls, opened: OpenedShot) -> Outlook:
        """Plan the gaps, and find what each matte would depend on."""
        planned = plan(opened)
        depends = Dependencies(opened, planned, expected_weights(opened, planned))
        return cls(opened, planned, depends, FormerMattes(opened.matte_path, depends.signature))

    def stale(self) -> list[int]:
        """List the indices whose matte is not what the run would write; reads every matte, and the plate where it has to."""
        return [index for index in self.opened.wanted if self.former.up_to_date(index) is None]


def node_status(request: PropagateRequest) -> NodeStatus:
    """Compare a node's inputs with those of its mattes and its cache. Reads the plate; runs no network.

    Raises:
        RequestError: the inputs cannot be opened.
    """
    outlook = Outlook.of(open_propagate(request))
    opened, depends = outlook.opened, outlook.depends
    frames, places = opened.shot.plate.frames, opened.places
    stale = outlook.stale()
    fresh = sorted(set(opened.wanted).difference(stale))
    steps = [
        index
        for group in outlook.plan.groups
        for gap in group.gaps
        for indices in gap.sweeps_for(stale)
        for index in indices
        if asks_for(index, group.group.annotations, len(group.group.objects), outlook.plan.config)
    ]
    features = features_folder(places.cache)
    memory = PermanentStore(places.cache, places.node_id, warn=lambda text: None)
    return NodeStatus(
        node_id=places.node_id,
        bytes_used=bytes_used(places.cache, places.node_id),
        fresh=tuple(frames[index] for index in fresh),
        stale=tuple(frames[index] for index in stale),
        reasons=tuple(_reasons(opened.last, depends.manifest())) if stale else (),
        frames_to_encode=sum(opened.content.digest(index) not in features for index in sorted(set(steps))),
        annotations_to_encode=sum(key not in memory for keys in depends.memory_keys for key in keys.values()),
        frames_to_compute=len(steps),
    )


def _reasons(last: NodeManifest | None, now: NodeManifest) -> list[str]:
    """Name what differs from the last run, in the artist's words."""
    if last is None:
        return ["Nothing has been propagated yet."]
    reasons = []
    if last.model_sha256 != now.model_sha256:
        reasons.append("The model is another one.")
    if last.settings != now.settings:
        names = now.settings.keys() | last.settings.keys()
        changed = sorted(name for name in names if last.settings.get(name) != now.settings.get(name))
        reasons.append(f"Settings changed: {', '.join(changed)}.")
    plates = [frame for frame, content in now.features.items() if last.features.get(frame, content) != content]
    if plates:
        reasons.append(f"The plate changed on {counted(plates)}.")
    keyed = now.annotations
    for text, frames_changed in (
        ("New keys on", sorted(set(keyed) - set(last.annotations))),
        ("Keys were removed on", sorted(set(last.annotations) - set(keyed))),
        ("The roto changed on", sorted(frame for frame in set(keyed) & set(last.annotations) if keyed[frame] != last.annotations[frame])),
    ):
        if frames_changed:
            reasons.append(f"{text} {counted(frames_changed)}.")
    differ = [frame for frame in now.features if last.absent.get(frame, []) != now.absent.get(frame, [])]
    known = {*keyed, *last.annotations}
    if shown := [frame for frame in differ if frame not in known]:
        reasons.append(f"The roto shows other objects on {counted(shown)}.")
    return reasons or ["Some mattes are missing."]
