"""The mattes on disk: one EXR a frame, a layer for each object, their union in the alpha; and reading them back."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from xmemcore.protocol.choices import COMPRESSIONS
from xmemcore.protocol.failures import RequestError
from xmemcore.protocol.frames import counted
from xmemcore.protocol.matte_header import LAYER, objects_of
from xmemcore.protocol.names import ORIGINAL_NAME, layer_names
from xmemcore.protocol.outside import cut
from xmemcore.protocol.result_file import NAME as RECORD_NAME
from xmemcore.protocol.result_file import require_ours
from xmemcore.protocol.words import listed
from xmemcore.shot.files import exr
from xmemcore.shot.files import sequence as sequences
from xmemcore.shot.files.box import Box
from xmemcore.shot.files.layers import FAINTEST, Layer, box_of
from xmemcore.shot.mattes import cryptomatte, matte_proof
from xmemcore.shot.mattes.kept_inputs import replaced_input
from xmemcore.shot.plate.canvas import Canvas

LONGEST_NAME_BYTES = 240
"""Longest name of a file or folder; disks take 255 bytes, and a frame number comes in."""
LONGEST_PATH_BYTES = 4000
UNION = "A"
CONFIDENCE = "confidence.value"
CORE, EDGE = "core.value", "edge.value"
"""Layers of two passes: the core is 1 where the union is solid, the edge is 1 where the union is in between."""


@dataclass(frozen=True)
class Passes:
    """What is written beside the objects' layers, and how."""

    bands: bool = False
    cryptomatte: bool = False
    compression: str = COMPRESSIONS[0]

    @property
    def key(self) -> list[str]:
        """List for signatures what is not usual."""
        return [name for name in ("bands", "cryptomatte") if getattr(self, name)] + (
            [self.compression] if self.compression != COMPRESSIONS[0] else []
        )


def matte_pattern(out: str) -> Path:
    """Turn what the artist wrote as output into an absolute pattern with a place for the frame number.

    Args:
        out: `matte.%04d.exr`, `matte.####.exr`, `matte.exr`, or a folder.

    Raises:
        RequestError.
    """
    path = Path(out).expanduser().absolute()
    long = [part for part in path.parts if len(os.fsencode(part)) > LONGEST_NAME_BYTES]
    if long or len(os.fsencode(path)) > LONGEST_PATH_BYTES:
        raise RequestError(f"The output {cut(out)} is too long for a disk. Choose a name of up to {LONGEST_NAME_BYTES} letters.")
    if path.is_dir() or not path.suffix:
        pattern = path / "matte.%04d.exr"
    elif path.suffix.lower() != ".exr":
        raise RequestError(f"Mattes are EXR files, but the output is {path.name}. Write a pattern such as matte.%04d.exr.")
    elif (one := re.fullmatch(r"(.*\.)-?\d+", path.stem)) is not None:
        raise RequestError(f"The output {path.name} names the matte of one frame. Write a pattern such as {one[1]}%04d{path.suffix}.")
    else:
        pattern = sequences.numbered(path)
    if pattern.name.count("%") > 1:
        raise RequestError(
            f"The output {path.name} has a % that is no place for the frame number; Nuke fills these in. Choose another name."
        )
    for folder in pattern.parents:
        if sequences.has_frame_number(folder.name) and not folder.is_dir():
            raise RequestError(f"The output {out} has a place for the frame number in the folder {folder.name}: only a file may have one.")
        if sequences.names_view(folder.name) and not folder.is_dir():
            # Filled in by nobody, it would be one place for all views, and each run would replace the mattes of the one before.
            raise RequestError(f"The output {out} has a place for a view in the folder {folder.name}. Write the view's name there.")
    return pattern


def require_inputs_kept(
    pattern: Path, frames: Iterable[int], report: Path | None, inputs: Iterable[Path], pictures: Iterable[Path] = ()
) -> None:
    """Raise RequestError when a matte, their record, the contact sheet or a PNG would replace what they are made from.

    And when a matte would replace a file that we have not made: behind a node of Nuke's the plate's own files are no input.
    """
    inputs, frames = list(inputs), list(frames)
    mattes = [sequences.frame_path(pattern, frame) for frame in frames]
    replaced = replaced_input([pattern.parent / RECORD_NAME, *mattes], inputs)
    if replaced is not None:
        raise RequestError(f"The mattes would replace {replaced[1]}, which they are made from. Choose another output folder or name.")
    require_ours(pattern, frames)
    replaced = None if report is None else replaced_input([report], inputs)
    if replaced is not None:
        raise RequestError(
            f"The contact sheet would replace {replaced[1]}, which the mattes are made from. Choose another name (--report)."
        )
    replaced = replaced_input(pictures, inputs)
    if replaced is not None:
        raise RequestError(f"The PNGs would replace {replaced[1]}, which the mattes are made from. Choose another output folder or name.")


