"""Where the network computes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from xmemcore.protocol.failures import MachineError, RequestError
from xmemcore.protocol.requests import ShotRequest

DEVICES = ("auto", "cpu", "cuda", "mps")


class DeviceUnavailable(RequestError):
    """The device that was asked for is not in this machine, or torch was installed without it."""


class DeviceOutOfMemory(MachineError):
    """The device has too little memory for this working size."""


@contextmanager
def out_of_memory_said(request: ShotRequest) -> Iterator[None]:
    """Turn the device's own error into a sentence."""
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise DeviceOutOfMemory(
            f"The GPU has too little memory for working size {request.size}. Choose a smaller size, or the device cpu."
        ) from error


def choose_device(name: str) -> torch.device:
    """Turn `auto`, `cpu`, `cuda` or `mps` into a device that is there."""
    present = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if name == "auto":
        return torch.device(next(kind for kind in ("cuda", "mps", "cpu") if present[kind]))
    if not present.get(name, False):
        there = ", ".join(kind for kind, is_there in present.items() if is_there)
        raise DeviceUnavailable(f"There is no device {name} here. Choose one of: auto, {there}.")
    return torch.device(name)
