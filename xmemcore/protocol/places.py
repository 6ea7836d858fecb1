"""Folders that plugin and core share (cache, exchange, models, approved mattes), and the names of environment variables."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Dict, List, Mapping, Optional, Tuple

from xmemcore.protocol.names import EXCHANGE

CACHE_VARIABLE = "XMEM_ROTO_CACHE"
"""Root of the cache."""
NUKE_TEMP_VARIABLE = "NUKE_TEMP_DIR"
"""Nuke's own folder for what is temporary."""
MODELS_VARIABLE = "XMEM_ROTO_MODELS"
"""Folder of models."""
OUTPUT_VARIABLE = "XMEM_ROTO_OUTPUT"
"""A studio's template for mattes of nodes that name no output, with {script_dir}, {script}, {version}, {node}, {shot}."""
PYTHON_VARIABLE = "XMEM_ROTO_PYTHON"
"""The core's interpreter."""

NAME = "xmem-roto"
"""Name of our folder in places that other programs use too."""


def cache_root(chosen: Optional[str] = None, environment: Optional[Mapping[str, str]] = None) -> Path:
    """Find the cache: what was asked for, $XMEM_ROTO_CACHE, $NUKE_TEMP_DIR, else the platform's cache folder."""
    environment = os.environ if environment is None else environment
    if chosen:
        return Path(chosen).expanduser()
    if environment.get(CACHE_VARIABLE):
        return Path(environment[CACHE_VARIABLE]).expanduser()
    if environment.get(NUKE_TEMP_VARIABLE):
        return Path(environment[NUKE_TEMP_VARIABLE]) / NAME
    if sys.platform == "win32":
        return Path(environment.get("LOCALAPPDATA", str(Path.home() / "AppData/Local"))) / NAME / "cache"
    if sys.platform == "darwin":
        return Path.home() / "Library/Caches" / NAME
    return Path(environment.get("XDG_CACHE_HOME", str(Path.home() / ".cache"))) / NAME


APPROVED = "approved"
"""Folder of approved mattes, beside the mattes that they are copies of."""


def approved_folder(mattes: str) -> Path:
    """Say where the approved copies of a sequence of mattes are kept, by the pattern of its files."""
    return Path(mattes).parent / APPROVED


def exchange_root(cache: Optional[str] = None) -> Path:
    """Give the folder that holds the exchange folders of all nodes."""
    return cache_root(cache) / EXCHANGE


def exchange_folder(node_id: str, cache: Optional[str] = None) -> Path:
    """Give the folder in which the plugin hands plates, roto and alphas of one node to the core."""
    return exchange_root(cache) / node_id


RENDERED = ("plate", "roto_alpha", "alpha")
"""Folders of rendered frames in an exchange folder."""


def exchange_lock(folder: Path) -> Path:
    """Say where the lock of an exchange folder is: beside it, since Clear deletes what is in it."""
    return folder.with_name(f"{folder.name}.lock")


def file_state(path: Path) -> Optional[List[int]]:
    """Give a file's size and time; None when it is not there."""
    try:
        state = path.stat()
    except OSError:
        return None
    return [state.st_size, state.st_mtime_ns]


def exr_states(folder: Path) -> Optional[Dict[str, Tuple[int, int]]]:
    """Give size and time of each EXR of a folder, by name; None when the folder cannot be listed."""
    states: Dict[str, Tuple[int, int]] = {}
    try:
        with os.scandir(folder) as listed:
            for entry in listed:
                if entry.name.lower().endswith(".exr"):
                    with suppress(OSError):  # deleted meanwhile, or a link to nothing: no file, and the others are there
                        state = entry.stat()
                        states[entry.name] = (state.st_size, state.st_mtime_ns)
    except OSError:
        return None
    return states


THUMBNAIL_WIDTH, THUMBNAIL_HEIGHT = 176, 99
"""Of a small picture in the panel's strip, in points: one pixel each on a plain screen, two by two on a dense one."""


def thumbnail(node_id: str, frame: int, cache: Optional[str] = None) -> Path:
    """Say where the core puts the small picture of a frame for the panel's strip."""
    return exchange_folder(node_id, cache) / "thumbnails" / f"{frame}.png"
