"""CVec2, CVec3, CVec4 and CMatrix4 of the curve library: sequences of floats with arithmetic."""

from __future__ import annotations

import math
from typing import Any


class _Floats:
    """A fixed number of floats."""

    _count = 0
    _letters = ""

    def __init__(self, *values: Any) -> None:
        if len(values) == 1 and not isinstance(values[0], (int, float)):
            values = tuple(values[0])
        numbers = [float(v) for v in values][: self._count]
        self._v = numbers + [0.0] * (self._count - len(numbers))

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: Any) -> Any:
        return self._v[index]

    def __setitem__(self, index: int, object: float) -> None:
        self._v[index] = float(object)

    def __iter__(self) -> Any:
        return iter(self._v)

    def _zip(self, other: Any, function: Any) -> Any:
        values = other._v if isinstance(other, _Floats) else [float(other)] * self._count
        return type(self)(*(function(a, b) for a, b in zip(self._v, values)))

    def __add__(self, other: Any) -> Any:
        return self._zip(other, lambda a, b: a + b)

    def __sub__(self, other: Any) -> Any:
        return self._zip(other, lambda a, b: a - b)

    def __mul__(self, other: Any) -> Any:
        return self._zip(other, lambda a, b: a * b)

    def __rmul__(self, other: Any) -> Any:
        return self._zip(other, lambda a, b: a * b)

    def __truediv__(self, other: Any) -> Any:
        return self._zip(other, lambda a, b: a / b)

    def __neg__(self) -> Any:
        return type(self)(*(-v for v in self._v))

    def __eq__(self, other: Any) -> bool:
        return isinstance(other, _Floats) and self._v == other._v

    def __hash__(self) -> int:
        return hash(tuple(self._v))

    def __repr__(self) -> str:
        return "{{{}}}".format(", ".join(f"{v:g}" for v in self._v))


def _letter(index: int) -> property:
    return property(lambda self: self._v[index], lambda self, value: self._v.__setitem__(index, float(value)))


class CVec2(_Floats):
    """x, y."""

    _count = 2
    x, y = _letter(0), _letter(1)


class CVec3(_Floats):
    """x, y, z."""

    _count = 3
    x, y, z = _letter(0), _letter(1), _letter(2)


class CVec4(_Floats):
    """x, y, z, w."""

    _count = 4
    x, y, z, w = _letter(0), _letter(1), _letter(2), _letter(3)


class CMatrix4(_Floats):
    """16 floats, row-major; column vectors, so the translation is in elements 3, 7, 11."""

    _count = 16

    def __init__(self, *values: Any) -> None:
        super().__init__(*values)
        if not values:
            self.makeIdentity()

    def makeIdentity(self) -> None:
        self._v = [float(i % 5 == 0) for i in range(16)]

    def _product(self, other: CMatrix4) -> CMatrix4:
        a, b = self._v, other._v
        return CMatrix4(*(sum(a[4 * r + k] * b[4 * k + c] for k in range(4)) for r in range(4) for c in range(4)))

    def __mul__(self, other: Any) -> Any:
        if isinstance(other, CMatrix4):
            return self._product(other)
        if isinstance(other, _Floats):
            vector = list(other._v) + [0.0] * (4 - other._count)
            if other._count < 4:
                vector[3] = 1.0
            out = [sum(self._v[4 * r + k] * vector[k] for k in range(4)) for r in range(4)]
            return type(other)(*out[: other._count])
        return CMatrix4(*(v * float(other) for v in self._v))

    def _apply(self, x: float, y: float) -> tuple[float, float]:
        """Transform a point of the plane."""
        m = self._v
        w = m[12] * x + m[13] * y + m[15] or 1.0
        return (m[0] * x + m[1] * y + m[3]) / w, (m[4] * x + m[5] * y + m[7]) / w

    def translate(self, x: float, y: float, z: float) -> None:
        self._v = self._product(CMatrix4(1, 0, 0, x, 0, 1, 0, y, 0, 0, 1, z, 0, 0, 0, 1))._v

    def translation(self, x: float, y: float, z: float) -> None:
        self._v = [1, 0, 0, float(x), 0, 1, 0, float(y), 0, 0, 1, float(z), 0, 0, 0, 1]

    def scale(self, x: float, y: float, z: float) -> None:
        self._v = self._product(CMatrix4(x, 0, 0, 0, 0, y, 0, 0, 0, 0, z, 0, 0, 0, 0, 1))._v

    def rotateX(self, angleInRadians: float) -> None:
        c, s = math.cos(angleInRadians), math.sin(angleInRadians)
        self._v = self._product(CMatrix4(1, 0, 0, 0, 0, c, -s, 0, 0, s, c, 0, 0, 0, 0, 1))._v

    def rotateY(self, angleInRadians: float) -> None:
        c, s = math.cos(angleInRadians), math.sin(angleInRadians)
        self._v = self._product(CMatrix4(c, 0, s, 0, 0, 1, 0, 0, -s, 0, c, 0, 0, 0, 0, 1))._v

    def rotateZ(self, angleInRadians: float) -> None:
        c, s = math.cos(angleInRadians), math.sin(angleInRadians)
        self._v = self._product(CMatrix4(c, -s, 0, 0, s, c, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1))._v

    def skew(self, x: float, y: float, z: float) -> None:
        self._v = self._product(CMatrix4(1, x, 0, 0, y, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1))._v
