"""Where a node's files go: the mattes beside the script, everything that can be made again in the cache."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Optional

from xmemcore.protocol.failures import RequestError

_ONE_NUMBER = re.compile(r"[^%]*%(0\d+)?d[^%]*")


def script_home(script: str) -> str:
    """Name a script whatever its version: `/shots/a/comp_v012.nk` is `/shots/a/comp`, and `comp_v013_jd.nk` is `comp_jd`.

    Versions of one script share nodes and mattes: saving the next one must not make everything stale. Empty for a script never saved.
    """
    if not script:
        return ""
    path = Path(script.replace("\\", "/"))
    return (path.parent / (re.sub(r"[._-]?v\d+(?=$|[._-])", "", path.stem, flags=re.IGNORECASE) or "script")).as_posix()


def matte_pattern(chosen: str, script: str, node_id: str) -> str:
    """Say where the mattes go.

    Args:
        chosen: what the output knob evaluates to; empty for the default.
        script: path of the script; empty when it was never saved.
        node_id: two nodes never share a default.

    Returns:
        An absolute pattern with forward slashes, as Nuke wants them.

    Raises:
        RequestError: the default needs a script.
        RequestError: no frame number, something else to fill in such as %V, not EXR, or relative to nothing.
    """
    if not chosen:
        if not script:
            raise RequestError("The script has no place yet. Save it, or name an output path such as /shots/a/matte.%04d.exr.")
        home = Path(script_home(script))
        folder = home.parent / "mattes" / f"{home.name}_{node_id[:8]}"
        return (folder / "matte.%04d.exr").as_posix()
    # Nuke takes #### for %04d wherever frames are numbered, and so do its artists.
    path = Path(chosen.replace("\\", "/"))
    path = path.with_name(re.sub("#+", lambda hashes: f"%0{len(hashes.group())}d", path.name)) if path.name else path
    if not _ONE_NUMBER.fullmatch(path.name) or "%" in path.parent.as_posix() or path.suffix.lower() != ".exr":
        raise RequestError(f"The output path {chosen} is no pattern for EXR frames. Use one like matte.%04d.exr.")
    if not path.is_absolute():
        if not script:
            raise RequestError(f"The output path {chosen} is relative and the script has no place yet. Save it, or use an absolute path.")
        path = Path(script).parent / path
    return path.as_posix()


def disk_used(folder: Optional[Path]) -> int:
    """Add up the bytes below a folder; 0 when there is none."""
    if folder is None or not folder.is_dir():
        return 0
    total = 0
    for parent, _, files in os.walk(str(folder)):
        for name in files:
            try:
                total += os.path.getsize(os.path.join(parent, name))
            except OSError:
                continue  # deleted meanwhile
    return total
