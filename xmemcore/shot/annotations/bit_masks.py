"""Masks of 0 and 1 at working size, eight pixels a byte and only where the object is: a shot may have thousands of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from xmemcore.shot.files.box import Box
from xmemcore.shot.store.cache import digest


@dataclass(frozen=True)
class BitMask:
    """A mask; outside of its box it is 0."""

    bits: np.ndarray
    """(rows, bytes) uint8 of the box, as `numpy.packbits` gives them."""
    row: int
    """Row of the picture at which the box begins."""
    byte: int
    """Byte of a row of the picture at which the box begins."""
    shape: tuple[int, int]
    """Height and width of the picture."""
    pixels: int
    """How many are 1."""

    @classmethod
    def of(cls, mask: np.ndarray, shape: tuple[int, int] | None = None, row: int = 0, column: int = 0) -> BitMask:
        """Pack a mask.

        Args:
            mask: (h, w), 1 where it is over one half.
            shape: of the picture; None: that of `mask`.
            row, column: of the picture, at which `mask` begins.
        """
        inside = mask > 0.5
        rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
        shape = (mask.shape[0], mask.shape[1]) if shape is None else shape
        if not rows.size:
            return cls(np.zeros((0, 0), np.uint8), 0, 0, shape, 0)
        inside = inside[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        byte, before = divmod(column + int(columns[0]), 8)
        bits = np.packbits(np.pad(inside, ((0, 0), (before, 0))) if before else inside, axis=1)
        return cls(bits, row + int(rows[0]), byte, shape, int(np.count_nonzero(inside)))

    @property
    def hash(self) -> str:
        """Hash the mask: equal masks have equal hashes."""
        return digest(self.row, self.byte, self.bits.shape, self.shape, self.bits.tobytes())

    @property
    def box(self) -> Box | None:
        """The box around all that is 1; None where nothing is."""
        rows, bytes_ = self.bits.shape
        if not rows:
            return None
        columns = np.flatnonzero(np.unpackbits(np.bitwise_or.reduce(self.bits, axis=0), count=8 * bytes_)) + 8 * self.byte
        return Box(int(columns[0]), self.row, int(columns[-1]) + 1, self.row + rows)

    def shared(self, other: BitMask) -> int:
        """Count the pixels that are 1 in both."""
        top, left = max(self.row, other.row), max(self.byte, other.byte)
        bottom = min(self.row + self.bits.shape[0], other.row + other.bits.shape[0])
        right = min(self.byte + self.bits.shape[1], other.byte + other.bits.shape[1])
        if top >= bottom or left >= right:
            return 0
        bits, other_bits = (mask.bits[top - mask.row : bottom - mask.row, left - mask.byte : right - mask.byte] for mask in (self, other))
        return int(np.bitwise_count(bits & other_bits).sum(dtype=np.int64))

    def unpacked(self) -> np.ndarray:
        """Give (h, w) float32."""
        height, width = self.shape
        whole = np.zeros((height, width), np.float32)
        rows, bytes_ = self.bits.shape
        columns = min(8 * bytes_, width - 8 * self.byte)
        if rows:
            left = 8 * self.byte
            whole[self.row : self.row + rows, left : left + columns] = np.unpackbits(self.bits, axis=1, count=columns)
        return whole
