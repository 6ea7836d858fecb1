"""Soft aggregation: the objects of one competition group share out each pixel."""

from __future__ import annotations

import torch
from torch import Tensor

_CLAMP = 1e-7
VALUES_AT_ONCE = 16_000_000
"""Probabilities that are aggregated at a time, some rows of all objects: the steps of it hold five times as much."""


def aggregate(probabilities: Tensor, out: Tensor | None = None) -> Tensor:
    """Turn independent object probabilities into planes that sum to 1, background first.

    Half precision is widened to float32 first, because the clamp values cannot be written in half.

    Args:
        probabilities: (B, K, H, W), in [0, 1].
        out: takes the planes; None: a new tensor does.

    Returns:
        (B, K + 1, H, W), at least float32.

    Source: XMem, after "soft aggregation" of Oh et al., arXiv 1904.00607: each plane's odds over the sum of all odds.
    """
    batch, objects, height, width = probabilities.shape
    rows = max(1, VALUES_AT_ONCE // max(1, batch * objects * width))
    if height <= rows:
        planes = _aggregated(probabilities)
        return planes if out is None else out.copy_(planes)
    if out is None:
        kind = torch.promote_types(probabilities.dtype, torch.float32)
        out = torch.empty(batch, objects + 1, height, width, dtype=kind, device=probabilities.device)
    for some, planes in zip(probabilities.split(rows, dim=2), out.split(rows, dim=2)):
        planes.copy_(_aggregated(some))
    return out


def _aggregated(probabilities: Tensor) -> Tensor:
    probabilities = probabilities.to(torch.promote_types(probabilities.dtype, torch.float32))
    background = torch.prod(1 - probabilities, dim=1, keepdim=True)
    planes = torch.cat((background, probabilities), dim=1).clamp(_CLAMP, 1 - _CLAMP)
    return torch.softmax(torch.logit(planes), dim=1)


def others_of(masks: Tensor, together: Tensor | None = None) -> Tensor:
    """Sum, for each object, all other objects' masks.

    Args:
        masks: (B, K, H, W).
        together: (B, 1, H, W), the sum of all objects, where `masks` are some of them; None: they are all.

    Returns:
        (B, K, H, W).
    """
    return (masks.sum(dim=1, keepdim=True) if together is None else together) - masks
