"""Passes beside the objects' layers: bands, Cryptomatte as its specification says, compression that proves itself, PNGs."""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import OpenEXR
import pytest
from PIL import Image

from tests.witness.shots import WitnessShot, write_shot
from xmemcore.protocol.choices import COMPRESSIONS
from xmemcore.protocol.failures import Cancelled, RequestError
from xmemcore.protocol.frames import counted
from xmemcore.protocol.matte_header import signature_of
from xmemcore.protocol.requests import PropagateRequest
from xmemcore.shot.files.box import Box
from xmemcore.shot.files.layers import FAINTEST
from xmemcore.shot.files.sequence import frame_path
from xmemcore.shot.inputs.opened import open_propagate
from xmemcore.shot.listener import Silence
from xmemcore.shot.mattes import matte_proof
from xmemcore.shot.mattes.cryptomatte import metadata, name_bits, name_id, ranked, require_usable
from xmemcore.shot.mattes.mattes import MatteWriter, Passes, read_mattes
from xmemcore.shot.mattes.pictures import (
    MOST_LABELS,
    folders,
    picture_paths,
    pictures_are_of,
    require_pictures_possible,
    write_pictures,
)
from xmemcore.shot.plate.canvas import Canvas
from xmemcore.shot.propagate import propagate

CANVAS = Canvas(Box(0, 0, 40, 30), Box(0, 0, 40, 30))
NAMES = [("body", "body"), ("obj_1_arm", "1 arm é"), ("hat", "hat")]


def mattes() -> np.ndarray:
    rng = np.random.default_rng(2)
    planes = rng.dirichlet((0.3, 0.3, 0.3, 0.3), (30, 40)).transpose(2, 0, 1)[1:].astype(np.float32)
    planes[:, :5] = 0
    planes[:, 5:9] = np.array([1, 0, 0], np.float32)[:, None, None]
    return planes.astype(np.float16).astype(np.float32)


def write(folder: Path, passes: Passes) -> Path:
    writer = MatteWriter(folder / "matte.%04d.exr", CANVAS, NAMES, {"xmem/version": "test"}, passes)
    planes = mattes()
    return writer.write(
        7, planes, planes.sum(axis=0).clip(0, 1), False, proof=matte_proof.metadata("sig", (0.1, 0.1, 0.1), 1.0, (1.0, 1.0, 1.0))
    )


@pytest.fixture
def hashes() -> None:
    pytest.importorskip("mmh3", reason="the extra cryptomatte is not installed")


@pytest.mark.usefixtures("hashes")
@pytest.mark.parametrize(
    "name, value",
    [("hello", 6.0705627102400005616e-17), ("равнина", -1.3192631212399999468e-25), ("mädchen", 6.2361298211599995797e25)],
)
def test_names_have_the_published_values(name: str, value: float) -> None:
    assert name_id(name) == np.float32(value)


@pytest.mark.usefixtures("hashes")
def test_the_manifest_has_the_published_hashes() -> None:
    content = metadata(["bunny", "default"])
    (manifest,) = (text for key, text in content.items() if key.endswith("/manifest"))
    assert json.loads(manifest) == {"bunny": "13851a76", "default": "42c9679f"}


@pytest.mark.usefixtures("hashes")
def test_no_id_is_a_number_that_pictures_do_not_carry() -> None:
    for number in range(5000):
        assert (name_bits(f"shape{number}") >> 23) & 255 not in (0, 255)


@pytest.mark.usefixtures("hashes")
def test_another_reader_finds_every_object_in_the_file(tmp_path: Path) -> None:
    """Decoded with the library alone, as Nuke's node does it: the manifest's hash, then the sum of the ranks that bear it."""
    path = write(tmp_path, Passes(cryptomatte=True))
    file = OpenEXR.File(str(path), separate_channels=True)
    header, channels = file.header(), file.channels()
    (stem,) = {key.rsplit("/", 1)[0] for key in header if key.startswith("cryptomatte/")}
    assert (header[f"{stem}/hash"], header[f"{stem}/conversion"]) == ("MurmurHash3_32", "uint32_to_float32")
    layer, manifest = header[f"{stem}/name"], json.loads(header[f"{stem}/manifest"])
    assert set(manifest) == {original for _, original in NAMES} and len(stem.split("/")[1]) == 7
    pairs = [(f"{layer}{level:02d}.{a}", f"{layer}{level:02d}.{b}") for level in range(2) for a, b in ("RG", "BA")]
    x0, y0 = header["dataWindow"][0]
    truth = mattes()
    for (_, original), wanted in zip(NAMES, truth):
        bits = np.float32(struct.unpack("<f", struct.pack("<I", int(manifest[original], 16)))[0])
        found = sum(np.where(channels[i].pixels == bits, channels[c].pixels, 0) for i, c in pairs)
        wanted = np.where(wanted < FAINTEST, 0, wanted)[y0 : y0 + found.shape[0], x0 : x0 + found.shape[1]]
        np.testing.assert_array_equal(found, wanted)
    coverage = np.stack([channels[c].pixels for _, c in pairs])
    assert (np.diff(coverage, axis=0) <= 0).all(), "the strongest comes first"


