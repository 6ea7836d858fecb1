"""The network that is laid out for speed computes the same."""

from __future__ import annotations

import torch

from tests.engine.small import SMALL, small_network
from xmemcore.network.config import NetworkConfig
from xmemcore.network.inference import prepared
from xmemcore.network.xmem import XMem


def resnets() -> XMem:
    torch.manual_seed(1)
    network = XMem(NetworkConfig(key_dim=16, value_dim=32, sensory_dim=8, decoder_dims=(32, 24, 16), update_dim=12)).eval()
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.uniform_(-0.1, 0.1)
            module.running_var.uniform_(0.8, 1.2)
    return network.requires_grad_(False)


@torch.inference_mode()
def test_prepared_network_differs_by_rounding_alone() -> None:
    image, masks = torch.randn(1, 3, 48, 64), torch.rand(1, 2, 48, 64)
    for network in (resnets(), small_network()):
        fast = prepared(network)
        slow_features, fast_features = network.encode_key(image), fast.encode_key(image)
        for name, tensor in slow_features.tensors().items():
            assert torch.allclose(fast_features.tensors()[name], tensor, atol=1e-4, rtol=1e-3), name
        sensory = network.empty_sensory(2, 48, 64)
        slow, _ = network.encode_value(image, slow_features, masks, masks.flip(1), sensory, True)
        quick, _ = fast.encode_value(image, slow_features, masks, masks.flip(1), sensory, True)
        assert torch.allclose(quick, slow, atol=1e-4, rtol=1e-3)
        assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in fast.modules())


@torch.inference_mode()
def test_kept_features_are_enough_to_decode() -> None:
    network = small_network()
    features = network.encode_key(torch.randn(1, 3, 48, 64))
    readout, sensory = torch.randn(1, 2, SMALL.value_dim, 3, 4), network.empty_sensory(2, 48, 64)
    _, whole = network.decode(features, readout, sensory, True)
    _, kept = network.decode(network.kept(features), readout, sensory, True)
    assert torch.equal(whole, kept)
