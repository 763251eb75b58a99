"""Certain neighbor candidates from low-precision products.

Legend: N points, D units, R rows of a block, C candidate pairs.

Each point x is centered, scaled by a power of two and kept in low precision as y, with the
norm r of what rounding took from it. By the triangle inequality |x_i - x_j| lies within
r_i + r_j of |y_i - y_j|, and half the square of that comes straight out of one product of
rows

    [y_i, p_i, 1] . [-y_j, 1, p_j] = |y_i - y_j|^2 / 2,    p = |y|^2 / 2 in three parts,

so that its rounding is relative to the distance, not to the norms. Hence each product
gives a certain lower and upper bound of a distance, and only pairs whose lower bound
reaches the upper bound of the k-th nearest stay. The product is symmetric: one tile of two
blocks serves the rows of both.
"""

from __future__ import annotations

import functools
import itertools
import math
import time
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from estimators.candidates import Block, CandidateList, Candidates, TooManyCandidatesError
from estimators.points import Points

BLOCK_ROWS = {"cpu": 1024, "cuda": 4096}
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
TYPES = {"bfloat16": torch.bfloat16, "float32": torch.float32}


@functools.cache
def fastest_precision(device: str = "cpu") -> str:
    """The low precision that multiplies fastest there: measured once, in milliseconds."""
    bfloat16, float32 = (product_seconds(dtype, device) for dtype in TYPES.values())
    # bfloat16 costs candidates: it must be clearly faster.
    return "bfloat16" if bfloat16 < 0.7 * float32 else "float32"


def product_seconds(dtype: torch.dtype, device: str) -> float:
    """Seconds of a square product, the best of four: a busy machine only adds."""
    size = 512 if device == "cpu" else 4096
    matrix = torch.ones((size, size), dtype=dtype, device=device)
    best = math.inf
    with exact_products():
        for _ in range(4):
            began = time.perf_counter()
            float((matrix @ matrix.T)[0, 0])  # reading a number waits for the product
            best = min(best, time.perf_counter() - began)
    return best


def find_candidates(
    points: Points,
    k: int,
    precision: str,
    rows: Block | None = None,
    columns: Block | None = None,
) -> Candidates:
    """Pairs that certainly contain the k nearest neighbors, and few others.

    Of every point among all points; or, given two separate spans (start, stop), of every
    point of either span among the points of the other.
    Raises TooManyCandidatesError where low precision leaves more than a few per neighbor.
    """
    with exact_products():
        return _Search(points, k, precision, rows or (0, points.num_points), columns).run()


class _Search:
    def __init__(
        self, points: Points, k: int, precision: str, rows: Block, columns: Block | None
    ) -> None:
        firsts = _blocks(rows, BLOCK_ROWS[points.device.type])
        seconds = [] if columns is None else _blocks(columns, BLOCK_ROWS[points.device.type])
        blocks = firsts + seconds
        self._symmetric = columns is None
        self._first = range(len(firsts))
        self._second = self._first if columns is None else range(len(firsts), len(blocks))
        self._k = k
        self._screen = _Screen(points, TYPES[precision], blocks)
        self._lists = [
            CandidateList(block, k, self._screen.bits, points.num_points, points.device)
            for block in blocks
        ]
        # Beyond this, products in a higher precision are faster than measuring candidates.
        self._most = sum(stop - start for start, stop in blocks) * (8 * k + 64)

    def run(self) -> Candidates:
        for first, second in self._tiles():
            tile = self._screen.half_squares(first, second)
            if first == second:
                tile.fill_diagonal_(torch.iinfo(tile.dtype).max)
            else:
                self._collect(tile, 1, second, first)
            self._collect(tile, 0, first, second)
            if sum(found.count for found in self._lists) > self._most:
                self._tighten_all()
                if sum(found.count for found in self._lists) > self._most:
                    raise TooManyCandidatesError
        self._tighten_all()
        return Candidates.of(self._lists)

    def _collect(self, tile: torch.Tensor, axis: int, own: int, other: int) -> None:
        """Keep the tile's pairs within the limits of its rows (axis 0) or columns (1)."""
        found = self._lists[own]
        if not found.limited and tile.shape[1 - axis] > self._k:
            kth = tile.topk(self._k, dim=1 - axis, largest=False).values.select(1 - axis, -1)
            found.limit(self._screen.limits(own, kth))
        found.collect(tile, axis, self._screen.blocks[other][0])
        if found.is_due:
            self._tighten(own)

    def _tighten(self, own: int) -> None:
        """More points have been seen: tighter limits, fewer candidates."""
        found = self._lists[own]
        found.limit(self._screen.limits(own, found.kth_values()))
        found.prune()

    def _tighten_all(self) -> None:
        for own in range(len(self._lists)):
            self._tighten(own)

    def _tiles(self) -> Iterator[tuple[int, int]]:
        """Pairs of blocks, each pair once.

        Where all blocks are kept, in circles, so that all rows see equally many points and
        get tight limits early; else in panels, so that few blocks are made again.
        """
        if self._screen.keeps_all:
            yield from self._circles()
            return
        panel = self._screen.num_kept - 1
        for start in range(0, len(self._first), panel):
            held = self._first[start : start + panel]
            for second in self._second if not self._symmetric else self._second[start:]:
                for first in held:
                    if not self._symmetric or first <= second:
                        yield first, second

    def _circles(self) -> Iterator[tuple[int, int]]:
        num_seconds = len(self._second)
        last = num_seconds // 2 + 1 if self._symmetric else num_seconds
        for offset in range(last):
            for place, first in enumerate(self._first):
                second = self._second[(place + offset) % num_seconds]
                # With an even number of blocks the last offset meets itself.
                if self._symmetric and 2 * offset == num_seconds and second < first:
                    continue
                yield first, second


class _Screen:
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
            return (left @ right.T).view(self.bits)
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
        torch.mm(left, right.T, out=tile)
        return
    half = len(tile) // 2
    upper = torch.mm(left[:half], right[half:].T)
    tile[:half, half:] = upper
    tile[half:, :half] = upper.T
    for part in (slice(0, half), slice(half, None)):
        _fill_symmetric(tile[part, part], left[part], right[part], splits - 1)


def _row_norms(matrix: torch.Tensor) -> torch.Tensor:
    """(R,) float64 norms of the rows."""
    squares = matrix.square().view(len(matrix), NUM_STRIDES, -1)
    return squares.sum(dim=1).sum(dim=1, dtype=torch.float64).sqrt()


def _blocks(span: tuple[int, int], height: int) -> list[Block]:
    """The span in blocks of nearly equal size."""
    size = span[1] - span[0]
    number = max(1, -(-size // height))
    bounds = [span[0] + size * b // number for b in range(number + 1)]
    return list(itertools.pairwise(bounds))


@contextmanager
def exact_products() -> Iterator[None]:
    """Products as precise as their type: no shortcuts that a program may have switched on."""
    cuda, mkldnn = torch.backends.cuda.matmul, torch.backends.mkldnn.matmul  # type: ignore[attr-defined]
    before = cuda.fp32_precision, mkldnn.fp32_precision
    reduced = cuda.allow_bf16_reduced_precision_reduction
    cuda.fp32_precision = mkldnn.fp32_precision = "ieee"
    cuda.allow_bf16_reduced_precision_reduction = False
    try:
        with torch.autocast("cpu", enabled=False), torch.autocast("cuda", enabled=False):
            yield
    finally:
        cuda.fp32_precision, mkldnn.fp32_precision = before
        cuda.allow_bf16_reduced_precision_reduction = reduced
