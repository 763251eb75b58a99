"""Points in low precision, and what products of them say for certain about distances.

Legend: N points, D units, R rows of a block.

Each point x is centered, scaled by a power of two and kept in low precision as y, with the
norm r of what rounding took from it. By the triangle inequality |x_i - x_j| lies within
r_i + r_j of |y_i - y_j|, and half the square of that comes straight out of one product of
rows

    [y_i, p_i, 1] . [-y_j, 1, p_j] = |y_i - y_j|^2 / 2,    p = |y|^2 / 2 in three parts,

so that its rounding is relative to the distance, not to the norms. Hence each product
gives a certain lower and upper bound of a distance.
"""

from __future__ import annotations

import math

import torch

from estimators.candidates import Block
from estimators.points import Points
from estimators.products import product

# Low-precision copies of all blocks are kept while one side of them fits this, ...
KEPT_BYTES = {"cpu": 360 << 20, "cuda": 16 << 30}
# ... else as many as fit this, and the others are made again for each panel of tiles.
PANEL_BYTES = {"cpu": 1 << 30, "cuda": 16 << 30}
# Numbers of one chunk while converting: fits a core's cache.
CHUNK_NUMBERS = {"cpu": 1 << 18, "cuda": 1 << 26}
NUM_PARTS = 3
# Halvings of a block in its product with itself, each sparing half of what is left to spare.
SPLITS = 3
# Who is farther than the k-th by less than this is a candidate too: the order is settled later.
SLACK = 1 + 1e-4
# Sums of rows are taken in float32 over strides of this many numbers, then in float64.
NUM_STRIDES = 32
WIDTHS = 32


