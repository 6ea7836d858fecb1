"""Animated values of roto shapes: curves, control points, attributes, transforms (`nuke.curvelib`).

Every part knows what it belongs to (`_up`); when the tree above was replaced by fromScript, using a part raises, where Nuke may crash.
"""

from __future__ import annotations

import math
import struct
from typing import Any

from . import state
from .animation import CONSTANT, LINEAR, USER, code_of, computed_slopes, hermite
from .guard import public_class
from .vectors import CMatrix4, CVec2, CVec3, CVec4  # noqa: F401


class StaleRoto(state.SimError):
    """A shape, layer, point or curve from before fromScript() (or undo) was used: in Nuke this can crash. Fetch rootLayer again."""


def single(value: float) -> float:
    """Round to 32 bits, as curves are stored (NUKE_MEASURED 2.1)."""
    return float(struct.unpack("f", struct.pack("f", value))[0])


class Part:
    """Something in a roto tree."""

    _up: Any = None
    _dead = False
    _detached = False
    """It was copied into a tree by append, or changed() renewed it."""

    def _require_alive(self) -> None:
        part: Any = self
        while part is not None:
            if part._detached:
                raise RuntimeError("internal error - associated c++ object is NULL")
            if part._dead:
                raise StaleRoto(
                    f"This {type(self).__name__} belongs to curves that fromScript() or undo replaced: fetch the knob and rootLayer again"
                )
            part = part._up

    def _node(self) -> Any | None:
        """The Roto node above, for expressions."""
        part: Any = self
        while part is not None:
            knob = getattr(part, "_knob", None)
            if knob is not None:
                return knob._owner()
            part = part._up
        return None


class FlagType:
    """Numbers of the bits."""

    eBreakFlag = 0
    eTangentLengthLockFlag = 1
    eKeySelectedFlag = 2
    eLeftTangentSelectedFlag = 3
    eRightTangentSelectedFlag = 4
    eOpenFlag = 5
    eSelectedFlag = 6
    eActiveFlag = 7
    eVisibleFlag = 8
    eRenderableFlag = 9
    eLockedFlag = 10
    ePressureInZFlag = 11
    eNukeAnimCurveEvalFlag = 12
    eRelativeTangentFlag = 13
    eMaxFlag = 14
    # 14 incomplete, 15 curve editor, 16 always selectable, 17 dope sheet, 18 pin, 19 obsolete open spline, 20 open spline, 21 expanded,
    # 22 predicted have no name in the stubs (NUKE_MEASURED 2.6).
    eUndefineFlag = -1


@public_class
class Flag(Part):
    """Bits."""

    _flags = 0

    def getFlag(self, flag: int) -> bool:
        return bool(self._flags >> flag & 1)

    def setFlag(self, flag: int, value: bool) -> None:
        self._flags = self._flags | 1 << flag if value else self._flags & ~(1 << flag)


class Hash:
    """A key's identity."""

    def __init__(self, value: int = 0) -> None:
        self._value = value

    def __eq__(self, other: Any) -> bool:
        return isinstance(other, Hash) and self._value == other._value

    def __hash__(self) -> int:
        return hash(self._value)


class AnimCurveKey(Flag):
    """A key: time, value, slopes in value per frame, lengths as shares of a third of the gap."""

    kDefaultAnimCurveKeyInterpolation = 256
    kDefaultAnimCurveKeyTime = 0.0
    kDefaultAnimCurveKeyValue = 0.0

    def __init__(self, time: float = 0.0, value: float = 0.0) -> None:
        self.time, self.value = float(time), float(value)
        self.lslope = self.rslope = 0.0
        self.la = self.ra = 1.0
        self.interpolationType = 256
        self._from_text = False
        """It stands in a curves text, and is written as it came: what codes say in text is open (NUKE_MEASURED 2.3)."""
        self._sloped = False
        """Slopes stand beside it there; they count for inner keys."""

    def _put(self, words: list[float]) -> None:
        self.lslope, self.la, self.rslope, self.ra = words[:4]


class BaseCurve(Flag):
    """A curve's name and type."""

    kDefaultCurveFlag, kDefaultCurveTension, kDefaultCurveType = 0, 0.0, 1

    def __init__(self) -> None:
        self.name = ""
        self.curveType = 1
        self.curveTension = 0.0


