"""addUserKnob: the table of knob numbers, read into knobs and written back (NUKE_FACTS 2)."""

from __future__ import annotations

from typing import Any

from . import array_knobs as a
from . import constants as c
from . import knobs as k
from .animation import number
from .tcl_words import quote

TYPES: dict[int, type] = {
    1: k.String_Knob,
    2: k.File_Knob,
    3: a.Int_Knob,
    4: a.Enumeration_Knob,
    6: a.Boolean_Knob,
    7: a.Double_Knob,
    8: a.Array_Knob,
    12: a.XY_Knob,
    13: a.XYZ_Knob,
    14: a.WH_Knob,
    15: a.BBox_Knob,
    16: a.Double_Knob,
    17: k.Format_Knob,
    18: a.Color_Knob,
    19: a.AColor_Knob,
    20: k.Tab_Knob,
    22: k.PyScript_Knob,
    26: k.Text_Knob,
    30: a.UV_Knob,
    32: k.Script_Knob,
    35: a.Pulldown_Knob,
    36: a.Eyedropper_Knob,
    40: a.ColorChip_Knob,
    41: k.Link_Knob,
    43: k.Multiline_Eval_String_Knob,
    52: k.PyCustom_Knob,
    68: a.CascadingEnumeration_Knob,
    78: a.Array_Knob,
    83: a.Radio_Knob,
    0: k.Obsolete_Knob,
    11: k.Channel_Knob,
    45: k.MultiView_Knob,
}
_NUMBERS = {cls: number_ for number_, cls in reversed(list(TYPES.items()))}
_NUMBERS.update({a.Double_Knob: 7, a.Array_Knob: 78, k.EvalString_Knob: 1, k.Channel_Knob: 11, k.ChannelMask_Knob: 11})


class UnknownKnobType(RuntimeError):
    """addUserKnob with a number that is not in the table."""


def read(host: Any, text: str) -> k.Knob:
    """Make the knob that `{TYPE name l "label" ...}` describes (text without the outer braces)."""
    words = host._split(text)
    kind = int(words[0])
    if kind not in TYPES:
        raise UnknownKnobType(f"addUserKnob: unknown knob type {kind}")
    cls = TYPES[kind]
    name = words[1] if len(words) > 1 else ""
    knob: k.Knob = cls(name)
    knob._number = kind
    knob._user = True
    i = 2
    while i < len(words):
        word = words[i]
        if word[:1] in "+-" and word[1:].isupper() or word[:1] in "+-" and word[1:].replace("_", "").isupper():
            _flag(knob, word)
            i += 1
            continue
        if i + 1 >= len(words):
            break
        value = words[i + 1]
        if word == "l":
            knob._label, knob._has_label = value, True
        elif word == "t":
            knob._tooltip = value
        elif word == "T":
            _target(knob, value)
        elif word == "M":
            _items(host, knob, value)
        elif word == "n":
            if isinstance(knob, k.Tab_Knob):
                knob._tab_type = int(value)
            elif isinstance(knob, a.Array_Knob):
                knob._resize(int(value))
        elif word == "R":
            knob._low, knob._high = float(value), float(words[i + 2])  # type: ignore[attr-defined]
            i += 1
        i += 2
    if kind in (26, 41) and not knob._has_label and name and kind == 26:
        knob._label = ""
    if kind == 52 and "STARTLINE" not in knob._other_flags:
        knob._flags |= c.STARTLINE
    knob._default = knob._get_state()
    return knob


def _flag(knob: k.Knob, word: str) -> None:
    bit = c.FLAG_WORDS.get(word[1:])
    knob._other_flags.append(word)
    if bit is None:
        return
    if bit == c.HIDDEN:
        knob._visible = word[0] == "-"
    elif bit == c.DISABLED:
        knob._enabled = word[0] == "-"
    elif word[0] == "+":
        knob._flags |= bit
    else:
        knob._flags &= ~bit


def _target(knob: k.Knob, value: str) -> None:
    if isinstance(knob, k.Link_Knob):
        knob._link = value
    else:
        knob._text_value = value


def _items(host: Any, knob: k.Knob, value: str) -> None:
    items = host._split(value)
    if isinstance(knob, a.Pulldown_Knob):
        knob._items = items[0::2]
        knob._scripts = dict(zip(items[0::2], items[1::2]))
    elif isinstance(knob, a.Enumeration_Knob):
        if items and items[-1] == "":
            items = items[:-1]  # Nuke ends the list with an empty item
        knob._items = items


def write(knob: k.Knob) -> str:
    """Return the line that makes this user knob again, without its value."""
    kind = knob._number if TYPES.get(knob._number) is type(knob) else _NUMBERS.get(type(knob), 1)
    words = [str(kind), quote(knob._name) if knob._name else '""']
    if knob._has_label and knob._label != knob._name:
        words += ["l", quote(knob._label)]
    if knob._tooltip:
        words += ["t", quote(knob._tooltip)]
    if isinstance(knob, k.Tab_Knob):
        if knob._tab_type:
            words += ["n", str(knob._tab_type)]
    words += _flags(knob)
    if isinstance(knob, k.Link_Knob):
        words += ["T", quote(knob._link)]
    elif isinstance(knob, (k.PyScript_Knob, k.Script_Knob, k.PyCustom_Knob, k.Text_Knob)) and knob._text_value:
        words += ["T", quote(knob._text_value)]
    elif isinstance(knob, a.Pulldown_Knob):
        words += ["M", "{" + " ".join(quote(w) for item in knob._items for w in (item, knob._scripts.get(item, ""))) + "}"]
    elif isinstance(knob, a.Enumeration_Knob):
        words += ["M", "{" + " ".join(quote(item) for item in [*knob._items, ""]) + "}"]
    elif isinstance(knob, (a.Double_Knob,)) or kind in (8, 16):
        words += ["R", number(knob._low), number(knob._high)]  # type: ignore[attr-defined]
    if kind == 78:
        words += ["n", str(len(knob._values))]  # type: ignore[attr-defined]
    return "addUserKnob {{{}}}".format(" ".join(words))


def _flags(knob: k.Knob) -> list[str]:
    words = []
    if (
        knob._flags & c.STARTLINE
        or isinstance(knob, (a.Boolean_Knob, k.PyScript_Knob))
        and "-STARTLINE" not in knob._other_flags
        and ("+STARTLINE" in knob._other_flags)
    ):
        words.append("+STARTLINE")
    elif "-STARTLINE" in knob._other_flags and not knob._flags & c.STARTLINE:
        words.append("-STARTLINE")
    if not knob._visible:
        words.append("+HIDDEN")
    if not knob._enabled:
        words.append("+DISABLED")
    for name in (
        "INVISIBLE",
        "DO_NOT_WRITE",
        "NO_ANIMATION",
        "NO_UNDO",
        "ALWAYS_SAVE",
        "READ_ONLY",
        "NO_MULTIVIEW",
        "KNOB_CHANGED_ALWAYS",
        "ENDLINE",
    ):
        if knob._flags & c.FLAG_WORDS[name]:
            words.append("+" + name)
    words += [word for word in knob._other_flags if word[1:] not in c.FLAG_WORDS]
    return words
