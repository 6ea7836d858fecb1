"""Animated values of roto shapes: curves, control points, attributes, transforms (`nuke.curvelib`).

Every part knows what it belongs to (`_up`); when the tree above was replaced by fromScript, using a part raises, where Nuke may crash.
"""

from __future__ import annotations

import math
from typing import Any

from . import state
from .animation import hermite
from .guard import public, public_class
from .vectors import CMatrix4, CVec2, CVec3, CVec4  # noqa: F401


class StaleRoto(state.SimError):
    """A shape, layer, point or curve from before fromScript() (or undo) was used: in Nuke this can crash. Fetch rootLayer again."""


class Part:
    """Something in a roto tree."""

    _up: Any = None
    _dead = False

    def _require_alive(self) -> None:
        part: Any = self
        while part is not None:
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
    eUndefineFlag = -1


class CurveType:
    """Kinds of curves."""

    (
        eUndefineCurveType,
        eBezierCurveType,
        eCardinalCurveType,
        eCatmullRomCurveType,
        eBSplineCurveType,
        eHermiteCurveType,
        eNurbsCurveType,
    ) = range(7)


class InterpolationType:
    """Between keys."""

    eUndefineInterpolationType, eStepInterpolationType, eLinearInterpolationType, eCubicInterpolationType = -1, 0, 1, 2


class ExtrapolationType:
    """Outside keys."""

    eUndefineExtrapolationType, eConstantExtrapolationType, eLinearExtrapolationType, eCycleExtrapolationType = -1, 0, 1, 2


class RotationOrder:
    """Orders of axes."""

    (
        eUndefineRotationOrder,
        eXYZRotationOrder,
        eXZYRotationOrder,
        eYXZRotationOrder,
        eYZXRotationOrder,
        eZXYRotationOrder,
        eZYXRotationOrder,
    ) = range(-1, 6)


class TransformOrder:
    """Orders of scale, rotation and translation."""

    (
        eUndefineTransformOrder,
        eSRTTransformOrder,
        eSTRTransformOrder,
        eRSTTransformOrder,
        eRTSTransformOrder,
        eTSRTransformOrder,
        eTRSTransformOrder,
    ) = range(-1, 6)


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

    def getHash(self) -> int:
        return self._value

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
        self._smooth = False

    def reset(self) -> None:
        AnimCurveKey.__init__(self)

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

    def evaluateY(self, time: float) -> float:
        return self._at(time)

    def getKey(self, index: int) -> AnimCurveKey:
        return self._keys[index]

    def getNumberOfKeys(self) -> int:
        return len(self._keys)

    def isDefault(self) -> bool:
        return not self._keys and not self.useExpression and self.constantValue == 0.0

    def removeAllKeys(self) -> None:
        self._keys = []

    def removeKey(self, timeOrHash: Any) -> None:
        if isinstance(timeOrHash, Hash):
            self._keys = [key for key in self._keys if id(key) != timeOrHash._value]
        else:
            self._remove(timeOrHash)

    def reset(self) -> None:
        AnimCurve.__init__(self)

    def _add(self, time: float, value: float) -> AnimCurveKey:
        for key in self._keys:
            if key.time == time:
                key.value = value
                self._smooth_slopes()
                return key
        key = AnimCurveKey(time, value)
        key._smooth, key._up = True, self
        self._keys.append(key)
        self._keys.sort(key=lambda one: one.time)
        self._smooth_slopes()
        return key

    def _remove(self, time: float) -> None:
        self._keys = [key for key in self._keys if key.time != time]
        self._smooth_slopes()

    def _smooth_slopes(self) -> None:
        """Give keys that were added by script the smooth slope: one slope through the neighbours, one-sided at the ends."""
        keys = self._keys
        for i, key in enumerate(keys):
            if not key._smooth:
                continue
            before, after = keys[max(i - 1, 0)], keys[min(i + 1, len(keys) - 1)]
            slope = (after.value - before.value) / (after.time - before.time) if after is not before else 0.0
            key.lslope = slope if i else 0.0
            key.rslope = slope if i < len(keys) - 1 else 0.0

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
        if a.time == time:
            return a.value
        return hermite(time, a.time, a.value, a.rslope, a.ra, b.time, b.value, b.lslope, b.la)

    def _adopt(self, up: Any) -> AnimCurve:
        self._up = up
        return self


