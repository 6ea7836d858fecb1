"""Knobs made of numbers: fields that hold a value, an animation or an expression; booleans and enumerations among them."""

from __future__ import annotations

import re
from typing import Any

from . import state
from .animation import AnimationCurve, number
from .guard import public_class
from .knobs import Knob
from .tcl_words import quote

_NUMBER = re.compile(r"^[+-]?(\d+\.?\d*([eE][+-]?\d+)?|\.\d+([eE][+-]?\d+)?|inf|nan|0x[0-9a-fA-F]+)$")


@public_class
class Array_Knob(Knob):
    """One or more numbers."""

    _type = "Array_Knob"
    _size = 1
    _names = ("x", "y", "z", "w")

    def __init__(self, name: str = "", label: Any = None, *args: Any) -> None:
        super().__init__(name, label)
        self._low, self._high = 0.0, 1.0

    def _setup(self) -> None:
        self._resize(self._size)

    def _resize(self, count: int) -> None:
        self._values: list[float] = [0.0] * count
        self._curves: list[AnimationCurve | None] = [None] * count
        self._expressions: list[str | None] = [None] * count

    def _get_state(self) -> Any:
        curves = tuple([curve._text() if curve else None for curve in self._curves]) if any(self._curves) else (None,) * len(self._curves)
        return (tuple(self._values), curves, tuple(self._expressions))

    def _plain_default(self) -> Any:
        count = len(self._values)
        return ((0.0,) * count, (None,) * count, (None,) * count)

    def _put_state(self, saved: Any) -> None:
        values, curves, expressions = saved
        self._values = list(values)
        self._expressions = list(expressions)
        self._curves = [AnimationCurve._parse(text.split()[1:]) if text else None for text in curves]

    def _field(self, index: int, frame: float | None = None) -> float:
        """The number of a field at a frame (default: the current one)."""
        host = state.current()
        at = host._frame if frame is None else frame
        curve = self._curves[index]
        if self._expressions[index] is not None:
            return float(host._expression(self._expressions[index], self._owner(), at, self, index))
        if curve is not None and curve._keys:
            return curve._evaluate(at)
        return self._values[index]

    def _all(self, frame: float | None = None) -> list[float]:
        return [self._field(i, frame) for i in range(len(self._values))]

    def _out(self, value: float) -> Any:
        return value

    # text
    def _field_text(self, index: int) -> tuple[str, bool]:
        curve = self._curves[index]
        if self._expressions[index] is not None:
            return str(self._expressions[index]), True
        if curve is not None and curve._keys:
            return curve._text(), True
        return self._number_text(self._values[index]), False

    def _number_text(self, value: float) -> str:
        return number(value)

    def _to_script(self) -> str:
        fields = [self._field_text(i) for i in range(len(self._values))]
        if len({text for text, _ in fields}) == 1 and len(fields) > 1 and self._folds():
            fields = fields[:1]
        words = []
        for index, (text, special) in enumerate(fields):
            if not special:
                words.append(text)
            elif self._expressions[index] is not None:
                # an expression is itself a list of one word, so blanks and brackets in it need quoting
                words.append("{" + (text if re.match(r"^[^\s\\{}\"\[\]$;]+$", text) else quote(text)) + "}")
            else:
                words.append("{" + text + "}")
        return " ".join(words)

    def _folds(self) -> bool:
        """Equal fields are written as one number."""
        return self._type in ("Array_Knob", "Color_Knob", "AColor_Knob", "WH_Knob", "Scale_Knob")

    def _script_word(self) -> str:
        text = self._to_script()
        return text if re.match(r"^[^\s{}\[\]$\";\\]+$", text) else "{" + text + "}"

    def _from_script(self, text: str) -> None:
        host = state.current()
        fields = [text] if _NUMBER.match(text) else host._split(text)
        if not fields:
            return
        if len(fields) == 1 and len(self._values) > 1:  # one value, curve or expression for the folded knob
            fields = fields * len(self._values)
        if len(fields) > len(self._values):
            if self._type in ("Array_Knob", "Color_Knob", "AColor_Knob", "WH_Knob", "IArray_Knob"):
                grown = len(fields) - len(self._values)
                self._values += [0.0] * grown
                self._curves += [None] * grown
                self._expressions += [None] * grown
            else:
                fields = fields[: len(self._values)]
        for index, field in enumerate(fields):
            self._field_from(index, field)

    def _field_from(self, index: int, field: str) -> None:
        self._expressions[index] = None
        self._curves[index] = None
        plain = self._parse_number(field)
        if plain is not None:
            self._values[index] = plain
            return
        words = state.current()._split(field)
        if words and words[0] == "curve":
            curve = AnimationCurve._parse(words[1:])
            curve._owner, curve._index = self, index
            if curve._keys:
                self._curves[index] = curve
            return
        self._expressions[index] = words[0] if words else field

    def _parse_number(self, text: str) -> float | None:
        word = text.strip()
        if word.lower() in ("true", "false"):
            return float(word.lower() == "true")
        if _NUMBER.match(word):
            return float(int(word, 16)) if word.lower().startswith("0x") else float(word)
        return None

    # values
    def value(self, *args: Any) -> Any:
        if args and isinstance(args[0], int) and len(self._values) > 1:
            return self._out(self._field(args[0]))
        values = [self._out(v) for v in self._all()]
        return values[0] if len(values) == 1 else self._folded(values)

    def _folded(self, values: list[Any]) -> Any:
        """Colours and sizes whose fields are equal answer with one number, as the folded knob shows."""
        return values[0] if self._folds() and len(set(values)) == 1 else values

    def getValue(self, *args: Any) -> Any:
        if args and isinstance(args[0], int) and args[0] >= 0:
            return self._field(args[0])
        values = self._all()
        return values[0] if len(values) == 1 else self._folded(values)

    def getValueAt(self, frame: float, index: int = -1, *args: Any) -> Any:
        if index >= 0:
            return self._field(index, frame)
        values = self._all(frame)
        return values[0] if len(values) == 1 else self._folded(values)

    def setValue(self, val: Any, *args: Any, **kwargs: Any) -> bool:
        """Set all fields, or the one of the given index; on an animated field this sets a key at the current frame."""
        index = args[0] if args else kwargs.get("index", kwargs.get("chan", -1))
        if isinstance(val, (list, tuple)):
            wanted = {i: float(v) for i, v in enumerate(val) if i < len(self._values)}
        elif isinstance(val, (int, float)):
            wanted = {i: float(val) for i in range(len(self._values)) if index in (-1, i)}
        else:
            raise TypeError(f"{self._type}.setValue() needs a number, not {type(val).__name__}")

        def change() -> None:
            for i, value in wanted.items():
                curve = self._curves[i]
                self._expressions[i] = None
                if curve is not None and curve._keys:
                    curve._set_key(state.current()._frame, value)
                else:
                    self._values[i] = value

        self._edit(change)
        return True

    def setValueAt(self, val: Any, time: float, index: int = -1, *args: Any) -> bool:
        def change() -> None:
            for i in range(len(self._values)):
                if index in (-1, i):
                    curve = self._curves[i]
                    if curve is None:
                        self._values[i] = float(val[i] if isinstance(val, (list, tuple)) else val)
                    else:
                        curve._set_key(time, float(val[i] if isinstance(val, (list, tuple)) else val))

        self._edit(change)
        return True

    def array(self, *args: Any) -> list[float]:
        return self._all()

    def width(self, *args: Any) -> int:
        return len(self._values)

    def height(self, *args: Any) -> int:
        return 1

    def min(self, *args: Any) -> float:
        return self._low

    def max(self, *args: Any) -> float:
        return self._high

    def minimum(self, *args: Any) -> float:
        return self._low

    def maximum(self, *args: Any) -> float:
        return self._high

    def toScript(self, *args: Any, **kwargs: Any) -> str:
        return self._script_word()

    def fromScript(self, script: str, *args: Any) -> bool:
        self._edit(lambda: self._from_script(script))
        return True

    # animation
    def setAnimated(self, *args: Any) -> bool:
        index = args[0] if args else -1

        def change() -> None:
            for i in range(len(self._values)):
                if index in (-1, i) and self._curves[i] is None:
                    curve = AnimationCurve()
                    curve._owner, curve._index = self, i
                    curve._set_key(state.current()._frame, self._values[i])
                    self._curves[i] = curve

        self._edit(change)
        return True

    def clearAnimated(self, *args: Any) -> bool:
        index = args[0] if args else -1

        def change() -> None:
            for i in range(len(self._values)):
                if index in (-1, i):
                    self._values[i] = self._field(i)
                    self._curves[i] = None
                    self._expressions[i] = None

        self._edit(change)
        return True

    def isAnimated(self, *args: Any) -> bool:
        index = args[0] if args else -1
        return any(bool(curve and curve._keys) for i, curve in enumerate(self._curves) if index in (-1, i))

    def hasExpression(self, *args: Any) -> bool:
        index = args[0] if args else -1
        return any(text is not None for i, text in enumerate(self._expressions) if index in (-1, i))

    def splitView(self, view: str | None = None) -> None:
        """Let a view have values of its own; only that it was done is kept."""
        self._split_views = {*getattr(self, "_split_views", ()), view or state.current()._view}
        self._changed(self._get_state())

    def setExpression(self, expression: str, channel: int = -1, view: Any = None) -> bool:
        def change() -> None:
            for i in range(len(self._values)):
                if channel in (-1, i):
                    self._expressions[i] = expression

        self._edit(change)
        return True

    def _key_list(self) -> list[int]:
        return sorted({int(key.x) for curve in self._curves if curve for key in curve._keys})


