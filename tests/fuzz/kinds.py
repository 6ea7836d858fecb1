"""What is attacked: for each kind of input, one that is right, how it is damaged, and what is done with it.

An attempt ends right (True), in one of our sentences (Failure, or what stands for it here), or in something that must not happen.
`Wrong` says that the result is silently wrong, where the format can tell.
"""

from __future__ import annotations

import io
import json
import random
from pathlib import Path

import numpy as np
import OpenEXR
import torch
from PIL import Image

from tests.engine.small import small_network
from tests.fuzz import mutations
from tests.fuzz.kind import Kind, Refused, Wrong
from tests.fuzz.plates import plates
from tests.fuzz.rotos import rotos
from tests.make_data import write_parts
from tests.shot.made_shot import write_roto
from xmemcore.network.checkpoint import load_network, save_network
from xmemcore.protocol.matte_header import find_attributes
from xmemcore.protocol.messages import Propagate, Suggest, decode, encode
from xmemcore.protocol.requests import PropagateRequest, SuggestRequest
from xmemcore.protocol.result_file import MatteRecord, ResultFile, ResultHeader
from xmemcore.roto import PixelGrid, rasterise, read_roto
from xmemcore.shot.files import exr, pictures
from xmemcore.shot.files.box import Box
from xmemcore.shot.mattes import matte_proof
from xmemcore.shot.mattes.mattes import MatteWriter
from xmemcore.shot.plate.canvas import Canvas
from xmemcore.shot.store.cache import CacheDamaged, CacheFolder
from xmemcore.shot.store.state import NodeManifest
from xmemcore.training.recipe import RECIPES, read_recipe

KEY = 40 * "a"
FRAMES_DRAWN = 3


def kinds(folder: Path) -> dict[str, Kind]:
    """Make what is attacked; the folder takes what is made for it."""
    table = {
        "plate": plates(folder),
        "roto": rotos(),
        "exr": _exrs(folder),
        "picture": _pictures(folder),
        "nk": _scripts(folder),
        "json": _roto_json(folder),
        "cache": _cache(folder),
        "protocol": _protocol(),
        "record": _records(folder),
        "matte": _mattes(folder),
        "model": _models(folder),
        "recipe": _recipes(),
    }
    return table


def _exrs(folder: Path) -> Kind:
    rows, columns = np.mgrid[0:40, 0:24]
    smooth = {name: (rows * scale + columns).astype(np.float16) for scale, name in enumerate("BGR")}
    compressions = {
        "zip": OpenEXR.ZIP_COMPRESSION,
        "zips": OpenEXR.ZIPS_COMPRESSION,
        "piz": OpenEXR.PIZ_COMPRESSION,
        "rle": OpenEXR.RLE_COMPRESSION,
        "dwaa": OpenEXR.DWAA_COMPRESSION,
        "none": OpenEXR.NO_COMPRESSION,
    }
    bases: list[tuple[bytes, int]] = []
    for name, compression in compressions.items():
        path = folder / f"{name}.exr"
        OpenEXR.File({"compression": compression, "type": OpenEXR.scanlineimage}, dict(smooth)).write(str(path))
        content = path.read_bytes()
        # What ZIP makes of these planes is smaller than they are, so that every block of the file has a check sum.
        bases.append((content, _first_pixels(content) if name.startswith("zip") else 0))
    parts = [
        ("depth", {"Z": smooth["R"][:16]}, (0, 0, 24, 16)),
        ("beauty", {name: plane[:16] for name, plane in smooth.items()}, (-3, 2, 21, 18)),
    ]
    bases.append((write_parts(folder / "parts.exr", parts, (0, 0, 24, 18)).read_bytes(), 0))

    def damage(draw: random.Random) -> bytes:
        base, first_pixels = draw.choice(bases)
        if first_pixels and draw.random() < 0.3:
            # One bit in the pixel blocks alone: their check sums must tell.
            return b"!" + mutations.flipped_bit(base, draw, first_pixels)
        return b"?" + mutations.damaged_bytes(base, draw)

    def attempt(content: bytes, place: Path) -> None:
        path = place / "p.1001.exr"
        path.write_bytes(content[1:])
        header = exr.read_header(path)
        for part in header.parts:
            image = exr.read_channels(header, part, part.channels)
            same = all(np.array_equal(plane, smooth[name]) for name, plane in image.channels.items() if name in smooth)
            if content[:1] == b"!" and not same:
                raise Wrong("pixels of a damaged block came through")

    return Kind(damage, attempt)


def _first_pixels(content: bytes) -> int:
    """Say where the first block of a single part's pixels begins, behind its row and size."""
    table = 1 + max(end for _, end in find_attributes(content).values())
    return 8 + int.from_bytes(content[table : table + 8], "little")