class AnimCurveViews:
    """Names of views; `-` is the default one."""

    kDefaultViewName = "-"

    def getNumberOfViews(self) -> int:
        return 1

    def getViewNames(self) -> list[str]:
        return ["-"]

    def getViewName(self, index: int) -> str:
        return "-"

    def getViewIndex(self, name: str) -> int:
        return 0


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

    def setPosition(self, position: Any, view: Any = None) -> None:
        for curve, value in zip(self._curves, _position(position)):
            curve.constantValue = value

    def addPositionKey(self, time: float, positionOrDim: Any, view: Any = None) -> None:
        values = _position(positionOrDim)
        for curve, value in zip(self._curves, values):
            curve._add(time, value)

    def addKey(self, time: float, controlPointOrDim: Any = None, view: Any = None) -> None:
        for curve in self._curves[:2]:
            curve._add(time, curve._at(time))

    def removePositionKey(self, time: float, view: str = "default") -> None:
        for curve in self._curves:
            curve._remove(time)

    def removeKey(self, time: float, view: str = "default") -> None:
        for curve in self._curves:
            curve._remove(time)

    def removeAllKeys(self, view: str = "default") -> None:
        for curve in self._curves:
            curve._keys = []

    def getControlPointKeyTimes(self, view: str = "default") -> list[float]:
        return sorted({key.time for curve in self._curves for key in curve._keys})

    def getPositionAnimCurve(self, index: int, view: str = "default") -> AnimCurve:
        return self._curves[index]

    def setPositionAnimCurve(self, index: int, animCurve: AnimCurve, view: Any = None) -> None:
        self._curves[index] = animCurve._adopt(self)

    def getPositionKeyTime(self, index: int, keyIndex: int, view: str = "default") -> float:
        return self._curves[index]._keys[keyIndex].time

    def reset(self) -> None:
        for curve in self._curves:
            AnimCurve.__init__(curve)


ATTRIBUTE_NAMES = {
    "kVisibleAttribute": "vis",
    "kOpacityAttribute": "opc",
    "kRedAttribute": "r",
    "kGreenAttribute": "g",
    "kBlueAttribute": "b",
    "kAlphaAttribute": "a",
    "kRedOverlayAttribute": "ro",
    "kGreenOverlayAttribute": "go",
    "kBlueOverlayAttribute": "bo",
    "kAlphaOverlayAttribute": "ao",
    "kInvertedAttribute": "inv",
    "kMotionBlurOnAttribute": "mbo",
    "kMotionBlurAttribute": "mb",
    "kMotionBlurShutterAttribute": "mbs",
    "kMotionBlurShutterOffsetTypeAttribute": "mbsot",
    "kMotionBlurShutterOffsetAttribute": "mbso",
    "kSourceAttribute": "src",
    "kSourceTranslateXAttribute": "stx",
    "kSourceTranslateYAttribute": "sty",
    "kSourceTranslateRoundAttribute": "str",
    "kSourceRotateAttribute": "sr",
    "kSourceScaleXAttribute": "ssx",
    "kSourceScaleYAttribute": "ssy",
    "kSourcePivotPointXAttribute": "spx",
    "kSourcePivotPointYAttribute": "spy",
    "kSourceTimeOffsetTypeAttribute": "stot",
    "kSourceTimeOffsetAttribute": "sto",
    "kViewAttribute": "sv",
    "kBrushSizeAttribute": "bs",
    "kBrushSpacingAttribute": "bsp",
    "kHardnessAttribute": "h",
    "kBuildUpAttribute": "bu",
    "kBrushTypeAttribute": "bt",
    "kDynamicHardnessAttribute": "dh",
    "kDynamicSizeAttribute": "ds",
    "kDynamicTransparencyAttribute": "dt",
    "kFeatherOnAttribute": "fo",
    "kFeatherXAttribute": "fx",
    "kFeatherYAttribute": "fy",
    "kFeatherFallOffAttribute": "ff",
    "kFeatherTypeAttribute": "ft",
    "kBlendingModeAttribute": "bm",
    "kLifeTimeTypeAttribute": "ltt",
    "kLifeTimeNAttribute": "ltn",
    "kLifeTimeMAttribute": "ltm",
    "kNumberOfViewsAttribute": "nv",
}
DEFAULTS = {
    "vis": 1,
    "opc": 1,
    "r": 1,
    "g": 1,
    "b": 1,
    "a": 1,
    "mb": 1,
    "mbs": 0.5,
    "fo": 1,
    "ff": 1,
    "ltn": 1,
    "ltm": 1,
    "nv": 1,
    "view1": 1,
    "osw": 10,
    "tt": 4,
    "ssx": 1,
    "ssy": 1,
    "bs": 25,
    "h": 0.2,
    "bsp": 0.05,
    "bu": 1,
    "ptmot": 4,
}
"""What a missing attribute means; all others mean 0."""