def require_objects_kept(pattern: Path, frames: Iterable[int], originals: Iterable[str]) -> None:
    """Raise RequestError when mattes that would be replaced have objects, by the artist's names, that nobody asked for now."""
    kept = set(originals)
    for frame in frames:
        path = sequences.frame_path(pattern, frame)
        lost = sorted(set(objects_of(path)) - kept)
        if lost:
            raise RequestError(
                f"{path} has mattes of other objects ({listed(lost)}), which would be lost: only chosen objects are computed (--object). "
                "Name another output (--out), or compute all objects."
            )


class MatteWriter:
    """Write the mattes of one shot; each file appears whole or not at all."""

    def __init__(
        self, pattern: Path, canvas: Canvas, layers: Sequence[tuple[str, str]], metadata: Mapping[str, str], passes: Passes = Passes()
    ) -> None:
        """Prepare.

        Args:
            pattern: of the files.
            canvas: of the shot.
            layers: name of each object's layer, with the artist's name of the object.
            metadata: of every file.
            passes: what is written beside the layers, and how.
        """
        self._pattern = pattern
        self._canvas = canvas
        self._layers = tuple(layers)
        self.passes = passes
        self._originals = [original for _, original in layers]
        self._metadata = {**metadata, **(cryptomatte.metadata(self._originals) if passes.cryptomatte else {})}
        for name, original in layers:
            if name != original:
                self._metadata[f"{ORIGINAL_NAME}{name}"] = original

    def path(self, frame: int) -> Path:
        """Say where a frame's matte is."""
        return sequences.frame_path(self._pattern, frame)

    def prepare(self) -> None:
        """Make the folder, and clear what a killed run left; raises RequestError."""
        exr.make_folder(self._pattern.parent)

    def write(
        self,
        frame: int,
        mattes: Iterable[np.ndarray | Layer],
        union: np.ndarray | Layer,
        keyframe: bool,
        confidence: np.ndarray | None = None,
        proof: Mapping[str, str] | None = None,
    ) -> Path:
        """Write one frame.

        Args:
            frame: its number.
            mattes: of each layer, (H, W) float32 of the canvas, in [0, 1], or what was collected of it.
            union: likewise.
            keyframe: whether any object is annotated here.
            confidence: (H, W) in [0, 1]; with it the data window is the whole canvas, so that outside is not read as 0.
            proof: `matte_proof.metadata`; the file is sealed with it.

        Raises:
            MachineError.
        """
        layers = {f"{name}.alpha": _collected(matte) for (name, _), matte in zip(self._layers, mattes)}
        layers[UNION] = _collected(union)
        whole = Box(0, 0, self._canvas.width, self._canvas.height)
        # One pixel where there is nothing: an EXR has no empty window.
        box = whole if confidence is not None else box_of(layers.values()) or Box(0, 0, 1, 1)
        planes = {name: layer.placed(box) for name, layer in layers.items()}
        if confidence is not None:
            planes[CONFIDENCE] = confidence
        exact: dict[str, np.ndarray] = {}
        if self.passes.cryptomatte:
            shares = (planes[f"{name}.alpha"] for name, _ in self._layers)
            exact = cryptomatte.ranked(self._originals, shares, (box.height, box.width)).channels()
        if self.passes.bands:
            solid = planes[UNION] >= 1 - FAINTEST
            planes[CORE], planes[EDGE] = solid, (planes[UNION] > 0) & ~solid
        path = self.path(frame)
        metadata: dict[str, str | int | float] = {**self._metadata, **(proof or {}), matte_proof.KEYFRAME: int(keyframe)}
        window = box.moved(self._canvas.box.x0, self._canvas.box.y0)
        exr.write(
            path,
            planes,
            window,
            self._canvas.display,
            self._canvas.pixel_aspect,
            metadata,
            matte_proof.sealed if proof else bytes,
            exact,
            self.passes.compression,
        )
        return path


@dataclass(frozen=True)
class Matte:
    """One frame's mattes, read back on a box."""

    union: np.ndarray
    """(H, W) float32."""
    layers: dict[str, np.ndarray]
    """Planes (H, W) float32 by layer name."""
    confidence: np.ndarray | None
    names: Mapping[str, str] = field(default_factory=dict)
    """The artist's name of each layer's object; see `artists_names`."""

    def of_objects(self, objects: Sequence[str], originals: Sequence[str]) -> list[np.ndarray | None]:
        """Give the plane of each object, see `layers_of_objects`; None where the matte has none of it."""
        return [None if layer is None else self.layers[layer] for layer in layers_of_objects(layer_names(objects), originals, self.names)]


