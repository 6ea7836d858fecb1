"""Which model is meant, and what is said when there is none."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from xmemcore.network import catalogue
from xmemcore.network.catalogue import NoModel
from xmemcore.protocol.failures import RequestError


def put(folder: Path, name: str, **metadata: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    save_file({"x": np.zeros(3, np.float32)}, folder / name, metadata=metadata)
    return folder / name


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """An empty models folder and an empty folder of bundled weights."""
    return tmp_path / "models", tmp_path / "weights"


def test_nothing_installed_says_how_to_get_one(folders: tuple[Path, Path]) -> None:
    assert catalogue.installed(*folders) == []
    with pytest.raises(NoModel, match=r"No model is installed\. Run `xmem-roto models get xmem`") as caught:
        catalogue.resolve(None, *folders)
    assert caught.value.exit_code == 2


def test_bundled_model_is_the_default_before_downloaded_and_own_ones(folders: tuple[Path, Path]) -> None:
    models, weights = folders
    put(models, "aaa.safetensors")
    (models / "XMem.pth").write_bytes(b"PK\x03\x04")
    assert catalogue.resolve(None, *folders).name == "xmem"
    put(weights, "compact.safetensors")
    assert catalogue.resolve(None, *folders).name == "compact"
    assert [m.name for m in catalogue.installed(*folders)] == ["compact", "xmem", "aaa"]


def test_own_model_in_the_folder_goes_by_its_file_name_with_its_own_terms(folders: tuple[Path, Path]) -> None:
    put(folders[0], "hero_finetuned.safetensors", terms="our own shots")
    model = catalogue.resolve("hero_finetuned", *folders)
    assert model.terms == "our own shots"
    assert catalogue.resolve(None, *folders) == model


def test_terms_in_the_file_go_before_those_of_its_name(folders: tuple[Path, Path]) -> None:
    put(folders[1], "compact.safetensors", terms="trained on generated pictures alone")
    assert catalogue.resolve("compact", *folders).terms == "trained on generated pictures alone"


def test_every_model_that_is_offered_is_bundled_or_can_be_fetched() -> None:
    bundled = json.loads((catalogue.WEIGHTS_FOLDER / catalogue.BUNDLED_HASHES).read_text())
    assert [model.name for model in catalogue.KNOWN if model.url is None and model.file not in bundled] == []


def test_model_trained_under_a_recipes_name_is_a_file_like_any_other(folders: tuple[Path, Path]) -> None:
    put(folders[0], "compact-generated.safetensors", terms="Apache-2.0")
    model = catalogue.resolve("compact-generated", *folders)
    assert (model.summary, model.terms) == ("a model of your own", "Apache-2.0")


def test_a_file_is_a_model(folders: tuple[Path, Path], tmp_path: Path) -> None:
    path = put(tmp_path / "elsewhere", "x.safetensors")
    assert catalogue.resolve(str(path), *folders).path == path


def test_missing_file_and_unknown_name_have_their_sentences(folders: tuple[Path, Path]) -> None:
    put(folders[1], "compact.safetensors")
    with pytest.raises(RequestError, match=r"There is no model file /no/where\.pth"):
        catalogue.resolve("/no/where.pth", *folders)
    with pytest.raises(RequestError, match="There is no model called hugo. These exist: compact, xmem"):
        catalogue.resolve("hugo", *folders)


def test_known_but_absent_model_says_how_to_get_it(folders: tuple[Path, Path]) -> None:
    with pytest.raises(NoModel, match="Run `xmem-roto models get xmem`"):
        catalogue.resolve("xmem", *folders)


def test_bundled_model_cannot_be_replaced_from_the_models_folder(folders: tuple[Path, Path]) -> None:
    models, weights = folders
    put(models, "compact.safetensors")
    bundled = put(weights, "compact.safetensors")
    assert catalogue.resolve("compact", *folders).path == bundled


def test_flipped_byte_is_found_by_verify(folders: tuple[Path, Path]) -> None:
    path = put(folders[1], "compact.safetensors")
    (folders[1] / catalogue.BUNDLED_HASHES).write_text(json.dumps({path.name: catalogue.hash_file(path)}))
    model = catalogue.resolve("compact", *folders)
    assert catalogue.verify(model) == model.sha256
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(catalogue.ModelDamaged, match="compact at .* is damaged"):
        catalogue.verify(model)


def test_header_is_read_without_any_library_and_damage_does_no_harm(tmp_path: Path) -> None:
    path = put(tmp_path, "a.safetensors", licence="Apache-2.0")
    assert catalogue.read_header(path) == {"licence": "Apache-2.0"}
    path.write_bytes(b"\xff" * 20)
    assert catalogue.read_header(path) == {}
    path.write_bytes(b"")
    assert catalogue.read_header(path) == {}


def test_models_folder_follows_its_variable(tmp_path: Path) -> None:
    assert catalogue.models_folder({"XMEM_ROTO_MODELS": str(tmp_path)}) == tmp_path
    assert catalogue.models_folder({"XDG_DATA_HOME": "/d"}).parts[-2:] == ("xmem-roto", "models")


def test_hashes_of_the_bundled_models_are_those_of_the_files() -> None:
    recorded = catalogue.WEIGHTS_FOLDER / catalogue.BUNDLED_HASHES
    if not recorded.exists():
        pytest.skip(f"No bundled model in {catalogue.WEIGHTS_FOLDER}.")
    hashes = json.loads(recorded.read_text())
    assert hashes
    for name, sha256 in hashes.items():
        assert catalogue.hash_file(catalogue.WEIGHTS_FOLDER / name) == sha256


def test_every_bundled_model_has_its_hash_recorded() -> None:
    bundled = [model for model in catalogue.installed() if model.path.parent == catalogue.WEIGHTS_FOLDER]
    assert bundled, "the package comes with a model"
    for model in bundled:
        entry = {model.path.name: catalogue.hash_file(model.path)}
        assert model.sha256 is not None, f"{catalogue.BUNDLED_HASHES} beside {model.path} has no hash of it; add {json.dumps(entry)}."


def test_model_that_cannot_be_read_has_its_sentence(folders: tuple[Path, Path], tmp_path: Path) -> None:
    model = catalogue.Model("gone", tmp_path / "gone.safetensors", None, "", "")
    with pytest.raises(RequestError, match="gone.safetensors cannot be read: No such file"):
        catalogue.verify(model)


def test_name_too_long_for_a_disk_is_no_model():
    for name in ("x" * 300 + ".safetensors", "x" * 3000):
        with pytest.raises(RequestError) as refusal:
            catalogue.resolve(name)
        assert len(str(refusal.value)) < 500
