"""A small seeded network and a made-up shot, quick enough for every test of the engine."""

from __future__ import annotations

from concurrent.futures import Executor
from dataclasses import dataclass, field

import numpy as np
import torch

from xmemcore.engine.config import EngineConfig
from xmemcore.engine.frames import Annotation, Frame, Padding, at_hand, normalise
from xmemcore.engine.propagation import Propagation, permanent_indices, plan_gaps
from xmemcore.engine.sweep import Prediction
from xmemcore.network.config import NetworkConfig
from xmemcore.network.xmem import XMem

SMALL = NetworkConfig(
    key_encoder="mobilenet_v2",
    value_encoder="light",
    key_dim=16,
    value_dim=24,
    sensory_dim=8,
    object_dim=20,
    decoder_dims=(32, 24, 16),
    update_dim=12,
)
HEIGHT, WIDTH = 40, 52


def small_network(seed: int = 0) -> XMem:
    """Build a network whose predictions vary over the picture and from frame to frame."""
    torch.manual_seed(seed)
    return XMem(SMALL).eval().requires_grad_(False)


@dataclass
class MadeUpShot:
    """A square that moves over noise, as a frame source."""

    network: XMem
    length: int
    asked: list[int] = field(default_factory=list)
    """Indices in the order in which they were asked for."""
    lane: Executor | None = None

    def __len__(self) -> int:
        return self.length

    def name(self, index: int) -> None:
        return None

    @property
    def padding(self) -> Padding:
        return Padding(HEIGHT, WIDTH)

    def picture(self, index: int) -> np.ndarray:
        rng = np.random.default_rng(7)
        image = rng.random((HEIGHT, WIDTH, 3), dtype=np.float32)
        y, x = self.place(index)
        image[y : y + 12, x : x + 12] = (0.9, 0.2, 0.1)
        return image

    def place(self, index: int) -> tuple[int, int]:
        return 6 + index % 16, 4 + 2 * index % 30

    def frame(self, index: int) -> Frame:
        self.asked.append(index)
        image = self.padding.pad(normalise(self.picture(index)))
        with torch.inference_mode():
            return Frame(at_hand(image), self.network.encode_key(image))

    def mask(self, index: int, dx: int = 0) -> torch.Tensor:
        mask = torch.zeros(HEIGHT, WIDTH)
        y, x = self.place(index)
        mask[y : y + 12, x + dx : x + dx + 12] = 1
        return mask


def propagate(
    shot: MadeUpShot, annotations: dict[int, Annotation], objects: int, config: EngineConfig, order=None, numbers=None
) -> dict[int, Prediction]:
    """Run every gap; `order` rearranges them."""
    propagation = Propagation(shot.network, shot, annotations, objects, config, numbers=numbers)
    for index in permanent_indices(annotations, config):
        propagation.learn(index)
    gaps = plan_gaps(len(shot), annotations, objects, config)
    return {index: prediction for gap in (order(gaps) if order else gaps) for index, prediction in propagation.run(gap)}
