"""A key encoder's published weights, batch norm and all, come to the same features as the network that they are from."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from xmemcore.network.mobilenet import EFFICIENTNET_LITE0, MOBILENET_V2, Layout, MobileNetFeatures, StridedConv
from xmemcore.protocol.failures import RequestError
from xmemcore.training.recipe import Recipe
from xmemcore.training.start import new_network


class Published(nn.Module):
    """The network as its trainers have it: a batch norm behind each convolution, features of any size."""

    def __init__(self, layout: Layout, epsilon: float) -> None:
        super().__init__()
        self.layout = layout
        own = MobileNetFeatures(layout)
        self.stem = self._normed(own.stem, epsilon)
        self.blocks = nn.ModuleList()
        for block in own.blocks:
            convolutions = [conv for conv in (block.expand, block.depthwise, block.project) if conv is not None]
            self.blocks.append(nn.ModuleList(self._normed(conv, epsilon) for conv in convolutions))

    @staticmethod
    def _normed(conv: nn.Conv2d, epsilon: float) -> nn.Sequential:
        conv.bias = None
        norm = nn.BatchNorm2d(conv.out_channels, eps=epsilon)
        nn.init.normal_(norm.weight, 0.6, 0.2)
        nn.init.normal_(norm.bias, 0.3, 0.3)
        return nn.Sequential(conv, norm)

    def forward(self, pixels: Tensor) -> dict[str, Tensor]:
        x = F.relu6(self.stem(pixels))
        levels = {}
        for number, (block, layers) in enumerate(zip(self.layout.blocks, self.blocks)):
            y = x
            for layer in layers[:-1]:
                y = F.relu6(layer(y))
            y = layers[-1](y)
            x = x + y if block.stride == 1 and block.in_dim == block.out_dim else y
            if number in self.layout.levels:
                levels[self.layout.levels[number]] = x
        return levels


@pytest.mark.parametrize(
    ("name", "layout", "epsilon"), [("mobilenet_v2", MOBILENET_V2, 1e-5), ("efficientnet_lite0", EFFICIENTNET_LITE0, 1e-3)]
)
def test_folded_weights_give_the_published_features_at_the_size_that_is_wanted(
    name: str, layout: Layout, epsilon: float, tmp_path: Path
) -> None:
    torch.manual_seed(3)
    published = Published(layout, epsilon)
    image = torch.randn(2, 3, 64, 64)
    network = MobileNetFeatures(layout)
    # MobileNetV2 is published for ImageNet's normalisation, EfficientNet-Lite for pixels in [-1, 1].
    pixels = image if name == "mobilenet_v2" else image * network.gain + network.offset
    with torch.no_grad():
        for _ in range(60):
            published(pixels)  # so that its batch norms know these pictures
        wanted = published.eval()(pixels)
        torch.save(published.state_dict(), tmp_path / "start.pth")
        found = new_network(Recipe(key_encoder=name, encoder=str(tmp_path / "start.pth"))).key_encoder(image)
    for level, features in zip(("f16", "f8", "f4"), found):
        assert 0.8 < float(features.square().mean().sqrt()) < 1.25
        inner = slice(None)
        if name == "mobilenet_v2":
            # Its border is padded with grey here, and with the mean colour there; only f4 has places that see none of it.
            if level != "f4":
                continue
            inner = slice(4, -4)
        both = torch.stack([maps[..., inner, inner].flatten() for maps in (features, wanted[level])])
        assert torch.corrcoef(both)[0, 1] > 0.999


def test_weights_of_another_network_are_refused_in_a_sentence(tmp_path: Path) -> None:
    torch.save(Published(MOBILENET_V2, 1e-5).state_dict(), tmp_path / "start.pth")
    with pytest.raises(RequestError, match=r"no blocks\.3\.depthwise\.weight of the right shape.*efficientnet_lite0"):
        new_network(Recipe(key_encoder="efficientnet_lite0", encoder=str(tmp_path / "start.pth")))


def test_strides_of_larger_kernels_are_centred_as_those_of_small_ones() -> None:
    for second in (False, True):
        for kernel in (3, 5):
            conv = StridedConv(1, 1, 1, second, kernel)
            with torch.no_grad():
                conv.weight.zero_()
                conv.weight[..., kernel // 2, kernel // 2] = 1
                conv.bias.zero_()
            picture = torch.arange(64.0).view(1, 1, 8, 8)
            assert torch.equal(conv(picture), picture[..., int(second) :: 2, int(second) :: 2])
