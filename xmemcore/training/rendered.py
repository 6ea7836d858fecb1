"""Rendered scenes on disk, and the choice of moments and targets that make a clip of them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from xmemcore.protocol.failures import RequestError
from xmemcore.protocol.whole_file import whole, write_text

RECORD = "scenes.json"
"""File in a folder of scenes that says how they were made, and from which pictures the skins were cut."""
GENERATED, UNSAID = "generated", "photographs"
"""Skins that were generated; skins cut from pictures of unknown terms."""
_QUALITY = 93
"""Quality of the JPEGs in which colour is kept; cover and labels are kept exactly."""


@dataclass(frozen=True)
class RenderedScene:
    """A few bodies without a background."""

    colours: np.ndarray
    """(T, S, S, 4) uint8: RGB and cover."""
    labels: np.ndarray
    """(T, S, S, 2) uint8: body and skin, both from 1; 0 where nothing is."""


def begin_folder(folder: Path, recipe: dict[str, Any]) -> None:
    """Make a folder for scenes, or go on with one that was made in the same way.

    Args:
        folder: where.
        recipe: values that the scenes depend on; `skins` names the source of the skins: GENERATED, UNSAID, or the terms of the pictures.

    Raises:
        RequestError: the folder's scenes were made otherwise. OSError.
    """
    folder.mkdir(parents=True, exist_ok=True)
    former = _record(folder)
    if former and former != recipe:
        raise RequestError(f"The scenes in {folder} were made otherwise ({json.dumps(former)}). Name another folder.")
    write_text(folder / RECORD, json.dumps(recipe, indent=1))


def _record(folder: Path) -> dict[str, Any]:
    try:
        content = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def scene_path(folder: Path, number: int) -> Path:
    """Say where a scene is kept."""
    return folder / f"scene_{number:05d}.npz"


def save_scene(path: Path, scene: RenderedScene) -> None:
    """Keep a scene whole or not at all; raises OSError."""
    arrays: dict[str, Any] = {}
    for t, (colour, labels) in enumerate(zip(scene.colours, scene.labels)):
        planes = np.dstack((labels, colour[..., 3]))
        arrays[f"colour_{t}"] = cv2.imencode(".jpg", colour[..., 2::-1], (cv2.IMWRITE_JPEG_QUALITY, _QUALITY))[1]
        arrays[f"planes_{t}"] = cv2.imencode(".png", planes)[1]
    with whole(path) as file:
        np.savez(file, frames=len(scene.colours), **arrays)


def load_scene(path: Path, moments: np.ndarray | None = None) -> RenderedScene:
    """Read a scene.

    Args:
        path: its file.
        moments: in [0, 1], which of its frames; None: all.

    Raises:
        RequestError: it is damaged.
    """
    try:
        with np.load(path) as scene:
            frames = int(scene["frames"])
            chosen = np.arange(frames) if moments is None else np.round(moments * (frames - 1)).astype(int)
            colours = [_decoded(scene[f"colour_{t}"])[..., ::-1] for t in chosen]
            planes = [_decoded(scene[f"planes_{t}"]) for t in chosen]
    except Exception as error:  # a damaged file can raise any exception
        raise RequestError(f"The rendered scene {path} is damaged ({error}). Delete it, and render again.") from error
    joined = [np.dstack((colour, plane[..., 2])) for colour, plane in zip(colours, planes)]
    return RenderedScene(np.stack(joined), np.stack([plane[..., :2] for plane in planes]))


class Scenes:
    """All scenes of a folder."""

    def __init__(self, folder: Path | str) -> None:
        """List them; raises RequestError."""
        self._paths = sorted(Path(folder).glob("scene_*.npz"))
        # A folder without the record counts as skins of unknown terms.
        self.skins = str(_record(Path(folder)).get("skins", UNSAID))
        """GENERATED, UNSAID, or the terms of the pictures that the bodies' skins were cut from."""
        if not self._paths:
            raise RequestError(f"There are no rendered scenes in {folder}. Make them: xmem-roto train scenes {folder}")

    def __len__(self) -> int:
        return len(self._paths)

    def scene(self, rng: np.random.Generator, at: np.ndarray) -> RenderedScene:
        """Give a stretch of a scene at moments `at`, ascending in [0, 1]; the stretch is chosen, and may run backward."""
        path = self._paths[rng.integers(len(self._paths))]
        long = rng.uniform(0.4, 1.0)
        moments = rng.uniform(0, 1 - long) + long * at
        return load_scene(path, moments if rng.random() < 0.5 else 1 - moments)


def targets(rng: np.random.Generator, labels: np.ndarray, objects: int, partial: bool) -> np.ndarray:
    """Choose targets of a scene.

    Args:
        rng: makes every choice.
        labels: (T, S, S, 2), body and skin.
        objects: 1 or 2.
        partial: whether they are parts of one body; whole bodies otherwise, or where the body has no parts.

    Returns:
        (T, S, S) uint8: 1 and 2 for the targets, 0 for all else; the second may be missing.
    """
    bodies = labels[..., 0]
    sizes = np.bincount(bodies.ravel(), minlength=2)
    shown = [body for body in range(1, len(sizes)) if sizes[body]]
    if not shown:
        return np.zeros_like(bodies)
    chosen = rng.permutation(shown)
    skins = [int(skin) for skin in np.unique(labels[..., 1][bodies == chosen[0]])]
    if partial and len(skins) > 1:
        order = rng.permutation(skins)
        first = order[: rng.integers(1, len(order))]
        of_body = bodies == chosen[0]
        found = np.where(of_body & np.isin(labels[..., 1], first), 1, 0)
        second = of_body & (found == 0)
    else:
        found = np.where(bodies == chosen[0], 1, 0)
        second = bodies == chosen[1] if len(chosen) > 1 else np.zeros_like(bodies, bool)
    return (found + 2 * second if objects > 1 else found).astype(np.uint8)


def _decoded(stream: np.ndarray) -> np.ndarray:
    picture = cv2.imdecode(stream, cv2.IMREAD_COLOR)
    if picture is None:
        raise ValueError("a picture in it cannot be decoded")
    return picture