@public_class
class AnimAttributes(Part):
    """Named animated numbers of a shape, layer or point; a missing one has its default."""

    def __init__(self, *args: Any) -> None:
        self._curves: dict[str, AnimCurve] = {}

    def _short(self, attr: Any) -> str:
        return list(self._curves)[attr] if isinstance(attr, int) else str(attr)

    def _value(self, time: float, name: str) -> float:
        curve = self._curves.get(name)
        return curve._at(time) if curve is not None else float(DEFAULTS.get(name, 0))

    def _curve(self, name: str) -> AnimCurve:
        if name not in self._curves:
            self._curves[name] = AnimCurve(float(DEFAULTS.get(name, 0)))._adopt(self)
        return self._curves[name]

    def add(self, name: str, value: float) -> None:
        self._curve(name).constantValue = float(value)

    def getValue(self, time: float, indexOrName: Any, view: Any = None) -> float:
        return self._value(time, self._short(indexOrName))

    def set(self, *args: Any) -> None:
        """set(time, name, value) makes a key; set(name, value) sets a constant."""
        if isinstance(args[0], str):
            name, value = args[0], float(args[1])
            curve = self._curve(name)
            curve._keys, curve.constantValue = [], value
            return
        time, name, value = float(args[0]), self._short(args[1]), float(args[2])
        self._curve(name)._add(time, value)

    def addKey(self, time: float, name: Any = None, value: float | None = None, view: Any = None) -> None:
        if name is None:
            for curve in self._curves.values():
                curve._add(time, curve._at(time))
            return
        curve = self._curve(self._short(name))
        curve._add(time, curve._at(time) if value is None else float(value))

    def getCurve(self, attr: Any, view: Any = None) -> AnimCurve:
        return self._curve(self._short(attr))

    def setCurve(self, index: Any, curve: AnimCurve, view: Any = None) -> None:
        self._curves[self._short(index)] = curve._adopt(self)

    def getName(self, index: int) -> str:
        return list(self._curves)[index]

    def getNumberOfKeys(self, attr: Any, view: Any = None) -> int:
        return len(self._curve(self._short(attr))._keys)

    def getKeyTime(self, index: Any, keyIndexOrHash: int, view: Any = None) -> float:
        return self._curve(self._short(index))._keys[keyIndexOrHash].time

    def remove(self, attributeIndexOrName: Any) -> None:
        self._curves.pop(self._short(attributeIndexOrName), None)

    def removeAll(self) -> None:
        self._curves.clear()

    def removeKey(self, time: float, attributeIndex: Any, view: Any = None) -> None:
        self._curve(self._short(attributeIndex))._remove(time)

    def removeKeys(self, attributeIndex: Any, view: Any = None) -> None:
        self._curve(self._short(attributeIndex))._keys = []

    def reset(self) -> None:
        self._curves.clear()

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

    def getTransposeMatrix(self) -> CMatrix4:
        m = self.getMatrix()
        m.transpose()
        return m

    def isDefault(self) -> bool:
        return self.getMatrix() == CMatrix4()

    def setIdentity(self) -> None:
        CTransform.__init__(self)

    def reset(self) -> None:
        CTransform.__init__(self)


_PARTS = {"PivotPoint": 0, "Translation": 3, "Rotation": 6, "Scale": 9, "SkewX": 12}


