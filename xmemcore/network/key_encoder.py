"""The projection of a frame's features to key, shrinkage and selection, by which memory matches."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from xmemcore.network.config import NetworkConfig
from xmemcore.network.mobilenet import EFFICIENTNET_LITE0, MOBILENET_V2, MobileNetFeatures
from xmemcore.network.resnet import resnet50, small_resnet


def key_encoder(config: NetworkConfig) -> nn.Module:
    """Build the encoder that the configuration names."""
    layouts = {"mobilenet_v2": MOBILENET_V2, "efficientnet_lite0": EFFICIENTNET_LITE0}
    if config.key_encoder in layouts:
        return MobileNetFeatures(layouts[config.key_encoder])
    return {"resnet50": resnet50, "small_resnet": small_resnet}[config.key_encoder]()


class KeyProjection(nn.Module):
    """Project f16 to the three things that memory reads by."""

    def __init__(self, in_dim: int, key_dim: int) -> None:
        super().__init__()
        self.key_proj = nn.Conv2d(in_dim, key_dim, 3, padding=1)
        self.d_proj = nn.Conv2d(in_dim, 1, 3, padding=1)
        self.e_proj = nn.Conv2d(in_dim, key_dim, 3, padding=1)

    def forward(self, f16: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Project.

        Args:
            f16: (B, C, h, w).

        Returns:
            key (B, Ck, h, w); shrinkage (B, 1, h, w), at least 1; selection (B, Ck, h, w), in (0, 1).
        """
        return self.key_proj(f16), self.d_proj(f16).square() + 1, torch.sigmoid(self.e_proj(f16))
