"""Other processes, as tests look at them."""

from __future__ import annotations

from pathlib import Path


def runs(pid: int) -> bool:
    """Say whether a process runs; a zombie that nobody has collected yet has ended all the same. Linux only."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False
