"""DPX and Cineon: this module reads the header, OpenImageIO the pixels where it is installed.

Source: SMPTE ST 268 (DPX); Kodak, "Cineon Image File Format" 4.5.
"""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np

from xmemcore.protocol.failures import RequestError
from xmemcore.protocol.whole_file import is_utf8
from xmemcore.shot.files.picture_header import PictureDamaged, PictureHeader, PictureUnsupported, require_bytes

DPX_MAGICS = {b"SDPX": ">", b"XPDS": "<"}
CINEON_MAGICS = {b"\x80\x2a\x5f\xd7": ">", b"\xd7\x5f\x2a\x80": "<"}
HEADER_BYTES = 2048
_UNSET = 0xFFFFFFFF
_LUMA, _RGB, _RGBA = 6, 50, 51
_CODED = {1: "printing density", 2: "linear", 3: "logarithmic"}
"""Transfer characteristics that are far from display values."""


def read_dpx_header(begins: bytes, size: int) -> tuple[PictureHeader, str | None]:
    """Read a DPX file's header.

    Args:
        begins: its first HEADER_BYTES.
        size: of the file.

    Returns:
        The header; and how its numbers are encoded, where that is far from display values.

    Raises:
        PictureDamaged, PictureUnsupported.
    """
    order = DPX_MAGICS[begins[:4]]
    if len(begins) < HEADER_BYTES:
        raise PictureDamaged("it ends too early")
    orientation, elements, width, height = struct.unpack_from(order + "HHII", begins, 768)
    descriptor, transfer, _, depth = struct.unpack_from("4B", begins, 800)
    encoding = struct.unpack_from(order + "H", begins, 806)[0]
    across, down = struct.unpack_from(order + "II", begins, 1628)
    if elements != 1 or descriptor not in (_LUMA, _RGB, _RGBA):
        raise PictureUnsupported(f"a DPX of {elements} elements of kind {descriptor}, not one of RGB")
    if depth not in (8, 10, 12, 16):
        raise PictureUnsupported(f"a DPX of {depth} bits")
    channels = {_LUMA: 1, _RGB: 3, _RGBA: 4}[descriptor]
    require_bytes(width, height, 4 * channels)
    if encoding == 0 and width * height * channels * depth // 8 > size:
        raise PictureDamaged("it ends too early")
    known = _UNSET not in (across, down) and across and down
    # DPX counts from 0 and its transposed ones differ from TIFF's in order; of interest here is only that it is not the plain one.
    turned = 1 if orientation in (0, 0xFFFF) else min(orientation + 1, 8)
    header = PictureHeader(width, height, across / down if known else 1.0, turned)
    return header, _CODED.get(transfer)


def read_cineon_header(begins: bytes) -> PictureHeader:
    """Read a Cineon file's header from its first HEADER_BYTES; raises PictureDamaged, PictureUnsupported."""
    order = CINEON_MAGICS[begins[:4]]
    if len(begins) < 1024:
        raise PictureDamaged("it ends too early")
    channels, depth = begins[193], begins[198]
    width, height = struct.unpack_from(order + "II", begins, 200)
    if channels not in (1, 3) or depth not in (8, 10, 12, 16):
        raise PictureUnsupported(f"a Cineon file of {channels} channels and {depth} bits")
    require_bytes(width, height, 12)
    return PictureHeader(width, height, 1.0, 1 if begins[192] == 0 else 2)


def require_library(path: Path, kind: str) -> None:
    """Raise RequestError unless OpenImageIO is there."""
    try:
        import OpenImageIO  # noqa: F401
    except ImportError as error:
        raise RequestError(
            f"{path.name} is a {kind} file, which needs the extra 'plates'. Install it (pip install 'xmem-roto[plates]'), or render EXR."
        ) from error


def read_pixels(path: Path) -> np.ndarray:
    """Read (H, W, C) float32 in [0, 1]; raises PictureDamaged, RequestError."""
    import OpenImageIO as oiio

    if not is_utf8(path):
        raise RequestError(f"{path.name} in {path.parent} has a path that is not UTF-8, which OpenImageIO cannot open. Rename it.")
    image = oiio.ImageInput.open(str(path))
    if image is None:
        oiio.geterror()
        raise PictureDamaged("its pixels cannot be read")
    try:
        pixels = image.read_image("float")
        # An error may come together with pixels.
        if image.geterror() or pixels is None:
            raise PictureDamaged("it ends too early")
        return np.asarray(pixels)
    finally:
        image.close()
