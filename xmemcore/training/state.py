"""Save and read the state from which a killed training goes on with the same result."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from xmemcore.protocol.failures import RequestError
from xmemcore.protocol.whole_file import whole

CHECKPOINT, MODEL = "training.pt", "model.safetensors"
_PARTS = {"network", "average", "optimiser", "step", "seconds", "next_validation", "next_sheet"}


def write_state(folder: Path, state: dict[str, Any]) -> None:
    """Write a state whole or not at all."""
    with whole(folder / CHECKPOINT) as file:
        torch.save(state, file)


def read_state_of(folder: Path) -> dict[str, Any]:
    """Read the last state of a run; raises RequestError."""
    try:
        state = torch.load(folder / CHECKPOINT, map_location="cpu", weights_only=True)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise RequestError(f"There is no training to resume in {folder}. Leave out --resume to begin one.") from error
    except Exception as error:  # a damaged file can raise any exception
        raise RequestError(f"The training in {folder} is damaged ({error}). Begin a new one in another folder.") from error
    if not isinstance(state, dict) or not state.keys() >= _PARTS:
        raise RequestError(f"{folder / CHECKPOINT} is not the state of a training. Begin a new one in another folder.")
    return state
