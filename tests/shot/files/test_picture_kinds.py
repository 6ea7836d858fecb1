"""Every kind of TIFF, PNG and JPEG is read as a second reader reads it, or refused by its name; and what is no picture is named.

The second reader is OpenImageIO for what it and its writer know, and the arrays that the files are made of for the rest: samples are
packed here as the TIFF specification says, without a library.
"""

from __future__ import annotations

import contextlib
import itertools
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from tests.make_data import write_picture
from xmemcore.protocol.failures import MemoryFull, RequestError
from xmemcore.shot.files import jpeg_file
from xmemcore.shot.files.pictures import read_stored
from xmemcore.shot.plate.colour import unit_range
from xmemcore.shot.plate.plate import Plate

HEIGHT, WIDTH = 21, 37
GREY_WHITE_0, GREY, RGB, PALETTE, CMYK, YCBCR, LAB = 0, 1, 2, 3, 5, 6, 8


def pack_bits(rows: np.ndarray, bits: int) -> bytes:
    """Pack (h, n) whole numbers, the most significant bit first, each row to whole bytes."""
    ones = (rows[..., None] >> np.arange(bits - 1, -1, -1, dtype=np.uint64)) & np.uint64(1)
    return np.packbits(ones.reshape(rows.shape[0], -1).astype(np.uint8), axis=1).tobytes()


def packbits(content: bytes) -> bytes:
    """Compress by PackBits, in literal runs only."""
    return b"".join(bytes((len(piece) - 1,)) + piece for piece in (content[at : at + 128] for at in range(0, len(content), 128)))


