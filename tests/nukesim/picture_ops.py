"""Picture operations of the renderer, one function per operation of the lowered tree."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import outline_raster
import picture_files
from picture import Picture, format_box, intersect, union

_RGBA = ("rgba.red", "rgba.green", "rgba.blue", "rgba.alpha")
_FILES: dict[Any, Any] = {}
"""Files that were read, by path, version knob and settings: like Nuke, a changed file is not seen until its Read is reloaded."""


_MOST_BYTES = 400_000_000
"""Files kept in memory; the oldest goes first, and would be read again, as in Nuke when its cache is full."""


class PictureError(RuntimeError):
    """The picture cannot be made."""


def _index(name: str) -> int:
    """Which field of a colour knob a channel uses."""
    last = name.rsplit(".", 1)[-1]
    return {"red": 0, "green": 1, "blue": 2, "alpha": 3}.get(last, 0)


def _touch(source: Picture, channels: Any, function: Callable[[np.ndarray, int], np.ndarray]) -> Picture:
    """Change the chosen channels point by point."""
    chosen = [name for name in source.planes if channels == "all" or name in channels]
    return source.with_planes({name: (lambda n=name: function(source.plane(n), _index(n)).astype(np.float32)) for name in chosen})


def black(op: dict[str, Any], inputs: list[Picture]) -> Picture:
    return Picture(op["format"], format_box(op["format"]))


def error(op: dict[str, Any], inputs: list[Picture]) -> Picture:
    raise PictureError(op["message"])


def constant(op: dict[str, Any], inputs: list[Picture]) -> Picture:
    form = op["format"] or inputs[0].format
    picture = Picture(form, format_box(form))
    names = list(_RGBA) if op["channels"] == "all" else op["channels"]
    for name in names:
        picture.planes[name] = np.full(picture.shape, op["color"][_index(name)], np.float32)
    return picture


def checker(op: dict[str, Any], inputs: list[Picture]) -> Picture:
    picture = Picture(op["format"], format_box(op["format"]))
    height, width = picture.shape
    cell = (np.arange(width)[None] // max(op["size"][0], 1)).astype(int) % 2 + 2 * (
        (np.arange(height)[:, None] // max(op["size"][1], 1)).astype(int) % 2
    )
    order = {0: 0, 1: 1, 2: 3, 3: 2}
    for i, name in enumerate(_RGBA):
        picture.planes[name] = np.select([cell == k for k in range(4)], [op["colors"][order[k]][i] for k in range(4)]).astype(np.float32)
    return picture


def colorbars(op: dict[str, Any], inputs: list[Picture]) -> Picture:
    picture = Picture(op["format"], format_box(op["format"]))
    height, width = picture.shape
    bar = (np.arange(width) * 7 // max(width, 1)).clip(0, 6)
    for i, row in enumerate(((1, 1, 0, 0, 1, 1, 0), (1, 1, 1, 1, 0, 0, 0), (1, 0, 1, 0, 1, 0, 1))):
        picture.planes[_RGBA[i]] = np.repeat((np.asarray(row, np.float32)[bar] * op["intensity"])[None], height, 0).astype(np.float32)
    return picture


def _weight(kept: Any) -> int:
    """Bytes of a kept picture; a kept failure weighs nothing."""
    return 0 if isinstance(kept, str) else 4 * kept.shape[0] * kept.shape[1] * len(kept.planes)


def read(op: dict[str, Any], inputs: list[Picture]) -> Picture:
    key = (op["path"], op["version"], op["colorspace"], op["raw"], op["premultiplied"], op["auto_alpha"], str(op["format"]))
    if key not in _FILES:
        try:
            _FILES[key] = picture_files.read(op["path"], op["colorspace"], op["raw"], op["premultiplied"], op["auto_alpha"], op["format"])
        except Exception as failure:
            # A kept exception would gather a traceback, with all that its frames hold, each time it is raised.
            _FILES[key] = "{}: {}".format(op.get("name", "Read"), failure)
        while len(_FILES) > 1 and sum(map(_weight, _FILES.values())) > _MOST_BYTES:
            _FILES.pop(next(iter(_FILES)))
    found = _FILES[key]
    if isinstance(found, str):
        raise PictureError(found)
    picture = found.with_planes({})
    picture.metadata["input/frame"] = op.get("frame", 0)
    return picture  # type: ignore[no-any-return]


# --- roto ------------------------------------------------------------------------------------------------------------


def _blend(mode: int, shape: float, below: np.ndarray) -> np.ndarray:
    """Blend a shape's colour with what is below it, by the number of the attribute bm; nothing clamps.

    Every reading in a real Nuke is Merge2's formula with A = what is below and B = the shape (NUKE_MEASURED 2.5; RB cases 94, 97, 98).
    Measured with white shapes at full cover alone: what other colours give is the formula's word.
    """
    A, B = np.asarray(below, float), float(shape)
    within = (A >= 0) & (A <= 1) & (0 <= B <= 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        table: list[Callable[[], Any]] = [
            lambda: np.full_like(A, B),  # over
            lambda: np.maximum(A, B),
            lambda: A * B,
            lambda: np.where(A > 0, 1 - (1 - B) / A, 0.0),  # color-burn
            lambda: np.minimum(A, B),
            lambda: np.where(within, A + B - A * B, np.maximum(A, B)),  # screen
            lambda: np.where(A < 1, np.minimum(1.0, B / (1 - A)), 1.0),  # color-dodge
            lambda: A + B,
            lambda: 2 * A * B if B < 0.5 else 1 - 2 * (1 - A) * (1 - B),  # overlay
            lambda: np.where(A * B < 1, B * (2 * A + B * (1 - A * B)), 2 * A * B),  # soft-light
            lambda: np.where(A < 0.5, 2 * A * B, 1 - 2 * (1 - A) * (1 - B)),  # hard-light
            lambda: B - A,  # from
            lambda: A - B,  # minus
            lambda: np.abs(A - B),
            lambda: A + B - 2 * A * B,  # exclusion
        ]
        return np.asarray(table[mode](), float)


def roto(op: dict[str, Any], inputs: list[Picture]) -> Picture:
    form = inputs[0].format if inputs else op["format"]
    base = inputs[0] if inputs else Picture(form, (0, 0, 0, 0))
    whole = format_box(form)
    box: Any = base.box
    drawn = op["shapes"]
    for shape in drawn:
        box = union(box, whole if shape["inverted"] else outline_raster.extent(shape))
    clip = op["clip"]
    if clip == "format":
        box = intersect(box, whole) or (0, 0, 0, 0)
    elif clip == "bbox":
        box = base.box if inputs else whole
    elif clip == "union":
        box = union(box, whole)
    elif clip == "intersect":
        box = intersect(intersect(box, whole) or (0, 0, 0, 0), base.box) or (0, 0, 0, 0)
    if box[0] >= box[2] or box[1] >= box[3]:
        box = (0, 0, 1, 1) if not inputs else base.box
    names = list(op["output"]) if op["output"] != "all" else list(base.planes) or list(_RGBA)
    covers: list[Any] = []

    def coverage(index: int) -> tuple[Any, np.ndarray | None]:
        """The shape's box within the picture and its coverage there, computed once."""
        while len(covers) <= index:
            shape = drawn[len(covers)]
            place = box if shape["inverted"] else intersect(outline_raster.extent(shape), box)
            if place is None:
                covers.append((None, None))
                continue
            area = outline_raster.shape_coverage(shape, place) if shape["kind"] == "shape" else outline_raster.stroke_coverage(shape, place)
            covers.append((place, (1 - area if shape["inverted"] else area) * shape["opacity"]))
        return covers[index]  # type: ignore[no-any-return]

    def paint(name: str) -> np.ndarray:
        below = np.zeros((box[3] - box[1], box[2] - box[0])) if op["replace"] else base.over(name, box).astype(float)
        for i, shape in enumerate(drawn):
            place, area = coverage(i)
            if place is None or area is None:
                continue
            rows, columns = slice(place[1] - box[1], place[3] - box[1]), slice(place[0] - box[0], place[2] - box[0])
            under = below[rows, columns]
            below[rows, columns] = (
                under + (_blend(shape["mode"], shape["color"][_index(name) if name.startswith("rgba.") else 3], under) - under) * area
            )
        return below.astype(np.float32)

    return base.with_planes({name: (lambda n=name: paint(n)) for name in names}, box)


