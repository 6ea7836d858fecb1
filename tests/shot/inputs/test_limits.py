"""What a small file can claim is bounded by name: pixels, channels, objects; and it costs neither much memory nor much time."""

from __future__ import annotations

import subprocess
import sys
import zlib
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import OpenEXR
import pytest
from PIL import Image

from tests.fuzz.plates import with_check_sums
from tests.make_data import write_exr
from tests.shot.made_shot import FIRST, write_plate, write_roto
from xmemcore.curves.tree import ControlCurve
from xmemcore.protocol.failures import RequestError
from xmemcore.protocol.requests import PropagateRequest
from xmemcore.shot.annotations import mask_exrs, mask_pictures
from xmemcore.shot.annotations.masks import MaskAnnotations
from xmemcore.shot.files import exr
from xmemcore.shot.files.box import Box
from xmemcore.shot.files.sequence import Sequence
from xmemcore.shot.inputs.inputs import open_shot
from xmemcore.shot.plate.canvas import Canvas
from xmemcore.shot.plate.plate import Plate

MEMORY_MB, CPU_SECONDS = 2000, 20
READ = """
import resource, sys
from xmemcore.protocol.failures import RequestError
from xmemcore.shot.annotations.masks import MaskAnnotations
from xmemcore.shot.machine.footprint import peak_mb
from xmemcore.shot.plate.plate import Plate
resource.setrlimit(resource.RLIMIT_CPU, ({cpu}, {cpu}))
plate = Plate.open(sys.argv[1])
plate.working_image(plate.frames[0], 480)
try:
    masks = MaskAnnotations.open(sys.argv[1], plate)
    for obj in masks.known(plate.frames[0]):
        masks.network_mask(plate.frames[0], obj, (480, 768))
except RequestError as refusal:
    assert "\\n" not in str(refusal)
print(peak_mb())
"""


def small_plate(width: int, height: int) -> Plate:
    box = Box(0, 0, width, height)
    return Plate(Sequence("p.%04d.exr", {1: Path("p.0001.exr")}), Canvas(box, box), "linear")


def test_channels_of_a_plate_are_counted_before_they_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plane = np.zeros((10, 20), np.float16)
    path = write_exr(tmp_path / "p.1001.exr", {**dict.fromkeys("RGB", plane), **{f"x{n}.a": plane for n in range(7)}}, (0, 0, 20, 10))
    monkeypatch.setattr(exr, "MAX_SAMPLES", 1999)
    with pytest.raises(RequestError, match=r"p\.1001\.exr.*has 10 channels of 20x10.*Render fewer channels"):
        Plate.open(str(path)).read(1001)
    monkeypatch.setattr(exr, "MAX_SAMPLES", 2000)
    Plate.open(str(path)).read(1001)


def test_objects_of_a_mask_are_counted_before_they_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plane = np.ones((10, 20), np.float16)
    path = write_exr(tmp_path / "m.1.exr", {f"x{n}.a": plane for n in range(7)}, (0, 0, 20, 10))
    monkeypatch.setattr(mask_exrs, "MAX_SAMPLES", 1399)
    with pytest.raises(RequestError, match=r"m\.1\.exr.*has 7 objects of 20x10.*Write fewer objects"):
        MaskAnnotations.open(str(path), small_plate(20, 10))
    image = Image.fromarray(np.arange(200, dtype=np.uint8).reshape(10, 20), "P")
    image.putpalette([0] * 768)
    image.save(tmp_path / "i.1.png")
    monkeypatch.setattr(mask_pictures, "MAX_VALUES", 39_799)
    with pytest.raises(RequestError, match=r"i\.1\.png have 199 objects of 20x10.*Label fewer objects"):
        MaskAnnotations.open(str(tmp_path / "i.1.png"), small_plate(20, 10))


def test_objects_of_a_roto_are_counted_before_their_points_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    request = PropagateRequest(
        plate=write_plate(tmp_path / "plate", last=FIRST, holes=()), roto=write_roto(tmp_path / "a.nk", (FIRST,), (FIRST,))
    )
    monkeypatch.setattr("xmemcore.shot.annotations.annotations.MAX_OBJECTS", 1)
    with monkeypatch.context() as unread, pytest.raises(RequestError, match=r"a\.nk has 2 objects; up to 1 are computed at once.*--object"):
        unread.setattr(ControlCurve, "points", property(lambda curve: pytest.fail("points were read")))
        open_shot(request)
    assert open_shot(replace(request, objects=("body",))).annotations.objects == ("body",)