@public_class
class AnimCurve(BaseCurve):
    """One number over time: constant, keys, or an expression."""

    kDefaultConstantValue = 0.0

    def __init__(self, value: float = 0.0) -> None:
        super().__init__()
        self.constantValue = float(value)
        self.expressionString = ""
        self.useExpression = False
        self._keys: list[AnimCurveKey] = []

    def addKey(self, time: Any, value: float | None = None) -> Hash:
        if isinstance(time, AnimCurveKey):
            self._keys = [key for key in self._keys if key.time != time.time] + [time]
            time._up = self
            self._keys.sort(key=lambda key: key.time)
            return Hash(id(time))
        return Hash(id(self._add(time, float(value or 0.0))))

    def evaluate(self, time: float) -> float:
        return self._at(time)

    def getKey(self, index: int) -> AnimCurveKey:
        return self._keys[index]

    def removeAllKeys(self) -> None:
        self._keys = []

    def _add(self, time: float, value: float) -> AnimCurveKey:
        value = single(value)
        for key in self._keys:
            if key.time == time:
                key.value, key._from_text, key._sloped = value, False, False
                return key
        key = AnimCurveKey(time, value)
        key._up = self
        self._keys.append(key)
        self._keys.sort(key=lambda key: key.time)
        return key

    def _remove(self, time: float) -> None:
        self._keys = [key for key in self._keys if key.time != time]

    def _handles(self, written: bool = True) -> list[tuple[float, float, float, float]]:
        """Give (left slope, left length, right slope, right length) of each key; NUKE_MEASURED 2.3.

        Tangents that a script writes count for inner keys of code 5 only; those of other codes are computed anew from the neighbours,
        and so is whatever is written to the first and last key. Inner keys that came with their slopes in text keep them; to be
        `written`, all keys that came in text do.
        """
        keys = self._keys
        codes = [code_of(key.interpolationType) for key in keys]
        slopes = computed_slopes(codes, [key.time for key in keys], [key.value for key in keys])
        last = len(keys) - 1
        has_slopes = [
            (written and key._from_text) or ((key._sloped or code == USER) and 0 < i < last)
            for i, (key, code) in enumerate(zip(keys, codes))
        ]
        if len(keys) > 2:  # an end follows its neighbour's slope, also where that one is the user's
            for end, inner, side in ((0, 1, "lslope"), (last, last - 1, "rslope")):
                if has_slopes[inner]:
                    between = keys[min(end, inner)], keys[max(end, inner)]
                    chord = (between[1].value - between[0].value) / (between[1].time - between[0].time)
                    slopes[end] = (3 * chord - getattr(keys[inner], side)) / 2
        return [
            (key.lslope, key.la, key.rslope, key.ra) if is_own else (slope, 1.0, slope, 1.0)
            for key, is_own, slope in zip(keys, has_slopes, slopes)
        ]

    def _at(self, time: float) -> float:
        if self.useExpression and self.expressionString:
            return float(state.current()._expression(self.expressionString, self._node(), time, None, 0))
        keys = self._keys
        if not keys:
            return self.constantValue
        if time <= keys[0].time:
            return keys[0].value
        if time >= keys[-1].time:
            return keys[-1].value
        i = max(n for n, key in enumerate(keys) if key.time <= time)
        a, b = keys[i], keys[i + 1]
        if a.time == time or (code_of(a.interpolationType) == CONSTANT and not a._from_text):
            return a.value
        if LINEAR in (code_of(a.interpolationType), code_of(b.interpolationType)) and not (a._from_text or b._from_text):
            return a.value + (b.value - a.value) * (time - a.time) / (b.time - a.time)
        handles = self._handles(written=False)
        return hermite(time, a.time, a.value, handles[i][2], handles[i][3], b.time, b.value, handles[i + 1][0], handles[i + 1][1])

    def _adopt(self, up: Any) -> AnimCurve:
        self._up = up
        return self


class ControlPoint:
    """A control point at one time."""

    def __init__(self, x: float = 0.0, y: float = 0.0, z: float = 0.0) -> None:
        self.position = CVec3(x, y, z)
        self.name, self.dim, self.hash = "", 3, Hash()