@public_class
class Double_Knob(Array_Knob):
    """A slider."""

    _type = "Double_Knob"

    def __init__(self, name: str = "", label: Any = None, *args: Any) -> None:
        super().__init__(name, label)


@public_class
class Int_Knob(Array_Knob):
    """A whole number."""

    _type = "Int_Knob"

    def _out(self, value: float) -> int:
        return int(value)

    def value(self, *args: Any) -> int:
        return int(self._field(0))

    def setValue(self, val: Any, *args: Any, **kwargs: Any) -> bool:
        if not isinstance(val, (int, float)):
            raise TypeError(f"Int_Knob.setValue() needs a number, not {type(val).__name__}")
        return Array_Knob.setValue(self, int(val))


@public_class
class Boolean_Knob(Array_Knob):
    """A check box."""

    _type = "Boolean_Knob"

    def __init__(self, name: str = "", label: Any = None, value: Any = None) -> None:
        super().__init__(name, label)
        if value is not None:
            self._values[0] = float(bool(value))

    def value(self) -> bool:
        return bool(self._field(0))

    def setValue(self, b: Any) -> bool:
        if not isinstance(b, (bool, int, float)):
            raise TypeError(f"Boolean_Knob.setValue() needs a bool, not {type(b).__name__}")
        return Array_Knob.setValue(self, float(bool(b)))

    def _number_text(self, value: float) -> str:
        return "true" if value else "false"


