"""The script that was saved with nodes of version 0.2.0, put into a folder of the test's."""

from __future__ import annotations

import base64
import re
import shutil
from pathlib import Path

from tests.witness.pixels import KEPT

HOME = "/shots/a"
"""Where the kept script says that it lies."""
HIDDEN = re.compile(r"(?m)^( (?:record|home|suggestions|key_edits)) (\S+)$")


def placed(folder: Path, kept: str = "script-0.2.0") -> Path:
    """Copy script and mattes into a folder, with their paths changed; gives the script."""
    shutil.copytree(KEPT / kept, folder, dirs_exist_ok=True)
    script = folder / "shot.nk"
    script.write_text(moved(script.read_text(), HOME, folder.as_posix()))
    for record in folder.rglob("*.json"):
        record.write_text(record.read_text().replace(HOME, folder.as_posix()))
    return script


def moved(script: str, old: str, new: str) -> str:
    """Change a folder in a script, in the hidden knobs too."""

    def hidden(match: re.Match[str]) -> str:
        content = base64.b64decode(match[2]).decode().replace(old, new)
        return f"{match[1]} {base64.b64encode(content.encode()).decode()}"

    return HIDDEN.sub(hidden, script.replace(old, new))
