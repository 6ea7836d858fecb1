"""Knobs: names, flags, visibility, values as text, and the undo and callbacks that every change passes through."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from . import constants as c
from . import state
from .guard import public_class
from .tcl_words import quote


@public_class
class Knob:
    """Base of all knobs. A knob belongs to a node by the node's number, so that undo can bring the node back."""

    _type = "Knob"

    def __init__(self, name: str = "", label: Any = None, *_: Any) -> None:
        self._name = name or ""
        self._label = name if label is None else str(label)
        self._has_label = label is not None
        self._tooltip = ""
        self._flags = 0
        self._visible = True
        self._enabled = True
        self._uid: int | None = None
        self._user = False
        self._number = 1
        self._other_flags: list[str] = []
        self._setup()
        self._default: Any = self._get_state()

    # what a kind of knob has to say
    def _setup(self) -> None:
        """Create the storage of the value."""
        self._text_value = ""

    def _get_state(self) -> Any:
        return self._text_value

    def _put_state(self, saved: Any) -> None:
        self._text_value = saved

    def _to_script(self) -> str:
        """The value as one Tcl word's content, unquoted."""
        return self._text_value

    def _from_script(self, text: str) -> None:
        self._text_value = text

    def _script_word(self) -> str:
        """The value as it stands in a file, quoted."""
        return quote(self._to_script())

    def _not_default(self) -> bool:
        return bool(self._get_state() != self._default)

    def _saved(self) -> bool:
        """Tell whether this knob's value goes into a file at all."""
        return True

    def _plain_default(self) -> Any:
        """The state that addUserKnob alone gives, without a value after it."""
        return ""

    # the node
    def _owner(self) -> Any | None:
        host = state.running()
        return host._by_uid.get(self._uid) if host is not None and self._uid is not None else None

    def _require_alive(self) -> None:
        host = state.running()
        if host is not None and self._uid is not None and self._uid not in host._by_uid:
            raise ValueError("A PythonObject is not attached to a node")

    def _changed(self, before: Any) -> None:
        """Record a change for undo, mark the node, and fire what a script's change fires."""
        host = state.running()
        if host is None or self._uid is None or self._get_state() == before:
            return
        host._knob_changed(self, before)

    def _edit(self, change: Callable[[], None]) -> None:
        before = self._get_state()
        change()
        self._changed(before)

    # public
    def Class(self) -> str:
        return self._type

    def name(self) -> str:
        return self._name

    def setName(self, name: str) -> None:
        owner = self._owner()
        if owner is not None:
            owner._rename_knob(self, name)
        self._name = name

    def label(self) -> str:
        return self._label

    def tooltip(self) -> str:
        return self._tooltip

    def node(self) -> Any:
        return self._owner()

    def setFlag(self, flag: int) -> None:
        self._flags |= flag
        self._enabled = self._enabled and not flag & c.DISABLED

    def getFlag(self, flag: int) -> bool:
        return bool(self._flags & flag)

    def visible(self) -> bool:
        return self._visible and not self._flags & c.INVISIBLE

    def setVisible(self, visible: bool) -> None:
        self._visible = bool(visible)

    def enabled(self) -> bool:
        return self._enabled

    def value(self, index: int = 0) -> Any:
        return self._text_value

    def getValue(self, channel: int = 0) -> Any:
        return self.value()

    def getValueAt(self, frame: float, index: int = 0, view: str | None = None) -> Any:
        return self.value()

    def setValue(self, val: Any, chan: int = -1) -> bool:
        self._edit(lambda: self._from_script(str(val)))
        return True

    def setValueAt(self, val: Any, time: float, index: int = 0, view: str | None = None) -> bool:
        return bool(self.setValue(val))

    def toScript(self, quote: bool = True, context: Any = None) -> str:
        return self._script_word() if quote else self._to_script()

    def fromScript(self, script: str) -> None:
        self._edit(lambda: self._from_script(script))

    def hasExpression(self, index: int = -1) -> bool:
        return False

    def isAnimated(self, channel: int = -1) -> bool:
        return False

    def clearAnimated(self, channel: int = -1) -> bool:
        return False

    def setAnimated(self, channel: int = -1) -> bool:
        return False

    def setExpression(self, expression: str, index: int = -1, view: str | None = None) -> bool:
        return False

    def getKeyList(self) -> list[int]:
        return self._key_list()

    def _key_list(self) -> list[int]:
        return []

    def error(self, message: str) -> None:
        state.current()._errors.append((self._name, message))

    def warning(self, message: str) -> None:
        state.current()._errors.append((self._name, message))


