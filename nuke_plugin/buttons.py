"""The functions that the gizmo's knobs and callbacks call, in Nuke's main thread. They hold no logic.

A callback must never raise into Nuke; a button shows its failure as one sentence.
"""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING, Any, Callable, List, Optional

from xmem_roto_nuke import actions, graph, host, migrate, publish, run, together
from xmem_roto_nuke.node import home, identity, runs
from xmem_roto_nuke.node.settings import watched_knobs
from xmem_roto_nuke.panel import curves, jumps, keys, ownership, passes, picked, result, status, versions, views
from xmemcore.protocol import foreign
from xmemcore.protocol.failures import Cancelled, Failure

if TYPE_CHECKING:
    import nuke

WATCHED = ("showPanel", "inputChange", *watched_knobs())
"""Knobs whose change can make a result stale; from Nuke 17.1 on, callbacks come for all others too."""

_watching = False
"""Whether our callbacks for loading and saving scripts are registered."""


def _pressed(act: Callable[[Any], Any], node: Optional[nuke.Node]) -> None:
    """Do a button's action and show its failure. The node is None where an edition of Nuke hands out no more nodes."""
    graph.new_press()
    try:
        if node is None:
            node = host.handed_out(node)
        _settle(node, pressed=True)
        act(node)
    except Exception as error:
        _tell(error)


def _tell(error: Exception) -> None:
    """Show what an artist can act on in one sentence; a fault of ours is raised on. Called while the exception is handled."""
    if isinstance(error, Cancelled):
        return  # the artist has said no
    failure = host.limit_reached(error) or foreign.known(error)
    if failure is None:
        raise error
    host.tell(str(failure))


def _start(act: Callable[[Any], Any], node: Optional[nuke.Node], say: Callable[..., None] = status.say_refusal) -> None:
    """Begin a run, and `say` a refusal in the node's status too, so that no older failure stays there."""

    def begin(node: nuke.Node) -> None:
        try:
            act(node)
        except run.AlreadyRunning:
            raise  # the status is the other run's
        except Exception as error:
            failure = host.limit_reached(error) or foreign.known(error)
            if failure is not None:
                say(node, failure, ())
            raise

    _pressed(begin, node)


def propagate(node: Optional[nuke.Node]) -> None:
    _start(actions.propagate, node, status.say_failure)


def suggest_frames(node: Optional[nuke.Node]) -> None:
    _start(actions.suggest, node)


def cancel(node: Optional[nuke.Node]) -> None:
    _pressed(together.cancel, node)


def clear(node: Optional[nuke.Node]) -> None:
    _start(actions.clear, node)


def refresh(node: Optional[nuke.Node]) -> None:
    _pressed(_refresh, node)


def _refresh(node: nuke.Node) -> None:
    picked.forget_left(node)
    result.take_up(node)
    result.cover(node)
    picked.follow(node)
    versions.offer(node)
    status.refresh(node)


def ask_core(node: Optional[nuke.Node]) -> None:
    _start(actions.ask_status, node)


def list_models(node: Optional[nuke.Node]) -> None:
    _start(actions.list_models, node)


def add_key(node: Optional[nuke.Node]) -> None:
    _pressed(keys.add_current, node)


def remove_key(node: Optional[nuke.Node]) -> None:
    _pressed(keys.remove_current, node)


def absent_key(node: Optional[nuke.Node]) -> None:
    _pressed(keys.absent_frames, node)


def make_key(node: Optional[nuke.Node]) -> None:
    _pressed(actions.make_key, node)


def approve(node: Optional[nuke.Node]) -> None:
    _pressed(actions.approve, node)


def take_back(node: Optional[nuke.Node]) -> None:
    _pressed(actions.take_back, node)


def version_up(node: Optional[nuke.Node]) -> None:
    _pressed(versions.version_up, node)


def lock_result(node: Optional[nuke.Node]) -> None:
    _pressed(versions.toggle_lock, node)


def make_passes(node: Optional[nuke.Node]) -> None:
    _pressed(passes.make_passes, node)


def make_write(node: Optional[nuke.Node]) -> None:
    _pressed(publish.make_write, node)


def copy_mattes(node: Optional[nuke.Node]) -> None:
    _pressed(publish.copy_mattes, node)


def previous_key(node: Optional[nuke.Node]) -> None:
    _pressed(lambda node: jumps.to_key(node, forward=False), node)


def next_key(node: Optional[nuke.Node]) -> None:
    _pressed(lambda node: jumps.to_key(node, forward=True), node)


def previous_weak(node: Optional[nuke.Node]) -> None:
    _pressed(lambda node: jumps.to_weak(node, forward=False), node)


def next_weak(node: Optional[nuke.Node]) -> None:
    _pressed(lambda node: jumps.to_weak(node, forward=True), node)


def next_view() -> None:
    _chosen_from_menu(views.step)


def propagate_all() -> None:
    _chosen_from_menu(together.propagate_all)


def propagate_selected() -> None:
    _chosen_from_menu(together.propagate_selected)


def _chosen_from_menu(act: Callable[[], Any]) -> None:
    """Do what an entry of the menu says."""
    graph.new_press()
    try:
        act()
    except Exception as error:
        _tell(error)