def tiff(
    samples: np.ndarray,
    *,
    bits: int,
    photometric: int,
    order: str = "<",
    big: bool = False,
    planes: bool = False,
    tile: int = 0,
    rows: int = 8,
    compression: int = 1,
    predictor: int = 1,
    sample_format: int = 1,
    more: tuple[tuple[int, int, tuple[int, ...]], ...] = (),
) -> bytes:
    """Write a TIFF of (H, W, C): whole numbers, or floats as their bits; compression 1, 8 or 32773."""
    height, width, channels = samples.shape
    pieces: list[bytes] = []
    for plane in np.split(samples, channels, axis=2) if planes else [samples]:
        if tile:
            plane = np.pad(plane, ((0, -height % tile), (0, -width % tile), (0, 0)))
            blocks = [plane[y : y + tile, x : x + tile] for y in range(0, height, tile) for x in range(0, width, tile)]
        else:
            blocks = [plane[y : y + rows] for y in range(0, height, rows)]
        for block in blocks:
            if predictor == 2:
                block = np.diff(block, axis=1, prepend=np.zeros_like(block[:, :1]))
            flat = block.reshape(block.shape[0], -1)
            if predictor == 3:
                size, each = bits // 8, block.shape[2]
                heavy = (
                    flat.astype(f">u{size}").view(np.uint8).reshape(*flat.shape, size).transpose(0, 2, 1).reshape(flat.shape[0], -1, each)
                )
                content = np.diff(heavy, axis=1, prepend=np.zeros_like(heavy[:, :1])).astype(np.uint8).tobytes()
            elif bits in (8, 16, 32, 64):
                content = flat.astype(f"{order}u{bits // 8}").tobytes()
            elif bits == 24:
                wide = flat.astype(f"{order}u4").view(np.uint8).reshape(*flat.shape, 4)
                content = (wide[..., :3] if order == "<" else wide[..., 1:]).tobytes()
            else:
                content = pack_bits(flat.astype(np.uint64), bits)
            pieces.append({1: bytes, 8: zlib.compress, 32773: packbits}[compression](content))
    tags = {
        256: (4, (width,)),
        257: (4, (height,)),
        258: (3, (bits,) * channels),
        259: (3, (compression,)),
        262: (3, (photometric,)),
        277: (3, (channels,)),
        284: (3, (2 if planes else 1,)),
        317: (3, (predictor,)),
        339: (3, (sample_format,) * channels),
    }
    if channels in (2, 4) and photometric in (GREY, RGB):
        tags[338] = 3, (2,)
    if tile:
        tags |= {322: (4, (tile,)), 323: (4, (tile,))}
    else:
        tags[278] = 4, (rows,)
    starts, place = [], 16
    for piece in pieces:
        starts.append(place)
        place += len(piece)
    tags |= {324 if tile else 273: (4, tuple(starts)), 325 if tile else 279: (4, tuple(map(len, pieces)))}
    tags |= {tag: (kind, values) for tag, kind, values in more}
    wide, room = ("Q", 8) if big else ("I", 4)
    beyond, entries = b"", b""
    for tag, (kind, values) in sorted(tags.items()):
        letter = {3: "H", 4: "I", 5: "I"}[kind]
        value = struct.pack(f"{order}{len(values)}{letter}", *values)
        if len(value) > room:
            value, beyond = struct.pack(order + wide, place + len(beyond)), beyond + value
        entries += struct.pack(f"{order}HH{wide}", tag, kind, len(values) // (2 if kind == 5 else 1)) + value.ljust(room, b"\0")
    ifd = struct.pack(order + ("Q" if big else "H"), len(tags)) + entries + bytes(room)
    begins = (b"II" if order == "<" else b"MM") + struct.pack(order + "H", 43 if big else 42)
    begins += struct.pack(order + "HHQ", 8, 0, place + len(beyond)) if big else struct.pack(order + "I", place + len(beyond))
    return begins.ljust(16, b"\0") + b"".join(pieces) + beyond + ifd


def noise(bits: int, channels: int) -> np.ndarray:
    return np.random.default_rng(bits + channels).integers(0, 1 << bits, (HEIGHT, WIDTH, channels), np.uint64)


def read_picture(path: Path) -> np.ndarray:
    """Read colours (H, W, 3); grey is repeated."""
    pixels = read_stored(path).pixels
    return pixels if pixels.shape[2] == 3 else np.repeat(pixels, 3, axis=2)


def read(folder: Path, content: bytes) -> np.ndarray:
    (folder / "p.1.tif").write_bytes(content)
    return unit_range(read_picture(folder / "p.1.tif"))


@pytest.mark.parametrize("layout", ["strips", "tiles"])
@pytest.mark.parametrize("planes", [False, True], ids=["chunky", "planes"])
def test_whole_numbers_of_every_depth_and_arrangement_are_their_values(tmp_path: Path, layout: str, planes: bool) -> None:
    kinds = itertools.product((1, 2, 4, 8, 10, 12, 14, 16, 24, 32), (1, 2, 3, 4), "<>", (1, 8, 32773), (False, True))
    for bits, channels, order, compression, big in kinds:
        if (
            big
            and (bits, compression) not in ((16, 1), (12, 8), (8, 32773))
            or layout == "tiles"
            and bits * 16 % 128
            and compression == 32773
        ):
            continue
        for predictor in (1, 2) if bits in (8, 16, 32) and compression == 8 else (1,):
            samples = noise(bits, channels)
            photometric = RGB if channels >= 3 else GREY
            stored = samples.astype(f"u{max(bits, 8) // 8}") if bits in (8, 16, 32) else samples
            content = tiff(
                stored, bits=bits, photometric=photometric, order=order, big=big, planes=planes, tile=16 if layout == "tiles" else 0,
                compression=compression, predictor=predictor,
            )  # fmt: skip
            wanted = samples[..., :3] if channels >= 3 else np.repeat(samples[..., :1], 3, axis=2)
            found = read(tmp_path, content)
            assert np.abs(found - wanted / ((1 << bits) - 1)).max() < 1e-6, (bits, channels, order, compression, predictor, big)


@pytest.mark.parametrize("bits", [16, 32, 64])
def test_floats_of_every_depth_and_predictor_are_their_values(tmp_path: Path, bits: int) -> None:
    values = np.random.default_rng(bits).normal(0.5, 2, (HEIGHT, WIDTH, 3)).astype(f"f{bits // 8}")
    values[3, 4] = (np.inf, -np.inf, np.nan)
    for order, compression, predictor, planes, tile in itertools.product("<>", (1, 8), (1, 2, 3), (False, True), (0, 16)):
        if predictor != 1 and compression == 1:
            continue
        content = tiff(
            values.view(f"u{bits // 8}"), bits=bits, photometric=RGB, order=order, compression=compression, predictor=predictor,
            planes=planes, tile=tile, sample_format=3,
        )  # fmt: skip
        assert np.array_equal(read(tmp_path, content), values.astype(np.float32), equal_nan=True), (
            order,
            compression,
            predictor,
            planes,
            tile,
        )


def test_half_floats_are_light_as_floats_are(tmp_path: Path) -> None:
    values = np.full((4, 4, 3), 0.18, np.float16)
    (tmp_path / "p.1.tif").write_bytes(tiff(values.view(np.uint16), bits=16, photometric=RGB, sample_format=3))
    assert Plate.open(str(tmp_path)).colorspace == "linear"


@pytest.mark.parametrize("compression", ["none", "lzw", "zip", "packbits"])
@pytest.mark.parametrize(
    ("depth", "predictor"), [("uint8", 1), ("uint8", 2), ("uint16", 1), ("uint16", 2), ("float", 1), ("float", 3), ("half", 1)]
)
def test_what_openimageio_writes_is_read_as_it_reads_it(tmp_path: Path, compression: str, depth: str, predictor: int) -> None:
    oiio = pytest.importorskip("OpenImageIO", reason="the extra 'plates' is not installed")
    picture = np.random.default_rng(1).random((HEIGHT, WIDTH, 4)).astype(np.float32)
    for channels, planes, tile, order in itertools.product((1, 2, 3, 4), ("contig", "separate"), (0, 16), ("little", "big")):
        spec = oiio.ImageSpec(WIDTH, HEIGHT, channels, depth)
        for name, value in (("compression", compression), ("planarconfig", planes), ("oiio:Endian", order), ("tiff:predictor", predictor)):
            spec.attribute(name, value)
        if channels in (2, 4):
            spec.alpha_channel = channels - 1
            spec.attribute("oiio:UnassociatedAlpha", 1)
        if tile:
            spec.tile_width = spec.tile_height = tile
        path = tmp_path / "p.1.tif"
        out = oiio.ImageOutput.create(str(path))
        assert out.open(str(path), spec) and out.write_image(np.ascontiguousarray(picture[..., :channels]))
        out.close()
        source = oiio.ImageInput.open(str(path), _as_stored(oiio))
        theirs = np.asarray(source.read_image("float")).reshape(HEIGHT, WIDTH, channels)
        source.close()
        stored = read_stored(path)
        colours = 3 if channels >= 3 else 1
        case = (channels, planes, tile, order)
        assert np.abs(unit_range(stored.pixels) - theirs[..., :colours]).max() < 1e-6, case
        assert (stored.alpha is None) == (channels in (1, 3)), case
        if stored.alpha is not None:
            assert np.abs(unit_range(stored.alpha) - theirs[..., -1]).max() < 1e-6, case


def _as_stored(oiio: object) -> object:
    spec = oiio.ImageSpec()
    spec.attribute("oiio:UnassociatedAlpha", 1)
    return spec


def test_white_that_is_zero_and_palettes_are_understood(tmp_path: Path) -> None:
    for bits in (1, 4, 8, 16):
        samples = noise(bits, 1)
        stored = samples.astype(f"u{bits // 8}") if bits >= 8 else samples
        found = read(tmp_path, tiff(stored, bits=bits, photometric=GREY_WHITE_0))
        assert np.abs(found[..., 0] - (1 - samples[..., 0] / ((1 << bits) - 1))).max() < 1e-6, bits
    for bits in (1, 2, 4, 8):
        table = np.random.default_rng(2).integers(0, 65536, (3, 1 << bits))
        samples = noise(bits, 1)
        content = tiff(
            samples.astype(np.uint8) if bits == 8 else samples, bits=bits, photometric=PALETTE, more=((320, 3, tuple(table.ravel())),)
        )
        found = read(tmp_path, content)
        assert np.abs(found - table.T[samples[..., 0].astype(int)] / 65535).max() < 1e-6, bits
        assert np.array_equal(read_stored(tmp_path / "p.1.tif").indices, samples[..., 0])


def test_deflated_pixels_without_their_check_sum_are_damaged(tmp_path: Path) -> None:
    samples = noise(8, 3)
    length = len(zlib.compress(samples.astype(np.uint8).tobytes()))
    for missing, expected in ((0, contextlib.nullcontext()), (4, pytest.raises(RequestError, match="end before their check sum"))):
        with expected:
            read(tmp_path, tiff(samples, bits=8, photometric=RGB, compression=8, rows=HEIGHT, more=((279, 4, (length - missing,)),)))


def test_palette_of_8_bit_values_is_no_black_picture(tmp_path: Path) -> None:
    table, samples = np.random.default_rng(2).integers(0, 256, (3, 16)), noise(4, 1)
    found = read(tmp_path, tiff(samples, bits=4, photometric=PALETTE, more=((320, 3, tuple(table.ravel())),)))
    assert np.abs(found - table.T[samples[..., 0].astype(int)] / 255).max() < 1e-6


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"photometric": CMYK}, "is a TIFF of CMYK, which is not read. Export it"),
        ({"photometric": YCBCR}, "is a TIFF of YCbCr"),
        ({"photometric": LAB}, r"is a TIFF of CIE L\*a\*b\*"),
        ({"photometric": 32803}, "is a TIFF of a camera's raw mosaic"),
        ({"more": ((259, 3, (7,)),)}, "is a TIFF with JPEG compression"),
        ({"more": ((259, 3, (4,)),)}, "is a TIFF with CCITT fax compression"),
        ({"more": ((259, 3, (50000,)),)}, "is a TIFF with Zstandard compression"),
        ({"predictor": 2}, "is a TIFF with predictor number 2, but with no compression that goes with it"),
        ({"sample_format": 2}, "is a TIFF of signed or complex numbers"),
        ({"more": ((258, 3, (8, 8, 16)),)}, "is a TIFF whose channels are of different depths"),
        ({"more": ((258, 3, (64, 64, 64)),)}, "is a TIFF of 64-bit whole numbers"),
        ({"more": ((257, 4, (10**9,)),)}, "is truncated or damaged .*Render the frame again"),
        ({"more": ((256, 4, (0,)),)}, "is truncated or damaged .it has no size"),
    ],
)
def test_kinds_that_are_not_read_are_named(
    tmp_path: Path, changes: dict[str, object], sentence: str, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "p.1.tif").write_bytes(tiff(noise(8, 3).astype(np.uint8), **({"bits": 8, "photometric": RGB} | changes)))
    with pytest.raises(RequestError, match=f"Frame 1 cannot be read: p.1.tif .*{sentence}"):
        Plate.open(str(tmp_path)).read(1)
    assert capfd.readouterr().err == ""


