"""Find the chain of Rotos at a node's roto input. Main thread only.

Dots, NoOps, PostageStamps (of which Stamps are made) and disabled nodes pass their input on, into Groups and out of them too. A disabled
Roto counts all the same where it is the one that is connected, and is passed through above another one. The core follows the
same rules in a script that it reads (`xmemcore.curves.chain`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Iterator, List, Optional, Sequence, Set, Tuple

from xmem_roto_nuke import host
from xmem_roto_nuke.graph import outside, within
from xmem_roto_nuke.node import identity
from xmem_roto_nuke.node.settings import ALPHA
from xmemcore.curves.chain import CLASSES, MOST_BETWEEN, PASSED
from xmemcore.protocol.failures import RequestError

if TYPE_CHECKING:
    import nuke


EXPRESSION = re.compile(r'[{"]=([^{}"]*)')
"""Expression in a curves text."""
PATH = re.compile(r"[A-Za-z_]\w*(?:\.\w+)+")
"""Path of another node's knob, in an expression."""


@dataclass(frozen=True)
class Pipe:
    """A chain of Rotos."""

    rotos: Tuple[nuke.Node, ...]
    """The one that is connected first; its shapes are drawn on top."""
    warnings: Tuple[str, ...]


def above(node: nuke.Node) -> Pipe:
    """Follow the roto input of an XMemRoto.

    Raises:
        RequestError: nothing is connected, or no Roto is.
    """
    source = identity.roto_source(node)
    first = through(source)
    if first is None or first.Class() not in CLASSES:
        name = source.name() if first is None else f"{first.name()}, a {first.Class()}"
        if str(node["roto_input"].value()) == ALPHA:
            raise RequestError(
                f"The roto input of {node.name()} is {name}: there are no shapes to key. Press Add current where its alpha is right."
            )
        raise RequestError(
            f"The roto input of {node.name()} is {name}. "
            "Connect the Roto or RotoPaint itself, or choose 'alpha of the input' and list the frames."
        )
    rotos, warnings = [first], []
    if is_disabled(first):
        warnings.append(f"{first.name()} is disabled; its shapes count all the same.")
    roto: Optional[nuke.Node] = first
    last = first
    while roto is not None:
        last = roto
        roto = _next(roto)
        if roto is None:
            break
        if _is_drawn(roto, rotos):
            warnings.append(f"{roto.name()} comes more than once in the chain, as a clone: its shapes count once.")
        elif is_disabled(roto):
            warnings.append(f"{roto.name()} is disabled; its shapes do not count.")
        else:
            rotos.append(roto)
    if roto is None and host.may_walk_trees():
        warnings += _left_out(last)
    warnings += [f"{roto.name()} is disabled for a time; its shapes count all the same." for roto in rotos if len(_disabled(roto)) > 1]
    warnings += [f"The global motion blur of {roto.name()} is left out." for roto in rotos if _has_global_blur(roto)]
    warnings += [f"The lifetime of the node {roto.name()} is left out; that of its shapes counts." for roto in rotos if _has_lifetime(roto)]
    warnings += [f"The mask input of {roto.name()} is left out; its shapes count whole." for roto in rotos if _is_masked(roto)]
    return Pipe(tuple(rotos), tuple(warnings))


def _is_drawn(roto: nuke.Node, rotos: Sequence[nuke.Node]) -> bool:
    """Say whether a Roto is a clone of one of others: it has the same shapes. Clones may have one name."""
    if not roto.clones():
        return False
    text = str(roto["curves"].toScript())
    return any(other.clones() and str(other["curves"].toScript()) == text for other in rotos)


def texts(pipe: Pipe) -> List[Tuple[str, str]]:
    """Give the name and curves text of each Roto; its name with those of its Groups where two would be called alike."""
    names = [str(roto.name()) for roto in pipe.rotos]
    called = [name if names.count(name) == 1 else str(roto.fullName()) for name, roto in zip(names, pipe.rotos)]
    return [(name, str(roto["curves"].toScript())) for name, roto in zip(called, pipe.rotos)]