def _position(given: Any) -> list[float]:
    values = given._v if hasattr(given, "_v") else list(given)
    return [float(v) for v in values]


@public_class
class AnimControlPoint(Flag):
    """A point over time: three curves, x, y and z (the pressure of strokes)."""

    def __init__(self, *position: Any) -> None:
        if len(position) == 1 and not isinstance(position[0], (int, float)):
            position = tuple(_position(position[0]))
        values = [float(v) for v in position] + [0.0] * (3 - len(position))
        self._curves = [AnimCurve(v)._adopt(self) for v in values[:3]]
        self.name, self.dim, self.hash = "", 3, Hash(id(self))

    def getPosition(self, time: float, view: str = "default") -> CVec3:
        return CVec3(*(curve._at(time) for curve in self._curves))

    def evaluate(self, time: float, view: Any = None) -> ControlPoint:
        return ControlPoint(*(curve._at(time) for curve in self._curves))

    def addPositionKey(self, time: float, positionOrDim: Any, view: Any = None) -> None:
        _require_view(view)
        if view not in (None, "default"):
            raise state.SimError("what a point's key of one view does is not measured")
        values = _position(positionOrDim)
        for curve, value in zip(self._curves, values):
            curve._add(time, value)

    def addKey(self, time: float, controlPointOrDim: Any = None, view: Any = None) -> None:
        for curve in self._curves[:2]:
            curve._add(time, curve._at(time))

    def removeAllKeys(self, view: str = "default") -> None:
        for curve in self._curves:
            curve._keys = []

    def getControlPointKeyTimes(self, view: str = "default") -> list[float]:
        return sorted({key.time for curve in self._curves for key in curve._keys})

    def getPositionAnimCurve(self, index: int, view: str = "default") -> AnimCurve:
        return self._curves[index]


SHAPE_ATTRIBUTES = (
    "vis r g b a ro go bo ao opc bm inv mbo mb mbs mbsot mbso fo fx fy ff ft osw osf src stx sty str sr ssx ssy sskx ssky sso spx spy "
    "stot sto sv sf sb nv view1 ltn ltm ltt tt pt"
).split()
"""The 48 of a shape, in Nuke's order (NUKE_MEASURED 2.2, cases 01, 40, 62, 72, 76)."""
LAYER_ATTRIBUTES = "vis opc mbo mb mbs fo fx fy ff ft warp pt".split()
"""Of a layer: no blending, inversion, lifetime (the same). Its other planar tracker numbers, pt.., are left out."""
DEFAULTS = {
    **dict.fromkeys("vis r g b a opc mb fo ff str ssx ssy nv view1 ltn ltm".split(), 1.0),
    "mbs": 0.5,
    "osw": 10.0,
    "sf": 2.0,
    "spx": 320.0,
    "spy": 240.0,
    # Of strokes and layers, from files (NUKE_FACTS 3.1); not among those measured.
    "bs": 25.0,
    "h": 0.2,
    "bsp": 0.05,
    "bu": 1.0,
    "ptmot": 4.0,
}
"""What is not 0 without a value of its own; the first two lines are measured for shapes."""
ATTRIBUTE_NAMES = dict(  # noqa: C408 (a table)
    kVisibleAttribute="vis", kOpacityAttribute="opc", kRedAttribute="r", kGreenAttribute="g", kBlueAttribute="b", kAlphaAttribute="a",
    kRedOverlayAttribute="ro", kGreenOverlayAttribute="go", kBlueOverlayAttribute="bo", kAlphaOverlayAttribute="ao",
    kInvertedAttribute="inv", kBlendingModeAttribute="bm", kTensionAttribute="t", kMotionBlurOnAttribute="mbo", kMotionBlurAttribute="mb",
    kMotionBlurShutterAttribute="mbs", kMotionBlurShutterOffsetTypeAttribute="mbsot", kMotionBlurShutterOffsetAttribute="mbso",
    kSourceAttribute="src", kSourceTranslateXAttribute="stx", kSourceTranslateYAttribute="sty", kSourceTranslateRoundAttribute="str",
    kSourceRotateAttribute="sr", kSourceScaleXAttribute="ssx", kSourceScaleYAttribute="ssy", kSourceSkewXAttribute="sskx",
    kSourceSkewYAttribute="ssky", kSourceSkewOrderAttribute="sso", kSourcePivotPointXAttribute="spx", kSourcePivotPointYAttribute="spy",
    kSourceTimeOffsetTypeAttribute="stot", kSourceTimeOffsetAttribute="sto", kViewAttribute="view", kBrushSizeAttribute="bs",
    kHardnessAttribute="h", kBuildUpAttribute="bu", kBrushTypeAttribute="bt", kDynamicHardnessAttribute="dh", kDynamicSizeAttribute="ds",
    kDynamicTransparencyAttribute="dt", kFeatherOnAttribute="fo", kFeatherXAttribute="fx", kFeatherYAttribute="fy",
    kFeatherFallOffAttribute="ff", kFeatherTypeAttribute="ft", kLifeTimeTypeAttribute="ltt", kLifeTimeNAttribute="ltn",
    kLifeTimeMAttribute="ltm", kNumberOfViewsAttribute="nv", kWriteOnStartAttribute="ws", kWriteOnEndAttribute="we",
    kPlanarTrackLayerAttribute="pt", kEffectParameter1Attribute="ep1", kEffectParameter2Attribute="ep2", kEffectParameter3Attribute="ep3",
    kBrushSpacingAttribute="bsp",
)  # fmt: skip
"""Long names of the API (stubs) and their short ones: `kViewAttribute` is view, and not sv (NUKE_MEASURED 2.2)."""


