"""Plain values of the API: Format, Box, Info."""

from __future__ import annotations

import re
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