def followed(roto: nuke.Node, text: str) -> Iterator[Optional[nuke.Node]]:
    """Find the nodes that the expressions of a curves text name, such as trackers; looked for beside the Roto, then further out.

    Yields:
        After each name that was looked up, its node; None where there is none, or another name found it before.
    """
    found: Set[str] = set()
    for path in dict.fromkeys(path for expression in EXPRESSION.findall(text) for path in PATH.findall(expression)):
        node = host.find_named(str(roto.fullName()), path)
        name = "" if node is None else str(node.fullName())
        yield None if name in found else node
        found.add(name)


def layers(plate: Optional[nuke.Node]) -> Set[str]:
    """Name the plate's layers; a matte's layer gets another name than these."""
    return {channel.split(".")[0] for channel in channels(plate)} - {"rgb", "rgba"}


def channels(plate: Optional[nuke.Node]) -> Set[str]:
    """Name the plate's channels."""
    try:
        return set() if plate is None else {str(channel) for channel in plate.channels()}
    except RuntimeError:
        return set()  # its files are not there; what needs the picture says which


def through(node: Optional[nuke.Node]) -> Optional[nuke.Node]:
    """Give the first node above that does not just pass its input on: a Roto, or something else.

    A Group that puts out such a Roto passes it on, and one that puts out what it gets; any other Group is something else.
    """
    group: Optional[nuke.Node] = None
    while node is not None and node.Class() not in CLASSES:
        if node.Class() == "Input":
            node = outside(node)
        elif node.Class() in PASSED or is_disabled(node):
            node = identity.connected(node, 0)
        elif (output := within(node)) is not None:
            group = group or node
            node = identity.connected(output, 0)
        else:
            break
    return node if group is None or (node is not None and node.Class() in CLASSES) else group


def is_disabled(node: nuke.Node) -> bool:
    """Say whether a node is disabled and passes its input on; one that keys or an expression disable for a time does not."""
    return _disabled(node) == {True}


def _disabled(node: nuke.Node) -> Set[bool]:
    """Give what a node's disable says, wherever in the script's range the artist stands."""
    knob = node.knob("disable")
    return set() if knob is None else host.ticked_on(knob, host.script_range())


def _next(roto: nuke.Node) -> Optional[nuke.Node]:
    """Give the Roto whose shapes come to a Roto through its first input; one that replaces what it gets hides them."""
    if _replaces(roto):
        return None
    found = through(identity.connected(roto, 0))
    return found if found is not None and found.Class() in CLASSES else None


def _replaces(roto: nuke.Node) -> bool:
    """Say whether a Roto puts its shapes in the place of what it gets."""
    replaces = roto.knob("replace")
    return replaces is not None and bool(replaces.value()) and not is_disabled(roto)


def _left_out(roto: nuke.Node) -> List[str]:
    """Say which Roto stands further up, behind a node that changes the picture; a node with several inputs ends the search."""
    between: Optional[nuke.Node] = None
    node = None if _replaces(roto) else through(identity.connected(roto, 0))
    for _ in range(MOST_BETWEEN):
        if node is None or node.Class() in CLASSES or node.inputs() > 1:
            break
        between = between or node
        node = through(identity.connected(node, 0))
    if node is None or node.Class() not in CLASSES or between is None:
        return []
    return [
        f"The shapes of {node.name()} do not count: {between.name()}, a {between.Class()}, stands between it and {roto.name()}, "
        "and only Rotos that follow one another are read."
    ]


def _has_lifetime(roto: nuke.Node) -> bool:
    knob = roto.knob("useLifetime")
    return knob is not None and bool(knob.value())


def _is_masked(roto: nuke.Node) -> bool:
    """Say whether something is connected to a Roto's own mask input; costs no node where nodes are counted."""
    mask = int(roto.optionalInput())
    return 0 < mask < roto.inputs() and bool(host.input_name(roto, mask))


def _has_global_blur(roto: nuke.Node) -> bool:
    mode = roto.knob("motionblur_mode")
    return mode is not None and str(mode.value()) == "global"
