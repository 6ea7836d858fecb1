"""Version 2 of the roto JSON, which the plugin sends: the texts of Roto nodes, and the artist's changes to the keyframes.

    {"version": 2, "format": [w, h, pixel_aspect], "rotos": [{"name": "Roto1", "curves": TEXT}], "union": null,
     "keyframes": {"sleeve": [1001, 1040]}, "absent": {"sleeve": [1020]}, "taken": ["diffuse"]}

`rotos` is a chain, the last node first; TEXT is what the knob's `toScript()` gives, with values sampled where it holds expressions.
Objects are named as `objects_of` names them; `union` names the one object that all shapes are, if they are one.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, Dict, Optional, Tuple

from xmemcore.protocol.outside import NotUsable, number, parse_json, short, whole_number

VERSION = 2
MAX_FRAME = 10**7
MAX_SIDE = 1_000_000

Frames = Dict[str, Tuple[int, ...]]


@dataclass(frozen=True)
class SentRoto:
    """A chain of rotos, as its texts."""

    format: Tuple[int, int, float]
    """Width, height and pixel aspect of the plate's format."""
    rotos: Tuple[Tuple[str, str], ...]
    """Name and curves text of each node, the last one of the chain first."""
    union: Optional[str] = None
    """Name of the one object that all shapes are; None: every top-level shape or layer is one."""
    keyframes: Frames = field(default_factory=dict)
    """Frames that count as annotated, by object; for an object that is missing here, its own keys count."""
    absent: Frames = field(default_factory=dict)
    """Frames, by object, on which the artist says that the object is not there, whatever its shapes say."""
    taken: Tuple[str, ...] = ()
    """Layers of the plate, which no matte may replace; see `objects_of`."""

    def write(self) -> str:
        """Write the JSON."""
        rotos = [{"name": name, "curves": text} for name, text in self.rotos]
        edits = {"union": self.union, "keyframes": self.keyframes, "absent": self.absent, "taken": self.taken}
        return json.dumps({"version": VERSION, "format": list(self.format), "rotos": rotos, **edits})

    @classmethod
    def parse(cls, text: str) -> SentRoto:
        """Read the JSON; raises NotUsable."""
        content = _object(parse_json(text), "the roto JSON")
        if content.get("version") != VERSION:
            raise NotUsable(f"its version is {short(content.get('version'))}, not {VERSION}")
        size = content.get("format")
        if not isinstance(size, list) or len(size) != 3:
            raise NotUsable("the format is not [width, height, pixel aspect]")
        width, height = (whole_number(side, "a side of the format", 0, MAX_SIDE) for side in size[:2])
        rotos = content.get("rotos")
        if not isinstance(rotos, list) or not rotos:
            raise NotUsable("it has no roto")
        return cls(
            (width, height, number(size[2], "the pixel aspect", 1e-3, 1e3)),
            tuple((_text(_object(side, "a roto").get("name"), "a name"), _text(side.get("curves"), "curves text")) for side in rotos),
            None if content.get("union") is None else _text(content["union"], "the name of the union"),
            _frames(content.get("keyframes", {}), "the keyframes"),
            _frames(content.get("absent", {}), "the absent frames"),
            _layers(content.get("taken", [])),
        )


def _object(value: Any, subject: str) -> Dict[str, Any]:
    if not isinstance(value, dict):
        raise NotUsable(f"{subject} is {short(value)}, which is no object in braces")
    return value


def _text(value: Any, subject: str) -> str:
    if not isinstance(value, str) or not value:
        raise NotUsable(f"{subject} is {short(value)}, which is no text")
    return value


def _layers(value: Any) -> Tuple[str, ...]:
    if not isinstance(value, list):
        raise NotUsable("the plate's layers are no list")
    return tuple(_text(layer, "a layer of the plate") for layer in value)


def _frames(value: Any, subject: str) -> Frames:
    found: Frames = {}
    for name, listed in _object(value, subject).items():
        if not isinstance(listed, list):
            raise NotUsable(f"{subject} of {short(name)} are no list")
        found[name] = tuple(sorted({whole_number(layer, f"a frame of {short(name)}", -MAX_FRAME, MAX_FRAME) for layer in listed}))
    return found
