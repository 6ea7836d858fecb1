"""Build a release: a wheel and the archive, which unpacked is what a checkout is.

    python -m tests.release [FOLDER]                    into dist/, or the folder
    python -m tests.release [FOLDER] --wheelhouse cpu   also an archive with every package in it, for machines without network

Built from a clean copy, so that nothing which lies about in the checkout gets in. The version is that of the protocol; a changelog
without its section is refused.
"""

from __future__ import annotations

import argparse
import platform
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from xmemcore.protocol.version import VERSION

CHECKOUT = Path(__file__).resolve().parent.parent
LEFT_OUT = (".venv", ".git", "build", "dist", "*.egg-info", "__pycache__", "demo-output", "runs", ".*_cache", ".hypothesis")
BUILD_SECONDS = 300
DOWNLOAD_SECONDS = 3600
EXTRAS = ("plates", "color")
"""Packed too: what a studio's plates may need."""


class ReleaseRefused(Exception):
    """What would be released does not agree with itself."""


def require_changelog() -> None:
    """Raise ReleaseRefused where the changelog does not begin with this version."""
    text = (CHECKOUT / "CHANGELOG.md").read_text(encoding="utf-8")
    newest = re.search(r"^## (\S+)", text, re.MULTILINE)
    if newest is None or newest[1] != VERSION:
        raise ReleaseRefused(
            f"The protocol's version is {VERSION}, but the changelog begins with {newest[1] if newest else 'no version'}. Make them agree."
        )


def build(folder: Path) -> list[Path]:
    """Build both into a folder; gives their paths."""
    with tempfile.TemporaryDirectory(prefix="xmem-roto-release-") as name:
        copy = Path(name) / "checkout"
        shutil.copytree(CHECKOUT, copy, ignore=shutil.ignore_patterns(*LEFT_OUT))
        for kind in ("bdist_wheel", "sdist"):
            command = [sys.executable, "setup.py", "-q", kind]
            answer = subprocess.run(command, cwd=copy, capture_output=True, text=True, timeout=BUILD_SECONDS)
            if answer.returncode != 0:
                raise ReleaseRefused(f"setuptools could not build {kind}: {answer.stderr.strip()[-500:]}")
        folder.mkdir(parents=True, exist_ok=True)
        return [Path(shutil.copy2(path, folder)) for path in sorted((copy / "dist").iterdir())]


def download(folder: Path, device: str) -> None:
    """Fetch the packages of the core and of plates for this platform and this Python, by the hashes that the set-up asks for.

    Raises:
        ReleaseRefused.
    """
    sys.path.insert(0, str(CHECKOUT))
    import bootstrap

    linux = sys.platform.startswith("linux")
    if device == "cpu" and linux:
        # The index of torch has the build without CUDA under a version of its own.
        torch = next(line for line in bootstrap.requirement_lines("core") if line.startswith("torch=="))
        _pip_download(folder, [f"{torch}+cpu", "--no-deps", "--extra-index-url", bootstrap.CPU_INDEX])
        _pip_download(folder, bootstrap.locked("core", *EXTRAS))
    else:
        _pip_download(folder, bootstrap.locked("core", *EXTRAS, "torch", *(["cuda"] if linux else [])))


def _pip_download(folder: Path, words: list[str]) -> None:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--only-binary", ":all:", "--dest", str(folder), *words]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=DOWNLOAD_SECONDS)
    if answer.returncode != 0:
        raise ReleaseRefused(f"pip could not fetch {words[0]}: {answer.stderr.strip()[-500:]}")


def with_wheels(folder: Path, source: Path, wheels: Path, device: str) -> Path:
    """Pack a source archive and its packages into one that needs no network; gives its path."""
    name = f"xmem-roto-{VERSION}-{platform.system().lower()}-{platform.machine().lower()}-{device}"
    path = folder / f"{name}.tar"
    with tarfile.open(source) as original, tarfile.open(path, "w") as packed:
        for member in original.getmembers():
            content = original.extractfile(member) if member.isfile() else None
            member.name = "/".join([name, *member.name.split("/")[1:]])
            member.pax_headers = {}  # a long name stands there too, and would win
            packed.addfile(member, content)
        for wheel in sorted(wheels.iterdir()):
            packed.add(wheel, f"{name}/wheelhouse/{wheel.name}")
    return path


def main() -> int:
    """Build, and say where everything is."""
    parser = argparse.ArgumentParser(prog="tests.release", description=(__doc__ or "").split(":")[0])
    parser.add_argument("folder", nargs="?", type=Path, default=CHECKOUT / "dist")
    parser.add_argument("--wheelhouse", choices=("cpu", "cuda"))
    asked = parser.parse_args()
    try:
        require_changelog()
        built = build(asked.folder)
        if asked.wheelhouse:
            with tempfile.TemporaryDirectory(prefix="xmem-roto-wheels-") as wheels:
                download(Path(wheels), asked.wheelhouse)
                source = next(path for path in built if path.name.endswith(".tar.gz"))
                built.append(with_wheels(asked.folder, source, Path(wheels), asked.wheelhouse))
        for path in built:
            print(f"{path}  {path.stat().st_size / 1e6:.1f} MB")
    except ReleaseRefused as refused:
        print(f"No release: {refused}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
