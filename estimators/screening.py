"""Certain neighbor candidates from low-precision products.

Legend: N points, D units, B blocks of points, C candidate pairs.

Each point x is centered and kept in low precision as y, with the norm r of what rounding
took from it. By the triangle inequality |x_i - x_j| lies within r_i + r_j of |y_i - y_j|,
and half the square of that comes straight out of one product of rows

    [y_i, p_i, 1] . [-y_j, 1, p_j] = |y_i - y_j|^2 / 2,    p = |y|^2 / 2 in three parts,

so that its rounding is relative to the distance, not to the norms. Hence each product
gives a certain lower and upper bound of a distance, and only pairs whose lower bound
reaches the upper bound of the k-th nearest stay. The product is symmetric: the upper
triangle of tiles serves both sides.
"""

from __future__ import annotations

import functools
import itertools
import time
from dataclasses import dataclass

import torch

BLOCK_ROWS = 1024
# Numbers of one chunk while converting and while measuring: fits a core's cache.
CHUNK_NUMBERS = 1 << 18
MAX_NORM = 1e18  # its square still fits float32
NUM_PARTS = 3


class TooManyCandidatesError(Exception):
    """Low precision can't tell these points apart."""


@dataclass(frozen=True)
class Candidates:
    """Pairs that hold all nearest neighbors of every row, and few others.

    rows, columns: (C,) int64; rows ascend.
    """

    rows: torch.Tensor
    columns: torch.Tensor


@functools.cache
def fastest_precision() -> str:
    """The low precision that multiplies fastest here: measured once, in milliseconds."""
    seconds = {}
    for name, dtype in (("float32", torch.float32), ("bfloat16", torch.bfloat16)):
        matrix = torch.ones((512, 512), dtype=dtype)
        best = float("inf")
        for _ in range(4):
            began = time.perf_counter()
            matrix @ matrix.T
            best = min(best, time.perf_counter() - began)
        seconds[name] = best
    # bfloat16 costs candidates: it must be clearly faster.
    return "bfloat16" if seconds["bfloat16"] < 0.7 * seconds["float32"] else "float32"


