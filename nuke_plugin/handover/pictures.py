"""The pictures that go to the core: the plate, the roto's own alpha on keyframes, the alpha of any input. From a thread of ours."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable, Collection, Dict, List, Optional, Sequence, Tuple

from xmem_roto_nuke import host
from xmem_roto_nuke.handover import plate_files, plates
from xmem_roto_nuke.handover.plates import PlateExport, RenderedFrames
from xmem_roto_nuke.handover.reads import ReadFiles
from xmem_roto_nuke.host import RotoDrawing
from xmemcore.protocol.failures import Cancelled, RequestError
from xmemcore.protocol.frames import FrameRange

if TYPE_CHECKING:
    import nuke

Report = Callable[[int, int, str], None]

FEWEST_ELSEWHERE = 8
"""Frames for which another Nuke is started; fewer are rendered before it is up."""


@dataclass(frozen=True)
class Surroundings:
    """Values that all pictures of one handover share."""

    node: nuke.Node
    """An XMemRoto, inside of which nodes for rendering may live for a while."""
    folder: Path
    """Folder for the exchange with the core."""
    report: Report
    """Says how far it is."""
    cancelled: Callable[[], bool]
    """Says whether to stop."""
    elsewhere: Optional[Callable[[], None]] = None
    """Has the plate rendered by another Nuke, as far as that can; None: this one renders all of it."""
    write: host.RunWrite = field(default_factory=host.RunWrite)

    def close(self) -> None:
        """Delete the Write; from a thread of ours too."""
        with contextlib.suppress(Cancelled):  # Nuke is leaving, or the node is gone, and with it what was made for it
            host.in_main(self.write.close)


@dataclass(frozen=True)
class HandedPlate:
    """A plate the core can open."""

    pattern: str
    missing: Tuple[int, ...]
    """Frames that were asked for and have no picture."""
    state: str
    """Digest of the plate over the frames that are to be filled or teach, as `look` makes it."""


@dataclass(frozen=True)
class HandedAlpha:
    """Masks the core can open."""

    pattern: str
    states: Dict[int, str]
    """Digest of the tree that each rendered frame was rendered from."""


def format_of(node: nuke.Node) -> Tuple[int, int, float]:
    """Give width, height and pixel aspect of a node's format; main thread.

    Raises:
        RequestError.
    """
    try:
        image_format = node.format()
    except RuntimeError as error:
        advice = _check_paths(node) or "Go to a frame that it has, and press again."
        raise RequestError(f"{node.name()} has no picture on frame {host.current_frame()}: {error}. {advice}") from error
    return int(image_format.width()), int(image_format.height()), float(image_format.pixelAspect())


def _check_paths(node: nuke.Node) -> str:
    """Say whose path to check when no file of a sequence above exists; empty when there are some of each. Main thread."""
    names = plates.tree_above(node).without_files()
    return f"No file that {' or '.join(names)} reads is on disk. Check the path there." if names else ""


def hand_plate(around: Surroundings, plate: nuke.Node, wanted: Sequence[int], keyframes: Sequence[int]) -> HandedPlate:
    """Make the plate ready: its own files where the core can read them, else rendered ones.

    Args:
        around: of the handover.
        plate: the node's plate input.
        wanted: frames to fill.
        keyframes: that teach, also outside those.

    Raises:
        RequestError: there is no frame at all; and what `PlateExport.render` raises.
    """
    ordered = sorted({*wanted, *keyframes})
    files = host.in_main(_direct_files, plate, ordered)
    if files is not None:
        return HandedPlate(files.pattern, tuple(plate_files.missing(files, ordered)), plate_files.signature(files, ordered))

    def prepare() -> PlateExport:
        return PlateExport(plate, around.folder / "plate", around.write, inside=around.node)

    if around.elsewhere is not None and host.in_main(lambda: prepare().pending(ordered)) >= FEWEST_ELSEWHERE:
        around.elsewhere()
    export = host.in_main(prepare)  # which reads what the other Nuke has done
    rendered = export.render(ordered, lambda done, total: around.report(done, total, "rendering the plate"), around.cancelled)
    if not rendered.present:
        advice = host.in_main(_check_paths, plate) or "Check the frame range."
        raise RequestError(f"None of the frames {FrameRange.of(ordered)} can be rendered: their files are missing. {advice}")
    export.record.keep_only(rendered.present)
    export.record.note_use()
    return HandedPlate(export.record.pattern, rendered.missing, plates.state_of([rendered.states[frame] for frame in ordered]))


def plate_state(plate: nuke.Node, wanted: Sequence[int], keyframes: Sequence[int]) -> str:
    """Digest the plate on the wanted frames without rendering it; main thread. Keyframes may be others than when it was handed over."""
    files = _direct_files(plate, sorted({*wanted, *keyframes}))
    if files is not None:
        return plate_files.signature(files, wanted)
    tree = plates.tree_above(plate, colours=True)
    return plates.state_of([tree.at(frame) for frame in wanted])


def _direct_files(plate: nuke.Node, ordered: List[int]) -> Optional[ReadFiles]:
    return plate_files.direct_files(plate, host.file_pattern, host.working_space()[2], ordered, host.float_space())


def hand_own_union(around: Surroundings, plate: nuke.Node, drawing: RotoDrawing, frames: Sequence[int]) -> str:
    """Render the roto's own alpha on the frames where every object is keyed.

    Args:
        around: of the handover.
        plate: whose format counts.
        drawing: of the roto, from the very moment at which its shapes were read.
        frames: to render.
    """

    def depends() -> str:
        return "\n".join(["x".join(map(str, format_of(plate))), *("\n".join(layer) for layer in drawing.layers)])

    folder = around.folder / "roto_alpha"
    export = host.in_main(PlateExport, plate, folder, around.write, "alpha", "alpha", drawing.build, depends, around.node)
    rendered = export.render(frames, lambda done, total: around.report(done, total, "rendering the roto's alpha"), around.cancelled)
    export.record.keep_only(rendered.present)
    export.record.note_use()
    return export.record.pattern


def hand_alpha(around: Surroundings, source: nuke.Node, frames: Sequence[int], absent: Collection[int]) -> HandedAlpha:
    """Render an input's alpha; frames on which the object is declared absent come out black."""

    def render(wanted: List[int], build: Any, depends: Optional[Callable[[], str]] = None) -> Tuple[PlateExport, RenderedFrames]:
        folder = around.folder / "alpha"
        export = host.in_main(PlateExport, source, folder, around.write, "alpha", "alpha", build, depends, around.node)
        return export, export.render(wanted, lambda done, total: around.report(done, total, "rendering the alpha"), around.cancelled)

    export, shown = render([frame for frame in frames if frame not in absent], host.make_nothing)
    delivered, black_on = list(shown.present), [frame for frame in frames if frame in absent]
    if black_on:
        # Only here is the format asked for, which a source without a picture on the current frame has not got.
        export, black = render(black_on, host.make_black, lambda: "black " + "x".join(map(str, format_of(source))))
        delivered.extend(black.present)
    export.record.keep_only(delivered)
    export.record.note_use()
    return HandedAlpha(export.record.pattern, shown.states)
