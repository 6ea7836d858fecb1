"""What a memory element gives back: the value of each object at a frame whose masks are known."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from xmemcore.network.config import NetworkConfig
from xmemcore.network.features import Features
from xmemcore.network.fusion import FusionBlock, ResidualBlock, fold, shared_by, unfold
from xmemcore.network.resnet import BasicBlock, stage
from xmemcore.network.sensory import HiddenReinforce


class ValueEncoder(nn.Module):
    """The frame around both value encoders: object features, fused with f16, and the deep sensory update."""

    def _build_tail(self, config: NetworkConfig) -> None:
        self.fuser = FusionBlock(config.level_channels[0], config.object_dim, config.value_dim)
        self.hidden_reinforce = HiddenReinforce(config.value_dim, config.sensory_dim)

    def object_features(self, image: Tensor, features: Features, planes: Tensor) -> Tensor:
        """Map the planes (B, K, 2, H, W), mask then others, to (B, K, object_dim, h, w)."""
        raise TypeError("a value encoder is either resnet18 or light")

    def forward(
        self, image: Tensor, features: Features, masks: Tensor, others: Tensor, sensory: Tensor, deep_update: bool
    ) -> tuple[Tensor, Tensor]:
        """Encode the objects of one frame.

        Args:
            image: (B, 3, H, W), normalised, H and W multiples of 16.
            features: of the same image.
            masks: (B, K, H, W), soft, in [0, 1].
            others: (B, K, H, W), the sum of the other objects' masks.
            sensory: (B, K, Ch, h, w).
            deep_update: whether the state takes in the value.

        Returns:
            value (B, K, Cv, h, w) and the sensory state, updated or as it came.
        """
        g = self.object_features(image, features, torch.stack((masks, others), dim=2))
        value = self.fuser(self.fuser.image_half(features.f16), g)
        return value, self.hidden_reinforce(value, sensory) if deep_update else sensory


class ResNet18ValueEncoder(ValueEncoder):
    """The published one: a ResNet-18 that sees the image and two planes."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(5, 64, 7, 2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.layer1 = stage(BasicBlock, 64, 64, 2, 1)
        self.layer2 = stage(BasicBlock, 64, 128, 2, 2)
        self.layer3 = stage(BasicBlock, 128, config.object_dim, 2, 2)
        self._build_tail(config)

    def object_features(self, image: Tensor, features: Features, planes: Tensor) -> Tensor:
        """Map the planes (B, K, 2, H, W), mask then others, to (B, K, object_dim, h, w)."""
        objects = planes.shape[1]
        x = torch.cat((shared_by(image, objects), fold(planes)), dim=1)
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(x))), 3, 2, padding=1)
        return unfold(self.layer3(self.layer2(self.layer1(x))), objects)


class LightValueEncoder(ValueEncoder):
    """The compact one: the planes join the key encoder's features at strides 4 and 8, and f16 in the fuser.

    4x4 kernels of stride 2 are centred: a cell of stride s covers exactly its own s x s pixels and their neighbours.
    """

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        _, f8_dim, f4_dim = config.level_channels
        self.to2 = nn.Conv2d(2, 16, 4, 2, padding=1)
        self.to4 = nn.Conv2d(16, 32, 4, 2, padding=1)
        self.join4 = ResidualBlock(32 + f4_dim, 48)
        self.to8 = nn.Conv2d(48, 64, 4, 2, padding=1)
        self.join8 = ResidualBlock(64 + f8_dim, 80)
        self.to16 = nn.Conv2d(80, config.object_dim, 4, 2, padding=1)
        self._build_tail(config)

    def object_features(self, image: Tensor, features: Features, planes: Tensor) -> Tensor:
        """Map the planes (B, K, 2, H, W), mask then others, to (B, K, object_dim, h, w)."""
        objects = planes.shape[1]
        assert features.f4 is not None and features.f8 is not None, "kept features lack these only where this encoder is not used"
        x = self.to4(F.relu(self.to2(fold(planes))))
        x = self.to8(F.relu(_beside(self.join4, x, features.f4)))
        x = self.to16(F.relu(_beside(self.join8, x, features.f8)))
        return unfold(x, objects)


def _beside(block: ResidualBlock, x: Tensor, plate: Tensor) -> Tensor:
    """Send objects' features (B * K, C, h, w), behind them the plate's (B, ., h, w), through a block; the plate's once for all."""
    if x.shape[0] == plate.shape[0]:
        return block(torch.cat((x, plate), dim=1))
    return block.joined(block.share(plate, slice(x.shape[1], None)), x, slice(x.shape[1]))


def value_encoder(config: NetworkConfig) -> ValueEncoder:
    """Build the encoder that the configuration names."""
    return {"resnet18": ResNet18ValueEncoder, "light": LightValueEncoder}[config.value_encoder](config)
