"""The renderer's door: a second process (it needs numpy, OpenEXR and Pillow) that is asked in lines of JSON."""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

_SERVER = Path(__file__).resolve().parent / "render_server.py"


def interpreter() -> str:
    """Path of the python for the renderer: $XMEM_ROTO_PYTHON, else the checkout's .venv, else this one."""
    checkout = Path(__file__).resolve().parents[2]
    named = os.environ.get("NUKESIM_RENDER_PYTHON") or os.environ.get("XMEM_ROTO_PYTHON")
    local = [checkout / ".venv" / "bin" / "python", checkout / ".venv" / "Scripts" / "python.exe"]
    for candidate in ([Path(named)] if named else []) + local:
        if candidate.exists():
            return str(candidate)
    return sys.executable


_running: dict[str, subprocess.Popen[str]] = {}
"""By interpreter, the renderer of this process: it keeps nothing of a script, so all stand-ins of a process share it."""


class Renderer:
    """A renderer process, started on first use and ended with this process."""

    def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        """Send a request and return the answer; RuntimeError with the renderer's sentence when it says no."""
        python = interpreter()
        process = _started(python)
        assert process.stdin is not None and process.stdout is not None
        try:
            process.stdin.write(json.dumps(request) + "\n")
            process.stdin.flush()
            line = process.stdout.readline()
        except OSError as error:
            _end(python)
            raise RuntimeError(f"The renderer went away: {error}") from error
        except BaseException:
            _end(python)  # its answer would be taken for that of the next question
            raise
        if not line:
            _end(python)
            raise RuntimeError(f"The renderer died; it needs numpy, OpenEXR and Pillow in {python}")
        answer: dict[str, Any] = json.loads(line)
        return answer


def _started(python: str) -> subprocess.Popen[str]:
    if python not in _running or _running[python].poll() is not None:
        environment = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "PYTHONHOME")}
        _running[python] = subprocess.Popen(
            [python, str(_SERVER)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8", env=environment
        )
    return _running[python]


def _end(python: str) -> None:
    process = _running.pop(python)
    assert process.stdin is not None and process.stdout is not None
    with contextlib.suppress(OSError):
        process.stdin.close()
    process.stdout.close()
    try:
        process.wait(timeout=5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@atexit.register
def _end_all() -> None:
    for python in list(_running):
        _end(python)