# --- channels --------------------------------------------------------------------------------------------------------


def copy(op: dict[str, Any], inputs: list[Picture]) -> Picture:
    base, other = inputs
    box = {"union": union(base.box, other.box), "B": base.box, "A": other.box}[op["bbox"]]
    pairs = list(op["pairs"])
    if op["layers"] == "all":
        pairs += [[name, name] for name in other.planes]
    else:
        pairs += [[name, name] for name in op["layers"] if name in other.planes]
    return base.with_planes({target: (lambda s=source: other.over(s, box)) for source, target in pairs}, box)


def shuffle(op: dict[str, Any], inputs: list[Picture]) -> Picture:
    base = inputs[0]
    box: Any = base.box
    for _, which, _source in op["sources"]:
        if which:
            box = union(box, inputs[which].box)

    def make(which: int | None, source: Any) -> np.ndarray:
        if which is None:
            return np.full((box[3] - box[1], box[2] - box[0]), float(source or 0.0), np.float32)
        return inputs[which].over(source, box)

    return base.with_planes({target: (lambda w=which, s=source: make(w, s)) for target, which, source in op["sources"]}, box)


def remove(op: dict[str, Any], inputs: list[Picture]) -> Picture:
    picture = inputs[0].with_planes({})
    picture.planes = {
        name: plane for name, plane in picture.planes.items() if (op["channels"] == "all" or name in op["channels"]) == op["keep"]
    }
    return picture


