"""Masks in several sequences, one for each object: a folder an object, or a prefix an object in one folder."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from xmemcore.protocol.failures import EXISTS, RequestError, cannot_read
from xmemcore.protocol.whole_file import open_ordinary
from xmemcore.shot.annotations.mask_exrs import ExrMasks
from xmemcore.shot.annotations.mask_files import MaskFiles, in_layer_order
from xmemcore.shot.annotations.mask_pictures import PictureMasks
from xmemcore.shot.files.file_kinds import HEAD_BYTES, kind_of_content
from xmemcore.shot.files.sequence import Sequence, SequenceNotFound, is_ours, sequences_in
from xmemcore.shot.plate.canvas import Canvas

MAX_OBJECTS = 1000
"""Most folders or prefixes. A folder with more was meant for something else."""


def mask_sequences(pattern: str, view: str | None, plate: Sequence) -> dict[str, Sequence]:
    """Find the masks of a pattern.

    Args:
        pattern: a sequence or a folder of one; or a folder of folders, or of sequences with names of their own.
        view: stands in for %V and %v in the pattern.
        plate: whose own files are no masks.

    Returns:
        The sequences by object. A sequence without a name is the only one.

    Raises:
        SequenceNotFound, RequestError.
    """
    folder = Path(pattern).expanduser()
    if not folder.is_dir():
        return {"": Sequence.find(pattern, "masks", view)}
    try:
        found = sequences_in(folder.absolute(), "masks")
    except SequenceNotFound:
        found = _folders_of(folder.absolute())
        if not found:
            raise
        return found
    if len(found) > 1:
        of_plate = set(plate.paths.values())
        found = {name: sequence for name, sequence in found.items() if of_plate.isdisjoint(sequence.paths.values())} or found
    if len(found) == 1:
        return {"": next(iter(found.values()))}
    named: dict[str, Sequence] = {}
    for name, sequence in found.items():
        # What is left of "arm.%04d.png" without its number and suffix, and without what joined them.
        prefix = re.sub(r"[._ -]{2,}", "_", Path(name).stem).strip("._- ") or name
        if prefix in named:
            raise _twice(folder, prefix)
        named[prefix] = sequence
    if len({re.sub("[0-9]+", "#", name) for name in named}) < len(named):
        names = ", ".join(Path(sequence.pattern).name for sequence in named.values())
        raise RequestError(
            f"The folder {folder} holds several sequences ({names}) that differ in numbers only. Name one of them, or put "
            "the files of each object into a folder of its own."
        )
    return named


def open_masks(sequences: dict[str, Sequence], canvas: Canvas, needed: frozenset[int]) -> MaskFiles:
    """Look through masks of any kind; raises RequestError and what reading a file raises."""
    if len(sequences) > MAX_OBJECTS:
        raise RequestError(f"There are {len(sequences)} sequences of masks; up to {MAX_OBJECTS} objects are possible. Check the path.")
    if set(sequences) == {""}:
        return _of_one(sequences[""], canvas, needed)
    return NamedMasks(sequences, canvas, needed)


class NamedMasks:
    """Masks of which each object has files of its own; see MaskFiles. A frame that an object has no file for says nothing of it."""

    def __init__(self, sequences: dict[str, Sequence], canvas: Canvas, needed: frozenset[int]) -> None:
        """Look through all files; raises RequestError and what reading a file raises."""
        self._places: dict[str, tuple[MaskFiles, str]] = {}
        self._frames: dict[str, frozenset[int]] = {}
        warnings: list[str] = []
        for name, sequence in sequences.items():
            files = _of_one(sequence, canvas, needed & set(sequence.frames))
            warnings += files.warnings
            if not files.objects:
                warnings.append(f"The masks of {name} are all empty; it is left out.")
            for inner in files.objects:
                obj = name if len(files.objects) == 1 else f"{name}.{inner}"
                self._places[obj] = files, inner
                self._frames[obj] = frozenset(sequence.frames)
        self.objects = in_layer_order(set(self._places))
        self.warnings = warnings

    def known(self, frame: int) -> frozenset[str]:
        """Name the objects of which a file of that frame says something."""
        return frozenset(obj for obj, (files, inner) in self._places.items() if frame in self._frames[obj] and inner in files.known(frame))

    def mask(self, frame: int, name: str) -> np.ndarray:
        """Give an object's mask, (H, W) float32 of the canvas."""
        files, inner = self._places[name]
        return files.mask(frame, inner)


def _of_one(sequence: Sequence, canvas: Canvas, needed: frozenset[int]) -> MaskFiles:
    path = sequence.path(sequence.frames[0])
    try:
        with open_ordinary(path) as file:
            kind = kind_of_content(file.read(HEAD_BYTES))
    except OSError as error:
        raise cannot_read(f"the mask {path}", error, EXISTS) from error
    exr = kind == "OpenEXR" or (kind is None and path.suffix.lower() == ".exr")
    return (ExrMasks if exr else PictureMasks)(sequence, canvas, needed)


def _folders_of(folder: Path) -> dict[str, Sequence]:
    """Find a sequence in each folder inside of a folder; mattes of ours count where there is nothing else."""
    found: dict[str, Sequence] = {}
    for inside in sorted(folder.iterdir()):
        if inside.is_dir() and not inside.name.startswith("."):
            try:
                found[inside.name] = Sequence.find(str(inside), "masks")
            except SequenceNotFound:
                continue
    return {name: sequence for name, sequence in found.items() if not is_ours(sequence)} or found


def _twice(folder: Path, name: str) -> RequestError:
    return RequestError(f"The folder {folder} holds two sequences for the object {name}. Remove one of them, or give each a name.")
