"""The largest values of each unit among numbers that come in any order and grouping: exact.

Legend: n images of a batch, U units, P positions of a map, N positions of all images, K kept.

Of the values seen so far only those above the K-th largest can matter, and of N values in
random order about K (1 + ln(N / K)) ever do: those are kept, all others are seen once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

SIGN = np.uint32(1 << 31)
# Kept values are sorted anew when so many more have come, at least.
LEAST_BUFFERED = 1 << 20


@dataclass(frozen=True)
class Thresholds:
    """By unit, the level that a share of all positions lies above.

    level: (U,) float32. NaN: the unit has values that are not finite.
    inclusive: (U,) bool: nothing lies above the level, so what equals it counts as above.
    constant: (U,) bool: the unit has one value everywhere.
    least, largest: (U,) float32, over all positions.
    num_positions: N.
    """

    level: NDArray[np.float32]
    inclusive: NDArray[np.bool_]
    constant: NDArray[np.bool_]
    least: NDArray[np.float32]
    largest: NDArray[np.float32]
    num_positions: int

    @property
    def is_usable(self) -> NDArray[np.bool_]:
        """(U,): whether the unit is finite and not constant."""
        return ~self.constant & np.isfinite(self.level)


def values_needed(num_positions: int, share: float) -> int:
    """K: how many of the largest of N values tell the level that a share lies above."""
    return int(_ranks(num_positions, share))


def _ranks(num_positions: int, share: float | NDArray[np.float64]) -> NDArray[np.int64]:
    ranks = (np.asarray(share, np.float64) * num_positions).astype(np.int64) + 1
    return np.minimum(ranks, num_positions)


class TopValues:
    """Keeps the `count` largest values of each unit. `update`, `merge`, `compute`."""

    def __init__(self, num_units: int, count: int) -> None:
        if num_units < 1 or count < 1:
            raise ValueError(f"at least one unit and one value, not {num_units} and {count}")
        self._count = count
        self._num_units = num_units
        self._kept = np.zeros(0, np.uint64)
        self._buffer: list[NDArray[np.uint64]] = []
        self._buffered = 0
        # A value at most this is none of the largest.
        self._bound = torch.full((num_units,), -torch.inf)
        self._least = torch.full((num_units,), torch.inf)
        self._largest = torch.full((num_units,), -torch.inf)
        self._num_positions = 0

    def update(self, maps: torch.Tensor) -> None:
        """Take in the (n, U, P) values of a batch. They are read as float32."""
        if maps.ndim != 3 or maps.shape[1] != self._num_units:
            raise ValueError(f"(n, {self._num_units}, P) expected, not {tuple(maps.shape)}")
        maps = maps.detach().to("cpu", torch.float32)
        highest = maps.amax(dim=2)
        # torch's extremes are NaN where a value is, and stay so.
        self._largest = torch.maximum(self._largest, highest.amax(dim=0))
        self._least = torch.minimum(self._least, maps.amin(dim=(0, 2)))
        self._num_positions += maps.shape[0] * maps.shape[2]
        images, units = torch.nonzero(highest > self._bound, as_tuple=True)
        candidates = maps[images, units]
        above = candidates > self._bound[units, None]
        owners = units[:, None].expand_as(above)[above]
        self._add(_keys(owners.numpy(), candidates[above].numpy()))

    def merge(self, other: TopValues) -> None:
        """Take in what another has seen, of other images."""
        if (self._num_units, self._count) != (other._num_units, other._count):
            raise ValueError("only tables of as many units and values can be merged")
        self._largest = torch.maximum(self._largest, other._largest)
        self._least = torch.minimum(self._least, other._least)
        self._num_positions += other._num_positions
        for keys in (other._kept, *other._buffer):
            self._add(keys)

    def compute(self, share: float | NDArray[np.float64]) -> Thresholds:
        """The level that at most this share of all positions lies strictly above.

        Between equal values it is the largest such level: with N distinct values
        floor(share N) lie above it. D. Bau et al., CVPR 2017: P(a > T) = 0.005.

        share: the same for all units, or (U,).

        Raises ValueError if too few values were kept for so many positions.
        """
        rank = np.broadcast_to(_ranks(self._num_positions, share), self._num_units)
        if rank.max() > self._count or not self._num_positions:
            raise ValueError(f"{rank.max()} values are needed, but {self._count} were kept")
        self._compact()
        ends, sizes = self._segments(self._kept)
        least, largest = self._least.numpy().copy(), self._largest.numpy().copy()
        finite = np.isfinite(least) & np.isfinite(largest) & (sizes >= rank)
        level = np.full(self._num_units, np.nan, np.float32)
        level[finite] = _values(self._kept[ends[finite] - rank[finite]])
        constant = finite & (least == largest)
        inclusive = finite & ~constant & (level == largest)
        return Thresholds(level, inclusive, constant, least, largest, self._num_positions)

    def state(self) -> dict[str, NDArray[Any]]:
        """All that it has seen, as arrays; `restored` makes the same of them."""
        self._compact()
        return {
            "kept": self._kept,
            "least": self._least.numpy().copy(),
            "largest": self._largest.numpy().copy(),
            "numbers": np.array([self._count, self._num_positions]),
        }

    @classmethod
    def restored(cls, state: Mapping[str, NDArray[Any]]) -> TopValues:
        """What `state` told."""
        count, num_positions = map(int, state["numbers"])
        made = cls(len(state["least"]), count)
        made._least = torch.from_numpy(state["least"])
        made._largest = torch.from_numpy(state["largest"])
        made._num_positions = num_positions
        made._add(state["kept"])
        return made

    def _add(self, keys: NDArray[np.uint64]) -> None:
        self._buffer.append(keys)
        self._buffered += len(keys)
        if self._buffered > max(LEAST_BUFFERED, len(self._kept)):
            self._compact()

    def _compact(self) -> None:
        """Sort what has come into what is kept, and drop what can be none of the largest."""
        if not self._buffer:
            return
        keys = np.concatenate([self._kept, *self._buffer])
        keys.sort()
        ends, sizes = self._segments(keys)
        rank = np.arange(len(keys)) - np.repeat(ends, sizes)  # from -size to -1
        self._kept = keys[rank >= -self._count]
        full = sizes >= self._count
        bound = np.full(self._num_units, -np.inf, np.float32)
        bound[full] = _values(keys[ends[full] - self._count])
        self._bound = torch.from_numpy(bound)
        self._buffer, self._buffered = [], 0

    def _segments(self, keys: NDArray[np.uint64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Of sorted keys, where each unit's end and how many they are."""
        numbers = np.arange(1, self._num_units + 1, dtype=np.uint64) << np.uint64(32)
        ends = np.searchsorted(keys, numbers)
        return ends, np.diff(ends, prepend=0)


def _keys(units: NDArray[np.int64], values: NDArray[np.float32]) -> NDArray[np.uint64]:
    """Numbers in whose order the unit comes first, then the value."""
    bits = (values + np.float32(0)).view(np.uint32)  # which makes -0 to 0
    ordered = np.where(bits & SIGN, ~bits, bits | SIGN)
    return (units.astype(np.uint64) << np.uint64(32)) | ordered.astype(np.uint64)


def _values(keys: NDArray[np.uint64]) -> NDArray[np.float32]:
    ordered = (keys & np.uint64(0xFFFFFFFF)).astype(np.uint32)
    bits = np.where(ordered & SIGN, ordered ^ SIGN, ~ordered)
    return bits.astype(np.uint32).view(np.float32)
