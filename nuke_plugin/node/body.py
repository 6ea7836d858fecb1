"""The inside of a node: read today's from the gizmo, and change one of an earlier version into it. Main thread only."""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Dict, FrozenSet, Iterator, List, Optional, Sequence, Tuple

from xmem_roto_nuke import host
from xmem_roto_nuke.core.launch import CHECKOUT

if TYPE_CHECKING:
    import nuke

GIZMO = CHECKOUT / "gizmos" / "XMemRoto.gizmo"
FORMER_INPUTS: Dict[str, Tuple[Tuple[str, ...], ...]] = {
    "Layers": (("plate", "Mattes"),),
    "Composed": (("Result", "plate"), ("Layers", "plate")),
    "Mattes": (("Result",),),
    "Shown": (("plate", "Composed", "", ""),),
}
"""What was connected to today's nodes in earlier versions: until the tab Matte came, and in 0.1.0."""
FOLLOWING: Dict[str, Tuple[str, ...]] = {"Result": ("before", "after", "on_error"), "Shown": ("which",)}
"""Knobs inside that follow the panel today, and did not, or otherwise, in earlier versions."""
CURVES = KEYED, AREA, SURE, APPROVED = ("keyed", "area", "sure", "approved")
"""Kinds of curves that a result brings: `sure` of the shot, and each of an object, as `sure_LAYER`."""
MATTES = "Result"
"""Name of the Read of the mattes, in a node and in a pass."""
UNMADE = "PropagateFirst"
"""Name of the Read that stops a render of a node without any mattes."""
LAYERLESS, LACKS = "NoLayer", "lacks"
"""Name of the Read that stops a render where a layer is in no matte, and the knob of a node or a pass that says on which frames."""
RANGE_SET = "range_set"
"""Knob that remembers the range that was written into a node or a pass."""
ERROR = "error"
"""Choice of the knob `on_missing` that stops a render where a matte is missing."""
VIEW, RESULT = "view_as", "result"
"""The knob that says what the node shows while somebody looks, and its first choice: what the node puts out."""
LOOKS_AT = f"$gui ? parent.{VIEW} : 0"
"""Expression of the Switch named View."""
COLOURS = ("Composed", "Premultiplied", "View", "Shown", "Output1")
"""Nodes inside through which red, green and blue come."""
CHANGED_BY_HAND = "Its inside was changed by hand, so it has no tab Matte and no views: make a new XMemRoto for those."


@dataclass(frozen=True)
class Part:
    """One node inside."""

    class_name: str
    name: str
    knobs: Tuple[str, ...]
    """Its lines in the gizmo."""
    inputs: Tuple[str, ...]
    """Names of what is connected, in order."""


@cache
def gizmo() -> str:
    """Read the gizmo."""
    return GIZMO.read_text(encoding="utf-8")


@cache
def parts() -> Tuple[Part, ...]:
    """Read today's inside: each node stands on the stack until another one takes it as an input."""
    found: List[Part] = []
    stack: List[str] = []
    names: Dict[str, str] = {}
    for line in re.finditer(r"(?m)^set (?P<set>N\w+) |^push \$(?P<push>N\w+)|^ (?P<class>\w+) \{\n(?P<knobs>(?:  .*\n)*) \}", _inside()):
        if line["set"]:
            names[line["set"]] = stack[-1]
        elif line["push"]:
            stack.append(names[line["push"]])
        else:
            knobs = [knob.strip() for knob in line["knobs"].splitlines()]
            values = dict(knob.split(" ", 1) for knob in knobs)
            inputs = tuple(stack.pop() for _ in range(int(values.get("inputs", "1"))))
            knob_lines = tuple(knob for knob in knobs if not knob.startswith(("inputs ", "name ")))
            found.append(Part(line["class"], values["name"], knob_lines, inputs))
            stack.append(values["name"])
    return tuple(found)


@cache
def knobs_beside_the_picture() -> FrozenSet[str]:
    """Name the knobs of the node that nothing inside asks for: they say what to compute and what was, and change no pixel by themselves.

    The view is one of them: whoever renders what is below the node renders its result, see `results_shown`. So are those that can only
    stop a render.
    """
    own = re.findall(r"(?m)^ addUserKnob \{\d+ (\w+)", gizmo().split("\n}\n", 1)[0])
    return frozenset(own) - set(re.findall(r"parent\.(\w+)", _inside())) | {VIEW, LACKS, RANGE_SET}


