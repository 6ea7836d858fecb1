"""Updates of sensory memory, the state of each object from frame to frame."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from xmemcore.network.fusion import fold, unfold


def gate(values: Tensor, sensory: Tensor) -> Tensor:
    """Update the state from three maps: forget, update and new.

    Not a textbook GRU: the new value sees the whole state, and two gates act on the old one.

    Args:
        values: (N, 3 * Ch, h, w), before their non-linearities.
        sensory: (N, Ch, h, w).

    Returns:
        (N, Ch, h, w).
    """
    # The state is carried through the whole shot: it is kept in full precision where the network computes in half the bits.
    forget, update, new = values.to(sensory.dtype).chunk(3, dim=1)
    forget, update, new = torch.sigmoid(forget), torch.sigmoid(update), torch.tanh(new)
    return forget * sensory * (1 - update) + update * new


class HiddenReinforce(nn.Module):
    """Deep update: refresh the state from a new value, on memory frames."""

    def __init__(self, value_dim: int, sensory_dim: int) -> None:
        super().__init__()
        self.transform = nn.Conv2d(value_dim + sensory_dim, 3 * sensory_dim, 3, padding=1)

    def forward(self, value: Tensor, sensory: Tensor) -> Tensor:
        """Map (B, K, Cv, h, w) and (B, K, Ch, h, w) to the next (B, K, Ch, h, w)."""
        objects = sensory.shape[1]
        state = fold(sensory)
        return unfold(gate(self.transform(torch.cat((fold(value), state.to(value.dtype)), dim=1)), state), objects)


class HiddenUpdate(nn.Module):
    """Ordinary update: carry the decoder's three levels into the state, on every other frame."""

    def __init__(self, decoder_dims: tuple[int, int, int], update_dim: int, sensory_dim: int) -> None:
        super().__init__()
        dim16, dim8, dim4 = decoder_dims
        self.g16_conv = nn.Conv2d(dim16, update_dim, 1)
        self.g8_conv = nn.Conv2d(dim8, update_dim, 1)
        self.g4_conv = nn.Conv2d(dim4 + 1, update_dim, 1)
        self.transform = nn.Conv2d(update_dim + sensory_dim, 3 * sensory_dim, 3, padding=1)

    def forward(self, g16: Tensor, g8: Tensor, g4: Tensor, sensory: Tensor) -> Tensor:
        """Update the state.

        Args:
            g16: (N, dim16, h, w).
            g8: (N, dim8, 2h, 2w).
            g4: (N, dim4 + 1, 4h, 4w), logits as the last channel.
            sensory: (N, Ch, h, w).

        Returns:
            (N, Ch, h, w).
        """
        levels = self.g16_conv(g16) + self.g8_conv(F.avg_pool2d(g8, 2)) + self.g4_conv(F.avg_pool2d(g4, 4))
        return gate(self.transform(torch.cat((levels, sensory.to(levels.dtype)), dim=1)), sensory)
