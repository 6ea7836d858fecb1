"""The results of jobs, as the worker's `finished` carries them and `--json` prints them."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Dict, Mapping, Optional, Tuple, Type, Union


@dataclass(frozen=True)
class JobResult:
    """Base of all results."""

    def as_json(self) -> Dict[str, Any]:
        """Give the fields by name, as `--json` prints them."""
        return asdict(self)


@dataclass(frozen=True)
class PropagateResult(JobResult):
    """What a propagate did."""

    out: str
    """Pattern of the matte files."""
    frames: Tuple[int, ...]
    """Frames whose matte is up to date now."""
    written: Tuple[int, ...]
    """Frames that this run computed."""
    missing: Tuple[int, ...]
    """Frames that were asked for and have no plate."""
    keyframes: Tuple[int, ...]
    objects: Tuple[str, ...]
    layers: Tuple[str, ...]
    """Name of each object's layer."""
    encoded_frames: int
    """Frames that went through the key encoder; the others' features were kept."""
    encoded_annotations: int
    """Annotated frames that were encoded; the others' memory was kept."""
    seconds: float
    model: str
    precision: str
    """Level at which the mattes were computed: float32, mixed or fast."""
    node_id: str
    warnings: Tuple[str, ...]


@dataclass(frozen=True)
class Suggestion:
    """One frame worth keying."""

    frame: int
    score: float
    """What the method maximises, above 0; of `coverage` the share of the shot's expected error that the key would take away."""
    nearest_keyframe: Optional[int]
    """The frame that explains it best: a keyed one, or one that is suggested before it; None: nothing is keyed yet."""
    reason: str
    """Why, in a sentence."""
    object: Optional[str] = None
    """Whom the reason is about; None: all, or the picture."""
    also: Tuple[str, ...] = ()
    """Other objects that look wrong there too, as far as the reason names them."""
    first: Optional[int] = None
    """First frame of the stretch that looks wrong; the frame itself where none does."""
    last: Optional[int] = None
    """Last frame of that stretch."""
    wrong: bool = False
    """Whether something looks wrong; False: the key would help, but nothing is amiss."""
    thumbnail: Optional[str] = None
    """PNG of the frame for the panel; None where there is none, and always on the command line."""


@dataclass(frozen=True)
class SuggestResult(JobResult):
    """The frames that are worth keying."""

    suggestions: Tuple[Suggestion, ...]
    object: Optional[str]
    scores: Mapping[int, float]
    """The first round's score of every frame; 0 for frames that may not be picked."""
    message: str
    """What an artist reads above the suggestions; `lost_frames` are named in it."""
    lost_frames: Tuple[int, ...]
    """Frames whose matte is empty although the object is there on both sides, and that no suggestion is for."""
    encoded_frames: int
    seconds: float
    expected_j: Optional[float] = None
    """Jaccard index expected of the mattes, the mean over the frames without a key; None where the method does not judge mattes."""
    expected: Mapping[int, float] = field(default_factory=dict)
    """The expected index of each frame, the mean over the objects; 1 on keys; empty where the method does not judge mattes."""


@dataclass(frozen=True)
class OwnShape:
    """One shape of a node, and where its points are to be."""

    node: str
    path: Tuple[int, ...]
    """Where it stands: its position among the children of each layer, from Root's on."""
    name: str
    points: Tuple[Tuple[Optional[Tuple[float, ...]], ...], ...]
    """For each point: in tangent, centre, out tangent, then the same three of the feather, as x and y; tangents and the feather's centre
    are relative, as in the node. None: it stays as it is."""


@dataclass(frozen=True)
class FittedObject:
    """One object's shapes at the frame of a fit."""

    name: str
    keyed_on: int
    """Frame whose shapes were moved."""
    iou: float
    """Overlap of the fitted shapes with the matte, in [0, 1], both cut at one half; a gap that the shapes go across counts as matte."""
    own: Tuple[OwnShape, ...]
    """The same shapes in their node's coordinates, to be keyed there; empty for a roto JSON, which has no node."""


@dataclass(frozen=True)
class FitResult(JobResult):
    """The shapes that a fit has moved."""

    frame: int
    out: Optional[str]
    """The roto JSON with all keys and the new one; None: nothing was to be written."""
    objects: Tuple[FittedObject, ...]
    warnings: Tuple[str, ...]
    seconds: float


@dataclass(frozen=True)
class ApproveResult(JobResult):
    """What is approved now."""

    folder: str
    """Folder of the copies."""
    changed: Tuple[int, ...]
    """Frames that were marked, or whose mark was taken back."""
    approved: Mapping[str, str]
    """Approved frames of each object, as a range; only objects that have any."""
    warnings: Tuple[str, ...]


@dataclass(frozen=True)
class NodeStatus(JobResult):
    """What a node holds, and what its next propagate would cost."""

    node_id: str
    bytes_used: int
    """Bytes on disk of the node's own memory and of the features of its plate; other nodes may share the features."""
    fresh: Tuple[int, ...]
    """Frames whose matte is up to date."""
    stale: Tuple[int, ...]
    """Frames whose matte is missing or was made of something else."""
    reasons: Tuple[str, ...]
    """What changed since the last run, a sentence each."""
    frames_to_encode: int
    """Plate frames that would go through the key encoder."""
    annotations_to_encode: int
    frames_to_compute: int
    """Frames that would be propagated; a sweep also steps through frames that are up to date on its way to a stale one."""


@dataclass(frozen=True)
class Collected(JobResult):
    """What a collect of a job's mattes did."""

    shot: str
    out: str
    """Pattern of the mattes where they are now."""
    frames: Tuple[int, ...]
    copied: Tuple[int, ...]
    """Frames whose matte was not there before."""
    seconds: float


@dataclass(frozen=True)
class Cleared(JobResult):
    """The node's cache is gone."""


@dataclass(frozen=True)
class ModelEntry:
    """One model that is installed, or can be fetched."""

    name: str
    summary: str
    terms: str
    """Licence and conditions."""
    installed: bool
    sha256: Optional[str] = None
    """Hash that was recorded at the installation; None: the model is not installed, or no hash was recorded."""


@dataclass(frozen=True)
class ModelList(JobResult):
    """The installed models, the default first, then those that can be fetched."""

    models: Tuple[ModelEntry, ...]


Result = Union[PropagateResult, SuggestResult, FitResult, ApproveResult, NodeStatus, Cleared, ModelList]

RESULTS: Dict[str, Type[Any]] = {
    "propagate": PropagateResult,
    "suggest": SuggestResult,
    "fit": FitResult,
    "approve": ApproveResult,
    "status": NodeStatus,
    "clear": Cleared,
    "models": ModelList,
}
"""`kind` of a result on the wire: that of the request it answers."""