@contextlib.contextmanager
def results_shown(nodes: Sequence[nuke.Node]) -> Iterator[None]:
    """Let XMemRotos give their result while the body runs, and what the artist looks at again afterwards; main thread.

    The Switch inside is set, and not the knob, which may have keys or an expression.
    """
    looked_at = [node for node in nodes if node.knob(VIEW) is not None and _may_show_else(node[VIEW])]
    switches = [switch for switch in (node.node("View") for node in looked_at) if switch is not None]  # type: ignore[attr-defined]
    with host.unrecorded():
        for switch in switches:
            switch["which"].clearAnimated()
            switch["which"].setValue(0)
    try:
        yield
    finally:
        with host.unrecorded():
            for switch in switches:
                with contextlib.suppress(ValueError):  # its node was deleted meanwhile
                    switch["which"].setExpression(LOOKS_AT)


def _may_show_else(view: nuke.Knob) -> bool:
    return str(view.value()) != RESULT or view.hasExpression() or view.isAnimated()


def leaves_colours(node: nuke.Node) -> bool:
    """Say whether a node's result has the red, green and blue of its plate: it does not premultiply, and is as we made it."""
    return not may_premultiply(node) and all(_is_as_made(node, part) for part in parts() if part.name in COLOURS)


def may_premultiply(node: nuke.Node) -> bool:
    """Say whether a node of ours may put mattes into red, green and blue: a pass does, an XMemRoto that premultiplies the plate."""
    premultiply = node.knob("matte_premultiply")
    return premultiply is None or bool(premultiply.value()) or premultiply.isAnimated() or premultiply.hasExpression()


def _is_as_made(node: nuke.Node, part: Part) -> bool:
    """Say whether a node inside has the inputs and channels of today."""
    child = node.node(part.name)  # type: ignore[attr-defined]
    if child is None or child.Class() != part.class_name or _feeding(child, part) != part.inputs:
        return False
    channels = [line.split(" ", 1) for line in part.knobs if re.match(r"(from|to)\d ", line)]
    return all(str(child[name].value()) == channel for name, channel in channels)


def _feeding(child: nuke.Node, part: Part) -> Tuple[str, ...]:
    """Name what feeds a node inside; empty for nothing."""
    return tuple("" if feeder is None else _plain(str(feeder.name())) for feeder in map(child.input, range(len(part.inputs))))


def is_curve(name: str) -> bool:
    """Say whether a knob's name is that of a curve that a result brings; see `panel.curves`."""
    return name in CURVES or name.partition("_")[0] in CURVES


def _inside() -> str:
    return gizmo().split("\n}\n", 1)[1]


def bring_up_to_date(node: nuke.Node) -> bool:
    """Give a node today's inside, and keep its Read and what that shows; False when it is not one that we know, and stays as it is."""
    if not host.may_walk_trees():
        return False
    inside = {child.name(): child for child in node.nodes()}  # type: ignore[attr-defined]
    if not _is_known(inside):
        return False
    for part in parts():
        present = inside.get(part.name)
        if present is None:
            inside[part.name] = host.make_inside(node, part.class_name, name=part.name)
        wanted = list(part.knobs)
        if present is not None:
            wanted = [knob for knob in wanted if knob.split(" ", 1)[0] in FOLLOWING.get(part.name, ())]
        if wanted:
            inside[part.name].readKnobs("\n".join(wanted))
    # In 0.1.0 one layer of the plate could be passed on by choice, with a knob that stays; all of them are now.
    inside["Composed"]["channels"].setValue("none")
    for part in parts():
        for place, name in enumerate(part.inputs):
            inside[part.name].setInput(place, inside[name])
    return True


def why_not(node: nuke.Node) -> str:
    """Say why a node keeps the inside that it has."""
    return (
        CHANGED_BY_HAND
        if host.may_walk_trees()
        else "This edition of Nuke counts nodes, so its inside stays: a new XMemRoto has the tab Matte."
    )


def _is_known(inside: Dict[str, nuke.Node]) -> bool:
    today = {part.name: part for part in parts()}
    if not {"plate", "Result", "Composed", "Shown", "Output1"} <= set(inside):
        return False
    for name, child in inside.items():
        part: Optional[Part] = today.get(_plain(name))
        if part is None or child.Class() != part.class_name:
            return False
        if _feeding(child, part) not in (part.inputs, *FORMER_INPUTS.get(name, ())) and name == part.name:
            return False
    return True


def _plain(name: str) -> str:
    """Take the tint of any object for the first one's: there is one for each object."""
    return re.sub(r"^Tint\d+$", "Tint", name)
