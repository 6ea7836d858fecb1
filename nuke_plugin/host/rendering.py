"""Rendering frames of a node to files, through stock nodes that live as long as that takes."""

from __future__ import annotations

import contextlib
import itertools
import os
from dataclasses import dataclass
from typing import Callable, Dict, List, Optional, Sequence, Tuple

import nuke

from xmem_roto_nuke import graph
from xmem_roto_nuke.host.artist import has_interface, plain
from xmem_roto_nuke.host.edition import handed_out, too_large
from xmem_roto_nuke.host.nodes import context_of
from xmem_roto_nuke.host.paths import set_path
from xmem_roto_nuke.host.script import full_size, unrecorded
from xmemcore.protocol.failures import Cancelled, Failure, MachineError, RequestError


class RenderFailed(MachineError):
    """Nuke could not render a frame."""

    def __init__(self, node_name: str, frame: int, error: RuntimeError) -> None:
        """Take the frame and Nuke's error."""
        super().__init__(f"Nuke cannot render frame {frame} of {node_name}: {plain(error)}.")
        self.frame = frame
        self.reason = str(error)
        """Nuke's own text."""


def refuse_wrong_context(plate: nuke.Node) -> None:
    """Refuse what would render wrong plates.

    Raises:
        RequestError: several views, a render under way.
    """
    if nuke.executing():
        raise RequestError("Nuke is rendering. Press again when it has finished.")
    shown = graph.behind_dots(plate)
    if len(nuke.views()) > 1 and (shown is None or shown.Class() != "OneView"):
        listed = ", ".join(nuke.views())
        raise RequestError(f"The script has the views {listed}, and XMem Roto works on one. Put a OneView node before the plate input.")


OURS = "XMemRender"
"""Names of nodes that live for one export begin so; see `FrameWriter`."""
Build = Callable[[nuke.Node, List[nuke.Node]], nuke.Node]
"""Puts stock nodes after a node, adds each to the list, and returns the last one."""


class RunWrite:
    """The only Write of a run, so that a studio's callbacks on Write come once. Main thread only."""

    def __init__(self) -> None:
        """Make nothing yet."""
        self._nodes: Dict[bool, nuke.Node] = {}
        """The Write of each graph, by whether it is inside of the Group: a node cannot be in two graphs."""

    def of(self, last: nuke.Node, pattern: str, channels: str, within: bool) -> nuke.Node:
        """Point it at a node; made with the first call, in the group that is current.

        Args:
            last: node to render, in the current group.
            pattern: of the files, with forward slashes, in a folder that is there.
            channels: to write.
            within: whether the current group is the run's own.
        """
        write = self._nodes.get(within)
        if write is None:
            write = self._nodes[within] = handed_out(nuke.nodes.Write())
            write["file_type"].setValue("exr")
            for name, value in (("datatype", "16 bit half"), ("compression", "Zip (1 scanline)"), ("autocrop", False), ("raw", True)):
                write[name].setValue(value)
            write.setName(OURS + write.Class())
        set_path(write["file"], pattern)
        write["channels"].setValue(channels)
        write.setInput(0, last)
        return write

    def close(self) -> None:
        """Delete it, unless it went with its Group."""
        nodes, self._nodes = self._nodes, {}
        with unrecorded():
            for node in nodes.values():
                with contextlib.suppress(ValueError):
                    nuke.delete(node)


class FrameWriter:
    """Stock nodes that render a node to half-float EXR, linear and untouched, made with the first frame and deleted by `close`.

    The nodes are made inside of a Group where there is one, so that nobody meets them in the graph. Main thread only.
    """

    def __init__(
        self, source: nuke.Node, build: Build, pattern: str, channels: str, write: RunWrite, inside: Optional[nuke.Node] = None
    ) -> None:
        """Take what to render; no node is made yet.

        Args:
            source: node to render.
            build: of the nodes between it and the Write.
            pattern: of the files, with forward slashes, in a folder that is there.
            channels: of the Write.
            write: of the run; whoever made it closes it.
            inside: a Group to one of whose inputs `source` is connected; None to make the nodes beside it.
        """
        self.source, self.pattern = source, pattern
        self._build, self._channels, self._inside, self._run_write = build, channels, inside, write
        self._nodes: List[nuke.Node] = []
        self._write: Optional[nuke.Node] = None

    def write(self, first: int, last: int) -> None:
        """Render consecutive frames in one call of Nuke's.

        Raises:
            RuntimeError: Nuke cannot, or was told to cancel.
        """
        with unrecorded(), full_size():
            if self._write is None:
                self._write = self._make()
            nuke.execute(self._write, first, last, 1, nuke.views()[:1])

    def close(self) -> None:
        """Delete the nodes; those that went with their Group are gone already."""
        nodes, self._nodes, self._write = self._nodes, [], None
        with unrecorded():
            for node in reversed(nodes):
                with contextlib.suppress(ValueError):
                    nuke.delete(node)

    def _make(self) -> nuke.Node:
        viewer = nuke.activeViewer() if has_interface() else None
        if viewer is not None:
            viewer.stop()
        start = self.source if self._inside is None else _input_inside(self._inside, self.source)
        with context_of(start):
            try:
                last = self._build(start, self._nodes)
                for node in self._nodes:
                    node.setName(OURS + node.Class())
                return self._run_write.of(last, self.pattern, self._channels, start is not self.source)
            except Exception:
                self.close()
                raise


