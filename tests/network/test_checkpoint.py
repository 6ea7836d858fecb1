"""Checkpoints load when they are what they should be, and say what is wrong when they are not."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from tests.engine.small import SMALL, small_network
from xmemcore.network.checkpoint import load_network, read_metadata, save_network
from xmemcore.network.config import COMPACT, FULL, ForeignCheckpoint, NetworkConfig
from xmemcore.network.xmem import XMem
from xmemcore.protocol.failures import RequestError


def test_full_network_has_the_official_checkpoints_tensors(shared: Path) -> None:
    tensors = json.loads((shared / "parity" / "xmem_state_dict.json").read_text())["tensors"]
    with torch.device("meta"):
        state = XMem(FULL).state_dict()
    assert [(name, list(tensor.shape)) for name, tensor in state.items()] == [(t["key"], t["shape"]) for t in tensors]


@pytest.mark.parametrize(
    "config",
    [FULL, COMPACT, *(replace(COMPACT, key_encoder=name) for name in ("small_resnet", "efficientnet_lite0")), SMALL],
)
def test_dimensions_are_read_from_the_tensors(config: NetworkConfig) -> None:
    with torch.device("meta"):
        assert NetworkConfig.of_state(XMem(config).state_dict()) == config


def test_compact_network_is_at_most_twelve_million_parameters() -> None:
    with torch.device("meta"):
        assert sum(parameter.numel() for parameter in XMem(COMPACT).parameters()) <= 12e6


def test_saved_network_comes_back_in_half_precision_with_its_metadata(tmp_path: Path) -> None:
    network = small_network()
    save_network(tmp_path / "a.safetensors", network, {"terms": "none", "steps": 20})
    loaded = load_network(tmp_path / "a.safetensors")
    for name, tensor in network.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], tensor.half().float()), name
    metadata = read_metadata(tmp_path / "a.safetensors")
    assert (metadata["terms"], metadata["steps"]) == ("none", "20")


def test_pickled_state_dict_loads(tmp_path: Path) -> None:
    network = small_network()
    torch.save(network.state_dict(), tmp_path / "a.pth")
    loaded = load_network(tmp_path / "a.pth")
    assert torch.equal(loaded.decoder.pred.weight, network.decoder.pred.weight)


def test_single_object_checkpoint_gets_an_empty_plane(tmp_path: Path) -> None:
    with torch.device("meta"):
        shapes = {name: tensor.shape for name, tensor in XMem(FULL).state_dict().items()}
    state = {name: torch.ones(shape) if shape else torch.tensor(0) for name, shape in shapes.items()}
    state["value_encoder.conv1.weight"] = torch.ones(64, 4, 7, 7)
    torch.save(state, tmp_path / "single.pth")
    planes = load_network(tmp_path / "single.pth").value_encoder.conv1.weight
    assert planes.shape[1] == 5
    assert not planes[:, 4].any() and planes[:, :4].all()


def test_truncated_files_are_damaged(tmp_path: Path) -> None:
    save_network(tmp_path / "a.safetensors", small_network(), {})
    torch.save(small_network().state_dict(), tmp_path / "a.pth")
    for path in (tmp_path / "a.safetensors", tmp_path / "a.pth"):
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        with pytest.raises(RequestError, match="damaged or not a checkpoint"):
            load_network(path)


# An unpickler makes struct.error and IndexError of these, and other errors of others.
@pytest.mark.parametrize("content", [b"X", b"J\x01", b"s", b"a", b"R", b""])
def test_chance_bytes_are_damaged(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.pth").write_bytes(content)
    with pytest.raises(RequestError, match=r"a\.pth is damaged or not a checkpoint \(.+\)\. Install it again\."):
        load_network(tmp_path / "a.pth")


def test_pickle_with_code_in_it_is_refused(tmp_path: Path) -> None:
    torch.save({"weights": Path("x")}, tmp_path / "a.pth")
    with pytest.raises(RequestError, match=r"damaged or not a checkpoint \(it is no file of tensors alone\)"):
        load_network(tmp_path / "a.pth")


def test_weights_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    network = small_network()
    network.decoder.pred.bias.data[:] = float("nan")
    save_network(tmp_path / "a.safetensors", network, {})
    with pytest.raises(RequestError, match=r"a.safetensors holds numbers that are not finite"):
        load_network(tmp_path / "a.safetensors")


def test_foreign_tensors_are_named(tmp_path: Path) -> None:
    save_file({"some.weight": torch.zeros(3)}, tmp_path / "a.safetensors")
    with pytest.raises(ForeignCheckpoint, match="a.safetensors: this is not an XMem checkpoint"):
        load_network(tmp_path / "a.safetensors")


def test_checkpoint_with_a_tensor_of_another_shape_is_foreign(tmp_path: Path) -> None:
    state = small_network().state_dict()
    state["decoder.pred.bias"] = torch.zeros(7)
    save_file(state, tmp_path / "a.safetensors")
    with pytest.raises(ForeignCheckpoint, match="decoder.pred.bias"):
        load_network(tmp_path / "a.safetensors")


def test_checkpoint_with_flat_tensors_is_foreign(tmp_path: Path) -> None:
    save_file({name: torch.zeros(()) for name in small_network().state_dict()}, tmp_path / "a.safetensors")
    with pytest.raises(ForeignCheckpoint, match="fewer dimensions than an XMem's"):
        load_network(tmp_path / "a.safetensors")


def test_missing_file_says_where(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="There is no model file"):
        load_network(tmp_path / "none.safetensors")


def test_our_own_file_says_which_network_it_holds_and_is_believed(tmp_path: Path) -> None:
    path = tmp_path / "small.safetensors"
    save_network(path, small_network(), {"terms": "test"})
    assert NetworkConfig.of_metadata(read_metadata(path)["dimensions"]) == SMALL
    assert load_network(path).config == SMALL


@pytest.mark.parametrize(
    "dimensions",
    [
        '{"key_encoder": "vit_huge"}',
        "[]",
        "{",
        json.dumps({**asdict(SMALL), "key_encoder": "vit"}),
        json.dumps({**asdict(SMALL), "key_dim": "16"}),
        json.dumps({**asdict(SMALL), "heads": 8}),
    ],
)
def test_a_network_of_another_kind_is_refused_by_its_own_word(tmp_path: Path, dimensions: str) -> None:
    path = tmp_path / "other.safetensors"
    state = {name: tensor.half() if tensor.is_floating_point() else tensor for name, tensor in small_network().state_dict().items()}
    save_file(state, str(path), metadata={"dimensions": dimensions})
    with pytest.raises(ForeignCheckpoint, match="dimensions are those of another kind of network"):
        load_network(path)


def test_a_file_that_says_nothing_is_known_by_its_tensors(tmp_path: Path) -> None:
    path = tmp_path / "official.safetensors"
    save_file({name: tensor.contiguous() for name, tensor in small_network().state_dict().items()}, str(path))
    assert load_network(path).config == SMALL
