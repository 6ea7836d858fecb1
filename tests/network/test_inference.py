"""The network that is laid out for speed computes the same."""

from __future__ import annotations

import pytest
import torch

from tests.engine.small import SMALL, small_network
from xmemcore.network import fused
from xmemcore.network.config import NetworkConfig
from xmemcore.network.features import Box, Features
from xmemcore.network.fusion import Surroundings
from xmemcore.network.inference import prepared
from xmemcore.network.mobilenet import StridedConv
from xmemcore.network.xmem import XMem, part


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
@pytest.mark.parametrize("objects", [1, 3])
def test_objects_of_one_frame_and_of_several_are_decoded_alike(objects: int) -> None:
    network = small_network()
    features = network.encode_key(torch.randn(2, 3, 48, 64))
    readout, sensory = torch.randn(2, objects, SMALL.value_dim, 3, 4), torch.randn(2, objects, SMALL.sensory_dim, 3, 4)
    masks = torch.rand(2, 2, objects, 48, 64)
    together = network.decode(features, readout, sensory, True)[1]
    values, _ = network.encode_value(torch.zeros(2, 3, 48, 64), features, *masks, sensory, False)
    for frame in range(2):
        alone = Features(**{name: tensor[frame : frame + 1] for name, tensor in features.tensors().items()})
        one = slice(frame, frame + 1)
        assert torch.allclose(network.decode(alone, readout[one], sensory[one], True)[1], together[one], atol=1e-5)
        value, _ = network.encode_value(torch.zeros(1, 3, 48, 64), alone, *masks[:, one], sensory[one], False)
        assert torch.allclose(value, values[one], atol=1e-5)


@torch.inference_mode()
@pytest.mark.parametrize("box", [(0, 0, 3, 4), (0, 0, 2, 3), (1, 1, 2, 3), (2, 3, 3, 4)])
def test_plate_terms_of_a_part_are_those_of_the_frame(box: Box) -> None:
    network = small_network()
    features = network.encode_key(torch.randn(1, 3, 48, 64))
    whole, found = network.plate_terms(features), network.part_of(features, box)
    for name, cell in (("fuse16", 1), ("skip8", 2), ("skip4", 4), ("f16", 1), ("f8", 2), ("f4", 4), ("key", 1)):
        assert torch.allclose(getattr(found, name), part(getattr(whole, name), box, cell), atol=1e-5), name
    assert network.part_of(features, box) is found
    again = network.part_of(network.part_of(features, (0, 0, 3, 4)), box)
    assert torch.equal(again.skip4, part(whole.skip4, box, 4))


@torch.inference_mode()
def test_inner_box_of_a_part_is_decoded_as_it_is_in_the_whole_part() -> None:
    network = small_network()
    features = network.encode_key(torch.randn(1, 3, 160, 192))
    readout, sensory = torch.randn(1, 2, SMALL.value_dim, 10, 12), torch.randn(1, 2, SMALL.sensory_dim, 10, 12)
    states, logits = network.decode(features, readout, sensory, True)
    state, inner = network.decode(features, readout, sensory, True, inner=(1, 2, 9, 11))
    # What is farther from the border of a box than the decoder looks is the same.
    assert torch.allclose(inner[..., 48:-48, 48:-48], logits[..., 64:-64, 80:-64], atol=1e-5)
    assert torch.allclose(state[..., 3:-3, 3:-3], states[..., 4:-4, 5:-4], atol=1e-5)


@torch.inference_mode()
@pytest.mark.parametrize("size", [(32, 48), (48, 80), (112, 64)])
@pytest.mark.parametrize("strip_bytes", [None, 1, 40_000])
def test_fused_key_encoder_computes_the_same_whole_and_in_strips(
    monkeypatch: pytest.MonkeyPatch, size: tuple[int, int], strip_bytes: int | None
) -> None:
    if not fused.can_fuse():
        pytest.skip("this torch has no convolutions with an activation inside")
    network = small_network()
    image = torch.randn(2, 3, *size)
    expected = network.key_encoder(image)
    if strip_bytes is not None:
        monkeypatch.setattr(fused, "WIDE_BYTES", 0)
        monkeypatch.setattr(fused, "STRIP_BYTES", strip_bytes)
    for found, level in zip(prepared(network).key_encoder(image), expected):
        assert found.shape == level.shape
        assert torch.allclose(found, level, atol=1e-5)


@torch.inference_mode()
def test_convolution_that_samples_the_second_of_each_pair_does_so_without_a_larger_picture() -> None:
    if not fused.can_fuse():
        pytest.skip("this torch has no convolutions with an activation inside")
    conv = StridedConv(6, 6, 6, second=True)
    picture = torch.randn(2, 6, 16, 10).to(memory_format=torch.channels_last)
    expected = conv(picture).clamp(0, 6)
    fused._sample_the_second(conv)
    assert torch.allclose(fused._activated(picture, conv), expected, atol=1e-6)
    shifted = fused._activated(picture.roll(1, dims=3), conv)
    assert not torch.allclose(shifted, expected, atol=1e-3), "it samples every second pixel"


@torch.inference_mode()
@pytest.mark.parametrize("box", [(0, 0, 5, 12), (2, 3, 8, 7), (9, 11, 10, 12)])
def test_channels_of_a_part_are_weighed_as_in_the_frame_when_its_surroundings_are_known(box: Box) -> None:
    network = small_network()
    fuser = network.decoder.fuser
    features = network.plate_terms(network.encode_key(torch.randn(1, 3, 160, 192)))
    readout, sensory = torch.randn(1, 2, SMALL.value_dim, 10, 12), torch.randn(1, 2, SMALL.sensory_dim, 10, 12)
    readout[..., 2:8, 3:7] *= 0.1  # the part is unlike what is around it
    joined = fuser._joined(features.fuse16, torch.cat((readout, sensory), dim=2))
    around = network.surroundings(features, readout, sensory, box)
    whole = part(fuser.attention.ChannelGate(joined), box)
    assert torch.allclose(fuser.attention.ChannelGate(part(joined, box), around), whole, atol=1e-6)
    assert not torch.allclose(fuser.attention.ChannelGate(part(joined, box)), whole, atol=1e-4)


@torch.inference_mode()
def test_decoder_listens_to_the_surroundings_of_each_object() -> None:
    network = small_network()
    features = network.encode_key(torch.randn(1, 3, 160, 192))
    readout, sensory, box = torch.randn(1, 2, SMALL.value_dim, 10, 12), torch.randn(1, 2, SMALL.sensory_dim, 10, 12), (2, 3, 8, 7)
    cut, seen, state = network.part_of(features, box), part(readout, box), part(sensory, box)
    found = network.surroundings(features, readout, sensory, box)
    swapped = Surroundings(found.mean.flip(0), found.peak.flip(0), found.share)
    _, logits = network.decode(cut, seen, state, False, None, found)
    _, of_the_other = network.decode(cut, seen.flip(1), state.flip(1), False, None, swapped)
    rounding = (of_the_other.flip(1) - logits).abs().max()
    assert (network.decode(cut, seen, state, False)[1] - logits).abs().max() > 10 * rounding
