"""Write requirements/locked/: every package that a set-up installs, the indirect ones too, with the hashes of its files.

    python requirements/lock.py [SET ...]        # in the environment of `make test`; asks the public index, downloads no package

The pins of requirements/*.txt are what a person changes; run this afterwards. A package that is not pinned there keeps the version that is
installed, as long as it satisfies whoever needs it. Hashes are those of the files that pip takes on each of PLATFORMS.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

HERE = Path(__file__).resolve().parent
SETS = tuple(sorted(file.stem for file in HERE.glob("*.txt")))
TORCH = "torch"
"""The set of torch's own default builds, which is installed first; `cuda` is what those of Linux need besides."""
PYTHON = "3.11"
DRY = [sys.executable, "-m", "pip", "install", "--dry-run", "--quiet", "--no-deps", "--ignore-installed"]
"""Ask pip what it would install, and install nothing."""


@dataclass(frozen=True)
class Platform:
    """A machine that packages are locked for."""

    tags: tuple[str, ...]
    """As pip names it, newest first."""
    marker: str
    """True there and nowhere else."""
    environment: dict[str, str]
    """What markers ask."""

    @property
    def linux(self) -> bool:
        return self.environment["sys_platform"] == "linux"


def _environment(system: str, platform: str, machine: str, name: str) -> dict[str, str]:
    return {
        "sys_platform": platform, "platform_system": system, "platform_machine": machine, "os_name": name, "extra": "",
        "python_version": PYTHON, "python_full_version": f"{PYTHON}.9", "implementation_name": "cpython",
        "platform_python_implementation": "CPython", "implementation_version": f"{PYTHON}.9",
        "platform_release": "", "platform_version": "",
    }  # fmt: skip


def _manylinux(machine: str) -> tuple[str, ...]:
    return tuple(f"manylinux_2_{minor}_{machine}" for minor in range(39, 16, -1)) + (f"manylinux2014_{machine}",)


PLATFORMS = {
    "Linux x86_64": Platform(
        _manylinux("x86_64"), "sys_platform == 'linux' and platform_machine == 'x86_64'", _environment("Linux", "linux", "x86_64", "posix")
    ),
    "Linux aarch64": Platform(
        _manylinux("aarch64"),
        "sys_platform == 'linux' and platform_machine == 'aarch64'",
        _environment("Linux", "linux", "aarch64", "posix"),
    ),
    "Windows x86_64": Platform(("win_amd64",), "sys_platform == 'win32'", _environment("Windows", "win32", "AMD64", "nt")),
    "macOS arm64": Platform(
        tuple(f"macosx_{major}_0_{kind}" for major in range(14, 10, -1) for kind in ("arm64", "universal2")),
        "sys_platform == 'darwin'",
        _environment("Darwin", "darwin", "arm64", "posix"),
    ),
}


@dataclass
class Locked:
    """One package of a set."""

    version: str
    hashes: set[str] = field(default_factory=set)
    platforms: set[str] = field(default_factory=set)


def main() -> None:
    """Ask for every set and platform, or for those that are named, and write the files."""
    sets = sys.argv[1:] or SETS
    files: dict[str, dict[str, Locked]] = {name: {} for name in (*sets, *((TORCH, "cuda") if "core" in sets else ()))}
    for name, platform in PLATFORMS.items():
        for group in sets:
            asked = [Requirement(line) for line in pins(group)]
            _follow(files[group], [requirement for requirement in asked if requirement.name != TORCH], name, platform)
        if "core" not in sets:
            continue
        torch = next(Requirement(line) for line in pins("core") if line.startswith(f"{TORCH}=="))
        (chosen,) = _ask([torch], platform)
        _note(files[TORCH], chosen, name)
        needed = _needed(chosen, platform, set())
        # What torch needs everywhere belongs to the core, whatever build of torch is taken.
        _follow(files["core"], [requirement for requirement in needed if requirement.marker is None], name, platform)
        if platform.linux:
            _follow(files["cuda"], [requirement for requirement in needed if requirement.marker is not None], name, platform)
    (HERE / "locked").mkdir(exist_ok=True)
    for group, packages in files.items():
        (HERE / "locked" / f"{group}.txt").write_text(_text(group, packages), encoding="utf-8")
        print(f"{group}: {len(packages)} packages, {sum(len(package.hashes) for package in packages.values())} hashes")


def pins(group: str) -> list[str]:
    """Read the pins of a set."""
    lines = (line.split("#")[0].strip() for line in (HERE / f"{group}.txt").read_text("utf-8").splitlines())
    return [line for line in lines if line]