def addchannels(op: dict[str, Any], inputs: list[Picture]) -> Picture:
    source = inputs[0]
    new = [name for name in op["channels"] if name not in source.planes]
    return source.with_planes({name: (lambda n=name: np.full(source.shape, op["color"][_index(n)], np.float32)) for name in new})


# --- geometry --------------------------------------------------------------------------------------------------------


def crop(op: dict[str, Any], inputs: list[Picture]) -> Picture:
    source = inputs[0]
    x, y, r, t = op["box"]
    box: Any = (int(math.floor(x)), int(math.floor(y)), int(math.ceil(r)), int(math.ceil(t)))
    full = box
    if op["intersect"] or not op["crop"]:
        box = intersect(box, source.box) or (box[0], box[1], box[0], box[1])
    picture = source.with_planes({}, box)
    if op["reformat"]:
        picture.format = [full[2] - full[0], full[3] - full[1], 0, 0, full[2] - full[0], full[3] - full[1], source.format[6], ""]
        picture.box = (box[0] - full[0], box[1] - full[1], box[2] - full[0], box[3] - full[1])
    return picture


def blackoutside(op: dict[str, Any], inputs: list[Picture]) -> Picture:
    source = inputs[0]
    x, y, r, t = source.box
    return source.with_planes({}, (x - 1, y - 1, r + 1, t + 1))


def _weights(count: int, start: float, scale: float, size: int, origin: int, kind: str) -> np.ndarray:
    """Matrix (count, size) that resamples a row: output pixel i + start, input pixel j + origin, out = in * scale."""
    centres = (np.arange(count) + start + 0.5) / scale
    distance = centres[:, None] - (np.arange(size) + origin + 0.5)[None]
    if kind == "Impulse":
        return ((distance >= -0.5) & (distance < 0.5)).astype(float)
    support = max(1.0, 1.0 / scale)
    weights = np.maximum(0.0, 1 - np.abs(distance) / support)
    # a pixel near the edge of what exists keeps its share of black, so that a box stays a box
    return weights / support


