"""Turn the node tree at one frame into a flat list of picture operations, which the renderer runs and whose text is hashed.

Groups are opened, disabled nodes are passed by, clocks (FrameHold, TimeOffset) move the frame, and every knob becomes a number.
Node names do not enter: a renamed node is the same picture.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from typing import Any

from .knobs import Channel_Knob
from .roto_shapes import shapes_at

_RGBA = ("rgba.red", "rgba.green", "rgba.blue", "rgba.alpha")
_COLOUR_AREAS = {
    "linear": "linear",
    "scene_linear": "linear",
    "sRGB": "sRGB",
    "rec709": "rec709",
    "Gamma1.8": "gamma1.8",
    "Gamma2.2": "gamma2.2",
    "Gamma2.4": "gamma2.4",
    "Gamma2.6": "gamma2.6",
}


class RenderError(RuntimeError):
    """A node cannot make its picture; the text names the node, as Nuke's does."""


class Lowering:
    """One traversal: operations in order of use; the same node at the same frame appears once."""

    def __init__(self, host: Any) -> None:
        self.host = host
        self.ops: list[dict[str, Any]] = []
        self.known: dict[tuple[int, float], int] = {}
        self.nodes: list[tuple[int, float]] = []
        self.open: set[tuple[int, float]] = set()

    def add(self, op: str, inputs: list[int] | None = None, **arguments: Any) -> int:
        self.ops.append({"op": op, "in": inputs or [], **arguments})
        return len(self.ops) - 1

    def black(self) -> int:
        return self.add("black", format=self.host._root_format()._json())

    # walking
    def node(self, node: Any | None, frame: float) -> int:
        """Lower a node at a frame; the number of the operation that is its picture."""
        if node is None:
            return self.black()
        key = (node._uid, frame)
        if key in self.known:
            return self.known[key]
        if key in self.open:
            raise RenderError(f"{node._full_name()}: the tree goes in a circle")
        self.open.add(key)
        try:
            number = self.make(node, frame)
        finally:
            self.open.discard(key)
        self.known[key] = number
        self.nodes.append(key)
        return number

    def input(self, node: Any, index: int, frame: float) -> int:
        return self.node(node._input(index), frame)

    def make(self, node: Any, frame: float) -> int:
        if node._kind.inert:
            raise RenderError(f"{node._full_name()}: unknown node class {node._class} cannot render")
        if node._kind.kind in ("group", "gizmo"):
            return self.group(node, frame)
        if node._class == "Input":
            return self.group_input(node, frame)
        disable = node._knobs_by_name.get("disable")
        if disable is not None and disable._field(0, frame):
            return self.input(node, 0, frame) if node._kind.maximum else self.black()
        build: Callable[[Any, float], int] | None = getattr(self, "do_" + node._class, None)
        if build is None:
            raise RenderError(f"{node._full_name()}: this stand-in does not render class {node._class}")
        result = build(node, frame)
        self.ops[result].setdefault("node", node._class)
        return result

    def group(self, node: Any, frame: float) -> int:
        disable = node._knobs_by_name.get("disable")
        if disable is not None and disable._field(0, frame):
            return self.input(node, 0, frame)
        output = node._output_node()
        if node._class == "Precomp":
            named = node._knobs_by_name["output"]._text_value if self.flag(node, "useOutput", frame) else ""
            inside = [child for child in node._child_nodes() if child._name == named or not named and child._class == "Write"]
            output = inside[0] if inside else output
        if output is None:
            raise RenderError(f"{node._full_name()}: no Output node")
        return self.node(output, frame)

    def group_input(self, node: Any, frame: float) -> int:
        parent = node._parent()
        if parent is None or parent._kind.kind == "root":
            return self.black()
        return self.node(parent._input(int(node._knobs_by_name["number"]._values[0])), frame)

    # knobs
    @staticmethod
    def value(node: Any, name: str, frame: float, index: int = 0) -> float:
        return float(node._knobs_by_name[name]._field(index, frame))

    @staticmethod
    def fields(node: Any, name: str, frame: float) -> list[float]:
        return list(node._knobs_by_name[name]._all(frame))

    @staticmethod
    def flag(node: Any, name: str, frame: float) -> bool:
        return bool(node._knobs_by_name[name]._field(0, frame))

    @staticmethod
    def choice(node: Any, name: str, frame: float) -> str:
        knob = node._knobs_by_name[name]
        return str(knob._item(min(max(int(knob._field(0, frame)), 0), len(knob._items) - 1)))

    def text(self, node: Any, name: str) -> str:
        knob = node._knobs_by_name[name]
        text = str(knob._text_value)
        if isinstance(knob, Channel_Knob) and text.startswith("{"):  # an expression: the channels of another knob
            for path in re.findall(r"[A-Za-z_]\w*(?:\.\w+)+", text):
                other = self.host._find_knob(path, node)
                if other is not None:
                    return str(other._text_value)
            raise RenderError(f"{node._full_name()}.{name}: {text} leads nowhere")
        return text

    def colour(self, node: Any, name: str, frame: float) -> list[float]:
        values = self.fields(node, name, frame)
        return (values * 4)[:4] if len(values) == 1 else (values + values[-1:])[:4]

    def set_of(self, node: Any, name: str) -> Any:
        """A channel set: "all", or a list of channel names."""
        return self.host._channel_set(self.text(node, name))

    def format_of(self, node: Any, name: str = "format") -> list[Any]:
        text = self.text(node, name).strip()
        found = self.host._format_named(text, missing_ok=True) if text else None
        return list((found or self.host._root_format())._json())

    # plain nodes
    def passed(self, node: Any, frame: float) -> int:
        """A picture that goes through; an operation of its own, so that its hash differs from the input's where Nuke's would not matter."""
        return self.input(node, 0, frame)

    do_NoOp = do_Dot = do_PostageStamp = do_Output = do_Viewer = do_ModifyMetaData = do_FrameRange = passed

    def do_Write(self, node: Any, frame: float) -> int:
        if self.flag(node, "reading", frame):
            path = self.host._file_of(node, frame)
            return self.add(
                "read",
                path=path,
                version=int(self.value(node, "version", frame)),
                colorspace="linear",
                raw=True,
                premultiplied=False,
                auto_alpha=False,
                format=None,
            )
        return self.input(node, 0, frame)

    def do_Switch(self, node: Any, frame: float) -> int:
        count = max(len(node._input_uids), 1)
        return self.input(node, min(max(int(self.value(node, "which", frame)), 0), count - 1), frame)

    def do_VariableSwitch(self, node: Any, frame: float) -> int:
        """Without a match it gives input 0; how its patterns are named was not seen (NUKE_MEASURED 7)."""
        return self.input(node, 0, frame)

    def do_Cryptomatte(self, node: Any, frame: float) -> int:
        raise RenderError(f"{node._full_name()}: what a Cryptomatte gives is not measured")

    def do_FrameHold(self, node: Any, frame: float) -> int:
        first = self.value(node, "firstFrame", frame)
        step = self.value(node, "increment", frame)
        if step:
            first += ((frame - first) // step) * step
        return self.input(node, 0, first)

    def do_TimeOffset(self, node: Any, frame: float) -> int:
        return self.input(node, 0, frame - self.value(node, "time_offset", frame))

    def do_Constant(self, node: Any, frame: float) -> int:
        form = self.format_of(node) if self.text(node, "format").strip() or node._input(0) is None else None
        return self.add(
            "constant",
            [self.input(node, 0, frame)] if form is None else [],
            format=form,
            channels=self.set_of(node, "channels"),
            color=self.colour(node, "color", frame),
        )

    def do_CheckerBoard2(self, node: Any, frame: float) -> int:
        return self.add(
            "checker",
            format=self.format_of(node),
            size=(self.fields(node, "boxsize", frame) * 2)[:2],
            colors=[self.colour(node, f"color{i}", frame) for i in range(4)],
        )

    def do_ColorBars(self, node: Any, frame: float) -> int:
        return self.add("colorbars", format=self.format_of(node), intensity=self.value(node, "barintensity", frame))

    # files
    def do_Read(self, node: Any, frame: float) -> int:
        version = int(self.value(node, "version", frame))
        wanted = self.read_frame(node, frame)
        form = self.format_of(node) if self.text(node, "format").strip() not in ("", "0") else None
        if wanted is None:
            return self.add("black", format=form or self.host._root_format()._json())
        path = self.host._file_of(node, wanted)
        if not path:
            raise RenderError(f"{node._full_name()}: no file name")
        exists = self.host._read_exists(path, version)
        on_error = self.choice(node, "on_error", frame)
        if not exists and on_error == "nearest frame":
            nearest = nearest_file(path)
            path, exists = (nearest, True) if nearest else (path, False)
        if not exists:
            if on_error == "error":
                return self.add("error", message=f"{node._full_name()}: {path}: No such file or directory")
            return self.add(
                "checker" if on_error == "checkerboard" else "black",
                format=form or self.host._root_format()._json(),
                size=[64, 64],
                colors=[[0, 0, 0, 0], [1, 1, 1, 1], [0, 0, 0, 0], [1, 1, 1, 1]],
            )
        space = self.space(node, path)
        return self.add(
            "read",
            path=path,
            version=version,
            colorspace=space,
            raw=self.flag(node, "raw", frame),
            format=form,
            name=node._full_name(),
            premultiplied=self.flag(node, "premultiplied", frame),
            auto_alpha=self.flag(node, "auto_alpha", frame),
            frame=wanted,
        )

    def read_frame(self, node: Any, frame: float) -> float | None:
        """The file's frame number for a timeline frame; None is black."""
        mode, text = self.choice(node, "frame_mode", frame), self.host._substitute(self.text(node, "frame"), node, frame).strip()
        first, last = (int(self.value(node, name, frame)) for name in ("first", "last"))
        wanted = int(round(frame))
        if text:
            if mode == "offset":
                wanted += int(float(text))
            elif mode == "start at":
                wanted += first - int(float(text))
            else:
                wanted = int(self.host._expression(text, node, frame, None, 0))
        sequence = r"%0?\d*d|#+" if not self.host.hostile else r"%0?\d*d|#+|\[value "  # whether brackets hide a sequence is not known
        if not re.search(sequence, self.text(node, "file")):
            return wanted
        span = last - first + 1
        outside = "before" if wanted < first else "after" if wanted > last else None
        if outside is None:
            return wanted
        how = self.choice(node, outside, frame)
        if how == "black":
            return None
        if how == "loop" and span > 0:
            return first + (wanted - first) % span
        if how == "bounce" and span > 1:
            at = (wanted - first) % (2 * span - 2)
            return first + (at if at < span else 2 * span - 2 - at)
        return first if outside == "before" else last

    def space(self, node: Any, path: str) -> str:
        chosen = node._knobs_by_name["colorspace"]._item(int(node._knobs_by_name["colorspace"]._values[0]))
        if chosen.split(" ")[0] == "default":
            return "linear" if path.lower().endswith(".exr") else "sRGB"
        if chosen not in _COLOUR_AREAS:
            raise RenderError(f"{node._full_name()}: this stand-in does not know colorspace {chosen}")
        return _COLOUR_AREAS[chosen]

    # shapes
    def do_Roto(self, node: Any, frame: float) -> int:
        inside = node._input(0)
        knob = node._knobs_by_name["curves"]
        base = self.node(inside, frame)
        result = self.add(
            "roto",
            [base] if inside is not None else [],
            shapes=shapes_at(knob._render_tree(), frame),
            output=self.set_of(node, "output"),
            format=None if inside is not None else self.format_of(node),
            clip=self.choice(node, "cliptype", frame),
            replace=self.flag(node, "replace", frame),
            premultiply=self.choice(node, "premultiply", frame),
        )
        return self.masked(node, frame, result, base, 1 if node._class == "Roto" else 4)

    do_RotoPaint = do_Roto

    # channels
    def do_Copy(self, node: Any, frame: float) -> int:
        pairs = [[self.channel(node, f"from{i}"), self.channel(node, f"to{i}")] for i in range(4)]
        base = self.input(node, 0, frame)
        result = self.add(
            "copy",
            [base, self.input(node, 1, frame)],
            pairs=[p for p in pairs if "none" not in p],
            layers=self.set_of(node, "channels"),
            bbox=self.choice(node, "bbox", frame),
        )
        return self.masked(node, frame, result, base, 2)

    def channel(self, node: Any, name: str) -> str:
        return str(self.host._channel_name(self.text(node, name)))

    def do_Shuffle(self, node: Any, frame: float) -> int:
        copying = node._class == "ShuffleCopy"
        first, second = self.text(node, "in"), self.text(node, "in2")
        sources: list[list[Any]] = []
        for out_layer, names in (
            (self.text(node, "out"), ("red", "green", "blue", "alpha")),
            (self.text(node, "out2"), ("black", "white", "red2", "green2")),
        ):
            for index, name in enumerate(names):
                target = self.host._layer_channel(out_layer, index)
                if target is None:
                    continue
                source = self.choice(node, name, frame)
                if source == "none":
                    continue
                if source in ("black", "white"):
                    sources.append([target, None, 1.0 if source == "white" else 0.0])
                    continue
                from_second = source.endswith("2")
                layer = second if from_second else first
                plain = source.rstrip("2")
                channel = self.host._layer_channel(layer, ("red", "green", "blue", "alpha").index(plain))
                if copying:
                    which = 0 if from_second else 1  # ShuffleCopy: 1 is the input A, 2 the input B
                else:
                    which = 0
                sources.append([target, which if channel else None, channel or 0.0])
        inputs = [self.input(node, 0, frame)] + ([self.input(node, 1, frame)] if copying else [])
        return self.add("shuffle", inputs, sources=sources)

    do_ShuffleCopy = do_Shuffle

    def do_Shuffle2(self, node: Any, frame: float) -> int:
        words = self.text(node, "mappings").split()
        first = [self.choice(node, f"fromInput{i + 1}", frame) for i in range(2)]
        inputs = [self.input(node, 0, frame), self.input(node, 1, frame) if node._input(1) is not None else self.input(node, 0, frame)]
        sources: list[list[Any]] = []
        at = 1
        while at < len(words):
            name, side = words[at], words[at + 1]
            target = words[at + 3]
            if name in ("black", "white"):
                sources.append([target, None, 1.0 if name == "white" else 0.0])
            else:
                which = 1 if first[int(side)] == "A" else 0
                sources.append([target, which, name])
            at += 6
        return self.add("shuffle", inputs, sources=sources)

    def do_Remove(self, node: Any, frame: float) -> int:
        chosen: Any = []
        for name in ("channels", "channels2", "channels3", "channels4"):
            channel_set = self.set_of(node, name)
            chosen = "all" if channel_set == "all" or chosen == "all" else chosen + channel_set
        return self.add("remove", [self.input(node, 0, frame)], channels=chosen, keep=self.choice(node, "operation", frame) == "keep")

    def do_AddChannels(self, node: Any, frame: float) -> int:
        chosen: Any = []
        for name in ("channels", "channels2", "channels3", "channels4"):
            channel_set = self.set_of(node, name)
            chosen = chosen + (channel_set if channel_set != "all" else [])
        return self.add("addchannels", [self.input(node, 0, frame)], channels=chosen, color=self.colour(node, "color", frame))

    # geometry
    def do_Reformat(self, node: Any, frame: float) -> int:
        kind = self.choice(node, "type", frame)
        form = self.format_of(node)
        target: Any = form
        if kind == "to box":
            w, h = int(self.value(node, "box_width", frame)), int(self.value(node, "box_height", frame))
            target = [w, h if self.flag(node, "box_fixed", frame) else 0, 0, 0, w, h, self.value(node, "box_pixel_aspect", frame), ""]
        elif kind == "scale":
            target = self.value(node, "scale", frame)
        return self.add(
            "reformat",
            [self.input(node, 0, frame)],
            target=target,
            resize=self.choice(node, "resize", frame),
            center=self.flag(node, "center", frame),
            flip=self.flag(node, "flip", frame),
            flop=self.flag(node, "flop", frame),
            filter=self.choice(node, "filter", frame),
            black_outside=self.flag(node, "black_outside", frame),
            pbb=self.flag(node, "pbb", frame),
        )

    def do_Crop(self, node: Any, frame: float) -> int:
        return self.add(
            "crop",
            [self.input(node, 0, frame)],
            box=self.fields(node, "box", frame),
            reformat=self.flag(node, "reformat", frame),
            intersect=self.flag(node, "intersect", frame),
            crop=self.flag(node, "crop", frame),
        )

    def do_BlackOutside(self, node: Any, frame: float) -> int:
        return self.add("blackoutside", [self.input(node, 0, frame)])

    # colour and merging
    def do_Merge2(self, node: Any, frame: float) -> int:
        mask = node._kind.mask
        base = self.input(node, 0, frame)
        others = [self.input(node, i, frame) for i in range(1, len(node._input_uids)) if i != mask and node._input(i) is not None]
        result = base
        for other in others:
            result = self.add(
                "merge",
                [result, other],
                operation=self.choice(node, "operation", frame),
                a=self.set_of(node, "Achannels"),
                b=self.set_of(node, "Bchannels"),
                output=self.set_of(node, "output"),
                also=self.set_of(node, "also_merge"),
                bbox=self.choice(node, "bbox", frame),
            )
        return self.masked(node, frame, result, base, 2)

    def do_Keymix(self, node: Any, frame: float) -> int:
        base = self.input(node, 0, frame)
        return self.add(
            "mix",
            [base, self.input(node, 1, frame), self.input(node, 2, frame)],
            mix=self.value(node, "mix", frame),
            mask=self.channel(node, "maskChannel"),
            invert=self.flag(node, "invertMask", frame),
            fringe=False,
        )

    def do_Dissolve(self, node: Any, frame: float) -> int:
        which = self.value(node, "which", frame)
        inputs = [i for i in range(len(node._input_uids)) if i != node._kind.mask]
        low = min(max(int(which), 0), max(len(inputs) - 1, 0))
        high = min(low + 1, max(len(inputs) - 1, 0))
        return self.add(
            "mix",
            [self.input(node, inputs[low], frame), self.input(node, inputs[high], frame)],
            mix=which - low,
            mask=None,
            invert=False,
            fringe=False,
        )

    def simple(self, node: Any, frame: float, op: str, **arguments: Any) -> int:
        base = self.input(node, 0, frame)
        result = self.add(op, [base], channels=self.set_of(node, "channels"), **arguments)
        return self.masked(node, frame, result, base, 1)

    def do_Grade(self, node: Any, frame: float) -> int:
        colours = {
            name: self.colour(node, name, frame) for name in ("blackpoint", "whitepoint", "black", "white", "multiply", "add", "gamma")
        }
        return self.simple(
            node,
            frame,
            "grade",
            reverse=self.flag(node, "reverse", frame),
            black_clamp=self.flag(node, "black_clamp", frame),
            white_clamp=self.flag(node, "white_clamp", frame),
            **colours,
        )

    def do_Multiply(self, node: Any, frame: float) -> int:
        return self.simple(node, frame, "multiply", value=self.colour(node, "value", frame))

    def do_Add(self, node: Any, frame: float) -> int:
        return self.simple(node, frame, "add", value=self.colour(node, "value", frame))

    def do_Gamma(self, node: Any, frame: float) -> int:
        return self.simple(node, frame, "gamma", value=self.colour(node, "value", frame))

    def do_Clamp(self, node: Any, frame: float) -> int:
        return self.simple(
            node,
            frame,
            "clamp",
            minimum=self.colour(node, "minimum", frame) if self.flag(node, "minimum_enable", frame) else None,
            maximum=self.colour(node, "maximum", frame) if self.flag(node, "maximum_enable", frame) else None,
        )

    def do_Invert(self, node: Any, frame: float) -> int:
        return self.simple(node, frame, "invert", clamp=self.flag(node, "clamp", frame))

    def do_Blur(self, node: Any, frame: float) -> int:
        return self.simple(node, frame, "blur", size=(self.fields(node, "size", frame) * 2)[:2], filter=self.choice(node, "filter", frame))

    def do_FilterErode(self, node: Any, frame: float) -> int:
        if self.choice(node, "filter", frame) != "box":
            raise RenderError(f"{node._full_name()}: this stand-in knows the filter box alone")
        return self.simple(node, frame, "erode", size=(self.fields(node, "size", frame) * 2)[:2])

    def premult(self, node: Any, frame: float) -> int:
        return self.add(
            node._class.lower(), [self.input(node, 0, frame)], channels=self.set_of(node, "channels"), alpha=self.channel(node, "alpha")
        )

    do_Premult = do_Unpremult = premult

    def masked(self, node: Any, frame: float, result: int, base: int, mask_index: int) -> int:
        """Blend the result with the input by the mix knob and the mask input or channel."""
        mix = self.value(node, "mix", frame)
        mask_node = node._input(mask_index)
        inputs, channel = [base, result], None
        if mask_node is not None:
            inputs, channel = [base, result, self.node(mask_node, frame)], self.channel(node, "maskChannelMask")
        elif self.text(node, "maskChannelInput") != "none":
            inputs, channel = [base, result, base], self.channel(node, "maskChannelInput")
        if channel is None and mix == 1:
            return result
        return self.add(
            "mix", inputs, mix=mix, mask=channel, invert=self.flag(node, "invert_mask", frame), fringe=self.flag(node, "fringe", frame)
        )


def nearest_file(path: str) -> str | None:
    """The existing file of the sequence whose number is nearest."""
    folder, name = os.path.split(path)
    match = re.match(r"^(.*?)(-?\d+)(\.[^.\d]+)$", name)
    if not match or not os.path.isdir(folder):
        return None
    wanted = int(match.group(2))
    found = []
    for other in os.listdir(folder):
        hit = re.match(f"^{re.escape(match.group(1))}(-?\\d+){re.escape(match.group(3))}$", other)
        if hit:
            found.append((abs(int(hit.group(1)) - wanted), other))
    return os.path.join(folder, min(found)[1]) if found else None
