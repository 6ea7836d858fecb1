"""Where the network computes."""

from __future__ import annotations

import torch

from xmemcore.network.inference import FLOAT32, MIXED, computes_in_half
from xmemcore.protocol.choices import PRECISIONS
from xmemcore.protocol.failures import DeviceMissing, MachineError, RequestError


def choose_device(name: str) -> torch.device:
    """Turn `auto`, `cpu`, `cuda` or `mps` into a device that is there; raises DeviceMissing."""
    present = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if name == "auto":
        return torch.device(next(kind for kind in ("cuda", "mps", "cpu") if present[kind]))
    if not present.get(name, False):
        there = ", ".join(kind for kind, is_there in present.items() if is_there)
        raise DeviceMissing(f"There is no device {name} here. Choose one of: auto, {there}.")
    return torch.device(name)


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
    able = computes_in_half(torch.device(kind))
    if name == "auto":
        return MIXED if able else FLOAT32
    if name != FLOAT32 and not able:
        raise MachineError(
            f"This processor has no bfloat16 instructions, so it cannot compute at precision {name}. Choose precision float32, or compute "
            "on another machine."
        )
    return name
