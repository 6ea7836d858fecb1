"""Everything a node gives the core, made ready: the plate, the annotations, and Nuke's own alpha on keyframes."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable, Dict, List, Optional, Sequence, Tuple

from nuke_plugin import colour, host, plates, roto, roto_node
from nuke_plugin.key_edits import ONE_OBJECT
from nuke_plugin.places import exchange_folder
from nuke_plugin.plates import ExchangeUnwritable, HandedPlate, PlateExport
from nuke_plugin.settings import ALPHA, FROM_SCRIPT, UNION, Settings
from xmemcore.protocol.failures import Cancelled, RequestError
from xmemcore.protocol.frames import FrameRange

if TYPE_CHECKING:
    import nuke

Show = Callable[[int, int, str], None]


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
    objects: Tuple[str, ...]
    missing: Tuple[int, ...]
    warnings: Tuple[str, ...]


def hand_over(node: nuke.Node, settings: Settings, node_id: str, show: Show, cancelled: Callable[[], bool]) -> Handed:
    """Make plate and annotations ready; from a thread of ours, or the main thread of a terminal.

    Raises:
        RequestError, MachineError, Cancelled: with the sentence to show.
    """
    folder = exchange_folder(node_id)
    colorspace = host.in_main(colorspace_of, settings)
    show(0, 1, "reading the roto")
    annotations = host.in_main(read_annotations, node, settings)
    plate_node = host.in_main(roto_node.plate_input, node)
    host.in_main(host.refuse_wrong_context, plate_node)
    wanted = host.in_main(lambda: plates.frame_range(settings.frame_range, plate_node, host.script_range()))
    host.in_main(_refuse_keys_off_plate, annotations, plate_node)
    plate = _hand_plate(plate_node, folder, [*wanted, *annotations.keyframes], show, cancelled)
    shot: Dict[str, Any] = {
        "plate": plate.pattern,
        "colorspace": colorspace,
        "model": settings.model,
        "device": settings.device,
        "size": settings.size,
        "cache": settings.cache,
        "node_id": node_id,
    }
    if annotations.json is not None:
        shot["roto"] = _write_json(folder / "roto.json", annotations.json)
        if annotations.own_union and annotations.complete:
            shot["roto_alpha"] = _hand_own_union(node, plate_node, folder, annotations.complete, settings, show, cancelled)
    else:
        shot["masks"] = _hand_alpha(node, folder, annotations, show, cancelled)
        shot["keyframes"] = tuple(annotations.keyframes)
    return Handed(shot, wanted, tuple(annotations.frames), plate.missing, annotations.warnings)


def read_annotations(node: nuke.Node, settings: Settings) -> Annotations:
    """Read what the artist keyed, with the panel's edits; main thread.

    Raises:
        InputMissing, RotoInputWrong, NothingKeyed, NoKeyframe.
    """
    edits = roto_node.key_edits(node)
    source = roto_node.roto_input(node, settings.roto_input)
    if settings.roto_input == ALPHA:
        frames = sorted(edits.frames(ONE_OBJECT, set()))
        if not frames:
            raise NoKeyframe(f"No frame is listed for the alpha of {source.name()}. Go to a frame where it is right and press Add current.")
        return Annotations({ONE_OBJECT: frames}, None, own_union=False)
    reading = roto.read_objects(source["curves"], source.name(), one_object=settings.roto_input == UNION)
    names = roto.names(reading)
    notes: Tuple[str, ...] = ()
    if settings.roto_input != UNION:
        edits, notes = edits.carried_over(names)
    edits = edits.of(names)
    width, height, aspect = format_of(roto_node.plate_input(node))
    return Annotations(
        roto.keyframes(reading, edits),
        roto.roto_json(reading, edits, (width, height, aspect)),
        # Rendering it takes three more nodes, which Non-commercial and Indie have not got.
        roto.every_shape_counts(reading, edits) and host.may_walk_trees(),
        reading.warnings,
        notes,
    )


def format_of(node: nuke.Node) -> Tuple[int, int, float]:
    """Give width, height and pixel aspect of a node's format."""
    image_format = node.format()
    return int(image_format.width()), int(image_format.height()), float(image_format.pixelAspect())