@pytest.mark.usefixtures("hashes")
def test_more_objects_than_ranks_keep_the_strongest() -> None:
    shares = np.linspace(0.9, 0.1, 9, dtype=np.float32)[:, None, None] * np.ones((1, 2, 2), np.float32)
    found = ranked([f"shape{number}" for number in range(9)], shares[::-1], (2, 2))
    np.testing.assert_allclose(found.coverage[:, 0, 0], np.linspace(0.9, 0.1, 9)[:6], rtol=1e-6)
    assert found.ids[0, 0, 0] == name_id("shape8")


def test_without_the_package_a_sentence_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "mmh3", None)
    with pytest.raises(RequestError, match="--extras cryptomatte"):
        require_usable()


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_every_compression_keeps_every_bit_and_proves_itself(tmp_path: Path, compression: str) -> None:
    path = write(tmp_path, Passes(compression=compression))
    found = matte_proof.read(path)
    assert found is not None and found.record is not None and found.record.signature == "sig"
    kind = compression.upper().replace("NONE", "NO")
    assert OpenEXR.File(str(path)).header()["compression"] == getattr(OpenEXR, f"{kind}_COMPRESSION")
    layer = read_mattes(str(path.parent)).read(7).layers["hat"]
    np.testing.assert_array_equal(layer, np.where(mattes()[2] < FAINTEST, 0, mattes()[2]))
    content = bytearray(path.read_bytes())
    content[-9] ^= 1
    path.write_bytes(content)
    damaged = matte_proof.read(path)
    assert damaged is not None and damaged.record is None, "one bit of a pixel is wrong"


def test_core_and_edge_share_out_the_matte(tmp_path: Path) -> None:
    channels = OpenEXR.File(str(write(tmp_path, Passes(bands=True))), separate_channels=True).channels()
    union, core, edge = (channels[name].pixels.astype(np.float32) for name in ("A", "core.value", "edge.value"))
    np.testing.assert_array_equal(core, union >= 1 - FAINTEST)
    np.testing.assert_array_equal(core + edge, union > 0)
    assert core.any() and edge.any()
    assert set(read_mattes(str(tmp_path)).read(7).layers) == {"body", "obj_1_arm", "hat"}, "a band is no object"


@pytest.fixture
def shot(tmp_path: Path) -> WitnessShot:
    return write_shot("pictures", tmp_path)


def test_png16_says_what_the_exrs_say_and_comes_back_when_it_is_gone(shot: WitnessShot) -> None:
    request = replace(shot.request, pictures="png16")
    result = propagate(request)
    folder = Path(request.out).parent
    frame, layer = result.frames[1], result.layers[0]
    path = folder / "png" / layer / f"matte.{frame:04d}.png"
    stored = np.asarray(Image.open(path)).astype(np.float64) / 65535
    np.testing.assert_allclose(stored, read_mattes(request.out).read(frame).layers[layer], atol=1e-5)
    path.unlink()
    assert propagate(request).written == () and path.is_file()


def test_every_layer_has_a_folder_of_its_own_for_pngs(tmp_path: Path) -> None:
    layers = ["A", "a", "index", "CON", "arm", "Arm", "arm_2"]
    assert folders(layers) == ["obj_A", "obj_a_2", "obj_index", "obj_CON", "arm", "Arm_2", "arm_2_2"]
    names = [("A", "A"), ("index", "index"), ("hat", "hat")]
    planes = mattes()
    MatteWriter(tmp_path / "m.%04d.exr", CANVAS, names, {}).write(7, planes, planes.sum(axis=0).clip(0, 1), False)
    write_pictures(tmp_path / "m.%04d.exr", [layer for layer, _ in names], [7], "png16")
    found = {path.parent.name: np.asarray(Image.open(path)) / 65535 for path in (tmp_path / "png").rglob("m.0007.png")}
    assert sorted(found) == ["A", "hat", "obj_A", "obj_index"]
    np.testing.assert_allclose(found["obj_A"], np.where(planes[0] < FAINTEST, 0, planes[0]), atol=1e-5)