def reformat(op: dict[str, Any], inputs: list[Picture]) -> Picture:
    source = inputs[0]
    in_w, in_h, in_pa = float(source.format[0]), float(source.format[1]), float(source.format[6])
    target = op["target"]
    if not isinstance(target, list):
        target = [round(in_w * target), round(in_h * target), 0, 0, round(in_w * target), round(in_h * target), in_pa, ""]
    target = list(target)
    if not target[1]:
        target[1] = target[5] = max(1, round(target[0] * in_h / in_w * float(target[6]) / in_pa))
    out_w, out_h, out_pa = float(target[0]), float(target[1]), float(target[6])
    resize = op["resize"]
    wide, high = out_w / in_w, out_h / in_h
    ratio = out_pa / in_pa
    sx, sy = {
        "none": (1.0, 1.0),
        "width": (wide, wide * ratio),
        "height": (high / ratio, high),
        "distort": (wide, high),
        "fit": min(((wide, wide * ratio), (high / ratio, high))),
        "fill": max(((wide, wide * ratio), (high / ratio, high))),
    }[resize]
    dx = (out_w - in_w * sx) / 2 if op["center"] else 0.0
    dy = (out_h - in_h * sy) / 2 if op["center"] else 0.0
    if resize == "none":
        dx, dy = float(math.floor(dx)), float(math.floor(dy))
    x, y, r, t = source.box
    box: Any = (
        int(math.floor(x * sx + dx + 1e-6)),
        int(math.floor(y * sy + dy + 1e-6)),
        int(math.ceil(r * sx + dx - 1e-6)),
        int(math.ceil(t * sy + dy - 1e-6)),
    )
    if op["flop"]:
        box = (int(out_w) - box[2], box[1], int(out_w) - box[0], box[3])
    if op["flip"]:
        box = (box[0], int(out_h) - box[3], box[2], int(out_h) - box[1])
    if not op["pbb"]:
        box = intersect(box, format_box(target)) or (0, 0, 1, 1)

    def make(name: str) -> np.ndarray:
        left = int(out_w) - box[2] if op["flop"] else box[0]
        bottom = int(out_h) - box[3] if op["flip"] else box[1]
        plane = source.plane(name)
        if sx == 1 and sy == 1 and dx == int(dx) and dy == int(dy):
            out = source.over(
                name, (left - int(dx), bottom - int(dy), left - int(dx) + box[2] - box[0], bottom - int(dy) + box[3] - box[1])
            )
        else:
            across = _weights(box[2] - box[0], left - dx, sx, plane.shape[1], x, op["filter"])
            down = _weights(box[3] - box[1], bottom - dy, sy, plane.shape[0], y, op["filter"])
            sums = np.outer(down.sum(1), across.sum(1))
            out = down @ plane.astype(float) @ across.T
            out = np.divide(out, sums, out=np.zeros_like(out), where=sums > 0)
        out = out[:, ::-1] if op["flop"] else out
        return np.ascontiguousarray(out[::-1] if op["flip"] else out, np.float32)

    return Picture(target, box, {name: (lambda n=name: make(n)) for name in source.planes}, source.metadata)


# --- colour ----------------------------------------------------------------------------------------------------------


def grade(op: dict[str, Any], inputs: list[Picture]) -> Picture:
    def apply(plane: np.ndarray, i: int) -> np.ndarray:
        black_point, white_point, low, high = (op[name][i] for name in ("blackpoint", "whitepoint", "black", "white"))
        gain = op["multiply"][i] * (high - low) / ((white_point - black_point) or 1e-6)
        offset = op["add"][i] + low - gain * black_point
        gamma = op["gamma"][i]
        values = plane.astype(float)
        if op["reverse"]:
            values = np.sign(values) * np.abs(values) ** gamma if gamma != 1 else values
            values = (values - offset) / (gain or 1e-6)
        else:
            values = values * gain + offset
            if gamma != 1:
                values = np.where(values > 0, np.maximum(values, 1e-30) ** (1 / gamma if gamma > 0 else 1e9), values)
        if op["black_clamp"]:
            values = np.maximum(values, 0)
        return np.minimum(values, 1) if op["white_clamp"] else values

    return _touch(inputs[0], op["channels"], apply)


def multiply(op: dict[str, Any], inputs: list[Picture]) -> Picture:
    return _touch(inputs[0], op["channels"], lambda plane, i: plane * np.float32(op["value"][i]))


def add(op: dict[str, Any], inputs: list[Picture]) -> Picture:
    return _touch(inputs[0], op["channels"], lambda plane, i: plane + np.float32(op["value"][i]))


def gamma(op: dict[str, Any], inputs: list[Picture]) -> Picture:
    return _touch(
        inputs[0], op["channels"], lambda plane, i: np.where(plane > 0, np.maximum(plane, 1e-30) ** (1 / max(op["value"][i], 1e-6)), plane)
    )


def clamp(op: dict[str, Any], inputs: list[Picture]) -> Picture:
    def apply(plane: np.ndarray, i: int) -> np.ndarray:
        if op["minimum"] is not None:
            plane = np.maximum(plane, op["minimum"][i])
        return np.minimum(plane, op["maximum"][i]) if op["maximum"] is not None else plane

    return _touch(inputs[0], op["channels"], apply)


