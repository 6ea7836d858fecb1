"""Files in the folder for exchange with the core: whole or not there at all; a disk that refuses them is spoken of in one way."""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path
from typing import Any, Dict, Iterator

from xmemcore.protocol.failures import MachineError


class ExchangeUnwritable(MachineError):
    """The folder for exchange with the core cannot be written."""


@contextlib.contextmanager
def changing(path: Path) -> Iterator[None]:
    """Say of what the disk refuses inside that it is about this path.

    Raises:
        ExchangeUnwritable.
    """
    try:
        yield
    except OSError as error:
        raise ExchangeUnwritable(
            f"Cannot write {path}: {error.strerror or error}. Free some space, or point XMEM_ROTO_CACHE at another disk."
        ) from error


def write_json(path: Path, content: Dict[str, Any]) -> None:
    """Write a file whole, and its folder where there is none.

    Raises:
        ExchangeUnwritable.
    """
    partial = path.with_name(f".{path.name}.part")
    with changing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text(json.dumps(content), encoding="utf-8")
        os.replace(partial, path)
