"""Find clips with ground truth in the layouts of data sets, and choose the frames to annotate.

Understood: `<clip>/{frames,masks}` (ours), and `JPEGImages/[480p/]<clip>` beside `Annotations/[480p/]<clip>` (DAVIS, YouTube-VOS,
MOSE, LVOS, PUMaVOS). Frames and masks belong together by file name; masks may be missing for most frames.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from PIL import Image

from xmemcore.engine.selection import evenly
from xmemcore.protocol.failures import RequestError
from xmemcore.protocol.frames import FrameRange

VOID = 255
"""Label of pixels that count nowhere, in masks that also hold smaller labels; DAVIS-2016 uses 255 for its one object."""

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".tif", ".tiff")
RESOLUTIONS = ("480p", "Full-Resolution", "1080p")


class NothingToScore(RequestError):
    """The annotations that were asked for leave no frame with a mask to score, or there are too few masks."""


@dataclass(frozen=True)
class Clip:
    """One clip: its frames in order, and the masks that exist."""

    name: str
    frames: tuple[Path, ...]
    """Image of each index."""
    masks: dict[int, Path]
    """Mask by index, in order; not every index has one."""

    def __len__(self) -> int:
        return len(self.frames)

    @property
    def sparse(self) -> bool:
        """Tell whether some frame has no mask."""
        return len(self.masks) < len(self.frames)

    @property
    def plate(self) -> str:
        """Name the frames as `propagate` takes a plate; raises RequestError."""
        return _pattern(self.name, self.frames)

    @property
    def mask_files(self) -> str:
        """Name the masks as `propagate` takes them; raises RequestError."""
        return _pattern(self.name, tuple(self.masks.values()))

    def frame_number(self, index: int) -> int:
        """Give the number in a frame's file name, or the index when there is none."""
        digits = re.findall(r"\d+", self.frames[index].stem)
        return int(digits[-1]) if digits else index

    def labels(self, index: int) -> np.ndarray:
        """Read the ground truth of an index as uint8 labels (H, W), 0 the background, `VOID` where nothing counts.

        Raises:
            RequestError: the file is no index or grey image.
        """
        labels = _read_labels(self.masks[index])
        return np.where(labels == VOID, 1, labels).astype(np.uint8) if self._binary else labels

    def label_of(self, name: str) -> int:
        """Say which label an object has, by the name that `propagate` gives it; -1 for a name that comes from no label."""
        if self._binary:
            return self.objects[0]
        return int(name) if name.isdecimal() else -1

    @cached_property
    def objects(self) -> tuple[int, ...]:
        """List the labels that occur in any mask, without background and void."""
        return (1,) if self._binary else tuple(sorted(self._values - {0, VOID}))

    @cached_property
    def _values(self) -> frozenset[int]:
        return frozenset(int(v) for path in self.masks.values() for v in np.unique(_read_labels(path)))

    @cached_property
    def _binary(self) -> bool:
        """Tell whether the masks are black and white, as DAVIS-2016's are."""
        return VOID in self._values and self._values <= {0, VOID}


def _pattern(clip: str, paths: Sequence[Path]) -> str:
    """Write a pattern that stands for these files alone: `frames/[0-96x4].jpg`."""
    numbered = [re.fullmatch(r"(.*?)(\d+)", path.stem) for path in paths]
    around = {(path.parent, match[1] if match else None, path.suffix) for path, match in zip(paths, numbered)}
    folder, before, suffix = next(iter(around))
    if len(around) > 1 or before is None:
        raise RequestError(
            f"The files of {clip} in {folder} are not numbered in one way, as {paths[0].name} is. "
            f"Call them 00000{paths[0].suffix} and so on."
        )
    frames = str(FrameRange.of(int(match[2]) for match in numbered if match))
    first, *rest = frames.split(",", 1)
    # A lone number in brackets would be part of the name.
    return str(folder / f"{before}[{first if '-' in first else f'{first}-{first}'}{''.join(f',{part}' for part in rest)}]{suffix}")


def _read_labels(path: Path) -> np.ndarray:
    # Pillow, because opencv turns palette indices into the palette's colours.
    try:
        with Image.open(path) as image:
            if image.mode not in ("P", "L", "1"):
                raise RequestError(f"The mask {path} is a {image.mode} picture. Ground truth must be an index or grey PNG.")
            labels = np.asarray(image)
    except OSError as error:
        raise RequestError(f"Cannot read the mask {path} ({error}). Is the data set complete?") from error
    return np.where(labels, 255, 0).astype(np.uint8) if labels.dtype == bool else labels


