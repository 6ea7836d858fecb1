"""Write the node's status, its list of keyframes and its lists of objects into the panel. Main thread only.

None of it is in Undo, because Ctrl+Z must take back the artist's last edit.
"""

from __future__ import annotations

import html
import os
import time
from typing import TYPE_CHECKING, Dict, List, Optional, Sequence

from xmem_roto_nuke import host
from xmem_roto_nuke.handover import exchange
from xmem_roto_nuke.node import body, home, identity, knobs, places, runs
from xmem_roto_nuke.panel import curves, ownership, picked, timeline, views
from xmem_roto_nuke.staleness import look, mattes_on_disk, watch
from xmem_roto_nuke.staleness.last_run import last_record
from xmem_roto_nuke.staleness.look import Verdict
from xmem_roto_nuke.staleness.record import Record
from xmem_roto_nuke.words import size
from xmemcore.protocol.choices import ALL_OBJECTS
from xmemcore.protocol.failures import Cancelled, Failure
from xmemcore.protocol.frames import FrameRange
from xmemcore.protocol.places import cache_root, exchange_folder
from xmemcore.protocol.results import ModelEntry
from xmemcore.protocol.words import listed, plural

if TYPE_CHECKING:
    import nuke

COLOURS = {"working": "#80b0e0", "fresh": "#6fbf73", "stale": "#e0a030", "none": "#a0a0a0", "failed": "#e06050", "unshown": "#e0a030"}
TITLES = {
    "working": "At work",
    "fresh": "Up to date",
    "stale": "Stale",
    "none": "No mattes yet",
    "failed": "Failed",
    "unshown": "Written, not shown",
}

_verdicts: Dict[str, Verdict] = {}
"""Verdicts by node id, for the node's label."""


@host.unrecorded()
def say_working(node: nuke.Node) -> None:
    """Write that the node's run is under way, until its end writes the status again."""
    _write(node, Verdict("working"), (), None)


@host.unrecorded()
def forget(node: nuke.Node) -> None:
    """Take away the text that a script or the clipboard kept of another day; the next look, as when the panel opens, writes today's."""
    if not runs.running(str(node["node_id"].value())):
        _set(node, "status", " ")


@host.unrecorded()
def refresh(node: nuke.Node, notes: Sequence[str] = ()) -> None:
    """Judge the node's result and write the status.

    Args:
        node: an XMemRoto.
        notes: sentences to show below.
    """
    began = time.monotonic()
    record = last_record(node)
    try:
        read = exchange.read_node(node, look.frames_of(record))
        current = look.look(read, record)
    except Failure as failure:
        # For example nothing is connected yet, which is no fault and says nothing about existing mattes.
        verdict = Verdict("none" if record is None else "stale", (str(host.limit_reached(failure) or failure),))
    else:
        mattes = look.find_mattes(record, read, current, knobs.shown_pattern_or_empty(node))
        verdict = look.judge(record, current, mattes)
        row = _timeline(node, record, current, mattes, verdict.state == "stale")
        timeline.keep(identity.node_id(node), row)
        curves.follow_approvals(node, list(current.annotations.frames), row.approved)
        gone_choices = _show_objects(node, look.keyframe_lines(current.annotations), list(current.annotations.frames))
        of_mattes = [*_of_other_version(record, verdict), *_unlayered(record)]
        of_place = ownership.notes(node, look.next_place(record, current))
        notes = [*notes, *of_mattes, *gone_choices, *of_place, *current.warnings, *current.annotations.notes]
    node_id = identity.node_id(node)
    _verdicts[node_id] = verdict
    _write(node, verdict, notes, record)
    host.update_widget(node, "strip")
    watch.settle(node, began)


def _of_other_version(record: Optional[Record], verdict: Verdict) -> List[str]:
    """Say that another version of the script made the mattes: both show them, and a run from either changes what the other one renders."""
    here = os.path.basename(host.script_path())
    if record is None or not record.script or record.script == here or places.script_home(record.script) != places.script_home(here):
        return []  # where it is a copy of another script, `home` says so
    sentence = f"{record.script}, another version of this script, made these mattes and shows them too"
    return [f"{sentence}: Version up before Propagate leaves it its own." if verdict.state == "stale" else f"{sentence}."]


