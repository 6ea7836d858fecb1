"""Roto's own knob and elements: CurveKnob, Layer, Shape, Stroke (`nuke.rotopaint`)."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

from . import curvelib as lib
from . import roto_text, state
from .guard import public_class
from .knobs import Knob

_FROM_TEXT = object()
"""In place of a knob: the element is read, and has the keys that its text gives it."""
EMPTY = "{v x3f99999a} {f 0} {n {layer Root {f 0} {t %s %s} {a}}}"


@public_class
class Element(lib.Part):
    """A layer, shape or stroke."""

    _kind = "element"
    _first_attributes: Any = ()

    def __init__(self, curveKnob: Any = None, *args: Any, **kwargs: Any) -> None:
        self._name = ""
        self._flags = 512
        self._transform = lib.AnimCTransform()
        self._attributes = lib.AnimAttributes()
        self._transform._up = self._attributes._up = self
        self._attributes._begin(self._first_attributes)
        if curveKnob is not _FROM_TEXT:
            self._transform._key_at_birth()
            for name in ("ltn", "ltm"):
                if name in self._attributes._curves:
                    self._attributes._curves[name].constantValue = state.current()._frame
        self._extra: list[str] = []
        self._curve_flags = [8192, 8192]

    @property
    def name(self) -> str:
        return self._name

    @name.setter
    def name(self, value: str) -> None:
        self._name = str(value)

    @property
    def locked(self) -> bool:
        return bool(self._flags >> lib.FlagType.eLockedFlag & 1)

    @locked.setter
    def locked(self, value: bool) -> None:
        bit = 1 << lib.FlagType.eLockedFlag
        self._flags = self._flags | bit if value else self._flags & ~bit

    def clone(self) -> Any:
        copied = _reader().element(roto_text.element_text(self))
        return copied

    def getVisible(self, time: float) -> bool:
        return bool(self._attributes._value(time, "vis"))

    def setVisible(self, time: float, value: bool) -> None:
        self._attributes._curve("vis")._add(float(time), float(bool(value)))

    def _renew_attributes(self) -> None:
        """Attributes that a script holds die with changed() (NUKE_MEASURED 2.1, case 76)."""
        former, self._attributes = self._attributes, lib.AnimAttributes()
        self._attributes.__dict__.update(former.__dict__)
        for curve in self._attributes._curves.values():
            curve._up = self._attributes
        former._detached = True

    def _curves_below(self) -> Iterator[Any]:
        """All animated numbers of this element, not of its children."""
        yield from self._transform._curves
        yield from self._attributes._curves.values()


def _common(cls: type) -> None:
    def getAttributes(self: Any) -> lib.AnimAttributes:
        return self._attributes  # type: ignore[no-any-return]

    def getTransform(self: Any) -> lib.AnimCTransform:
        return self._transform  # type: ignore[no-any-return]

    def getFlag(self: Any, flag: int) -> bool:
        return bool(self._flags >> flag & 1)

    def setFlag(self: Any, flag: int, value: bool) -> None:
        self._flags = self._flags | 1 << flag if value else self._flags & ~(1 << flag)

    for function in (getAttributes, getTransform, getFlag, setFlag):
        setattr(cls, function.__name__, function)
    public_class(cls)


class Layer(Element):
    """Elements, the first on top."""

    _kind = "layer"
    _first_attributes = lib.LAYER_ATTRIBUTES

    def __init__(self, curveKnob: Any = None, *args: Any, **kwargs: Any) -> None:
        super().__init__(curveKnob)
        self._flags = 512
        self._elements: list[Any] = []
        self._version, self._file_flags, self._tail = "x3f99999a", "0", []  # type: ignore[var-annotated]

    def _adopt(self, element: Any, index: int | None = None) -> None:
        element._up = self
        self._elements.insert(len(self._elements) if index is None else index, element)

    def _copy_in(self, element: Any, index: int | None) -> None:
        """Take a copy; what was passed is dead from then on (NUKE_MEASURED 2.1)."""
        up, element._up = element._up, None
        try:
            self._adopt(copy.deepcopy(element), index)
        finally:
            element._up = up
        element._detached = True

    def append(self, element: Any) -> None:
        """Put a copy at the bottom: fetch it from here again."""
        self._copy_in(element, None)

    def insert(self, index: int, element: Any) -> None:
        self._copy_in(element, index)

    def remove(self, index: int) -> None:
        del self._elements[index]

    def __len__(self) -> int:
        return len(self._elements)

    def __getitem__(self, index: int) -> Any:
        return self._elements[index]

    def __iter__(self) -> Iterator[Any]:
        return iter(list(self._elements))


_common(Layer)
_POINTS = ("leftTangent", "center", "rightTangent")
_FEATHERS = ("featherLeftTangent", "featherCenter", "featherRightTangent")


class ShapeControlPoint(lib.Part):
    """A vertex: centre, tangents relative to it, and the same for the feather, whose centre is relative to the main one."""

    def __init__(self, *position: Any) -> None:
        for name in (*_POINTS, *_FEATHERS):
            point = lib.AnimControlPoint(*position) if name == "center" else lib.AnimControlPoint()
            setattr(self, name, point)
            point._up = self

    def _put(self, name: str, point: Any) -> None:
        point._up = self
        setattr(self, name, point)


class Shape(Element):
    """A closed or open spline with its feather."""

    _kind = "shape"
    _first_attributes = lib.SHAPE_ATTRIBUTES

    def __init__(self, curveKnob: Any = None, *points: Any, **kwargs: Any) -> None:
        super().__init__(curveKnob)
        self._type = kwargs.get("type", "bezier")
        self._points: list[ShapeControlPoint] = []
        self._idem = False
        for point in points:
            self._add(point if isinstance(point, ShapeControlPoint) else ShapeControlPoint(point))

    def _add(self, point: Any, index: int | None = None) -> None:
        if not isinstance(point, ShapeControlPoint):
            point = ShapeControlPoint(point)
        point._up = self
        self._points.insert(len(self._points) if index is None else index, point)

    def _take(self, main: list[Any], feather: list[Any]) -> None:
        """Group the flat lists of the text: triplets for beziers, single points for b-splines."""
        step = 1 if self._type == "bspline" else 3
        for start in range(0, len(main), step):
            vertex = ShapeControlPoint()
            for names, points in ((_POINTS, main), (_FEATHERS, feather)):
                chosen = names if step == 3 else (names[1],)
                for offset, name in enumerate(chosen):
                    if start + offset < len(points):
                        vertex._put(name, points[start + offset])
            if self._idem or not feather:
                for name, source in (("featherLeftTangent", vertex.leftTangent), ("featherRightTangent", vertex.rightTangent)):  # type: ignore[attr-defined]
                    vertex._put(name, _copy_point(source))
            self._add(vertex)

    def _lists(self) -> tuple[list[Any], list[Any]]:
        names = (_POINTS, _FEATHERS) if self._type != "bspline" else (("center",), ("featherCenter",))
        return tuple([getattr(vertex, name) for vertex in self._points for name in part] for part in names)  # type: ignore[return-value]

    def _is_idem(self) -> bool:
        """Feather offsets all zero and tangents equal to the main ones."""
        for vertex in self._points:
            if any(curve._keys or curve.constantValue or curve.useExpression for curve in vertex.featherCenter._curves):  # type: ignore[attr-defined]
                if any(key.value for curve in vertex.featherCenter._curves for key in curve._keys) or any(  # type: ignore[attr-defined]
                    curve.constantValue or curve.useExpression
                    for curve in vertex.featherCenter._curves
                    if not curve._keys  # type: ignore[attr-defined]
                ):
                    return False
            if self._type == "bspline":
                continue
            for feather, main in (("featherLeftTangent", "leftTangent"), ("featherRightTangent", "rightTangent")):
                if _numbers(getattr(vertex, feather)) != _numbers(getattr(vertex, main)):
                    return False
        return True

    def append(self, shapeControlPoint: Any) -> None:
        self._add(shapeControlPoint)

    def insert(self, index: int, shapeControlPoint: Any) -> None:
        self._add(shapeControlPoint, index)

    def remove(self, index: int) -> None:
        del self._points[index]

    def __len__(self) -> int:
        return len(self._points)

    def __getitem__(self, index: int) -> ShapeControlPoint:
        return self._points[index]

    def __iter__(self) -> Iterator[ShapeControlPoint]:
        return iter(list(self._points))

    def _curves_below(self) -> Iterator[Any]:
        yield from super()._curves_below()
        for vertex in self._points:
            for name in (*_POINTS, *_FEATHERS):
                yield from getattr(vertex, name)._curves


_common(Shape)


class Stroke(Element):
    """A brush stroke: points with pressure."""

    _kind = "stroke"

    def __init__(self, curveKnob: Any = None, *args: Any, **kwargs: Any) -> None:
        super().__init__(curveKnob)
        self._type = "catmullrom"
        self._points: list[Any] = []
        self._curve_flags = [2080]

    def _add_point(self, point: Any) -> None:
        point._up = self
        self._points.append(point)

    def append(self, controlPoint: Any) -> None:
        self._add_point(controlPoint)

    def insert(self, index: int, controlPoint: Any) -> None:
        controlPoint._up = self
        self._points.insert(index, controlPoint)

    def remove(self, index: int) -> None:
        del self._points[index]

    def __len__(self) -> int:
        return len(self._points)

    def __getitem__(self, index: int) -> Any:
        return self._points[index]

    def __iter__(self) -> Iterator[Any]:
        return iter(list(self._points))

    def _curves_below(self) -> Iterator[Any]:
        yield from super()._curves_below()
        for point in self._points:
            yield from point._curves


_common(Stroke)


class Raw(lib.Part):
    """A piece of text that is kept as it came, such as the {edge} blocks of SplineWarp."""

    _kind = "raw"
    _name = ""

    def __init__(self, text: str) -> None:
        self._text = text

    def _curves_below(self) -> Iterator[Any]:
        return iter(())


def _copy_point(point: Any) -> Any:
    copied = lib.AnimControlPoint()
    for index, curve in enumerate(point._curves):
        copy = copied._curves[index]
        copy.constantValue, copy.useExpression, copy.expressionString = curve.constantValue, curve.useExpression, curve.expressionString
        for key in curve._keys:
            twin = lib.AnimCurveKey(key.time, key.value)
            twin._put([key.lslope, key.la, key.rslope, key.ra])
            twin.interpolationType, twin._from_text, twin._up = key.interpolationType, key._from_text, copy
            twin._sloped = key._sloped
            copy._keys.append(twin)
    return copied


def _numbers(point: Any) -> Any:
    return [
        (c.constantValue if not c._keys else 0, c.expressionString if c.useExpression else "", [(k.time, k.value) for k in c._keys])
        for c in point._curves
    ]


def _make(kind: str, name: str) -> Any:
    if kind == "raw":
        return Raw(name)
    shape = {"layer": Layer, "shape": Shape, "stroke": Stroke}[kind](_FROM_TEXT)
    shape._name = name
    return shape


def _reader() -> roto_text.Reader:
    return roto_text.Reader(state.current()._split, _make)


def elements(root: Any) -> Iterator[Any]:
    """The root and everything below, depth first."""
    yield root
    for child in getattr(root, "_elements", []):
        yield from elements(child)


@public_class
class CurveKnob(Knob):
    """The knob `curves` of Roto. Edits of the tree count when changed() is called, as in Nuke they show only then."""

    _type = "CurveKnob"

    def _setup(self) -> None:
        self._text_value = ""
        self._live: Any = None
        self._render: tuple[str, Any] | None = None

    def _inner(self) -> str:
        if self._text_value:
            return self._text_value
        owner, centre = self._owner(), (1024.0, 778.0)
        if owner is not None:
            width, height = owner._host._root_format_size()
            centre = (width / 2, height / 2)
        return EMPTY % tuple(roto_text.to_word(v) for v in centre)

    def _tree(self) -> Any:
        if self._live is None:
            self._live = _reader().root(f"{{{self._inner()}}}")
            self._live._knob = self
        return self._live

    def _render_tree(self) -> Any:
        """The tree of what was last committed, for rendering."""
        text = self._inner()
        if self._render is None or self._render[0] != text:
            root = _reader().root(f"{{{text}}}")
            root._knob = self
            self._render = (text, root)
        return self._render[1]

    def _bury(self) -> None:
        if self._live is not None:
            self._live._dead = True
            self._live = None

    def _put_state(self, saved: Any) -> None:
        if saved != self._text_value:
            self._bury()
        self._text_value = saved

    def _from_script(self, text: str) -> None:
        text = text.strip()
        if not text:
            inner = ""
        else:
            words = state.current()._split(text)
            if words[0] == "AddMode":
                if len(words) < 6:
                    raise roto_text.RotoSyntax(f"AddMode without curves: {text[:60]!r}")
                inner = words[5]
                if "AnimTree:" in inner or inner.strip() == "":
                    raise roto_text.RotoSyntax("The long form of Nuke 6 is not read by this stand-in")
            else:
                inner = words[0] if len(words) == 1 else text
            _reader().root(f"{{{inner}}}")  # a text that does not parse must not replace a good one
        self._bury()
        self._text_value = inner

    def _to_script(self) -> str:
        live = roto_text.write_root(self._live) if self._live is not None else self._inner()
        return f"AddMode 0 0 1 0 {{{live}}}"

    def _script_word(self) -> str:
        return f"{{{{{self._inner()}}}}}"

    @property
    def rootLayer(self) -> Any:
        return self._tree()

    def changed(self) -> None:
        """Commit the edits: the picture, the hashes and undo see them now."""
        before = self._text_value
        if self._live is not None:
            self._text_value = roto_text.write_root(self._live)
            for element in elements(self._live):
                if isinstance(element, Element):
                    element._renew_attributes()
        self._changed(before)

    def toElement(self, path: str) -> Any | None:
        element = self._tree()
        for part in path.split("/"):
            found = [child for child in getattr(element, "_elements", []) if child._name == part]
            if not found:
                return None
            element = found[0]
        return element

    def toScript(self, quote: bool = False, context: Any = None) -> str:
        return self._to_script()

    def _key_list(self) -> list[int]:
        times = {key.time for element in elements(self._tree()) for curve in element._curves_below() for key in curve._keys}
        return sorted(int(time) for time in times)