def invert(op: dict[str, Any], inputs: list[Picture]) -> Picture:
    return _touch(inputs[0], op["channels"], lambda plane, i: np.clip(1 - plane, 0, 1) if op["clamp"] else 1 - plane)


def blur(op: dict[str, Any], inputs: list[Picture]) -> Picture:
    source = inputs[0]
    margins = [int(math.ceil(s * 1.5)) for s in op["size"]]
    x, y, r, t = source.box
    box = (x - margins[0], y - margins[1], r + margins[0], t + margins[1])

    def make(name: str) -> np.ndarray:
        plane = source.over(name, box).astype(float)
        for axis, size in ((1, op["size"][0]), (0, op["size"][1])):
            if size <= 0:
                continue
            reach = int(math.ceil(size * 1.5))
            at = np.arange(-reach, reach + 1)
            kernel = np.exp(-0.5 * (at / (size * 0.42)) ** 2) if op["filter"] != "box" else (np.abs(at) <= size / 2).astype(float)
            kernel /= kernel.sum()
            plane = np.apply_along_axis(lambda line, k=kernel: np.convolve(line, k, "same"), axis, plane)
        return plane.astype(np.float32)

    chosen = [name for name in source.planes if op["channels"] == "all" or name in op["channels"]]
    return source.with_planes({name: (lambda n=name: make(n)) for name in chosen}, box)


def erode(op: dict[str, Any], inputs: list[Picture]) -> Picture:
    """A size above 0 shrinks, below 0 grows (S17); whole pixels alone."""
    source = inputs[0]
    reach = [int(round(abs(size))) for size in op["size"]]
    x, y, r, t = source.box
    box = (x - reach[0], y - reach[1], r + reach[0], t + reach[1])
    choose = np.minimum if op["size"][0] > 0 else np.maximum

    def make(name: str) -> np.ndarray:
        plane = source.over(name, box)
        for axis, by in ((1, reach[0]), (0, reach[1])):
            best = plane
            for step in range(1, by + 1):
                for shift in (step, -step):
                    best = choose(best, np.roll(plane, shift, axis))
            plane = best
        return plane.astype(np.float32)

    chosen = [name for name in source.planes if op["channels"] == "all" or name in op["channels"]]
    return source.with_planes({name: (lambda n=name: make(n)) for name in chosen}, box)


def premult(op: dict[str, Any], inputs: list[Picture]) -> Picture:
    source = inputs[0]
    chosen = [n for n in source.planes if (op["channels"] == "all" or n in op["channels"]) and n != op["alpha"]]
    return source.with_planes({name: (lambda n=name: source.plane(n) * source.plane(op["alpha"])) for name in chosen})


def unpremult(op: dict[str, Any], inputs: list[Picture]) -> Picture:
    source = inputs[0]
    chosen = [n for n in source.planes if (op["channels"] == "all" or n in op["channels"]) and n != op["alpha"]]

    def make(name: str) -> np.ndarray:
        plane, alpha = source.plane(name), source.plane(op["alpha"])
        return np.divide(plane, alpha, out=plane.copy(), where=alpha != 0)

    return source.with_planes({name: (lambda n=name: make(n)) for name in chosen})


