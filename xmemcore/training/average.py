"""Averaged weights, which are smoother than those of the last step, and are shipped."""

from __future__ import annotations

import copy

import torch

from xmemcore.network.xmem import XMem


class Average:
    """An exponential average of a network's weights; quick at first, so that the random start loses its weight soon."""

    def __init__(self, network: XMem, decay: float) -> None:
        self.network = copy.deepcopy(network).eval().requires_grad_(False)
        self._decay = decay

    @torch.no_grad()
    def follow(self, network: XMem, step: int) -> None:
        """Take in the weights after a step."""
        decay = min(self._decay, (1 + step) / (10 + step))
        for weight, trained in zip(self.network.parameters(), network.parameters(), strict=True):
            if trained.requires_grad:
                weight.lerp_(trained, 1 - decay)
        # Running statistics of batch norm are averages already.
        for kept, new in zip(self.network.buffers(), network.buffers(), strict=True):
            kept.copy_(new)
