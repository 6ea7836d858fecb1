"""Decode memory's readout into a mask for each object."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from xmemcore.network.config import NetworkConfig
from xmemcore.network.features import Features
from xmemcore.network.fusion import FusionBlock, ResidualBlock, Surroundings, fold, shared_by, unfold
from xmemcore.network.sensory import HiddenUpdate


def enlarge(x: Tensor, factor: int) -> Tensor:
    """Enlarge (N, C, h, w) bilinearly, pixel centres at half-integers."""
    return F.interpolate(x, scale_factor=factor, mode="bilinear", align_corners=False)


class UpsampleBlock(nn.Module):
    """Enlarge object features twofold and add the image's at that stride."""

    def __init__(self, skip_dim: int, in_dim: int, out_dim: int) -> None:
        super().__init__()
        self.skip_conv = nn.Conv2d(skip_dim, in_dim, 3, padding=1)
        self.out_conv = ResidualBlock(in_dim, out_dim)

    def forward(self, skip: Tensor, g: Tensor) -> Tensor:
        """Join.

        Args:
            skip: (B, in_dim, 2h, 2w), from `skip_conv`.
            g: (B * K, in_dim, h, w).

        Returns:
            (B * K, out_dim, 2h, 2w).
        """
        objects = g.shape[0] // skip.shape[0]
        return self.out_conv(shared_by(skip, objects) + enlarge(g, 2))


class Decoder(nn.Module):
    """Fuse readout, sensory state and image, then climb to stride 4; the second half can be computed in a part of the frame."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        c16, c8, c4 = config.level_channels
        dim16, dim8, dim4 = config.decoder_dims
        self.fuser = FusionBlock(c16, config.value_dim + config.sensory_dim, dim16)
        self.hidden_update = HiddenUpdate(config.decoder_dims, config.update_dim, config.sensory_dim)
        self.up_16_8 = UpsampleBlock(c8, dim16, dim8)
        self.up_8_4 = UpsampleBlock(c4, dim8, dim4)
        self.pred = nn.Conv2d(dim4, 1, 3, padding=1)

    def fuse(self, features: Features, readout: Tensor, sensory: Tensor, around: Surroundings | None = None) -> Tensor:
        """Join readout, sensory state and image at stride 16.

        Args:
            features: with their plate terms.
            readout: (B, K, Cv, h, w).
            sensory: (B, K, Ch, h, w).
            around: of the frame, where these are a part of it.

        Returns:
            (B, K, dim16, h, w).
        """
        return self.fuser(features.fuse16, torch.cat((readout, sensory.to(readout.dtype)), dim=2), around)

    def climb(self, skip8: Tensor, skip4: Tensor, fused: Tensor, sensory: Tensor, update_sensory: bool) -> tuple[Tensor, Tensor]:
        """Climb from stride 16 to stride 4; local, so that any part of the frame can be computed alone.

        Args:
            skip8: (B, dim16, 2h, 2w), the plate's term.
            skip4: (B, dim8, 4h, 4w), likewise.
            fused: (B, K, dim16, h, w), from `fuse`.
            sensory: (B, K, Ch, h, w).
            update_sensory: whether the state takes in this frame.

        Returns:
            The sensory state (B, K, Ch, h, w), updated or as it came, and logits at stride 4, (B, K, 4h, 4w).
        """
        objects = fused.shape[1]
        g16 = fold(fused)
        g8 = self.up_16_8(skip8, g16)
        g4 = self.up_8_4(skip4, g8)
        logits = self.pred(F.relu(g4))
        if update_sensory:
            sensory = unfold(self.hidden_update(g16, g8, torch.cat((g4, logits), dim=1), fold(sensory)), objects)
        return sensory, unfold(logits, objects).squeeze(2)
