"""Find the mattes on disk, one by one: list the folder, open `result.json`, and the headers that changed since the last look.

A matte's own header says what it was made from, and that counts: `result.json` may tell of a run that others have overwritten since.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Dict, List, Mapping, Optional, Sequence, Set, Tuple

from xmem_roto_nuke.staleness.record import Record
from xmemcore.protocol.frames import FrameRange
from xmemcore.protocol.matte_header import signature_and_channels
from xmemcore.protocol.places import exr_states
from xmemcore.protocol.result_file import ResultFile


def stamp(pattern: str) -> str:
    """Digest what `result.json` tells of these mattes alone; empty when it tells nothing."""
    return ResultFile(Path(pattern)).stamp


def signed(pattern: str, frames: Sequence[int]) -> str:
    """Digest the signatures that `result.json` tells of some frames' mattes; empty when it tells none."""
    records = ResultFile(Path(pattern)).records
    return _joined({frame: records[frame].signature for frame in frames if frame in records})


def stamp_of(record: Record) -> str:
    """Digest as `stamp` does what is told of a run's mattes; where `result.json` is gone, the mattes' own headers tell it."""
    told_now = stamp(record.out)
    if told_now or not record.signed:
        return told_now
    folder, name, files = Path(record.out).parent, Path(record.out).name, exr_states(Path(record.out).parent) or {}
    existing = [frame for frame in FrameRange.parse(record.frames) if name % frame in files]
    found = {frame: _signature(folder / (name % frame), files[name % frame]) for frame in existing}
    return record.stamp if _joined({frame: found[frame] or "" for frame in existing}) == record.signed else ""


def _joined(signatures: Mapping[int, str]) -> str:
    """Digest signatures by frame; empty when there are none."""
    lines = [f"{frame} {signatures[frame]}" for frame in sorted(signatures)]
    return hashlib.sha1("\n".join(lines).encode()).hexdigest() if lines else ""


@dataclass(frozen=True)
class RecordedMattes:
    """What `result.json` tells of the mattes, frame by frame."""

    layers: Tuple[str, ...] = ()
    sureness: Mapping[int, float] = field(default_factory=dict)
    """Sureness by frame, in [0, 1]; 1 on keyframes."""
    areas: Mapping[str, Mapping[int, float]] = field(default_factory=dict)
    """Share of the picture by layer and frame."""
    sureness_of: Mapping[str, Mapping[int, float]] = field(default_factory=dict)
    """Sureness by layer and frame, in [0, 1]; 1 where the object is keyed or absent. Empty for mattes of earlier versions."""


def recorded(pattern: str) -> RecordedMattes:
    """Read what `result.json` tells of a sequence; what is damaged says nothing."""
    result = ResultFile(Path(pattern))
    layers = result.header.layers
    sureness = {frame: record.confidence for frame, record in result.records.items()}
    areas = _by_layer(layers, {frame: record.areas for frame, record in result.records.items()})
    return RecordedMattes(layers, sureness, areas, _by_layer(layers, {frame: record.sureness for frame, record in result.records.items()}))


def _by_layer(layers: Sequence[str], listed: Mapping[int, Sequence[float]]) -> Dict[str, Dict[int, float]]:
    """Sort values that are listed by frame, in the order of the layers; a frame that lists fewer says nothing of the others."""
    return {layer: {frame: values[place] for frame, values in listed.items() if place < len(values)} for place, layer in enumerate(layers)}


def gone(record: Record) -> List[int]:
    """List the frames of a run whose mattes are on disk no more; none where the folder is gone, which is said of result.json."""
    name, files = Path(record.out).name, exr_states(Path(record.out).parent)
    return [] if files is None else [frame for frame in _expected(record) if name % frame not in files]


def faults(record: Record) -> List[str]:
    """Name mattes of a run that are gone, and those of any run beside them that differ from what the core wrote, in a sentence each."""
    folder, name = Path(record.out).parent, Path(record.out).name
    files, result = exr_states(folder) or {}, ResultFile(Path(record.out))
    existing = [frame for frame in sorted(result.sizes) if name % frame in files]
    other = [frame for frame in existing if not _is_as_recorded(result, frame, folder / (name % frame), files[name % frame])]
    return [*_sentence(gone(record), "gone"), *_sentence(other, "not what the core wrote")]


