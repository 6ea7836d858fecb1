"""A node read, and what it gives the core made ready: the plate, the annotations, and Nuke's own alpha on keyframes."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Callable, Dict, FrozenSet, Iterable, List, Mapping, Optional, Sequence, Set, Tuple, TypeVar

from xmem_roto_nuke import host
from xmem_roto_nuke.graph import behind_dots
from xmem_roto_nuke.handover import absence, approvals, background, colour, pictures, plates
from xmem_roto_nuke.handover.pictures import Report, Surroundings, format_of
from xmem_roto_nuke.handover.shared_folder import write_whole
from xmem_roto_nuke.host import RotoDrawing
from xmem_roto_nuke.node import identity, knobs, roto_pipe
from xmem_roto_nuke.node.settings import ALPHA, UNION, Settings
from xmem_roto_nuke.roto import reading
from xmem_roto_nuke.roto.key_edits import ONE_OBJECT, NothingKeyed
from xmem_roto_nuke.roto.reading import RotoForCore
from xmem_roto_nuke.words import Pace
from xmemcore.protocol.choices import IN_BACKGROUND, METHODS
from xmemcore.protocol.failures import RequestError
from xmemcore.protocol.frames import FrameRange
from xmemcore.protocol.names import CRYPTOMATTE_LAYERS, layer_names
from xmemcore.protocol.places import approved_folder, exchange_folder
from xmemcore.protocol.requests import FitRequest, PropagateRequest, SuggestRequest
from xmemcore.protocol.words import plural

if TYPE_CHECKING:
    import nuke


MOST_CHANNELS = 1023
"""Most channels that Nuke takes in one script."""
PASSES = {
    "confidence": re.compile(r"confidence\.value"),
    "bands": re.compile(r"(core|edge)\.value"),
    "cryptomatte": re.compile(rf"({'|'.join(CRYPTOMATTE_LAYERS)})\..*"),
}
"""Channels of the mattes that belong to no object, and so cannot have another name, by the setting that asks for them."""
AnyRequest = TypeVar("AnyRequest", PropagateRequest, SuggestRequest, FitRequest)


@dataclass(frozen=True)
class Annotations:
    """The artist's annotations of the objects, read in Nuke's main thread."""

    frames: Dict[str, List[int]]
    """Annotated frames of each object."""
    sent: Optional[RotoForCore]
    """What the core gets of the roto; None when the input's alpha is rendered instead."""
    own_union: Optional[RotoDrawing]
    """Nuke's own drawing of the whole roto; None where it is not the union of the objects."""
    warnings: Tuple[str, ...] = ()
    notes: Tuple[str, ...] = ()
    """Sentences about changed keyframes whose object has another name now, or is gone."""
    absent: Mapping[str, Set[int]] = field(default_factory=dict)
    """Frames on which the artist has declared an object absent, by object."""

    @property
    def keyframes(self) -> List[int]:
        return sorted({frame for frames in self.frames.values() for frame in frames})

    @property
    def keyed(self) -> Dict[str, Tuple[int, ...]]:
        """Give the annotated frames of each object, but for those on which it is declared absent."""
        return {name: tuple(frame for frame in frames if frame not in self.absent.get(name, ())) for name, frames in self.frames.items()}

    @property
    def complete(self) -> List[int]:
        """Frames on which every object is annotated: only there is the union known."""
        return [frame for frame in self.keyframes if all(frame in frames for frames in self.frames.values())]


@dataclass(frozen=True)
class NodeRead:
    """An XMemRoto at one moment, read in Nuke's main thread.

    A run works with this value alone: what the artist changes later is not in it.
    """

    node: nuke.Node
    """The node, beside which the plate is rendered, and which gets the result; its knobs are read no more."""
    node_id: str
    settings: Settings
    colorspace: str
    """Encoding of the plate."""
    plate: nuke.Node
    """What is connected to the plate input."""
    frames: FrameRange
    """Frames that a propagate fills."""
    annotations: Annotations
    alpha: Optional[nuke.Node]
    """The node whose alpha is the annotation; None where the roto's shapes are."""
    approved: str
    """Pattern of the mattes beside which the approved copies lie that count; see `approvals.counting`."""
    absent: FrozenSet[int]
    """Frames on which the one object of an alpha is declared absent."""
    warnings: Tuple[str, ...]
    """Sentences about the annotations and the frames."""
    script: str = ""
    """Path of the script; empty when it was never saved."""