def colorspace_of(settings: Settings) -> str:
    """Name the plate's encoding for the core; main thread.

    Raises:
        WorkingSpaceUnknown.
    """
    if settings.colorspace != FROM_SCRIPT:
        return settings.colorspace
    return colour.encoding(*host.working_space())


def _refuse_keys_off_plate(annotations: Annotations, plate: nuke.Node) -> None:
    """A rendered plate has pixels for every number, held or looped at its ends, so the core could not tell."""
    first, last = int(plate.firstFrame()), int(plate.lastFrame())
    off = [frame for frame in annotations.keyframes if not first <= frame <= last]
    if off and last - first < plates.ENDLESS_FRAMES:
        shown = ", ".join(map(str, off[:6]))
        raise KeyframeOffPlate(
            f"The plate {plate.name()} has the frames {first}-{last}, but the roto is keyed on {shown}. "
            "Go there and press Remove, or move the keys to frames that the plate has."
        )


def _hand_plate(plate: nuke.Node, folder: Path, frames: Sequence[int], show: Show, cancelled: Callable[[], bool]) -> HandedPlate:
    ordered = sorted(set(frames))
    direct = host.in_main(lambda: plates.direct_pattern(plate, host.working_space()[2]))
    if direct is not None:
        return HandedPlate(direct, tuple(ordered), ())
    export = host.in_main(PlateExport, plate, folder / "plate")
    there, missing, rendered = export.render(ordered, lambda done, total: show(done, total, "rendering the plate"), cancelled)
    if not there:
        raise plates.FramesUnusable(
            f"None of the frames {FrameRange.of(ordered)} can be rendered: their files are missing. Check the frame range."
        )
    export.forget_all_but(there)
    return HandedPlate(export.pattern, there, missing, rendered)


def _hand_own_union(
    node: nuke.Node, plate: nuke.Node, folder: Path, frames: Sequence[int], settings: Settings, show: Show, cancelled: Callable[[], bool]
) -> str:
    """Render the roto's own alpha on the frames where every object is keyed."""

    def prepare() -> PlateExport:
        own = roto_node.roto_input(node, settings.roto_input)
        size = "x".join(map(str, format_of(plate)))
        return PlateExport(
            plate, folder / "roto_alpha", "alpha", "alpha", host.make_own_roto(own), extra=own["curves"].toScript() + size, tree=False
        )

    export = host.in_main(prepare)
    export.render(frames, lambda done, total: show(done, total, "rendering the roto's alpha"), cancelled)
    export.forget_all_but(frames)
    return export.pattern


def _hand_alpha(node: nuke.Node, folder: Path, annotations: Annotations, show: Show, cancelled: Callable[[], bool]) -> str:
    """Render the input's alpha on the listed frames; frames declared empty come out black."""
    (frames,) = annotations.frames.values()
    absent = host.in_main(roto_node.key_edits, node).absent.get(ONE_OBJECT, set())

    def prepare() -> Tuple[PlateExport, PlateExport]:
        source = roto_node.roto_input(node, ALPHA)
        shown = PlateExport(source, folder / "alpha", "alpha", "alpha", host.make_nothing)
        empty = PlateExport(source, folder / "alpha", "alpha", "alpha", host.make_black, extra="black")
        return shown, empty

    for export, listed in zip(host.in_main(prepare), ([f for f in frames if f not in absent], [f for f in frames if f in absent])):
        if cancelled():
            raise Cancelled("Cancelled while the alpha was rendered.")
        export.render(listed, lambda done, total: show(done, total, "rendering the alpha"), cancelled)
        export.forget_all_but(frames)
        pattern = export.pattern
    return pattern


def _write_json(path: Path, content: Dict[str, Any]) -> str:
    partial = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text(json.dumps(content), encoding="utf-8")
        os.replace(partial, path)
    except OSError as error:
        raise ExchangeUnwritable(
            f"Cannot write {path}: {error.strerror or error}. Free some space, or point XMEM_ROTO_CACHE at another disk."
        ) from error
    return path.as_posix()