@public_class
class AnimCTransform(Part):
    """A transform over time: the 35 curves of the text form."""

    def __init__(self, *args: Any) -> None:
        self.name, self.rotationOrder, self.transformOrder = "", 0, 0
        self._curves = [AnimCurve(_default(i))._adopt(self) for i in range(35)]

    def evaluate(self, time: float, view: str = "default") -> CTransform:
        made = CTransform()
        v = [curve._at(time) for curve in self._curves]
        made.pivotPoint, made.translation, made.rotation, made.scale = CVec3(*v[0:3]), CVec3(*v[3:6]), CVec3(*v[6:9]), CVec3(*v[9:12])
        made.skew = CVec3(*v[12:15])
        made._extra = CMatrix4(*v[19:35])
        return made

    def getExtraMatrixAnimCurve(self, i: int, j: int, view: str = "default") -> AnimCurve:
        return self._curves[19 + 4 * i + j]

    def setExtraMatrixAnimCurve(self, i: int, j: int, animcurve: AnimCurve, view: str = "default") -> None:
        self._curves[19 + 4 * i + j] = animcurve._adopt(self)

    def addTransformKey(self, time: float, view: str = "default") -> None:
        for curve in self._curves[:12]:
            curve._add(time, curve._at(time))

    def removeTransformKey(self, time: float, view: str = "default") -> None:
        for curve in self._curves:
            curve._remove(time)

    def getTransformKeyTimes(self, view: str = "default") -> list[float]:
        return sorted({key.time for curve in self._curves for key in curve._keys})

    def getNumberOfTransformKeys(self, view: str = "default") -> int:
        return len({key.time for curve in self._curves for key in curve._keys})

    def getTransformKeyTime(self, index: int, view: str = "default") -> float:
        return sorted({key.time for curve in self._curves for key in curve._keys})[index]

    def isDefault(self) -> bool:
        return all(not curve._keys and curve.constantValue == _default(i) for i, curve in enumerate(self._curves))

    def reset(self) -> None:
        AnimCTransform.__init__(self)

    def setIdentity(self, view: str = "default") -> None:
        AnimCTransform.__init__(self)


def _default(index: int) -> float:
    return 1.0 if index in (9, 10, 11, 19, 24, 29, 34) else 0.0


def _part_methods(first: int) -> dict[str, Any]:
    """Methods of one part of the transform, whose three curves begin at this index."""

    def add(self: Any, time: float, x: float, y: float, pressure: float = 0.0, view: str = "default") -> None:
        for offset, value in enumerate((x, y, pressure)):
            self._curves[first + offset]._add(time, float(value))

    def remove(self: Any, time: float, view: str = "default") -> None:
        for offset in range(3):
            self._curves[first + offset]._remove(time)

    def curve(self: Any, index: int, view: str = "default") -> AnimCurve:
        return self._curves[first + index]  # type: ignore[no-any-return]

    def put(self: Any, index: int, animCurve: AnimCurve, view: str = "default") -> None:
        self._curves[first + index] = animCurve._adopt(self)

    def moments(self: Any) -> list[float]:
        return sorted({key.time for c in self._curves[first : first + 3] for key in c._keys})

    def times(self: Any, view: str = "default") -> list[float]:
        return moments(self)

    def count(self: Any, view: str = "default") -> int:
        return len(moments(self))

    def time_of(self: Any, index: int, view: str = "default") -> float:
        return moments(self)[index]

    return {
        "add%sKey": add,
        "remove%sKey": remove,
        "get%sAnimCurve": curve,
        "set%sAnimCurve": put,
        "get%sKeyTimes": times,
        "getNumberOf%sKeys": count,
        "get%sKeyTime": time_of,
    }


for _part, _first in _PARTS.items():
    for _method, _function in _part_methods(_first).items():
        setattr(AnimCTransform, _method % _part, public(_function))


class CubicCurve:
    """A shape's outline at one time; getPoint takes 0..1 along the whole curve, every segment an equal share."""

    def __init__(self, segments: list[tuple[Any, Any, Any, Any]]) -> None:
        self._segments = segments

    def getPoint(self, t: float) -> CVec4:
        if not self._segments:
            return CVec4()
        at = min(max(t, 0.0), 1.0) * len(self._segments)
        index = min(int(at), len(self._segments) - 1)
        u = at - index
        w = 1 - u
        a, b, c, d = self._segments[index]
        return CVec4(*(w**3 * a[k] + 3 * w * w * u * b[k] + 3 * w * u * u * c[k] + u**3 * d[k] for k in (0, 1)), 0.0, 1.0)
