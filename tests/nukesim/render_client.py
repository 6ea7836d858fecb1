"""The renderer's door: a second process (it needs numpy, OpenEXR and Pillow) that is asked in lines of JSON."""

from __future__ import annotations

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


class Renderer:
    """One renderer process, started on first use."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None

    def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        """Send a request and return the answer; RuntimeError with the renderer's sentence when it says no."""
        process = self._start()
        assert process.stdin is not None and process.stdout is not None
        try:
            process.stdin.write(json.dumps(request) + "\n")
            process.stdin.flush()
            line = process.stdout.readline()
        except OSError as error:
            line = ""
            self._process = None
            raise RuntimeError(f"The renderer went away: {error}") from error
        if not line:
            self._process = None
            raise RuntimeError(f"The renderer died; it needs numpy, OpenEXR and Pillow in {interpreter()}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _start(self) -> subprocess.Popen[str]:
        if self._process is None:
            environment = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "PYTHONHOME")}
            self._process = subprocess.Popen(
                [interpreter(), str(_SERVER)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8", env=environment
            )
        return self._process

    def close(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            assert process.stdin is not None and process.stdout is not None
            process.stdin.close()
            process.stdout.close()
            try:
                process.wait(timeout=5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