@public_class
class Disable_Knob(Boolean_Knob):
    """The disable check box."""

    _type = "Disable_Knob"

    def value(self) -> bool:
        return bool(self._field(0))

    def setValue(self, b: Any) -> bool:
        return Boolean_Knob.setValue(self, b)


@public_class
class Unsigned_Knob(Array_Knob):
    """A whole number from 0 up."""

    _type = "Unsigned_Knob"

    def value(self) -> int:
        return int(self._field(0))

    def setValue(self, val: Any) -> bool:
        return Array_Knob.setValue(self, int(val))


@public_class
class ColorChip_Knob(Unsigned_Knob):
    """A colour as 0xRRGGBBAA."""

    _type = "ColorChip_Knob"

    def _number_text(self, value: float) -> str:
        return f"0x{int(value):08x}" if value else "0"


@public_class
class Enumeration_Knob(Unsigned_Knob):
    """A choice among texts; `name<TAB>label` entries show the label and keep the name."""

    _type = "Enumeration_Knob"

    def __init__(self, name: str = "", label: Any = None, values: Any = ()) -> None:
        self._items: list[str] = [str(value) for value in (values or ())]
        super().__init__(name, label)

    def _get_state(self) -> Any:
        return (*super()._get_state(), self._item(int(self._values[0])))

    def _plain_default(self) -> Any:
        return (*super()._plain_default(), self._item(0))

    def _put_state(self, saved: Any) -> None:
        super()._put_state(saved[:3])

    def _item(self, index: int) -> str:
        return self._items[index].split("\t")[0] if 0 <= index < len(self._items) else ""

    def _now(self) -> int:
        return min(max(int(self._field(0)), 0), max(len(self._items) - 1, 0))

    def value(self, *args: Any) -> str:
        return self._item(self._now())

    def getValue(self, *args: Any) -> float:
        return float(self._now())

    def values(self) -> list[str]:
        return list(self._items)

    def setValues(self, items: Any, *args: Any) -> None:
        before, old = self._get_state(), self._item(self._now())
        self._items = [str(item) for item in items]
        names = [self._item(i) for i in range(len(self._items))]
        self._values[0] = float(names.index(old)) if old in names else 0.0
        self._changed(before)

    def setValue(self, *args: Any, **kwargs: Any) -> Any:
        given = args[0]
        if isinstance(given, str):
            names = [self._item(i) for i in range(len(self._items))]
            labels = [item.split("\t")[-1] for item in self._items]
            if given in names:
                index = names.index(given)
            elif given in labels:
                index = labels.index(given)
            else:
                raise TypeError(f"{given!r} is not one of {self._name}'s values")
        elif isinstance(given, (int, float)):
            index = int(given)
        else:
            raise TypeError(f"{self._type}.setValue() needs a string or a number")
        return Array_Knob.setValue(self, float(index))

    def _number_text(self, value: float) -> str:
        return self._item(int(value))

    def _to_script(self) -> str:
        if self._expressions[0] is not None or (self._curves[0] is not None and self._curves[0]._keys):
            return Array_Knob._to_script(self)
        return self._item(int(self._values[0]))

    def _script_word(self) -> str:
        if self._expressions[0] is not None or (self._curves[0] is not None and self._curves[0]._keys):
            return "{" + Array_Knob._to_script(self) + "}"
        return quote(self._to_script())

    def _from_script(self, text: str) -> None:
        names = [self._item(i) for i in range(len(self._items))]
        if text in names:
            self._put_plain(names.index(text))
            return
        labels = [item.split("\t")[-1] for item in self._items]
        if text in labels:
            self._put_plain(labels.index(text))
            return
        words = state.current()._split(text)
        if len(words) > 1 and re.match(r"^\d+$", words[0]) and text.lstrip().startswith("{"):
            self._items = words[1:]  # `{0} B A`: the items travel with the value
            self._put_plain(int(words[0]))
            return
        if len(words) == 1 and _NUMBER.match(words[0]):
            self._put_plain(int(float(words[0])))
            return
        if text.lstrip().startswith("{") and words:
            self._field_from(0, words[0])
            return
        host = state.current()
        if self._open_list() or host._lenient:
            if self._open_list():
                host.warnings.append(f"{self._name}: {text} is not in this configuration")
            self._items.append(text)
            self._put_plain(len(self._items) - 1)
            return
        owner = self._owner()
        raise RuntimeError("{}: Bad value for {}: {}".format(owner._full_name() if owner else "?", self._name, text))

    def _open_list(self) -> bool:
        """Colour spaces depend on the configuration of the session that wrote the file."""
        return (
            "colorspace" in self._name.lower()
            or "lut" in self._name.lower()
            or self._name in ("OCIO_config", "viewerProcess", "display", "view")
        )

    def _put_plain(self, index: int) -> None:
        self._values[0] = float(index)
        self._expressions[0] = None
        self._curves[0] = None


