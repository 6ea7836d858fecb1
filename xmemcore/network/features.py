"""What is known about a frame from its plate alone, before any mask."""

from __future__ import annotations

from dataclasses import dataclass, fields

from torch import Tensor


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
    f8: Tensor | None
    """(B, C8, 2h, 2w); None where only the plate terms are kept and the value encoder does not ask for it."""
    f4: Tensor | None
    """(B, C4, 4h, 4w); None as `f8`."""
    fuse16: Tensor | None = None
    """(B, 2 * D16, h, w), the image's half of the decoder's fusion; None until `XMem.plate_terms` has been asked."""
    skip8: Tensor | None = None
    """(B, D16, 2h, 2w), the decoder's skip connection at stride 8."""
    skip4: Tensor | None = None
    """(B, D8, 4h, 4w), the decoder's skip connection at stride 4."""

    def tensors(self) -> dict[str, Tensor]:
        """Name the tensors that are there."""
        return {field.name: tensor for field in fields(self) if (tensor := getattr(self, field.name)) is not None}