def test_truncated_and_spoiled_tiffs_are_refused_and_nothing_is_printed(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    rng = np.random.default_rng(3)
    for compression in (1, 8, 32773):
        whole = tiff(noise(8, 3).astype(np.uint8), bits=8, photometric=RGB, compression=compression)
        for _ in range(60):
            spoiled = bytearray(whole[: rng.integers(1, len(whole) + 1)])
            spoiled[rng.integers(len(spoiled))] ^= 0xFF
            try:
                read(tmp_path, bytes(spoiled))
            except RequestError as failure:
                assert "p.1.tif" in str(failure) and "\n" not in str(failure)
    assert capfd.readouterr().err == ""


def test_deflate_with_a_wrong_check_sum_is_damaged(tmp_path: Path) -> None:
    whole = bytearray(tiff(noise(8, 3).astype(np.uint8), bits=8, photometric=RGB, compression=8, rows=HEIGHT))
    last = zlib.compress(noise(8, 3).astype(np.uint8).tobytes())[-4:]
    whole[whole.index(last)] ^= 1
    with pytest.raises(RequestError, match="p.1.tif .* is truncated or damaged"):
        read(tmp_path, bytes(whole))


# Orientation and pixel aspect


def test_pixels_count_as_stored_and_a_turned_picture_is_pointed_out(tmp_path: Path) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (8, 12, 3), np.uint8)
    exif = Image.Exif()
    exif[0x0112] = 6
    for suffix in ("jpg", "png"):
        Image.fromarray(picture).save(tmp_path / f"p.1.{suffix}", exif=exif)
    (tmp_path / "p.1.tif").write_bytes(tiff(picture, bits=8, photometric=RGB, more=((274, 3, (6,)),)))
    for suffix in ("jpg", "png", "tif"):
        plate = Plate.open(str(tmp_path / f"p.%d.{suffix}"))
        assert (plate.canvas.width, plate.canvas.height) == (12, 8)
        assert "marked as turned (orientation 6); they are used as their pixels are stored" in plate.warnings[0], suffix
        if suffix != "jpg":
            assert np.abs(plate.read(1) * 255 - picture).max() < 1e-3


