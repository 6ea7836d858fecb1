"""Picture files of the renderer: EXR through OpenEXR, PNG and JPEG through Pillow; names of channels as Nuke maps them."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import OpenEXR
from picture import Picture
from PIL import Image

_SHORT = {"R": "red", "G": "green", "B": "blue", "A": "alpha", "r": "red", "g": "green", "b": "blue", "a": "alpha"}
_OWN_HEADER = {
    "channels",
    "compression",
    "dataWindow",
    "displayWindow",
    "lineOrder",
    "pixelAspectRatio",
    "screenWindowCenter",
    "screenWindowWidth",
    "type",
    "name",
    "chunkCount",
    "version",
}


def nuke_name(channel: str) -> str:
    """`R` -> rgba.red, `Z` -> depth.Z, `dog.alpha` and `dog.A` -> dog.alpha, a bare `mask` -> other.mask."""
    if "." not in channel:
        if channel in _SHORT and channel.isupper():
            return "rgba." + _SHORT[channel]
        return "depth.Z" if channel == "Z" else "other." + channel
    layer, last = channel.rsplit(".", 1)
    return f"{layer}.{_SHORT.get(last, last)}"


def file_name(channel: str) -> str:
    """The name in an EXR that Nuke writes: rgba.red -> R, depth.Z stays Z."""
    layer, last = channel.split(".", 1)
    if layer == "rgba" and last in ("red", "green", "blue", "alpha"):
        return last[0].upper()
    return "Z" if channel == "depth.Z" else channel


def to_linear(values: np.ndarray, space: str) -> np.ndarray:
    """Undo a transfer curve."""
    if space == "sRGB":
        return np.where(values <= 0.04045, values / 12.92, ((np.maximum(values, 0.04045) + 0.055) / 1.055) ** 2.4)
    if space == "rec709":
        return np.where(values < 0.081, values / 4.5, ((np.maximum(values, 0.081) + 0.099) / 1.099) ** (1 / 0.45))
    if space.startswith("gamma"):
        return np.sign(values) * np.abs(values) ** float(space[5:])
    return values


def from_linear(values: np.ndarray, space: str) -> np.ndarray:
    """Apply a transfer curve."""
    if space == "sRGB":
        return np.where(values <= 0.0031308, values * 12.92, 1.055 * np.maximum(values, 0.0031308) ** (1 / 2.4) - 0.055)
    if space == "rec709":
        return np.where(values < 0.018, values * 4.5, 1.099 * np.maximum(values, 0.018) ** 0.45 - 0.099)
    if space.startswith("gamma"):
        return np.sign(values) * np.abs(values) ** (1 / float(space[5:]))
    return values


def read(path: str, space: str, raw: bool, premultiplied: bool, auto_alpha: bool, form: list[Any] | None) -> Picture:
    """Read a file whole; colours become linear unless raw; the format is the file's display window unless one is given."""
    picture = _read_exr(path) if path.lower().endswith(".exr") else _read_small(path)
    if form is not None and form[0] and form[1]:
        picture.format = [picture.format[0], picture.format[1], *picture.format[2:6], form[6], form[7]]
    if not raw and space != "linear":
        alpha = picture.planes.get("rgba.alpha") if premultiplied else None
        for name in list(picture.planes):
            if name in ("rgba.red", "rgba.green", "rgba.blue"):
                plane = picture.plane(name)
                if alpha is not None:
                    divided = np.divide(plane, alpha, out=np.zeros_like(plane), where=alpha != 0)
                    plane = to_linear(divided, space) * alpha
                else:
                    plane = to_linear(plane, space)
                picture.planes[name] = plane.astype(np.float32)
    if auto_alpha and "rgba.alpha" not in picture.planes and any(name.startswith("rgba.") for name in picture.planes):
        picture.planes["rgba.alpha"] = np.ones(picture.shape, np.float32)
    return picture