def _unlayered(record: Optional[Record]) -> List[str]:
    """Name the mattes of earlier runs that were made before an object was there, or when it was called otherwise."""
    without: Dict[str, List[str]] = {}
    for layer, frames in (mattes_on_disk.without_layers(record, record.layers) if record is not None else {}).items():
        without.setdefault(str(FrameRange.of(frames)), []).append(layer)
    return [
        f"The mattes of {frames} have no layer {listed(layers)}, which is black there, and a render stops unless 'on missing' is black. "
        "Propagate with these frames in the range."
        for frames, layers in without.items()
    ]


def _timeline(
    node: nuke.Node, record: Optional[Record], current: look.CurrentState, mattes: look.FoundMattes, stale: bool
) -> timeline.Timeline:
    """Sort what was found by frames."""
    absent, shown = current.annotations.absent, mattes.shown
    propagated = FrameRange.parse(record.frames) if record is not None else FrameRange.of(())
    made_last = frozenset(frame for frame in shown if frame in propagated)
    missing = look.lacking(record, current, shown)
    stamp = mattes_on_disk.stamp(mattes.pattern) if mattes.pattern else ""
    reach = [*current.frames, *shown, *missing, *current.annotations.keyframes]
    keyed, advice = current.annotations.keyed, identity.read_hidden(node, "suggestions")
    settled = {name: {*frames, *absent.get(name, ()), *current.approved.get(name, ())} for name, frames in keyed.items()}
    return timeline.Timeline(
        first=min(reach),
        last=max(reach),
        keyed=keyed,
        absent={name: tuple(sorted(frames)) for name, frames in absent.items() if frames},
        approved=current.approved,
        renamed=current.renamed,
        current=made_last,
        former=shown - made_last,
        outdated=(shown - made_last) & mattes.outdated,
        missing=frozenset(missing),
        stale=stale,
        sureness=mattes_on_disk.recorded(mattes.pattern).sureness if shown else {},
        reasons=timeline.reasons_of(advice, settled),
        advice_is_old=advice.get("mattes", stamp) != stamp,
    )


def say_refusal(node: nuke.Node, failure: Failure, notes: Sequence[str]) -> None:
    """Say below the state of the mattes why nothing was done to them."""
    refresh(node, [*notes, str(failure)])


@host.unrecorded()
def say_failure(node: nuke.Node, failure: Failure, notes: Sequence[str]) -> None:
    """Put a failure's sentence into the status; a cancel is no failure."""
    if isinstance(failure, Cancelled):
        say_refusal(node, failure, notes)
        return
    verdict = Verdict("failed", (str(failure),))
    _verdicts[identity.node_id(node)] = verdict
    _write(node, verdict, notes, last_record(node))


@host.unrecorded()
def say_unshown(node: nuke.Node, sentence: str, notes: Sequence[str]) -> None:
    """Say that a run has written its mattes, which the node cannot show yet."""
    verdict = Verdict("unshown", (sentence,))
    _verdicts[identity.node_id(node)] = verdict
    _write(node, verdict, notes, last_record(node))


def idle_look(node: nuke.Node) -> None:
    """Notice a change upstream while nobody presses anything; called by Nuke whenever its interface is idle."""
    node_id = identity.node_id(node)
    if not host.may_walk_trees():
        return  # every look costs nodes, which this edition counts: Refresh looks
    # Without a result the label has nothing to tell, but an open panel lists the keyframes.
    if not (node["has_result"].value() or node.shown()) or _state(node_id) == "failed":
        return
    try:
        # A change that the label has seen is judged at once; a node whose hash always differs has to wait its turn.
        if (watch.is_due(node_id) or watch.is_marked(node_id)) and watch.has_moved(node, node_id):
            refresh(node)
    except Exception:
        watch.rest(node_id)
        raise


def label(node: nuke.Node) -> str:
    """Give the node's text in the graph: its name, and a mark when its mattes are stale.

    Nuke asks whenever it draws the graph, so no file is looked at here and nothing is changed; see `watch` for what it costs.
    """
    view = views.shown(node)
    return _label(node) + (f"\n(shows {view})" if view != body.RESULT else "")


def _label(node: nuke.Node) -> str:
    node_id = str(node["node_id"].value())
    state, name = _state(node_id), str(node.name())
    if state in ("stale", "failed"):
        return f"{name}\n({state})"
    if state == "fresh" and host.may_walk_trees() and watch.has_moved(node, node_id, validate=False):
        return f"{name}\n(inputs changed)"
    counted = _counted(_verdicts[node_id]) if state in ("fresh", "none") and node_id in _verdicts else []
    return f"{name}\n({'; '.join(counted)})" if counted else name