@public_class
class _SelectionEnumeration(Enumeration_Knob):
    """A choice of the shapes that are selected in the interface, with `name<TAB><TAB>number` entries; writing does nothing.

    getValue() gives the number that the entry carries, not its place.
    """

    _type = "Enumeration_Knob"

    def __init__(self, name: str = "", label: Any = None, values: Any = ()) -> None:
        super().__init__(name, label, values)
        self._values[0] = float(next(place for place, item in enumerate(self._items) if item.endswith("\t0")))
        self._default = self._get_state()

    def value(self, *args: Any) -> str:
        return self._item(self._now())

    def getValue(self, *args: Any) -> float:
        return float(self._items[self._now()].split("\t")[-1])

    def setValue(self, *args: Any, **kwargs: Any) -> Any:
        return False

    def _from_script(self, text: str) -> None:
        pass


@public_class
class EditableEnumeration_Knob(Enumeration_Knob):
    """A choice that can be typed."""

    _type = "EditableEnumeration_Knob"


@public_class
class CascadingEnumeration_Knob(Enumeration_Knob):
    """A choice in sub-menus, written `menu/item`."""

    _type = "CascadingEnumeration_Knob"


@public_class
class Radio_Knob(Enumeration_Knob):
    """A choice as radio buttons."""

    _type = "Radio_Knob"