def _read_exr(path: str) -> Picture:
    if not os.path.exists(path):
        raise RuntimeError(f"{path}: No such file or directory")
    with OpenEXR.File(path, separate_channels=True) as file:
        if not len(file.parts):
            raise RuntimeError(f"{path}: cannot read the pixels of this file")
        header = dict(file.header())
        display, data = header["displayWindow"], header["dataWindow"]
        height = int(display[1][1]) - int(display[0][1]) + 1
        width = int(display[1][0]) - int(display[0][0]) + 1
        x, r = int(data[0][0]), int(data[1][0]) + 1
        bottom, top = int(display[1][1]) - int(data[1][1]), int(display[1][1]) - int(data[0][1]) + 1
        planes: dict[str, Any] = {}
        for part in file.parts:
            for name, channel in part.channels.items():
                planes.setdefault(nuke_name(name), np.ascontiguousarray(np.asarray(channel.pixels, np.float32)[::-1]))
        aspect = float(header.get("pixelAspectRatio", 1.0))
    order = {"rgba.red": 0, "rgba.green": 1, "rgba.blue": 2, "rgba.alpha": 3}
    planes = dict(sorted(planes.items(), key=lambda item: order.get(item[0], 4)))
    offset = int(display[0][0])
    metadata = {"exr/" + key: plain(value) for key, value in header.items() if key not in _OWN_HEADER}
    metadata.update(
        {"input/filename": path, "input/width": width, "input/height": height, "exr/compressionName": str(header.get("compression"))}
    )
    return Picture([width, height, 0, 0, width, height, aspect, ""], (x - offset, bottom, r - offset, top), planes, metadata)


def plain(value: Any) -> Any:
    """A header value as JSON can carry it."""
    if isinstance(value, (str, int, float)):
        return value
    try:
        return [plain(v) for v in value]
    except TypeError:
        return str(value)


def _read_small(path: str) -> Picture:
    if not os.path.exists(path):
        raise RuntimeError(f"{path}: No such file or directory")
    with Image.open(path) as opened:
        if opened.mode == "P":
            opened = opened.convert("RGBA" if "transparency" in opened.info else "RGB")  # noqa: PLW2901
        array = np.asarray(opened)
    scale = {np.dtype(np.uint8): 255.0, np.dtype(np.uint16): 65535.0, np.dtype(np.int32): 65535.0, np.dtype(bool): 1.0}.get(
        array.dtype, 1.0
    )
    values = array.astype(np.float32)[::-1] / np.float32(scale)
    if values.ndim == 2:
        values = np.repeat(values[..., None], 3, axis=2)
    height, width, count = values.shape
    if count == 2:
        values = np.concatenate([np.repeat(values[..., :1], 3, axis=2), values[..., 1:]], axis=2)
        count = 4
    names = ("rgba.red", "rgba.green", "rgba.blue", "rgba.alpha")[:count]
    planes = {name: np.ascontiguousarray(values[..., i]) for i, name in enumerate(names)}
    return Picture(
        [width, height, 0, 0, width, height, 1.0, ""],
        (0, 0, width, height),
        planes,
        {"input/filename": path, "input/width": width, "input/height": height},
    )


_COMPRESSIONS = {
    "none": OpenEXR.NO_COMPRESSION,
    "Zip (1 scanline)": OpenEXR.ZIPS_COMPRESSION,
    "Zip (16 scanlines)": OpenEXR.ZIP_COMPRESSION,
    "PIZ Wavelet (32 scanlines)": OpenEXR.PIZ_COMPRESSION,
    "RLE": OpenEXR.RLE_COMPRESSION,
    "B44": OpenEXR.B44_COMPRESSION,
    "B44A": OpenEXR.B44A_COMPRESSION,
    "DWAA": OpenEXR.DWAA_COMPRESSION,
    "DWAB": OpenEXR.DWAB_COMPRESSION,
    "PXR24 (lossy)": OpenEXR.PXR24_COMPRESSION,
}


