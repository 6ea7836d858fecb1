"""Features of a frame: everything that is computed from its plate alone, before any mask."""

from __future__ import annotations

from dataclasses import dataclass, field, fields

from torch import Tensor

Box = tuple[int, int, int, int]
"""Top, left, bottom, right in cells of stride 16, half-open."""


def finer(name: str) -> int:
    """Say how many rows of a tensor of `Features` lie in one cell of stride 16: names of finer ones end in their stride."""
    return {"8": 2, "4": 4}.get(name[-1], 1)


@dataclass(frozen=True)
class Features:
    """One frame's encoding. Everything here is independent of masks, so it can be kept and shared."""

    key: Tensor
    """(B, Ck, h, w)."""
    shrinkage: Tensor
    """(B, 1, h, w), at least 1: the frame as memory."""
    selection: Tensor
    """(B, Ck, h, w), in (0, 1): the frame as query."""
    f16: Tensor
    """(B, C16, h, w)."""
    f8: Tensor
    """(B, C8, 2h, 2w)."""
    f4: Tensor
    """(B, C4, 4h, 4w)."""
    fuse16: Tensor | None = None
    """(B, 2 * D16, h, w), the image's half of the decoder's fusion; None until `XMem.plate_terms` has been asked."""
    skip8: Tensor | None = None
    """(B, D16, 2h, 2w), the decoder's skip connection at stride 8."""
    skip4: Tensor | None = None
    """(B, D8, 4h, 4w), the decoder's skip connection at stride 4."""
    parts: dict[Box, Features] = field(default_factory=dict, init=False, compare=False)
    """Parts of the frame whose plate terms are computed, kept for the next call with the same part."""

    def tensors(self) -> dict[str, Tensor]:
        """Give the tensors by name, without those that are None."""
        return {field_.name: tensor for field_ in fields(self) if isinstance(tensor := getattr(self, field_.name), Tensor)}
