"""The host's text side: the Tcl interpreter, expressions, names, loading, saving, copy and paste."""

from __future__ import annotations

import os
import re
import tkinter
from pathlib import Path
from typing import Any

from . import array_knobs, classes, expressions, gsv, knobs, nodes, reader, writer
from .formats import Format, parse_format

_UNKNOWN = r"""
proc unknown {args} {
  set answer [::nukesim_command {*}$args]
  if {[string index $answer 0] eq "!"} { return -code error [string range $answer 1 end] }
  return [string range $answer 1 end]
}
foreach name {exec exit socket} { catch {rename $name {}} }
"""


class ScriptSide:
    """Mixed into Host."""

    def _start_tcl(self: Any) -> None:
        self._interp = tkinter.Tcl()
        self._interp.createcommand("nukesim_command", self._tcl_command)
        self._interp.eval(_UNKNOWN)
        self._interp.setvar("cut_paste_input", "0")  # toolsets push it without setting it
        self._readers: list[reader.ScriptReader] = []
        self._lenient = False
        self._pending_error: Exception | None = None

    def _end_tcl(self: Any) -> None:
        # Python does not see that the interpreter holds this host, and would keep both for ever.
        self._tk.deletecommand("nukesim_command")
        # Tcl kills the process when its interpreter is deleted in another thread than its own, and a host may be collected in any.
        self._interp = None

    # --- Tcl
    @property
    def _tk(self: Any) -> Any:
        if self._interp is None:
            raise RuntimeError("this Nuke is closed")
        return self._interp.tk

    def _split(self: Any, text: str) -> list[str]:
        """Split a Tcl list by Tcl's own rules."""
        return [str(word) for word in self._tk.splitlist(text)]

    def _tcl(self: Any, script: str) -> str:
        """Run a Tcl script; RuntimeError with Tcl's message when it fails."""
        self._pending_error = None
        try:
            return str(self._tk.eval(script))
        except tkinter.TclError as error:
            pending, self._pending_error = self._pending_error, None
            if pending is not None and str(pending) in str(error):
                raise pending from error
            raise RuntimeError(str(error)) from error

    def _tcl_script(self: Any, text: str) -> None:
        self._tcl(text)

    def _tcl_word(self: Any, word: str) -> str:
        """Let Tcl substitute one raw word."""
        return str(self._tcl("return -level 0 " + word))

    def _tcl_command(self: Any, *args: str) -> str:
        """A command that Tcl does not know: Nuke's own, else a line of the file that is loading."""
        name, arguments = args[0], [str(a) for a in args[1:]]
        try:
            command = getattr(self, "_cmd_" + name, None)
            if command is not None:
                return "=" + str(command(*arguments))
            if self._readers:
                return "=" + self._readers[-1].command(name, arguments)
            raise RuntimeError(f"{name}: Unknown command")
        except Exception as error:
            self._pending_error = error
            return "!" + str(error)

    def _cmd_value(self: Any, path: str, default: str | None = None) -> str:
        found = self._find_value(path)
        if found is None:
            if default is not None:
                return default
            raise RuntimeError(f"{path}: no such knob")
        return str(found)

    def _cmd_knob(self: Any, path: str, *value: str) -> str:
        found = self._find_knob(path, self._context_node())
        if found is None:
            raise RuntimeError(f"{path}: no such knob")
        if value:
            found.fromScript(value[0])
        return str(found._to_script())

    def _cmd_expression(self: Any, text: str) -> str:
        from .animation import number

        return number(self._expression(text, self._context_node(), self._frame, None, 0))

    _cmd_expr_nuke = _cmd_expression

    def _cmd_python(self: Any, *args: str) -> str:
        answer = self._eval_python(args[-1])
        return "" if answer is None else str(int(answer) if isinstance(answer, bool) else answer)

    def _cmd_exists(self: Any, path: str) -> str:
        return (
            "1" if self._find_knob(path, self._context_node()) is not None or self._node_at(path, self._context_node()) is not None else "0"
        )

    def _cmd_node(self: Any, path: str) -> str:
        found = self._node_at(path, self._context_node())
        if found is None:
            raise RuntimeError(f"{path}: no such node")
        return str(found._full_name())

    def _cmd_class(self: Any, path: str) -> str:
        found = self._node_at(path, self._context_node())
        return found._class if found is not None else ""

    def _cmd_metadata(self: Any, *args: str) -> str:
        node = self._context_node()
        if len(args) == 3 and args[0] == "-n":
            node = self._node_at(args[1], node) or node
        value = self._image_info(node)["metadata"].get(args[-1])
        return "" if value is None else str(value)

    def _cmd_frame(self: Any, *args: str) -> str:
        if args:
            self._set_frame(float(args[0]))
        from .animation import number

        return number(self._frame)

    def _cmd_getenv(self: Any, name: str, default: str = "") -> str:
        return os.environ.get(name, default)

    # --- text with brackets, and file names
    def _substitute(self: Any, text: str, node: Any, frame: float | None) -> str:
        """Run the [brackets] of a text in the context of a node (and frame)."""
        if "[" not in text:
            return gsv.expand(text, node) if node is not None else text
        self._contexts.append((node or self._root, None))
        before = self._frame_override
        if frame is not None:
            self._frame_override = frame
        try:
            answer = str(
                self._tcl(
                    f"subst -nobackslashes -novariables {{{text}}}"
                    if "{" not in text and "}" not in text
                    else f"subst -nobackslashes -novariables {self._list_word(text)}"
                )
            )
            return gsv.expand(answer, node) if node is not None else answer
        finally:
            self._frame_override = before
            self._contexts.pop()

    def _list_word(self: Any, text: str) -> str:
        self._tk.setvar("nukesim_text", text)
        return "$nukesim_text"

    def _frame_name(self: Any, text: str, frame: float) -> str:
        """Put frame and view into a file name: %04d, ####, %V, %v."""
        number = int(round(frame))
        text = text.replace("%V", self._view).replace("%v", self._view[:1])
        text = re.sub(r"%(0?)(\d*)d", lambda m: _padded(number, int(m.group(2) or 0), bool(m.group(1))), text)
        return re.sub(r"#+", lambda m: _padded(number, len(m.group(0)), True), text)

    # --- expressions
    def _expression(self: Any, text: str, node: Any, frame: float, knob: Any, index: int) -> float:
        """Evaluate a knob expression for a node at a frame."""
        if self._expression_depth > 50:
            raise expressions.ExpressionError(f"expression {text!r} goes in a circle")
        self._expression_depth += 1
        self._contexts.append((node or self._root, knob))
        before, self._frame_override = self._frame_override, frame
        try:
            return expressions.evaluate(text, lambda name: self._named(name, node, frame, knob, index), lambda script: self._tcl(script))
        finally:
            self._frame_override = before
            self._contexts.pop()
            self._expression_depth -= 1

    def _named(self: Any, name: str, node: Any, frame: float, knob: Any, index: int) -> float:
        """The number behind a name in an expression."""
        if name in ("frame", "t", "x") and not (node is not None and name in node._knobs_by_name):
            return float(frame)
        if name in ("frame", "t"):
            return float(frame)
        if name == "$gui":
            return float(self.gui)
        if name in ("pi", "e", "true", "false", "on", "off"):
            return {"pi": 3.141592653589793, "e": 2.718281828459045, "true": 1.0, "false": 0.0, "on": 1.0, "off": 0.0}[name]
        if name == "viewsplit" and node is not None:
            return float(any(getattr(one, "_split_views", None) for one in node._knobs_by_name.values()))
        if name in ("curve", "y") and knob is not None:
            curve = knob._curves[index]
            return float(curve._evaluate(frame)) if curve is not None and curve._keys else float(knob._values[index])
        found = self._resolve(name.split("."), node)
        if found is None:
            raise expressions.ExpressionError(
                "{}: nothing is named like this (in an expression of {})".format(name, node._full_name() if node else "the script")
            )
        kind, target, rest = found
        if kind == "number":
            return float(target)
        if isinstance(target, array_knobs.Array_Knob):
            field = self._field_index(target, rest, index)
            return float(target._field(field, frame))
        return expressions.to_number(target._to_script())

    @staticmethod
    def _field_index(knob: Any, rest: list[str], index: int) -> int:
        if not rest:
            return index if index < len(knob._values) else 0
        word = rest[0]
        if word.isdigit():
            return min(int(word), len(knob._values) - 1)
        names = list(knob._names)
        for alternatives in (names, ["x", "y", "z", "w"], ["r", "g", "b", "a"], ["w", "h"], ["u", "v"]):
            if word in alternatives and alternatives.index(word) < len(knob._values):
                return alternatives.index(word)
        raise expressions.ExpressionError(f"{knob._name} has no field {word}")

    def _resolve(self: Any, parts: list[str], node: Any, inside: bool = False) -> tuple[str, Any, list[str]] | None:
        """Walk a dotted path from a node: (`knob`, knob, rest) or (`number`, value, []); None when it leads nowhere."""
        here = node or self._root
        first = True
        for position, part in enumerate(parts):
            rest = parts[position + 1 :]
            stepped = self._step(here, part, first, inside)
            if stepped is not None:
                here, first = stepped, False
                continue
            knob = here._knobs_by_name.get(part)
            if isinstance(knob, knobs.Link_Knob):
                knob = knob._target() or knob
            if knob is not None:
                return ("knob", knob, rest)
            if part in ("width", "height", "format", "pixel_aspect", "actual_format", "bbox") and not (part == "format" and not rest):
                return ("number", self._measure(here, part, rest), [])
            if part in ("first_frame", "last_frame"):
                return ("number", self._frame_range(here)[part == "last_frame"], [])
            return None
        return ("node", here, [])

    def _step(self: Any, here: Any, part: str, first: bool, inside: bool) -> Any | None:
        """One step to another node: this, parent, root, input, a sibling, a child."""
        if part == "this":
            return here
        if part == "parent":
            return here._parent() or self._root
        if part == "root":
            return self._root
        match = re.match(r"^input(\d*)$", part)
        if match and part not in here._knobs_by_name:
            return here._input(int(match.group(1) or 0))
        if first and inside:
            for child in here._child_nodes():
                if child._name == part:
                    return child
        if first and part in here._knobs_by_name:
            return None
        pool = (here._parent() or self._root)._child_nodes() if first and here is not self._root else here._child_nodes()
        for other in pool:
            if other._name == part:
                return other
        return None

    def _measure(self: Any, node: Any, measure: str, rest: list[str]) -> float:
        info = self._image_info(node)
        form, box = info["format"], info["bbox"]
        if measure == "bbox":
            return float(dict(zip("xyrt", box), w=box[2] - box[0], h=box[3] - box[1])[rest[0] if rest else "w"])
        if measure == "pixel_aspect":
            return float(form._aspect)
        if measure in ("format", "actual_format"):
            return float(
                {"w": form._width, "h": form._height, "x": form._x, "y": form._y, "r": form._r, "t": form._t}.get(rest[0], form._width)
            )
        return float(form._width if measure == "width" else form._height)

    def _find_knob(self: Any, path: str, node: Any, inside: bool = False) -> Any | None:
        found = self._resolve(path.split("."), node, inside)
        return found[1] if found is not None and found[0] == "knob" else None

    def _node_at(self: Any, path: str, node: Any) -> Any | None:
        found = self._resolve(path.split("."), node)
        return found[1] if found is not None and found[0] == "node" else None

    def _find_value(self: Any, path: str) -> str | None:
        """What [value path] gives: evaluated numbers, evaluated strings."""
        from .animation import number

        node = self._context_node()
        found = self._resolve(path.split("."), node)
        if found is None:
            return None
        kind, target, rest = found
        if kind == "number":
            return number(float(target))
        if kind == "node":
            return str(target._name)
        if isinstance(target, array_knobs.Enumeration_Knob):
            return str(target._item(target._now()))
        if isinstance(target, array_knobs.Boolean_Knob):
            return "true" if target._field(0) else "false"
        if isinstance(target, array_knobs.Array_Knob):
            values = target._all() if not rest else [target._field(self._field_index(target, rest, 0))]
            return " ".join(number(v) for v in values)
        if isinstance(target, knobs.EvalString_Knob):
            return self._substitute(target._text_value, target._owner(), None)
        return str(target._to_script())

    def _expression_nodes(self: Any, node: Any) -> list[Any]:
        """Nodes that this one's expressions and links name."""
        found: list[Any] = []
        for knob in node._knob_list:
            texts = [text for text in getattr(knob, "_expressions", []) if text]
            if isinstance(knob, knobs.Link_Knob) and knob._link:
                target = knob._target()
                if target is not None and target._owner() is not node:
                    found.append(target._owner())
            for text in texts:
                if self.hostile:  # whether what Tcl asks for counts is not known
                    text = re.sub(r"\[[^\]]*\]", "", text)
                for name in re.findall(r"[A-Za-z_]\w*(?:\.\w+)+", text):
                    hit = self._resolve(name.split("."), node)
                    if hit is not None and hit[0] in ("knob", "node"):
                        other = hit[1]._owner() if hit[0] == "knob" else hit[1]
                        if other is not None and other is not node and other not in found:
                            found.append(other)
        return found

    def _rename_in_expressions(self: Any, parent: Any, old: str, new: str) -> None:
        for node in parent._child_nodes():
            for knob in node._knob_list:
                for index, text in enumerate(getattr(knob, "_expressions", [])):
                    if text:
                        knob._expressions[index] = re.sub(rf"\b{re.escape(old)}\.", new + ".", text)

    # --- loading
    def open(self: Any, path: Any, unknown: str | None = None) -> None:
        """Open a script, as File > Open does. `unknown="inert"` keeps classes and knobs that the stand-in does not know."""
        self._open(str(path), unknown)

    def _open(self: Any, path: str, unknown: str | None) -> None:
        with open(path, encoding="utf-8", errors="surrogateescape", newline="") as file:
            text = file.read()
        self._clear()
        self._root._knobs_by_name["name"]._text_value = path.replace("\\", "/")
        self._load(text, self._root, path, unknown, rename=False)
        self._fire("onCreate", self._root)
        self._fire("onScriptLoad", self._root)
        self._undo.done.clear()
        self._undo.undone.clear()
        self._modified = False

    def _load(self: Any, text: str, group: Any, name: str, unknown: str | None, rename: bool) -> list[Any]:
        """Load text into a group; the nodes at its top level."""
        loading = reader.ScriptReader(self, group, unknown, rename)
        self._undo.join("load")
        try:
            loading.run(text, os.path.basename(name))
        finally:
            self._undo.part()
        return loading.top

    def load_gizmo(self: Any, path: Any, unknown: str | None = None) -> Any:
        """Make a node from a gizmo file by its path, wherever it lies."""
        text = Path(path).read_text(encoding="utf-8", errors="surrogateescape")
        node = self._from_gizmo(Path(path).stem, str(path), text, self._current_group(), unknown)
        self._fire("onCreate", node)
        return node

    def _from_gizmo(self: Any, class_name: str, path: str, text: str, parent: Any, unknown: str | None = None) -> Any:
        """Run a gizmo file: its first Group or Gizmo becomes the node."""
        self._instances.append((class_name, path))
        loading = reader.ScriptReader(self, parent, unknown, rename=True, instance=True)
        try:
            loading.run(text, os.path.basename(path))
        finally:
            self._instances.pop()
        if not loading.created:
            raise RuntimeError(f"{path}: the file makes no node")
        node = loading.created[0]
        if node._kind.kind == "gizmo":
            for knob in node._knob_list:
                knob._default = knob._get_state()
            node._gizmo_knobs = {knob._name for knob in node._knob_list}
            node._gizmo_links = {knob._name: knob._script_word() for knob in node._knob_list if isinstance(knob, knobs.Link_Knob)}
        return node

    def _instance(self: Any, class_name: str, parent: Any) -> Any:
        """The node that a gizmo file's first block becomes."""
        name, path = self._instances[-1] if self._instances else ("Gizmo", "")
        if class_name == "Gizmo":
            kind = classes.NodeClass(name, classes.TABLE["Group"].knobs, 0, 100, kind="gizmo", defined_by=path)
        else:
            kind = classes.TABLE["Group"]
        node = nodes.PYTHON_CLASS[kind.kind]._make(self, kind, parent)
        node._gizmo_knobs, node._gizmo_links = set(), {}
        self._adopt(node, parent)
        return node

    def _gizmo_path(self: Any, class_name: str) -> str | None:
        for folder in self._plugin_path:
            path = os.path.join(folder, class_name + ".gizmo")
            if os.path.isfile(path):
                return path
        return None

    def _read_knobs(self: Any, node: Any, text: str) -> None:
        """Node.readKnobs: knob lines onto an existing node."""
        loading = reader.ScriptReader(self, node._parent() or self._root, "inert" if node._kind.inert else None, rename=True)
        before = {knob._name: knob._get_state() for knob in node._knob_list}
        loading.knobs(node, list(loading.pairs(text, node._name)))
        for knob in node._knob_list:
            if knob._name in before:
                knob._changed(before[knob._name])

    def _keep_unknown(self: Any, node: Any, name: str, value: str) -> None:
        knob = node._knobs_by_name.get(name)
        if knob is None:
            knob = knobs.FreeType_Knob(name)
            knob._default = None
            node._attach(knob)
        knob._from_script(value)

    def _group_complete(self: Any, group: Any) -> None:
        """After the inside of a group is there: values of links that came first find their targets."""
        for knob in group._knob_list:
            if isinstance(knob, knobs.Link_Knob):
                knob._settle()

    def _root_read(self: Any) -> None:
        frame = self._root._knobs_by_name["frame"]._values[0]
        self._root._knobs_by_name["frame"]._values[0] = frame

    # --- saving, copy, paste
    def script_text(self: Any) -> str:
        """The script as it would be saved."""
        return writer.write_script(self)

    def _save(self: Any, path: str | None) -> bool:
        target = path or self._root._knobs_by_name["name"]._text_value
        if not target:
            raise RuntimeError("no filename for the script")
        self._root._knobs_by_name["name"]._text_value = target.replace("\\", "/")
        self._fire("onScriptSave", self._root)
        target = self._root._knobs_by_name["name"]._text_value
        Path(target).write_text(writer.write_script(self), encoding="utf-8", errors="surrogateescape")
        self._modified = False
        return True

    def _save_to_temp(self: Any, path: str) -> None:
        Path(path).write_text(writer.write_script(self), encoding="utf-8", errors="surrogateescape")

    def _copy_text(self: Any) -> str:
        """Selected nodes of the current group as text."""
        chosen = [node for node in self._current_group()._child_nodes() if node._knobs_by_name["selected"]._values[0]]
        head = ["set cut_paste_input [stack 0]", f"version {self._version[0]}.{self._version[1]} v1", "push $cut_paste_input"]
        return "\n".join(head + writer.write_nodes(chosen, first_open=True)) + "\n"

    def _paste(self: Any, text: str) -> Any | None:
        group = self._current_group()
        above = [node for node in group._child_nodes() if node._knobs_by_name["selected"]._values[0]]
        for node in group._child_nodes():
            node._knobs_by_name["selected"]._values[0] = 0.0
        loading = reader.ScriptReader(self, group, None, rename=True)
        loading.stacks[-1].append(above[0]._uid if above else None)
        self._undo.join("paste")
        try:
            loading.run(text, "clipboard")
        finally:
            self._undo.part()
        pasted = loading.top
        for node in pasted:
            node._knobs_by_name["selected"]._values[0] = 1.0
        return pasted[-1] if pasted else None

    # --- formats
    def _format_named(self: Any, text: str, missing_ok: bool = False) -> Format | None:
        text = text.strip()
        if text in ("", "0", "root.format"):
            return self._root_format() if not missing_ok or text != "" else None
        if text in self._formats:
            return self._formats[text]
        image_format = parse_format(text)
        if image_format is None and not missing_ok:
            raise RuntimeError(f"{text!r} is not a format")
        return image_format

    def _learn_format(self: Any, text: str) -> None:
        image_format = parse_format(text.strip())
        if image_format is not None and image_format._name and image_format._name not in self._formats:
            self._formats[image_format._name] = image_format

    def _root_format(self: Any) -> Format:
        if self._root is None:
            return self._formats["2K_Super_35(full-ap)"]
        text = self._root._knobs_by_name["format"]._text_value.strip()
        return self._formats.get(text) or parse_format(text) or self._formats["2K_Super_35(full-ap)"]

    def _root_format_size(self: Any) -> tuple[int, int]:
        form = self._root_format()
        return form._width, form._height


def _padded(number: int, width: int, zeros: bool) -> str:
    """A frame number as C's printf does: a sign takes one of the places."""
    return ("%0*d" if zeros else "%*d") % (width, number) if width else str(number)
