"""The models that exist, those that are installed, and the default.

Bundled models lie in `weights/` inside the package, their hashes in `weights/weights.json`. Downloaded models, and a studio's own,
lie in the models folder. The record beside each download (`<file>.json`) keeps its hash.
"""

from __future__ import annotations

import hashlib
import math
import os
import struct
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from xmemcore.protocol.failures import RequestError
from xmemcore.protocol.outside import NotUsable, cut, parse_json, read_object
from xmemcore.protocol.places import MODELS_VARIABLE

WEIGHTS_FOLDER = Path(__file__).parent / "weights"
BUNDLED_HASHES = "weights.json"
SUFFIXES = (".safetensors", ".pth")
LARGEST_HEADER_BYTES = 100_000_000
"""Largest header of a safetensors file; the library refuses larger ones."""


class NoModel(RequestError):
    """No model is installed, or not the one that was asked for."""


class ModelDamaged(RequestError):
    """An installed model differs from its record."""


@dataclass(frozen=True)
class KnownModel:
    """A model known by name: bundled, or at a public address."""

    name: str
    summary: str
    """What the model is good for, in one line."""
    terms: str
    """Licence, and what the training data allow, in one line."""
    file: str
    url: str | None = None
    """Public release address; None: it comes with the package."""


KNOWN = (
    KnownModel(
        name="compact",
        summary="small and quick; comes with the package",
        terms="Apache-2.0; trained on research sets of photographs (ECSSD, BSDS500, CCP): their use in commercial work is yours to clear",
        file="compact.safetensors",
    ),
    KnownModel(
        name="xmem",
        summary="the official XMem release, 249 MB: better and several times slower",
        terms="MIT; trained on photographs, YouTube-VOS and DAVIS, partly non-commercial: their use in commercial work is yours to clear",
        file="XMem.pth",
        url="https://github.com/hkchengrex/XMem/releases/download/v1.0/XMem.pth",
    ),
    KnownModel(
        name="compact-clean",
        summary="as compact, from freely licensed pictures alone: much weaker with one keyframe, a little with five",
        terms="Apache-2.0; pictures in the public domain, CC0 and CC BY 4.0; begun from Google's ImageNet weights (Apache-2.0)",
        file="compact-clean.safetensors",
    ),
)
"""Known models in the order of preference: the first one that is installed is the default. Only models that lie in `weights/` or can be
fetched belong here, because an artist is offered all of them."""

OWN_TERMS = "your own file: its terms are those of the data that it was trained on"


@dataclass(frozen=True)
class Model:
    """A model file on this machine."""

    name: str
    path: Path
    sha256: str | None
    """Hash recorded at installation; None for a file that was copied there."""
    terms: str
    summary: str

    def as_json(self) -> dict[str, object]:
        return {**asdict(self), "path": str(self.path), "bytes": self.path.stat().st_size}


