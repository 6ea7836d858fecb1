"""Rotos under attack: real scripts and the cases of the tests, damaged, read and drawn as a propagate would."""

from __future__ import annotations

import random
from pathlib import Path

from tests import shared_data
from tests.fuzz.kind import Kind, Wrong
from tests.roto.damage import damaged
from xmemcore.curves.chain import CLASSES
from xmemcore.curves.script import read_script
from xmemcore.protocol.failures import RequestError
from xmemcore.roto import Roto, read_roto
from xmemcore.shot.annotations.roto import RotoAnnotations
from xmemcore.shot.files.box import Box
from xmemcore.shot.plate.canvas import Canvas

LONGEST_SEED = 60_000
CANVAS = Canvas(Box(0, 0, 192, 108), Box(0, 0, 192, 108))


def seeds() -> list[str]:
    """Give real scripts, of large ones the rotos alone, and the cases of the tests."""
    shared = shared_data.folder() / "nuke-samples"
    paths = [
        *sorted(shared.rglob("*.nk")),
        *sorted(shared.rglob("*.gizmo")),
        *sorted((Path(__file__).parents[1] / "roto" / "cases").glob("[!d]*.nk")),
    ]
    found = []
    for text in (path.read_text(encoding="utf-8", errors="replace") for path in paths):
        if len(text) <= LONGEST_SEED:
            found.append(text)
            continue
        for node in read_script(text).of(CLASSES):
            extent = node.knob("curves")
            if extent is not None and extent[1] - extent[0] <= LONGEST_SEED:
                found.append(text[slice(*extent)])
    return [text for text in found if "curvegroup" in text]


def read(text: str, rng: random.Random) -> Roto:
    """Read a text, of several nodes any one."""
    try:
        return read_roto(text)
    except RequestError:
        nodes = [node for node in read_script(text).of(CLASSES) if node.knob("curves") is not None]
        if len(nodes) < 2:
            raise
        return read_roto(text, rng.choice(nodes).path)


def use(roto: Roto, rng: random.Random) -> None:
    """Draw some frames as a propagate would."""
    try:
        masks_of_roto = RotoAnnotations(roto, CANVAS)
    except RequestError:
        masks_of_roto = RotoAnnotations(roto, CANVAS, keyframes=(1, 1001))
    for frame in rng.sample(masks_of_roto.keyframes, min(2, len(masks_of_roto.keyframes))):
        masks_of_roto.absent(frame + 1)
        for obj in sorted(masks_of_roto.known(frame))[:4]:
            matte = masks_of_roto.matte(frame, obj)
            if not ((matte >= 0) & (matte <= 1)).all():
                raise Wrong("a matte out of range")
            masks_of_roto.network_mask(frame, obj, (48, 85))
            masks_of_roto.signature(frame, obj)


def rotos() -> Kind:
    """Make the kind of input."""
    texts = seeds()

    def damage(draw: random.Random) -> bytes:
        return (damaged(draw.choice(texts), draw) + "\n").encode("utf-8", "replace")

    def attempt(content: bytes, place: Path) -> None:
        draw = random.Random(content)
        use(read(content.decode("utf-8"), draw), draw)

    return Kind(damage, attempt)