class MatteSequence:
    """The mattes of an earlier propagate."""

    def __init__(self, sequence: sequences.Sequence) -> None:
        self._sequence = sequence

    @property
    def frames(self) -> tuple[int, ...]:
        """Frames that have a matte, ascending."""
        return self._sequence.frames

    def path(self, frame: int) -> Path:
        """Give the file of a frame that has a matte."""
        return self._sequence.path(frame)

    def require_layers(self, layers: Sequence[str]) -> None:
        """See that these are mattes of such layers: one of them in one frame will do, for a roto goes on to change.

        Raises:
            RequestError.
        """
        wanted = {f"{layer}.alpha" for layer in layers}
        if all(wanted.isdisjoint(exr.read_header(path).parts[0].channels) for path in self._sequence.paths.values()):
            raise RequestError(
                f"{self._sequence.pattern} has no layer {' or '.join(layers)}: these are no mattes of this roto or these masks. "
                "Name the output of their propagate, or propagate again."
            )

    def of_format(self, display: Box) -> tuple[MatteSequence, str]:
        """Leave out mattes of another format: their pixels lie elsewhere in the picture.

        Args:
            display: the plate's.

        Returns:
            The others, and a sentence about what is left out; empty where nothing is.

        Raises:
            RequestError: nothing is left.
        """
        found = {frame: exr.read_header(path).display_window for frame, path in self._sequence.paths.items()}
        strange = [frame for frame, window in found.items() if not same_format(window, display)]
        if not strange:
            return self, ""
        theirs = found[strange[0]]
        sentence = (
            f"The mattes of {counted(strange)} in {self._sequence.pattern} are {theirs.width}x{theirs.height}, and the plate is "
            f"{display.width}x{display.height}"
        )
        left = {frame: path for frame, path in self._sequence.paths.items() if frame not in strange}
        if not left:
            raise RequestError(f"{sentence}. Propagate this plate first.")
        return MatteSequence(replace(self._sequence, paths=left)), f"{sentence}: they are not looked at."

    def read(self, frame: int, canvas: Canvas | None = None) -> Matte:
        """Read one frame on a canvas; None: on its display window.

        Raises:
            RequestError.
        """
        return read_matte(self._sequence.path(frame), canvas)


def read_matte(path: Path, canvas: Canvas | None = None) -> Matte:
    """Read one file of mattes on a canvas; None: on its display window.

    Raises:
        RequestError.
    """
    header = exr.read_header(path)
    target = canvas or Canvas(header.display_window, header.display_window)
    part = header.parts[0]
    image = exr.read_channels(header, part, part.channels)
    planes = {name: target.placed(plane.astype(np.float32), image.data_window) for name, plane in image.channels.items()}
    layers = {name.removesuffix(LAYER): plane for name, plane in planes.items() if name.endswith(LAYER)}
    union = planes[UNION] if UNION in planes else np.maximum.reduce(list(layers.values() or planes.values()))
    return Matte(union, layers, planes.get(CONFIDENCE), artists_names(header))


def artists_names(header: exr.ExrHeader) -> dict[str, str]:
    """Give the artist's name of each layer's object; a layer of which the matte says none has its own."""
    layers = [name.removesuffix(LAYER) for name in header.parts[0].channels if name.endswith(LAYER)]
    return {layer: str(header.metadata.get(f"{ORIGINAL_NAME}{layer}", layer)) for layer in layers}


def layers_of_objects(layers: Sequence[str], originals: Sequence[str], names: Mapping[str, str]) -> list[str | None]:
    """Find the layer of each object in a matte, which may have been made when the objects were others, or in another order.

    A layer's name alone does not tell: of "left arm" and "left_arm" the first in the roto is `left_arm`, the other `left_arm_2`.

    Args:
        layers: of the objects, as they are called today.
        originals: the artist's names of the objects.
        names: of the matte, see `artists_names`.

    Returns:
        Names of layers; None where the matte has none of an object.
    """
    found: list[str | None] = []
    for layer, original in zip(layers, originals):
        called = [name for name, artists in names.items() if artists == original]
        only = called[0] if len(called) == 1 and list(originals).count(original) == 1 else None
        found.append(layer if layer in called else only)
    # A layer that says no name, and is nobody else's, is taken by its own.
    return [layer if of is None and names.get(layer) == layer and layer not in found else of for layer, of in zip(layers, found)]


def same_format(window: Box, display: Box) -> bool:
    """Say whether two display windows are of one size."""
    return (window.width, window.height) == (display.width, display.height)


def read_mattes(pattern: str) -> MatteSequence:
    """Open the mattes of an earlier propagate, by pattern or folder; raises SequenceNotFound, RequestError."""
    sequence = sequences.Sequence.find(pattern, "mattes")
    suffix = sequence.path(sequence.frames[0]).suffix
    if suffix.lower() != ".exr":
        raise RequestError(
            f"{sequence.pattern} are no mattes: those are EXR files, not {suffix or 'files without a suffix'}. Name such files."
        )
    return MatteSequence(sequence)


def _collected(plane: np.ndarray | Layer) -> Layer:
    return plane if isinstance(plane, Layer) else Layer.of(plane)
