"""Open and check a request's inputs: the plate, its annotations, and the wanted frames."""

from __future__ import annotations

from dataclasses import dataclass, replace

from xmemcore.protocol.absences import Absence
from xmemcore.protocol.failures import RequestError
from xmemcore.protocol.frames import FrameRange
from xmemcore.protocol.requests import ShotRequest
from xmemcore.shot.annotations.absences import AbsentAnnotations
from xmemcore.shot.annotations.annotations import Annotations, ChosenAnnotations, position, require_computable
from xmemcore.shot.inputs.approved import ApprovedAnnotations
from xmemcore.shot.plate.plate import Plate
from xmemcore.shot.store.cache import digest


@dataclass(frozen=True)
class Shot:
    """A plate with its annotations."""

    plate: Plate
    annotations: Annotations

    @property
    def indices(self) -> dict[int, int]:
        """Plate index of each keyframe."""
        places = {frame: index for index, frame in enumerate(self.plate.frames)}
        return {frame: places[frame] for frame in self.annotations.keyframes}

    def default_node_id(self) -> str:
        """Name the cache's folder where no Nuke node does."""
        return f"shot-{digest(self.plate.sequence.pattern, self.annotations.objects)[:16]}"


def open_shot(request: ShotRequest) -> Shot:
    """Open plate and annotations, and check that they belong together.

    Raises:
        RequestError, and whatever reading plate, roto or masks raises.
    """
    if (request.roto is None) == (request.masks is None):
        raise RequestError("Give the annotations as either a roto or a folder of masks: one of --roto and --masks.")
    plate = Plate.open(request.plate, request.colorspace, request.view)
    annotations = _open_annotations(request, plate)
    if not annotations.keyframes:
        raise RequestError(f"Nothing is annotated in {request.roto or request.masks}. Key the roto on at least one frame of the plate.")
    require_computable(len(annotations.objects), request.roto or request.masks)
    for frame in annotations.keyframes:
        if frame not in plate.frames:
            reason = "is missing on disk" if frame in plate.holes else "is not on the plate"
            advice = plate.sequence.of_more or "Move the key to a frame that exists, or leave that keyframe out."
            raise RequestError(f"Keyframe {frame} {reason} ({plate.sequence.pattern}, {plate.frames[0]}-{plate.frames[-1]}). {advice}")
    return Shot(plate, annotations)


def wanted_indices(plate: Plate, frames: str | None) -> tuple[list[int], list[int]]:
    """Turn a frame range into plate indices.

    Returns:
        Indices that exist, ascending, and the frames of the range that do not.

    Raises:
        FrameRangeInvalid, RequestError.
    """
    if frames is None:
        return list(range(len(plate.frames))), list(plate.holes)
    asked = FrameRange.parse(frames)
    indices = [index for index, frame in enumerate(plate.frames) if frame in asked]
    if not indices:
        raise RequestError(
            f"None of the frames {frames} is on the plate, which has {plate.frames[0]}-{plate.frames[-1]}. "
            f"{plate.sequence.of_more or 'Check the frame range.'}"
        )
    present = set(plate.frames)
    return indices, sorted(frame for frame in asked if frame not in present)


def _open_annotations(request: ShotRequest, plate: Plate) -> Annotations:
    """Open roto or masks, and add approved mattes, then absent ranges, which count most."""
    annotations, names = _drawn(request, plate)
    if request.approved is not None:
        annotations = ApprovedAnnotations(annotations, request.approved, plate)
    if request.absent:
        absences = [Absence.parse(text) for text in request.absent]
        if request.objects is not None:
            # Ranges of objects that are left out are left out too; a name that no object has is a mistake.
            absences = [replace(absence, name=names[position(absence.name, names)]) for absence in absences]
            absences = [absence for absence in absences if absence.name in annotations.objects]
        annotations = AbsentAnnotations(annotations, absences, plate.frames, plate.canvas)
    return annotations


def _drawn(request: ShotRequest, plate: Plate) -> tuple[Annotations, tuple[str, ...]]:
    """Open roto or masks; gives the annotations of the chosen objects, and the names of all objects."""
    if request.roto is not None:
        from xmemcore.shot.annotations.roto import open_roto

        frames = {*plate.frames, *plate.holes}
        roto = open_roto(request.roto, plate.canvas, request.roto_node, request.keyframes, request.objects, frames)
        return roto, roto.drawn
    from xmemcore.shot.annotations.masks import MaskAnnotations

    assert request.masks is not None, "one of roto and masks is given"
    masks = MaskAnnotations.open(request.masks, plate, keyframes=request.keyframes, view=request.view)
    return (masks if request.objects is None else ChosenAnnotations(masks, request.objects)), masks.objects
