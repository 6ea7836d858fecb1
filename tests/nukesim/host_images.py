"""The host's pictures: layers and channels, what a node's image is like, rendering with nuke.execute."""

from __future__ import annotations

import array
import base64
import hashlib
import json
import os
import re
import zlib
from typing import Any

from . import callbacks
from .formats import Format
from .lowering import Lowering, RenderError

_BUILTIN = {
    "rgb": ["rgba.red", "rgba.green", "rgba.blue"],
    "rgba": ["rgba.red", "rgba.green", "rgba.blue", "rgba.alpha"],
    "alpha": ["rgba.alpha"],
    "depth": ["depth.Z"],
    "motion": ["forward.u", "forward.v", "backward.u", "backward.v"],
    "forward": ["forward.u", "forward.v"],
    "backward": ["backward.u", "backward.v"],
    "mask": ["mask.a"],
    "rotopaint_mask": ["rotopaint_mask.a"],
    "deep": ["deep.front", "deep.back"],
}
_NICK = {"red": "rgba.red", "green": "rgba.green", "blue": "rgba.blue", "alpha": "rgba.alpha"}
_EXECUTABLE = ("Write",)
_WITHOUT_OP = ("Dot", "NoOp", "FrameHold", "TimeOffset")
"""Classes whose nodes have no hashes: they hand on other nodes' operations."""


class Picture:
    """What Host.pixels gives: planes of float32 over a box, the bottom row first."""

    def __init__(self, answer: dict[str, Any]) -> None:
        self.x, self.y, self.r, self.t = answer["box"]
        self.width, self.height = self.r - self.x, self.t - self.y
        self.planes: dict[str, array.array[float]] = {}
        for name, text in answer["planes"].items():
            plane = array.array("f")
            plane.frombytes(zlib.decompress(base64.b64decode(text)))
            self.planes[name] = plane

    def at(self, channel: str, x: int, y: int) -> float:
        """The value of a pixel, y up; 0 outside."""
        if not (self.x <= x < self.r and self.y <= y < self.t) or channel not in self.planes:
            return 0.0
        return float(self.planes[channel][(y - self.y) * self.width + x - self.x])


