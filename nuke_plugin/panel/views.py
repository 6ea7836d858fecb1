"""What the node shows while somebody works: the knob `view_as`, its step to the next view, and the overlay's tints. Main thread only.

Everything is made of stock nodes inside of the node, so a view works on machines without the plugin; a render without interface never
gives one, see the gizmo's `View`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Collection, List, Sequence

from xmem_roto_nuke import host
from xmem_roto_nuke.node import identity, knobs
from xmem_roto_nuke.node.body import RESULT, VIEW
from xmem_roto_nuke.panel import colours
from xmemcore.protocol.failures import RequestError
from xmemcore.protocol.words import listed

if TYPE_CHECKING:
    import nuke

OVERLAY_INPUT = 2
"""Input of the Switch named View: each entry of `view_as` is the number of an input."""
STRENGTH = 0.5
"""Strength of the tint, in [0, 1]."""


def shown(node: nuke.Node) -> str:
    """Give what the node shows; `result` for nodes of earlier versions."""
    knob = node.knob(VIEW)
    return RESULT if knob is None else str(knob.value())


def step() -> None:
    """Show the next view of the selected nodes; with none selected, of those whose panel is open, or of the only one there is.

    Raises:
        RequestError: it is not clear whose view is meant, or keys or an expression say what shows.
    """
    nodes = _meant()
    if not nodes:
        raise RequestError("Select the XMemRoto whose view is to change, or open its panel.")
    driven = [str(node.name()) for node in nodes if (knob := node.knob(VIEW)) is not None and (knob.hasExpression() or knob.isAnimated())]
    if driven:
        raise RequestError(f"The view of {listed(driven)} has keys or an expression, which stay: change them on the knob itself.")
    for node in nodes:
        knob = node.knob(VIEW)
        if knob is not None:
            views = list(knob.values())  # type: ignore[attr-defined]
            knob.setValue(views[(views.index(shown(node)) + 1) % len(views)])


def _meant() -> List[nuke.Node]:
    living = identity.living()
    names = {str(node.fullName()) for node in host.selected()}
    selected = [node for node in living if str(node.fullName()) in names]
    return selected or [node for node in living if node.shown()] or (living if len(living) == 1 else [])


@host.unrecorded()
def follow(node: nuke.Node, layers: Sequence[str]) -> None:
    """Tint each object in its own colour in the overlay; where nodes are counted, the union in one.

    Args:
        node: an XMemRoto.
        layers: of its mattes.
    """
    if not host.may_walk_trees():
        return
    view, last = (node.node(name) for name in ("View", "Tint"))  # type: ignore[attr-defined]
    if view is None or last is None:
        return  # a node of an earlier version, or one that was changed by hand
    channels = [f"{layer}.alpha" for layer in layers] or ["rgba.alpha"]
    _tint(last, channels[0], 0)
    for place, channel in enumerate(channels[1:], 1):
        name = f"Tint{place + 1}"
        tint = node.node(name) or host.make_inside(  # type: ignore[attr-defined]
            node, "Grade", name=name, xpos=last.xpos(), ypos=last.ypos() + 30
        )
        tint.setInput(0, last)
        _tint(tint, channel, place)
        last = tint
    view.setInput(OVERLAY_INPUT, last)
    place = len(channels) + 1
    while (left := node.node(f"Tint{place}")) is not None:  # type: ignore[attr-defined]
        host.delete(left)
        place += 1


def compare_with(node: nuke.Node, pattern: str, kept: str = "", own: Collection[str] = ()) -> None:
    """Let the view *difference* compare with these mattes, as in `host.set_path`, unless an artist has named others than the node's own.

    Where nodes are counted, the artist names them.

    Args:
        node: an XMemRoto.
        pattern: of the mattes.
        kept: the same with variables.
        own: patterns of the node's versions.
    """
    other = node.node("Other") if host.may_walk_trees() else None  # type: ignore[attr-defined]
    if other is not None and knobs.path_of(other, "file") in ("", knobs.shown_pattern(node), *own):
        host.set_path(other["file"], pattern, kept)


def _tint(grade: nuke.Node, channel: str, place: int) -> None:
    colour = colours.of_object(place)
    grade["multiply"].setValue(1 - STRENGTH)
    for index, part in enumerate(colour):
        grade["add"].setValue(STRENGTH * part, index)
    grade["black_clamp"].setValue(False)
    grade["maskChannelInput"].setValue(channel)
