"""Reading the golden cases: where they are, the weights they were recorded with, and the clips they show."""

from __future__ import annotations

import importlib.util
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from xmemcore.engine.frames import Annotation, Frame, Padding, at_hand, normalise
from xmemcore.network.config import FULL
from xmemcore.network.xmem import XMem


def seeded_network(parity: Path) -> XMem:
    """Build the published network with the pseudo-random weights of the golden cases."""
    spec = importlib.util.spec_from_file_location("make_weights", parity / "make_weights.py")
    recipe = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(recipe)
    network = XMem(FULL)
    network.load_state_dict({key: torch.as_tensor(np.array(value)) for key, value in recipe.make_state().items()}, strict=True)
    return network.eval().requires_grad_(False)


def working_size(height: int, width: int, size: int) -> tuple[int, int]:
    """Short side to `size`, long side rounded down."""
    return (size, size * width // height) if height <= width else (size * height // width, size)


def published_image(rgb: np.ndarray, size: int) -> Tensor:
    """Normalise, then resize as the public program does: bilinear without antialiasing. Gives (1, 3, h, w)."""
    image = normalise(rgb.astype(np.float32) / 255)
    target = working_size(*rgb.shape[:2], size)
    if target == tuple(image.shape[-2:]):
        return image
    return F.interpolate(image, size=target, mode="bilinear", align_corners=False)


@dataclass(frozen=True)
class GoldenClip:
    """Some frames of a clip, as a frame source."""

    network: XMem
    frame_paths: tuple[Path, ...]
    mask_paths: dict[int, Path]
    objects: int
    size: int

    def __len__(self) -> int:
        return len(self.frame_paths)

    @property
    def original(self) -> tuple[int, int]:
        """Height and width of the files."""
        with Image.open(self.frame_paths[0]) as file:
            return file.height, file.width

    def name(self, index: int) -> None:
        return None

    lane = None

    @property
    def padding(self) -> Padding:
        return Padding(*working_size(*self.original, self.size))

    def frame(self, index: int) -> Frame:
        with Image.open(self.frame_paths[index]) as file:
            rgb = np.asarray(file.convert("RGB"))
        image = self.padding.pad(published_image(rgb, self.size))
        with torch.inference_mode():
            return Frame(at_hand(image), self.network.encode_key(image))

    def annotation(self, position: int) -> Annotation:
        """All objects are known; those without a pixel are absent."""
        planes = [torch.from_numpy(self._labels(position) == obj + 1).float() for obj in range(self.objects)]
        resized = [
            F.interpolate(plane[None, None], size=(self.padding.height, self.padding.width), mode="nearest")[0, 0] for plane in planes
        ]
        return Annotation({obj: plane if plane.any() else None for obj, plane in enumerate(resized)})

    def _labels(self, position: int) -> np.ndarray:
        with Image.open(self.mask_paths[position]) as file:
            return np.asarray(file)


def clip(shared: Path, network: XMem, case: dict, positions: list[int], objects: int, size: int) -> GoldenClip:
    """Open the frames that a case names."""
    folder = shared / "clips" / case["video"]
    frames = sorted((folder / "frames").iterdir())
    chosen = tuple(frames[number] for number in case["clip_frames"])
    masks = {position: folder / "masks" / (chosen[position].stem + ".png") for position in positions}
    return GoldenClip(network, chosen, masks, objects, size)


def meta(case: np.lib.npyio.NpzFile) -> dict:
    """Read a case's description."""
    return json.loads(str(case["meta_json"]))
