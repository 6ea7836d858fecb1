"""The one place that talks to OpenEXR: headers, channels of a plate, matte files whole or not at all.

The library's traps are met here: it writes non-contiguous arrays wrongly without a word, takes deep files for images,
prints its own messages, and fails with errors of every kind.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import Imath
import numpy as np
import OpenEXR

from xmemcore.protocol.failures import MachineError, RequestError
from xmemcore.shot.canvas import Box

MAGIC = b"\x76\x2f\x31\x01"
DEEP_TYPES = ("deepscanline", "deeptile")
PARTIAL_SUFFIX = ".part"

# 0 by default, which reads and writes on one thread.
OpenEXR.set_global_thread_count(2)


class ExrUnreadable(RequestError):
    """An EXR file is missing, truncated, damaged or of a kind that holds no image."""


class ExrNotWritten(MachineError):
    """An EXR file could not be written; nothing of it stays."""


class FolderNotWritable(RequestError):
    """The folder of the output cannot be made or written."""


@dataclass(frozen=True)
class ExrPart:
    """One image of a file, without its pixels."""

    index: int
    name: str
    channels: tuple[str, ...]
    data_window: Box


@dataclass(frozen=True)
class ExrHeader:
    """What a file says of itself."""

    path: Path
    display_window: Box
    pixel_aspect: float
    parts: tuple[ExrPart, ...]
    metadata: dict[str, Any] = field(default_factory=dict)
    """Of the first part: attributes that are text or numbers."""


@dataclass(frozen=True)
class ExrImage:
    """Some channels of one part."""

    channels: dict[str, np.ndarray]
    """(h, w) of the data window each, row 0 at the top; float16 or float32, as stored."""
    data_window: Box
    header: ExrHeader


def read_header(path: Path) -> ExrHeader:
    """Read what a file says of itself.

    Raises:
        ExrUnreadable: also for a deep file.
    """
    _require_exr(path)
    try:
        file = OpenEXR.File(os.fspath(path), header_only=True)
        headers = [dict(part.header) for part in file.parts]
    except Exception as error:  # the library raises RuntimeError, ValueError, OSError and more
        raise _damaged(path, error) from error
    if not headers:
        raise _damaged(path, None)
    kind = _kind(headers[0])
    if kind in DEEP_TYPES:
        raise ExrUnreadable(f"{path.name} in {path.parent} is a deep EXR, which has no single image. Flatten it first (DeepToImage).")
    parts = tuple(
        ExrPart(index, str(header.get("name", "")), tuple(channel.name for channel in header["channels"]), _box(header["dataWindow"]))
        for index, header in enumerate(headers)
        if _kind(header) not in DEEP_TYPES
    )
    first = headers[0]
    plain = {name: value for name, value in first.items() if isinstance(value, (str, int, float))}
    return ExrHeader(path, _box(first["displayWindow"]), float(first.get("pixelAspectRatio", 1.0)), parts, plain)


def read_channels(header: ExrHeader, part: ExrPart, names: Iterable[str]) -> ExrImage:
    """Read some channels of one part, and no others where the file lets us.

    Raises:
        ExrUnreadable.
    """
    names = list(names)
    try:
        channels = _read_one_part(header.path, names) if len(header.parts) == 1 else _read_of_many(header.path, part, names)
    except ExrUnreadable:
        raise
    except Exception as error:
        raise _damaged(header.path, error) from error
    size = (part.data_window.height, part.data_window.width)
    for name, pixels in channels.items():
        if pixels.shape != size:
            raise ExrUnreadable(f"Channel {name} of {header.path.name} in {header.path.parent} is subsampled. Render it at full size.")
    return ExrImage(channels, part.data_window, header)


def write(
    path: Path,
    channels: Mapping[str, np.ndarray],
    data_window: Box,
    display_window: Box,
    pixel_aspect: float,
    metadata: Mapping[str, str | int | float],
) -> None:
    """Write a scanline file, ZIP, in half precision, under its own name only when it is whole.

    Args:
        channels: (h, w) of the data window each.

    Raises:
        ExrNotWritten.
    """
    header = {
        "compression": OpenEXR.ZIP_COMPRESSION,
        "type": OpenEXR.scanlineimage,
        "dataWindow": _corners(data_window),
        "displayWindow": _corners(display_window),
        "pixelAspectRatio": float(pixel_aspect),
        **metadata,
    }
    # Other arrays than contiguous ones are written as wrong pixels, without an error.
    pixels = {name: np.ascontiguousarray(plane, dtype=np.float16) for name, plane in channels.items()}
    partial = path.with_name(f".{path.name}.{os.getpid()}{PARTIAL_SUFFIX}")
    try:
        OpenEXR.File(header, pixels).write(os.fspath(partial))
        os.replace(partial, path)
    except Exception as error:
        partial.unlink(missing_ok=True)
        raise _not_written(path, error) from error


def make_folder(folder: Path) -> None:
    """Make the output's folder, see that it can be written, and clear what a killed run left half-written.

    Raises:
        FolderNotWritable.
    """
    probe = folder / f".xmem-roto-{os.getpid()}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        raise FolderNotWritable(
            f"The output folder {folder} cannot be written: {error.strerror}. Choose another, or ask for write access."
        ) from error
    for left in folder.glob(f".*{PARTIAL_SUFFIX}"):
        if not _alive(left):
            with contextlib.suppress(OSError):
                left.unlink()


def _read_one_part(path: Path, names: list[str]) -> dict[str, np.ndarray]:
    file = OpenEXR.InputFile(os.fspath(path))
    try:
        header = file.header()
        window = _imath_box(header["dataWindow"])
        half, single = Imath.PixelType(Imath.PixelType.HALF), Imath.PixelType(Imath.PixelType.FLOAT)
        types = {name: half if header["channels"][name].type == half else single for name in names}
        channels = {}
        for kind, dtype in ((half, np.float16), (single, np.float32)):
            chosen = [name for name in names if types[name] == kind]
            if chosen:
                # Asked together, or every scanline is decompressed once for each.
                for name, content in zip(chosen, file.channels(chosen, kind)):
                    channels[name] = np.frombuffer(content, dtype).reshape(-1, window.width)
        return channels
    finally:
        file.close()


def _read_of_many(path: Path, part: ExrPart, names: list[str]) -> dict[str, np.ndarray]:
    with OpenEXR.File(os.fspath(path), separate_channels=True) as file:
        # Of a damaged file the library gives no parts, and prints why.
        if len(file.parts) <= part.index:
            raise _damaged(path, None)
        found = file.parts[part.index].channels
        planes = {name: np.array(found[name].pixels) for name in names}
    return {name: plane if plane.dtype in (np.float16, np.float32) else plane.astype(np.float32) for name, plane in planes.items()}


def _require_exr(path: Path) -> None:
    try:
        with open(path, "rb") as file:
            begins = file.read(4)
    except OSError as error:
        raise ExrUnreadable(f"Cannot read {path}: {error.strerror}. Check that the file exists and may be read.") from error
    if begins != MAGIC:
        raise ExrUnreadable(f"{path.name} in {path.parent} is not an EXR file ({path.stat().st_size} bytes). Render the frame again.")


def _damaged(path: Path, error: Exception | None) -> ExrUnreadable:
    reason = f" ({str(error).splitlines()[0][:100]})" if error is not None and str(error) else ""
    return ExrUnreadable(f"{path.name} in {path.parent} is truncated or damaged{reason}. Render the frame again.")


def _not_written(path: Path, error: Exception) -> ExrNotWritten:
    full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
    if full or _free_bytes(path.parent) < 1_000_000:
        return ExrNotWritten(f"The disk is full: {path} was not written. Make room and run again; what is finished stays.")
    return ExrNotWritten(f"{path} was not written: {str(error).splitlines()[0][:120]}. Check the disk; what is finished stays.")


def _free_bytes(folder: Path) -> int:
    try:
        import shutil

        return shutil.disk_usage(folder).free
    except OSError:
        return 1 << 62


def _alive(partial: Path) -> bool:
    """Say whether the process that writes a partial file still runs; one that we may not ask counts as running."""
    try:
        os.kill(int(partial.name.removesuffix(PARTIAL_SUFFIX).rsplit(".", 1)[1]), 0)
    except (ValueError, IndexError, ProcessLookupError):
        return False
    except OSError:
        return os.name != "nt"
    return True


def _kind(header: Mapping[str, Any]) -> str:
    return str(header.get("type", "scanlineimage")).rsplit(".", 1)[-1]


def _box(window: Any) -> Box:
    (x0, y0), (x1, y1) = window
    return Box(int(x0), int(y0), int(x1) + 1, int(y1) + 1)


def _imath_box(window: Any) -> Box:
    return Box(window.min.x, window.min.y, window.max.x + 1, window.max.y + 1)


def _corners(box: Box) -> tuple[np.ndarray, np.ndarray]:
    return np.array((box.x0, box.y0), np.int32), np.array((box.x1 - 1, box.y1 - 1), np.int32)
