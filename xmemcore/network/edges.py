"""A small network that corrects what a guided filter makes of a matte's edge: colours on both sides, thin parts, regions without an edge.

Around every cell of the working size the filter writes the matte as a linear function of the plate's colours. This network looks at the
same cells, sees more of them, and moves that function and the trust in it. The function is then asked with the plate's own pixels, so the
network's work does not grow with the plate. Nothing here knows objects: it was trained on drawn edges over generated and photographed
texture (`xmemcore/training/edges.py`).
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from xmemcore.network.checkpoint import read_state

WEIGHTS = Path(__file__).parent / "edges.safetensors"
COARSEST = 4
"""Height and width of what the network sees are multiples of this."""
_SPREAD_GAIN = 4.0
"""Brings the usual spread of brightness within a cell to the size of the other inputs."""
_PLANES = 7
"""Colours (3), matte, spread, the filter's answer, trust."""
_CHANNELS = (12, 20, 32)
_SLOPES_GAIN, _TRUST_GAIN = 4.0, 4.0
_SURE = 0.02
"""The filter's trust is taken as at least this, and at most 1 minus it, so that it can be moved."""


class EdgeNetwork(nn.Module):
    """Look at cells at three scales, and say how the filter's function and trust are to change."""

    def __init__(self) -> None:
        super().__init__()
        fine, middle, coarse = _CHANNELS
        self.fine = nn.Sequential(*_layer(_PLANES, fine), *_layer(fine, fine))
        self.middle = nn.Sequential(*_layer(fine, middle, stride=2), *_layer(middle, middle))
        self.coarse = nn.Sequential(*_layer(middle, coarse, stride=2), *_layer(coarse, coarse), *_layer(coarse, coarse))
        self.to_middle = nn.Sequential(*_layer(coarse + middle, middle))
        self.to_fine = nn.Sequential(*_layer(middle + fine, fine), nn.Conv2d(fine, 6, 3, padding=1))

    def forward(self, planes: Tensor) -> Tensor:
        """Give changes (B, 6, h, w): of the three slopes, of the answer, of the slopes' size, of the trust."""
        fine = self.fine(planes)
        middle = self.middle(fine)
        coarse = self.coarse(middle)
        middle = self.to_middle(torch.cat((enlarged(coarse, middle), middle), dim=1))
        return self.to_fine(torch.cat((enlarged(middle, fine), fine), dim=1))

    def corrected(self, colours: Tensor, matte: Tensor, spread: Tensor, function: Tensor, trust: Tensor) -> tuple[Tensor, Tensor]:
        """Correct a filter's function of the colours.

        Args:
            colours: (B, 3, h, w) in [0, 1], display-encoded, the mean of each cell; h and w multiples of `COARSEST`.
            matte: (B, 1, h, w) in [0, 1].
            spread: (B, 1, h, w), standard deviation of the brightness within each cell.
            function: (B, 4, h, w), weight of each colour, then the constant.
            trust: (B, 1, h, w) in [0, 1].

        Returns:
            The function (B, 4, h, w), and the logit of the trust (B, 1, h, w).
        """
        return self.moved(self(seen(colours, matte, spread, function, trust)), colours, function, trust)

    @staticmethod
    def moved(changes: Tensor, colours: Tensor, function: Tensor, trust: Tensor) -> tuple[Tensor, Tensor]:
        """Move a function and its trust by changes (B, 6, h, w), cell by cell; the other planes, and what is given, as of `corrected`."""
        answer = _answer(function, colours)
        slopes = function[:, :3] * (1 + changes[:, 4:5]).clamp(0, 3) + _SLOPES_GAIN * changes[:, :3]
        constant = answer + changes[:, 3:4] - (slopes * colours).sum(dim=1, keepdim=True)
        logit = torch.logit(_SURE + (1 - 2 * _SURE) * trust) + _TRUST_GAIN * changes[:, 5:]
        return torch.cat((slopes, constant), dim=1), logit


def seen(colours: Tensor, matte: Tensor, spread: Tensor, function: Tensor, trust: Tensor) -> Tensor:
    """Give what the network sees, (B, 7, h, w), of planes as of `EdgeNetwork.corrected`."""
    answer = _answer(function, colours).clamp(-0.5, 1.5)
    return torch.cat((colours - 0.5, 2 * matte - 1, _SPREAD_GAIN * spread, 2 * answer - 1, 2 * trust - 1), dim=1)


def _answer(function: Tensor, colours: Tensor) -> Tensor:
    return (function[:, :3] * colours).sum(dim=1, keepdim=True) + function[:, 3:]


@cache
def edge_network() -> EdgeNetwork:
    """Load the bundled weights, once a process; raises RequestError."""
    network = EdgeNetwork()
    network.load_state_dict(read_state(WEIGHTS))
    # Channels last: half the time on a CPU.
    return network.to(memory_format=torch.channels_last).eval().requires_grad_(False)  # type: ignore[call-overload]


def _layer(before: int, after: int, stride: int = 1) -> tuple[nn.Module, nn.Module]:
    return nn.Conv2d(before, after, 3, stride=stride, padding=1), nn.ReLU(inplace=True)


def enlarged(planes: Tensor, like: Tensor) -> Tensor:
    """Bring planes (B, C, h, w) to the size of others (B, ., H, W), bilinear."""
    return F.interpolate(planes, size=like.shape[2:], mode="bilinear", align_corners=False)
