"""The levels of rounding: what is rounded, and what never is."""

from __future__ import annotations

import pytest
import torch

from tests.engine.small import MadeUpShot, propagate, small_network
from xmemcore.engine.config import EngineConfig
from xmemcore.engine.frames import Annotation
from xmemcore.network import inference
from xmemcore.network.config import NetworkConfig
from xmemcore.network.inference import FAST, FLOAT32, MIXED, computes_in_half, prepared
from xmemcore.network.xmem import XMem
from xmemcore.protocol.failures import MachineError, RequestError
from xmemcore.shot.machine import device
from xmemcore.shot.machine.device import choose_precision

halves_bits = pytest.mark.skipif(not computes_in_half(torch.device("cpu")), reason="this processor has no bfloat16 instructions")

# bfloat16 has 8 bits: a probability is off by a few parts in a thousand; fast adds what a wrong match costs.
CLOSE = {FLOAT32: 1e-5, MIXED: 0.03, FAST: 0.1}


@pytest.mark.parametrize("level", [FLOAT32, pytest.param(MIXED, marks=halves_bits), pytest.param(FAST, marks=halves_bits)])
def test_levels_differ_from_the_network_by_rounding_alone(level: str) -> None:
    network = small_network()
    annotations = {index: Annotation({0: MadeUpShot(network, 8).mask(index)}) for index in (0, 7)}
    exact = propagate(MadeUpShot(network, 8), annotations, 1, EngineConfig(mem_every=2))
    rounded = propagate(MadeUpShot(prepared(network, level), 8), annotations, 1, EngineConfig(mem_every=2))
    for index in range(8):
        assert rounded[index].planes.dtype == torch.float32
        assert (rounded[index].planes - exact[index].planes).abs().max() < CLOSE[level]


@halves_bits
@pytest.mark.parametrize("level", [MIXED, FAST])
def test_what_memory_matches_by_and_the_sensory_state_stay_float32(level: str) -> None:
    network = prepared(small_network(), level)
    with torch.inference_mode():
        features = network.plate_terms(network.encode_key(torch.rand(1, 3, 32, 48)))
        sensory = network.empty_sensory(2, 32, 48)
        value, after = network.encode_value(torch.rand(1, 3, 32, 48), features, *torch.rand(2, 1, 2, 32, 48), sensory, deep_update=True)
        after, logits = network.decode(features, value.float(), after, update_sensory=True)
    assert {features.key.dtype, features.shrinkage.dtype, features.selection.dtype, after.dtype, logits.dtype} == {torch.float32}
    assert features.skip4.dtype == value.dtype == torch.bfloat16


@torch.inference_mode()
def test_mixed_leaves_a_resnet_key_encoder_exact() -> None:
    network, image = XMem(NetworkConfig(key_dim=16, value_dim=32, sensory_dim=8)).eval(), torch.rand(1, 3, 32, 48)
    exact, mixed = (prepared(network, level).encode_key(image) for level in (FLOAT32, MIXED))
    assert torch.equal(exact.key, mixed.key)


@halves_bits
@torch.inference_mode()
def test_mixed_rounds_inside_the_two_widest_blocks_of_the_compact_key_encoder_alone() -> None:
    network, image = small_network(), torch.rand(1, 3, 64, 96)
    exact, mixed, fast = (prepared(network, level) for level in (FLOAT32, MIXED, FAST))
    halves = {number for number, block in enumerate(mixed.key_encoder.network.blocks) if block.project.weight.dtype == torch.bfloat16}
    assert halves == {1, 2} and mixed.key_encoder.network.stem.weight.dtype == torch.float32
    wrong = [float((each.encode_key(image).key - exact.encode_key(image).key).norm()) for each in (mixed, fast)]
    assert 0 < wrong[0] < wrong[1]


@pytest.mark.parametrize("halves", [False, True])
def test_auto_is_what_the_device_is_good_at(monkeypatch: pytest.MonkeyPatch, halves: bool) -> None:
    monkeypatch.setattr(device, "is_faster_in_half", lambda kind: halves)
    assert choose_precision("auto", "cpu") == (MIXED if halves else FLOAT32)
    assert choose_precision("auto", "cpu", plain=True) == FLOAT32
    assert choose_precision(FLOAT32, "cpu") == FLOAT32


@pytest.mark.parametrize(
    ("name", "amx", "instructions", "faster"),
    [
        ("Intel Xeon", True, True, True),
        ("Intel Xeon", False, True, False),
        ("Intel Xeon", False, False, False),
        ("AMD EPYC", False, True, True),
        ("AMD EPYC", False, False, False),
    ],
)
def test_half_the_bits_are_faster_where_the_processor_multiplies_them_faster(
    monkeypatch: pytest.MonkeyPatch, name: str, amx: bool, instructions: bool, faster: bool
) -> None:
    monkeypatch.setattr(inference, "computes_in_half", lambda kind: True)  # also where they are made up of other instructions
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"cpu_name": name, "amx_bf16": amx, "avx512_bf16": instructions})
    assert inference.is_faster_in_half(torch.device("cpu")) is faster
    assert inference.is_faster_in_half(torch.device("cuda"))


def test_processor_says_what_is_asked_of_it_to_choose_a_level() -> None:
    traits = torch.cpu.get_capabilities()
    assert traits["architecture"] != "x86_64" or {"cpu_name", "amx_bf16", "avx512_bf16"} <= traits.keys()


def test_level_that_a_machine_cannot_compute_is_refused_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "computes_in_half", lambda kind: False)
    with pytest.raises(MachineError, match="no bfloat16 instructions.*precision mixed.*Choose precision float32"):
        choose_precision(MIXED, "cpu")


def test_precision_that_does_not_exist_is_refused() -> None:
    with pytest.raises(RequestError, match="no precision 'double'"):
        choose_precision("double", "cpu")
    with pytest.raises(RequestError, match="Plain mode computes in float32"):
        choose_precision(MIXED, "cpu", plain=True)