class RoundedPoints:
    """The points in low precision, block by block, and what that may have cost each of them."""

    def __init__(self, points: Points, dtype: torch.dtype, blocks: list[Block]) -> None:
        self.dtype = dtype
        self.bits = torch.int16 if dtype == torch.bfloat16 else torch.int32
        self.blocks = blocks
        # A rounding to nearest errs by half of this; doubled, for any way of rounding.
        self._unit = 2.0**-8 if dtype == torch.bfloat16 else 2.0**-23
        self._points = points
        self._center, reach = points.center_and_reach()
        self._width = -(-(points.num_units + 2 * NUM_PARTS) // WIDTHS) * WIDTHS
        # Norms of at most about 1 after this: their squares don't overflow.
        spread = math.frexp(reach)[1] + math.frexp(2 * math.sqrt(points.num_units))[1]
        exponent = max(-1000, min(1000, spread)) if reach > 0 else 0
        self._scale = 2.0**-exponent
        self._exact = points.dtype if abs(exponent) < 120 else torch.float64

        height = max(stop - start for start, stop in blocks)
        block_bytes = height * self._width * dtype.itemsize
        copies = KEPT_BYTES[points.device.type] // block_bytes
        # All left sides, from which the right ones are soon made, and as many of these as fit.
        self.keeps_all = copies > len(blocks)
        self.num_kept = copies if self.keeps_all else PANEL_BYTES[points.device.type] // block_bytes
        self.num_kept = max(2, self.num_kept)
        self._kept: dict[tuple[int, str], torch.Tensor] = {}
        norms, residuals, rests = [], [], []
        for number in range(len(blocks)):
            left, norm, residual, rest = self._convert(number)
            if self.keeps_all:
                self._kept[number, "left"] = left
            norms.append(norm)
            residuals.append(residual)
            rests.append(rest)
        norm_max = max(float(norm.max()) for norm in norms)
        # Higham 2002, section 3.1, with the unit doubled: any order of the sum, any rounding;
        # the norms' own sums have NUM_STRIDES terms or 1 part in 2^24; then, underflow.
        gamma = 2.0**-23 * (self._width + 8 + self._width // NUM_STRIDES + NUM_STRIDES)
        floor = 2 * max(rests) + self._width * 2.0**-125
        self._slack = [gamma * (norm + norm_max) ** 2 / 2 + floor for norm in norms]
        residual_max = max(float(residual.max()) for residual in residuals)
        self._blur = [residual + residual_max for residual in residuals]

    def half_squares(self, first: int, second: int) -> torch.Tensor:
        """Half squared distances of two blocks as integers that order as they do."""
        left, right = self._copy(first, "left"), self._copy(second, "right")
        if first != second:
            return product(left, right).view(self.bits)
        tile = left.new_empty((len(left), len(left)))
        _fill_symmetric(tile, left, right, SPLITS)
        return tile.view(self.bits)

    def limits(self, block: int, kth: torch.Tensor) -> torch.Tensor:
        """(R,) the largest product that a neighbor as near as the k-th product may have.

        A row without a k-th product (the integers' largest) has no limit.
        """
        slack, blur = self._slack[block], self._blur[block]
        none = kth == torch.iinfo(self.bits).max
        value = kth.to(self.bits).view(self.dtype).to(torch.float64).clamp_min(0)
        upper = (2 * (value / (1 - self._unit) + slack)).sqrt() + blur
        reach = (1 + self._unit) * ((upper + blur) ** 2 / 2 + slack)
        # Rounded up, and exclusive: one more in the bits of a positive number is the next one.
        limits = (reach * SLACK).to(self.dtype).view(self.bits) + 2
        return torch.where(none, kth.to(self.bits), limits)

    def _copy(self, number: int, side: str) -> torch.Tensor:
        """A block's left or right rows; right ones make room first, the oldest before others."""
        copy = self._kept.pop((number, side), None)
        if copy is None:
            while len(self._kept) >= self.num_kept:
                del self._kept[min(self._kept, key=lambda kept: kept[1] != "right")]
            left = self._kept.get((number, "left"))
            if side == "left":
                copy = self._convert(number)[0]
            elif left is None:
                left = self._convert(number)[0]
                copy = self._flip(left, out=left)
            else:
                copy = self._flip(left)
        self._kept[number, side] = copy
        return copy

    def _convert(self, number: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, float]:
        """A block's left rows; (R,) norms and residual norms; what the parts of p miss."""
        start, stop = self.blocks[number]
        num_units, device = self._points.num_units, self._points.device
        left = torch.empty((stop - start, self._width), dtype=self.dtype, device=device)
        norm = torch.empty(stop - start, dtype=torch.float64, device=device)
        residual = torch.empty_like(norm)
        step = max(1, CHUNK_NUMBERS[device.type] // self._width)
        exact = self._exact
        for low in range(start, stop, step):
            high = min(low + step, stop)
            chunk = slice(low - start, high - start)
            centered = torch.empty((high - low, self._width), dtype=exact, device=device)
            centered[:, num_units:] = 0
            rows = self._points.rows(low, high).to(exact)
            torch.sub(rows, self._center.to(exact), out=centered[:, :num_units])
            centered *= self._scale
            left[chunk] = centered
            kept = left[chunk].to(exact)
            norm[chunk] = _row_norms(kept)
            lost = _row_norms(centered.sub_(kept)) if exact != self.dtype else 0.0
            # The subtraction of the center was rounded too.
            rounding = 1.01 * torch.finfo(exact).eps * (norm[chunk] + lost)
            residual[chunk] = lost * (1 + 1e-5) + rounding
        half = norm**2 / 2
        for part in range(NUM_PARTS):
            piece = half.to(self.dtype)
            left[:, num_units + part] = piece
            half -= piece.to(torch.float64)
        left[:, num_units + NUM_PARTS : num_units + 2 * NUM_PARTS] = 1
        return left, norm, residual, float(half.abs().max())

    def _flip(self, left: torch.Tensor, out: torch.Tensor | None = None) -> torch.Tensor:
        """A block's right rows from its left ones."""
        num_units = self._points.num_units
        swapped = left[:, num_units : num_units + 2 * NUM_PARTS].roll(NUM_PARTS, dims=1)
        right = torch.neg(left, out=out) if out is not None else torch.neg(left)
        right[:, num_units : num_units + 2 * NUM_PARTS] = swapped
        return right


def _fill_symmetric(
    tile: torch.Tensor, left: torch.Tensor, right: torch.Tensor, splits: int
) -> None:
    """The product of a block with itself: what lies below the diagonal mirrors the rest."""
    if not splits or len(tile) < 2:
        tile.copy_(product(left, right))
        return
    half = len(tile) // 2
    upper = product(left[:half], right[half:])
    tile[:half, half:] = upper
    tile[half:, :half] = upper.T
    for part in (slice(0, half), slice(half, None)):
        _fill_symmetric(tile[part, part], left[part], right[part], splits - 1)


def _row_norms(matrix: torch.Tensor) -> torch.Tensor:
    """(R,) float64 norms of the rows."""
    squares = matrix.square().view(len(matrix), NUM_STRIDES, -1)
    return squares.sum(dim=1).sum(dim=1, dtype=torch.float64).sqrt()
