"""The mattes handed on: a Write for what the node makes of them, or copies of the files."""

from __future__ import annotations

import contextlib
import filecmp
from pathlib import Path
from typing import TYPE_CHECKING, List, Mapping, Set, Tuple

from xmem_roto_nuke import host
from xmem_roto_nuke.node import identity, knobs, places
from xmem_roto_nuke.node.runs import Run
from xmem_roto_nuke.panel import picked
from xmem_roto_nuke.run import start
from xmem_roto_nuke.staleness import mattes_on_disk
from xmem_roto_nuke.staleness.last_run import last_record
from xmemcore.protocol import whole_file
from xmemcore.protocol.failures import Cancelled, RequestError, not_written
from xmemcore.protocol.frames import FrameRange
from xmemcore.protocol.words import plural

if TYPE_CHECKING:
    import nuke

TREATMENTS = ("matte_expand", "matte_feather", "matte_contrast", "matte_invert")
"""Knobs that change mattes after the core has written them."""


def make_write(node: nuke.Node) -> None:
    """Create a Write for a node's mattes alone, treated as the node treats them.

    Raises:
        RequestError, EditionLimited.
    """
    record = last_record(node)
    if record is None or not record.layers:
        raise RequestError(f"{node.name()} has no finished result yet. Propagate first.")
    channels = ["rgba.alpha", *(f"{layer}.alpha" for layer in record.layers)]
    place = _place(node, {})
    keeper = next((living for living in identity.living() if place in _places_of(living)), None)
    if keeper is not None:
        raise RequestError(
            f"The publish path is {place}, and {keeper.name()} keeps its mattes there: a Write would replace them. Name another."
        )
    # A Write that kept the place of one shot would write the next one's mattes there.
    host.create_matte_write(node, channels, place, knobs.with_variables(lambda stand_ins: _place(node, stand_ins)))
    picked.mark_layerless(node)


def copy_mattes(node: nuke.Node) -> Run:
    """Copy a node's mattes to its publish path, as they are on disk; returns at once in the interface.

    Raises:
        RequestError, AlreadyRunning.
    """
    source, target = knobs.shown_pattern(node), _place(node, {})
    frames = sorted(mattes_on_disk.frames(source)) if source else []
    if not frames:
        raise RequestError(f"{node.name()} shows no mattes on disk. Propagate first.")
    pairs = [(Path(source % frame), Path(target % frame)) for frame in frames]
    _refuse_foreign(pairs)
    treated = any(node.knob(name) is not None and node[name].value() for name in TREATMENTS)

    def work(run: Run, pairs: List[Tuple[Path, Path]]) -> None:
        for place, (original, copy) in enumerate(pairs):
            if run.cancelled():
                raise Cancelled(f"Cancelled. {plural(place, 'matte')} of {len(pairs)} are at {target}.")
            run.show(place, len(pairs), f"{place} of {len(pairs)}")
            _copy(original, copy)
        run.warnings.append(f"Copied {plural(len(pairs), 'matte')} ({FrameRange.of(frames)}) to {target}.")
        if treated:
            run.warnings.append("What the tab Matte does is not in the copies; Make Write renders it.")

    return start(node, "Copy mattes", lambda _: pairs, work)


def _places_of(node: nuke.Node) -> Set[str]:
    """Give the patterns of the mattes that a node shows and writes."""
    places_of_node: Set[str] = set()
    for place in (knobs.shown_pattern, knobs.matte_pattern):
        with contextlib.suppress(RequestError):  # it has none
            places_of_node.add(place(node))
    return places_of_node


def _place(node: nuke.Node, stand_ins: Mapping[str, str]) -> str:
    """Give the publish path with what stands for variables in it, or their values; raises RequestError."""
    chosen = host.filled_path(node["publish"], stand_ins)
    if not chosen:
        raise RequestError(f"{node.name()} has no publish path. Name one on the tab Matte, such as /shots/a/publish/sleeve.%04d.exr.")
    if "{version}" in chosen:
        # A Write would go on to render into the version of today.
        raise RequestError(f"The publish path {chosen} is no place that follows the node's version. Write the version of what you publish.")
    return places.matte_pattern(chosen, places.Home(host.script_path(), identity.node_id(node)))


def _refuse_foreign(pairs: List[Tuple[Path, Path]]) -> None:
    """Raise RequestError where a copy would replace another file; an equal copy that is there already counts as made."""
    taken = [copy for original, copy in pairs if copy.exists() and not _is_same_content(original, copy)]
    if taken:
        raise RequestError(
            f"{plural(len(taken), 'file')} at the publish path would be replaced, {taken[0]} for one. Name the next version's path."
        )


def _is_same_content(original: Path, copy: Path) -> bool:
    try:
        return not copy.samefile(original) and filecmp.cmp(str(original), str(copy), shallow=False)
    except OSError:
        return False


def _copy(original: Path, copy: Path) -> None:
    if copy.exists():
        return
    try:
        whole_file.copy(original, copy)
    except OSError as error:
        raise not_written(copy, error) from error
