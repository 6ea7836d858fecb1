"""The state of a node between runs: a manifest of its last run, and its size on disk."""

from __future__ import annotations

import json
import stat
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from xmemcore.protocol.outside import read_object
from xmemcore.protocol.places import cache_root
from xmemcore.protocol.whole_file import write_text
from xmemcore.shot.store.at_work import AtWork
from xmemcore.shot.store.cache import (
    FEATURES,
    FORMAT,
    LEARNED,
    LOOKS,
    MEMORY,
    OLDER_FORMATS,
    OLDER_SUFFIX,
    CacheFile,
    cache_files,
    digest,
    features_folder,
    is_key,
    node_folder,
    sweep_partial_files,
)

NAME = "manifest.json"
PROOF = "proof"
"""Hash over the rest of the manifest, which decides what need not be read again."""


@dataclass(frozen=True)
class NodeManifest:
    """The inputs of a node's last run, in `<cache>/<node id>/manifest.json`."""

    plate: str
    """Pattern of the plate's files."""
    model_sha256: str
    features: dict[int, str]
    """Hash of the plate's working image, which names its features, by frame."""
    annotations: dict[int, dict[str, str]]
    """Hash of the annotation, by frame and object."""
    settings: dict[str, Any]
    absent: dict[int, list[str]] = field(default_factory=dict)
    """Objects that the roto hides, by frame."""
    plate_files: dict[str, str] = field(default_factory=dict)
    """Hash of each plate file's content; see `known_files`."""
    beside: list[str] = field(default_factory=list)
    """Names of what else lies among the features for this node: features of windows and of former plates, and what searches found."""

    def save(self, folder: Path) -> None:
        """Write the manifest whole, and replace only a manifest of ours. A cache that cannot be written is no failure."""
        path = folder / NAME
        content = {"format": FORMAT, **asdict(self)}
        content[PROOF] = _proof(content)
        if path.exists() and _format_of(path) is None:
            return
        with suppress(OSError):
            write_text(path, json.dumps(content, indent=1))

    def joined_with(self, other: NodeManifest | None) -> NodeManifest:
        """Add the frames of another chunk of the same run; None: there was none."""
        if other is None:
            return self
        return replace(
            self,
            features={**other.features, **self.features},
            absent={**other.absent, **self.absent},
            plate_files={**other.plate_files, **self.plate_files},
            beside=sorted({*other.beside, *self.beside}),
        )

    @classmethod
    def load(cls, folder: Path) -> NodeManifest | None:
        """Read the manifest; None when there is none, one of another format, or one that is damaged."""
        path = folder / NAME
        content = read_object(path) if _format_of(path) == FORMAT else None
        if content is None or content.pop(PROOF, None) != _proof(content):
            return None
        try:
            return cls(
                plate=_text(content["plate"]),
                model_sha256=_text(content["model_sha256"]),
                features={int(frame[:20]): _text(key) for frame, key in content["features"].items()},
                annotations={
                    int(frame[:20]): {str(name): _text(signature) for name, signature in objects.items()}
                    for frame, objects in content["annotations"].items()
                },
                settings=dict(content["settings"]),
                absent={int(frame[:20]): [_text(name) for name in names] for frame, names in content["absent"].items()},
                plate_files={_key(name): _key(key) for name, key in content["plate_files"].items()},
                beside=[_key(key) for key in content["beside"]],
            )
        except (ValueError, KeyError, TypeError, AttributeError):
            return None


def is_older(folder: Path) -> bool:
    """Say whether the node's cache is of version 0.2.0 or older."""
    return _format_of(folder / NAME) in OLDER_FORMATS


def clear_node(node_id: str, cache: str | None = None) -> None:
    """Delete what a node keeps in the cache, and the features that only its manifest names; mattes and foreign files stay.

    Raises:
        RequestError, Busy, LockNotWritable, DiskFailed.
    """
    root = cache_root(cache)
    folder = node_folder(root, node_id)
    if not folder.is_dir() or folder.is_symlink():
        return
    at_work = AtWork.on_node(folder)
    with at_work.joined("clear", "A propagate is running for this node ({holder}; {folder}). Wait for it, or cancel it."):
        # Features are deleted by the cache's own listing; a manifest only names them.
        older = {file.path.stem for file in cache_files(root) if file.older and file.path.parent.parent.name == FEATURES}
        of_node = _features_of(folder) | older
        others = set().union(*(_features_of(other) for other in root.iterdir() if other.is_dir() and other != folder))
        gone = of_node - others
        for file in (*_feature_files(root, gone), *cache_files(root, node_id)):
            file.delete()
        sweep_partial_files(root)
        if _format_of(folder / NAME) is not None:
            with suppress(OSError):
                (folder / NAME).unlink()
        for room in (MEMORY, LEARNED, LOOKS):
            with suppress(OSError):
                (folder / room).rmdir()
    with suppress(OSError):
        folder.rmdir()


def bytes_used(root: Path, node_id: str) -> int:
    """Count what a node uses on disk, shared features included."""
    folder = node_folder(root, node_id)
    files = [*_feature_files(root, _features_of(folder)), *cache_files(root, node_id)]
    with suppress(OSError):
        return sum(file.bytes for file in files) + (folder / NAME).stat().st_size
    return sum(file.bytes for file in files)


def _feature_files(root: Path, keys: set[str]) -> list[CacheFile]:
    """Find the feature files of these names, of this version or an older one."""
    found = []
    for key in keys:
        current = features_folder(root).path(key)
        for path in (current, current.with_suffix(OLDER_SUFFIX)):
            with suppress(OSError):
                status = path.lstat()
                if stat.S_ISREG(status.st_mode):
                    found.append(CacheFile(path, status.st_size, status.st_mtime_ns, path.suffix == OLDER_SUFFIX))
    return found


def _features_of(folder: Path) -> set[str]:
    """List the features that a node's manifest of any version names, as far as the names are hashes."""
    content = (read_object(folder / NAME) if _format_of(folder / NAME) is not None else None) or {}
    features, beside = content.get("features"), content.get("beside")
    names = [*(features.values() if isinstance(features, dict) else ()), *(beside if isinstance(beside, list) else ())]
    return {name for name in names if is_key(name)}


def _format_of(path: Path) -> str | None:
    """Give the format of a manifest of ours, of any version; None for other files."""
    content = read_object(path)
    if content is None or not {"format", "plate", "model_sha256", "features", "annotations", "settings"} <= content.keys():
        return None
    return content["format"] if content["format"] in (FORMAT, *OLDER_FORMATS) else None


def _proof(content: dict[str, Any]) -> str:
    # In the form that JSON gives back, with texts for keys.
    return digest(json.loads(json.dumps(content)))


def _key(value: Any) -> str:
    if not is_key(value):
        raise ValueError("no hash of ours")
    return _text(value)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{type(value).__name__} is no text")
    return value