CANCELLED = "Cancelled while the plate was rendered. Rendered frames are kept."


@dataclass(frozen=True)
class Rendering:
    """The outcome of rendering some frames."""

    done: Tuple[int, ...]
    skipped: Tuple[int, ...]
    """Frames without a file to render from."""
    failure: Optional[Failure]
    """Why the frames after these were not rendered: RenderFailed, TooLarge or Cancelled."""


def render(writer: FrameWriter, frames: Sequence[int], may_skip: Callable[[RenderFailed], bool] = lambda failure: False) -> Rendering:
    """Render frames, as many as possible in one call of Nuke's; the interface stands still meanwhile.

    Args:
        writer: of one export.
        frames: ascending.
        may_skip: says of a frame that failed whether the others go on without it.
    """
    done: List[int] = []
    skipped: List[int] = []
    waiting = list(frames)
    while waiting:
        together = [frame for place, frame in enumerate(waiting) if frame == waiting[0] + place]
        before = {frame: _written_at(writer.pattern % frame) for frame in together}
        try:
            writer.write(together[0], together[-1])
        except RuntimeError as error:
            finished = _new_since(before, writer.pattern)
            done += finished
            if _is_cancel(error):
                return Rendering(tuple(done), tuple(skipped), Cancelled(CANCELLED))
            lost = together[min(len(finished), len(together) - 1)]
            failure = RenderFailed(writer.source.name(), lost, error)
            if lost in finished or not may_skip(failure):
                return Rendering(tuple(done), tuple(skipped), too_large(writer.source, error) or failure)
            skipped.append(lost)
            waiting = waiting[len(finished) + 1 :]
        else:
            done += together
            waiting = waiting[len(together) :]
    return Rendering(tuple(done), tuple(skipped), None)


def _is_cancel(error: RuntimeError) -> bool:
    """Say whether Nuke was told to stop: what Foundry's own dialogues look for (render_panel, flipbook)."""
    return bool(error.args) and str(error.args[0]).startswith("Cancelled")


def _new_since(before: Dict[int, Optional[Tuple[int, int, int]]], pattern: str) -> List[int]:
    """List the frames, from the first on, whose file is another one than before."""
    return list(itertools.takewhile(lambda frame: _written_at(pattern % frame) != before[frame], before))


def _written_at(path: str) -> Optional[Tuple[int, int, int]]:
    """Identify a file, so that a rewritten file counts as another one."""
    try:
        state = os.stat(path)
    except OSError:
        return None
    return state.st_mtime_ns, state.st_size, state.st_ino


def _input_inside(group: nuke.Node, source: nuke.Node) -> nuke.Node:
    """Find the Input of a Group to which a node is connected; the node itself where the inside was changed by hand."""
    for child in group.nodes():  # type: ignore[attr-defined]
        if child.Class() == "Input":
            outer = group.input(int(child["number"].value()))
            if outer is not None and outer.fullName() == source.fullName():
                return child  # type: ignore[no-any-return]
    return source


def delete_leftovers(group: nuke.Node) -> None:
    """Delete nodes of an export that was under way when the script was saved."""
    with unrecorded():
        for child in group.nodes():  # type: ignore[attr-defined]
            if child.name().startswith(OURS):
                nuke.delete(child)


def make_crop(source: nuke.Node, nodes: List[nuke.Node]) -> nuke.Node:
    """Keep overscan to twice the format, the most that the core's canvas holds, whatever the bounding box says."""
    image_format = source.format()
    width, height = image_format.width(), image_format.height()
    crop = handed_out(nuke.nodes.Crop())
    nodes.append(crop)
    crop["box"].setValue((-width / 2, -height / 2, width * 1.5, height * 1.5))
    crop["intersect"].setValue(True)
    crop.setInput(0, source)
    return crop


@dataclass(frozen=True)
class RotoDrawing:
    """A copy of what a chain of Rotos draws; later changes of the artist are not in it."""

    layers: Tuple[Tuple[str, str, str], ...]
    """Class, clipping and curves text of each, the topmost first."""

    @classmethod
    def of_nodes(cls, rotos: Sequence[nuke.Node], texts: Sequence[str]) -> RotoDrawing:
        """Take Rotos or RotoPaints, the last of the chain first, with their curves texts."""
        return cls(tuple((str(roto.Class()), str(roto["cliptype"].value()), text) for roto, text in zip(rotos, texts)))

    def build(self, source: nuke.Node, nodes: List[nuke.Node]) -> nuke.Node:
        """Draw the shapes over black of the source's format: their own alpha and nothing behind it."""
        below = make_black(source, nodes)
        for class_name, clip, text in reversed(self.layers):
            copy = handed_out(getattr(nuke.nodes, class_name)())
            nodes.append(copy)
            copy["curves"].fromScript(text)
            copy["output"].setValue("alpha")
            copy["cliptype"].setValue(clip)
            copy.setInput(0, below)
            below = copy
        return below


def make_nothing(source: nuke.Node, nodes: List[nuke.Node]) -> nuke.Node:
    """Feed the source to the Write as it is."""
    return source


def make_black(source: nuke.Node, nodes: List[nuke.Node]) -> nuke.Node:
    """Put black of the source's format in its place."""
    shuffle = handed_out(nuke.nodes.Shuffle())
    nodes.append(shuffle)
    for name in ("red", "green", "blue", "alpha"):
        shuffle[name].setValue("black")
    shuffle.setInput(0, source)
    return shuffle
