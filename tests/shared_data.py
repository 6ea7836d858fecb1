"""Where the shared data lie: clips, golden cases and samples of real Nuke scripts. The one place that says so.

Standard library only: lists that are made at collection ask here, and so do the Pythons without pytest.
"""

from __future__ import annotations

import os
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent


def folder() -> Path:
    """Give the folder that should hold the shared data: $XMEM_ROTO_SHARED, else ../shared."""
    return Path(os.environ.get("XMEM_ROTO_SHARED") or CHECKOUT.parent / "shared")


def names(of: str, pattern: str) -> list[str]:
    """List the files of one of its folders as test parameters, by name; `none` where there are none, so that the test can say so."""
    return sorted(path.name for path in (folder() / of).glob(pattern)) or ["none"]


def what_is_missing(of: str = "") -> str | None:
    """Say that one of its folders is absent, or None when it is there."""
    path = folder() / of
    return None if path.is_dir() else f"No shared data at {path}. Set XMEM_ROTO_SHARED to the folder that holds clips/ and parity/."


def required() -> bool:
    """Say whether a test without its shared data fails rather than skips: a green run in CI means that parity was checked."""
    return os.environ.get("CI") == "true"