def _counted(verdict: Verdict) -> List[str]:
    """Count the mattes of earlier runs and the frames without a matte, beside which others are up to date."""
    counted = []
    if verdict.former and verdict.state == "fresh":
        stale = ", stale" if verdict.outdated == verdict.former else f", {verdict.outdated} of them stale" if verdict.outdated else ""
        counted.append(f"{plural(verdict.former, 'matte')} of earlier runs{stale}")
    if verdict.lacking:
        counted.append(f"{plural(verdict.lacking, 'frame')} without a matte")
    return counted


def _state(node_id: str) -> str:
    """Give the state of a node's verdict; `none` before the first."""
    return _verdicts[node_id].state if node_id in _verdicts else "none"


@host.unrecorded()
def show_models(node: nuke.Node, models: Sequence[ModelEntry]) -> None:
    """Fill the model knob with what is installed; the terms of all stand beside it."""
    knob = node["model"]
    chosen = str(knob.value())
    names = ["default", *(model.name for model in models if model.installed)]
    if chosen not in names:
        names.append(chosen)
    knob.setValues(names)  # type: ignore[attr-defined]
    knob.setValue(chosen)
    lines = [
        f"<b>{html.escape(model.name)}</b>{'' if model.installed else ' (not installed)'}: {html.escape(model.terms)}" for model in models
    ]
    node["model_terms"].setValue("<br>".join(lines) or "No model is installed.")


def _show_objects(node: nuke.Node, lines: Sequence[str], names: Sequence[str]) -> List[str]:
    """List the keyframes, and fill the two pulldowns with the objects; gives a sentence about each choice that is gone.

    Such a choice stays, and what is pressed for it is refused: all objects are more than the artist chose.
    """
    sentences = []
    _set(node, "keyframes", "<br>".join(html.escape(line) for line in lines) or " ")
    for pulldown in ("key_object", "suggest_object"):
        knob = node[pulldown]
        chosen, offered = str(knob.value()), [ALL_OBJECTS, *names]
        if chosen not in offered:
            offered.append(chosen)
            sentences.append(f"The object {chosen}, which '{knob.label()}' names, is gone: choose another one there.")
        if list(knob.values()) != offered:  # type: ignore[attr-defined]
            knob.setValues(offered)  # type: ignore[attr-defined]
            knob.setValue(chosen)
    return sentences


def _write(node: nuke.Node, verdict: Verdict, notes: Sequence[str], record: Optional[Record]) -> None:
    node_id = identity.node_id(node)
    if running := runs.title(node_id):
        # No verdict is shown meanwhile, since every frame changes it.
        verdict = Verdict("working", (f"{running}. Cancel stops it; frames that are finished stay.",))
    title, colour, facts = TITLES[verdict.state], COLOURS[verdict.state], ""
    if verdict.state == "fresh" and record is not None:
        counted, objects = _counted(verdict), plural(len(record.objects), "object")
        title = "; ".join([f"{title} on {record.frames}", *counted]) if counted else title
        facts = f": {objects}" if counted else f": {record.frames}, {objects}"
        colour = COLOURS["stale"] if verdict.outdated or verdict.lacking else colour
    head = f'<b><font color="{colour}">{title}</font></b>{facts}'
    if verdict.state == "fresh" and record is not None:
        learned, seen = plural(record.encoded_annotations, "keyframe"), plural(record.encoded_frames, "plate frame")
        run = f"Last run: {plural(record.computed, 'matte')} in {record.seconds:.0f} s; learned {learned} and looked at {seen} anew."
        # Nobody here knows how long the workers of a farm took.
        head += f"<br>{run if record.computed or record.seconds else 'Propagated on other machines, and collected.'}"
    holes = f"No plate on {FrameRange.of(record.missing)}." if record is not None and record.missing and verdict.state != "working" else ""
    used = places.disk_used(exchange_folder(node_id)) + places.disk_used(cache_root() / node_id)
    disk = f"In the cache for this node alone: {size(used)}." if used else ""
    sentences = [*verdict.reasons, verdict.cost, holes, *home.notes(node_id), *picked.notes(node_id), *notes, disk]
    lines = [head, *map(html.escape, dict.fromkeys(sentences))]  # what was refused may be what the verdict says
    _set(node, "status", "<br>".join(line for line in lines if line))


def _set(node: nuke.Node, knob: str, text: str) -> None:
    """Write only what differs: from Nuke 17.1 on, every change comes back as a callback."""
    if node[knob].value() != text:
        node[knob].setValue(text)