# --- text ------------------------------------------------------------------------------------------------------------


@public_class
class String_Knob(Knob):
    """A line of text."""

    _type = "String_Knob"

    def __init__(self, name: str = "", label: Any = None, value: Any = None) -> None:
        super().__init__(name, label)
        if value is not None:
            self._text_value = str(value)

    def value(self, oc: Any = None) -> str:
        return self._text_value

    def getText(self, oc: Any = None) -> str:
        return self._text_value

    def getValue(self, *args: Any) -> str:
        return self._text_value

    def setValue(self, val: Any, view: Any = "default") -> None:
        if not isinstance(val, str):
            raise TypeError(f"{self._type}.setValue() needs a string, not {type(val).__name__}")
        self._edit(lambda: self._from_script(val))

    def setText(self, val: Any, view: Any = "default") -> None:
        self.setValue(val)


@public_class
class EvalString_Knob(String_Knob):
    """Text whose [brackets] Tcl runs when it is evaluated."""

    _type = "EvalString_Knob"

    def evaluate(self, *args: Any) -> str:
        """Run the brackets; an optional frame (or OutputContext) sets the frame."""
        frame = args[0] if args else None
        if frame is not None and not isinstance(frame, (int, float)):
            frame = frame._frame
        return self._evaluated(frame)

    def _evaluated(self, frame: float | None) -> str:
        return state.current()._substitute(self._text_value, self._owner(), frame)


@public_class
class Multiline_Eval_String_Knob(EvalString_Knob):
    """Several lines of such text."""

    _type = "Multiline_Eval_String_Knob"


@public_class
class File_Knob(EvalString_Knob):
    """A path; value() is the text, evaluate(frame) runs brackets, filename filters and frame numbers."""

    _type = "File_Knob"

    def value(self, *args: Any) -> str:
        return self._text_value

    def getValue(self, *args: Any) -> str:
        return self._text_value

    def setValue(self, val: Any, *args: Any) -> None:
        if not isinstance(val, str):
            raise TypeError(f"File_Knob.setValue() needs a string, not {type(val).__name__}")
        self._edit(lambda: self._from_script(val))

    def fromScript(self, script: str) -> None:
        self._edit(lambda: self._from_script(script))

    def getEvaluatedValue(self, *args: Any) -> str:
        return state.current()._substitute(self._text_value, self._owner(), None)

    def _evaluated(self, frame: float | None) -> str:
        host = state.current()
        return host._frame_name(host._substitute(self._text_value, self._owner(), frame), host._frame if frame is None else frame)


@public_class
class Script_Knob(String_Knob):
    """A button that runs Tcl; the python buttons derive from it."""

    _type = "Script_Knob"

    def _plain_default(self) -> Any:
        return self._text_value  # the script travels in the definition

    def command(self) -> str:
        return self._text_value

    def value(self) -> str:
        return self._text_value

    def setValue(self, cmd: str) -> None:
        self._edit(lambda: self._from_script(cmd))

    def execute(self) -> None:
        state.current()._in_context(self._owner(), self, lambda: state.current()._tcl(self._text_value))


@public_class
class PyScript_Knob(Script_Knob):
    """A button that runs python with this node as nuke.thisNode()."""

    _type = "PyScript_Knob"

    def execute(self) -> None:
        host, owner = state.current(), self._owner()
        if self._name == "reload" and owner is not None and owner._class in ("Read", "Write"):
            host._reload_read(owner)
            return
        host._in_context(owner, self, lambda: host._run_python(self._text_value, f"<{self._name}>"))