def find_candidates(points: torch.Tensor, k: int, precision: str) -> Candidates:
    """Candidates that certainly contain the k nearest neighbors of each of (N, D) points.

    Raises TooManyCandidatesError where low precision leaves more than a few per neighbor.
    """
    screen = _Screen(points, torch.bfloat16 if precision == "bfloat16" else torch.float32)
    num_points = len(points)
    num_blocks = max(1, round(num_points / BLOCK_ROWS))
    bounds = [num_points * b // num_blocks for b in range(num_blocks + 1)]
    spans = list(itertools.pairwise(bounds))
    most = num_points * (8 * k + 64)
    limits = torch.empty(num_points, dtype=screen.bits)
    found = _Found(num_points, k)
    for offset in range(num_blocks // 2 + 1):
        for first in range(num_blocks):
            second = (first + offset) % num_blocks
            if 2 * offset == num_blocks and second < first:
                continue  # with an even number of blocks the last offset meets itself
            rows, columns = spans[first], spans[second]
            tile = screen.half_squares(rows, columns)
            if offset == 0:
                tile.fill_diagonal_(torch.iinfo(screen.bits).max)
                kth = tile.topk(k, dim=1, largest=False).values[:, -1]
                limits[rows[0] : rows[1]] = screen.limits(rows, kth)
            found.collect(tile, rows, columns, limits)
            if found.count > most:
                raise TooManyCandidatesError
        if offset & (offset - 1) == 0 or offset == num_blocks // 2:
            # As many points again have been seen: tighter limits, fewer candidates.
            kth = found.kth_values()
            limits = torch.minimum(limits, screen.limits((0, num_points), kth.to(screen.bits)))
            found.prune(limits)
    return found.candidates()


class _Screen:
    """The points in low precision, and what that may have cost each of them."""

    def __init__(self, points: torch.Tensor, dtype: torch.dtype) -> None:
        self.dtype = dtype
        self.bits = torch.int16 if dtype == torch.bfloat16 else torch.int32
        # A rounding to nearest errs by half of this; doubled, for any way of rounding.
        self._unit = 2.0**-8 if dtype == torch.bfloat16 else 2.0**-23
        num_points, num_units = points.shape
        width = -(-(num_units + 2 * NUM_PARTS) // 32) * 32
        self._left = torch.zeros((num_points, width), dtype=dtype)
        self._right = torch.zeros((num_points, width), dtype=dtype)
        norm = torch.empty(num_points, dtype=torch.float64)
        residual = torch.empty(num_points, dtype=torch.float64)
        exact = torch.float64 if points.dtype == torch.float64 else torch.float32
        center = points.mean(dim=0)  # any vector would do, so its rounding is no matter
        step = max(1, CHUNK_NUMBERS // num_units)
        parts = slice(num_units, num_units + NUM_PARTS)
        ones = slice(num_units + NUM_PARTS, num_units + 2 * NUM_PARTS)
        for start in range(0, num_points, step):
            chunk = slice(start, start + step)
            centered = points[chunk].to(exact) - center
            low = centered.to(dtype)
            kept = low.to(exact)
            norm[chunk] = torch.linalg.vector_norm(kept, dim=1, dtype=torch.float64)
            lost = torch.linalg.vector_norm(centered - kept, dim=1, dtype=torch.float64)
            # The subtraction of the center was rounded too.
            rounded = torch.finfo(exact).eps * (1 + 1e-3)
            residual[chunk] = lost * (1 + 1e-6) + rounded * torch.linalg.vector_norm(
                centered, dim=1, dtype=torch.float64
            )
            self._left[chunk, :num_units] = low
            self._right[chunk, :num_units] = low.neg()
        if not float(norm.max()) < MAX_NORM:
            raise TooManyCandidatesError
        half = norm**2 / 2
        rest = half.clone()
        for part in range(NUM_PARTS):
            piece = rest.to(dtype)
            self._left[:, parts.start + part] = piece
            self._right[:, ones.start + part] = piece
            rest -= piece.to(torch.float64)
        self._left[:, ones] = 1
        self._right[:, parts] = 1
        # Higham 2002, section 3.1, with the unit doubled: any order of the sum, any rounding.
        gamma = 2.0**-23 * (width + 8)
        self._slack = gamma * (norm + norm.max()) ** 2 / 2 + 2 * rest.abs().max()
        self._blur = residual + residual.max()

    def half_squares(self, rows: tuple[int, int], columns: tuple[int, int]) -> torch.Tensor:
        """Half squared distances of two blocks as integers that order as they do."""
        product = self._left[rows[0] : rows[1]] @ self._right[columns[0] : columns[1]].T
        return product.view(self.bits)

    def limits(self, rows: tuple[int, int], kth: torch.Tensor) -> torch.Tensor:
        """Per row, the largest product that a neighbor as near as the k-th may have."""
        span = slice(rows[0], rows[1])
        slack, blur = self._slack[span], self._blur[span]
        value = kth.view(self.dtype).to(torch.float64).clamp_min(0)
        upper = (2 * (value / (1 - self._unit) + slack)).sqrt() + blur
        reach = (1 + self._unit) * ((upper + blur) ** 2 / 2 + slack)
        # Rounded up: one more in the bits of a positive number is the next one.
        return (reach * (1 + 1e-9)).to(self.dtype).view(self.bits) + 1


class _Found:
    """The pairs that are still candidates: row, column and the bits of their product."""

    def __init__(self, num_points: int, k: int) -> None:
        self._num_points = num_points
        self._k = k
        self._rows: list[torch.Tensor] = []
        self._columns: list[torch.Tensor] = []
        self._values: list[torch.Tensor] = []
        self.count = 0

    def collect(
        self,
        tile: torch.Tensor,
        rows: tuple[int, int],
        columns: tuple[int, int],
        limits: torch.Tensor,
    ) -> None:
        """Add a tile's pairs within the limit of their row, or of their column."""
        own, other = limits[rows[0] : rows[1]], limits[columns[0] : columns[1]]
        pairs = (tile <= torch.maximum(own[:, None], other[None, :])).nonzero()
        values = tile[pairs[:, 0], pairs[:, 1]]
        here, there = pairs[:, 0] + rows[0], pairs[:, 1] + columns[0]
        self._add(here, there, values, values <= limits[here])
        if rows != columns:
            self._add(there, here, values, values <= limits[there])

    def _add(
        self, rows: torch.Tensor, columns: torch.Tensor, values: torch.Tensor, kept: torch.Tensor
    ) -> None:
        self._rows.append(rows[kept])
        self._columns.append(columns[kept])
        self._values.append(values[kept].to(torch.int64))
        self.count += int(kept.sum())

    def kth_values(self) -> torch.Tensor:
        """(N,) the k-th smallest product of each row; sorts the pairs by row and product."""
        rows, columns, values = (
            torch.cat(parts) for parts in (self._rows, self._columns, self._values)
        )
        order = ((rows << 32) + values.clamp_min(0)).argsort()
        self._rows, self._columns, self._values = [rows[order]], [columns[order]], [values[order]]
        starts = torch.searchsorted(self._rows[0], torch.arange(self._num_points))
        return self._values[0][starts + self._k - 1]

    def prune(self, limits: torch.Tensor) -> None:
        """Drop the pairs beyond the limit of their row."""
        kept = self._values[0] <= limits[self._rows[0]]
        self._rows = [self._rows[0][kept]]
        self._columns = [self._columns[0][kept]]
        self._values = [self._values[0][kept]]
        self.count = len(self._rows[0])

    def candidates(self) -> Candidates:
        return Candidates(self._rows[0], self._columns[0])


def measure_candidates(
    points: torch.Tensor, candidates: Candidates, k: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """(N, k) distances and indices: candidates measured from differences in float64."""
    rows, columns = candidates.rows, candidates.columns
    squared = torch.empty(len(rows), dtype=torch.float64)
    step = max(1, CHUNK_NUMBERS // points.shape[1])
    for start in range(0, len(rows), step):
        chunk = slice(start, start + step)
        difference = points[rows[chunk]].to(torch.float64) - points[columns[chunk]]
        squared[chunk] = (difference * difference).sum(dim=1)
    # By row, then by distance, then by index: from the least to the most important.
    order = columns.argsort(stable=True)
    order = order[squared[order].argsort(stable=True)]
    order = order[rows[order].argsort(stable=True)]
    starts = torch.searchsorted(rows, torch.arange(len(points)))
    chosen = order[starts[:, None] + torch.arange(k)]
    return squared[chosen].sqrt(), columns[chosen]