def write(picture: Picture, path: str, settings: dict[str, Any]) -> None:
    """Write a picture beside its name, then rename, as Nuke does."""
    wanted = settings["channels"]
    names = [n for n in picture.planes if wanted == "all" or n in wanted]
    if not names:
        names = list(wanted) if wanted != "all" else ["rgba.red", "rgba.green", "rgba.blue"]
    temporary = path + ".tmp"
    try:
        if settings["file_type"] == "exr":
            _write_exr(picture, temporary, names, settings)
        else:
            _write_small(picture, temporary, names, settings)
        os.replace(temporary, path)
    finally:
        if os.path.exists(temporary):
            os.remove(temporary)


def _coloured(picture: Picture, name: str, box: Any, settings: dict[str, Any]) -> np.ndarray:
    plane = picture.over(name, box)
    if settings["raw"] or not name.startswith("rgba.") or name == "rgba.alpha":
        return plane
    return from_linear(plane, settings["colorspace"])


def _write_exr(picture: Picture, path: str, names: list[str], settings: dict[str, Any]) -> None:
    box: Any = picture.box
    if settings.get("autocrop"):
        box = _used(picture, names) or (box[0], box[1], box[0] + 1, box[1] + 1)
    if box[0] >= box[2] or box[1] >= box[3]:
        box = (0, 0, 1, 1)
    half = settings.get("datatype", "16 bit half") == "16 bit half"
    width, height = int(picture.format[0]), int(picture.format[1])
    kind = np.float16 if half else np.float32
    with np.errstate(over="ignore"):
        channels = {file_name(name): np.ascontiguousarray(_coloured(picture, name, box, settings)[::-1].astype(kind)) for name in names}
    header = {
        "compression": _COMPRESSIONS[settings.get("compression", "Zip (1 scanline)")],
        "type": OpenEXR.scanlineimage,
        "displayWindow": (np.array([0, 0], np.int32), np.array([width - 1, height - 1], np.int32)),
        "dataWindow": (np.array([box[0], height - box[3]], np.int32), np.array([box[2] - 1, height - box[1] - 1], np.int32)),
        "pixelAspectRatio": float(picture.format[6]),
    }
    keep = settings.get("metadata", "default metadata")
    if "exr/*" in keep or keep.startswith("all metadata"):
        for key, value in picture.metadata.items():
            if key.startswith("exr/") and isinstance(value, (str, float, int)) and key[4:] not in header:
                header[key[4:]] = value
    OpenEXR.File(header, channels).write(path)


def _used(picture: Picture, names: list[str]) -> Any | None:
    """Box of pixels that are not black."""
    lit = np.zeros(picture.shape, bool)
    for name in names:
        lit |= picture.plane(name) != 0
    if not lit.any():
        return None
    rows, columns = np.nonzero(lit.any(1))[0], np.nonzero(lit.any(0))[0]
    x, y = picture.box[0], picture.box[1]
    return (x + int(columns[0]), y + int(rows[0]), x + int(columns[-1]) + 1, y + int(rows[-1]) + 1)


def _write_small(picture: Picture, path: str, names: list[str], settings: dict[str, Any]) -> None:
    box = (0, 0, int(picture.format[0]), int(picture.format[1]))
    order = [n for n in ("rgba.red", "rgba.green", "rgba.blue", "rgba.alpha") if n in names]
    if settings["file_type"] == "jpeg":
        order = order[:3]
    if not order:
        order = names[:1]
    values = np.stack([_coloured(picture, name, box, settings)[::-1] for name in order], -1)
    array = (np.clip(values, 0, 1) * 255 + 0.5).astype(np.uint8)
    if array.shape[2] in (1, 2):
        array = array[..., 0]
    image = Image.fromarray(array)
    image.save(path, format="PNG" if settings["file_type"] == "png" else "JPEG")