def _pictures(folder: Path) -> Kind:
    rng = np.random.default_rng(1)
    colours = Image.fromarray(rng.integers(0, 255, (20, 30, 3), np.uint8))
    bases = []
    for image, how in (
        (colours, {"format": "PNG"}),
        (colours, {"format": "JPEG"}),
        (colours, {"format": "TIFF"}),
        (colours, {"format": "TIFF", "compression": "tiff_lzw"}),
        (colours.quantize(4), {"format": "PNG"}),
        (Image.fromarray(rng.integers(0, 65535, (20, 30)).astype(np.uint16)), {"format": "PNG"}),
        (colours, {"format": "BMP"}),
        (colours, {"format": "GIF"}),
    ):
        stream = io.BytesIO()
        image.save(stream, **how)
        bases.append((how["format"].lower(), stream.getvalue()))

    def damage(draw: random.Random) -> bytes:
        name, base = draw.choice(bases)
        return f"{name:4}".encode() + mutations.damaged_bytes(base, draw)

    def attempt(content: bytes, place: Path) -> None:
        path = place / f"p.1001.{content[:4].decode().strip()}"
        path.write_bytes(content[4:])
        if not np.isfinite(pictures.read_stored(path).pixels).all():
            raise Wrong("a picture has values that are no numbers")

    return Kind(damage, attempt)


def _drawn(path: Path) -> None:
    roto = read_roto(path)
    grid = PixelGrid(96, 64, 0, 0, 1, 1)
    for obj in roto.objects:
        for frame in obj.keyframes[:FRAMES_DRAWN]:
            matte = rasterise(obj.at(frame), grid)
            if not np.isfinite(matte).all() or matte.min() < 0 or matte.max() > 1:
                raise Wrong(f"a matte has values outside of 0 to 1 at frame {frame}")


def _scripts(folder: Path) -> Kind:
    text = Path(write_roto(folder / "roto.nk")).read_text()

    def attempt(content: bytes, place: Path) -> None:
        (place / "roto.nk").write_bytes(content)
        _drawn(place / "roto.nk")

    def damage(draw: random.Random) -> bytes:
        if draw.random() < 0.1:
            return mutations.damaged_bytes(text.encode(), draw)
        return mutations.damaged_text(text, draw).encode("utf-8", "replace")

    return Kind(damage, attempt)


def _roto_json(folder: Path) -> Kind:
    square = [[[10, 10], [-3, 0], [3, 0]], [[60, 12], [-3, 0], [3, 0]], [[55, 50], [-3, 0], [3, 0]]]
    shape = {
        "points": square, "feather": [[[5, 5], [0, 0], [0, 0]]] * 3, "closed": True, "opacity": 0.9, "inverted": False, "blending": "over",
        "feather_falloff": 1.0, "feather_type": "linear",
    }  # fmt: skip
    band = {"points": square[:2], "closed": False, "widths": [4, 6]}
    content = {"version": 1, "format": [96, 64, 1.0], "objects": [
        {"name": "sleeve", "frames": {"1001": {"shapes": [shape, band]}, "1010": {"shapes": [shape]}}},
        {"name": "body", "frames": {"1001": {"shapes": []}}},
    ]}  # fmt: skip

    def attempt(text: bytes, place: Path) -> None:
        (place / "roto.json").write_bytes(text)
        _drawn(place / "roto.json")

    return Kind(lambda draw: mutations.damaged_json(content, draw).encode("utf-8", "surrogatepass"), attempt)


def _cache(folder: Path) -> Kind:
    tensors = {"0.key": torch.randn(6, 4), "0.shrinkage": torch.ones(6), "0.value.0": torch.randn(6, 8).half()}
    CacheFolder(folder / "cache").save(KEY, tensors)
    base = CacheFolder(folder / "cache").path(KEY).read_bytes()

    def attempt(content: bytes, place: Path) -> None:
        files = CacheFolder(place)
        files.path(KEY).write_bytes(content)
        try:
            loaded = files.load(KEY)
        except CacheDamaged as error:
            if files.path(KEY).exists():
                raise Wrong("a damaged file stays") from error
            raise Refused from error
        if loaded is None or loaded.keys() != tensors.keys() or any(not torch.equal(loaded[name], tensors[name]) for name in tensors):
            raise Wrong("a damaged file was believed")

    return Kind(lambda draw: mutations.damaged_bytes(base, draw), attempt)