def _follow(found: dict[str, Locked], asked: list[Requirement], name: str, platform: Platform) -> None:
    """Lock requirements and everything that they need on a platform."""
    done: set[tuple[str, frozenset[str]]] = set()
    while asked:
        asked = [requirement for requirement in asked if (canonicalize_name(requirement.name), frozenset(requirement.extras)) not in done]
        done |= {(canonicalize_name(requirement.name), frozenset(requirement.extras)) for requirement in asked}
        extras = {canonicalize_name(requirement.name): set(requirement.extras) for requirement in asked}
        following = []
        for chosen in _ask(asked, platform) if asked else []:
            _note(found, chosen, name)
            following += _needed(chosen, platform, extras.get(canonicalize_name(chosen["metadata"]["name"]), set()))
        asked = following


def _needed(chosen: dict[str, Any], platform: Platform, extras: set[str]) -> list[Requirement]:
    wanted = []
    for line in chosen["metadata"].get("requires_dist", []):
        requirement = Requirement(line)
        asked = [{**platform.environment, "extra": extra} for extra in ("", *extras)]
        if requirement.marker is None or any(Marker(str(requirement.marker)).evaluate(environment) for environment in asked):
            wanted.append(requirement)
    return wanted


def _ask(asked: list[Requirement], platform: Platform) -> list[dict[str, Any]]:
    """Ask pip which files it would take, without taking them."""
    with tempfile.TemporaryDirectory() as folder:
        wanted, report = Path(folder) / "asked.txt", Path(folder) / "report.json"
        wanted.write_text(
            "".join(
                f"{requirement.name}{_version(requirement)}\n"
                for requirement in {requirement.name: requirement for requirement in asked}.values()
            )
        )
        tags = [word for tag in platform.tags for word in ("--platform", tag)]
        command = [*DRY, "--report", str(report), "--only-binary", ":all:", "--target", folder]
        command += ["--python-version", PYTHON, "--implementation", "cp", *tags, "-r", str(wanted)]
        if subprocess.run(command, stderr=subprocess.DEVNULL, env=_public()).returncode != 0:
            if len(asked) > 1:
                return [chosen for requirement in asked for chosen in _ask([requirement], platform)]
            return _source(asked[0])
        return list(json.loads(report.read_text("utf-8"))["install"])


def _source(asked: Requirement) -> list[dict[str, Any]]:
    """Ask for the source of a package that has no built file for a platform."""
    print(f"{asked} has no built file for every platform: its source is locked there.")
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        command = [*DRY, "--report", str(report), "--no-binary", asked.name, "--target", folder, f"{asked.name}{_version(asked)}"]
        subprocess.run(command, check=True, stderr=subprocess.DEVNULL, env=_public())
        return list(json.loads(report.read_text("utf-8"))["install"])


def _public() -> dict[str, str]:
    """Leave out what this machine's pip is told of other indexes: their builds are not everybody's."""
    variables = {name: value for name, value in os.environ.items() if not name.startswith("PIP_") or name == "PIP_CERT"}
    return {**variables, "PIP_CONFIG_FILE": os.devnull}


def _version(requirement: Requirement) -> str:
    """Keep what is locked or installed where it satisfies; what is pinned stays as it is."""
    try:
        installed = importlib.metadata.version(requirement.name).split("+")[0]
    except importlib.metadata.PackageNotFoundError:
        return str(requirement.specifier)
    return f"=={installed}" if requirement.specifier.contains(installed, prereleases=True) else str(requirement.specifier)


def _note(found: dict[str, Locked], chosen: dict[str, Any], name: str) -> None:
    package = found.setdefault(canonicalize_name(chosen["metadata"]["name"]), Locked(chosen["metadata"]["version"]))
    if package.version != chosen["metadata"]["version"]:
        raise SystemExit(
            f"{chosen['metadata']['name']} has another version on {name}: {chosen['metadata']['version']}, not {package.version}"
        )
    package.hashes.add(chosen["download_info"]["archive_info"]["hashes"]["sha256"])
    package.platforms.add(name)


def _text(group: str, packages: dict[str, Locked]) -> str:
    lines = [f"# Written by requirements/lock.py. The set '{group}' for {', '.join(PLATFORMS)}; Python {PYTHON}."]
    for name, package in sorted(packages.items()):
        where = [platform.marker for key, platform in PLATFORMS.items() if key in package.platforms]
        marker = (
            ""
            if len(where) == len(PLATFORMS)
            else " ; " + " or ".join(f"({condition})" if len(where) > 1 else condition for condition in where)
        )
        hashes = "".join(f" \\\n    --hash=sha256:{digest}" for digest in sorted(package.hashes))
        lines.append(f"{name}=={package.version}{marker}{hashes}")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
