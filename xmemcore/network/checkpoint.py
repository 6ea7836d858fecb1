"""Read and write checkpoints: safetensors, or `.pth` with tensors alone. Damaged, foreign and truncated files are refused in a sentence."""

from __future__ import annotations

import json
import pickle
import warnings
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from xmemcore.network.config import DIMENSIONS, ForeignCheckpoint, NetworkConfig
from xmemcore.network.xmem import XMem
from xmemcore.protocol.failures import RequestError


def load_network(path: Path | str, device: str | torch.device = "cpu") -> XMem:
    """Build the network that a checkpoint holds, in float32, ready to infer.

    Args:
        path: `.safetensors`, or a `.pth` whose pickle holds tensors alone.
        device: where it goes.

    Raises:
        RequestError, ForeignCheckpoint.
    """
    path = Path(path)
    state = read_state(path)
    dimensions = read_metadata(path).get(DIMENSIONS)
    try:
        network = XMem(NetworkConfig.of_state(state) if dimensions is None else NetworkConfig.of_metadata(dimensions))
    except ForeignCheckpoint as error:
        raise ForeignCheckpoint(f"The model {path}: {error}") from error
    try:
        network.load_state_dict(state, strict=True)
    except RuntimeError as error:
        first = str(error).splitlines()[1].strip() if "\n" in str(error) else str(error)
        raise ForeignCheckpoint(f"The model {path} is not an XMem that we know: {first}") from error
    return network.to(device).eval().requires_grad_(False)


def read_state(path: Path) -> dict[str, Tensor]:
    """Read a checkpoint's tensors, widened to float32; a single-object checkpoint gets its second plane, empty."""
    state = _read_safetensors(path) if path.suffix == ".safetensors" else _read_pickle(path)
    if any(tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()) for tensor in state.values()):
        raise RequestError(f"The model {path} holds numbers that are not finite: its training failed. Choose another.")
    state = {name: tensor.float() if tensor.is_floating_point() else tensor for name, tensor in state.items()}
    planes = state.get("value_encoder.conv1.weight")
    if planes is not None and planes.dim() == 4 and planes.shape[1] == 4:
        state["value_encoder.conv1.weight"] = torch.cat((planes, torch.zeros_like(planes[:, :1])), dim=1)
    return state


def read_metadata(path: Path | str) -> dict[str, str]:
    """Read the metadata of a safetensors file; empty for a `.pth`."""
    if Path(path).suffix != ".safetensors":
        return {}
    try:
        with safe_open(str(path), framework="pt") as file:
            return dict(file.metadata() or {})
    except (SafetensorError, OSError) as error:
        raise _unreadable(Path(path), error) from error


def save_network(path: Path | str, network: XMem, metadata: Mapping[str, object]) -> None:
    """Write half-precision safetensors that say which network they hold; metadata as of `save_weights`."""
    save_weights(path, network, {**metadata, DIMENSIONS: asdict(network.config)})


def save_weights(path: Path | str, module: nn.Module, metadata: Mapping[str, object]) -> None:
    """Write a module's weights as half-precision safetensors; metadata values that are not text are written as JSON."""
    state = {name: _halved(tensor) for name, tensor in module.state_dict().items()}
    text = {name: value if isinstance(value, str) else json.dumps(value, sort_keys=True) for name, value in metadata.items()}
    save_file(state, str(path), metadata=text)


def _halved(tensor: Tensor) -> Tensor:
    tensor = tensor.detach().cpu().contiguous()
    return tensor.half() if tensor.is_floating_point() else tensor


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    try:
        with safe_open(str(path), framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  (not a mapping)
    except (SafetensorError, OSError) as error:
        raise _unreadable(path, error) from error


def _read_pickle(path: Path) -> dict[str, Tensor]:
    try:
        with warnings.catch_warnings():
            # Warnings about a damaged file are left out; our sentence says it.
            warnings.simplefilter("ignore")
            state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        # Random bytes are opcodes to an unpickler, so any exception may come.
        raise _unreadable(path, error) from error
    if not isinstance(state, Mapping) or not all(isinstance(tensor, Tensor) for tensor in state.values()):
        raise ForeignCheckpoint(f"The model {path} holds more than tensors. Choose a plain state dict such as XMem.pth.")
    return dict(state)


def _unreadable(path: Path, error: Exception) -> RequestError:
    if not path.exists():
        return RequestError(f"There is no model file {path}. Check the path, or see `xmem-roto models list`.")
    reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    if isinstance(error, pickle.UnpicklingError):
        reason = "it is no file of tensors alone"  # torch explains at length how to load dangerous files
    return RequestError(f"The model {path} is damaged or not a checkpoint ({reason[:120]}). Install it again.")