def read_node(node: nuke.Node, also: Iterable[int] = ()) -> NodeRead:
    """Read the inputs of a result; main thread, renders nothing.

    Args:
        node: an XMemRoto.
        also: frames beside those of a propagate on which it counts whether an object is there.

    Raises:
        RequestError: with the sentence to show.
    """
    settings = knobs.read_settings(node)
    colorspace = colorspace_of(settings)
    plate = identity.plate_input(node)
    frames = plates.frame_range(settings.frame_range, plate, host.script_range())
    annotations = read_annotations(node, settings, {*frames, *also})
    return NodeRead(
        node,
        identity.node_id(node),
        settings,
        colorspace,
        plate,
        frames,
        annotations,
        identity.roto_source(node) if annotations.sent is None else None,
        _approved(node, settings.out),
        frozenset(absent_frames(node)),
        annotations.warnings + plates.beyond(frames, plate) + _hidden_passes(settings, plate),
        host.script_path(),
    )


def read_to_hand_over(node: nuke.Node) -> NodeRead:
    """Read a node that is to be handed over, and refuse what could not be; main thread.

    Raises:
        RequestError: with the sentence to show.
    """
    with host.unrecorded(), host.full_size():  # the roto is placed in the plate's format
        read = read_node(node)
    host.refuse_wrong_context(read.plate)
    _refuse_keys_off_plate(read.annotations, read.plate)
    _refuse_missing_mattes(read)
    _refuse_too_many_layers(read.annotations)
    return read


def read_to_suggest(node: nuke.Node) -> NodeRead:
    """Read a node of which frames are to be suggested; while nothing is keyed, its plate alone, for the best first frame; main thread.

    Raises:
        RequestError: with the sentence to show; NothingKeyed where the frames are chosen in a way that needs a key.
    """
    try:
        return read_to_hand_over(node)
    except NothingKeyed:
        settings = knobs.read_settings(node)
        if settings.suggest.method != METHODS[0]:
            raise
        plate = identity.plate_input(node)
        host.refuse_wrong_context(plate)
        frames = plates.frame_range(settings.frame_range, plate, host.script_range())
        unkeyed = Annotations({}, None, None)
        beyond = plates.beyond(frames, plate)
        approved = _approved(node, settings.out)
        return NodeRead(
            node, identity.node_id(node), settings, colorspace_of(settings), plate, frames, unkeyed, None, approved, frozenset(), beyond
        )


def _approved(node: nuke.Node, out: str) -> str:
    """Say beside which mattes approved copies count; where nodes are counted, the inside of this one is not asked."""
    shown = knobs.shown_pattern(node) if host.may_walk_trees() else ""
    return approvals.counting(out, shown, identity.node_id(node))


@dataclass(frozen=True)
class HandedShot:
    """Fields of the core's requests that are about the shot."""

    plate: str
    colorspace: str
    node_id: str
    roto: Optional[str] = None
    roto_alpha: Optional[str] = None
    masks: Optional[str] = None
    keyframes: Optional[Tuple[int, ...]] = None
    absent: Optional[Tuple[str, ...]] = None
    approved: Optional[str] = None

    def into(self, request: AnyRequest) -> AnyRequest:
        """Fill in those of its fields that the request has."""
        names = {row.name for row in fields(request)}
        return replace(request, **{name: value for name, value in vars(self).items() if name in names})


@dataclass(frozen=True)
class HandedNode:
    """The parts of a node that the core was given."""

    shot: HandedShot
    missing: Tuple[int, ...]
    """Frames that were asked for and have no plate."""
    plate_state: str
    """Digest of the plate as it was handed over."""
    alpha_states: Mapping[int, str]
    """Digests of the rendered alpha, by frame; empty for shapes."""
    warnings: Tuple[str, ...] = ()
    """Sentences about the rendering."""


