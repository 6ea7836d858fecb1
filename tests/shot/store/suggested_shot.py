"""A short shot of which no two frames show the same, keyed and propagated, for suggestions that keep what they measure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from torch import Tensor

from tests.shot.made_shot import write_frame, write_model, write_plate, write_roto
from xmemcore.protocol.requests import PropagateRequest, SuggestRequest
from xmemcore.protocol.results import SuggestResult
from xmemcore.shot.propagate import propagate
from xmemcore.shot.store.cache import CacheFolder

FIRST, LAST = 1001, 1010


def suggested_shot(folder: Path) -> SuggestRequest:
    """Write the shot, and ask for three suggestions."""
    write_plate(folder / "plate", last=LAST, holes=())
    for frame in range(FIRST, LAST + 1):  # no two frames show the same
        write_frame(folder / "plate" / f"plate.{frame}.exr", frame, brightness=1 + 0.02 * (frame - FIRST))
    write_model(folder)
    request = SuggestRequest(
        plate=str(folder / "plate" / "plate.%04d.exr"),
        roto=str(folder / "roto.nk"),
        mattes=str(folder / "mattes"),
        model=str(folder / "small.safetensors"),
        size=64,
        device="cpu",
        cache=str(folder / "cache"),
        node_id="node",
        count=3,
    )
    keyed(request, 1001)
    return request


def keyed(request: SuggestRequest, *frames: int) -> None:
    """Key both shapes on these frames, and propagate."""
    write_roto(Path(str(request.roto)), body_keys=frames, sleeve_keys=frames)
    shared = {name: getattr(request, name) for name in ("plate", "roto", "model", "size", "device", "cache", "node_id")}
    propagate(PropagateRequest(**shared, out=f"{request.mattes}/matte.%04d.exr"))


def said(result: SuggestResult) -> SuggestResult:
    """Give what a suggestion says, whatever it cost."""
    return replace(result, seconds=0, encoded_frames=0)


def damage(path: Path, changed: Mapping[str, Tensor] | None) -> None:
    """Turn over a bit of a kept file, or save it with other tensors."""
    if changed is None:
        content = path.read_bytes()
        path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    else:
        CacheFolder(path.parent).save(path.stem, {**tensors_of(path), **changed})


def tensors_of(path: Path) -> dict[str, Tensor]:
    """Load a kept file."""
    tensors = CacheFolder(path.parent).load(path.stem)
    assert tensors is not None
    return dict(tensors)