@pytest.mark.parametrize("kind", ["png16", "index"])
def test_pngs_follow_mattes_that_a_run_without_them_has_replaced(shot: WitnessShot, kind: str) -> None:
    frame = propagate(replace(shot.request, pictures=kind)).frames[1]
    path = picture_paths(Path(shot.request.out), ["body"], frame, kind)[-1]
    first = path.read_bytes()
    result = propagate(replace(shot.request, size=96))
    assert path.read_bytes() == first, "it wrote no PNGs"
    (said,) = (warning for warning in result.warnings if "PNGs" in warning)
    assert f"PNGs of earlier mattes of {counted(result.written)}" in said and str(frame) in said
    assert said in propagate(replace(shot.request, size=96)).warnings, "as after a run that died"
    again = replace(shot.request, size=96, pictures=kind)
    assert propagate(again).written == () and path.read_bytes() != first
    kept = path.stat().st_mtime_ns
    assert not any("PNGs" in warning for warning in propagate(again).warnings)
    assert path.stat().st_mtime_ns == kept, "nothing changed"


@dataclass
class Impatient(Silence):
    """A listener that cancels once a matte is there which is not a keyframe's, and remembers what it was warned of."""

    keyframes: tuple[int, ...]
    warned: list[str] = field(default_factory=list)
    stops: bool = False

    def frame_done(self, frame: int, path: Path) -> None:
        self.stops |= frame not in self.keyframes

    def cancelled(self) -> bool:
        return self.stops

    def warning(self, text: str) -> None:
        self.warned.append(text)


@pytest.mark.parametrize("again", ["index", "none"])
def test_a_cancelled_run_leaves_no_earlier_png_beside_a_new_matte_unless_it_says_so(shot: WitnessShot, again: str) -> None:
    request, out = replace(shot.request, pictures="index"), Path(shot.request.out)
    first = propagate(request)
    frames = first.frames
    before = {frame: signature_of(frame_path(out, frame)) for frame in frames}
    impatient = Impatient(first.keyframes)
    with pytest.raises(Cancelled):
        propagate(replace(request, size=96, pictures=again), impatient)
    new = [frame for frame in frames if signature_of(frame_path(out, frame)) != before[frame]]
    assert 0 < len(new) < len(frames)
    other = [frame for frame in frames if not pictures_are_of(out, ["body"], frame, "index")]
    assert other == ([] if again == "index" else new)
    said = [text for text in impatient.warned if "PNGs of earlier mattes" in text]
    assert len(said) == bool(other) and all(counted(other) in text for text in said)


def test_index_pngs_have_a_label_for_each_object(shot: WitnessShot) -> None:
    request = replace(shot.request, pictures="index")
    result = propagate(request)
    path = Path(request.out).parent / "png" / "index" / f"matte.{result.frames[0]:04d}.png"
    image = Image.open(path)
    assert image.mode == "P"
    matte = read_mattes(request.out).read(result.frames[0])
    stack = np.stack([1 - matte.union, *(matte.layers[layer] for layer in result.layers)])
    np.testing.assert_array_equal(np.asarray(image), stack.argmax(axis=0))


def test_a_png_never_replaces_a_mask_that_it_is_made_from(shot: WitnessShot, tmp_path: Path) -> None:
    (tmp_path / "new" / "png").mkdir(parents=True)
    (tmp_path / "new" / "png" / "index").symlink_to(str(shot.request.masks))
    with pytest.raises(RequestError, match="The PNGs would replace .*m.0000.png"):
        open_propagate(replace(shot.request, pictures="index", out=str(tmp_path / "new" / "m.%04d.exr")))


def test_a_png_never_replaces_one_that_we_have_not_made(shot: WitnessShot) -> None:
    request = replace(shot.request, pictures="index")
    theirs = Path(request.out).parent / "png" / "index" / "matte.0001.png"
    theirs.parent.mkdir(parents=True)
    Image.new("L", (4, 4)).save(theirs)
    with pytest.raises(RequestError, match="would replace .*matte.0001.png, which XMem Roto has not made"):
        open_propagate(request)
    theirs.unlink()
    propagate(request)
    open_propagate(request)


def test_more_objects_than_labels_are_refused_before_the_run(tmp_path: Path) -> None:
    many = [f"object{number}" for number in range(MOST_LABELS + 1)]
    with pytest.raises(RequestError, match="tell up to 255 objects apart, and this shot has 256"):
        require_pictures_possible(tmp_path / "m.%04d.exr", many, [1], "index")
    require_pictures_possible(tmp_path / "m.%04d.exr", many, [1], "png16")
    require_pictures_possible(tmp_path / "m.%04d.exr", many[1:], [1], "index")


def test_the_usual_passes_leave_signatures_as_they_were() -> None:
    assert Passes().key == [] and Passes(bands=True, compression="piz").key == ["bands", "piz"]
    assert PropagateRequest("p").compression == "zip"
