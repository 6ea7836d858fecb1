"""What a shot answers; without torch, for programs that only print it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass
class Answer:
    """A result as the shot would give it."""

    content: dict[str, Any]

    def as_json(self) -> dict[str, Any]:
        return self.content


PROPAGATED: dict[str, Any] = {
    "out": "/m/matte.%04d.exr",
    "frames": [1001, 1002],
    "written": [1002],
    "objects": ["sleeve"],
    "layers": ["sleeve"],
    "seconds": 1.5,
}
