"""Other Pythons on this machine, such as those of other Nukes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from shutil import which


def find_python(version: str) -> str | None:
    """Find an interpreter of this version, with tkinter or without."""
    this_version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    candidates = [sys.executable if this_version == version else "", *map(str, Path.home().glob(f".pyenv/versions/{version}.*/bin/python"))]
    candidates.append(which(f"python{version}") or "")
    for candidate in candidates:
        if candidate and os.path.isfile(candidate):
            answer = subprocess.run([candidate, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"], capture_output=True, text=True)
            if answer.stdout.strip() == version:
                return candidate
    return None
