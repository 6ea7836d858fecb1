"""Read a roto: a file or a text becomes objects. A file is a Nuke script, a gizmo, curves text or a roto JSON."""

from __future__ import annotations

import codecs
import os
import re
import stat
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from xmemcore.curves.braces import CurvesTextBroken
from xmemcore.curves.chain import CLASSES, chain_above, heads, left_out
from xmemcore.curves.links import follower
from xmemcore.curves.reading import read_tree, require_points
from xmemcore.curves.script import Format, Node, read_script
from xmemcore.curves.sent import SentRoto
from xmemcore.curves.tree import Layer, strokes_below, with_curves
from xmemcore.protocol.failures import RequestError, cannot_read
from xmemcore.protocol.outside import NotUsable
from xmemcore.protocol.places import exchange_root
from xmemcore.protocol.words import listed
from xmemcore.roto import roto_json
from xmemcore.roto.nuke_roto import objects_of, warnings_of
from xmemcore.roto.shapes import NothingKeyed, Roto

CURVES_ALONE = re.compile(r"\s*(?:curves\s+)?\{?\s*(?:AddMode\b[\s\d.]*)?\{\s*\{")
"""How curves text begins when no node is around it."""
JSON = re.compile(r'\s*(?:\{\s*(?:"|\})|\[)')
SENT = re.compile(r'\s*\{\s*"version"\s*:\s*2\s*,')
NUKE_6 = "AnimTree:"
SHOWN_NODES = 12
SUFFIXES = (".nk", ".gizmo", ".json", ".txt")
"""Endings of files that hold a roto."""
ENCRYPTED = (".nknc", ".nkind")
"""Endings of scripts of Nuke Non-commercial and Indie."""
MAX_BYTES = 512 * 2**20
"""Largest roto file that is read; the largest scripts of whole productions have a tenth of it."""


@dataclass(frozen=True)
class _Trees:
    """The shapes of a text, whose points are read when they are needed."""

    called: str
    """What their nodes are called."""
    rotos: Sequence[tuple[str, Layer]]
    """Name and root of each node of a chain, the last one first."""
    format: Format | None
    warnings: Sequence[str] = ()
    sent: SentRoto | None = None
    """What the plugin says beside the texts; None where a file was saved in Nuke."""


def read_roto(path_or_text: str | Path, node: str | None = None, count: Callable[[int], None] | None = None) -> Roto:
    """Read a roto.

    Args:
        path_or_text: a file, or the text itself: a script, the value of a `curves` knob, or roto JSON.
        node: which Roto node of a script, by name or by path with groups (`Group1.Roto1`), the last one where several are chained;
            None when there is one node, or one chain.
        count: told how many objects of curves have keys before their points are read, which takes longest; may raise.

    Raises:
        RequestError, CurvesTextBroken.
    """
    text, source = _text_of(path_or_text)
    try:
        if SENT.match(text):
            return _roto(_sent(text, source), count)
        if JSON.match(text):
            return roto_json.parse(text, source)
        return _roto(_saved(text, source, node), count)
    except CurvesTextBroken as error:
        raise CurvesTextBroken(f"{source}: {error}") from error