def _require_view(view: Any) -> None:
    """A view is named; a number is a TypeError (NUKE_MEASURED 2.2)."""
    if view is not None and not isinstance(view, str):
        raise TypeError(f"a view is named by a text, not by {type(view).__name__}")


@public_class
class AnimAttributes(Part):
    """Named animated numbers of a shape, layer or point. Asking for a name that is not there makes it, with 0."""

    def __init__(self, *args: Any) -> None:
        self._curves: dict[str, AnimCurve] = {}
        self._named_in_text: set[str] = set()
        self._shadows: dict[str, float] = {}
        """Constants that `add` put over a keyed curve."""

    def _begin(self, names: Any) -> None:
        """Take the names that an element has from the start."""
        self._curves = {name: AnimCurve(DEFAULTS.get(name, 0.0))._adopt(self) for name in names}

    def _short(self, attr: Any) -> str:
        return self._name_at(attr) if isinstance(attr, int) else str(attr)

    def _name_at(self, index: int) -> str:
        names = list(self._curves)
        return names[index] if 0 <= index < len(names) else ""

    def _value(self, time: float, name: str) -> float:
        """What the picture and getValue take; the default where nothing is said."""
        if name in self._shadows:
            return self._shadows[name]
        curve = self._curves.get(name)
        return curve._at(time) if curve is not None else float(DEFAULTS.get(name, 0))

    def _curve(self, name: str) -> AnimCurve:
        if name not in self._curves:
            self._curves[name] = AnimCurve(0.0)._adopt(self)
        return self._curves[name]

    def _is_written(self, name: str) -> bool:
        curve = self._curves[name]
        return bool(name in self._named_in_text or curve._keys or curve.useExpression or curve.constantValue != DEFAULTS.get(name, 0.0))

    def add(self, name: str, value: float) -> None:
        """Set a constant; over a curve with keys it is a shadow: getValue gives it, the curve stays as it was."""
        curve = self._curve(name)
        if curve._keys:
            self._shadows[name] = float(value)
        else:
            curve.constantValue = float(value)

    def getValue(self, time: float, indexOrName: Any, view: Any = None) -> float:
        _require_view(view)
        name = self._short(indexOrName)
        self._curve(name)  # an unknown name springs up, with 0
        return self._value(time, name)

    def set(self, *args: Any) -> None:
        """set(time, name, value) makes a key; set(name, value) sets a constant."""
        if isinstance(args[0], str):
            name, value = args[0], float(args[1])
            curve = self._curve(name)
            curve._keys, curve.constantValue = [], value
            return
        time, name, value = float(args[0]), self._short(args[1]), float(args[2])
        self._curve(name)._add(time, value)

    def addKey(self, time: float, *attribute: Any) -> None:
        """Key one attribute where it stands. Two arguments, whatever help() says (NUKE_MEASURED 2.2)."""
        if len(attribute) != 1:
            raise TypeError(f"AnimAttributes.addKey takes 2 arguments, {1 + len(attribute)} were given")
        curve = self._curve(self._short(attribute[0]))
        curve._add(time, curve._at(time))

    def getCurve(self, attr: Any, view: Any = None) -> AnimCurve:
        _require_view(view)
        return self._curve(self._short(attr))

    def getName(self, index: int) -> str:
        return self._name_at(index)

    def remove(self, attributeIndexOrName: Any) -> None:
        self._curves.pop(self._short(attributeIndexOrName), None)

    def __contains__(self, other: Any) -> bool:
        return other in self._curves

    def __len__(self) -> int:
        return len(self._curves)