def test_resolutions_of_unequal_sides_are_a_pixel_aspect(tmp_path: Path) -> None:
    picture = np.zeros((20, 20, 3), np.uint8)
    for suffix in ("jpg", "png"):
        Image.fromarray(picture).save(tmp_path / f"p.1.{suffix}", dpi=(72, 144))
    (tmp_path / "p.1.tif").write_bytes(tiff(picture, bits=8, photometric=RGB, more=((282, 5, (72, 1)), (283, 5, (144, 1)))))
    for suffix in ("jpg", "png", "tif"):
        assert Plate.open(str(tmp_path / f"p.%d.{suffix}")).canvas.pixel_aspect == pytest.approx(2, rel=1e-3), suffix
    (tmp_path / "p.1.tif").write_bytes(tiff(picture, bits=8, photometric=RGB, more=((282, 5, (72, 0)), (283, 5, (144, 1)))))
    assert Plate.open(str(tmp_path / "p.%d.tif")).canvas.pixel_aspect == 1, "a resolution of nothing says nothing"
    content = tiff(picture, bits=8, photometric=RGB, more=((282, 5, (2835, 1)), (283, 5, (2834, 1))))
    (tmp_path / "p.1.tif").write_bytes(content)
    assert Plate.open(str(tmp_path / "p.%d.tif")).canvas.pixel_aspect == 1, "rounded, but square"
    Image.fromarray(picture).save(tmp_path / "p.2.png")
    with pytest.raises(RequestError, match=r"Frame 2 .p.2.png. has a pixel aspect of 1, but the plate begins with 1.99"):
        Plate.open(str(tmp_path / "p.%d.png"))


