"""Everything a node gives the core, made ready: the plate, the annotations, and Nuke's own alpha on keyframes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Callable, Dict, List, Mapping, Optional, Sequence, Set, Tuple

from xmem_roto_nuke import host
from xmem_roto_nuke.handover import colour, pictures, plates
from xmem_roto_nuke.handover.pictures import Show, format_of
from xmem_roto_nuke.handover.shared_folder import write_json
from xmem_roto_nuke.host import RotoDrawing
from xmem_roto_nuke.node import identity
from xmem_roto_nuke.node.settings import ALPHA, UNION, Settings
from xmem_roto_nuke.roto import rotopaint
from xmem_roto_nuke.roto.key_edits import ONE_OBJECT
from xmemcore.protocol.failures import RequestError
from xmemcore.protocol.frames import FrameRange
from xmemcore.protocol.places import exchange_folder

if TYPE_CHECKING:
    import nuke


class NoKeyframe(RequestError):
    """Nothing is annotated."""


class KeyframeOffPlate(RequestError):
    """A keyframe where the plate has no frame."""


@dataclass(frozen=True)
class Annotations:
    """What the artist says about the objects, read in Nuke's main thread."""

    frames: Dict[str, List[int]]
    """Annotated frames of each object."""
    json: Optional[Dict[str, Any]]
    """The roto JSON; None when the input's alpha is rendered instead."""
    own_union: bool
    """Nuke's render of the whole roto is the union that is meant."""
    warnings: Tuple[str, ...] = ()
    notes: Tuple[str, ...] = ()
    """What was said of keyframes and found its object under another name, or no longer."""

    @property
    def keyframes(self) -> List[int]:
        return sorted({frame for frames in self.frames.values() for frame in frames})

    @property
    def complete(self) -> List[int]:
        """Frames on which every object is annotated: only there is the union known."""
        return [frame for frame in self.keyframes if all(frame in frames for frames in self.frames.values())]


@dataclass(frozen=True)
class Handed:
    """Fields of the core's request that are about the shot, and what the node looked like."""

    shot: Dict[str, Any]
    frames: FrameRange
    annotations: Annotations
    missing: Tuple[int, ...]
    """Frames that were asked for and have no plate."""
    warnings: Tuple[str, ...]
    plate_state: str
    """Digest of the plate as it was handed over."""
    alpha_states: Mapping[int, str]
    """Digests of the rendered alpha, by frame; empty for shapes."""


def hand_over(node: nuke.Node, settings: Settings, node_id: str, show: Show, cancelled: Callable[[], bool]) -> Handed:
    """Make plate and annotations ready; from a thread of ours, or the main thread of a terminal.

    Raises:
        RequestError, MachineError, Cancelled: with the sentence to show.
    """
    folder = exchange_folder(node_id)
    colorspace = host.in_main(colorspace_of, settings)
    show(0, 1, "reading the roto")
    annotations, drawing, absent = host.in_main(_read_roto, node, settings)
    plate_node = host.in_main(identity.plate_input, node)
    host.in_main(host.refuse_wrong_context, plate_node)
    wanted = host.in_main(lambda: plates.frame_range(settings.frame_range, plate_node, host.script_range()))
    beyond = host.in_main(plates.beyond, wanted, plate_node)
    host.in_main(_refuse_keys_off_plate, annotations, plate_node)
    plate = pictures.hand_plate(node, plate_node, folder, list(wanted), annotations.keyframes, show, cancelled)
    _refuse_keys_without_picture(annotations, plate.missing)
    shot: Dict[str, Any] = {
        "plate": plate.pattern,
        "colorspace": colorspace,
        "node_id": node_id,
    }
    alpha: Mapping[int, str] = {}
    if annotations.json is not None:
        write_json(folder / "roto.json", annotations.json)
        shot["roto"] = (folder / "roto.json").as_posix()
        if drawing is not None and annotations.complete:
            shot["roto_alpha"] = pictures.hand_own_union(node, plate_node, drawing, folder, annotations.complete, show, cancelled)
    else:
        source = host.in_main(identity.roto_input, node, ALPHA)
        handed = pictures.hand_alpha(node, source, folder, annotations.keyframes, absent, show, cancelled)
        shot["masks"], alpha = handed.pattern, handed.states
        shot["keyframes"] = tuple(annotations.keyframes)
    return Handed(shot, wanted, annotations, plate.missing, annotations.warnings + beyond, plate.state, alpha)


