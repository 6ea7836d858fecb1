"""What a wheel and a release hold."""

from __future__ import annotations

import re
import tarfile
import zipfile
from pathlib import Path

import pytest

from tests import release

CHECKOUT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build both, as `make release` does."""
    folder = tmp_path_factory.mktemp("dist")
    release.build(folder)
    return folder


@pytest.fixture(scope="module")
def wheel(built: Path) -> zipfile.ZipFile:
    (path,) = built.glob("*.whl")
    return zipfile.ZipFile(path)


def test_wheel_holds_every_module_of_the_core_and_leaves_the_plugin_to_nukes_folder(wheel: zipfile.ZipFile) -> None:
    names = set(wheel.namelist())
    for module in (CHECKOUT / "xmemcore").rglob("*.py"):
        assert module.relative_to(CHECKOUT).as_posix() in names
    assert not any(name.startswith(("nuke_plugin", "xmem_roto_nuke")) for name in names)


def test_wheel_holds_the_bundled_weights(wheel: zipfile.ZipFile) -> None:
    weights = CHECKOUT / "xmemcore" / "network" / "weights"
    expected = {p.relative_to(CHECKOUT).as_posix() for p in weights.glob("*") if p.suffix in (".safetensors", ".json")}
    assert expected <= set(wheel.namelist())


def test_wheel_brings_a_folder_for_nuke_path(wheel: zipfile.ZipFile) -> None:
    prefix = next(name.split("/")[0] for name in wheel.namelist() if name.split("/")[0].endswith(".data"))
    folder = {name.removeprefix(f"{prefix}/data/share/xmem-roto/") for name in wheel.namelist() if "/share/xmem-roto/" in name}
    expected = {"xmemcore/__init__.py", *(f"gizmos/{p.name}" for p in (CHECKOUT / "gizmos").glob("*.gizmo"))}
    expected |= {"init.py", "menu.py", "xmem_roto_nuke.py"}
    shared = ("nuke_plugin", "xmemcore/protocol", "xmemcore/curves")
    expected |= {p.relative_to(CHECKOUT).as_posix() for f in shared for p in (CHECKOUT / f).rglob("*.py")}
    assert expected <= folder
    assert not any(name.startswith("xmemcore/network") for name in folder)


def test_wheel_pins_the_core_and_names_its_extras(wheel: zipfile.ZipFile) -> None:
    (metadata,) = (name for name in wheel.namelist() if name.endswith("/METADATA"))
    text = wheel.read(metadata).decode()
    core = [line for line in (CHECKOUT / "requirements/core.txt").read_text().splitlines() if not line.startswith("#")]
    for pin in core:
        assert f"Requires-Dist: {pin}\n" in text
    extras = {"plates", "color", "cryptomatte", "matting", "farm", "train", "dev"}
    assert set(re.findall(r"^Provides-Extra: (\w+)$", text, re.MULTILINE)) == extras
    assert "License" in text and re.search(r"^Requires-Python: (>=3.11,<3.12|<3.12,>=3.11)$", text, re.MULTILINE)


def test_wheel_has_the_command(wheel: zipfile.ZipFile) -> None:
    (entry_points,) = (name for name in wheel.namelist() if name.endswith("/entry_points.txt"))
    assert "xmem-roto = xmemcore.cli.main:main" in wheel.read(entry_points).decode()


def test_release_is_a_checkout(built: Path) -> None:
    (path,) = built.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    for needed in ("bootstrap.py", "Makefile", "LICENSE", "NOTICE", "README.md", "CHANGELOG.md", "requirements/core.txt", "setup.py"):
        assert needed in names
    for module in (CHECKOUT / "nuke_plugin").rglob("*.py"):
        assert module.relative_to(CHECKOUT).as_posix() in names
    for gizmo in (CHECKOUT / "gizmos").glob("*.gizmo"):
        assert f"gizmos/{gizmo.name}" in names


def test_archive_for_machines_without_network_is_a_release_with_its_packages(built: Path, tmp_path: Path) -> None:
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    (wheels / "torch-0-py3-none-any.whl").write_bytes(b"wheel")
    (source,) = built.glob("*.tar.gz")
    path = release.with_wheels(tmp_path, source, wheels, "cpu")
    with tarfile.open(path) as archive, tarfile.open(source) as original:
        assert {member.name.split("/")[0] for member in archive.getmembers()} == {path.stem}, "it unpacks to one folder"
        names = {member.name.split("/", 1)[-1] for member in archive.getmembers() if member.isfile()}
        assert names == {member.name.split("/", 1)[-1] for member in original.getmembers() if member.isfile()} | {
            "wheelhouse/torch-0-py3-none-any.whl"
        }
    assert {"bootstrap.py", "farm/openjd/script.yaml", "farm/container/Dockerfile", "docs/farm.md", "docs/engines/openjd.md"} <= names
