"""Layers of the mattes that passes, Writes and the tab Matte pick: follow one that is called otherwise now, and say which is gone.

A layer that the mattes have not got is black, or the union, without an error; a pass that picks it, and a node that puts it out, stop a
render there. Passes are looked for after a run, at Refresh and when the script is saved, since that walks through all Groups; what was
found is looked at again whenever the status is written. Main thread only.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Collection, Dict, Iterator, List, Optional, Set, Tuple

from xmem_roto_nuke import host
from xmem_roto_nuke.host.passes import MatteWrite
from xmem_roto_nuke.node import identity, knobs, roto_pipe
from xmem_roto_nuke.node.body import LACKS
from xmem_roto_nuke.node.settings import label_of
from xmem_roto_nuke.staleness.last_run import last_record
from xmem_roto_nuke.staleness.mattes_on_disk import without_layers
from xmem_roto_nuke.staleness.record import Record
from xmemcore.curves.objects import PREFIX
from xmemcore.protocol.frames import FrameRange
from xmemcore.protocol.names import CRYPTOMATTE_LAYERS, layer_names
from xmemcore.protocol.words import listed

if TYPE_CHECKING:
    import nuke

NO_LAYER = frozenset("rgba rgb alpha red green blue all none black white".split())
"""What a choice may say that names no layer of an object."""
BESIDE_OBJECTS = {"confidence": ("confidence",), "bands": ("core", "edge"), "cryptomatte": CRYPTOMATTE_LAYERS}
"""Layers of the mattes that belong to no object, by the setting that asks for them."""


@dataclass(frozen=True)
class Pick:
    """A knob that picks layers of the mattes."""

    node: nuke.Node
    """The node, inside of a pass or an XMemRoto or above a Write, whose knob it is."""
    knob: str
    place: str
    """Where an artist finds it."""
    twin: Optional[Tuple[nuke.Node, str]] = None
    """A knob that says the same, such as the label of a pass; None where there is none."""

    def text(self) -> str:
        """Give what it says now; empty when the node is gone."""
        try:
            return str(self.node[self.knob].value())
        except ValueError:
            return ""

    def layers(self) -> List[str]:
        """Name the layers that it picks."""
        words = re.findall(r"[A-Za-z_]\w*(?:\.\w+)?", self.text())
        return [layer for layer in (word.split(".")[0] for word in words) if layer not in NO_LAYER]

    def rename(self, layer: str, renamed: str) -> None:
        """Pick a layer by its new name; the twin follows where it says the same."""
        former = self.text()
        text = re.sub(rf"(?<![\w.]){re.escape(layer)}(?!\w)", renamed, former)
        self.node[self.knob].setValue(text)
        if self.twin is not None and (twin := self.twin[0][self.twin[1]]).value() == former:
            twin.setValue(text)


_gone: Dict[str, List[Tuple[str, Pick]]] = {}
"""Layers that the mattes have not got, each with what picks it, by node id."""
_left: Dict[str, str] = {}
"""Sentences about passes that could not follow, by node id."""


@host.unrecorded()
def follow(node: nuke.Node, former: Optional[Record] = None) -> None:
    """Let passes, Writes and the tab Matte pick a layer by the name that it has now, and note which of them pick one that is gone.

    Args:
        node: an XMemRoto.
        former: of the run before; None when nothing was propagated since.
    """
    record = last_record(node)
    if record is not None and record.layers:
        if host.may_walk_trees():
            _follow_names(node, record, former)
        mark_layerless(node)


def _follow_names(node: nuke.Node, record: Record, former: Optional[Record]) -> None:
    gone: List[Tuple[str, Pick]] = []
    there, renamed = layers_of(record), _renamed(node, record, former)
    for pick in _picks(node, record):
        for layer in pick.layers():
            if layer in there:
                continue
            if layer in renamed:
                pick.rename(layer, renamed[layer])
            else:
                gone.append((layer, pick))
    _gone[identity.node_id(node)] = gone


@host.unrecorded()
def mark_layerless(node: nuke.Node) -> None:
    """Mark anew the frames on which a node and its passes lack a layer: their mattes may have been made again elsewhere, as by a farm."""
    record = last_record(node)
    if record is not None and record.layers:
        _mark(node, record, _put_out(node, record))
        for made_of_it in _passes(node, record):
            _mark(made_of_it, record, [layer for pick in _picks_of_pass(made_of_it) for layer in pick.layers()])
        for write in host.matte_writes_of(node) if knobs.shown_pattern(node) == record.out else ():
            if write.guard is not None:
                _guard(write, write.guard, record, node.knob("on_missing") is None or str(node["on_missing"].value()) != "black")


def _guard(write: MatteWrite, guard: nuke.Node, record: Record, stops: bool) -> None:
    """Let a Write stop where a layer that it names is in no matte, and say which."""
    wanted = {layer for pick in _picks_of_write(write) for layer in pick.layers()} if stops else set()
    missing = _mark(guard, record, wanted)
    if missing:
        guard["lacking"].setValue(listed(missing))


def _mark(shows_it: nuke.Node, record: Record, wanted: Collection[str]) -> List[str]:
    """Mark the frames whose mattes have not got a layer that a node or a pass wants: a render must not take it for black.

    Returns:
        The layers that mattes lack.
    """
    if shows_it.knob(LACKS) is None:
        return []  # of an earlier version
    # A terminal goes by the record that the script has kept, though another version of it may have made all mattes again.
    found = without_layers(record, sorted(wanted), of_last_run=not host.has_interface())
    lacking = {frame for frames in found.values() for frame in frames}
    gone = {*wanted} - layers_of(record) if host.has_interface() else set()
    if gone:
        lacking |= set(FrameRange.parse(record.frames)) - set(record.missing)
    host.mark_frames(shows_it[LACKS], lacking)
    return sorted({*found, *gone})


def forget_marks(shows_it: nuke.Node) -> None:
    """A node or a pass shows other mattes now, of which it is not known yet what layers they have."""
    if shows_it.knob(LACKS) is not None:
        host.mark_frames(shows_it[LACKS], ())


def _put_out(node: nuke.Node, record: Record) -> Set[str]:
    """Name the layers that a node puts out: those of its last run, but for such as the plate has, and what its tab Matte picks."""
    picks = _picks_of_tab(node) if host.may_walk_trees() and knobs.shown_pattern(node) == record.out else ()
    of_plate = roto_pipe.layers(identity.connected(node, identity.PLATE))
    return layers_of(record) - of_plate | {layer for pick in picks for layer in pick.layers()}


def layers_of(record: Record) -> Set[str]:
    """Name the layers that a run's mattes have."""
    return {*record.layers, *(layer for setting, layers in BESIDE_OBJECTS.items() if is_on(record, setting) for layer in layers)}