def _protocol() -> Kind:
    requests = [
        encode(Propagate(3, PropagateRequest(plate="p", keyframes=(1, 2), viewer_frame=4))),
        encode(Suggest(4, SuggestRequest(plate="p"))),
        '{"kind": "cancel", "job": 3}',
        '{"kind": "frame_done", "job": 3, "frame": 1004, "path": "/a/b.exr"}',
        '{"kind": "finished", "job": 3, "result": {"out": "m.%04d.exr", "frames": [1, 2]}}',
    ]

    def damage(draw: random.Random) -> bytes:
        base = draw.choice(requests)
        if draw.random() < 0.3:
            return mutations.damaged_bytes(base.encode(), draw)
        return mutations.damaged_json(json.loads(base), draw).encode("utf-8", "surrogatepass")

    def attempt(line: bytes, place: Path) -> None:
        message = decode(line.decode("utf-8", "replace"))
        encode(message)

    return Kind(damage, attempt)


def _records(folder: Path) -> Kind:
    result = ResultFile(folder / "records" / "m.%04d.exr")
    result.path.parent.mkdir()
    for frame in (1001, 1002):
        result.records[frame] = MatteRecord("ab" * 20, 1000, frame == 1001, (0.25, 0.5), 0.9)
    result.write(ResultHeader(plate="p", objects=("a",), layers=("a",), keyframes=(1001,)))
    NodeManifest("p", "m", {1001: KEY}, {1001: {"a": "b"}}, {"size": 480}).save(folder / "records")
    bases = {name: json.loads((folder / "records" / name).read_text()) for name in ("result.json", "manifest.json")}

    def damage(draw: random.Random) -> bytes:
        name = draw.choice(sorted(bases))
        return f"{name}\n".encode() + mutations.damaged_json(bases[name], draw).encode("utf-8", "surrogatepass")

    def attempt(content: bytes, place: Path) -> None:
        name, _, text = content.partition(b"\n")
        (place / name.decode()).write_bytes(text)
        if name == b"manifest.json":
            if NodeManifest.load(place) is None:
                raise Refused
            return
        read = ResultFile(place / "m.%04d.exr")
        for record in read.records.values():
            if not all(0 <= area <= 1 for area in (*record.areas, record.confidence)):
                raise Wrong("a record has a share outside of 0 to 1")
        read.write(ResultHeader())

    return Kind(damage, attempt)


def _mattes(folder: Path) -> Kind:
    canvas = Canvas(Box(0, 0, 40, 30), Box(0, 0, 40, 30))
    writer = MatteWriter(folder / "made" / "m.%04d.exr", canvas, [("a", "a")], {"xmem/version": "0"})
    writer.prepare()
    plane = np.zeros((30, 40), np.float32)
    plane[5:20, 8:30] = np.linspace(0, 1, 22)
    path = writer.write(1001, plane[None], plane, keyframe=False, proof=matte_proof.metadata("ab" * 20, (0.25,), 0.9, (0.9,)))
    base = path.read_bytes()

    def attempt(content: bytes, place: Path) -> None:
        (place / "m.1001.exr").write_bytes(content)
        found = matte_proof.read(place / "m.1001.exr")
        if found is None or found.record is None:
            raise Refused
        if content != base:
            raise Wrong("a damaged matte counts as proven")

    return Kind(lambda draw: mutations.damaged_bytes(base, draw), attempt)


def _models(folder: Path) -> Kind:
    save_network(folder / "small.safetensors", small_network(), {"terms": "fuzz"})
    whole = (folder / "small.safetensors").read_bytes()
    header = 8 + int.from_bytes(whole[:8], "little")
    stream = io.BytesIO()
    torch.save({name: tensor.clone() for name, tensor in small_network().state_dict().items()}, stream)
    pickled = stream.getvalue()

    def damage(draw: random.Random) -> bytes:
        if draw.random() < 0.3:
            at = draw.randrange(min(len(pickled), 4000))
            return b"pth" + pickled[:at] + mutations.damaged_bytes(pickled[at : at + 2000], draw) + pickled[at + 2000 :]
        # A weight that differs cannot be told from a trained one; names and shapes can.
        return b"saf" + mutations.damaged_bytes(whole[:header], draw) + whole[header:]

    def attempt(content: bytes, place: Path) -> None:
        path = place / ("small.pth" if content[:3] == b"pth" else "small.safetensors")
        path.write_bytes(content[3:])
        load_network(path)

    return Kind(damage, attempt)


def _recipes() -> Kind:
    bases = [path.read_text() for path in sorted(RECIPES.glob("*.toml"))]

    def attempt(content: bytes, place: Path) -> None:
        (place / "mine.toml").write_bytes(content)
        read_recipe(place / "mine.toml")

    return Kind(lambda draw: mutations.damaged_text(draw.choice(bases), draw).encode("utf-8", "replace"), attempt)
