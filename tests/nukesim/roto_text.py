"""The `curves` text: Tcl lists in, a tree of layers, shapes and strokes out, and back (NUKE_FACTS 3.1)."""

from __future__ import annotations

import re
import struct
from typing import Any

from . import curvelib as lib
from . import state
from .animation import CONSTANT, LINEAR, code_of
from .tcl_words import quote

_NUMBER = re.compile(r"^(x[0-9a-fA-F]{8}|[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?)$")


class RotoSyntax(RuntimeError):
    """The text is not a curves text."""


def to_float(word: str) -> float:
    """Read `512`, `0.5` or `xc1940000`."""
    if word[:1] == "x":
        return float(struct.unpack(">f", bytes.fromhex(word[1:]))[0])
    return float(word)


def to_word(value: float) -> str:
    """Write 0 and 1 bare and everything else as the 32-bit float's hex, as Nuke does."""
    if value in (0.0, 1.0):
        return str(int(value))
    return "x" + struct.pack(">f", value).hex()


class Reader:
    """Builds the tree; `make` gives empty elements, so that this module knows nothing of the API's classes."""

    def __init__(self, split: Any, make: Any) -> None:
        self.split, self.make = split, make

    def root(self, text: str) -> Any:
        """Return the root layer of a whole text, with or without its AddMode words."""
        words = self.split(text)
        if words and words[0] == "AddMode":
            words = self.split(words[5]) if len(words) > 5 else []
        elif len(words) == 1:
            words = self.split(words[0])
        parts = {}
        for word in words:
            pieces = self.split(word)
            if pieces:
                parts[pieces[0]] = pieces[1:]
        if "v" not in parts:
            raise RotoSyntax(f"This is not a curves text: {text[:60]!r}")
        if not parts.get("n"):
            raise RotoSyntax("The curves text has no root layer")
        root = self.element(parts["n"][0])
        root._version, root._file_flags = parts["v"][0], (parts.get("f") or ["0"])[0]
        root._tail = [word for word in words if self.split(word)[:1] not in (["v"], ["f"], ["n"])]
        return root

    def element(self, text: str) -> Any:
        words = self.split(text)
        if words[0] == "layer":
            return self.layer(words)
        if words[0] == "curvegroup":
            return self.shape(words)
        if words[0] == "cubiccurve":
            return self.stroke(words)
        return self.make("raw", text)

    def layer(self, words: list[str]) -> Any:
        layer = self.make("layer", words[1])
        for word in words[2:]:
            pieces = self.split(word)
            if pieces[0] == "f":
                layer._flags = int(pieces[1])
            elif pieces[0] in ("t", "tx"):
                self.transform(layer._transform, pieces)
            elif pieces[0] == "a":
                self.attributes(layer._attributes, pieces[1:])
            else:
                layer._adopt(self.element(word))
        return layer

    def shape(self, words: list[str]) -> Any:
        shape = self.make("shape", words[1])
        shape._flags, shape._type = int(words[2]), words[3]
        curves = self.split(words[4])
        main_flags, main = self.curve(curves[0])
        shape._curve_flags = [main_flags, main_flags]
        shape._idem = len(curves) > 1 and curves[1] == "idem"
        feather: list[Any] = []
        if len(curves) > 1 and not shape._idem:
            shape._curve_flags[1], feather = self.curve(curves[1])
        shape._take(main, feather)
        self.tail(shape, words[5:])
        return shape

    def stroke(self, words: list[str]) -> Any:
        stroke = self.make("stroke", words[1])
        stroke._flags, stroke._type = int(words[2]), words[3]
        flags, points = self.curve(words[4])
        stroke._curve_flags = [flags]
        for point in points:
            stroke._add_point(point)
        self.tail(stroke, words[5:])
        return stroke

    def tail(self, element: Any, words: list[str]) -> None:
        for word in words:
            pieces = self.split(word)
            if pieces[:1] in (["t"], ["tx"]):
                self.transform(element._transform, pieces)
            elif pieces[:1] == ["a"]:
                self.attributes(element._attributes, pieces[1:])
            elif pieces:
                element._extra.append(word)

    def curve(self, text: str) -> tuple[int, list[Any]]:
        words = self.split(text)
        if words[0] != "cc":
            raise RotoSyntax(f"expected {{cc ...}}, found {text[:40]!r}")
        flags, points = 0, []
        for word in words[1:]:
            pieces = self.split(word)
            if pieces[0] == "f":
                flags = int(pieces[1])
            elif pieces[0] == "p":
                points = [self.point(piece, None) for piece in pieces[1:]]
            elif pieces[0] == "px":
                times = [to_float(t) for t in self.split(pieces[1])]
                points = [self.point(piece, times) for piece in pieces[2:]]
        return flags, points

    def point(self, text: str, times: list[float] | None) -> Any:
        words = self.split(text)
        point = lib.AnimControlPoint()
        point._attributes = None  # type: ignore[attr-defined]
        if words and self.split(words[0])[:1] == ["a"] and not _NUMBER.match(words[0]):
            point._attributes = lib.AnimAttributes()  # type: ignore[attr-defined]
            point._attributes._up = point  # type: ignore[attr-defined]
            self.attributes(point._attributes, self.split(words[0])[1:])  # type: ignore[attr-defined]
            words = words[1:]
        for index, word in enumerate(words[:3]):
            self.timed(point._curves[index], word, times)
        return point

    def timed(self, curve: Any, word: str, times: list[float] | None) -> None:
        """A coordinate: its key times come from the header."""
        if times is None:
            self.value(curve, word)
            return
        if _NUMBER.match(word):
            for time in times:
                self.key(curve, time, [word])
            return
        entries = self.split(word)
        if entries and entries[0].startswith("="):
            self.expression(curve, entries, times)
            return
        flat: list[list[str]] = []
        for entry in entries:
            pieces = self.split(entry)
            if len(pieces) == 3 and pieces[0] == "x":
                flat += [self.split(pieces[2])] * int(pieces[1])
            else:
                flat.append(pieces)
        if len(flat) == 1 and len(times) > 1:
            flat = flat * len(times)
        if len(flat) != len(times):
            raise RotoSyntax(f"{len(flat)} keys for {len(times)} times in {word[:60]!r}")
        for time, pieces in zip(times, flat):
            self.key(curve, time, pieces)

    def key(self, curve: Any, time: float, pieces: list[str]) -> None:
        key = lib.AnimCurveKey(time, to_float(pieces[0]))
        key._up, key._from_text, key._sloped = curve, len(pieces) > 1, len(pieces) > 4
        tangents = pieces[1:]
        if len(tangents) >= 4:
            key._put([to_float(word) for word in tangents[:4]])
            key._rest = tangents[4:]  # type: ignore[attr-defined]
        curve._keys.append(key)

    def value(self, curve: Any, word: str) -> None:
        """A curve that carries its own times."""
        if _NUMBER.match(word):
            curve.constantValue = to_float(word)
            return
        entries = self.split(word)
        if entries and entries[0].startswith("="):
            self.expression(curve, entries)
            return
        for entry in entries:
            pieces = self.split(entry)
            self.key(curve, to_float(pieces[0]), pieces[1:])

    def expression(self, curve: Any, entries: list[str], times: list[float] | None = None) -> None:
        """`=expr` and the number or keys that stay behind it."""
        curve.useExpression, curve.expressionString = True, entries[0][1:]
        if len(entries) > 1:
            if _NUMBER.match(entries[1]):
                curve.constantValue = to_float(entries[1])
            else:
                self.timed(curve, entries[1], times)

    def attributes(self, attributes: Any, words: list[str]) -> None:
        for name, word in zip(words[0::2], words[1::2]):
            curve = lib.AnimCurve()
            curve._up = attributes
            self.value(curve, word)
            attributes._curves[name] = curve
            attributes._named_in_text.add(name)

    def transform(self, transform: Any, pieces: list[str]) -> None:
        if pieces[0] == "tx":  # one time for the families that are keyed together, whichever of them are written out
            words = dict(enumerate(pieces[2:]))
            for index in range(max(lib.KEYED_AT_BIRTH, len(words))):
                self.key(transform._curves[index], to_float(pieces[1]), [words.get(index, to_word(lib._default(index)))])
        else:
            for index, word in enumerate(pieces[1:]):
                self.value(transform._curves[index], word)