@public_class
class PyCustom_Knob(Script_Knob):
    """A widget: its text is a python expression, evaluated in __main__ when the panel is built."""

    _type = "PyCustom_Knob"

    def __init__(self, name: str = "", label: Any = None, value: Any = None) -> None:
        super().__init__(name, label, value)
        self._object: Any = None

    def getObject(self) -> Any:
        return self._object

    def _build(self) -> None:
        """Evaluate the expression and ask for the widget, as opening the panel does."""
        host, owner = state.current(), self._owner()

        def make() -> None:
            try:
                self._object = host._eval_python(self._text_value)
                make_ui = getattr(self._object, "makeUI", None)
                host._widgets[(self._uid, self._name)] = make_ui() if make_ui else None
                update = getattr(self._object, "updateValue", None)
                if update:
                    update()
            except Exception as error:
                host._python_failed(f"PyCustom_Knob {self._name}", error)
                self._object = None

        host._in_context(owner, self, make)

    def _drop(self) -> None:
        """The widget dies with the panel; in a hostile Nuke getObject() still answers, with an object whose widget is no more."""
        host = state.running()
        widget = host._widgets.pop((self._uid, self._name), None) if host is not None else None
        if host is None or not host.hostile:
            self._object = None
            return
        for binding in ("shiboken6", "shiboken2"):
            shiboken = sys.modules.get(binding)
            if widget is None or shiboken is None:
                continue
            try:
                if shiboken.isValid(widget):
                    shiboken.delete(widget)
            except TypeError:
                pass  # what a test gave in place of a widget; Qt was loaded by another test


@public_class
class PythonCustomKnob(PyCustom_Knob):
    """The same under its other name."""

    _type = "PythonCustomKnob"

    def getObject(self) -> Any:
        return self._object


@public_class
class PythonKnob(String_Knob):
    """Hidden python text, such as knobChanged."""

    _type = "PythonKnob"


@public_class
class Text_Knob(Knob):
    """A label or a divider; the value is rich text."""

    _type = "Text_Knob"

    def _plain_default(self) -> Any:
        return self._text_value  # the text travels in the definition

    def __init__(self, name: str = "", label: Any = None, value: Any = None) -> None:
        super().__init__(name, label)
        if value is not None:
            self._text_value = str(value)

    def value(self, *args: Any) -> str:
        return self._text_value

    def setValue(self, val: Any, *args: Any) -> bool:
        if not isinstance(val, str):
            raise TypeError(f"Text_Knob.setValue() needs a string, not {type(val).__name__}")
        self._edit(lambda: self._from_script(val))
        return True


@public_class
class Tab_Knob(Knob):
    """A tab, or the beginning or end of a group of knobs."""

    _type = "Tab_Knob"

    def __init__(self, name: str = "", label: Any = None, type: int = 0) -> None:
        super().__init__(name, label)
        self._tab_type = int(type)

    def value(self, *args: Any) -> Any:
        return 1.0 if self._tab_type != 2 else 0.0

    def setValue(self, *args: Any) -> Any:
        return True

    def _saved(self) -> bool:
        return False


@public_class
class BeginTabGroup_Knob(Knob):
    """Begin of a group of tabs."""

    _type = "BeginTabGroup_Knob"

    def _saved(self) -> bool:
        return False


@public_class
class EndTabGroup_Knob(Knob):
    """End of a group of tabs."""

    _type = "EndTabGroup_Knob"

    def _saved(self) -> bool:
        return False


@public_class
class Link_Knob(Knob):
    """Another node's knob, shown here."""

    _type = "Link_Knob"

    def _setup(self) -> None:
        self._text_value = ""
        self._link = ""
        self._pending: str | None = None

    def getLinkedKnob(self) -> Any | None:
        return self._target()

    def value(self) -> Any:
        target = self._target()
        return target.value() if target is not None else ""

    def setValue(self, *args: Any) -> Any:
        target = self._target()
        if target is None:
            raise RuntimeError(f"{self._name} links to {self._link!r}, which does not exist")
        return target.setValue(*args)

    def _target(self, depth: int = 0) -> Any | None:
        owner = self._owner()
        if owner is None or not self._link or depth > 20:
            return None
        found = state.current()._find_knob(self._link, owner, inside=True)
        if isinstance(found, Link_Knob):
            return found._target(depth + 1)
        return found

    def _to_script(self) -> str:
        target = self._target()
        return target._to_script() if target is not None else (self._pending or "")

    def _script_word(self) -> str:
        target = self._target()
        return target._script_word() if target is not None else quote(self._pending or "")

    def _from_script(self, text: str) -> None:
        target = self._target()
        if target is not None:
            target.fromScript(text)
        else:
            self._pending = text

    def _settle(self) -> None:
        """Hand a value that came before the inner nodes to its target."""
        if self._pending is not None and self._target() is not None:
            pending, self._pending = self._pending, None
            self._from_script(pending)