def _saved(text: str, source: str, node: str | None) -> _Trees:
    """Read what was saved in Nuke: a script, or curves text alone."""
    if CURVES_ALONE.match(text):
        if NUKE_6 in text:
            raise _too_old(source)
        return _Trees("the roto", [("the roto", _tree(text))], None)
    script = read_script(text)
    nodes = script.of(CLASSES)
    if not nodes:
        if NUKE_6 in text:
            raise _too_old(source)
        raise RequestError(f"{source} has no Roto or RotoPaint node. Save the script with the roto in it, or export the roto.")
    last = _chosen(nodes, node, source)
    warnings: list[str] = []
    rotos: list[tuple[str, Layer]] = []
    chain = chain_above(last)
    drawn: set[int] = set()
    for roto in chain:
        if id(roto.source) in drawn:
            warnings.append(f"{roto.path} comes more than once in the chain, as a clone: its shapes count once.")
            continue
        drawn.add(id(roto.source))
        if roto.disabled and roto is not last:
            warnings.append(f"{roto.path} is disabled in the script; its shapes do not count.")
            continue
        if roto.disabled:
            warnings.append(f"{roto.path} is disabled in the script; its shapes are used all the same.")
        if roto.disabled_for_a_time:
            warnings.append(f"{roto.path} is disabled for a time, by keys or an expression; its shapes count all the same.")
        if roto.value("motionblur_mode") == "global":
            warnings.append(f"The global motion blur of {roto.path} is left out.")
        if roto.value("useLifetime") in ("true", "1"):
            warnings.append(f"The lifetime of the node {roto.path} is left out; that of its shapes counts.")
        if _is_masked(roto):
            warnings.append(f"The mask input of {roto.path} is left out; its shapes count whole.")
        extent = roto.knob("curves")
        if extent is None or not text[slice(*extent)].strip():
            continue
        if text.find(NUKE_6, *extent) >= 0:
            raise _too_old(roto.path)
        root = _tree(text, *extent)
        if text.find("=", *extent) >= 0:
            followed = with_curves(root, follower(script, roto))
            assert isinstance(followed, Layer), "a copy is what it was copied from"
            root = followed
        rotos.append((roto.name, root))
    further = left_out(chain[-1])
    if further is not None:
        behind, between = further
        warnings.append(
            f"The shapes of {behind.path} do not count: {between.path}, a {between.kind}, stands between it and {chain[-1].path}, "
            "and only Rotos that follow one another are read."
        )
    return _Trees(last.path, rotos, last.format or script.format, warnings)


def _sent(text: str, source: str) -> _Trees:
    """Read the plugin's version 2: texts of nodes, and the artist's edits."""
    try:
        sent = SentRoto.parse(text)
    except NotUsable as error:
        raise RequestError(f"{source} is no roto JSON of version 2: {error}. Export the roto again from Nuke.") from error
    rotos = []
    for name, curves in sent.rotos:
        try:
            rotos.append((name, _tree(curves)))
        except CurvesTextBroken as error:
            raise CurvesTextBroken(f"{name}: {error}") from error
    return _Trees(" and ".join(name for name, _ in rotos), rotos, Format(*sent.format), sent=sent)


def _tree(text: str, start: int = 0, end: int | None = None) -> Layer:
    """Read curves text; with its points only where they may hold expressions, without which nobody knows what is keyed."""
    return read_tree(text, start, end, points=text.find("=", start, end) >= 0)


def _text_of(path_or_text: str | Path) -> tuple[str, str]:
    """Give the text, and what to call it in an error."""
    path = Path(path_or_text)
    if isinstance(path_or_text, str) and not os.path.lexists(path) and _is_text(path_or_text):
        return path_or_text, "The roto text"
    if path.suffix.lower() in ENCRYPTED:
        raise RequestError(
            f"{path} is encrypted, as Nuke Non-commercial and Indie save, and nothing but Nuke reads it. Give the roto.json that the "
            f"node's last Propagate left below {exchange_root()}."
        )
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise RequestError(f"The roto {path} is no file. Give a .nk or .gizmo, curves text or roto JSON.")
        if status.st_size > MAX_BYTES:
            raise RequestError(f"The roto {path} has {status.st_size >> 20} MB, over {MAX_BYTES >> 20} MB. Export the Roto node alone.")
        content = path.read_bytes()
    except OSError as error:
        raise cannot_read(f"the roto {path}", error, "Check the path.") from error
    except ValueError as error:
        raise RequestError(f"Cannot read the roto {path}: {error}. Check the path.") from error
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        # What Windows' own tools write when a script goes through them.
        content = content.decode("utf-16", errors="replace").encode()
    if b"\0" in content:
        raise RequestError(f"{path} is not text. Give a .nk or .gizmo, curves text or roto JSON.")
    # Labels of old scripts may be in any encoding; names and numbers of the roto are ASCII.
    text = content.decode("utf-8-sig", errors="replace").replace("\r\n", "\n").replace("\r", "\n")
    if not text.strip():
        raise RequestError(f"{path} is empty. Save the roto again.")
    return text, str(path)