# --- writing ---------------------------------------------------------------------------------------------------------


def write_root(root: Any) -> str:
    """Return `{v ..} {f ..} {n LAYER}`."""
    body = f"{{v {root._version}}} {{f {root._file_flags}}} {{n {{{element_text(root)}}}}}"
    return " ".join([body, *(f"{{{word}}}" for word in root._tail)])


def element_text(element: Any) -> str:
    """Return a layer, shape or stroke without the outer braces."""
    kind = element._kind
    if kind == "raw":
        return str(element._text)
    head = quote(element._name) if element._name else "{}"
    tail = [transform_text(element._transform), attributes_text(element._attributes), *(f"{{{word}}}" for word in element._extra)]
    if kind == "layer":
        return " ".join(["layer", head, f"{{f {element._flags}}}", *tail, *(f"{{{element_text(child)}}}" for child in element._elements)])
    if kind == "shape":
        main, feather = element._lists()
        second = "idem" if element._is_idem() else curve_text(feather, element._curve_flags[1])
        curves = f"{{{curve_text(main, element._curve_flags[0])} {second}}}"
        return " ".join(["curvegroup", head, str(element._flags), element._type, curves, *tail])
    return " ".join(["cubiccurve", head, str(element._flags), element._type, curve_text(element._points, element._curve_flags[0]), *tail])


def curve_text(points: list[Any], flags: int) -> str:
    times = sorted({key.time for point in points for curve in point._curves for key in curve._keys})
    if not times:
        words = " ".join(point_text(point, None) for point in points)
        return f"{{cc {{f {flags}}} {{p {words}}}}}"
    header = to_word(times[0]) if len(times) == 1 else "{{{}}}".format(" ".join(to_word(t) for t in times))
    words = " ".join(point_text(point, times) for point in points)
    return f"{{cc {{f {flags}}} {{px {header} {words}}}}}"