def models_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """Give the folder of downloaded and own models: $XMEM_ROTO_MODELS, else the platform's place for a program's data."""
    if named := environment.get(MODELS_VARIABLE):
        return Path(named)
    if sys.platform == "win32":
        return Path(environment.get("LOCALAPPDATA", Path.home() / "AppData" / "Local")) / "xmem-roto" / "models"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "xmem-roto" / "models"
    return Path(environment.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "xmem-roto" / "models"


def installed(folder: Path | None = None, weights: Path = WEIGHTS_FOLDER) -> list[Model]:
    """List the models on this machine, the default first.

    Args:
        folder: of downloaded and own models; None for the usual one.
        weights: of the bundled models.
    """
    folder = models_folder() if folder is None else folder
    hashes = _read_json(weights / BUNDLED_HASHES)
    found: dict[str, Model] = {}
    for path in [*_model_files(weights), *_model_files(folder)]:
        known = next((model for model in KNOWN if model.file == path.name), None)
        name = known.name if known else path.stem
        # A bundled model cannot be replaced by a file of its name that lies elsewhere.
        if name in found:
            continue
        recorded = hashes.get(path.name) if path.parent == weights else _read_json(record_path(path)).get("sha256")
        found[name] = Model(
            name=name,
            path=path,
            sha256=recorded if isinstance(recorded, str) else None,
            # The file's own metadata count more than what its name suggests.
            terms=read_header(path).get("terms") or (known.terms if known else OWN_TERMS),
            summary=known.summary if known else "a model of your own",
        )
    preference = [model.name for model in KNOWN]
    return sorted(found.values(), key=lambda m: (preference.index(m.name) if m.name in preference else len(preference), m.name))


def resolve(model: str | None, folder: Path | None = None, weights: Path = WEIGHTS_FOLDER) -> Model:
    """Find a model by its name or file; None finds the default.

    Raises:
        NoModel: none is installed, or the named one is not.
        RequestError: the name is no model and no file.
    """
    models = installed(folder, weights)
    if model is None:
        if not models:
            raise NoModel("No model is installed. Run `xmem-roto models get xmem`, or name a file with --model.")
        return models[0]
    for candidate in models:
        if candidate.name == model:
            return candidate
    path = Path(model)
    # os.path answers no where pathlib raises: a name may be too long for a disk.
    if path.suffix in SUFFIXES and os.path.isfile(path):
        return Model(path.stem, path, None, read_header(path).get("terms", OWN_TERMS), "a file of your own")
    if path.suffix in SUFFIXES:
        raise RequestError(f"There is no model file {cut(str(path), 200)}. Check the path, or see `xmem-roto models list`.")
    if os.path.exists(path):
        raise RequestError(f"{cut(str(path), 200)} is no model: a model is a .safetensors or .pth file. See `xmem-roto models list`.")
    known = next((k for k in KNOWN if k.name == model), None)
    if known is not None and known.url is not None:
        raise NoModel(f"The model {model} is not installed. Run `xmem-roto models get {model}`.")
    names = ", ".join(sorted({m.name for m in models} | {k.name for k in KNOWN if k.url})) or "none"
    raise RequestError(f"There is no model called {cut(model)}. These exist: {names}; a .safetensors or .pth file will do too.")


def verify(model: Model) -> str:
    """Hash a model and compare with what was recorded when it was installed.

    Returns:
        The SHA-256 of the file.

    Raises:
        ModelDamaged: it differs.
        RequestError.
    """
    try:
        sha256 = hash_file(model.path)
    except OSError as error:
        advice = "Check its permissions, or install it again."
        raise RequestError(f"The model {model.path} cannot be read: {error.strerror}. {advice}") from error
    if model.sha256 is not None and sha256 != model.sha256:
        raise ModelDamaged(
            f"The model {model.name} at {model.path} is damaged: its SHA-256 is {sha256[:12]}..., recorded was {model.sha256[:12]}.... "
            "Delete the file and install it again."
        )
    return sha256


def hash_file(path: Path) -> str:
    """Give the SHA-256 of a file as hexadecimal text."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_header(path: Path) -> dict[str, str]:
    """Read the metadata of a safetensors file without its tensors and without its library; empty for other and damaged files."""
    metadata = _header(path).get("__metadata__", {})
    return {str(key): str(value) for key, value in metadata.items()} if isinstance(metadata, dict) else {}


def _header(path: Path) -> dict[str, Any]:
    """Read the header of a safetensors file; empty for other and damaged files."""
    if path.suffix != ".safetensors":
        return {}
    try:
        with open(path, "rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            if length > LARGEST_HEADER_BYTES:
                return {}
            header = parse_json(file.read(length))
    except (OSError, ValueError, struct.error):
        return {}
    return header if isinstance(header, dict) else {}


def parameters_of(path: Path) -> tuple[int, str]:
    """Count a model's numbers, and name its key encoder, without reading its tensors; a `.pth` is taken for one of the official widths."""
    header = _header(path)
    counts = [math.prod(entry["shape"]) for entry in header.values() if isinstance(entry, dict) and _is_shape(entry.get("shape"))]
    try:
        key_encoder = parse_json(read_header(path)["dimensions"])["key_encoder"]
    except (KeyError, TypeError, NotUsable):
        key_encoder = "resnet50"
    return sum(counts) or path.stat().st_size // 4, str(key_encoder)


def _is_shape(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(size, int) for size in value)


def record_path(model: Path) -> Path:
    """Give the file beside a download that keeps where it came from and its hash."""
    return model.with_name(model.name + ".json")


def _model_files(folder: Path) -> list[Path]:
    return sorted(p for p in folder.iterdir() if p.suffix in SUFFIXES and p.is_file()) if folder.is_dir() else []


def _read_json(path: Path) -> dict[str, object]:
    return read_object(path) or {}