def hand_over(read: NodeRead, report: Report, cancelled: Callable[[], bool], place: Optional[Path] = None) -> HandedNode:
    """Make plate and annotations ready; from a thread of ours, or the main thread of a terminal.

    Args:
        read: of `read_to_hand_over`.
        report: says how far it is.
        cancelled: says whether to stop.
        place: folder of a job; None for the node's folder for exchange.

    Raises:
        RequestError, MachineError, Cancelled: with the sentence to show.
    """
    folder = place or exchange_folder(read.node_id)
    warnings: List[str] = []
    around = pictures.Surroundings(read.node, folder, _with_time_left(report), cancelled)
    # A job's folder is filled by the Nuke that exports, which may itself be one without interface.
    if read.settings.panel.plate_render == IN_BACKGROUND and place is None and host.has_interface() and host.in_main(host.may_walk_trees):
        around = replace(around, elsewhere=lambda: warnings.extend(background.render(read.settings.node_name, around)))
    try:
        return replace(_hand_over(read, around), warnings=tuple(warnings))
    finally:
        around.close()


def _with_time_left(report: Report) -> Report:
    """Let a report say how long the rest takes; each kind of work has a pace of its own."""
    paces: Dict[str, Pace] = {}

    def tell(done: int, total: int, work: str) -> None:
        report(done, total, work + paces.setdefault(work, Pace()).left(done, total))

    return tell


def _hand_over(read: NodeRead, around: Surroundings) -> HandedNode:
    annotations = read.annotations
    absent: Tuple[str, ...] = ()
    if annotations.sent is not None:
        # Before the plate, since where Nuke may not render that, the command line goes on from here.
        roto, absent = absence.taken_out(annotations.sent.roto)
        write_whole(around.folder / "roto.json", roto.write())
    plate = pictures.hand_plate(around, read.plate, list(read.frames), annotations.keyframes)
    _refuse_keys_without_picture(annotations, plate.missing)
    shot = HandedShot(plate.pattern, read.colorspace, read.node_id)
    approved = approvals.counting(read.settings.out, read.approved, read.node_id)  # they may have been taken along meanwhile
    if approvals.stamp(approved):
        shot = replace(shot, approved=str(approved_folder(approved)))
    alpha: Mapping[int, str] = {}
    if annotations.sent is not None:
        shot = replace(shot, roto=(around.folder / "roto.json").as_posix(), absent=absent or None)
        drawing = annotations.own_union
        if drawing is not None and annotations.complete:
            shot = replace(shot, roto_alpha=pictures.hand_own_union(around, read.plate, drawing, annotations.complete))
    elif read.alpha is not None:
        handed = pictures.hand_alpha(around, read.alpha, annotations.keyframes, read.absent)
        alpha = handed.states
        shot = replace(shot, masks=handed.pattern, keyframes=tuple(annotations.keyframes))
    return HandedNode(shot, plate.missing, plate.state, alpha)


def absent_frames(node: nuke.Node) -> Set[int]:
    """Give the frames on which the one object is declared absent; main thread."""
    return set(identity.key_edits(node).absent.get(ONE_OBJECT, ()))


def read_annotations(node: nuke.Node, settings: Settings, wanted: Iterable[int]) -> Annotations:
    """Read what the artist keyed, with the panel's edits, all of it at one moment; main thread.

    Args:
        node: an XMemRoto.
        settings: of its knobs.
        wanted: frames on which it counts whether an object is there.

    Raises:
        RequestError.
    """
    edits = identity.key_edits(node)
    if settings.roto_input == ALPHA:
        source = identity.roto_source(node)
        frames = sorted(edits.frames(ONE_OBJECT, set()))
        if not frames:
            raise NothingKeyed(
                f"No frame is listed for the alpha of {source.name()}. Go to a frame where it is right and press Add current."
            )
        return Annotations({ONE_OBJECT: frames}, None, None, absent={ONE_OBJECT: edits.absent.get(ONE_OBJECT, set())})
    pipe = roto_pipe.above(node)
    plate = identity.plate_input(node)
    texts = roto_pipe.texts(pipe)
    rotos = [(*text, roto["curves"]) for text, roto in zip(texts, pipe.rotos)]
    read = reading.read_rotos(rotos, settings.roto_input == UNION, roto_pipe.layers(plate))
    notes: Tuple[str, ...] = ()
    if settings.roto_input != UNION:
        edits, notes = edits.carried_over(read.names)
    edits = edits.of(read.names)
    sent = reading.send(read, edits, format_of(plate), wanted)
    absent = {name: set(frames) for name, frames in edits.absent.items()}
    drawing = None
    # Rendering it takes more nodes, which Non-commercial and Indie have not got.
    if reading.every_shape_counts(read, edits) and host.may_walk_trees():
        # What was sampled, since an expression finds no node where the copy is drawn.
        drawing = RotoDrawing.of_nodes(pipe.rotos, [text for _, text in sent.roto.rotos])
    return Annotations(reading.keyframes(read, edits), sent, drawing, pipe.warnings + read.warnings + sent.warnings, notes, absent)


