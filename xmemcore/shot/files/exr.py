"""The only module that calls OpenEXR: headers, channels of a plate, matte files whole or not at all.

`exr_layout` reads the headers; the library decodes and writes pixels. This module works around the library's faults: it writes
non-contiguous arrays wrongly without an error, stores numbers of over 32 bits as 0, prints messages, and raises errors of every kind.
"""

from __future__ import annotations

import errno
import io
import os
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, BinaryIO

import Imath
import numpy as np
import OpenEXR

from xmemcore.protocol import foreign
from xmemcore.protocol.choices import COMPRESSIONS
from xmemcore.protocol.failures import (
    DISK_FAILED,
    EXISTS,
    NOT_REACHED,
    DiskFailed,
    Failure,
    MachineError,
    NotWritable,
    RequestError,
    cannot_read,
    not_written,
    reason_of,
)
from xmemcore.protocol.whole_file import open_ordinary, probe, sweep, whole
from xmemcore.shot.files.box import Box, require_pixels
from xmemcore.shot.files.exr_layout import (
    MAGIC,
    Chromaticities,
    ExrPart,
    FileLayout,
    LayoutDamaged,
    LayoutRefused,
    pixel_source,
    read_layout,
)
from xmemcore.shot.files.terminal_noise import kept_off_the_terminal

_COMPRESSION = dict(
    zip(COMPRESSIONS, (OpenEXR.ZIP_COMPRESSION, OpenEXR.ZIPS_COMPRESSION, OpenEXR.PIZ_COMPRESSION, OpenEXR.NO_COMPRESSION), strict=True)
)

FULL_DISK_BYTES = 1_000_000
"""Free space below which a failed write is blamed on a full disk."""

MAX_SAMPLES = 2_000_000_000
"""Most values of one part, all channels together: a file of a few kB may hold more, and all are decompressed."""
BAND_SAMPLES = 1 << 26
"""Values of a band: 128 MB in half precision."""
ROWS_AT_A_TIME = 256
"""The library lets no other thread work while it decodes, so it is asked for few rows. No codec packs more rows into one block."""

Channels = dict[str, np.ndarray]
"""(h, w) each; float16 or float32, as stored."""

# 0 by default, which reads and writes on one thread; more than 8 bring nothing at 4K.
OpenEXR.set_global_thread_count(max(1, min(os.cpu_count() or 1, 8)))


@dataclass(frozen=True)
class ExrHeader:
    """The header of a file."""

    path: Path
    display_window: Box
    pixel_aspect: float
    parts: tuple[ExrPart, ...]
    """The flat parts, in the file's order."""
    layout: FileLayout
    """Place of the pixels in the file."""

    @property
    def metadata(self) -> dict[str, Any]:
        """Attributes of the first part that are text or numbers."""
        return self.layout.metadata

    @property
    def chromaticities(self) -> Chromaticities | None:
        """x and y of red, green, blue and white, where the first part names them."""
        return self.layout.chromaticities

    @property
    def has_deep_parts(self) -> bool:
        return len(self.parts) < len(self.layout.parts)


@dataclass(frozen=True)
class ExrImage:
    """Some channels of one part."""

    channels: dict[str, np.ndarray]
    """(h, w) of the data window each, row 0 at the top; float16 or float32, as stored."""
    data_window: Box
    header: ExrHeader


def read_header(path: Path) -> ExrHeader:
    """Read a file's header.

    Raises:
        RequestError: also for a deep file.
    """
    _require_exr(path)
    try:
        layout = read_layout(path)
    except LayoutRefused as error:
        raise RequestError(f"{path.name} in {path.parent} is not read: {error}. Render it again as a plain EXR.") from error
    except OSError as error:
        raise cannot_read(str(path), error, EXISTS) from error
    except LayoutDamaged as error:
        raise _damaged(path, error) from error
    parts = tuple(part.part for part in layout.parts if not part.deep)
    if not parts:
        raise RequestError(f"{path.name} in {path.parent} is a deep EXR, which has no single image. Flatten it first (DeepToImage).")
    first = layout.parts[0]
    return ExrHeader(path, first.display_window, first.pixel_aspect, parts, layout)