_MERGES: dict[str, Callable[..., Any]] = {
    "over": lambda A, B, a, b: A + B * (1 - a),
    "under": lambda A, B, a, b: A * (1 - b) + B,
    "plus": lambda A, B, a, b: A + B,
    "minus": lambda A, B, a, b: A - B,
    "from": lambda A, B, a, b: B - A,
    "multiply": lambda A, B, a, b: np.where((A < 0) & (B < 0), A, A * B),
    "max": lambda A, B, a, b: np.maximum(A, B),
    "min": lambda A, B, a, b: np.minimum(A, B),
    "screen": lambda A, B, a, b: np.where((A <= 1) & (B <= 1) & (A >= 0) & (B >= 0), A + B - A * B, np.maximum(A, B)),
    "copy": lambda A, B, a, b: A,
    "in": lambda A, B, a, b: A * b,
    "out": lambda A, B, a, b: A * (1 - b),
    "mask": lambda A, B, a, b: B * a,
    "stencil": lambda A, B, a, b: B * (1 - a),
    "atop": lambda A, B, a, b: A * b + B * (1 - a),
    "xor": lambda A, B, a, b: A * (1 - b) + B * (1 - a),
    "difference": lambda A, B, a, b: np.abs(A - B),
    "average": lambda A, B, a, b: (A + B) / 2,
    "exclusion": lambda A, B, a, b: A + B - 2 * A * B,
    "matte": lambda A, B, a, b: A * a + B * (1 - a),
    "divide": lambda A, B, a, b: np.divide(A, B, out=np.zeros_like(A), where=B != 0),
    "hypot": lambda A, B, a, b: np.hypot(A, B),
    "geometric": lambda A, B, a, b: np.divide(2 * A * B, A + B, out=np.zeros_like(A), where=(A + B) != 0),
}


def merge(op: dict[str, Any], inputs: list[Picture]) -> Picture:
    base, other = inputs
    if op["operation"] not in _MERGES:
        raise PictureError("Merge: this stand-in does not know operation {}".format(op["operation"]))
    function = _MERGES[op["operation"]]
    box = {
        "union": union(base.box, other.box),
        "intersection": intersect(base.box, other.box) or (0, 0, 1, 1),
        "A": other.box,
        "B": base.box,
    }[op["bbox"]]
    a_names = list(_RGBA) if op["a"] == "all" else op["a"]
    b_names = list(_RGBA) if op["b"] == "all" else op["b"]
    outputs = list(_RGBA) if op["output"] == "all" else op["output"]
    alpha_a, alpha_b = a_names[-1] if a_names else _RGBA[3], b_names[-1] if b_names else _RGBA[3]

    def make(A: str, B: str) -> np.ndarray:
        return np.asarray(function(other.over(A, box), base.over(B, box), other.over(alpha_a, box), base.over(alpha_b, box)), np.float32)

    changes = {out: (lambda A=A, B=B: make(A, B)) for A, B, out in zip(a_names, b_names, outputs)}
    also = sorted(set(base.planes) | set(other.planes)) if op["also"] == "all" else op["also"]
    changes.update({name: (lambda n=name: make(n, n)) for name in also if name not in changes})
    return base.with_planes(changes, box)


def mix(op: dict[str, Any], inputs: list[Picture]) -> Picture:
    base, changed = inputs[0], inputs[1]
    box = union(base.box, changed.box)

    def amount() -> Any:
        if op["mask"] is None:
            return np.float32(op["mix"])
        mask = inputs[2].over(op["mask"], box)
        mask = 1 - mask if op["invert"] else mask
        mask = 4 * (1 - mask) * mask if op["fringe"] else mask
        return mask * np.float32(op["mix"])

    def make(name: str) -> np.ndarray:
        before = base.over(name, box)
        return (before + (changed.over(name, box) - before) * amount()).astype(np.float32)

    names = list(dict.fromkeys([*base.planes, *changed.planes]))
    return Picture(changed.format, box, {name: (lambda n=name: make(n)) for name in names}, base.metadata)


TABLE: dict[str, Callable[[dict[str, Any], list[Picture]], Picture]] = {
    name: value
    for name, value in list(globals().items())
    if name
    in (
        "black",
        "error",
        "constant",
        "checker",
        "colorbars",
        "read",
        "roto",
        "copy",
        "shuffle",
        "remove",
        "addchannels",
        "crop",
        "blackoutside",
        "reformat",
        "grade",
        "multiply",
        "add",
        "gamma",
        "clamp",
        "invert",
        "blur",
        "erode",
        "premult",
        "unpremult",
        "merge",
        "mix",
    )
}


def run(ops: list[dict[str, Any]], target: int) -> Picture:
    """Make the picture of one operation; what it does not need is not computed."""
    return _made(ops, target, {})


def _made(ops: list[dict[str, Any]], number: int, pictures: dict[int, Picture]) -> Picture:
    """Make a picture once. No closure, which would refer to itself and so keep every picture until garbage is collected."""
    if number not in pictures:
        op = ops[number]
        pictures[number] = TABLE[op["op"]](op, [_made(ops, each, pictures) for each in op["in"]])
    return pictures[number]
