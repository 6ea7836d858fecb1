"""The door of this package: a file or a text in, objects out. A file is a Nuke script, a gizmo, curves text or a roto JSON."""

from __future__ import annotations

import re
from pathlib import Path

from xmemcore.protocol.failures import RequestError
from xmemcore.roto import curves_text, roto_json
from xmemcore.roto.nuke_roto import objects_of, warnings_of
from xmemcore.roto.script import RotoNode, roto_nodes
from xmemcore.roto.shapes import Roto

CURVES_ALONE = re.compile(r"\s*(?:curves\s+)?\{?\s*(?:AddMode\b[\s\d.]*)?\{\s*\{")
"""How curves text begins when no node is around it."""
JSON = re.compile(r'\s*(?:\{\s*(?:"|\})|\[)')
NUKE_6 = "AnimTree:"
SHOWN_NODES = 12


class RotoUnreadable(RequestError):
    """A roto file is missing, is not text, or holds nothing that we know."""


class NoRotoNode(RequestError):
    """A script has no Roto or RotoPaint node."""


class SeveralRotoNodes(RequestError):
    """A script has several Roto nodes, and none was chosen."""


class RotoNodeUnknown(RequestError):
    """A script has no Roto node of the name that was asked for."""


class RotoTooOld(RequestError):
    """The shapes were written by Nuke 6."""


class NoShapes(RequestError):
    """A roto holds no shape."""


def read_roto(path_or_text: str | Path, node: str | None = None) -> Roto:
    """Read a roto.

    Args:
        path_or_text: a file, or the text itself: a script, the value of a `curves` knob, or roto JSON.
        node: which Roto node of a script, by name or by path with groups (`Group1.Roto1`); None when there is one.

    Raises:
        RotoUnreadable, NoRotoNode, SeveralRotoNodes, RotoNodeUnknown, RotoTooOld, NoShapes,
        CurvesTextBroken, RotoJsonBroken, RotoJsonVersionUnknown.
    """
    text, source = _text_of(path_or_text)
    if JSON.match(text):
        return roto_json.parse(text, source)
    if CURVES_ALONE.match(text):
        return _roto(text, RotoNode("the roto", 0, len(text), None, False))
    nodes = roto_nodes(text)
    if not nodes and NUKE_6 in text:
        raise _too_old(source)
    if not nodes:
        raise NoRotoNode(f"{source} has no Roto or RotoPaint node. Save the script with the roto in it, or export the roto.")
    return _roto(text, _chosen(nodes, node, source))


def _text_of(path_or_text: str | Path) -> tuple[str, str]:
    """Give the text, and what to call it in an error."""
    if isinstance(path_or_text, str) and ("\n" in path_or_text or path_or_text.lstrip().startswith(("{", "[", "AddMode "))):
        return path_or_text, "The roto text"
    path = Path(path_or_text)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise RotoUnreadable(f"Cannot read the roto {path}: {error.strerror or error}. Check the path.") from error
    if b"\0" in content:
        raise RotoUnreadable(f"{path} is not text. Give a .nk or .gizmo (not the encrypted .nknc and .nkind), curves text or roto JSON.")
    # Labels of old scripts may be in any encoding; names and numbers of the roto are not hurt by this.
    text = content.decode("utf-8-sig", errors="replace").replace("\r\n", "\n")
    if not text.strip():
        raise RotoUnreadable(f"{path} is empty. Save the roto again.")
    return text, str(path)


def _chosen(nodes: list[RotoNode], name: str | None, source: str) -> RotoNode:
    if name is None:
        if len(nodes) > 1:
            raise SeveralRotoNodes(f"{source} has {len(nodes)} Roto nodes: {_listed(nodes)}. Choose one (--roto-node).")
        return nodes[0]
    found = [one for one in nodes if one.path == name] or [one for one in nodes if one.name == name]
    if not found:
        raise RotoNodeUnknown(f"{source} has no Roto node '{name}'. It has: {_listed(nodes)}.")
    if len(found) > 1:
        raise SeveralRotoNodes(f"{source} has {len(found)} Roto nodes '{name}': {_listed(found)}. Give the whole path of one.")
    return found[0]


def _roto(text: str, node: RotoNode) -> Roto:
    if text.find(NUKE_6, node.start, node.end) >= 0:
        raise _too_old(node.path)
    if node.start == node.end:
        raise NoShapes(f"{node.path} has no shapes. Draw and key a shape.")
    root = curves_text.parse(text, node.start, node.end)
    objects = objects_of(root)
    if not objects:
        strokes = ", only paint strokes, which are no annotation" if "cubiccurve" in text[node.start : node.end] else ""
        raise NoShapes(f"{node.path} has no shapes{strokes}. Draw and key a shape.")
    disabled = (f"{node.path} is disabled in the script; its shapes are used all the same.",) if node.disabled else ()
    return Roto(objects, node.format, disabled + warnings_of(root))


def _too_old(source: str) -> RotoTooOld:
    return RotoTooOld(f"The shapes of {source} are in the format of Nuke 6 (AnimTree). Open it in Nuke 7 or later and save it again.")


def _listed(nodes: list[RotoNode]) -> str:
    rest = len(nodes) - SHOWN_NODES
    return ", ".join(one.path for one in nodes[:SHOWN_NODES]) + (f" and {rest} more" if rest > 0 else "")
