"""The host's nodes: making, deleting, undo, callbacks and panels."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from typing import Any

from . import callbacks, classes, knobs, nodes
from . import constants as c

_TRAILING = re.compile(r"^(.*?)(\d*)$")


class NodeSide:
    """Mixed into Host."""

    # --- making
    def _next_uid(self: Any) -> int:
        self._uid_counter += 1
        return int(self._uid_counter)

    def _free_name(self: Any, parent: Any, name: str, node: Any = None) -> str:
        """The name itself, or with the next number that is free in the group."""
        names = (
            [other._knobs_by_name["name"]._text_value for other in parent._child_nodes() if other is not node] if parent is not None else []
        )
        if name not in names:
            return name
        match = _TRAILING.match(name)
        assert match is not None
        stem, number, taken = match.group(1), int(match.group(2) or 0), set(names)
        while True:
            number += 1
            if stem + str(number) not in taken:
                return stem + str(number)

    def _adopt(self: Any, node: Any, parent: Any) -> None:
        """Put a fresh node into its group and remember it for undo."""
        self._by_uid[node._uid] = node
        parent._children.append(node._uid)
        uid = node._uid
        self._modified = True
        self._undo.record(lambda: self._remove(self._by_uid[uid], record=False), lambda: self._restore(uid))

    def _new_node(self: Any, class_name: str, parent: Any, unknown: str | None = None, reader: Any = None) -> Any:
        """Make a node of a class: built in, a gizmo on the plugin path, or inert when allowed."""
        class_name = classes.ALIASES.get(class_name, class_name)
        kind = classes.TABLE.get(class_name)
        if kind is None:
            path = self._gizmo_path(class_name)
            if path is not None:
                with open(path, encoding="utf-8", errors="surrogateescape") as file:
                    return self._from_gizmo(class_name, path, file.read(), parent, unknown)
            if unknown != "inert":
                raise RuntimeError(f"{class_name}: Unknown command")
            kind = classes.inert(class_name)
        if kind.kind == "root":
            raise RuntimeError(f"{class_name}: Unknown command")
        node = nodes.PYTHON_CLASS[kind.kind]._make(self, kind, parent)
        node._gizmo_knobs, node._gizmo_links = set(), {}
        self._adopt(node, parent)
        return node

    def _clone(self: Any, original: Any, parent: Any) -> Any:
        """A clone shares every knob but its place and selection."""
        if original._kind.kind == "gizmo":
            raise RuntimeError("Gizmos cannot be cloned")
        node = type(original)._make(self, original._kind, parent)
        node._gizmo_knobs, node._gizmo_links = set(), {}
        unshared = {name: node._knobs_by_name[name] for name in ("xpos", "ypos", "selected")}
        node._knob_list = [unshared.get(knob._name, knob) for knob in original._knob_list]
        node._knobs_by_name = {knob._name: knob for knob in node._knob_list if knob._name}
        if original._clone_group is None:
            original._clone_group = original._uid
        node._clone_group = original._clone_group
        self._adopt(node, parent)
        return node

    def _clones_of(self: Any, node: Any) -> list[Any]:
        if node._clone_group is None:
            return []
        return [other for other in self._by_uid.values() if other is not node and other._clone_group == node._clone_group]

    def _node_created(self: Any, node: Any) -> None:
        self._fire("onCreate", node)

    def _select(self: Any, node: Any, selected: bool) -> None:
        """Select a node as a new one is; a hostile Nuke tells knobChanged."""
        knob = node._knobs_by_name["selected"]
        before, knob._values[0] = knob._values[0], float(selected)
        if self.hostile and before != knob._values[0]:
            self._knob_changed_callbacks(node, knob)

    def _create(self: Any, class_name: str, values: str, inpanel: bool) -> Any:
        """nuke.createNode: after the selected node, selected itself, its panel open."""
        group = self._current_group()
        chosen = [node for node in group._child_nodes() if node._knobs_by_name["selected"]._values[0]]
        self._undo.join("create " + class_name)
        try:
            node = self._new_node(class_name, group)
            if not node._knobs_by_name["name"]._text_value:
                node._knobs_by_name["name"]._put_state(self._free_name(group, class_name + "1", node))
            if values:
                self._read_knobs(node, values)
            above = chosen[0] if chosen else None
            if above is not None and node._maximum() and above._class != "Viewer":
                for below in above._dependents():
                    if below is not node and below._class != "Viewer":
                        uids = [node._uid if uid == above._uid else uid for uid in below._input_uids]
                        before = list(below._input_uids)
                        below._set_inputs(uids)
                        self._inputs_changed(below, before)
                node._connect(0, above)
            for other in group._child_nodes():
                self._select(other, other is node)
            self._fire("onUserCreate", node)
            self._fire("onCreate", node)
        finally:
            self._undo.part()
        if inpanel and self._gui:
            self._open_panel(node)
        return node

    def _nodes_call(self: Any, class_name: str, values: dict[str, Any]) -> Any:
        """nuke.nodes.X(knob=value, inputs=[...])."""
        group = self._current_group()
        self._undo.join("create " + class_name)
        try:
            node = self._new_node(class_name, group)
            if not node._knobs_by_name["name"]._text_value:
                node._knobs_by_name["name"]._put_state(self._free_name(group, class_name + "1", node))
            for name, value in values.items():
                if name == "inputs":
                    for index, other in enumerate(value):
                        node._connect(index, other)
                elif name == "name":
                    node.setName(value)
                elif name not in node._knobs_by_name:
                    raise NameError(f"knob {name} does not exist")
                else:
                    node._knobs_by_name[name].setValue(value)
            self._fire("onCreate", node)
        finally:
            self._undo.part()
        return node

    # --- deleting and undo
    def _delete(self: Any, node: Any) -> None:
        if node._kind.kind == "root":
            raise RuntimeError("Cannot delete the root")
        self._remove(node, record=True)

    def _family(self: Any, node: Any) -> list[Any]:
        """A node and everything inside it."""
        return [node, *(member for child in node._child_nodes() for member in self._family(child))]

    def _fire_destroy(self: Any, node: Any) -> None:
        """onDestroy of a node, then of everything inside it."""
        for member in self._family(node):
            self._fire("onDestroy", member)

    def _remove(self: Any, node: Any, record: bool) -> None:
        self._fire_destroy(node)
        parent = node._parent()
        above = node._input(0)
        family = self._family(node)
        rewired = []
        for below in node._dependents():
            rewired.append((below._uid, list(below._input_uids)))
            below._set_inputs([(above._uid if above is not None else None) if uid == node._uid else uid for uid in below._input_uids])
        index = parent._children.index(node._uid)
        parent._children.remove(node._uid)
        self._close_panel(node)
        for member in family:
            self._by_uid.pop(member._uid, None)
            member._alive = False
        self._graveyard[node._uid] = (family, parent._uid, index, rewired)
        self._modified = True
        uid = node._uid
        if record:
            self._undo.record(lambda: self._restore(uid), lambda: self._remove(self._by_uid[uid], record=False))

    def _restore(self: Any, uid: int) -> None:
        """Bring a deleted node back under fresh Python objects: what was held before stays dead."""
        family, parent_uid, index, rewired = self._graveyard.pop(uid)
        fresh = []
        for old in family:
            node = object.__new__(type(old))
            node.__dict__.update(old.__dict__)
            node._alive = True
            node._panel_open = False
            self._by_uid[node._uid] = node
            fresh.append(node)
        self._by_uid[parent_uid]._children.insert(index, uid)
        for below, uids in rewired:
            if below in self._by_uid:
                self._by_uid[below]._set_inputs(list(uids))
        for node in reversed(fresh):
            self._fire("onCreate", node)

    def _knob_changed(self: Any, knob: Any, before: Any) -> None:
        """After a knob's value changed: undo, what depends on it, and callbacks."""
        node = self._by_uid.get(knob._uid)
        if node is None:
            return
        if knob._name == "name" and node._parent() is not None and not self._undo.replaying:
            knob._put_state(self._free_name(node._parent(), knob._text_value, node))
        after, uid, name = knob._get_state(), knob._uid, knob._name
        self._modified = True
        if node is self._root and name == "frame":
            self._frame_shown()
        elif name not in ("xpos", "ypos", "selected", "tile_color"):
            self._knob_since_frame = True
            for clone in (node, *self._clones_of(node)):
                clone._knob_edits += 1
        if name != "selected" and not knob._flags & c.NO_UNDO:
            self._undo.record(lambda: self._put_knob(uid, name, before), lambda: self._put_knob(uid, name, after))
        self._after_load(node, knob)
        self._touched.add(uid)
        hostile = self.hostile and name in ("xpos", "ypos", "selected")  # for Python's edits too: 17.0, NUKE_MEASURED 4
        always = self._version >= (17, 1) or knob._flags & c.EXTRAS["KNOB_CHANGED_ALWAYS"] or hostile
        if always and not self._user_editing:
            self._knob_changed_callbacks(node, knob)

    def _put_knob(self: Any, uid: int, name: str, saved: Any) -> None:
        node = self._by_uid.get(uid)
        knob = node._knobs_by_name.get(name) if node is not None else None
        if knob is not None:
            knob._put_state(saved)
            self._after_load(node, knob)

    def _undo_add_knob(self: Any, node: Any, knob: Any) -> None:
        uid = node._uid

        def back() -> None:
            owner = self._by_uid.get(uid)
            if owner is not None and knob in owner._knob_list:
                owner._detach(knob)

        self._undo.record(back, lambda: self._by_uid[uid]._attach(knob))

    def _undo_remove_knob(self: Any, node: Any, knob: Any, index: int) -> None:
        uid = node._uid

        def back() -> None:
            self._by_uid[uid]._attach(knob)

        def forth() -> None:
            self._by_uid[uid]._detach(knob)

        self._undo.record(back, forth)

    def _inputs_changed(self: Any, node: Any, before: list[Any]) -> None:
        after, uid = list(node._input_uids), node._uid
        self._modified = True
        self._touched.add(uid)

        def put(uids: list[Any]) -> Callable[[], None]:
            def change() -> None:
                if uid in self._by_uid:
                    self._by_uid[uid]._set_inputs(list(uids))

            return change

        self._undo.record(put(before), put(after))
        if node._class == "Viewer":
            self._labels_due = None
        if node._panel_open:
            self._knob_changed_callbacks(node, knobs.Knob("inputChange"))

    def _after_load(self: Any, node: Any, knob: Any) -> None:
        """What follows from a value: a Write's file type makes its own knobs."""
        if node._class == "Write" and knob._name in ("file", "file_type"):
            self._write_type_knobs(node)
        if node._class == "Precomp" and knob._name == "file" and os.path.isfile(knob._text_value):
            self._fill_precomp(node, knob._text_value)

    def _fill_precomp(self: Any, node: Any, path: str) -> None:
        """Read a Precomp's script into it."""
        for child in node._child_nodes():
            self._by_uid.pop(child._uid, None)
            child._alive = False
        node._children = []
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            self._load(file.read(), node, path, None, rename=False)

    def _write_type(self: Any, node: Any) -> str:
        chosen = node._knobs_by_name["file_type"]._item(int(node._knobs_by_name["file_type"]._values[0])).strip()
        if chosen:
            return str(chosen)
        text = node._knobs_by_name["file"]._text_value
        return classes.EXTENSIONS.get(text.rsplit(".", 1)[-1].lower(), "") if "." in text else ""

    def _write_type_knobs(self: Any, node: Any) -> None:
        wanted = self._write_type(node)
        if getattr(node, "_typed", "") == wanted:
            return
        for knob in getattr(node, "_type_knobs", []):
            if knob in node._knob_list:
                node._detach(knob)
        node._typed, node._type_knobs = wanted, []
        for maker in classes.FILE_TYPE_KNOBS.get(wanted, ()):
            knob = maker()
            if knob._name not in node._knobs_by_name:
                node._attach(knob)
                node._type_knobs.append(knob)

    # --- callbacks
    def _in_context(self: Any, node: Any, knob: Any, function: Callable[[], Any]) -> Any:
        """Run user code with this node and knob as nuke.thisNode and thisKnob.

        The group of the context is the node itself when it is a group, else its parent: published gizmos find inner nodes by toNode so.
        """
        inside = node if node is not None and node._kind.kind in ("group", "gizmo") else node._parent() if node is not None else None
        self._contexts.append((node, knob))
        self._groups.append(inside or self._root)
        groups = len(self._groups)
        try:
            with self._user_code():
                return function()
        finally:
            del self._groups[groups - 1 :]
            self._contexts.pop()

    def _fire(self: Any, event: str, node: Any, knob: Any = None, strict: bool = False) -> Any:
        """Run an event's knob text, then the registered functions; errors are shown and kept, or raised when strict."""

        def run() -> Any:
            callback_knob = node._knobs_by_name.get(event)
            if isinstance(callback_knob, knobs.PythonKnob) and callback_knob._text_value.strip():
                self._run_python(callback_knob._text_value, f"<{node._name}.{event}>")
            function = getattr(callbacks, event, None)
            return function() if function is not None else None

        try:
            return self._in_context(node, knob, run)
        except Exception as error:
            if strict:
                raise
            self._python_failed(f"{event} of {node._name}", error)
            return None

    def _knob_changed_callbacks(self: Any, node: Any, knob: Any) -> None:
        if node._uid in self._in_knob_changed:  # "They are not called recursively"
            return
        self._in_knob_changed.add(node._uid)
        try:
            self._fire("knobChanged", node, knob)
        finally:
            self._in_knob_changed.discard(node._uid)

    # --- panels
    def _open_panel(self: Any, node: Any) -> None:
        if not self._gui:
            raise RuntimeError("no panels without an interface")
        if node._panel_open:
            return
        node._panel_open = True
        for knob in node._custom_knobs():
            knob._build()
        self._knob_changed_callbacks(node, knobs.Knob("showPanel"))

    def _close_panel(self: Any, node: Any) -> None:
        if not node._panel_open:
            return
        node._panel_open = False
        self._knob_changed_callbacks(node, knobs.Knob("hidePanel"))
        for knob in node._custom_knobs():
            knob._drop()