def test_masks_of_an_exr_are_the_same_in_bands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    planes = {f"o{n}.a": rng.random((60, 50)).astype(np.float16) for n in range(3)}
    tiled = {"type": OpenEXR.tiledimage, "tiles": OpenEXR.TileDescription()}
    for name, header in (("scan", {}), ("tiled", tiled), ("piz", {"compression": OpenEXR.PIZ_COMPRESSION})):
        path = write_exr(tmp_path / f"{name}.1.exr", planes, (-5, 7, 45, 67), (0, 0, 48, 64), **header)
        found = []
        for samples in (1 << 26, 1, 50 * 3 * 7):
            monkeypatch.setattr(exr, "BAND_SAMPLES", samples)
            masks = MaskAnnotations.open(str(path), small_plate(48, 64))
            found.append([masks.matte(1, obj) for obj in range(3)])
        for obj in range(3):
            expected = np.zeros((64, 48), np.float32)
            expected[7:64, 0:45] = planes[f"o{obj}.a"][:57, 5:]
            assert all(np.array_equal(each[obj], expected) for each in found), name


def bomb(folder: Path, kind: str) -> Path:
    """Write a file of under 1 MB that holds as much as its kind can."""
    path = folder / f"p.1001.{kind.split('-')[0]}"
    if kind == "exr-channels":
        plane = np.zeros((2000, 4000), np.float16)
        channels = {**dict.fromkeys("RGB", plane), **{f"x{n}.a": plane for n in range(30)}}
        return write_exr(path, channels, (0, 0, 4000, 2000), compression=OpenEXR.HTJ2K256_COMPRESSION)
    if kind == "exr-pixels":
        plane = np.zeros((5000, 8000), np.float16)
        return write_exr(path, dict.fromkeys("RGB", plane), (0, 0, 8000, 5000), compression=OpenEXR.DWAB_COMPRESSION)
    if kind in ("png-pixels", "jpg-pixels"):
        cv2.imwrite(str(path), np.zeros((5000, 8000, 3), np.uint16 if kind[0] == "p" else np.uint8))
        return path
    if kind == "tif-pixels":
        Image.new("RGB", (8000, 5000)).save(path, compression="tiff_deflate")
        return path
    cv2.imwrite(str(path), np.full((10, 10, 3), 128, np.uint8))
    whole, much = path.read_bytes(), zlib.compress(bytes(600_000_000), 9)
    chunk = len(much).to_bytes(4, "big") + b"IDAT" + much + bytes(4) if kind == "png-data" else b""
    text = len(much).to_bytes(4, "big") + b"zTXt" + b"a\0\0" + much[:-3] + bytes(4) if kind == "png-text" else b""
    start = whole.index(b"IDAT") - 4
    rest = whole[start:] if kind == "png-text" else whole[whole.index(b"IEND") - 4 :]
    path.write_bytes(with_check_sums(bytearray(whole[:start] + text + chunk + rest)))
    return path


CLAIMS, PIXELS = ("exr-channels", "png-text", "png-data"), ("exr-pixels", "png-pixels", "jpg-pixels", "tif-pixels")
"""What claims more than it holds; and pictures of the largest size there may be, which take their time whatever the code does."""


@pytest.mark.slow
@pytest.mark.parametrize("kind", [*CLAIMS, *(pytest.param(kind, marks=pytest.mark.exhaustive) for kind in PIXELS)])
def test_small_file_costs_neither_much_memory_nor_much_time(tmp_path: Path, kind: str) -> None:
    path = bomb(tmp_path, kind)
    assert path.stat().st_size < 1 << 20
    answer = subprocess.run([sys.executable, "-c", READ.format(cpu=CPU_SECONDS), str(path)], capture_output=True, text=True, timeout=500)
    if answer.returncode == 0:
        assert float(answer.stdout) < MEMORY_MB and answer.stderr == ""
    else:
        assert "Error: Frame 1001 cannot be read: " in answer.stderr, answer
