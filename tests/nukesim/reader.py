"""Read .nk and .gizmo text: the file runs in the real Tcl interpreter, and commands that Tcl does not know are node classes."""

from __future__ import annotations

import functools
import re
from typing import Any

from . import classes, user_knobs
from .tcl_words import commands, word_value

_HANDLE = "node:"


@functools.lru_cache(maxsize=256)
def _words(body: str) -> tuple[str, ...]:
    """Cut a body into raw words; the bodies of a gizmo come again with every node of its class."""
    return tuple(word for line in commands(body) for word in line)


class ScriptError(RuntimeError):
    """The text does not load; the message says which node and why."""


class ScriptReader:
    """One load: a stack of nodes per open group, and what was made in order."""

    def __init__(self, host: Any, group: Any, unknown: str | None, rename: bool, instance: bool = False) -> None:
        self.host = host
        self.groups = [group]
        self.stacks: list[list[int | None]] = [[]]
        self.unknown = unknown
        self.rename = rename
        self.created: list[Any] = []
        self.top: list[Any] = []
        self.instance = instance
        """True for a gizmo file: its first node is the instance, whose name may be changed by the caller."""

    def run(self, text: str, name: str) -> None:
        """Load the text; ScriptError with Tcl's or our message when it fails."""
        host = self.host
        host._readers.append(self)
        lenient, host._lenient = host._lenient, self.unknown == "inert"
        try:
            host._tcl_script(text.replace("\r\n", "\n"))
        except Exception as error:
            if isinstance(error, ScriptError):
                raise
            raise ScriptError(f"{name}: {error}") from error
        finally:
            host._lenient = lenient
            host._readers.pop()
        while len(self.groups) > 1:  # a gizmo file may end without end_group
            self.end_group()

    # commands
    def command(self, name: str, arguments: list[str]) -> str:
        """Run one command of the file; the result is what Tcl gets."""
        if name == "version" or name.startswith("window_layout") or name == "define_window_layout_xml":
            return ""
        if name == "add_layer":
            self.host._add_layer(self.host._split(arguments[0] if arguments else ""))
            return ""
        if name == "stack":
            return self._handle(int(arguments[0]))
        if name == "push":
            self.stacks[-1].append(self._from_handle(arguments[0]))
            return ""
        if name == "end_group":
            self.end_group()
            return ""
        if name == "clone":
            return self.clone(arguments)
        if name == "set_menu" or name == "plugin_addon":
            return ""
        return self.node(name, arguments[0] if arguments else "")

    def _handle(self, depth: int) -> str:
        stack = self.stacks[-1]
        uid = stack[-1 - depth] if depth < len(stack) else None
        return "0" if uid is None else _HANDLE + str(uid)

    def _from_handle(self, text: str) -> int | None:
        if text in ("0", ""):
            return None
        if text.startswith(_HANDLE):
            return int(text[len(_HANDLE) :])
        raise ScriptError(f"push: {text!r} is not a node")

    def pairs(self, body: str, owner: str) -> list[tuple[str, str]]:
        """Cut a body into (knob, value), line ends being blanks like others; values have been through Tcl."""
        words = _words(body)
        if len(words) % 2:
            raise ScriptError(f"{owner}: a knob without a value, near {words[-1][:60]}")
        found = []
        for name, word in zip(words[0::2], words[1::2]):
            try:
                found.append((word_value(self.host, name), word_value(self.host, word)))
            except Exception as error:
                raise ScriptError(f"{owner}.{name}: {error}") from error
        return found

    def node(self, class_name: str, body: str) -> str:
        host = self.host
        pairs = self.pairs(body, class_name)
        class_name = classes.ALIASES.get(class_name, class_name)
        if class_name == "Root":
            self.root(pairs)
            return ""
        if class_name == "Gizmo" or (self.instance and not self.created and class_name == "Group"):
            return self.instance_of(class_name, pairs)
        before = len(self.stacks)
        node = host._new_node(class_name, self.groups[-1], unknown=self.unknown, reader=self)
        self.created.append(node)
        self.finish(node, pairs)
        is_open = node._class in classes.GROUPS and len(self.stacks) == before and not node._children
        self.stacks[-1].append(node._uid)
        if is_open:
            self.groups.append(node)
            self.stacks.append([])
        else:
            host._node_created(node)
        return _HANDLE + str(node._uid)

    def instance_of(self, class_name: str, pairs: list[tuple[str, str]]) -> str:
        """The Gizmo or Group of a gizmo file: becomes the node that was asked for, its children follow."""
        node = self.host._instance(class_name, self.groups[-1])
        self.created.append(node)
        self.finish(node, pairs)
        self.stacks[-1].append(node._uid)
        self.groups.append(node)
        self.stacks.append([])
        return _HANDLE + str(node._uid)

    def finish(self, node: Any, pairs: list[tuple[str, str]]) -> None:
        """Take inputs from the stack, then set the knobs."""
        given = dict(pairs)
        self.connect(node, given.get("inputs", "1"))
        if "name" not in given:
            node._knobs_by_name["name"]._put_state(self.host._free_name(self.groups[-1], node._class + "1", node))
        self.knobs(node, pairs)
        if len(self.groups) == 1:
            self.top.append(node)

    def connect(self, node: Any, inputs: str) -> None:
        """Pop what `inputs` says: `2`, or `2+1` for two and a mask; input 0 is on top."""
        match = re.match(r"^(\d+)(?:\+(\d+))?$", inputs.strip())
        if not match:
            raise ScriptError(f"{node._class}: bad inputs {inputs!r}")
        main, masks = int(match.group(1)), int(match.group(2) or 0)
        stack = self.stacks[-1]
        popped = [stack.pop() if stack else None for _ in range(main + masks)]
        if node._kind.maximum == 0 and node._kind.kind == "node":
            return
        uids: list[int | None] = []
        mask = node._kind.mask
        if masks and mask is not None:
            mains, mask_uid = popped[:main], popped[main]
            while len(mains) < mask:
                mains.append(None)
            uids = [*mains[:mask], mask_uid, *mains[mask:]]
        else:
            uids = popped
            if mask is not None and main > mask:
                uids = [*popped[:mask], None, *popped[mask:]]
        node._set_inputs(uids)

    def knobs(self, node: Any, pairs: list[tuple[str, str]]) -> None:
        host = self.host
        for name, value in pairs:
            if name == "inputs":
                continue
            if name == "addUserKnob":
                self.user_knob(node, value)
                continue
            if name == "name":
                if value.strip():
                    node._knobs_by_name["name"]._put_state(host._free_name(self.groups[-1], value, node) if self.rename else value)
                continue
            knob = node._knobs_by_name.get(name)
            if knob is None:
                if node._kind.inert or self.unknown == "inert":
                    host._keep_unknown(node, name, value)
                    continue
                raise ScriptError(f"{node._name}.{name}: no such knob")
            if knob._flags & 0:
                continue
            try:
                knob._from_script(value)
            except ScriptError:
                raise
            except Exception as error:
                raise ScriptError(f"{node._name}.{name}: {error}") from error
            host._after_load(node, knob)

    def user_knob(self, node: Any, text: str) -> None:
        try:
            knob = user_knobs.read(self.host, text)
        except Exception as error:
            raise ScriptError(f"{node._name}: addUserKnob {{{text[:60]}}}: {error}") from error
        old = node._knobs_by_name.get(knob._name) if knob._name else None
        if old is not None:
            if not old._user and not node._kind.inert:
                raise ScriptError(f"{node._name}: addUserKnob: knob {knob._name} already exists")
            # a second definition of the same user knob keeps its place and value
            knob._put_state(old._get_state()) if type(old) is type(knob) else None
            node._detach(old)
        node._attach(knob)

    def clone(self, arguments: list[str]) -> str:
        uid = self._from_handle(arguments[0])
        original = self.host._by_uid.get(uid)
        if original is None:
            raise ScriptError(f"clone: no such node {arguments[0]}")
        pairs = self.pairs(arguments[1] if len(arguments) > 1 else "", "clone")
        node = self.host._clone(original, self.groups[-1])
        self.created.append(node)
        self.connect(node, dict(pairs).get("inputs", "1"))
        self.knobs(node, [pair for pair in pairs if pair[0] not in ("inputs", "name")])
        self.stacks[-1].append(node._uid)
        if len(self.groups) == 1:
            self.top.append(node)
        if self.host.hostile:  # whether cloning runs onCreate is open (NUKE_MEASURED 4 and 8)
            self.host._node_created(node)
        return _HANDLE + str(node._uid)

    def root(self, pairs: list[tuple[str, str]]) -> None:
        root = self.host._root
        for name, value in pairs:
            if name in ("inputs", "name"):
                continue
            if name == "addUserKnob":
                self.user_knob(root, value)
                continue
            knob = root._knobs_by_name.get(name)
            if knob is None:
                self.host._keep_unknown(root, name, value)  # Root differs between versions; Nuke keeps going too
                continue
            knob._from_script(value)
        self.host._root_read()

    def end_group(self) -> None:
        if len(self.groups) < 2:
            raise ScriptError("end_group without a Group")
        group = self.groups.pop()
        self.stacks.pop()
        self.host._group_complete(group)
        if not (self.instance and group is self.created[0]):  # whoever asked for the instance fires its onCreate
            self.host._node_created(group)
