"""The numbers and words of the `nuke` module (values: generated stubs of Nuke 15, NUKE_FACTS section 7)."""

from __future__ import annotations

CONSTANTS = {
    "ADD_VIEWS": 0,
    "AFTER_CONST": 21,
    "AFTER_LINEAR": 22,
    "ALL": 1,
    "ALWAYS_SAVE": 0x100000,
    "BEFORE_CONST": 19,
    "BEFORE_LINEAR": 20,
    "BREAK": 18,
    "CATMULL_ROM": 3,
    "CONSTANT": 1,
    "CUBIC": 4,
    "DISABLED": 0x80,
    "DONT_CREATE_VIEWS": 2,
    "DONT_SAVE_TO_NODEPRESET": 549755813888,
    "DO_NOT_WRITE": 0x200,
    "ENDLINE": 0x2000,
    "EXPAND_TO_WIDTH": 68719476736,
    "EXPRESSIONS": 1,
    "FLOAT": 5,
    "FONT": 4,
    "GEO": 16,
    "HIDDEN_INPUTS": 4,
    "HORIZONTAL": 17,
    "IMAGE": 1,
    "INPUTS": 2,
    "INT16": 3,
    "INT8": 2,
    "INVALIDHINT": -1,
    "INVISIBLE": 0x400,
    "KNOB_CHANGED_RECURSIVE": 0x8000000,
    "LINEAR": 2,
    "LINKINPUTS": 8,
    "LIVEGROUP_CALLBACK_CAN_MAKE_EDITABLE": "livegroup.can_make_editable",
    "LIVEGROUP_CALLBACK_CAN_PUBLISH": "livegroup.can_publish",
    "LIVEGROUP_CALLBACK_MADE_EDITABLE": "livegroup.made_editable",
    "LIVEGROUP_CALLBACK_PUBLISHED": "livegroup.published",
    "LIVEGROUP_CALLBACK_RELOADED": "livegroup.reloaded",
    "LOG": 4,
    "MATCH_CLASS": 0,
    "MATCH_COLOR": 2,
    "MATCH_LABEL": 1,
    "MONITOR": 0,
    "NODIR": 2,
    "NO_ANIMATION": 0x100,
    "NO_CHECKMARKS": 1,
    "NO_MULTIVIEW": 0x40000000,
    "NO_POSTAGESTAMPS": False,
    "NO_UNDO": 0x80000,
    "NUM_INTERPOLATIONS": 5,
    "PLUGIN_EXT": "so",
    "PRECOMP_CALLBACK_OPENED": "precomp.opened",
    "PREPEND": 8,
    "PROFILE_ENGINE": 3,
    "PROFILE_REQUEST": 2,
    "PROFILE_STORE": 0,
    "PROFILE_VALIDATE": 1,
    "PYTHON": 32,
    "READ_ONLY": 0x10000000,
    "REPLACE": 1,
    "REPLACE_VIEWS": 1,
    "SAVE_MENU": 33554432,
    "SCRIPT": 2,
    "SMOOTH": 0,
    "STARTLINE": 0x1000,
    "STRIP_CASCADE_PREFIX": 4,
    "TABBEGINCLOSEDGROUP": 2,
    "TABBEGINGROUP": 1,
    "TABENDGROUP": -1,
    "TABKNOB": 0,
    "TO_SCRIPT": 1,
    "TO_VALUE": 2,
    "USER_SET_SLOPE": 16,
    "VIEWER": 1,
    "VIEW_NAMES": "input/view_names",
    "WRITE_ALL": 8,
    "WRITE_NON_DEFAULT_ONLY": 16,
    "WRITE_USER_KNOB_DEFS": 4,
    "untitled": "Untitled",
}
"""Constants that do not depend on the session. KNOB_CHANGED_ALWAYS is not in types-nuke but in NUKE_FACTS 5 [stubs15]: see EXTRAS."""

EXTRAS = {"KNOB_CHANGED_ALWAYS": 0x10000}

DO_NOT_WRITE = CONSTANTS["DO_NOT_WRITE"]
INVISIBLE = CONSTANTS["INVISIBLE"]
DISABLED = CONSTANTS["DISABLED"]
STARTLINE = CONSTANTS["STARTLINE"]
ENDLINE = CONSTANTS["ENDLINE"]
NO_UNDO = CONSTANTS["NO_UNDO"]
ALWAYS_SAVE = CONSTANTS["ALWAYS_SAVE"]
READ_ONLY = CONSTANTS["READ_ONLY"]
HIDDEN = 1 << 60
"""Not in Nuke's python: the flag +HIDDEN of addUserKnob, which is setVisible(False)."""

FLAG_WORDS = {
    "STARTLINE": STARTLINE,
    "ENDLINE": ENDLINE,
    "HIDDEN": HIDDEN,
    "INVISIBLE": INVISIBLE,
    "DISABLED": DISABLED,
    "DO_NOT_WRITE": DO_NOT_WRITE,
    "NO_ANIMATION": CONSTANTS["NO_ANIMATION"],
    "NO_UNDO": NO_UNDO,
    "ALWAYS_SAVE": ALWAYS_SAVE,
    "READ_ONLY": READ_ONLY,
    "NO_MULTIVIEW": CONSTANTS["NO_MULTIVIEW"],
    "KNOB_CHANGED_ALWAYS": EXTRAS["KNOB_CHANGED_ALWAYS"],
}
"""Words after + and - in addUserKnob that change something here; others (NO_HANDLES, ...) are kept as they came."""

INPUTS, HIDDEN_INPUTS, EXPRESSIONS, LINKINPUTS = 2, 4, 1, 8
TO_SCRIPT, TO_VALUE, WRITE_USER_KNOB_DEFS, WRITE_ALL, WRITE_NON_DEFAULT_ONLY = 1, 2, 4, 8, 16
