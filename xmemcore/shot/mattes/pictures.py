"""Mattes as PNGs, for those who are not in EXR: read back from the finished EXRs, so that the two say the same."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from xmemcore.protocol.choices import PICTURES
from xmemcore.protocol.failures import RequestError, not_written
from xmemcore.protocol.frames import counted
from xmemcore.protocol.matte_header import SIGNATURE, signature_of
from xmemcore.protocol.whole_file import probe, whole
from xmemcore.shot.files import sequence as sequences
from xmemcore.shot.mattes.mattes import UNION, Matte, read_matte

FOLDER = "png"
"""Folder of the PNGs, beside the EXRs."""
NO_PICTURES, INDEX = PICTURES[0], PICTURES[2]
DEVICES = frozenset(("con", "prn", "aux", "nul", *(f"{port}{number}" for port in ("com", "lpt") for number in range(10))))
"""Names that Windows gives no folder."""
MOST_LABELS = 255
MAGIC, HEAD_BYTES = b"\x89PNG\r\n\x1a\n", 4096
"""How a PNG begins, and what of it holds all that we write before the pixels."""
COMPRESS_LEVEL = 3
"""Of 9; a matte is mostly flat."""


def write_pictures(pattern: Path, layers: Sequence[str], frames: Iterable[int], kind: str) -> None:
    """Write the PNGs of some frames.

    Args:
        pattern: of the EXRs, which are finished.
        layers: of the objects, in their order.
        frames: which.
        kind: `png16`: `png/<layer>/<name>.%04d.png`, 16 bits, and the union in `png/A`; see `folders`. `index`:
            `png/index/<name>.%04d.png`, labels from 1.

    Raises:
        RequestError, DiskFailed, and what reading a matte raises.
    """
    for frame in frames:
        exr = sequences.frame_path(pattern, frame)
        matte = read_matte(exr)
        if kind == INDEX:
            images = {INDEX: _palette(labels(matte, layers))}
        else:
            images = {folder: _grey16(matte.layers[layer]) for layer, folder in zip(layers, folders(layers))}
            images[UNION] = _grey16(matte.union)
        says = PngInfo()
        says.add_text(SIGNATURE, signature_of(exr) or "")
        for name, image in images.items():
            path = _path(pattern, name, frame)
            content = io.BytesIO()
            image.save(content, format="PNG", compress_level=COMPRESS_LEVEL, pnginfo=says)
            try:
                probe(path.parent)
                with whole(path) as file:
                    file.write(content.getbuffer())
            except OSError as error:
                raise not_written(path, error) from error


def picture_paths(pattern: Path, layers: Sequence[str], frame: int, kind: str) -> list[Path]:
    """Name the PNGs of a frame; none where none are wanted."""
    names = [] if kind == NO_PICTURES else [INDEX] if kind == INDEX else [*folders(layers), UNION]
    return [_path(pattern, name, frame) for name in names]


def folders(layers: Sequence[str]) -> list[str]:
    """Name a folder for each layer: its own name, changed where another folder has it, also on a disk that tells no case."""
    names: list[str] = []
    ours = (UNION.lower(), INDEX)
    taken = set(ours)
    for layer in layers:
        base = f"obj_{layer}" if layer.lower() in (*DEVICES, *ours) else layer
        name, number = base, 1
        while name.lower() in taken:
            number += 1
            name = f"{base}_{number}"
        taken.add(name.lower())
        names.append(name)
    return names


def pictures_are_of(pattern: Path, layers: Sequence[str], frame: int, kind: str) -> bool:
    """Say whether all PNGs of a frame that are wanted are there and were read from the matte that is there now."""
    paths = picture_paths(pattern, layers, frame, kind)
    signature = signature_of(sequences.frame_path(pattern, frame)) if paths else None
    return not paths or signature is not None and all(_signature(path) == signature for path in paths)


def require_pictures_possible(pattern: Path, layers: Sequence[str], frames: Iterable[int], kind: str) -> None:
    """Raise RequestError where PNGs cannot say what the mattes say, or would replace files that we have not made.

    Args:
        pattern: of the EXRs.
        layers: of the objects.
        frames: that are to be written.
        kind: as of `write_pictures`.
    """
    if kind == INDEX and len(layers) > MOST_LABELS:
        raise RequestError(
            f"PNGs of labels tell up to {MOST_LABELS} objects apart, and this shot has {len(layers)}. Choose --pictures png16, or fewer "
            "objects (--object)."
        )
    for path in (path for frame in frames for path in picture_paths(pattern, layers, frame, kind)):
        try:
            with path.open("rb") as file:
                head = file.read(HEAD_BYTES)
        except OSError:
            continue
        if head.startswith(MAGIC) and SIGNATURE.encode() not in head:
            raise RequestError(f"The PNGs would replace {path}, which XMem Roto has not made. Choose another output folder or name.")


def left_behind(pattern: Path, frames: Iterable[int]) -> list[int]:
    """Name those of some frames that have PNGs of another matte than the one that is there now.

    Args:
        pattern: of the EXRs.
        frames: that have an EXR.
    """
    try:
        names = sorted(path.name for path in (pattern.parent / FOLDER).iterdir())
    except OSError:
        return []
    return [frame for frame in frames if names and _has_others(pattern, names, frame)]


def earlier_pictures(behind: Sequence[int]) -> str:
    """Say in a sentence which frames are `left_behind`."""
    return (
        f"The folder {FOLDER} beside the mattes still has PNGs of earlier mattes of {counted(behind)}. Write them again "
        "(--pictures png16 or index), or delete them."
    )


def _has_others(pattern: Path, names: Sequence[str], frame: int) -> bool:
    """Say whether a PNG of a frame, in one of these folders, was read from another matte."""
    now = signature_of(sequences.frame_path(pattern, frame))
    return any(_signature(_path(pattern, name, frame)) not in (None, now) for name in names)


def _signature(picture: Path) -> str | None:
    """Give the signature of the matte that a PNG was read from; None where it says none."""
    try:
        with Image.open(picture) as image:
            return image.info.get(SIGNATURE)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return None


def _path(pattern: Path, name: str, frame: int) -> Path:
    return sequences.frame_path(pattern.parent / FOLDER / name / f"{pattern.stem}.png", frame)


def labels(matte: Matte, layers: Sequence[str]) -> np.ndarray:
    """Decide each pixel for the object that covers most of it, uint8 (H, W): 0 for none, else its place from 1."""
    best, winner = 1 - matte.union, np.zeros(matte.union.shape, np.uint8)
    for place, layer in enumerate(layers[:MOST_LABELS]):
        won = matte.layers[layer] > best
        winner[won] = place + 1
        np.maximum(best, matte.layers[layer], out=best)
    return winner


def _grey16(plane: np.ndarray) -> Image.Image:
    return Image.fromarray(np.rint(plane.clip(0, 1) * 65535).astype(np.uint16))


def _palette(picture: np.ndarray) -> Image.Image:
    """Give labels a palette of well told colours."""
    place = np.arange(256)
    # Bit k of the label sets bits of red, green and blue from above, as the palettes of segmentation data do.
    colours = np.stack([sum(((place >> (3 * k + channel)) & 1) << (7 - k) for k in range(3)) for channel in range(3)], axis=1)
    image = Image.fromarray(picture, "P")
    image.putpalette(colours.astype(np.uint8).tobytes())
    return image