def read_channels(header: ExrHeader, part: ExrPart, names: Iterable[str]) -> ExrImage:
    """Read some channels of one part, and no others where the file lets us.

    Raises:
        RequestError.
    """
    box = part.data_window
    channels: Channels = {}
    for top, band in read_bands(header, part, names, ROWS_AT_A_TIME):
        for name, rows in band.items():
            if name not in channels:
                channels[name] = np.empty((box.height, box.width), rows.dtype)
            channels[name][top : top + len(rows)] = rows
    return ExrImage(channels, box, header)


def read_bands(header: ExrHeader, part: ExrPart, names: Iterable[str], rows: int | None = None) -> Iterator[tuple[int, Channels]]:
    """Read some channels of one part some rows at a time, from top to bottom.

    Args:
        header: of the file.
        part: of the header.
        names: of its channels.
        rows: of a band; None: as many as fit into BAND_SAMPLES.

    Yields:
        The first row of a band, counted from the data window's top, and the channels of these rows.

    Raises:
        RequestError.
    """
    planes = {plane.name: plane for plane in part.planes}
    kinds = {name: planes[name].kind for name in names}
    for name in kinds:
        if not planes[name].full_size:
            raise RequestError(f"Channel {name} of {header.path.name} in {header.path.parent} is subsampled. Render it at full size.")
    box = part.data_window
    require_pixels(box, f"The data window of {header.path.name}")
    if len(planes) * box.width * box.height > MAX_SAMPLES:
        raise RequestError(
            f"{header.path.name} in {header.path.parent} has {len(planes)} channels of {box.width}x{box.height}; files of up to "
            f"{MAX_SAMPLES // 10**9} thousand million values are read. Render fewer channels into one part."
        )
    height = rows or max(min(BAND_SAMPLES // (box.width * max(len(kinds), 1)), box.height), 1)
    opened: OpenEXR.InputFile | None = None
    try:
        for top in range(0, box.height, height):
            try:
                with kept_off_the_terminal():
                    opened = opened or OpenEXR.InputFile(pixel_source(header.layout, part.index))
                    channels = _read(opened, kinds, box, top, min(top + height, box.height))
            except Exception as error:  # the library raises RuntimeError, ValueError, OSError and more
                raise _not_read(header.path, error) from error
            yield top, channels
    finally:
        if opened is not None:
            opened.close()


def write(
    path: Path,
    channels: Mapping[str, np.ndarray],
    data_window: Box,
    display_window: Box,
    pixel_aspect: float,
    metadata: Mapping[str, str | int | float],
    seal: Callable[[bytes], bytes] = bytes,
    exact: Mapping[str, np.ndarray] = MappingProxyType({}),
    compression: str = COMPRESSIONS[0],
    staged: Path | None = None,
) -> None:
    """Write a scanline file in half precision, under its own name only when it is whole and on disk.

    Args:
        path: replaced when it exists.
        channels: (h, w) of the data window each; any layout, any type that half precision can hold.
        data_window: where the channels are.
        display_window: the format.
        pixel_aspect: width of a pixel over its height.
        metadata: text and numbers.
        seal: gives the finished file's bytes as they are to be stored.
        exact: channels that are kept in single precision.
        compression: one of COMPRESSIONS.
        staged: name that the file gets until it is moved to `path`; None: its own.

    Raises:
        MachineError, DiskFailed.
    """
    header = {
        "compression": _COMPRESSION[compression],
        "type": OpenEXR.scanlineimage,
        "dataWindow": _corners(data_window),
        "displayWindow": _corners(display_window),
        "pixelAspectRatio": float(pixel_aspect),
        **{name: _attribute(name, value) for name, value in metadata.items()},
    }
    # The library writes other than contiguous arrays as wrong pixels, without an error.
    pixels = {name: np.ascontiguousarray(plane, dtype=np.float16) for name, plane in channels.items()}
    pixels |= {name: np.ascontiguousarray(plane, dtype=np.float32) for name, plane in exact.items()}
    try:
        # Written to memory first: with a file of its own, the library does not notice that a small one found no room.
        content = io.BytesIO()
        OpenEXR.File(header, pixels).write(content)
        sealed = seal(content.getvalue())
        with whole(staged or path) as file:
            try:
                _store(file, sealed)
            except Exception as error:
                # The free space is read before the half-written file is deleted.
                raise _not_written(path, error) from error
    except MachineError:
        raise
    except Exception as error:
        raise _not_written(path, error) from error


def make_folder(folder: Path) -> None:
    """Make the output's folder, check that it can be written, and delete the half-written files of killed runs.

    Raises:
        NotWritable, DiskFailed.
    """
    try:
        probe(folder)
    except OSError as error:
        if error.errno in NOT_REACHED:
            raise not_written(folder, error) from error
        raise NotWritable(
            f"The output folder {folder} cannot be written: {reason_of(folder, error)}. Choose another, or ask for write access."
        ) from error
    sweep(folder)


def _read(opened: OpenEXR.InputFile, kinds: dict[str, str], box: Box, top: int, stop: int) -> Channels:
    half, single = Imath.PixelType(Imath.PixelType.HALF), Imath.PixelType(Imath.PixelType.FLOAT)
    channels = {}
    for kind, dtype in ((half, np.float16), (single, np.float32)):
        chosen = [name for name, stored in kinds.items() if (stored == "half") == (kind is half)]
        if chosen:
            # Read together, because every call decompresses all scanlines.
            found = opened.channels(chosen, kind, box.y0 + top, box.y0 + stop - 1)
            for name, content in zip(chosen, found, strict=True):
                channels[name] = np.frombuffer(content, dtype).reshape(-1, box.width)
    return channels


def _require_exr(path: Path) -> None:
    try:
        with open_ordinary(path) as file:
            begins = file.read(4)
    except OSError as error:
        raise cannot_read(str(path), error, EXISTS) from error
    if begins != MAGIC:
        raise RequestError(f"{path.name} in {path.parent} is not an EXR file ({path.stat().st_size} bytes). Render the frame again.")


def _not_read(path: Path, error: Exception) -> Failure:
    if isinstance(error, OSError) and error.errno in NOT_REACHED:
        return cannot_read(str(path), error, EXISTS)
    return foreign.full_memory(error) or _damaged(path, error)


def _damaged(path: Path, error: Exception | None) -> RequestError:
    reason = f" ({str(error).splitlines()[0][:100]})" if error is not None and str(error) else ""
    return RequestError(f"{path.name} in {path.parent} is truncated or damaged{reason}. Render the frame again.")


def _not_written(path: Path, error: BaseException) -> Failure:
    memory = foreign.full_memory(error)
    if memory is not None:
        return memory
    full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
    reason = (str(error).splitlines() or [type(error).__name__])[0][:120]
    if full or _free_bytes(path.parent) < FULL_DISK_BYTES:
        return DiskFailed(f"The disk is full: {path} was not written. Make room and run again; what is finished stays.")
    kind = DiskFailed if isinstance(error, OSError) and error.errno in DISK_FAILED else MachineError
    return kind(f"{path} was not written ({reason}). Check that its folder is there and writable; what is finished stays.")


def _free_bytes(folder: Path) -> int:
    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return sys.maxsize


def _store(file: BinaryIO, content: bytes) -> None:
    """Write, and wait for the disk: only then does a network folder report that it is full, and a power cut leaves no empty file."""
    file.write(content)
    file.flush()
    os.fsync(file.fileno())


def _attribute(name: str, value: str | int | float) -> str | int | float:
    """Check a value that the library would store wrongly or not at all."""
    assert isinstance(value, (str, int, float)), f"{name}: {type(value).__name__} cannot be stored"
    # More than 32 bits are stored as 0, and a bool as a number anyway.
    assert isinstance(value, (str, float)) or -(2**31) <= value < 2**31, f"{name}: {value} does not fit into 32 bits"
    if isinstance(value, str):
        # A path in another encoding has characters that cannot be written as UTF-8.
        return value.encode("utf-8", "replace").decode()
    return int(value) if isinstance(value, bool) else value


def _corners(box: Box) -> tuple[np.ndarray, np.ndarray]:
    return np.array((box.x0, box.y0), np.int32), np.array((box.x1 - 1, box.y1 - 1), np.int32)