class ImageSide:
    """Mixed into Host."""

    # --- layers and channels
    def _start_layers(self: Any) -> None:
        self._layers: dict[str, list[str]] = {name: list(channels) for name, channels in _BUILTIN.items()}
        self._builtin_layers = set(_BUILTIN)
        self._read_seen: dict[tuple[str, int], bool] = {}
        self._info_cache: dict[str, Any] = {}

    def _add_layer(self: Any, words: list[str]) -> None:
        """add_layer {name name.a name.b}, and nuke.Layer."""
        name, channels = words[0], [w if "." in w else f"{words[0]}.{w}" for w in words[1:]]
        known = self._layers.setdefault(name, [])
        known += [channel for channel in channels if channel not in known]

    def _know_channels(self: Any, text: str) -> None:
        for word in text.split():
            if re.match(r"^[A-Za-z_]\w*\.\w+$", word):
                layer = word.split(".")[0]
                if word not in self._layers.setdefault(layer, []):
                    self._layers[layer].append(word)

    def _all_channels(self: Any) -> list[str]:
        found: list[str] = []
        for channels in self._layers.values():
            found += [channel for channel in channels if channel not in found]
        return found

    def _channel_name(self: Any, text: str) -> str:
        return _NICK.get(text, text)

    def _channel_set(self: Any, text: str) -> Any:
        """`rgba`, `all`, `none`, `{dog depth.Z}` as channel names; "all" stays a word."""
        found: list[str] = []
        for word in self._split(text):
            if word.startswith("-"):
                continue
            if word == "all":
                return "all"
            if word == "none":
                continue
            names = self._layers.get(word) if "." not in word and word not in ("red", "green", "blue") else None
            found += [n for n in (names or [self._channel_name(word)]) if n not in found]
        return found

    def _layer_channel(self: Any, layer: str, index: int) -> str | None:
        """The nth channel of a layer; a layer of one channel answers for its last place too, as alpha does."""
        if layer in ("none", ""):
            return None
        if "." in layer or layer in _NICK and layer != "alpha":
            return self._channel_name(layer) if index == 0 else None
        if layer == "alpha":
            return "rgba.alpha" if index == 3 else None
        channels = self._layers.get(layer, [])
        if layer not in ("rgba", "rgb") and len(channels) == 1:
            return str(channels[0]) if index in (0, 3) else None
        return str(channels[index]) if index < len(channels) else None

    # --- views

    # --- files
    def _file_of(self: Any, node: Any, frame: float) -> str:
        """The file a Read or Write uses at a frame: brackets, filters, the number, and the project directory before what is relative."""
        path = self._frame_name(self._file_pattern(node, frame), frame)
        project = self._substitute(self._root._knobs_by_name["project_directory"]._text_value, self._root, frame)
        return os.path.join(project, path) if path and project else path

    def _file_pattern(self: Any, node: Any, frame: float) -> str:
        """The same with %04d or #### still in it, and nothing put before it."""
        text = self._substitute(node._knobs_by_name["file"]._text_value, node, frame)
        self._contexts.append((node, None))
        try:
            with self._user_code():
                return str(callbacks.filenameFilter(text))
        finally:
            self._contexts.pop()

    def _read_exists(self: Any, path: str, version: int) -> bool:
        """Whether a Read's file is there, as the Read saw it first: a reload looks again."""
        key = (path, version)
        if key not in self._read_seen:
            self._read_seen[key] = os.path.isfile(path)
        return bool(self._read_seen[key])

    def _reload_read(self: Any, node: Any) -> None:
        """The reload button: the version knob goes up, so caches and hashes no longer match."""
        knob = node._knobs_by_name["version"]
        knob._values[0] += 1
        self._touched.add(node._uid)

    # --- asking for pictures
    def _lowered(self: Any, node: Any, frame: float | None = None) -> tuple[Lowering, int]:
        lowering = Lowering(self)
        at = self._frame if frame is None else float(frame)
        before, self._frame_override = self._frame_override, at
        try:
            return lowering, lowering.node(node, at)
        finally:
            self._frame_override = before

    def _ask(self: Any, lowering: Lowering, target: int, command: str, **more: Any) -> dict[str, Any]:
        answer = self._renderer.ask({"command": command, "ops": lowering.ops, "target": target, **more})
        if not answer["ok"]:
            raise RuntimeError(answer["error"])
        return answer  # type: ignore[no-any-return]

    def _image_info(self: Any, node: Any, frame: float | None = None) -> dict[str, Any]:
        """Format, box, channels and metadata of a node's picture."""
        if node._kind.kind == "root":
            form = self._root_format()
            return {"format": form, "bbox": (0, 0, form._width, form._height), "channels": [], "metadata": {}}
        lowering, target = self._lowered(node, frame)
        if not self.hostile:
            self._note_ops(lowering)
        key = _digest(lowering.ops, target)
        if key not in self._info_cache:
            self._info_cache[key] = self._ask(lowering, target, "info")
        answer = self._info_cache[key]
        w, h, x, y, r, t, aspect, name = answer["format"]
        form = Format(int(w), int(h), int(x), int(y), int(r), int(t), aspect)
        form._name = name or self._name_of_format(form)
        for channel in answer["channels"]:
            self._know_channels(channel)
        return {"format": form, "bbox": tuple(answer["bbox"]), "channels": answer["channels"], "metadata": answer["metadata"]}

    def _name_of_format(self: Any, form: Format) -> str:
        for name, other in self._formats.items():
            if (other._width, other._height, other._aspect) == (form._width, form._height, form._aspect):
                return str(name)
        return ""

    def _image_error(self: Any, node: Any) -> str | None:
        try:
            self._image_info(node)
        except (RenderError, RuntimeError) as error:
            return str(error)
        return None

    def _sample(self: Any, node: Any, channel: str, x: float, y: float, dx: Any, dy: Any, frame: Any) -> float:
        if node._class in ("Roto", "RotoPaint") and node._input(0) is None:
            left, bottom, right, top = self._image_info(node, frame)["bbox"]
            if not (left <= x < right and bottom <= y < top):
                raise RuntimeError("unable to sample node at given location")
        lowering, target = self._lowered(node, frame)
        if not self.hostile:
            self._note_ops(lowering)
        return float(self._ask(lowering, target, "sample", channel=self._channel_name(channel), x=x, y=y, dx=dx, dy=dy)["value"])

    def pixels(self: Any, node: Any, frame: float | None = None, channels: list[str] | None = None, own_box: bool = False) -> Picture:
        """Render a node to memory, for tests."""
        lowering, target = self._lowered(node, frame)
        return Picture(self._ask(lowering, target, "pixels", channels=channels, own_box=own_box))

    def _validate(self: Any, node: Any, frame: float | None) -> None:
        """Bring a node's operation, and those above it, up to date at a frame."""
        try:
            self._note_ops(self._lowered(node, frame)[0])
        except RuntimeError:
            pass  # what cannot be rendered has no operation

    def _note_ops(self: Any, lowering: Lowering) -> None:
        """Keep the hash of every node at every frame that was gone through; a Read says what its colour space is from then on."""
        digests: dict[int, str] = {}
        for (uid, frame), number in lowering.known.items():
            self._ops.setdefault(uid, {})[frame] = _digest(lowering.ops, number, digests)
            node = self._by_uid[uid]
            if node._class == "Read":
                self._read_validated(node)

    def _live_ops(self: Any, node: Any) -> dict[float, str]:
        """Hashes of a node by frame, as they were when it was last validated there (NUKE_MEASURED 3).

        None for classes that have no operation of their own. What a Viewer shows is live; nothing else is.
        """
        if node._class in _WITHOUT_OP:
            return {}
        for viewer in [node for node in self._by_uid.values() if node._class == "Viewer"] if self._gui else []:
            shown = viewer._input(int(viewer._knobs_by_name["input_number"]._values[0]))
            if shown is not None and (shown is node or node._uid in shown._ancestors()):
                self._validate(shown, None)
        return dict(self._ops.get(node._uid, {}))

    def _read_validated(self: Any, node: Any) -> None:
        """What changes of a Read by itself, once (NUKE_MEASURED 3 and 6)."""
        space, path = node._knobs_by_name["colorspace"], node._knobs_by_name["file"]._text_value
        meant = "linear" if path.lower().endswith(".exr") else "sRGB"
        if space._items[0] == "default":
            at_default = not space._not_default()
            space._items[0] = f"default ({meant})"
            if at_default:
                space._default = space._get_state()
            node._knobs_by_name["in_colorspace"]._text_value = meant

    def _frame_range(self: Any, node: Any) -> tuple[int, int]:
        """First and last frame: the Reads above, else the script's."""
        root = self._root._knobs_by_name
        default = (int(root["first_frame"]._field(0)), int(root["last_frame"]._field(0)))
        if node._class == "Read":
            first, last = (int(node._knobs_by_name[name]._field(0)) for name in ("first", "last"))
            mode, start = node._knobs_by_name["frame_mode"], self._substitute(node._knobs_by_name["frame"]._text_value, node, None).strip()
            if mode._item(int(mode._field(0))) == "start at" and start:
                return int(float(start)), int(float(start)) + last - first
            if mode._item(int(mode._field(0))) == "offset" and start:
                return first - int(float(start)), last - int(float(start))
            return first, last
        if node._class == "FrameRange":
            return int(node._knobs_by_name["first_frame"]._field(0)), int(node._knobs_by_name["last_frame"]._field(0))
        if node._kind.kind in ("group", "gizmo"):
            output = node._output_node()
            return self._frame_range(output) if output is not None else default
        if node._class == "Input":
            parent = node._parent()
            above = parent._input(int(node._knobs_by_name["number"]._values[0])) if parent is not None else None
            return self._frame_range(above) if above is not None else default
        found = [self._frame_range(node._input(i)) for i in range(len(node._input_uids)) if node._input(i) is not None]
        if not found:
            return default
        first, last = min(limits[0] for limits in found), max(limits[1] for limits in found)
        if node._class == "TimeOffset":
            shift = int(node._knobs_by_name["time_offset"]._field(0))
            first, last = first + shift, last + shift
        return first, last

    # --- rendering
    def _execute(self: Any, target: Any, frames: list[int], views: Any, keep_going: bool) -> None:
        """nuke.execute: these frames through a Write, with the render callbacks."""
        if self._executing:
            raise RuntimeError("I'm already executing something else")
        node = self._node_named(target, self._current_group()) if isinstance(target, str) else target
        if node is None:
            raise RuntimeError(f"{target}: no such node")
        node._require_alive()
        writes = (
            [node]
            if node._class in _EXECUTABLE
            else [member for member in self._family(node) if member._class in _EXECUTABLE]
            if node._children
            else []
        )
        if not writes:
            raise RuntimeError(f"{node._full_name()}: not an executable node")
        for view in views or self._views:
            if view not in self._views:
                raise RuntimeError(f"view {view} does not exist")
        writes.sort(key=lambda writer: writer._knobs_by_name["render_order"]._values[0])
        self._executing = True
        self._cancel_requested = False
        try:
            for write in writes:
                self._execute_write(write, frames, keep_going)
        finally:
            self._executing = False

    def _execute_write(self: Any, write: Any, frames: list[int], keep_going: bool) -> None:
        knobs = write._knobs_by_name
        name = write._full_name()
        if knobs["disable"]._field(0):
            raise RuntimeError(f"{name} is disabled")
        if not knobs["file"]._text_value.strip():
            raise RuntimeError(f"{name}: no file name")
        if "\\" in knobs["file"]._text_value:
            raise RuntimeError("{}: {}: backslashes are not allowed in file names".format(name, knobs["file"]._text_value))
        kind = self._write_type(write)
        if kind not in ("exr", "png", "jpeg"):
            raise RuntimeError("{}: {}: unknown file type".format(name, knobs["file"]._text_value))
        if write._input(0) is None:
            raise RuntimeError(f"{name}: no input")
        self._fire("beforeRender", write, strict=True)
        if knobs["use_limit"]._field(0):
            frames = [f for f in frames if knobs["first"]._field(0) <= f <= knobs["last"]._field(0)]
        before = self._root._knobs_by_name["frame"]._values[0]
        self.meters.append(f"{name}: {len(frames)} frames")
        for index, frame in enumerate(frames):
            if self._cancel_requested or frame == self.cancel_at_frame:
                raise RuntimeError(f"Cancelled {index} of {len(frames)} frames.")
            try:
                self._frame_override = float(frame)
                self._fire("beforeFrameRender", write, strict=True)
                self._write_frame(write, float(frame), kind)
                self._fire("afterFrameRender", write, strict=True)
                self._fire("renderProgress", write)
            except RuntimeError:
                if not keep_going:
                    raise
            finally:
                self._frame_override = None
            self.frames_rendered.append((name, frame))
            self.proxy_renders += bool(self._root._knobs_by_name["proxy"]._values[0])
            if self.on_frame_rendered is not None:
                self.on_frame_rendered(frame, index + 1, len(frames))
        self._root._knobs_by_name["frame"]._values[0] = before
        self._fire("afterRender", write, strict=True)

    def _write_frame(self: Any, write: Any, frame: float, kind: str) -> None:
        knobs = write._knobs_by_name
        name = write._full_name()
        path = self._file_of(write, frame)
        folder = os.path.dirname(path) or "."
        if not os.path.isdir(folder):
            if not knobs["create_directories"]._field(0):
                raise RuntimeError(f"{name}: {path}: No such file or directory")
            os.makedirs(folder, exist_ok=True)
        lowering, target = self._lowered(write._input(0), frame)
        self._note_ops(lowering)
        self._refuse_large(name, write._input(0), frame)

        def text(knob: str, default: str) -> str:
            found = knobs.get(knob)
            return str(found._item(found._now())) if found is not None else default

        space = text("colorspace", "default")
        if space == "default":
            space = "linear" if kind == "exr" else "sRGB"
        settings = {
            "channels": self._channel_set(knobs["channels"]._text_value),
            "file_type": kind,
            "raw": bool(knobs["raw"]._field(0)),
            "colorspace": space,
            "datatype": text("datatype", "16 bit half"),
            "compression": text("compression", "Zip (1 scanline)"),
            "metadata": text("metadata", "default metadata"),
            "autocrop": bool(knobs["autocrop"]._field(0)) if "autocrop" in knobs else False,
        }
        try:
            self._ask(lowering, target, "write", path=os.path.abspath(path), settings=settings)
        except RuntimeError as error:
            message = str(error)
            raise RuntimeError(message if ":" in message and not message.startswith("[Errno") else f"{name}: {message}") from error

    def _refuse_large(self: Any, name: str, source: Any, frame: float) -> None:
        """Non-commercial renders up to HD, the bounding box included (NUKE_MEASURED 1)."""
        if not self.nc:
            return
        info = self._image_info(source, frame)
        left, bottom, right, top = info["bbox"]
        if max(info["format"]._width, right - left) > 1920 or max(info["format"]._height, top - bottom) > 1080:
            raise RuntimeError(f"{name}: images larger than 1920x1080 cannot be rendered in Nuke Non-commercial")

    def cancel_render(self: Any) -> None:
        """Press Cancel on the render's progress bar; it takes effect before the next frame."""
        self._cancel_requested = True


def _digest(ops: list[dict[str, Any]], target: int, known: dict[int, str] | None = None) -> str:
    """Hash of an operation and all it needs; `known` keeps those of the others."""
    known = {} if known is None else known

    waiting = [target]  # a list, since a Merge of a hundred inputs is a chain of a hundred operations
    while waiting:
        number = waiting[-1]
        needed = [i for i in ops[number]["in"] if i not in known]
        if number in known or needed:
            waiting.pop() if number in known else waiting.extend(needed)
            continue
        op = {k: v for k, v in ops[number].items() if k not in ("in", "name", "node", "message")}
        text = json.dumps([op, [known[i] for i in ops[number]["in"]]], sort_keys=True)
        known[number] = hashlib.sha256(text.encode()).hexdigest()
    return known[target]
