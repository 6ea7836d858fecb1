"""Write scripts: real .nk text that loads again; groups in full, gizmos as the knobs that differ from their file."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Any

from . import classes, user_knobs
from . import constants as c
from .knobs import Link_Knob, Tab_Knob


def order(nodes: list[Any]) -> list[Any]:
    """Return the nodes so that inputs come before what uses them; otherwise as they were made."""
    inside = {node._uid for node in nodes}
    done: set[int] = set()
    found: list[Any] = []

    def visit(node: Any) -> None:
        if node._uid in done:
            return
        done.add(node._uid)
        for uid in node._input_uids:
            if uid in inside:
                visit(node._host._by_uid[uid])
        found.append(node)

    for node in nodes:
        visit(node)
    return found


def knob_block(node: Any, indent: str) -> list[str]:
    """Lines of the knobs that differ from the default; user knobs with their definitions; name and place."""
    lines: list[str] = []
    gizmo = node._kind.kind == "gizmo"
    for knob in node._knob_list:
        user = knob._user and not (gizmo and knob._name in node._gizmo_knobs)
        if user:
            lines.append(indent + user_knobs.write(knob))
        if not knob._name or isinstance(knob, Tab_Knob) or knob._name in ("name", "xpos", "ypos", "selected"):
            continue
        if knob._flags & c.DO_NOT_WRITE:
            continue
        if isinstance(knob, Link_Knob):
            if gizmo and knob._target() is not None and knob._script_word() != node._gizmo_links.get(knob._name):
                lines.append(f"{indent}{knob._name} {knob._script_word()}")
            elif not gizmo and knob._pending:
                lines.append(f"{indent}{knob._name} {knob._script_word()}")
            continue
        if knob._not_default() or knob._flags & c.ALWAYS_SAVE:
            lines.append(f"{indent}{knob._name} {knob._script_word()}")
    lines.append(f"{indent}name {node._name}")
    if node._knobs_by_name["selected"]._values[0]:
        lines.append(indent + "selected true")
    lines += [f"{indent}{place} {int(node._knobs_by_name[place]._values[0])}" for place in ("xpos", "ypos")]
    return lines


def write_nodes(nodes: list[Any], indent: str = "", first_open: bool = False, numbers: Iterator[int] | None = None) -> list[str]:
    """Lines for these nodes; connections to nodes that are not among them are left open.

    With first_open the first node takes what lies on the stack, as pasted nodes hang themselves below the selected one.
    """
    numbers = count(0x1000) if numbers is None else numbers
    nodes = order(nodes)
    inside = {node._uid for node in nodes}
    users: dict[int, int] = {}
    for node in nodes:
        for uid in node._input_uids:
            if uid in inside:
                users[uid] = users.get(uid, 0) + 1
    lines: list[str] = []
    handles: dict[int, str] = {}
    clones: dict[Any, str] = {}
    top: int | None = None
    for position, node in enumerate(nodes):
        wanted = [uid if uid in inside else None for uid in node._input_uids]
        while wanted and wanted[-1] is None and node._kind.minimum < len(wanted):
            wanted.pop()
        mask = node._kind.mask
        width, masked = len(wanted), False
        if mask is not None and len(wanted) > mask:
            if wanted[mask] is not None:
                masked = True
            pops = wanted[:mask] + wanted[mask + 1 :]
            word = str(len(pops))
            if masked:
                pops, word = [*pops, wanted[mask]], f"{len(pops)}+1"
        else:
            pops, word = wanted, str(width)
        if pops == [top] and top is not None and users.get(top, 0) == 1 and top not in handles:
            pass  # straight from the node above
        elif first_open and position == 0 and pops == [None]:
            pass
        else:
            for uid in reversed(pops):
                lines.append("{}push {}".format(indent, "0" if uid is None else "$" + handles[uid]))
        lines += node_lines(node, word, indent, clones, numbers)
        top = node._uid
        following = nodes[position + 1] if position + 1 < len(nodes) else None
        direct = following is not None and following._input_uids == [node._uid] and users.get(node._uid, 0) == 1
        if users.get(node._uid, 0) and not direct:
            handles[node._uid] = f"N{next(numbers):x}"
            lines.append(f"{indent}set {handles[node._uid]} [stack 0]")
    return lines


def node_lines(node: Any, inputs: str, indent: str, clones: dict[Any, str], numbers: Iterator[int]) -> list[str]:
    """One node, with its inside when it is a group."""
    family = node._clone_group
    if family is not None and family in clones:
        body = [f"{indent} {place} {int(node._knobs_by_name[place]._values[0])}" for place in ("xpos", "ypos")]
        if inputs != "1":
            body.insert(0, indent + " inputs " + inputs)
        return [f"{indent}clone ${clones[family]} {{", *body, indent + "}"]
    lines = [f"{indent}{node._class} {{"]
    if inputs != "1":
        lines.append(f"{indent} inputs {inputs}")
    lines += knob_block(node, indent + " ")
    lines.append(indent + "}")
    if family is not None:
        clones[family] = f"C{next(numbers):x}"
        lines.append(f"{indent}set {clones[family]} [stack 0]")
    if node._kind.kind == "group" and node._class in classes.GROUPS:
        lines += write_nodes(node._child_nodes(), indent + " ", numbers=numbers)
        lines.append(indent + "end_group")
    return lines


def write_root(host: Any) -> list[str]:
    """The Root block: knobs that differ, and the name."""
    root = host._root
    lines = ["Root {", " inputs 0"]
    name = root._knobs_by_name["name"]._text_value
    if name:
        lines.append(" name {}".format(root._knobs_by_name["name"]._script_word()))
    for knob in root._knob_list:
        if knob._user:
            lines.append(" " + user_knobs.write(knob))
        if knob._name and knob._name not in ("name", "xpos", "ypos", "selected") and knob._not_default() and not isinstance(knob, Tab_Knob):
            if not knob._flags & c.DO_NOT_WRITE:
                lines.append(f" {knob._name} {knob._script_word()}")
    lines.append("}")
    return lines


def write_script(host: Any) -> str:
    """The whole script."""
    lines = [f"version {host._version[0]}.{host._version[1]} v1", *write_root(host)]
    for layer, names in host._layers.items():
        if layer not in host._builtin_layers:
            lines.append("add_layer {{{} {}}}".format(layer, " ".join(names)))
    lines += write_nodes(host._root._child_nodes())
    return "\n".join(lines) + "\n"
