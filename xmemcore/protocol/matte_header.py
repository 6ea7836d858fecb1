"""Read what a matte says of itself in its header, without reading its pixels.

Source: OpenEXR, "OpenEXR File Layout" (openexr.com), for the place of an attribute.
"""

from __future__ import annotations

from pathlib import Path
from typing import Dict, Iterator, Mapping, Optional, Tuple

from xmemcore.protocol.names import ORIGINAL_NAME
from xmemcore.protocol.whole_file import read_ordinary

OURS = "xmem/"
"""Begin of the names of the attributes that we write into every file."""
SIGNATURE = "xmem/signature"
"""Hash of all that the matte was made from."""
APPROVED_FRAME = "xmem/approved"
"""The frame of a copy that the artist approved."""
LAYER = ".alpha"
"""End of the name of an object's channel."""
HEADER_BYTES = 1 << 16
"""Bytes of a file in which its first header is looked for; the header of fifty objects has a tenth of them."""
MAGIC = b"\x76\x2f\x31\x01"


def find_attributes(content: bytes) -> Dict[str, Tuple[int, int]]:
    """Find where the values of the first header's attributes begin and end; raises ValueError."""
    if content[:4] != MAGIC:
        raise ValueError("no EXR")
    found: Dict[str, Tuple[int, int]] = {}
    at = 8
    while content[at : at + 1] != b"\0":
        name_end = content.index(b"\0", at)
        kind_end = content.index(b"\0", name_end + 1)
        start = kind_end + 5
        size = int.from_bytes(content[kind_end + 1 : start], "little", signed=True)
        if size < 0 or start + size >= len(content):
            raise ValueError("an attribute has no sensible length")
        found[content[at:name_end].decode("latin-1")] = (start, start + size)
        at = start + size
    return found


def signature_of(path: Path) -> Optional[str]:
    """Read the signature of a matte; None where the file is no whole EXR header, or has none."""
    return signature_and_channels(path)[0]


def objects_of(path: Path) -> Tuple[str, ...]:
    """Name the objects in a matte as the artist does; none where the file is no whole EXR header."""
    try:
        content = read_ordinary(path, 0, begin=HEADER_BYTES)
        return _objects({name: content[start:end] for name, (start, end) in find_attributes(content).items()})
    except (OSError, ValueError, KeyError):
        return ()


def signature_and_channels(path: Path) -> Tuple[Optional[str], Tuple[str, ...]]:
    """Read a matte's signature and the names of all its channels in one go; neither where the file is no whole EXR header."""
    try:
        content = read_ordinary(path, 0, begin=HEADER_BYTES)
        found = {name: content[start:end] for name, (start, end) in find_attributes(content).items()}
        channels = tuple(_channels(found["channels"])) if "channels" in found else ()
        return (found[SIGNATURE].decode("ascii") if SIGNATURE in found else None), channels
    except (OSError, ValueError):
        return None, ()


def kept_file(path: Path) -> Optional[str]:
    """Say what a file is that no matte may replace: an EXR that we have not made, or an approved copy.

    Returns:
        The end of a sentence that names the file; None for a matte, and for what may be a broken one: an EXR that ends early, or
        a file that is empty or begins with zeros, as a machine that went down leaves them.
    """
    try:
        content = read_ordinary(path, 0, begin=HEADER_BYTES)
    except (OSError, ValueError):
        return None
    foreign = "which XMem Roto has not made"
    begin = content[: len(MAGIC)]
    if begin.strip(b"\0") and not MAGIC.startswith(begin):
        return foreign
    try:
        names = find_attributes(content)
    except ValueError:
        # A whole header of ours is never so long; a shorter file is broken.
        return foreign if len(content) == HEADER_BYTES and content.startswith(MAGIC) else None
    if APPROVED_FRAME in names:
        return "which is an approved matte"
    return None if any(name.startswith(OURS) for name in names) else foreign


def approved_in(path: Path) -> Optional[Tuple[int, Tuple[str, ...]]]:
    """Read which frame and which objects a file is the approved copy of; None where it is no such copy."""
    try:
        content = read_ordinary(path, 0, begin=HEADER_BYTES)
        found = {name: content[start:end] for name, (start, end) in find_attributes(content).items()}
        return int.from_bytes(found[APPROVED_FRAME], "little", signed=True), _objects(found)
    except (OSError, ValueError, KeyError):
        return None


def _objects(found: Mapping[str, bytes]) -> Tuple[str, ...]:
    """Name the objects in the order of their layers, from a header's attributes: a layer without a name has its own."""
    layers = [name[: -len(LAYER)] for name in _channels(found["channels"]) if name.endswith(LAYER)]
    return tuple(found.get(f"{ORIGINAL_NAME}{layer}", layer.encode()).decode("utf-8", errors="replace") for layer in layers)


def _channels(content: bytes) -> Iterator[str]:
    """Give the names in the value of `channels`: after each stand type, linearity, and two samplings, in 16 bytes."""
    at = 0
    while content[at : at + 1] not in (b"", b"\0"):
        end = content.index(b"\0", at)
        yield content[at:end].decode("utf-8", errors="replace")
        at = end + 17