def created(node: Optional[nuke.Node]) -> None:
    """Prepare a node that was created, loaded, pasted, or brought back by undo."""
    _quietly(_created, node)


def _created(node: nuke.Node) -> None:
    global _watching
    migrate.bring_up_to_date(node)
    identity.register(node)
    home.look_again(node)
    versions.note(node)
    status.forget(node)
    host.keep_out_of_presets(node, curves.names(node))
    if host.may_walk_trees():
        host.delete_leftovers(node)
    if not _watching:
        _watching = True
        host.on_script(loaded=_script_loaded, saving=_script_saving, closing=runs.waiting.clear)


def greet_strangers() -> None:
    """Prepare the nodes of a script whose own callbacks found another tool's `nuke_plugin`."""
    if not host.may_walk_trees():
        return  # each of them would count against the ten
    known = {str(node.fullName()) for node in identity.living()}
    for node in host.groups():
        if identity.is_xmemroto(node) and str(node.fullName()) not in known:
            _quietly(_created, node)
            _shown_anew(node)


def _script_loaded() -> None:
    for node in identity.living():
        _shown_anew(node)
    if host.has_interface() and host.may_walk_trees():
        _judge_later([str(node["node_id"].value()) for node in identity.living() if node["has_result"].value()])


def _judge_later(node_ids: List[str]) -> None:
    """Judge nodes at the next idle moments, one at each, so that their labels are there before a panel is opened."""

    def judge_first() -> None:
        for node in identity.living():  # by now it may be gone, or the script another one
            if str(node["node_id"].value()) == node_ids[0]:
                _quietly(_judge, node)
        _judge_later(node_ids[1:])

    if node_ids:
        host.later(judge_first)


def _judge(node: nuke.Node) -> None:
    """Judge a result, unless its panel is open, or a run is under way, and the status tells of it already."""
    if not _at_work(node) and not str(node["status"].value()).strip():
        with host.unsaved_as_before():
            status.refresh(node)


def _shown_anew(node: nuke.Node) -> None:
    """Settle a node of a script that was loaded, and show what was propagated for it meanwhile."""
    _quietly(_settle, node)
    if host.has_interface():
        # On a farm, an approved version of a script renders what it rendered.
        _quietly(result.take_up, node)
    _quietly(_cover, node)  # the plate may have grown while nobody looked
    # Which layers are gone is kept for the session alone; in a terminal nothing that picks them is changed.
    _quietly(picked.follow if host.has_interface() else picked.mark_layerless, node)


def _script_saving() -> None:
    for node in identity.living():
        _quietly(_settle, node)
        if host.has_interface():
            _quietly(_cover, node)
            _quietly(picked.follow, node)  # a pass may pick another layer by now


def _cover(node: nuke.Node) -> None:
    """Let the node's range follow its plate by itself; where nodes are counted, Refresh does that."""
    if host.may_walk_trees():
        result.cover(node)


def _settle(node: nuke.Node, pressed: bool = False) -> None:
    """Note where the node lives, unless it is at work: a run ends under the id with which it began."""
    if not _at_work(node):
        ownership.settle(node, pressed)
        versions.settle(node)


def _at_work(node: nuke.Node) -> bool:
    return runs.running(str(node["node_id"].value()))


def may_ask() -> bool:
    """Say whether callbacks that come by themselves may ask for their node; Non-commercial counts every answer."""
    return host.may_walk_trees()


def concerns(knob: Any) -> bool:
    """Say whether a change of a knob is one to look at; from Nuke 17.1 on, every change comes, and every answer of `thisNode` may count."""
    return knob is not None and (knob.name() == "version" or (knob.name() in WATCHED and may_ask()))


def knob_changed(node: Optional[nuke.Node], knob: Any) -> None:
    """Judge the result again when one of its inputs changed; where nodes are counted, Refresh does that."""
    if knob is not None and knob.name() == "version":
        if node is not None:
            versions.note_choice(node)
        _pressed(versions.show_chosen, node)
    elif concerns(knob):
        _quietly(_look_again, node)


def _look_again(node: nuke.Node) -> None:
    if not _at_work(node):
        status.refresh(node)


def idle(node: Optional[nuke.Node]) -> None:
    """Notice changes upstream."""
    if host.has_interface():
        _quietly(_idle, node)


def _idle(node: nuke.Node) -> None:
    if not _at_work(node):
        _settle(node)
        status.idle_look(node)


def label(node: Optional[nuke.Node]) -> str:
    """Give the node's text in the graph: ours, and below it the artist's own, since `autolabel` takes the place of Nuke's."""
    if node is None:
        return "XMemRoto"
    try:
        if host.may_walk_trees():
            host.show_indicators(node)
        text = status.label(node)
    except Exception:
        text = str(node.name())
    try:
        artists_label = str(node["label"].evaluate() or "")  # type: ignore[attr-defined]
    except Exception:  # the artist's own Tcl fails
        artists_label = str(node["label"].value())
    return f"{text}\n{artists_label}" if artists_label else text


def _quietly(act: Callable[[Any], Any], node: Optional[nuke.Node]) -> None:
    if node is None:
        return  # an edition that hands out no more nodes
    try:
        act(node)
    except Failure:
        pass  # a node that is only half connected; its status says what is missing
    except Exception:
        # Nuke would show a window for every callback that raises, at every load of the script.
        traceback.print_exc()