def _expected(record: Record) -> List[int]:
    """List the frames that a run has made."""
    asked = [frame for frame in FrameRange.parse(record.frames) if frame not in record.missing]
    # The core's own list, where there is one: a run that was cut short has made less than it was asked for.
    sizes = ResultFile(Path(record.out)).sizes
    return [frame for frame in asked if frame in sizes] if sizes else asked if record.complete else []


FARTHEST = 100_000
"""Frames from the middle one of a sequence beyond which a file's number is a date or the like, and no frame of it."""


def frames(pattern: str) -> Set[int]:
    """List the frames that have a file of any origin."""
    name = Path(pattern).name
    if "%" not in name:
        return set()
    before = name[: name.index("%")]
    after = name[name.index("d", len(before)) + 1 :]
    found = set()
    for file_name in exr_states(Path(pattern).parent) or {}:
        number = file_name[len(before) : len(file_name) - len(after)] if file_name.startswith(before) and file_name.endswith(after) else ""
        if number.lstrip("-").isdigit() and name % int(number) == file_name:
            found.add(int(number))
    middle = sorted(found)[len(found) // 2] if found else 0
    return {frame for frame in found if abs(frame - middle) < FARTHEST}


def whole(pattern: str) -> Set[int]:
    """List the frames whose matte is as some run of the core wrote it. Only the core can tell whether it still holds."""
    folder, name = Path(pattern).parent, Path(pattern).name
    files, result = exr_states(folder) or {}, ResultFile(Path(pattern))
    existing = [frame for frame in result.sizes if name % frame in files]
    return {frame for frame in existing if _is_as_recorded(result, frame, folder / (name % frame), files[name % frame])}


def without_layers(record: Record, wanted: Sequence[str], of_last_run: bool = False) -> Dict[str, List[int]]:
    """List the mattes of earlier runs that have not got a layer, by layer; of those wanted: it is black there.

    Args:
        record: of the last run.
        wanted: layers.
        of_last_run: look at the mattes of the last run too, whose layers are known where nobody else has written them since.
    """
    folder, name, files = Path(record.out).parent, Path(record.out).name, exr_states(Path(record.out).parent) or {}
    found: Dict[str, List[int]] = {}
    known = () if of_last_run else FrameRange.parse(record.frames)
    for frame in sorted(frames(record.out) - set(known) if wanted else ()):
        channels = _header(folder / (name % frame), files[name % frame])[1] if name % frame in files else ()
        layers = {channel.split(".")[0] for channel in channels}
        for layer in wanted if channels else ():  # none at all: it is damaged, which is said
            if layer not in layers:
                found.setdefault(layer, []).append(frame)
    return found


State = Tuple[int, int]
"""A file's size, and the time of its last change."""

Header = Tuple[Optional[str], Tuple[str, ...]]
"""A matte's own signature, and the names of its channels."""
NO_HEADER: Header = (None, ())
_seen: Dict[str, Tuple[State, Header]] = {}
"""Headers of mattes that were looked at, by path."""
SEEN_FILES = 50_000


def _is_as_recorded(result: ResultFile, frame: int, path: Path, state: State) -> bool:
    """Say whether a matte is the one that `result.json` tells of: by its size, and by its own signature where one is told."""
    if state[0] != result.sizes[frame]:
        return False
    record = result.records.get(frame)
    if record is None:
        return True  # of an older version, whose mattes have no signature
    return _signature(path, state) == record.signature


def _signature(path: Path, state: State) -> Optional[str]:
    return _header(path, state)[0]


def _header(path: Path, state: State) -> Header:
    """Read a matte's header, once for each state of the file."""
    if _seen.get(str(path), (None, NO_HEADER))[0] != state:
        if len(_seen) >= SEEN_FILES:
            _seen.clear()
        _seen[str(path)] = state, signature_and_channels(path)
    return _seen[str(path)][1]


def _sentence(frames: List[int], fact: str) -> List[str]:
    if not frames:
        return []
    return [f"{len(frames)} mattes are {fact}: {FrameRange.of(frames)}." if len(frames) > 1 else f"The matte of {frames[0]} is {fact}."]