def is_on(record: Record, setting: str) -> bool:
    """Say whether a run had a setting of `PropagateRequest` switched on; its snapshot knows settings by their labels in the panel."""
    return bool(record.snapshot.settings.get(label_of(setting)))


def notes(node_id: str) -> Tuple[str, ...]:
    """Give what the status should say: a sentence for each layer that is gone and still picked, and one for passes that stayed behind."""
    places: Dict[str, List[str]] = {}
    for layer, pick in _gone.get(node_id, ()):
        if layer in pick.layers():
            places.setdefault(layer, []).append(pick.place)
    sentences = [
        f"The mattes have no layer {layer}, and {listed(where)} still {'names' if len(where) == 1 else 'name'} it. "
        "What was made with today's version stops a render there unless 'on missing' is black: "
        f"choose another one there, or {_bring_back(layer)} and propagate."
        for layer, where in places.items()
    ]
    return (*sentences, *((_left[node_id],) if node_id in _left else ()))


def leave_behind(node: nuke.Node, pattern: str, frames: Tuple[int, int]) -> None:
    """Note that the node shows other mattes or frames than its passes, where Python may not look for those."""
    made = node.knob("passes_end")
    if not host.may_walk_trees() and made is not None and made.value():
        _left[identity.node_id(node)] = (
            "This edition of Nuke does not let Python find passes, so those of this node, if it has any, show what they showed: name the "
            f"mattes in each by hand ({pattern}, {frames[0]}-{frames[1]}), or delete them and press Make passes again."
        )


