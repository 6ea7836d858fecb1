"""Plain values of the API: Format, Box, Info, FrameRange, FrameRanges, View, OutputContext."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from .guard import public_class

_STANDARD = (
    "640 480 0 0 640 480 1 PC_Video",
    "720 486 0 0 720 486 0.91 NTSC",
    "720 576 0 0 720 576 1.09 PAL",
    "1280 720 0 0 1280 720 1 HD_720",
    "1920 1080 0 0 1920 1080 1 HD_1080",
    "3840 2160 0 0 3840 2160 1 UHD_4K",
    "1024 778 0 0 1024 778 1 1K_Super_35(full-ap)",
    "2048 1556 0 0 2048 1556 1 2K_Super_35(full-ap)",
    "4096 3112 0 0 4096 3112 1 4K_Super_35(full-ap)",
    "2048 1556 0 0 2048 1556 2 2K_Cinemascope",
    "256 256 0 0 256 256 1 square_256",
    "512 512 0 0 512 512 1 square_512",
    "1024 1024 0 0 1024 1024 1 square_1K",
    "2048 2048 0 0 2048 2048 1 square_2K",
)


@public_class
class Format:
    """Width, height, image area and pixel aspect; a name when it is on the list of formats."""

    def __init__(
        self, width: int, height: int, x: int = 0, y: int = 0, r: int | None = None, t: int | None = None, pixelAspect: float = 1.0
    ) -> None:
        self._width, self._height = int(width), int(height)
        self._x, self._y = int(x), int(y)
        self._r, self._t = int(width if r is None else r), int(height if t is None else t)
        self._aspect = float(pixelAspect)
        self._name = ""

    def _scaled(self, scale: float) -> Format:
        """The same format in proxy mode."""
        numbers = (self._width, self._height, self._x, self._y, self._r, self._t)
        return Format(*(int(number * scale) for number in numbers), self._aspect)

    def width(self) -> int:
        return self._width

    def height(self) -> int:
        return self._height

    def x(self) -> int:
        return self._x

    def y(self) -> int:
        return self._y

    def r(self) -> int:
        return self._r

    def t(self) -> int:
        return self._t

    def pixelAspect(self) -> float:
        return self._aspect

    def name(self) -> str:
        return self._name

    def add(self, name: str) -> None:
        from . import state

        self._name = name
        state.current()._formats[name] = self

    def setName(self, name: str) -> None:
        self._name = name

    def setWidth(self, newWidth: int) -> None:
        self._width = int(newWidth)

    def setHeight(self, newHeight: int) -> None:
        self._height = int(newHeight)

    def setPixelAspect(self, aspectRatio: float) -> None:
        self._aspect = float(aspectRatio)

    def _text(self) -> str:
        from .animation import number

        numbers = (self._width, self._height, self._x, self._y, self._r, self._t)
        return " ".join([*(str(n) for n in numbers), number(self._aspect), self._name])

    def _json(self) -> list[Any]:
        return [self._width, self._height, self._x, self._y, self._r, self._t, self._aspect, self._name]


def parse_format(text: str) -> Format | None:
    """Read `w h [x y r t] [aspect] [name]`; None when the text is not of that form."""
    words = text.split()
    numbers: list[float] = []
    while words and re.match(r"^-?\d+(\.\d+)?$", words[0]) and len(numbers) < 7:
        numbers.append(float(words.pop(0)))
    if len(numbers) < 2:
        return None
    if len(numbers) >= 6:
        image_format = Format(*(int(n) for n in numbers[:6]))
        image_format._aspect = numbers[6] if len(numbers) > 6 else 1.0
    else:
        image_format = Format(int(numbers[0]), int(numbers[1]))
        image_format._aspect = numbers[2] if len(numbers) > 2 else 1.0
    image_format._name = " ".join(words)
    return image_format


def standard_formats() -> dict[str, Format]:
    """Formats that a fresh session knows, by name."""
    found = [parse_format(text) for text in _STANDARD]
    return {image_format._name: image_format for image_format in found if image_format}


@public_class
class Box:
    """Integer rectangle, right and top exclusive."""

    def __init__(self, x: int = 0, y: int = 0, r: int = 1, t: int = 1) -> None:
        self._values = [x, y, r, t]

    def x(self) -> int:
        return self._values[0]

    def y(self) -> int:
        return self._values[1]

    def r(self) -> int:
        return self._values[2]

    def t(self) -> int:
        return self._values[3]

    def w(self) -> int:
        return self._values[2] - self._values[0]

    def h(self) -> int:
        return self._values[3] - self._values[1]

    def set(self, x: int, y: int, r: int, t: int) -> None:
        self._values = [x, y, r, t]

    def centerX(self) -> float:
        return (self._values[0] + self._values[2]) / 2

    def centerY(self) -> float:
        return (self._values[1] + self._values[3]) / 2


@public_class
class Info:
    """What Node.bbox returns: x, y, w, h."""

    def __init__(self, x: float, y: float, w: float, h: float) -> None:
        self._values = [float(x), float(y), float(w), float(h)]

    def x(self) -> float:
        return self._values[0]

    def y(self) -> float:
        return self._values[1]

    def w(self) -> float:
        return self._values[2]

    def h(self) -> float:
        return self._values[3]


@public_class
class FrameRange:
    """first-last by an increment."""

    def __init__(self, *args: Any) -> None:
        if len(args) == 1 and isinstance(args[0], str):
            match = re.match(r"^\s*(-?\d+)(?:-(-?\d+)(?:x(-?\d+))?)?\s*$", args[0])
            if not match:
                raise ValueError(f"invalid frame range {args[0]!r}")
            self._first = int(match.group(1))
            self._last = int(match.group(2) or self._first)
            self._increment = int(match.group(3) or 1)
        elif len(args) in (2, 3):
            self._first, self._last = int(args[0]), int(args[1])
            self._increment = int(args[2]) if len(args) == 3 else 1
        else:
            self._first, self._last, self._increment = 0, 0, 1
        self._cursor = 0

    def first(self) -> int:
        return self._first

    def last(self) -> int:
        return self._last

    def increment(self) -> int:
        return self._increment

    def stepFrame(self) -> int:
        return abs(self._increment)

    def minFrame(self) -> int:
        return min(self._first, self._last)

    def maxFrame(self) -> int:
        return max(self._first, self._last)

    def frames(self) -> int:
        return len(self._list())

    def getFrame(self, n: int) -> int:
        return self._first + n * self._increment

    def isInRange(self, n: int) -> bool:
        return n in self._list()

    def setFirst(self, n: int) -> None:
        self._first = int(n)

    def setLast(self, n: int) -> None:
        self._last = int(n)

    def setIncrement(self, n: int) -> None:
        self._increment = int(n)

    def _list(self) -> list[int]:
        step = self._increment or 1
        return list(range(self._first, self._last + (1 if step > 0 else -1), step))

    def __iter__(self) -> Iterator[int]:
        return iter(self._list())

    def __next__(self) -> int:
        frames = self._list()
        if self._cursor >= len(frames):
            self._cursor = 0
            raise StopIteration
        self._cursor += 1
        return frames[self._cursor - 1]

    def __str__(self) -> str:
        step = f"x{self._increment}" if self._increment != 1 else ""
        return f"{self._first}-{self._last}{step}"


@public_class
class FrameRanges:
    """Several ranges: from `"1-10 20"`, a list of frames, or a list of FrameRange."""

    def __init__(self, *args: Any) -> None:
        self._ranges: list[FrameRange] = []
        self._cursor = 0
        source = args[0] if args else []
        if isinstance(source, str):
            source = [FrameRange(word) for word in re.split(r"[,\s]+", source.strip()) if word]
        for item in source:
            self._ranges.append(item if isinstance(item, FrameRange) else FrameRange(int(item), int(item)))

    def add(self, r: FrameRange) -> None:
        self._ranges.append(r)

    def clear(self) -> None:
        self._ranges = []

    def compact(self) -> None:
        frames = sorted(set(self._list()))
        self._ranges = []
        for frame in frames:
            if self._ranges and self._ranges[-1]._last == frame - 1:
                self._ranges[-1]._last = frame
            else:
                self._ranges.append(FrameRange(frame, frame))

    def minFrame(self) -> int:
        return min(self._list())

    def maxFrame(self) -> int:
        return max(self._list())

    def size(self) -> int:
        return len(self._ranges)

    def getRange(self) -> FrameRange:
        return self._ranges[0]

    def toFrameList(self) -> list[int]:
        return self._list()

    def _list(self) -> list[int]:
        return [frame for frame_range in self._ranges for frame in frame_range._list()]

    def __iter__(self) -> Iterator[FrameRange]:
        return iter(self._ranges)

    def __next__(self) -> FrameRange:
        if self._cursor >= len(self._ranges):
            self._cursor = 0
            raise StopIteration
        self._cursor += 1
        return self._ranges[self._cursor - 1]

    def __str__(self) -> str:
        return " ".join(str(frame_range) for frame_range in self._ranges)


@public_class
class OutputContext:
    """A frame and a view; views are numbered from 1."""

    def __init__(self) -> None:
        self._frame, self._view = 1.0, 1

    def frame(self) -> float:
        return self._frame

    def setFrame(self, f: float) -> None:
        self._frame = float(f)

    def view(self) -> int:
        return self._view

    def setView(self, view: int) -> None:
        self._view = int(view)
