"""The knobs of XMemRoto.gizmo, written from the table of settings: `python -m xmem_roto_nuke.panel.gizmo` brings the file up to date.

The gizmo says where a knob stands and whether it begins a line; the table says everything else about a setting. For a new one put a line
` addUserKnob {0 NAME}` where its knob is to stand, and run the command. Buttons, dividers and hidden knobs are the gizmo's own.
"""

from __future__ import annotations

import re
import sys
from typing import Dict, List

from xmem_roto_nuke.core.launch import CHECKOUT
from xmemcore.protocol.requests import PanelChoices, PropagateRequest, SuggestRequest
from xmemcore.protocol.settings import Setting, rows

GIZMO = CHECKOUT / "gizmos" / "XMemRoto.gizmo"

STRING, INTEGER, CHOICE, BOOLEAN, NUMBER = 1, 3, 4, 6, 7
"""Nuke's numbers of knob types."""

_ADDED = re.compile(r" addUserKnob \{\d+ (\w+)(?:.*?)((?: [+-]STARTLINE)?)\}")


def knobs() -> Dict[str, Setting]:
    """Give the settings that have a knob, by the knob's name."""
    return {row.knob: row for request in (PanelChoices, PropagateRequest, SuggestRequest) for row in rows(request) if row.knob}


def written(gizmo: str) -> str:
    """Write every setting's lines anew; the rest of the text stays.

    Raises:
        KeyError: a setting with a knob has no line in the gizmo.
    """
    settings = knobs()
    head, separator, body = gizmo.partition("\n}\n")
    lines: List[str] = []
    found = set()
    for line in head.splitlines():
        added = _ADDED.match(line)
        if added and added[1] in settings:
            found.add(added[1])
            lines += _lines(settings[added[1]], added[2])
        elif not any(re.match(rf" {name} ", line) for name in settings):
            lines.append(line)
    if found != set(settings):
        raise KeyError(f"The gizmo has no line for the knobs {sorted(set(settings) - found)}.")
    return "\n".join(lines) + separator + body


def _lines(row: Setting, startline: str) -> List[str]:
    choices = row.knob_choices or row.choices
    kind = CHOICE if choices else {bool: BOOLEAN, int: INTEGER, float: NUMBER, str: STRING}[row.kind]
    more = ""
    if kind == CHOICE:
        # Nuke itself writes an empty entry after quoted ones.
        quoted = any(" " in choice for choice in choices)
        more = " M {" + " ".join(f'"{choice}"' if " " in choice else choice for choice in choices) + (' ""}' if quoted else "}")
    elif kind == NUMBER:
        more = f" R {row.least:g} {row.most:g}"
    lines = [f" addUserKnob {{{kind} {row.knob} l {_quoted(row.label)} t {_quoted(row.tooltip)}{more}{startline}}}"]
    if kind not in (CHOICE, STRING) and row.default:
        lines.append(f" {row.knob} {'true' if row.default is True else f'{row.default:g}'}")
    return lines


def _quoted(text: str) -> str:
    """Quote a text so that Tcl takes it as it is."""
    return '"' + re.sub(r'([\\"\[$])', r"\\\1", text) + '"'


def main() -> int:
    """Bring the gizmo up to date, and say whether it changed."""
    before = GIZMO.read_text(encoding="utf-8")
    after = written(before)
    if after != before:
        GIZMO.write_text(after, encoding="utf-8")
    print(f"{GIZMO}: {'unchanged' if after == before else 'written'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