def test_dpx_says_its_pixel_aspect_and_how_its_numbers_are_coded(tmp_path: Path) -> None:
    oiio = pytest.importorskip("OpenImageIO", reason="the extra 'plates' is not installed")
    spec = oiio.ImageSpec(16, 12, 3, "uint16")
    spec.attribute("oiio:BitsPerSample", 10)
    path = tmp_path / "p.1.dpx"
    out = oiio.ImageOutput.create(str(path))
    assert out.open(str(path), spec) and out.write_image(np.full((12, 16, 3), 0.5, np.float32))
    out.close()
    content = bytearray(path.read_bytes())
    order = "<" if content[:4] == b"XPDS" else ">"
    content[1628:1636] = struct.pack(order + "II", 2, 1)
    content[801] = 1
    path.write_bytes(bytes(content))
    plate = Plate.open(str(tmp_path))
    assert plate.canvas.pixel_aspect == 2
    assert "its numbers are printing density, but it is read as srgb" in plate.warnings[0]
    assert np.abs(plate.read(1) - 0.5).max() < 1e-3
    content[1628:1636] = b"\xff" * 8
    content[801] = 2
    path.write_bytes(bytes(content))
    assert "its numbers are linear, but it is read as srgb" in Plate.open(str(tmp_path)).warnings[0]
    content[801] = 6
    path.write_bytes(bytes(content))
    assert (Plate.open(str(tmp_path)).canvas.pixel_aspect, Plate.open(str(tmp_path)).warnings) == (1, ())


