"""What is kept of a node between runs: what its last run was made of, and what it costs on disk."""

from __future__ import annotations

import json
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from xmemcore.shot.cache import FORMAT, NODE_FILES, cache_root, clear_node_files, features_folder, node_folder
from xmemcore.shot.lock import locked
from xmemcore.shot.whole_file import write_text


@dataclass(frozen=True)
class NodeManifest:
    """What a node's last run was made of, in `<cache>/<node id>/manifest.json`."""

    plate: str
    """Pattern of the plate's files."""
    model_sha256: str
    features: dict[int, str]
    """By frame, the hash of the plate's content as the network sees it, which names its features."""
    annotations: dict[int, dict[str, str]]
    """By frame and object, the hash of what the artist made."""
    settings: dict[str, Any]

    def save(self, folder: Path) -> None:
        """Write the manifest whole; a cache that cannot be written is no failure."""
        content = {"format": FORMAT, **asdict(self)}
        with suppress(OSError):
            write_text(folder / "manifest.json", json.dumps(content, indent=1))

    @classmethod
    def load(cls, folder: Path) -> NodeManifest | None:
        """Read the manifest; None when there is none, or one of another format."""
        try:
            content = json.loads((folder / "manifest.json").read_text())
            if content.pop("format") != FORMAT:
                return None
            for name in ("features", "annotations"):
                content[name] = {int(frame): value for frame, value in content[name].items()}
            return cls(**content)
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None


def clear_node(node_id: str, cache: str | None = None) -> None:
    """Delete what a node keeps in the cache, and the features that only its manifest names; mattes stay.

    Raises:
        NodeIdInvalid, NodeBusy.
    """
    root = cache_root(cache)
    folder = node_folder(root, node_id)
    if not folder.is_dir():
        return
    with locked(folder / "lock"):
        own = _features_of(folder)
        others = set().union(*(_features_of(other) for other in root.iterdir() if other.is_dir() and other != folder))
        for key in own - others:
            features_folder(root).path(key).unlink(missing_ok=True)
        clear_node_files(root, node_id)


def bytes_used(root: Path, node_id: str) -> int:
    """Count what a node uses on disk, shared features included."""
    folder = node_folder(root, node_id)
    own = [path for name in NODE_FILES for path in [folder / name, *(folder / name).glob("*")]]
    return _sizes(own) + _sizes(features_folder(root).path(key) for key in _features_of(folder))


def _features_of(folder: Path) -> set[str]:
    manifest = NodeManifest.load(folder)
    return set(manifest.features.values()) if manifest else set()


def _sizes(paths: Iterable[Path]) -> int:
    return sum(path.stat().st_size for path in paths if path.is_file())
