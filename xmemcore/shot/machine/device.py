"""Where the network computes."""

from __future__ import annotations

import torch

from xmemcore.network.inference import FLOAT32, MIXED, computes_in_half, is_faster_in_half
from xmemcore.protocol.choices import PRECISIONS
from xmemcore.protocol.failures import DeviceMissing, MachineError, RequestError
from xmemcore.protocol.outside import cut


def choose_device(name: str) -> torch.device:
    """Turn `auto`, `cpu`, `cuda`, `cuda:1` or `mps` into a device that is there; raises DeviceMissing."""
    cards = torch.cuda.device_count() if torch.cuda.is_available() else 0
    present = {"cpu": True, "cuda": cards > 0, "mps": torch.backends.mps.is_available()}
    if name == "auto":
        return torch.device(next(kind for kind in ("cuda", "mps", "cpu") if present[kind]))
    numbers = [f"cuda:{number}" for number in range(cards)]
    if not present.get(name, name in numbers):
        choices = [kind for kind, is_there in present.items() if is_there] + (numbers if cards > 1 else [])
        raise DeviceMissing(f"There is no device {cut(name)} here. Choose one of: {', '.join(['auto', *choices])}.")
    return torch.device(name)


def limit_memory(device: torch.device, gigabytes: float | None) -> None:
    """Let this process take at most so much of a GPU's memory. A run that needs more fails as it does on a full GPU.

    Args:
        device: a CPU takes no notice.
        gigabytes: None: all that is free.
    """
    if device.type == "cuda":
        whole = torch.cuda.get_device_properties(device).total_memory
        torch.cuda.set_per_process_memory_fraction(1.0 if gigabytes is None else min(1.0, gigabytes * 1e9 / whole), device)
    elif device.type == "mps":
        # Of the size that Apple recommends; 1.7 times that is what torch allows by itself.
        whole = torch.mps.recommended_max_memory()
        torch.mps.set_per_process_memory_fraction(1.7 if gigabytes is None else min(1.7, gigabytes * 1e9 / whole))


def choose_precision(name: str, device: str, plain: bool = False) -> str:
    """Decide the level of rounding by what the device is: `auto` is mixed where half the bits are faster, else float32.

    Args:
        name: one of PRECISIONS.
        device: as `choose_device` takes it; a CUDA or MPS device need not be here.
        plain: whether the papers' own arithmetic is asked for, which is float32.

    Raises:
        RequestError: a result of this level would have to be computed elsewhere.
    """
    if name not in PRECISIONS:
        raise RequestError(f"There is no precision {name!r}. Choose one of: {', '.join(PRECISIONS)}.")
    if plain:
        if name not in ("auto", FLOAT32):
            raise RequestError(f"Plain mode computes in float32; it has no precision {name}. Leave out one of the two.")
        return FLOAT32
    kind = choose_device("auto").type if device == "auto" else device
    if name == "auto":
        return MIXED if is_faster_in_half(torch.device(kind)) else FLOAT32
    if name != FLOAT32 and not computes_in_half(torch.device(kind)):
        raise MachineError(
            f"This processor has no bfloat16 instructions, so it cannot compute at precision {name}. Choose precision float32, or compute "
            "on another machine."
        )
    return name