@public_class
class FreeType_Knob(Knob):
    """Text that the stand-in keeps without understanding it."""

    _type = "FreeType_Knob"

    def getValue(self, *args: Any) -> str:
        return self._text_value

    def setValue(self, *args: Any) -> Any:
        self._edit(lambda: self._from_script(str(args[0])))


@public_class
class Obsolete_Knob(Knob):
    """A knob that only old files have."""

    _type = "Obsolete_Knob"

    def setValue(self, *args: Any) -> Any:
        self._edit(lambda: self._from_script(str(args[0])))

    def value(self, *args: Any) -> Any:
        return self._text_value


# --- channels and formats --------------------------------------------------------------------------------------------

_CHANNEL_NICKNAMES = {"red": "rgba.red", "green": "rgba.green", "blue": "rgba.blue", "alpha": "rgba.alpha"}


@public_class
class Channel_Knob(Knob):
    """One channel, or a layer."""

    _type = "Channel_Knob"

    def __init__(self, name: str = "", label: Any = None, *_: Any) -> None:
        super().__init__(name, label)
        self._text_value = self._default = "none"

    def _plain_default(self) -> Any:
        return "none"

    def value(self, *args: Any) -> str:
        return self._text_value

    def setValue(self, name: str, *args: Any) -> None:
        if not isinstance(name, str):
            raise TypeError("Channel_Knob.setValue() needs a string")
        self._edit(lambda: self._from_script(name))

    def _from_script(self, text: str) -> None:
        self._text_value = text
        host = state.running()
        if host is not None:
            host._know_channels(text)

    def depth(self) -> int:
        return 1


@public_class
class ChannelMask_Knob(Channel_Knob):
    """A set of channels: rgb, rgba, all, none, layer and channel names."""

    _type = "ChannelMask_Knob"


@public_class
class Format_Knob(Knob):
    """A format, by value or by name."""

    _type = "Format_Knob"

    def value(self, *args: Any) -> Any:
        return self._format()

    def _format(self) -> Any:
        return state.current()._format_named(self._text_value)

    def setValue(self, *args: Any) -> Any:
        """Take a Format, or the name or definition of one; TypeError when it is unknown."""
        from .formats import Format

        given = args[0]
        text = given._text().strip() if isinstance(given, Format) else given
        if not isinstance(text, str) or state.current()._format_named(text, missing_ok=True) is None:
            raise TypeError(f"{given!r} is not a format")
        self._edit(lambda: self._from_script(text))
        return True

    def name(self, *args: Any) -> str:
        return self._name

    def fromScript(self, *args: Any) -> Any:
        self._edit(lambda: self._from_script(args[0]))

    def toScript(self, *args: Any, **kwargs: Any) -> str:
        return self._script_word()

    def _from_script(self, text: str) -> None:
        host = state.running()
        self._text_value = text
        if host is not None:
            host._learn_format(text)
            # Scripts hold formats whole, as real ones do: another session need not know the name.
            known = host._formats.get(text.strip())
            self._text_value = text if known is None else known._text().strip()


@public_class
class Axis_Knob(Knob):
    """A transform; kept as text."""

    _type = "Axis_Knob"

    def value(self) -> Any:
        return self._text_value


@public_class
class Transform2d_Knob(Knob):
    """A 2D transform; kept as text."""

    _type = "Transform2d_Knob"

    def value(self, oc: Any = None) -> Any:
        return self._text_value


@public_class
class LookupCurves_Knob(Knob):
    """Named curves; kept as text."""

    _type = "LookupCurves_Knob"


@public_class
class Help_Knob(Knob):
    """The question mark."""

    _type = "Help_Knob"


@public_class
class Font_Knob(Knob):
    """A font's name."""

    _type = "Font_Knob"

    def value(self, *args: Any) -> str:
        return self._text_value

    def setValue(self, *args: Any) -> Any:
        self._edit(lambda: self._from_script(str(args[0])))


@public_class
class MultiView_Knob(Knob):
    """A set of views, by name."""

    _type = "MultiView_Knob"

    def value(self, *args: Any) -> str:
        return self._text_value

    def setValue(self, *args: Any) -> Any:
        self._edit(lambda: self._from_script(str(args[0])))
