"""Measure how near the cells of frames are to each other, pair by pair.

It depends on what the pictures show alone, so what was measured for one choice of keys serves the next one. The choice weighs cells by
the objects afterwards, which costs next to nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from xmemcore.protocol.failures import Cancelled

VERSION = 1
"""Raised whenever pairs are measured in another way."""
NAME_BYTES = 20
"""Bytes of a frame's name, which has two hexadecimal digits for each."""
FARTHEST = 65504.0
"""Largest distance that half precision holds; larger ones count as this one."""


class Nearness:
    """Distances of all pairs of some frames: of each cell of the one frame to the nearest cell of the other."""

    def __init__(self, names: Sequence[str] = (), table: Tensor | None = None) -> None:
        """Begin with nothing, or with what was measured before.

        Args:
            names: of different frames; see `name_of`.
            table: (N, N, cells) float16: of the cells of the first frame to the nearest ones of the second; 0 on the diagonal.
        """
        self.names = tuple(names)
        self.table = torch.zeros(0, 0, 0, dtype=torch.float16) if table is None else table
        self.changed = False
        """Whether there is anything else than what it began with."""

    def among(
        self,
        seen: Sequence[Tensor],
        progress: Callable[[int, int], None] = lambda done, total: None,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> list[int]:
        """Measure the pairs of these frames that are not known yet; other frames are forgotten.

        Args:
            seen: of each frame its cells (cells, Ck), float32, of one size.
            progress: called with frames done and their number.
            cancelled: asked before every frame.

        Returns:
            For each frame its place in `table`; frames that show the same have one place.

        Raises:
            Cancelled: nothing is changed then.
        """
        names = [name_of(cells) for cells in seen]
        frames = dict(zip(names, seen))
        ordered = tuple(frames)
        if ordered != self.names:
            table = self._measured(frames, progress, cancelled)
            self.names, self.table, self.changed = ordered, table, True
        place = {name: position for position, name in enumerate(ordered)}
        return [place[name] for name in names]

    def _measured(self, frames: dict[str, Tensor], progress: Callable[[int, int], None], cancelled: Callable[[], bool]) -> Tensor:
        """Make the table of these frames."""
        names, cells = list(frames), len(next(iter(frames.values())))
        table = torch.zeros(len(names), len(names), cells, dtype=torch.float16)
        before = {name: position for position, name in enumerate(self.names)} if self.table.shape[-1] == cells else {}
        known = [position for position, name in enumerate(names) if name in before]
        if known:
            here, there = torch.tensor(known), torch.tensor([before[names[position]] for position in known])
            table[here[:, None], here] = self.table[there[:, None], there]
        # Each frame has memory of its own, and each pair is multiplied alone: the same pair is rounded alike whatever is measured with it.
        sides = {name: _sides(seen) for name, seen in frames.items()}
        for place, name in enumerate(names):
            if cancelled():
                raise Cancelled("Cancelled. Nothing was changed.")
            new = [other for other in range(place) if name not in before or names[other] not in before]
            if new:
                pairs = [_nearest(name, names[other], sides) for other in new]
                table[place, new] = _rooted(torch.stack([forth for forth, _ in pairs]))
                table[new, place] = _rooted(torch.stack([back for _, back in pairs]))
            progress(place + 1, len(names))
        return table


def name_of(cells: Tensor) -> str:
    """Name a frame by its cells (cells, Ck): the pairs of frames of equal names are equal."""
    hasher = hashlib.blake2b(repr(tuple(cells.shape)).encode(), digest_size=NAME_BYTES)
    hasher.update(cells.contiguous().numpy().tobytes())
    return hasher.hexdigest()


def _sides(cells: Tensor) -> tuple[Tensor, Tensor]:
    """Give the two sides (cells, Ck + 2) and (Ck + 2, cells) of the product that squared distances are."""
    squares = cells.square().sum(dim=1, keepdim=True)
    ones = torch.ones_like(squares)
    return torch.cat([-2 * cells, squares, ones], dim=1), torch.cat([cells, ones, squares], dim=1).T.contiguous()


def _nearest(name: str, other: str, sides: Mapping[str, tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
    """Give the squared distance of each cell of a frame to the nearest cell of another one, and the other way round."""
    # In the order of names, because the two orders of a pair may be rounded differently.
    first, second = sorted((name, other))
    squares = torch.mm(sides[first][0], sides[second][1])
    forth, back = squares.amin(dim=1), squares.amin(dim=0)
    return (forth, back) if first == name else (back, forth)


def _rooted(squares: Tensor) -> Tensor:
    """Turn squared distances into distances, as they are kept; a square is rounded below 0 where two cells are equal."""
    return squares.clamp_min(0).sqrt().clamp_max(FARTHEST).half()