@public_class
class Pulldown_Knob(Enumeration_Knob):
    """A pulldown of commands; items are a mapping of name to script."""

    _type = "Pulldown_Knob"

    def __init__(self, name: str = "", label: Any = None, values: Any = ()) -> None:
        self._scripts = dict(values) if isinstance(values, dict) else {}
        super().__init__(name, label, list(values))

    def commands(self, n: int) -> str:
        return self._scripts.get(self._item(n), "")


def _sized(type_name: str, size: int, names: tuple[str, ...], doc: str, base: type = Array_Knob) -> type:
    return type(type_name, (base,), {"_type": type_name, "_size": size, "_names": names, "__doc__": doc, "__module__": __name__})


XY_Knob = _sized("XY_Knob", 2, ("x", "y"), "A point in the viewer.")
XYZ_Knob = _sized("XYZ_Knob", 3, ("x", "y", "z"), "A point in space.")
UV_Knob = _sized("UV_Knob", 2, ("u", "v"), "A pair.")
WH_Knob = _sized("WH_Knob", 2, ("w", "h"), "Width and height, folded when equal.")
BBox_Knob = _sized("BBox_Knob", 4, ("x", "y", "r", "t"), "A box: x, y, right, top.")
Box3_Knob = _sized("Box3_Knob", 6, ("x", "y", "n", "r", "t", "f"), "A box in space.")
Color_Knob = _sized("Color_Knob", 3, ("r", "g", "b"), "A colour, folded when grey.")
AColor_Knob = _sized("AColor_Knob", 4, ("r", "g", "b", "a"), "A colour with alpha, folded when all are equal.", Color_Knob)
Eyedropper_Knob = _sized("Eyedropper_Knob", 8, ("r", "g", "b", "a"), "A colour picker: colour and position.", AColor_Knob)
Scale_Knob = _sized("Scale_Knob", 3, ("x", "y", "z"), "A scale.")
Range_Knob = _sized("Range_Knob", 2, ("x", "y"), "A range.")
IArray_Knob = _sized("IArray_Knob", 1, ("x",), "Whole numbers.")
Bitmask_Knob = type("Bitmask_Knob", (Enumeration_Knob,), {"_type": "Bitmask_Knob", "__doc__": "Bits.", "__module__": __name__})
OneView_Knob = type("OneView_Knob", (Enumeration_Knob,), {"_type": "OneView_Knob", "__doc__": "One view.", "__module__": __name__})


def _component(index: int) -> Any:
    def read(self: Any, oc: Any = None) -> float:
        return float(self._field(index))

    return read


for _cls in (XY_Knob, XYZ_Knob, WH_Knob, BBox_Knob, Scale_Knob):
    for _index, _letter in enumerate(_cls._names):  # type: ignore[attr-defined]
        if _letter in "xyzrt":
            setattr(_cls, _letter, _component(_index))


def _to_dict(self: Any, *args: Any) -> dict[str, float]:
    return dict(zip("xyrt", self._all()))


BBox_Knob.toDict = _to_dict  # type: ignore[attr-defined]
for _cls in (XY_Knob, XYZ_Knob, WH_Knob, BBox_Knob, Scale_Knob):
    public_class(_cls)
