"""Bring nodes of older versions up to date when they are loaded. A Group is saved with its body, so a script opened with a
later plugin has the knobs and the body of its own version. Later knobs are added, callbacks are replaced by today's,
and the body is changed where today's differs.
"""

from __future__ import annotations

import contextlib
import importlib
import re
from typing import TYPE_CHECKING, Dict, List, Tuple

from xmem_roto_nuke import doors, host
from xmem_roto_nuke.node import body, identity
from xmem_roto_nuke.node.settings import SHAPES
from xmem_roto_nuke.roto.key_edits import ONE_OBJECT
from xmemcore.protocol.version import VERSION

if TYPE_CHECKING:
    import nuke

KEPT_LAYERS_SINCE = (0, 2, 0)
"""From this version on the plate's other layers and its metadata come out too."""

ERROR_SINCE = (0, 3, 0)
"""From this version on a missing matte stops a render by default. A node of an earlier one keeps what it did until an artist is told."""

OLD_IMPORT = f"from {doors.OLD_NAME} import"
"""First words of the buttons of version 0.2.0."""

CALLBACKS = ("onCreate", "knobChanged", "updateUI", "autolabel")


def bring_up_to_date(node: nuke.Node) -> None:
    """Give a node of an older version what it lacks, and say so.

    A node of a later version than ours is left as it is, with a message: its knobs may mean something else.
    """
    written = str(node["plugin_version"].value())
    of_node, of_plugin = _parts(written), _parts(VERSION)
    if of_node == of_plugin and not set(missing_knobs(node)) - set(CALLBACKS):
        return
    if of_node > of_plugin:
        host.tell_together(
            f"{node.name()} was made with XMem Roto {written}; this is {VERSION}. Update the plugin before you change the node."
        )
        return
    with host.unrecorded():
        sentence = _migrate(node, written, of_node)
    host.tell_together(sentence)


def _migrate(node: nuke.Node, written: str, of_node: Tuple[int, ...]) -> str:
    # Before the knobs: some are links into it. A terminal renders what was approved, through the inside that it was approved with.
    changed = host.has_interface() and body.bring_up_to_date(node)
    missing = missing_knobs(node)
    for name, lines in missing.items():
        if changed or not _is_link(lines):
            _add(node, name, lines)
    _call_todays_name(node)
    if of_node < ERROR_SINCE:
        node["on_missing"].setValue("error" if host.has_interface() else "black")
    sentence = f"{node.name()} was made with XMem Roto {written or 'of an early version'} and now is of version {VERSION}."
    if of_node < KEPT_LAYERS_SINCE:
        _name_the_one_object(node)
        if changed:
            sentence += " Its output now has the plate's other layers and metadata."
    if not host.has_interface():
        sentence += " What it renders here is as it was saved; opened in the interface it gets today's inside."
    elif not changed:
        sentence += f" {body.why_not(node)}"
    if of_node < ERROR_SINCE:
        sentence += (
            " A frame whose matte is missing was black in renders; from now on it stops a render in a terminal or on a farm, "
            "and a node that was never propagated stops one too. "
            "Set 'on missing' to black to keep what was. Passes made earlier stay black there: make them anew."
        )
    if host.has_interface():  # a terminal may save the script, and no artist has been told yet
        node["plugin_version"].setValue(VERSION)
    return sentence


def missing_knobs(node: nuke.Node) -> Dict[str, List[str]]:
    """Give the lines of today's knobs that a node has not got, or has as file knobs, and of the callbacks that are not today's."""
    missing = {}
    for name, lines in knob_definitions(body.gizmo()).items():
        if node.knob(name) is None or name in CALLBACKS or _is_former_file_knob(node, name, lines):
            missing[name] = lines
    return missing


def _is_former_file_knob(node: nuke.Node, name: str, lines: List[str]) -> bool:
    """Say whether a knob is a file knob that is a text knob today, so that no tool takes the mattes' place for an input."""
    knob = node.knob(name)
    return knob is not None and knob.Class() == "File_Knob" and lines[0].startswith("addUserKnob {1 ")


def _add(node: nuke.Node, name: str, lines: List[str]) -> None:
    """Add a knob; one of the same name that was of another kind hands its value on."""
    former = node[name].value() if _is_former_file_knob(node, name, lines) else None
    if former is not None:
        host.remove_knob(node, name)
    node.readKnobs("\n".join(lines))
    if former:
        node[name].setValue(former)


def _is_link(lines: List[str]) -> bool:
    return lines[0].startswith("addUserKnob {41 ")


def _call_todays_name(node: nuke.Node) -> None:
    """Let buttons of version 0.2.0 call the plugin by the name that no other tool takes; the strip of that time looks for its old one."""
    for knob in node.knobs().values():
        if knob.Class() == "PyScript_Knob" and OLD_IMPORT in str(knob.value()):
            knob.setValue(str(knob.value()).replace(OLD_IMPORT, "from xmem_roto_nuke import"))
    if host.has_interface() and doors.foreign() is None:
        with contextlib.suppress(ImportError):  # without Qt there is no strip, and all else goes on
            importlib.import_module(f"{doors.OLD_NAME}.panel")


def _name_the_one_object(node: nuke.Node) -> None:
    """Keep the changed keyframes of a union or an alpha: they stood under the name of the roto input, now under one that never changes."""
    edits = identity.key_edits(node)
    if str(node["roto_input"].value()) != SHAPES and len(edits.names()) == 1:
        identity.write_key_edits(node, edits.renamed(edits.names()[0], ONE_OBJECT))


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