def _read_roto(node: nuke.Node, settings: Settings) -> Tuple[Annotations, Optional[RotoDrawing], Set[int]]:
    """Read the annotations and all that must be of the same moment, since the artist goes on: what Nuke is to draw, and what is absent."""
    annotations = read_annotations(node, settings)
    own = RotoDrawing.of_node(identity.roto_input(node, settings.roto_input)) if annotations.own_union else None
    return annotations, own, absent_frames(node)


def absent_frames(node: nuke.Node) -> Set[int]:
    """Give the frames on which the one object is declared absent; main thread."""
    return set(identity.key_edits(node).absent.get(ONE_OBJECT, ()))


def read_annotations(node: nuke.Node, settings: Settings) -> Annotations:
    """Read what the artist keyed, with the panel's edits; main thread.

    Raises:
        InputMissing, RotoInputWrong, NothingKeyed, NoKeyframe.
    """
    edits = identity.key_edits(node)
    source = identity.roto_input(node, settings.roto_input)
    if settings.roto_input == ALPHA:
        frames = sorted(edits.frames(ONE_OBJECT, set()))
        if not frames:
            raise NoKeyframe(f"No frame is listed for the alpha of {source.name()}. Go to a frame where it is right and press Add current.")
        return Annotations({ONE_OBJECT: frames}, None, own_union=False)
    reading = rotopaint.read_objects(source["curves"], source.name(), one_object=settings.roto_input == UNION)
    disabled = (f"{source.name()} is disabled; its shapes count all the same.",) if source["disable"].value() else ()
    names = rotopaint.names(reading)
    notes: Tuple[str, ...] = ()
    if settings.roto_input != UNION:
        edits, notes = edits.carried_over(names)
    edits = edits.of(names)
    width, height, aspect = format_of(identity.plate_input(node))
    return Annotations(
        rotopaint.keyframes(reading, edits),
        rotopaint.roto_json(reading, edits, (width, height, aspect)),
        # Rendering it takes three more nodes, which Non-commercial and Indie have not got.
        rotopaint.every_shape_counts(reading, edits) and host.may_walk_trees(),
        disabled + reading.warnings,
        notes,
    )


def colorspace_of(settings: Settings) -> str:
    """Name the plate's encoding for the core; main thread.

    Raises:
        WorkingSpaceUnknown.
    """
    if settings.colorspace is not None:
        return settings.colorspace
    return colour.encoding(*host.working_space())


def _refuse_keys_off_plate(annotations: Annotations, plate: nuke.Node) -> None:
    """A rendered plate has pixels for every number, held or looped at its ends, so the core could not tell."""
    known = plates.known_range(plate)
    if known is None or known[0] == known[1]:
        return  # one frame stands for all; see `plates.beyond`
    first, last = known
    off = [frame for frame in annotations.keyframes if not first <= frame <= last]
    if off:
        shown = ", ".join(map(str, off[:6]))
        raise KeyframeOffPlate(
            f"The plate {plate.name()} has the frames {first}-{last}, but the roto is keyed on {shown}. "
            f"Go there and press Remove, or move the keys to frames that the plate has. {plates.HOW_TO_NAME_THE_RANGE}"
        )


def _refuse_keys_without_picture(annotations: Annotations, missing: Sequence[int]) -> None:
    """The core would refuse them too, but knows no button."""
    lost = [frame for frame in annotations.keyframes if frame in missing]
    if lost:
        raise KeyframeOffPlate(
            f"The plate has no picture on {FrameRange.of(lost)}, but the roto is keyed there. "
            "Bring the files back, go there and press Remove, or move the keys to frames that the plate has."
        )
