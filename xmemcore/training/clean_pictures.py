"""Pictures whose licences permit any use, from packages of Debian.

    apt-get install openclipart-png lomiri-wallpapers-16.04     (or unpack both with dpkg-deb -x, and name the folder with --root)

What enters is listed picture by picture in `clean_pictures.tsv`, with its package, licence, author and hash; a file that differs from its
entry is left out. Cut-outs are drawings in the public domain, each as the metadata of its own SVG says (package openclipart-svg, same
names); backgrounds are photographs under CC0 or CC BY, as the package's copyright file says picture by picture. Left out, after reading
their copyright files: tuxpaint-stamps-default, plasma-workspace-wallpapers and mate-backgrounds (GPL), gnome-backgrounds, ukui-wallpapers
and the other pictures of lomiri-wallpapers (share-alike), and of openclipart whatever shows logos, flags, signs and buttons.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import astuple, dataclass, fields
from pathlib import Path

import cv2
import numpy as np

from xmemcore.network.catalogue import hash_file
from xmemcore.protocol.failures import RequestError
from xmemcore.protocol.whole_file import write_text
from xmemcore.training.procedural import SIDE, Procedural
from xmemcore.training.stills import TERMS

MANIFEST = Path(__file__).with_name("clean_pictures.tsv")
LINE = "clean pictures alone: drawings in the public domain (openclipart), photographs under CC0 and CC BY 4.0 (lomiri-wallpapers)"
CLIPART = "usr/share/openclipart/png"
FOLDERS = (
    "animals",
    "buildings",
    "containers",
    "decorations",
    "electronics",
    "food",
    "office",
    "people",
    "plants",
    "recreation",
    "science",
    "tools",
    "transportation",
)
"""Folders of openclipart that show things."""
_LARGEST = 272
"""Pixels of a picture's short side in the set."""


@dataclass(frozen=True)
class Listed:
    """One picture of the manifest."""

    package: str
    path: str
    """Path below the root of the file system."""
    sha256: str
    licence: str
    author: str


def listed(manifest: Path = MANIFEST) -> list[Listed]:
    """Read the manifest."""
    first, *rows = manifest.read_text(encoding="utf-8").splitlines()
    assert first.split("\t") == [field.name for field in fields(Listed)], "the manifest's columns are those of Listed"
    return [Listed(*row.split("\t")) for row in rows]


def build(root: Path, out: Path, manifest: Path = MANIFEST) -> tuple[int, int]:
    """Build a folder of stills from installed or unpacked packages.

    Returns:
        How many pictures entered, and how many differ from their entry.

    Raises:
        RequestError: there is none at all.
    """
    entered, other = 0, 0
    for number, picture in enumerate(listed(manifest)):
        path = root / picture.path
        if not path.is_file() or hash_file(path) != picture.sha256:
            other += 1
            continue
        _enter(path, picture, out, number)
        entered += 1
    if not entered:
        raise RequestError(f"Under {root} is none of the listed pictures. Install openclipart-png and lomiri-wallpapers-16.04 first.")
    write_text(out / TERMS, LINE + "\n")
    return entered, other


def _enter(path: Path, picture: Listed, out: Path, number: int) -> None:
    folder = out / picture.package
    (folder / "images").mkdir(parents=True, exist_ok=True)
    read = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert read is not None, "it was read when it was listed"
    factor = min(1.0, _LARGEST / min(read.shape[:2]))
    read = cv2.resize(read, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    if picture.package != "openclipart-png":
        cv2.imwrite(str(folder / "images" / f"{number:05d}.jpg"), read[..., :3], (cv2.IMWRITE_JPEG_QUALITY, 92))
        return
    (folder / "masks").mkdir(exist_ok=True)
    # A drawing has no surroundings; it gets generated ones, always the same.
    ground = Procedural().background(np.random.default_rng(number))
    ground = cv2.resize(ground, (max(SIDE, 2 * read.shape[1]), max(SIDE, 2 * read.shape[0])), interpolation=cv2.INTER_LINEAR)
    top, left = (ground.shape[0] - read.shape[0]) // 2, (ground.shape[1] - read.shape[1]) // 2
    place = (slice(top, top + read.shape[0]), slice(left, left + read.shape[1]))
    cover = read[..., 3:].astype(np.float32) / 255
    ground[place] = np.round(ground[place] * (1 - cover) + read[..., :3] * cover)
    mask: np.ndarray = np.zeros(ground.shape[:2], np.uint8)
    mask[place] = read[..., 3] > 127
    factor = min(1.0, _LARGEST / min(mask.shape))
    ground = cv2.resize(ground, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    mask = cv2.resize(mask, (ground.shape[1], ground.shape[0]), interpolation=cv2.INTER_NEAREST)
    cv2.imwrite(str(folder / "images" / f"{number:05d}.png"), ground)
    cv2.imwrite(str(folder / "masks" / f"{number:05d}.png"), mask)


def survey(root: Path) -> Iterator[Listed]:
    """Find all pictures under unpacked packages that may enter the manifest; openclipart-svg must be among them."""
    drawings = root / CLIPART
    for path in sorted(drawings.rglob("*.png")):
        inside = path.relative_to(drawings)
        svg = root / "usr/share/openclipart/svg" / inside.with_suffix(".svg")
        if inside.parts[0] not in FOLDERS or not svg.is_file() or not _shows_a_thing(path):
            continue
        svg_text = svg.read_text(encoding="utf-8", errors="replace")
        licence = re.search(r"<cc:license[^>]*rdf:resource=\"[^\"]*/(PublicDomain|publicdomain/[a-z]+/[0-9.]+)/?\"", svg_text)
        author = re.search(r"<dc:creator>.*?<dc:title>([^<]{1,80})</dc:title>", svg_text, re.DOTALL)
        if licence:
            name = " ".join((author[1] if author else "not named").split())
            yield Listed("openclipart-png", str(path.relative_to(root)), hash_file(path), "public domain", name)
    copyright_file = root / "usr/share/doc/lomiri-wallpapers-16.04/copyright"
    copyright_text = copyright_file.read_text(encoding="utf-8") if copyright_file.is_file() else ""
    for stanza in copyright_text.split("\n\n"):
        match = re.match(r"Files: 16\.04/(\S+)\nCopyright: ([^\n]+)\nLicense: (CC-BY-4\.0|CC0-1\.0)$", stanza.strip())
        if match:
            for path in sorted(root.rglob(match[1])):
                yield Listed("lomiri-wallpapers-16.04", str(path.relative_to(root)), hash_file(path), match[3], match[2])


def _shows_a_thing(path: Path) -> bool:
    read = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if read is None or read.ndim != 3 or read.shape[2] != 4 or min(read.shape[:2]) < 64:
        return False
    return 0.08 < float((read[..., 3] > 127).mean()) < 0.92


def write_survey(root: Path, path: Path) -> int:
    """Write the manifest anew, from unpacked packages, for a person to read; returns the number of pictures, raises RequestError."""
    rows = [astuple(picture) for picture in survey(root)]
    if not rows:
        packages = "openclipart-png, openclipart-svg and lomiri-wallpapers-16.04"
        raise RequestError(f"Under {root} is none of the packages that are looked through. Install {packages} first.")
    write_text(path, "\n".join("\t".join(row) for row in [tuple(field.name for field in fields(Listed)), *rows]) + "\n")
    return len(rows)
