"""`doctor`: one page about this installation, to paste into a bug report; it ends with exit code 3 when a matte could not be made here."""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path

from xmemcore.cli.options import Parser, add_json_option
from xmemcore.protocol.failures import MachineError
from xmemcore.protocol.version import VERSION

PACKAGES = ("torch", "numpy", "opencv-python-headless", "OpenEXR", "safetensors", "pillow")
EXTRAS = ("OpenImageIO", "openjd-cli")
LEAST_FREE_BYTES = 2 * 10**9


@dataclass(frozen=True)
class Finding:
    """One line of the page."""

    subject: str
    state: str
    """`ok`, `note` (something to know) or `wrong` (no matte can be made)."""
    text: str


def add_doctor(commands: argparse._SubParsersAction[Parser]) -> None:
    """Describe the command."""
    parser = commands.add_parser("doctor", help="check this installation; one page to paste into a bug report")
    add_json_option(parser)
    parser.set_defaults(run=run)


def run(chosen: argparse.Namespace) -> int:
    """Examine and print; 3 when something is wrong."""
    findings = examine()
    if chosen.json:
        answer = {"version": VERSION, "machine": platform.node(), "state": worst(findings)}
        print(json.dumps({**answer, "findings": [asdict(finding) for finding in findings]}))
    else:
        width = max(len(finding.subject) for finding in findings)
        print(f"xmem-roto {VERSION} doctor")
        for finding in findings:
            mark = {"ok": "  ", "note": "- ", "wrong": "! "}[finding.state]
            print(f"{mark}{finding.subject.ljust(width)}  {finding.text}")
    return MachineError.exit_code if worst(findings) == "wrong" else 0


def worst(findings: list[Finding]) -> str:
    """Sum the page up in one word, for checks of a fleet."""
    states = {finding.state for finding in findings}
    return next(state for state in ("wrong", "note", "ok") if state in states or state == "ok")


def examine() -> list[Finding]:
    """Look at everything that a matte needs; a check that breaks is itself a finding."""
    findings: list[Finding] = []
    for subject, check in CHECKS.items():
        try:
            findings += [Finding(subject, state, text) for state, text in check()]
        except Exception as error:
            findings.append(Finding(subject, "wrong", f"{type(error).__name__}: {error}".splitlines()[0]))
    return findings


Lines = list[tuple[str, str]]


def _interpreter() -> Lines:
    return [("ok" if sys.version_info[:2] == (3, 11) else "note", f"{platform.python_version()} {sys.executable}")]


def _machine() -> Lines:
    return [("ok", f"{platform.platform()}, {os.cpu_count()} CPU cores")]


def _packages() -> Lines:
    lines: Lines = []
    for name in PACKAGES:
        try:
            lines.append(("ok", f"{name} {metadata.version(name)}"))
        except metadata.PackageNotFoundError:
            lines.append(("wrong", f"{name} is not installed. Run bootstrap.py setup."))
    present = []
    for name in EXTRAS:
        try:
            present.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            continue
    return [*lines, ("ok", "extras: " + (", ".join(present) or "none"))]


def _device() -> Lines:
    torch = importlib.import_module("torch")
    lines: Lines = [("ok", f"cpu, {torch.get_num_threads()} threads, {torch.backends.cpu.get_cpu_capability()}")]
    for number in range(torch.cuda.device_count()):
        properties = torch.cuda.get_device_properties(number)
        lines.append(("ok", f"cuda:{number} {properties.name}, {properties.total_memory / 2**30:.0f} GiB"))
    if torch.backends.mps.is_available():
        lines.append(("ok", "mps"))
    if shutil.which("nvidia-smi") and not torch.cuda.is_available():
        lines.append(("note", "nvidia-smi is there, but this torch cannot use CUDA. Run bootstrap.py setup --device cuda."))
    total = float((torch.ones(64, 64) @ torch.ones(64, 64)).sum())
    if total != 64.0**3:
        lines.append(("wrong", f"a matrix product gave {total}, not {64.0**3}"))
    return lines


def _exr() -> Lines:
    np = importlib.import_module("numpy")
    exr = importlib.import_module("xmemcore.shot.files.exr")
    canvas = importlib.import_module("xmemcore.shot.plate.canvas")
    window, display = canvas.Box(-2, 1, 5, 4), canvas.Box(0, 0, 8, 6)
    wanted = np.linspace(0, 1, 21, dtype=np.float16).reshape(3, 7)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "röund trip.0001.exr"
        exr.write(path, {"matte.alpha": wanted}, window, display, 1.0, {"xmem/version": VERSION})
        header = exr.read_header(path)
        image = exr.read_channels(header, header.parts[0], header.parts[0].channels)
    if image.data_window != window or not np.array_equal(image.channels["matte.alpha"], wanted):
        return [("wrong", "a matte written and read again is not the same")]
    return [("ok", "a half-float matte with a data window comes back as written")]


def _models() -> Lines:
    from xmemcore.network import catalogue

    models = catalogue.installed()
    if not models:
        return [("note", "none installed. Run xmem-roto models get xmem.")]
    lines: Lines = []
    for model in models:
        try:
            sha256 = catalogue.verify(model)
        except catalogue.ModelDamaged as error:
            lines.append(("wrong", str(error)))
            continue
        lines.append(("ok", f"{model.name} sha256 {sha256[:16]} {model.path}"))
    return lines


def _cache() -> Lines:
    from xmemcore.protocol.places import cache_root

    return _folder(cache_root(None))


def _models_folder() -> Lines:
    from xmemcore.network.catalogue import models_folder

    return _folder(models_folder())


def _folder(folder: Path) -> Lines:
    existing = next(place for place in (folder, *folder.parents) if os.path.lexists(place))
    if not existing.is_dir():
        named = f"{folder} cannot be a folder: {existing}" if existing != folder else str(folder)
        return [("wrong", f"{named} is no folder. Name another one, or move that file away.")]
    free = shutil.disk_usage(existing).free
    text = f"{folder}, {free / 1e9:.1f} GB free"
    if not os.access(existing, os.W_OK):
        return [("wrong", f"{text}, not writable")]
    return [("ok", text) if free >= LEAST_FREE_BYTES else ("note", f"{text}: little")]


CHECKS: dict[str, Callable[[], Lines]] = {
    "python": _interpreter,
    "machine": _machine,
    "packages": _packages,
    "device": _device,
    "exr": _exr,
    "models": _models,
    "models folder": _models_folder,
    "cache": _cache,
}