def point_text(point: Any, times: list[float] | None) -> str:
    words = [timed_text(curve, times) for curve in point._curves]
    attributes = getattr(point, "_attributes", None)
    while len(words) > 2 and words[-1] == "0":
        words.pop()
    if not attributes and words == ["0", "0"]:
        return "{0 0}"
    return "{{{}}}".format(" ".join(([attributes_text(attributes)] if attributes else []) + words))


def timed_text(curve: Any, times: list[float] | None) -> str:
    if curve.useExpression and curve.expressionString:
        behind = _plain(curve)
        return "{{{} {}}}".format(
            quote("=" + curve.expressionString), timed_text(behind, times) if curve._keys else to_word(curve.constantValue)
        )
    if times is None:
        return to_word(curve.constantValue)
    if not curve._keys:
        return to_word(curve.constantValue) if len(times) == 1 or curve.constantValue == 0 else f"{{{{{to_word(curve.constantValue)} -}}}}"
    if len(times) == 1:
        return to_word(curve._keys[0].value)
    have = {key.time: (key, handles) for key, handles in zip(curve._keys, written_handles(curve))}
    entries = []
    for time in times:
        if time not in have:
            entries.append(f"{{{to_word(curve._at(time))} -}}")
            continue
        key, handles = have[time]
        entries.append(f"{{{to_word(key.value)} {tangent_text(key, handles)}}}")
    if len(set(entries)) == 1 and entries[0].endswith(" -}"):
        return f"{{{entries[0]}}}"
    return "{{{}}}".format(" ".join(entries))


def written_handles(curve: Any) -> list[tuple[float, float, float, float]]:
    """Give each key's slopes and lengths as a file has them: nothing before the first key and after the last."""
    keys, found = curve._keys, []
    for i, (left, left_length, right, right_length) in enumerate(curve._handles()):
        code = code_of(keys[i].interpolationType)
        if code == CONSTANT and not keys[i]._from_text and len(keys) > 1:
            raise state.SimError("how Nuke writes a key that holds is not measured (NUKE_MEASURED 2.3, Text)")
        if not keys[i]._from_text:
            spans = [(max(i - 1, 0), max(i, 1)), (min(i, len(keys) - 2), min(i + 1, len(keys) - 1))] if len(keys) > 1 else []
            lines = [(keys[b].value - keys[a].value) / (keys[b].time - keys[a].time) for a, b in spans]
            straight = [LINEAR in (code_of(keys[a].interpolationType), code_of(keys[b].interpolationType)) for a, b in spans]
            if spans:
                left, right = (lines[0] if straight[0] else left), (lines[1] if straight[1] else right)
            left, right = (0.0 if i == 0 else left), (0.0 if i == len(keys) - 1 else right)
        found.append((left, left_length, right, right_length))
    return found


def tangent_text(key: Any, handles: tuple[float, float, float, float]) -> str:
    if handles == (0.0, 1.0, 0.0, 1.0):
        return "-"
    return " ".join([*(to_word(v) for v in handles), *getattr(key, "_rest", [])])


def value_text(curve: Any) -> str:
    if curve.useExpression and curve.expressionString:
        return "{{{} {}}}".format(quote("=" + curve.expressionString), value_text(_plain(curve)))
    if not curve._keys:
        return to_word(curve.constantValue)
    handles = written_handles(curve)
    words = (f"{{{to_word(key.time)} {to_word(key.value)} {tangent_text(key, handle)}}}" for key, handle in zip(curve._keys, handles))
    return "{{{}}}".format(" ".join(words))


def _plain(curve: Any) -> Any:
    """The same curve without its expression."""
    bare = lib.AnimCurve(curve.constantValue)
    bare._keys = curve._keys
    return bare


def attributes_text(attributes: Any) -> str:
    """The names that came in text, and those that are not at their default."""
    words = [f"{name} {value_text(curve)}" for name, curve in attributes._curves.items() if attributes._is_written(name)]
    return "{{a {}}}".format(" ".join(words)) if words else "{a}"


def transform_text(transform: Any) -> str:
    """`{t ..}` with a value or keys for each number, or `{tx FRAME ..}` when all families have their one key there."""
    curves = transform._curves
    times = {key.time for curve in curves for key in curve._keys}
    together = len(times) == 1 and all(len(curve._keys) == 1 for curve in curves[: lib.KEYED_AT_BIRTH])
    words = [to_word(curve._keys[0].value if together and curve._keys else curve.constantValue) for curve in curves]
    if not together:
        words = [value_text(curve) for curve in curves]
    while words and words[-1] == to_word(lib._default(len(words) - 1)):
        words.pop()
    if together:
        return "{{{}}}".format(" ".join(["tx", to_word(times.pop()), *(words or ["0"])]))
    return "{{t{}}}".format("".join(" " + word for word in words))
