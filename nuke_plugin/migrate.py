"""Nodes of older versions brought up to date when they are loaded. A Group carries its body with it, so a script opened with a
later plugin has the knobs of its own time: knobs that came later are added, and its callbacks become those of today.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Dict, List, Tuple

from nuke_plugin import host
from nuke_plugin.core_command import CHECKOUT
from xmemcore.protocol.version import VERSION

if TYPE_CHECKING:
    import nuke

CALLBACKS = ("onCreate", "knobChanged", "updateUI", "autolabel")


def bring_up_to_date(node: nuke.Node) -> bool:
    """Give a node of an older version what it lacks, and say so; False when there was nothing to do.

    A node of a later version than ours is left as it is, with a message: its knobs may mean something else.
    """
    written = str(node["plugin_version"].value())
    of_node, ours = _parts(written), _parts(VERSION)
    if of_node == ours:
        return False
    if of_node > ours:
        host.tell(f"{node.name()} was made with XMem Roto {written}; this is {VERSION}. Update the plugin before you change the node.")
        return False
    for name, lines in knob_definitions((CHECKOUT / "gizmos" / "XMemRoto.gizmo").read_text(encoding="utf-8")).items():
        if node.knob(name) is None or name in CALLBACKS:
            node.readKnobs("\n".join(lines))
    node["plugin_version"].setValue(VERSION)
    host.tell(f"{node.name()} was made with XMem Roto {written or 'of an early version'} and now is of version {VERSION}.")
    return True


def knob_definitions(gizmo: str) -> Dict[str, List[str]]:
    """Cut a gizmo's text into the lines that define each knob: its addUserKnob, then its value where it has one.

    Only the Group's own knobs, which stand one a line before its children.
    """
    definitions: Dict[str, List[str]] = {}
    for line in gizmo.split("\n}\n", 1)[0].splitlines():
        added = re.match(r" addUserKnob \{\d+ (\w+)", line)
        valued = re.match(r" (\w+) ", line)
        if added:
            definitions[added[1]] = [line.strip()]
        elif valued and (valued[1] in definitions or valued[1] in CALLBACKS):
            definitions.setdefault(valued[1], []).append(line.strip())
    return definitions


def _parts(version: str) -> Tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdigit())
