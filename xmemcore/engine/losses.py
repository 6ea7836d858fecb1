"""Losses of training: cross entropy on the hardest pixels, and dice."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

_CLAMP = 16.0
"""Log odds of about 1 - 1e-7, where aggregation clamps."""
ALL_UNTIL, LEAST_FROM, LEAST_SHARE = 0.05, 0.4, 0.25
"""Progress until which all pixels count, progress from which the fewest do, and the share that they are."""


def competing_logits(logits: Tensor) -> Tensor:
    """Give the logits whose softmax is `engine.aggregation.aggregate` of the sigmoids, without leaving log space.

    Args:
        logits: (B, K, H, W), each object's own.

    Returns:
        (B, K + 1, H, W), background first.
    """
    logits = logits.float()
    if logits.shape[1] == 1:
        return torch.cat((-logits, logits), dim=1).clamp(-_CLAMP, _CLAMP)
    background = F.logsigmoid(-logits).sum(dim=1, keepdim=True).clamp(max=-1e-7)
    odds = background - torch.log(-torch.expm1(background))
    return torch.cat((odds, logits), dim=1).clamp(-_CLAMP, _CLAMP)


def hard_cross_entropy(competing: Tensor, labels: Tensor, share: float) -> Tensor:
    """Average the cross entropy over each frame's hardest pixels.

    Args:
        competing: (B, K + 1, H, W).
        labels: (B, H, W), 0..K.
        share: of the pixels that count, in (0, 1].

    Source: XMem, arXiv 2207.07115, "bootstrapped cross entropy".
    """
    of_pixels = F.cross_entropy(competing, labels, reduction="none").flatten(1)
    if share < 1:
        of_pixels = of_pixels.topk(max(1, int(share * of_pixels.shape[1])), dim=1, sorted=False).values
    return of_pixels.mean()


def dice(competing: Tensor, labels: Tensor) -> Tensor:
    """Give 1 minus the soft overlap, averaged over objects and clips; an absent object that stays absent costs nothing."""
    predicted = torch.softmax(competing, dim=1)[:, 1:].flatten(2)
    objects = torch.arange(1, competing.shape[1], device=labels.device).view(1, -1, 1)
    truth = (labels.flatten(1).unsqueeze(1) == objects).float()
    overlap = 2 * (predicted * truth).sum(dim=2) + 1
    return (1 - overlap / (predicted.sum(dim=2) + truth.sum(dim=2) + 1)).mean()


def hardest_share(progress: float) -> float:
    """Say which share of the pixels counts at a progress in [0, 1]: all at first, then fewer and fewer."""
    return 1 - (1 - LEAST_SHARE) * min(max((progress - ALL_UNTIL) / (LEAST_FROM - ALL_UNTIL), 0.0), 1.0)
