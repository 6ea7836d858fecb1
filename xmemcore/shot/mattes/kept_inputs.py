"""Find outputs that would replace an input, also by another link, mount or spelling."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path


def replaced_input(outputs: Iterable[Path], inputs: Iterable[Path]) -> tuple[Path, Path] | None:
    """Find an output that is an input.

    Files that do not exist yet cannot be inputs, so only outputs that exist are looked at; and inputs only where an output is a
    link, lies in a folder of inputs or has the name of one: a shot may have many frames on a slow disk.

    Returns:
        The output and the input that it would replace; None when there is no such pair.
    """
    inputs = list(inputs)
    folders = {identity for folder in {path.parent for path in inputs} if (identity := _identity(folder)) is not None}
    named: dict[str, list[Path]] = {}
    for path in inputs:
        named.setdefault(path.name.casefold(), []).append(path)
    all_inputs: dict[tuple[int, int], Path] | None = None
    own_folders: dict[Path, bool] = {}
    for output in outputs:
        try:
            status = os.lstat(output)
        except OSError:
            continue
        for other in named.get(output.name.casefold(), ()):
            if _is_same_file(output, other):
                return output, other
        if output.parent not in own_folders:
            own_folders[output.parent] = _identity(output.parent) in folders
        if own_folders[output.parent] or stat.S_ISLNK(status.st_mode) or status.st_nlink > 1:
            if all_inputs is None:
                all_inputs = {identity: path for path in inputs if (identity := _identity(path)) is not None}
            replaced = all_inputs.get(_identity(output) or (-1, -1))
            if replaced is not None:
                return output, replaced
    return None


def _is_same_file(output: Path, other: Path) -> bool:
    """Compare two files that exist; over two mounts of one disk the device differs, and all else is equal."""
    with suppress(OSError):
        first, second = os.stat(output), os.stat(other)
        if os.path.samestat(first, second):
            return True
        same_file = (first.st_ino, first.st_size, first.st_mtime_ns) == (second.st_ino, second.st_size, second.st_mtime_ns)
        return first.st_ino != 0 and first.st_size > 0 and same_file
    return False


def _identity(path: Path) -> tuple[int, int] | None:
    with suppress(OSError):
        status = os.stat(path)
        return status.st_dev, status.st_ino
    return None
