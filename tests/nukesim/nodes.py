"""Nodes: knobs by name, inputs by node number, names unique in their group; Group, Gizmo, Root, Viewer and Backdrop."""

from __future__ import annotations

import re
from typing import Any

from . import classes, state, user_knobs
from . import constants as c
from .formats import Format, Info
from .guard import public_class
from .knobs import Knob, Link_Knob, PyCustom_Knob


@public_class
class Node:
    """A node. Links to other nodes are kept as numbers, so that undo brings a node back under a fresh Python object."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        raise RuntimeError(f"Nodes are made by nuke.createNode or nuke.nodes, not by calling {type(self).__name__}")

    @classmethod
    def _make(cls, host: Any, kind: classes.NodeClass, parent: Any | None) -> Any:
        node = object.__new__(cls)
        node._host = host
        node._uid = host._next_uid()
        node._kind = kind
        node._class = kind.name
        node._parent_uid = parent._uid if parent is not None else None
        node._alive = True
        node._knob_list = []
        node._knobs_by_name = {}
        node._input_uids = []
        node._panel_open = False
        node._clone_group = None
        node._children = []
        node._user_label = ""
        node._locked = False
        node._knob_edits = 0
        node._messages = []
        for maker in kind.knobs:
            if maker is not classes.variables or host._version >= classes.VARIABLES_SINCE:
                node._attach(maker())
        for knob in (maker() for maker in classes.COMMON):
            if knob._name not in kind.without:
                node._attach(knob)
        return node

    # structure
    def _attach(self, knob: Knob) -> None:
        knob._uid = self._uid
        self._knob_list.append(knob)
        if knob._name:
            self._knobs_by_name[knob._name] = knob

    def _detach(self, knob: Knob) -> None:
        self._knob_list.remove(knob)
        if self._knobs_by_name.get(knob._name) is knob:
            del self._knobs_by_name[knob._name]

    def _rename_knob(self, knob: Knob, name: str) -> None:
        if self._knobs_by_name.get(knob._name) is knob:
            del self._knobs_by_name[knob._name]
        self._knobs_by_name[name] = knob

    def _require_alive(self) -> None:
        if not self._alive:
            raise ValueError("A PythonObject is not attached to a node")

    @property
    def _name(self) -> str:
        return self._knobs_by_name["name"]._text_value

    def _parent(self) -> Any | None:
        return self._host._by_uid.get(self._parent_uid)

    def _full_name(self) -> str:
        names, node = [self._name], self._parent()
        while node is not None and node._kind.kind != "root":
            names.insert(0, node._name)
            node = node._parent()
        return ".".join(names)

    def _input(self, index: int) -> Any | None:
        uid = self._input_uids[index] if 0 <= index < len(self._input_uids) else None
        return self._host._by_uid.get(uid) if uid is not None else None

    def _set_inputs(self, uids: list[int | None]) -> None:
        while uids and uids[-1] is None:
            uids.pop()
        self._input_uids = uids

    def _maximum(self) -> int:
        if self._kind.kind in ("group", "gizmo"):
            return len(self._input_nodes())
        return self._kind.maximum

    def _input_nodes(self) -> list[Any]:
        """Input nodes inside this group, by their number."""
        inside = [node for node in self._child_nodes() if node._class == "Input"]
        return sorted(inside, key=lambda node: node._knobs_by_name["number"]._values[0])

    def _child_nodes(self) -> list[Any]:
        there = self._host._by_uid
        return [there[uid] for uid in self._children if uid in there]

    def _output_node(self) -> Any | None:
        found = [node for node in self._child_nodes() if node._class == "Output"]
        return found[0] if found else None

    def _dependents(self) -> list[Any]:
        return [node for node in self._host._by_uid.values() if self._uid in node._input_uids]

    def _ancestors(self) -> set[int]:
        """Numbers of everything upstream, itself included."""
        seen: set[int] = set()
        waiting = [self]
        while waiting:
            node = waiting.pop()
            if node._uid in seen:
                continue
            seen.add(node._uid)
            waiting += [self._host._by_uid[uid] for uid in node._input_uids if uid in self._host._by_uid]
        return seen

    # names and class
    def Class(self) -> str:
        return self._class

    def name(self) -> str:
        return self._name

    def fullName(self) -> str:
        return self._full_name()

    def setName(self, name: str, uncollide: bool = True, updateExpressions: bool = False) -> None:
        if not re.match(r"^[A-Za-z_]\w*$", name):
            raise ValueError(f"{name!r} is not a legal node name")
        parent = self._parent()
        final = self._host._free_name(parent, name, self) if uncollide else name
        old = self._name
        self._knobs_by_name["name"]._edit(lambda: self._knobs_by_name["name"]._put_state(final))
        if updateExpressions and parent is not None:
            self._host._rename_in_expressions(parent, old, final)

    def help(self) -> str:
        return self._knobs_by_name["help"]._text_value

    # knobs
    def knob(self, p: Any, follow_link: bool = True) -> Knob | None:
        if isinstance(p, int):
            return self._knob_list[p] if 0 <= p < len(self._knob_list) else None
        found = self._knobs_by_name.get(p)
        if isinstance(found, Link_Knob) and follow_link:
            return found._target() or found
        return found

    def __getitem__(self, name: str) -> Knob:
        found = self._knobs_by_name.get(name)
        if found is None:
            raise NameError(f"knob {name} does not exist")
        if isinstance(found, Link_Knob):
            return found._target() or found
        return found

    def __len__(self) -> int:
        return len(self._knob_list)

    def knobs(self) -> dict[str, Knob]:
        return dict(self._knobs_by_name)

    def addKnob(self, knob: Knob) -> None:
        if knob._uid is not None:
            raise RuntimeError(f"knob {knob._name} is already on a node")
        if knob._name in self._knobs_by_name:
            raise RuntimeError(f"knob {knob._name} already exists on {self._name}")
        if not any(known_knob._user for known_knob in self._knob_list) and not isinstance(knob, user_knobs.TYPES[20]):
            tab = user_knobs.TYPES[20]("User", "User")
            tab._user = True
            self._attach(tab)
        knob._user = True
        if knob._number == 1 and type(knob) is not user_knobs.TYPES[1]:
            knob._number = user_knobs._NUMBERS.get(type(knob), 1)
        knob._default = knob._plain_default()
        self._attach(knob)
        self._host._undo_add_knob(self, knob)

    def removeKnob(self, knob: Knob) -> None:
        if knob not in self._knob_list:
            raise ValueError(f"knob {knob._name} is not on {self._name}")
        self._host._undo_remove_knob(self, knob, self._knob_list.index(knob))
        self._detach(knob)
        knob._uid = None

    def readKnobs(self, s: str) -> None:
        self._host._read_knobs(self, s)

    # inputs
    def inputs(self) -> int:
        return len(self._input_uids)

    def input(self, index: int) -> Any | None:
        return self._input(index)

    def _can_set(self, i: int, node: Any | None) -> bool:
        if i < 0 or i >= max(self._maximum(), 0):
            return False
        if node is None:
            return True
        return node._parent_uid == self._parent_uid and node._class != "Viewer" and self._uid not in node._ancestors()

    def setInput(self, i: int, node: Any | None) -> bool:
        return self._connect(i, node)

    def _connect(self, i: int, node: Any | None) -> bool:
        if not self._can_set(i, node):
            return False
        uids = list(self._input_uids)
        while len(uids) <= i:
            uids.append(None)
        if uids[i] == (node._uid if node is not None else None):
            return True
        before = list(self._input_uids)
        uids[i] = node._uid if node is not None else None
        self._set_inputs(uids)
        self._host._inputs_changed(self, before)
        return True

    def minInputs(self) -> int:
        return self._kind.minimum

    def maxInputs(self) -> int:
        return self._maximum()

    def optionalInput(self) -> int:
        return self._kind.mask if self._kind.mask is not None else self._kind.minimum

    def dependencies(self, mask: int = c.INPUTS | c.HIDDEN_INPUTS | c.EXPRESSIONS | c.LINKINPUTS) -> list[Any]:
        """Nodes that this one looks at: by pipe, and by expression or link when the mask asks."""
        found: list[Any] = []
        if mask & c.INPUTS:
            found += [self._input(i) for i in range(len(self._input_uids)) if self._input(i) is not None]
        if mask & (c.EXPRESSIONS | c.LINKINPUTS):
            for other in self._host._expression_nodes(self):
                if other is not self and other not in found:
                    found.append(other)
        return found

    def dependent(self, mask: int = c.INPUTS | c.HIDDEN_INPUTS | c.EXPRESSIONS | c.LINKINPUTS, forceEvaluate: bool = True) -> list[Any]:
        found = self._dependents() if mask & c.INPUTS else []
        if mask & (c.EXPRESSIONS | c.LINKINPUTS):
            for other in list(self._host._by_uid.values()):
                if other is not self and other not in found and self in self._host._expression_nodes(other):
                    found.append(other)
        return found

    # place and panel
    def xpos(self) -> int:
        return int(self._knobs_by_name["xpos"]._values[0])

    def ypos(self) -> int:
        return int(self._knobs_by_name["ypos"]._values[0])

    def setXYpos(self, x: int, y: int) -> None:
        self._knobs_by_name["xpos"].setValue(int(x))
        self._knobs_by_name["ypos"].setValue(int(y))

    def shown(self) -> bool:
        return self._panel_open

    def showControlPanel(self, forceFloat: bool = False) -> None:
        self._host._open_panel(self)

    def hideControlPanel(self) -> None:
        self._host._close_panel(self)

    def _custom_knobs(self) -> list[PyCustom_Knob]:
        return [knob for knob in self._knob_list if isinstance(knob, PyCustom_Knob)]

    # image
    def format(self) -> Format:
        whole = self._host._image_info(self)["format"]
        root = self._host._root._knobs_by_name
        return whole._scaled(root["proxy_scale"].value()) if self._host.hostile and root["proxy"].value() else whole

    def bbox(self) -> Info:
        x, y, r, t = self._host._image_info(self)["bbox"]
        return Info(x, y, r - x, t - y)

    def width(self) -> int:
        return int(self.format()._width)

    def height(self) -> int:
        return int(self.format()._height)

    def pixelAspect(self) -> float:
        return float(self.format()._aspect)

    def channels(self) -> list[str]:
        return list(self._host._image_info(self)["channels"])

    def showInfo(self) -> str:
        """Text about the node, with one line for each operation (NUKE_MEASURED 3, T NFY; the rest of its wording is made up)."""
        lines = [
            f"Op for {{0x{self._uid:x} view=1 frame={frame:g}}} of {self._class} hash={int(op_hash[:16], 16):x}"
            for frame, op_hash in self._host._live_ops(self).items()
        ]
        return "\n".join([f"Node: {self._name}", *lines])

    def metadata(self, key: Any = None, time: Any = None, view: Any = None) -> Any:
        if isinstance(key, (int, float)):
            key, time = None, key
        found = self._host._image_info(self, time)["metadata"]
        self._host._validate(self, time)
        return found if key is None else found.get(key)

    def sample(self, c: str, x: float, y: float, dx: float | None = None, dy: float | None = None, frame: float | None = None) -> float:
        return float(self._host._sample(self, c, x, y, dx, dy, frame))

    def opHashes(self) -> list[int]:
        return [int(op_hash[:16], 16) for op_hash in self._host._live_ops(self).values()]

    def proxy(self) -> bool:
        return bool(self._host._root._knobs_by_name["proxy"]._values[0])

    def firstFrame(self) -> int:
        return int(self._host._frame_range(self)[0])

    def lastFrame(self) -> int:
        return int(self._host._frame_range(self)[1])

    def error(self) -> bool:
        return self._host._image_error(self) is not None

    def treeHasError(self) -> bool:
        return self._host._image_error(self) is not None

    def forceValidate(self) -> None:
        self._host._validate(self, None)

    # the rest
    def clones(self) -> int:
        return len(self._host._clones_of(self))

    def parent(self) -> Any | None:
        return self._parent()

    def lock(self) -> None:
        self._locked = True

    def unlock(self) -> None:
        self._locked = False

    def locked(self) -> bool:
        return self._locked

    @classmethod
    def running(cls) -> Any | None:
        return None

    def __reduce_ex__(self, protocol: Any) -> Any:
        raise TypeError("cannot pickle nodes")

    def __repr__(self) -> str:
        return "<{} at {}>".format(self._name if self._alive else "deleted node", hex(id(self)))


@public_class
class Group(Node):
    """A node with nodes inside."""

    def begin(self) -> Group:
        self._host._groups.append(self)
        return self

    def end(self) -> None:
        if self._host._groups and self._host._groups[-1] is self:
            self._host._groups.pop()

    def __enter__(self) -> Group:
        self._host._groups.append(self)
        return self

    def __exit__(self, type: Any, value: Any, traceback: Any) -> Any:
        if self._host._groups and self._host._groups[-1] is self:
            self._host._groups.pop()
        return False

    def nodes(self) -> list[Node]:
        return self._child_nodes()

    def node(self, s: str) -> Node | None:
        return self._host._node_named(s, self)

    def output(self) -> Node | None:
        return self._output_node()

    def run(self, callable: Any) -> Any:
        self._host._groups.append(self)
        try:
            return callable()
        finally:
            self._host._groups.pop()

    def selectedNodes(self) -> list[Node]:
        return [node for node in self._child_nodes() if node._knobs_by_name["selected"]._values[0]]

    def __reduce_ex__(self, protocol: Any) -> Any:
        raise TypeError("cannot pickle nodes")


@public_class
class Gizmo(Group):
    """A group whose inside is read from a file and not saved with the script."""

    def filename(self) -> str:
        return str(self._kind.defined_by or "")

    def command(self) -> str:
        return self._class


@public_class
class Root(Group):
    """The script."""

    def name(self) -> str:
        return self._name or "Root"

    def firstFrame(self) -> int:
        return int(self._knobs_by_name["first_frame"]._field(0))

    def lastFrame(self) -> int:
        return int(self._knobs_by_name["last_frame"]._field(0))

    def fps(self) -> int:
        return int(self._knobs_by_name["fps"]._field(0))

    def modified(self) -> bool:
        return bool(self._host._modified)

    def setModified(self, modified: bool) -> None:
        self._host._modified = bool(modified)

    def proxy(self) -> bool:
        return bool(self._knobs_by_name["proxy"]._values[0])

    @classmethod
    def channels(cls) -> list[str]:
        return state.current()._all_channels()

    @classmethod
    def layers(cls, *args: Any) -> list[str]:
        return list(state.current()._layers)

    def optionalInput(self) -> int:
        return 0

    def inputs(self) -> int:
        return 0

    def input(self, i: int) -> None:
        return None

    def setInput(self, i: int, node: Any) -> bool:
        return False

    def clones(self) -> int:
        return 0


@public_class
class Viewer(Node):
    """The viewer's node; ViewerWindow is the thing on screen."""


@public_class
class BackdropNode(Node):
    """A coloured rectangle behind nodes."""


PYTHON_CLASS = {"node": Node, "group": Group, "gizmo": Gizmo, "root": Root, "viewer": Viewer, "backdrop": BackdropNode}


@public_class
class NodeConstructor:
    """nuke.nodes.Blur: call it with knob values as keywords."""

    def __init__(self, name: str) -> None:
        self._class_name = name

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return _construct(self._class_name, args, kwargs)


def _construct(class_name: str, args: Any, kwargs: Any) -> Any:
    host = state.current()
    return host._enter(host._nodes_call, (class_name, kwargs), {})


class Nodes:
    """nuke.nodes."""

    def __getattr__(self, name: str) -> NodeConstructor:
        if name.startswith("__"):
            raise AttributeError(name)
        return NodeConstructor(name)