# PNG and JPEG


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_png_of_every_mode_is_as_pillow_reads_it(tmp_path: Path, mode: str) -> None:
    grey = Image.fromarray(np.random.default_rng(0).integers(0, 256, (9, 14), np.uint8))
    image = Image.fromarray(noise(16, 1)[..., 0].astype(np.uint16)) if mode == "I;16" else grey.convert("RGB").convert(mode)
    image.save(tmp_path / "p.png")
    with Image.open(tmp_path / "p.png") as again:
        wanted = np.asarray(again) / 65535 if mode == "I;16" else np.asarray(again.convert("RGB")) / 255
    found = unit_range(read_picture(tmp_path / "p.png"))
    assert np.abs(found - (wanted[..., None] if wanted.ndim == 2 else wanted)).max() < 1e-6


def test_png_with_a_wrong_check_sum_or_a_chunk_without_end_is_refused(tmp_path: Path) -> None:
    path = write_picture(tmp_path / "p.png", np.full((30, 40, 3), 7, np.uint8))
    whole = path.read_bytes()
    place = whole.index(b"IDAT")
    for spoiled in (
        whole[: place + 9] + bytes((whole[place + 9] ^ 1,)) + whole[place + 10 :],
        whole[: place - 4] + b"\x7f\xff\xff\xff" + whole[place:],
        whole[: place - 4] + b"\xff\xff\xff\xff" + whole[place:],
        whole[:-12],
        whole[:16] + struct.pack(">II", 13000, 13000) + whole[24:],
    ):
        path.write_bytes(spoiled)
        with pytest.raises(RequestError, match="p.png .* is truncated or damaged"):
            read_picture(path)


def test_png_text_that_unfolds_to_gigabytes_is_left_folded(tmp_path: Path) -> None:
    path = write_picture(tmp_path / "p.png", np.full((30, 40, 3), 7, np.uint8))
    whole = path.read_bytes()
    bomb = b"zTXtk\0\0" + zlib.compress(bytes(50_000_000))
    path.write_bytes(whole[:33] + struct.pack(">I", len(bomb) - 4) + bomb + struct.pack(">I", zlib.crc32(bomb)) + whole[33:])
    assert np.all(read_picture(path) == 7)


def test_jpegs_that_are_not_read_are_named(tmp_path: Path) -> None:
    Image.new("CMYK", (16, 16)).save(tmp_path / "p.jpg")
    with pytest.raises(RequestError, match="p.jpg .* is a CMYK JPEG, which is not read"):
        read_picture(tmp_path / "p.jpg")
    Image.fromarray(noise(8, 3).astype(np.uint8)).save(tmp_path / "p.jpg", progressive=True)
    whole = (tmp_path / "p.jpg").read_bytes()
    assert read_picture(tmp_path / "p.jpg").shape == (HEIGHT, WIDTH, 3)
    scan = whole[whole.rindex(b"\xff\xda") : whole.rindex(b"\xff\xd9")]
    (tmp_path / "p.jpg").write_bytes(whole[:-2] + scan * (jpeg_file.MAX_SCANS + 1) + b"\xff\xd9")
    with pytest.raises(RequestError, match="it goes over its pixels [0-9]+ times"):
        read_picture(tmp_path / "p.jpg")


