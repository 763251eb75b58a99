"""Lists of the pairs that may still be neighbors, one list for each block of rows.

Legend: R rows of a block, S columns of a tile, C candidate pairs.

A pair is one integer: its row within the block, then the bits of its product, then its
column. So sorting integers sorts pairs by row and then by distance, and that is fast.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from estimators.errors import EstimationError

Block = tuple[int, int]


class TooManyCandidatesError(Exception):
    """Low precision can't tell these points apart."""


@dataclass(frozen=True)
class Candidates:
    """Pairs that hold all nearest neighbors of every row, and few others.

    rows, columns: (C,) int64; rows ascend.
    """

    rows: torch.Tensor
    columns: torch.Tensor

    @staticmethod
    def of(lists: Sequence[CandidateList]) -> Candidates:
        """All pairs of these lists."""
        parts = [found.pairs() for found in lists]
        return Candidates(*(torch.cat(side) for side in zip(*parts, strict=True)))


class CandidateList:
    """The candidates of one block of rows.

    block: start and stop of its rows. k: neighbors wanted of each row.
    bits: integer type of the products' bits, int16 or int32.
    num_points: all columns are below this.
    """

    def __init__(
        self, block: Block, k: int, bits: torch.dtype, num_points: int, device: torch.device
    ) -> None:
        self._start, stop = block
        self._num_rows = stop - self._start
        self._k = k
        self._column_bits = (num_points - 1).bit_length()
        self._row_shift = self._column_bits + (15 if bits == torch.int16 else 31)
        if self._row_shift + (self._num_rows - 1).bit_length() > 63:
            raise EstimationError(
                f"{num_points} points are too many to search at once: take a sample of them"
            )
        self._none = torch.iinfo(bits).max
        self._limits = torch.full((self._num_rows,), self._none, dtype=bits, device=device)
        self._keys = [torch.empty(0, dtype=torch.int64, device=device)]
        self._num_sorted = 0
        self.limited = False
        self.count = 0

    @property
    def is_due(self) -> bool:
        """Whether as many pairs came since the last sorting as are wanted."""
        return self.count - self._num_sorted > self._k * self._num_rows

    def limit(self, limits: torch.Tensor) -> None:
        """Lower the (R,) limits: pairs count whose product's bits are less than their row's."""
        self._limits = torch.minimum(self._limits, limits)
        self.limited = True

    def collect(self, tile: torch.Tensor, axis: int, others_start: int) -> None:
        """Add the pairs of a tile of products' bits that are within the limits.

        axis: 0 if this list's rows are the tile's rows, 1 if they are its columns.
        others_start: number of the first point along the other axis.
        """
        own, other, values = _below(tile, self._limits, axis)
        if len(own):
            keys = own << self._row_shift
            keys |= values.clamp_min(0).to(torch.int64) << self._column_bits
            keys |= other + others_start
            self._keys.append(keys)
            self.count += len(keys)

    def kth_values(self) -> torch.Tensor:
        """(R,) bits of the k-th smallest product of each row, the largest integer if none."""
        keys = self._sort()
        every = torch.arange(self._num_rows, device=keys.device)
        starts = torch.searchsorted(keys, every << self._row_shift)
        last = (every << self._row_shift) | ((1 << self._row_shift) - 1)
        stops = torch.searchsorted(keys, last, right=True)
        place = starts + self._k - 1
        values = self._values(keys[place.clamp_max(max(0, len(keys) - 1))]) if len(keys) else every
        return torch.where(place < stops, values, self._none)

    def prune(self) -> None:
        """Drop the pairs beyond the limit of their row."""
        keys = self._sort()
        keys = keys[self._values(keys) < self._limits[keys >> self._row_shift]]
        self._keys, self.count, self._num_sorted = [keys], len(keys), len(keys)

    def pairs(self) -> tuple[torch.Tensor, torch.Tensor]:
        """(C,) rows, ascending, and columns."""
        keys = self._sort()
        rows = (keys >> self._row_shift) + self._start
        return rows, keys & ((1 << self._column_bits) - 1)

    def _values(self, keys: torch.Tensor) -> torch.Tensor:
        return (keys >> self._column_bits) & ((1 << (self._row_shift - self._column_bits)) - 1)

    def _sort(self) -> torch.Tensor:
        if len(self._keys) > 1:
            keys = torch.cat(self._keys)
            if keys.device.type == "cpu":
                keys.numpy().sort()  # vectorized, unlike torch's
            else:
                keys = keys.sort().values
            self._keys = [keys]
        return self._keys[0]


def _below(
    tile: torch.Tensor, limits: torch.Tensor, axis: int
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Places along the axis and across it, and values, of what is below its limit.

    Most rows of a tile hold nothing near: their minimum says so.
    """
    near = tile.amin(dim=1 - axis) < limits
    if tile.device.type != "cpu":
        chosen = near.nonzero()[:, 0]
        part = tile.index_select(axis, chosen).movedim(axis, 0)
        pairs = (part < limits[chosen][:, None]).nonzero()
        return chosen[pairs[:, 0]], pairs[:, 1], part[pairs[:, 0], pairs[:, 1]]
    # NumPy compares and picks several times faster than torch on a processor.
    own = np.flatnonzero(near.numpy())
    some = tile.numpy().take(own, axis=axis)
    bounds = limits.numpy()[own]
    flat = np.flatnonzero(some < (bounds[:, None] if axis == 0 else bounds[None, :]))
    row, column = np.divmod(flat, max(1, some.shape[1]))
    place, across = (row, column) if axis == 0 else (column, row)
    found = torch.from_numpy(own[place]), torch.from_numpy(across)
    return *found, torch.from_numpy(some.ravel()[flat])