def _is_text(given: str) -> bool:
    """Tell a roto's text from the name of a file that is not there; folders may be called `[wip]` or `{shot}`."""
    return "\n" in given or given.lstrip().startswith(("{", "[", "AddMode ")) and Path(given).suffix.lower() not in SUFFIXES


def _chosen(nodes: Sequence[Node], name: str | None, source: str) -> Node:
    if name is None:
        last = [node for node in heads(nodes) if any(_has_shapes(above) for above in chain_above(node))] or heads(nodes)
        last = _without_clones(last)
        if len(last) > 1:
            raise RequestError(f"{source} has {len(nodes)} Roto nodes: {_paths(nodes)}. {_advice(nodes, 'Choose one (--roto-node).')}")
        return last[0]
    chosen = _without_clones([node for node in nodes if node.path == name] or [node for node in nodes if node.name == name])
    if not chosen:
        raise RequestError(f"{source} has no Roto node '{name}'. It has: {_paths(nodes)}. Choose one of these (--roto-node).")
    if len({id(node.source) for node in chosen}) < len(chosen):
        raise RequestError(
            f"{source} has clones of {chosen[0].path} with different Rotos above them, and they have one name. Declone one in Nuke."
        )
    if len(chosen) > 1:
        raise RequestError(
            f"{source} has {len(chosen)} Roto nodes '{name}': {_paths(chosen)}. {_advice(chosen, 'Give the whole path of one.')}"
        )
    return chosen[0]


def _without_clones(nodes: Sequence[Node]) -> list[Node]:
    """Keep one of several clones whose shapes, and those that come to them, are the same."""
    shapes = {tuple(dict.fromkeys(id(above.source) for above in chain_above(node))): node for node in reversed(nodes)}
    return [node for node in nodes if any(node is kept for kept in shapes.values())]


def _is_masked(node: Node) -> bool:
    """Say whether something is connected to the mask of a node: `inputs 1+1` has one input and one mask."""
    masks = node.value("inputs").partition("+")[2]
    return masks.isdecimal() and int(masks[:4]) > 0 and any(above is not None for above in node.inputs[-int(masks[:4]) :])


def _has_shapes(node: Node) -> bool:
    """A RotoPaint may hold paint strokes alone."""
    extent = node.knob("curves")
    return extent is not None and (node.text.find("curvegroup", *extent) >= 0 or node.text.find(NUKE_6, *extent) >= 0)


def _roto(trees: _Trees, count: Callable[[int], None] | None) -> Roto:
    rotos, sent = trees.rotos, trees.sent
    objects = objects_of(rotos) if sent is None else objects_of(rotos, sent.union, sent.keyframes, sent.absent, sent.taken)
    if count is not None:
        count(sum(1 for obj in objects if obj.keyframes and obj.unknown is None))
    for name, root in rotos:
        try:
            require_points(root)
        except CurvesTextBroken as error:
            raise CurvesTextBroken(f"{name}: {error}" if len(rotos) > 1 else str(error)) from error
    apart = sent is None or sent.union is None
    named = (*trees.warnings, *(warning for _, root in rotos for warning in warnings_of(root, apart)))
    if not objects:
        painted = any(True for _, root in rotos for _ in strokes_below(root))
        strokes = ", only paint strokes, which are no annotation" if painted else ""
        raise NothingKeyed(f"{trees.called} has no shapes{strokes}. Draw and key a shape.")
    return Roto(objects, trees.format, tuple(dict.fromkeys(named)))


def _too_old(source: str) -> RequestError:
    return RequestError(f"The shapes of {source} are in the format of Nuke 6 (AnimTree). Open it in Nuke 7 or later and save it again.")


def _advice(nodes: Sequence[Node], usual: str) -> str:
    """Say what to do about several nodes: nobody can choose among those of one name, which scripts have that were put together by hand."""
    alike = len({node.path for node in nodes}) == 1
    return "They have one name: rename one of them, or delete the one that is not meant, and save the script." if alike else usual


def _paths(nodes: Sequence[Node]) -> str:
    return listed([node.path for node in nodes], SHOWN_NODES)
