"""Build a release: a wheel and the archive, which unpacked is what a checkout is.

    python -m tests.release [FOLDER]     into dist/, or the folder

Built from a clean copy, so that nothing which lies about in the checkout gets in. The version is that of the protocol; a changelog
without its section is refused.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from xmemcore.protocol.version import VERSION

CHECKOUT = Path(__file__).resolve().parent.parent
LEFT_OUT = (".venv", ".git", "build", "dist", "*.egg-info", "__pycache__", "demo-output", "runs", ".*_cache", ".hypothesis")
BUILD_SECONDS = 300


class ReleaseRefused(Exception):
    """What would be released does not agree with itself."""


def require_changelog() -> None:
    """Raise ReleaseRefused where the changelog does not begin with this version."""
    text = (CHECKOUT / "CHANGELOG.md").read_text(encoding="utf-8")
    newest = re.search(r"^## (\S+)", text, re.MULTILINE)
    if newest is None or newest[1] != VERSION:
        raise ReleaseRefused(
            f"The protocol's version is {VERSION}, but the changelog begins with {newest[1] if newest else 'no version'}. Make them agree."
        )


def build(folder: Path) -> list[Path]:
    """Build both into a folder; gives their paths."""
    with tempfile.TemporaryDirectory(prefix="xmem-roto-release-") as name:
        copy = Path(name) / "checkout"
        shutil.copytree(CHECKOUT, copy, ignore=shutil.ignore_patterns(*LEFT_OUT))
        for kind in ("bdist_wheel", "sdist"):
            command = [sys.executable, "setup.py", "-q", kind]
            answer = subprocess.run(command, cwd=copy, capture_output=True, text=True, timeout=BUILD_SECONDS)
            if answer.returncode != 0:
                raise ReleaseRefused(f"setuptools could not build {kind}: {answer.stderr.strip()[-500:]}")
        folder.mkdir(parents=True, exist_ok=True)
        return [Path(shutil.copy2(path, folder)) for path in sorted((copy / "dist").iterdir())]


def main() -> int:
    """Build, and say where both are."""
    try:
        require_changelog()
        for path in build(Path(sys.argv[1]) if len(sys.argv) > 1 else CHECKOUT / "dist"):
            print(f"{path}  {path.stat().st_size / 1e6:.1f} MB")
    except ReleaseRefused as refused:
        print(f"No release: {refused}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
