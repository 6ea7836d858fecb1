"""Find the core's interpreter, and start it without anything of Nuke's own Python."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Dict, List, Mapping

from xmemcore.protocol.failures import RequestError
from xmemcore.protocol.places import PYTHON_VARIABLE, cache_root

CHECKOUT = Path(__file__).resolve().parents[2]
"""The folder that holds nuke_plugin, xmemcore and bootstrap.py."""

BOOTSTRAP = "bootstrap.py"
"""Script that sets up the core. A checkout and a release have it; the folder that a wheel puts under `share` does not."""


_LEAKS = ("LD_LIBRARY_PATH", "LD_PRELOAD", "QT_PLUGIN_PATH", "QT_QPA_PLATFORM_PLUGIN_PATH", "OCIO")
_LEAK_PREFIXES = ("PYTHON", "DYLD_")


class CoreMissing(RequestError):
    """There is no interpreter to run the core with."""


def interpreter(environment: Mapping[str, str] = os.environ) -> Path:
    """Find the core's Python: $XMEM_ROTO_PYTHON, else the checkout's .venv; never the one in PATH.

    Raises:
        CoreMissing: there is none.
    """
    named = environment.get(PYTHON_VARIABLE)
    if named:
        if not Path(named).is_file():
            raise CoreMissing(f"{PYTHON_VARIABLE} names {named}, which is not a file. Point it at the core's Python or unset it.")
        return Path(named)
    inside = Path("Scripts", "python.exe") if sys.platform == "win32" else Path("bin", "python")
    path = CHECKOUT / ".venv" / inside
    if not path.is_file():
        raise CoreMissing(f"The core is not set up: {path} does not exist. {how_to_set_up()}")
    return path


def can_set_up() -> bool:
    """Say whether there is a script here that sets up the core."""
    return (CHECKOUT / BOOTSTRAP).is_file()


def how_to_set_up() -> str:
    """Say what to do about a missing core."""
    if can_set_up():
        return f"Choose XMem Roto > Set up the core in the Nodes menu, or run `python {BOOTSTRAP}` in {CHECKOUT}."
    return f"Set {PYTHON_VARIABLE} to the Python into which the wheel of XMem Roto is installed, and start Nuke again."


def is_set_up() -> bool:
    """Say whether there is a core to start."""
    try:
        interpreter()
    except CoreMissing:
        return False
    return True


def worker_command(python: Path) -> List[str]:
    """Name the worker's command line; isolated mode shuts out the user's site-packages and every PYTHON* variable."""
    arguments = ["--parent", str(os.getpid())]
    if (CHECKOUT / "xmemcore" / "worker" / "__main__.py").is_file():
        # The core beside this plugin, whatever the environment has installed: both sides are then of one version.
        start = f"import sys; sys.path.insert(0, {str(CHECKOUT)!r}); from xmemcore.worker.__main__ import main; main()"
        return [str(python), "-I", "-c", start, *arguments]
    return [str(python), "-I", "-m", "xmemcore.worker", *arguments]


def clean_environment(environment: Mapping[str, str] = os.environ) -> Dict[str, str]:
    """Copy the environment without what Nuke sets for itself: its PYTHONHOME ends any other Python at once."""
    return {name: value for name, value in environment.items() if name not in _LEAKS and not name.startswith(_LEAK_PREFIXES)}


def log_folder() -> Path:
    """Give the folder of the core's logs and of the diagnosis."""
    return cache_root() / "logs"
