"""Photographs with masks or part labels, as a source of cut-outs; decoded once and kept.

A folder of stills holds sub-folders with `images/` (JPEG or PNG) and, where there are any, `masks/` (index PNGs of the same name):
two labels are a thing and its background, more are the parts of one thing. Sub-folders without masks are backgrounds. A file `terms.txt`
beside them says in its first line what the pictures are and what their licences permit.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from xmemcore.protocol.failures import RequestError
from xmemcore.training.cutouts import Cutout

TERMS = "terms.txt"
_SUFFIXES = (".jpg", ".jpeg", ".png")
_SMALLEST_THING = 400
"""Least pixels of a thing. A smaller one is a mislabelled picture or shows nothing worth following."""


def terms_of(folder: Path) -> str | None:
    """Read what a folder says of its pictures' licences, in one line; None where it says nothing."""
    try:
        return (folder / TERMS).read_text(encoding="utf-8").strip().splitlines()[0]
    except (OSError, ValueError, IndexError):
        return None


@dataclass(frozen=True)
class _Still:
    image: Path
    mask: Path | None


class Stills:
    """All photographs under one folder."""

    def __init__(self, root: Path | str) -> None:
        """List the photographs; raises RequestError."""
        root = Path(root)
        if not root.is_dir():
            raise RequestError(f"There is no folder {root}. Give the folder that holds the sets of photographs.")
        try:
            folders = sorted(f for f in root.iterdir() if (f / "images").is_dir())
            stills = [
                _pair(image) for folder in folders for image in sorted((folder / "images").iterdir()) if image.suffix.lower() in _SUFFIXES
            ]
        except OSError as error:
            raise RequestError(f"Cannot look into {error.filename}: {error.strerror}. Ask for read access.") from error
        self._root = root
        self._masked = [still for still in stills if still.mask is not None]
        self._all = stills
        self._pictures: dict[Path, np.ndarray] = {}
        self._cutouts: dict[Path, Cutout | None] = {}
        if not self._masked:
            raise RequestError(f"No photograph with a mask under {root}. Expected <set>/images and <set>/masks of the same names.")

    @property
    def terms(self) -> str | None:
        """The folder's statement about its pictures' licences; None where there is none."""
        return terms_of(self._root)

    def background(self, rng: np.random.Generator) -> np.ndarray:
        """Give any photograph."""
        return self._picture(self._all[rng.integers(len(self._all))].image)

    def cutout(self, rng: np.random.Generator) -> Cutout:
        """Give a masked photograph whose thing is large enough."""
        while True:
            still = self._masked[rng.integers(len(self._masked))]
            if still.image not in self._cutouts:
                self._cutouts[still.image] = self._read(still)
                self._require_any()
            if (cutout := self._cutouts[still.image]) is not None:
                return cutout

    def _require_any(self) -> None:
        """Raise RequestError when all masks have been read and none shows a thing."""
        if len(self._cutouts) == len(self._masked) and all(cutout is None for cutout in self._cutouts.values()):
            raise RequestError(f"No mask under {self._root} covers {_SMALLEST_THING} pixels. Are they empty, or very small?")

    def _picture(self, path: Path) -> np.ndarray:
        if path not in self._pictures:
            encoded = cv2.imread(str(path), cv2.IMREAD_COLOR)
            if encoded is None:
                raise RequestError(f"Cannot read the photograph {path}. Replace it, or take it out of the folder.")
            self._pictures[path] = cv2.cvtColor(encoded, cv2.COLOR_BGR2RGB)
        return self._pictures[path]

    def _read(self, still: _Still) -> Cutout | None:
        assert still.mask is not None
        # Pillow, because opencv turns palette indices into the palette's colours.
        try:
            with Image.open(still.mask) as file:
                labels: np.ndarray = np.asarray(file).astype(np.uint8)
        except OSError as error:
            raise RequestError(f"Cannot read the mask {still.mask} ({error}). Replace it, or take it out of the folder.") from error
        if labels.ndim != 2:
            raise RequestError(f"The mask {still.mask} has colours. Masks are index or grey PNGs, 0 where the background is.")
        picture = self._picture(still.image)
        if labels.shape != picture.shape[:2]:
            labels = cv2.resize(labels, (picture.shape[1], picture.shape[0]), interpolation=cv2.INTER_NEAREST)
        if np.count_nonzero(labels) < _SMALLEST_THING:
            return None
        parts = labels if len(np.unique(labels)) > 2 else None
        return Cutout(picture, np.where(labels > 0, 255, 0).astype(np.uint8), parts)


def _pair(image: Path) -> _Still:
    mask = image.parent.parent / "masks" / f"{image.stem}.png"
    return _Still(image, mask if mask.exists() else None)