def colorspace_of(settings: Settings) -> str:
    """Name the plate's encoding for the core; main thread.

    Raises:
        RequestError.
    """
    if settings.colorspace is not None:
        return settings.colorspace
    return colour.encoding(*host.working_space())


def _refuse_keys_off_plate(annotations: Annotations, plate: nuke.Node) -> None:
    """Refuse keys outside of the plate. A rendered plate has pixels there, held or looped, so the core could not tell."""
    off = plates.off(annotations.keyframes, plate)
    if off:
        shown = ", ".join(map(str, off[:6]))
        raise RequestError(
            f"The plate {plate.name()} has the frames {plate.firstFrame()}-{plate.lastFrame()}, but the roto is keyed on {shown}. "
            f"Go there and press Remove, or move the keys to frames that the plate has. {plates.HOW_TO_NAME_THE_RANGE}"
        )


def _refuse_missing_mattes(read: NodeRead) -> None:
    """Refuse an alpha of mattes that are missing where it is keyed: black would be learned, or the plate's alpha where there are none."""
    wanted = [frame for frame in read.annotations.keyframes if frame not in read.absent]
    source = behind_dots(read.alpha) if host.may_walk_trees() else read.alpha
    if source is not None and identity.is_xmemroto(source) and not source["has_result"].value():
        raise RequestError(f"The roto input of {read.settings.node_name} is {source.name()}, which has no mattes yet. Propagate it first.")
    for name, frames in (plates.tree_above(read.alpha).without_matte(wanted) if read.alpha is not None else {}).items():
        raise RequestError(
            f"The roto input of {read.settings.node_name} comes from {name}, which has no matte on {FrameRange.of(frames)}. "
            f"Propagate {name} there first, or go there and press Remove."
        )


def _hidden_passes(settings: Settings, plate: nuke.Node) -> Tuple[str, ...]:
    """Name layers of the plate that are called like the mattes' own, which the node does not put out then."""
    wanted = [names for setting, names in PASSES.items() if getattr(settings.propagate, setting)]
    channels = roto_pipe.channels(plate) if wanted else ()
    hiding = sorted({channel.split(".")[0] for channel in channels if any(names.fullmatch(channel) for names in wanted)})
    if not hiding:
        return ()
    return (
        f"The plate has layers that are called like the mattes' own, and the plate's come out here: {', '.join(hiding)}. "
        "The mattes' are in their files, which a Read shows.",
    )


def _refuse_too_many_layers(annotations: Annotations) -> None:
    """Beyond its limit Nuke shows no further layers, and without a word. What the script knows already is not counted twice."""
    known = host.known_channels()
    new = {f"{layer}.alpha" for layer in layer_names(list(annotations.frames))} - known
    if new and len(known) + len(new) > MOST_CHANNELS:
        raise RequestError(
            f"The script has {plural(len(known), 'channel')}, the mattes of this roto need {len(new)} more, and Nuke takes "
            f"{MOST_CHANNELS} in all. Put shapes together in layers of the Roto, or choose 'union of all shapes'."
        )


def _refuse_keys_without_picture(annotations: Annotations, missing: Sequence[int]) -> None:
    """Refuse keys on frames without a picture. The core would too, but could not name the button to press."""
    lost = [frame for frame in annotations.keyframes if frame in missing]
    if lost:
        raise RequestError(
            f"The plate has no picture on {FrameRange.of(lost)}, but the roto is keyed there. "
            "Bring the files back, go there and press Remove, or move the keys to frames that the plate has."
        )