for _long, _name in ATTRIBUTE_NAMES.items():
    setattr(AnimAttributes, _long, _name)


class CTransform:
    """A transform at one time; rotation in degrees."""

    def __init__(self) -> None:
        self.name = ""
        self.pivotPoint, self.translation, self.rotation, self.scale, self.skew = CVec3(), CVec3(), CVec3(), CVec3(1, 1, 1), CVec3()
        self.rotationOrder, self.transformOrder = 0, 0
        self._extra = CMatrix4()

    def getMatrix(self) -> CMatrix4:
        """T(pivot) T R S Skew T(-pivot), then the extra matrix before it (NUKE_FACTS: assumed)."""
        m = CMatrix4()
        m.translate(*(p + t for p, t in zip(self.pivotPoint, self.translation)))
        for turn, angle in ((m.rotateZ, self.rotation[2]), (m.rotateY, self.rotation[1]), (m.rotateX, self.rotation[0])):
            if angle:
                turn(math.radians(angle))
        m.scale(*self.scale)
        if any(self.skew):
            m.skew(math.tan(math.radians(self.skew[0])), math.tan(math.radians(self.skew[1])), 0.0)
        m.translate(*(-p for p in self.pivotPoint))
        return m * self._extra


KEYED_AT_BIRTH = 12
"""Curves of pivot, translation, rotation and scale."""


@public_class
class AnimCTransform(Part):
    """A transform over time: the 35 curves of the text form."""

    def __init__(self, *args: Any) -> None:
        self.name, self.rotationOrder, self.transformOrder = "", 0, 0
        self._curves = [AnimCurve(_default(i))._adopt(self) for i in range(35)]

    def _key_at_birth(self) -> None:
        """Key every family at the current frame, as Nuke does with a transform that nobody touches (NUKE_MEASURED 2.1, case 30)."""
        for index in range(KEYED_AT_BIRTH):
            self._curves[index]._add(state.current()._frame, _default(index))

    def evaluate(self, time: float, view: str = "default") -> CTransform:
        transform = CTransform()
        v = [curve._at(time) for curve in self._curves]
        transform.pivotPoint, transform.translation, transform.rotation, transform.scale = (
            CVec3(*v[0:3]),
            CVec3(*v[3:6]),
            CVec3(*v[6:9]),
            CVec3(*v[9:12]),
        )
        transform.skew = CVec3(*v[12:15])
        transform._extra = CMatrix4(*v[19:35])
        return transform

    def _times(self, first: int, last: int) -> list[float]:
        return sorted({key.time for curve in self._curves[first:last] for key in curve._keys})

    def getTransformKeyTimes(self, view: str = "default") -> list[float]:
        return self._times(0, len(self._curves))

    def getTranslationKeyTimes(self, view: str = "default") -> list[float]:
        return self._times(3, 6)

    def getRotationKeyTimes(self, view: str = "default") -> list[float]:
        return self._times(6, 9)

    def getScaleKeyTimes(self, view: str = "default") -> list[float]:
        return self._times(9, 12)

    def isDefault(self) -> bool:
        return all(not curve._keys and curve.constantValue == _default(i) for i, curve in enumerate(self._curves))


def _default(index: int) -> float:
    return 1.0 if index in (9, 10, 11, 19, 24, 29, 34) else 0.0