def forget_left(node: nuke.Node) -> None:
    """The artist has seen the sentence about passes that stayed behind, or has new ones."""
    _left.pop(identity.node_id(node), None)


def _bring_back(layer: str) -> str:
    beside = [setting for setting, layers in BESIDE_OBJECTS.items() if layer in layers]
    return f"switch '{label_of(beside[0])}' on" if beside else "give its shape that name again"


def _picks(node: nuke.Node, record: Record) -> Iterator[Pick]:
    """Find what picks layers of a run's mattes."""
    for made_of_it in _passes(node, record):
        yield from _picks_of_pass(made_of_it)
    if knobs.shown_pattern(node) == record.out:
        yield from _picks_of_tab(node)
        for write in host.matte_writes_of(node):
            yield from _picks_of_write(write)


def _picks_of_write(write: MatteWrite) -> Iterator[Pick]:
    for copy in write.copies:
        for number in range(host.COPIES_AT_ONCE):
            yield Pick(copy, f"from{number}", f"{copy.fullName()} of a Write", (copy, f"to{number}"))


def _picks_of_tab(node: nuke.Node) -> Iterator[Pick]:
    for name, knob, label in (("InAlpha", "from0", "alpha"), ("Expand", "channels", "act on")):
        child = node.node(name)  # type: ignore[attr-defined]
        if child is not None and child.knob(knob) is not None:
            yield Pick(child, knob, f"'{label}' on the tab Matte")


def _passes(node: nuke.Node, record: Record) -> List[nuke.Node]:
    """List the passes that read a run's mattes; others were pointed elsewhere by hand."""
    made = host.passes_of(node, identity.node_id(node))
    return [made_of_it for made_of_it in made if knobs.path_of(made_of_it, "mattes") == record.out]


def _picks_of_pass(made_of_it: nuke.Node) -> Iterator[Pick]:
    inside = {name: made_of_it.node(name) for name in ("Picked", "Kept")}  # type: ignore[attr-defined]
    place = str(made_of_it.fullName())
    if inside["Picked"] is not None:
        yield Pick(inside["Picked"], "from0", place, (made_of_it, "label"))
    if inside["Kept"] is not None:
        yield Pick(inside["Kept"], "channels2", place)  # of the Cryptomatte pass


def _renamed(node: nuke.Node, record: Record, former: Optional[Record]) -> Dict[str, str]:
    """Give the new names of layers that are called otherwise only because of the plate's layers; by the former ones.

    A shape that has another name is not among them: it may as well be another thing.
    """
    if knobs.follows_shots(node):
        return {}  # in another shot it may be called as it was, and a pass has one choice for all of them
    today = dict(zip(record.objects, record.layers))
    # Without the plate's layer an object of such a name is a thing of its own.
    taken = {layer.lower() for layer in roto_pipe.layers(identity.connected(node, identity.PLATE))}
    plain = {name: layer_names([name[len(PREFIX) :]])[0] for name in today if name.startswith(PREFIX)}
    renamed = {plain[name]: today[name] for name in plain if plain[name].lower() in taken}
    before = {} if former is None else dict(zip(former.objects, former.layers))
    for name, layer in before.items():
        for other in (name, f"{PREFIX}{name}", name[len(PREFIX) :] if name.startswith(PREFIX) else ""):
            if other in today and (other == name or other not in before):
                renamed[layer] = today[other]
                break
    return renamed
