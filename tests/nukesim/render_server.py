"""The renderer process: JSON requests in, JSON answers out, one a line. Needs numpy, OpenEXR and Pillow; the host needs none of them."""

from __future__ import annotations

import base64
import json
import os
import sys
import zlib
from pathlib import Path
from typing import Any

# OpenEXR prints warnings to stdout from C++: keep the real stdout for answers, and send file descriptor 1 to stderr.
_ANSWERS = os.fdopen(os.dup(1), "w", encoding="utf-8")
os.dup2(2, 1)
sys.path.insert(0, str(Path(__file__).resolve().parent))

import numpy as np  # noqa: E402
import picture_files  # noqa: E402
import picture_ops  # noqa: E402


def info(request: dict[str, Any]) -> dict[str, Any]:
    """Format, box, channels and metadata; no pixels of the tree are computed (files are read)."""
    picture = picture_ops.run(request["ops"], request["target"])
    return {"format": picture.format, "bbox": list(picture.box), "channels": list(picture.planes), "metadata": picture.metadata}


def write(request: dict[str, Any]) -> dict[str, Any]:
    """Render and write a file."""
    picture = picture_ops.run(request["ops"], request["target"])
    picture_files.write(picture, request["path"], request["settings"])
    return {"path": request["path"]}


sys.setrecursionlimit(20_000)  # a picture asks the one above it, and a tree may be a thousand nodes deep
_LAST: dict[str, Any] = {}
"""The picture of the last sample: whoever samples one samples many."""


def _looked_at(request: dict[str, Any]) -> Any:
    key = json.dumps([request["ops"], request["target"]])
    if key not in _LAST:
        _LAST.clear()
        _LAST[key] = picture_ops.run(request["ops"], request["target"])
    return _LAST[key]


def sample(request: dict[str, Any]) -> dict[str, Any]:
    """The value of a pixel, or the mean of a box of pixels around a point."""
    picture = _looked_at(request)
    x, y, dx, dy = request["x"], request["y"], request["dx"], request["dy"]
    if dx is None or dy is None:
        column, row = int(np.floor(x)), int(np.floor(y))
        plane = picture.over(request["channel"], (column, row, column + 1, row + 1))
        return {"value": float(plane[0, 0])}
    left, bottom = int(np.floor(x - dx / 2 + 0.5)), int(np.floor(y - dy / 2 + 0.5))
    plane = picture.over(request["channel"], (left, bottom, left + max(int(dx), 1), bottom + max(int(dy), 1)))
    return {"value": float(plane.mean())}


def pixels(request: dict[str, Any]) -> dict[str, Any]:
    """Planes over the format (or the picture's own box): float32, bottom row first, compressed, base64."""
    picture = picture_ops.run(request["ops"], request["target"])
    box = picture.box if request.get("own_box") else (0, 0, int(picture.format[0]), int(picture.format[1]))
    planes = {
        name: base64.b64encode(zlib.compress(np.ascontiguousarray(picture.over(name, box)).tobytes(), 1)).decode()
        for name in request["channels"] or picture.planes
    }
    return {"box": list(box), "planes": planes, "format": picture.format}


_COMMANDS = {"info": info, "write": write, "sample": sample, "pixels": pixels}


def main() -> None:
    for line in sys.stdin:
        try:
            request = json.loads(line)
            answer = {"ok": True, **_COMMANDS[request["command"]](request)}
        except Exception as failure:
            answer = {"ok": False, "error": str(failure), "kind": type(failure).__name__}
        _ANSWERS.write(json.dumps(answer) + "\n")
        _ANSWERS.flush()


if __name__ == "__main__":
    main()
