"""A clip as the engine takes it: working images encoded once and kept, ground truth as annotations."""

from __future__ import annotations

import time
from collections.abc import Iterable

import cv2
import numpy as np
import torch
from torch import Tensor

from xmemcore.engine.frames import Annotation, Frame, Padding, normalise
from xmemcore.evaluation.clips import VOID, Clip, ClipUnreadable
from xmemcore.network.features import Features
from xmemcore.network.xmem import XMem

AREA, PUBLISHED = "area", "published"
"""How pictures are brought to working size: the product's area average, or the papers' plain bilinear."""


def working_size(height: int, width: int, short_side: int) -> tuple[int, int]:
    """Give height and width at working size: the short side as asked, the long one in proportion, rounded down."""
    if height <= width:
        return short_side, short_side * width // height
    return short_side * height // width, short_side


def resized(image: np.ndarray, size: tuple[int, int], resampling: str) -> np.ndarray:
    """Bring a float32 picture (H, W) or (H, W, C) to a size (h, w)."""
    if image.shape[:2] == size:
        return image
    reducing = size[0] < image.shape[0]
    return cv2.resize(image, size[::-1], interpolation=cv2.INTER_AREA if resampling == AREA and reducing else cv2.INTER_LINEAR)


class ClipFrames:
    """Give the engine a clip's frames by index; each is read and encoded when it is first asked for, then kept in memory."""

    def __init__(self, clip: Clip, network: XMem, size: int = 480, resampling: str = AREA, keep: bool = True) -> None:
        """Open a clip.

        Args:
            clip: the clip.
            network: encodes; its device is where frames go.
            size: short side of the working image.
            resampling: `area` or `published`.
            keep: False: every frame is encoded whenever it is asked for, and memory stays small.
        """
        self.clip = clip
        self.network = network
        self.size = size
        self.resampling = resampling
        self.keep = keep
        self.encoding_seconds = 0.0
        """Spent on reading and encoding so far."""
        self._device = next(network.parameters()).device
        self._kept: dict[int, tuple[Tensor, Features]] = {}
        first = self._read(0)
        self.height, self.width = first.shape[:2]
        self._padding = Padding(*working_size(self.height, self.width, size))

    def __len__(self) -> int:
        return len(self.clip)

    @property
    def padding(self) -> Padding:
        """How working images are padded."""
        return self._padding

    def frame(self, index: int) -> Frame:
        """Give one frame, encoded."""
        if index not in self._kept:
            began = time.perf_counter()
            image = normalise(resized(self._read(index), (self._padding.height, self._padding.width), self.resampling), self._device)
            with torch.inference_mode():
                features = self.network.kept(self.network.encode_key(self._padding.pad(image)))
            self.encoding_seconds += time.perf_counter() - began
            if not self.keep:
                return Frame(self._padding.pad(image), features)
            self._kept[index] = image, features
        image, features = self._kept[index]
        return Frame(self._padding.pad(image), features)

    def annotations(self, indices: Iterable[int]) -> dict[int, Annotation]:
        """Turn the ground truth of these indices into what an artist would have keyed; an object without a pixel there is absent.

        Object positions are those in `clip.objects`.
        """
        return {index: Annotation(self._masks(self.clip.labels(index))) for index in indices}

    def _masks(self, labels: np.ndarray) -> dict[int, Tensor | None]:
        masks: dict[int, Tensor | None] = {}
        for position, label in enumerate(self.clip.objects):
            plane = labels == label
            masks[position] = torch.from_numpy(self._reduced(plane)).to(self._device) if plane.any() else None
        return masks

    def _reduced(self, plane: np.ndarray) -> np.ndarray:
        size = (self._padding.height, self._padding.width)
        if self.resampling == PUBLISHED:
            return cv2.resize(plane.astype(np.float32), size[::-1], interpolation=cv2.INTER_NEAREST)
        covered = resized(plane.astype(np.float32), size, AREA)
        mask = covered >= 0.5
        # A thread thinner than half a pixel keeps its best-covered pixels rather than vanish.
        return (mask if mask.any() else covered >= covered.max()).astype(np.float32)

    def _read(self, index: int) -> np.ndarray:
        path = self.clip.frames[index]
        picture = cv2.imread(str(path), cv2.IMREAD_COLOR)
        if picture is None:
            raise ClipUnreadable(f"Cannot read the frame {path}. Is the data set complete?")
        return cv2.cvtColor(picture, cv2.COLOR_BGR2RGB).astype(np.float32) / 255


def labels_at(planes: Tensor, size: tuple[int, int], objects: Iterable[int]) -> np.ndarray:
    """Decide each pixel at plate size.

    Args:
        planes: (K + 1, h, w) probabilities, background first.
        size: height and width of the plate.
        objects: label of each of the K objects.

    Returns:
        uint8 labels (H, W), 0 the background.
    """
    if planes.shape[-2:] != size:
        planes = torch.nn.functional.interpolate(planes[None].float(), size, mode="bilinear", align_corners=False)[0]
    table = np.array([0, *objects], np.uint8)
    assert VOID not in table, "void is no object"
    best, winner = planes[0].clone(), torch.zeros(planes.shape[-2:], dtype=torch.uint8, device=planes.device)
    # Plane by plane: torch's argmax over a short leading dimension takes ten times as long.
    for number, plane in enumerate(planes[1:], start=1):
        winner[plane > best] = number
        torch.maximum(best, plane, out=best)
    return table[winner.cpu().numpy()]