def find_clips(root: Path | str) -> list[Clip]:
    """List the clips under a folder, by name, whichever of the known layouts it has; the folder may itself be one clip.

    Raises:
        RequestError: the folder does not exist or has none of the layouts.
    """
    root = Path(root)
    if not root.is_dir():
        raise RequestError(f"There is no folder {root}. Give the folder that holds the clips.")
    pairs = _own_layout(root) or _benchmark_layout(root)
    clips = [clip for name, frames, masks in pairs if (clip := _pair(name, frames, masks)) is not None]
    if not clips:
        raise RequestError(
            f"No clip with frames and masks under {root}. "
            "Expected <clip>/frames and <clip>/masks, or JPEGImages/<clip> and Annotations/<clip>."
        )
    return clips


def _own_layout(root: Path) -> list[tuple[str, Path, Path]]:
    if (root / "frames").is_dir() and (root / "masks").is_dir():
        return [(root.resolve().name, root / "frames", root / "masks")]
    folders = sorted(f for f in root.iterdir() if (f / "frames").is_dir() and (f / "masks").is_dir())
    return [(f.name, f / "frames", f / "masks") for f in folders]


def _benchmark_layout(root: Path) -> list[tuple[str, Path, Path]]:
    images, annotations = root / "JPEGImages", root / "Annotations"
    if not images.is_dir() or not annotations.is_dir():
        return []
    for resolution in RESOLUTIONS:
        if (images / resolution).is_dir() and (annotations / resolution).is_dir():
            images, annotations = images / resolution, annotations / resolution
            break
    folders = sorted(f for f in images.iterdir() if f.is_dir() and (annotations / f.name).is_dir())
    return [(f.name, f, annotations / f.name) for f in folders]


def _pair(name: str, frames: Path, masks: Path) -> Clip | None:
    """Match frames and masks by file name; None when no frame has a mask."""
    images = sorted(p for p in frames.iterdir() if p.suffix.lower() in IMAGE_SUFFIXES)
    mask_of = {p.stem: p for p in masks.iterdir() if p.suffix.lower() == ".png"}
    matched = {index: mask_of[image.stem] for index, image in enumerate(images) if image.stem in mask_of}
    return Clip(name, tuple(images), matched) if matched else None


def spread(clip: Clip, k: int) -> tuple[int, ...]:
    """Choose k indices evenly among those that have a mask.

    Raises:
        NothingToScore: no frame with a mask would be left to score, or there are fewer than k.
    """
    require_scorable(clip, k)
    candidates = list(clip.masks)
    return tuple(candidates[position] for position in evenly(len(candidates), k))


def require_scorable(clip: Clip, k: int) -> None:
    """Make sure that k annotations leave a frame to score.

    Raises:
        NothingToScore: they do not.
    """
    if k < 1:
        raise NothingToScore(f"{k} annotations cannot be propagated. Ask for at least 1.")
    if k >= len(clip.masks):
        raise NothingToScore(f"{clip.name} has {len(clip.masks)} masks: {k} annotations leave no frame to score.")


def named(clips: Sequence[Clip], names: Sequence[str] | None) -> list[Clip]:
    """Keep the clips with these names, in the order of the folder; None keeps all.

    Raises:
        RequestError: a name belongs to no clip.
    """
    if names is None:
        return list(clips)
    known = [clip.name for clip in clips]
    for name in names:
        if name not in known:
            raise RequestError(f"There is no clip {name}. These exist: {', '.join(known)}.")
    return [clip for clip in clips if clip.name in names]


def nearest(index: int, annotated: Sequence[int]) -> int:
    """Find the annotated index nearest to an index; of two at the same distance the earlier one."""
    return min(annotated, key=lambda a: (abs(a - index), a))


def hold(clip: Clip, annotated: Sequence[int]) -> dict[int, np.ndarray]:
    """Predict by copying the nearest annotation: the baseline that a propagation has to beat.

    Returns:
        The labels (H, W) of every index that has a mask.
    """
    held = {index: clip.labels(index) for index in annotated}
    return {index: held[nearest(index, annotated)] for index in clip.masks}