# What is no picture


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("clip.mov", b"\0\0\0\x14ftypqt  ", "clip.mov is a movie, and movies are not read.* Export the frames"),
        ("clip.mp4", b"\0\0\0\x18ftypisom", "clip.mp4 is a movie"),
        ("clip.avi", b"RIFF\0\0\0\0AVI LIST", "is a movie"),
        ("clip.mkv", b"\x1a\x45\xdf\xa3", "is a movie"),
        ("clip.mxf", b"\x06\x0e\x2b\x34\x02\x05\x01\x01\x0d\x01\x02\x01", "is a movie"),
        ("clip.mov", b"nothing that is known", "is a movie"),
        ("p.1.psd", b"8BPS\0\1", "p.1.psd is a Photoshop file, which is not read. Export it as EXR"),
        ("p.1.png", b"8BPS\0\1", "p.1.png is a Photoshop file"),
        ("p.1.heic", b"\0\0\0\x18ftypheic", "is a HEIC file"),
        ("p.1.avif", b"\0\0\0\x18ftypavif", "is an AVIF file"),
        ("p.1.webp", b"RIFF\0\0\0\0WEBPVP8 ", "is a WebP file"),
        ("p.1.gif", b"GIF89a", "is a GIF file"),
        ("p.1.tga", b"\0\0\2\0\0", "is a Targa file"),
        ("p.1.sgi", b"\x01\xda", "is an SGI file"),
        ("p.1.hdr", b"#?RADIANCE\n", "is a Radiance HDR file"),
        ("p.1.jp2", b"\0\0\0\x0cjP  \r\n\x87\n", "is a JPEG 2000 file"),
        ("p.1.exr", b"version https://git-lfs.github.com/spec/v1\n", "is a Git LFS pointer, not the picture itself"),
        ("p.1.exr", b"", "p.1.exr .* is truncated to nothing"),
        ("p.1.png", b"what is this", "p.1.png .* is truncated, or no image of a kind that is known"),
    ],
)
def test_whole_files_of_other_kinds_are_named_for_what_they_are(
    tmp_path: Path, name: str, content: bytes, sentence: str, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / name).write_bytes(content + (bytes(200) if content else b""))
    with pytest.raises(RequestError, match=sentence) as failure:
        Plate.open(str(tmp_path / name))
    assert failure.value.exit_code == 2 and "damaged" not in str(failure.value)
    printed = capfd.readouterr()
    assert (printed.out, printed.err) == ("", "")


def test_folder_of_movies_says_how_to_export_frames(tmp_path: Path) -> None:
    (tmp_path / "clip.mov").write_bytes(b"\0\0\0\x14ftypqt  ")
    with pytest.raises(RequestError, match="holds no numbered images. clip.mov is a movie.*Write of shot.%04d.exr"):
        Plate.open(str(tmp_path))


def test_picture_is_read_by_its_content_whatever_its_name(tmp_path: Path) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (9, 14, 3), np.uint8)
    write_picture(tmp_path / "p.1.png", picture).rename(tmp_path / "p.1.jpg")
    assert np.array_equal(read_picture(tmp_path / "p.1.jpg"), picture)


def test_cineon_asks_for_its_colour_space(tmp_path: Path) -> None:
    pytest.importorskip("OpenImageIO", reason="the extra 'plates' is not installed")
    header = bytearray(2048)
    header[:4] = b"\x80\x2a\x5f\xd7"
    struct.pack_into(">I", header, 4, 2048)
    header[193] = 3
    for channel in range(3):
        header[196 + 28 * channel : 199 + 28 * channel] = bytes((0, channel + 1, 10))
        struct.pack_into(">II", header, 200 + 28 * channel, 8, 6)
    header[680:684] = bytes((0, 5, 0, 0))
    pixels = struct.pack(">I", 512 << 22 | 256 << 12 | 1023 << 2) * 48
    (tmp_path / "p.1.cin").write_bytes(bytes(header) + pixels)
    with pytest.raises(RequestError, match="is Cineon, whose numbers are film density. Name its colour space with --colorspace"):
        Plate.open(str(tmp_path))
    picture = Plate.open(str(tmp_path), "srgb").read(1)
    assert np.allclose(picture, np.array((512, 256, 1023)) / 1023, atol=1e-3)


@pytest.mark.parametrize("suffix", ["png", "jpg", "tif"])
def test_a_full_memory_is_no_damaged_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str) -> None:
    def full(*_: object) -> None:
        raise cv2.error("OpenCV(4.14.0) core/src/alloc.cpp:73: error: (-4:Insufficient memory) Failed to allocate 384000000 bytes")

    path = tmp_path / f"a.{suffix}"
    assert cv2.imwrite(str(path), np.zeros((16, 24, 3), np.uint8))
    monkeypatch.setattr(cv2, "imdecode", full)
    with pytest.raises(MemoryFull, match="The memory is full"):
        read_stored(path)
