"""Certain neighbor candidates from low-precision products.

Legend: N points, R rows of a block.

Each product gives a certain lower and upper bound of a distance (`rounding`), and only pairs
whose lower bound reaches the upper bound of the k-th nearest stay (`candidates`). A product
is symmetric: one tile of two blocks serves the rows of both. Few points of very many units
are told apart by their Gram matrix (`gram`), which takes no copies of them.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator

import torch

from estimators.candidates import Block, CandidateList, Candidates, TooManyCandidatesError
from estimators.gram import Gram
from estimators.points import Points
from estimators.products import TYPES
from estimators.rounding import SLACK, RoundedPoints

BLOCK_ROWS = {"cpu": 1024, "cuda": 4096}
# Numbers of a block's copy in low precision, at most.
BLOCK_NUMBERS = {"cpu": 1 << 27, "cuda": 1 << 31}
# Rows of a Gram matrix that are searched at once.
GRAM_ROWS = 512


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
    To be called within `exact_products`.
    Raises TooManyCandidatesError where low precision leaves more than a few per neighbor.
    """
    return _Search(points, k, precision, rows or (0, points.num_points), columns).run()


def find_candidates_in(gram: Gram, k: int, most: float) -> Candidates:
    """Pairs that certainly contain the k nearest neighbors of every point, and few others.

    most: raises TooManyCandidatesError beyond this many for each point.
    """
    products, dtype = gram.products, gram.dtype
    squares = products.diagonal()
    norms = squares.clamp_min(0).sqrt()
    found, count = [], 0
    for start in range(0, len(products), GRAM_ROWS):
        own = slice(start, min(start + GRAM_ROWS, len(products)))
        longest = 1.01 * (norms[own, None] + norms)
        between = (squares[own, None] + squares).sub_(products[own], alpha=2)
        slack = gram.gamma * longest**2 + 4 * gram.floor
        # What centering may have lost of both, in two subtractions.
        blur = 2 * torch.finfo(dtype).eps * longest + math.sqrt(gram.floor)
        upper = (between + slack).clamp_min_(0).sqrt_().add_(blur)
        upper.diagonal(start).fill_(torch.inf)
        kth = upper.kthvalue(k, dim=1, keepdim=True).values
        lower = between.sub_(slack).clamp_min_(0).sqrt_().sub_(blur)
        lower.diagonal(start).fill_(torch.inf)
        # Not "<=": what isn't a number, because squares overflowed, may be near.
        near = ~(lower > kth * SLACK) & (lower != torch.inf)
        found.append(near.nonzero() + near.new_tensor([start, 0], dtype=torch.int64))
        count += len(found[-1])
        if count > most * len(products):
            raise TooManyCandidatesError
    rows, columns = torch.cat(found).T
    return Candidates(rows, columns)


class _Search:
    def __init__(
        self, points: Points, k: int, precision: str, rows: Block, columns: Block | None
    ) -> None:
        place = points.device.type
        height = max(1, min(BLOCK_ROWS[place], BLOCK_NUMBERS[place] // points.num_units))
        firsts = _blocks(rows, height)
        seconds = [] if columns is None else _blocks(columns, height)
        blocks = firsts + seconds
        self._symmetric = columns is None
        self._first = range(len(firsts))
        self._second = self._first if columns is None else range(len(firsts), len(blocks))
        self._k = k
        self._rounded = RoundedPoints(points, TYPES[precision], blocks)
        self._lists = [
            CandidateList(block, k, self._rounded.bits, points.num_points, points.device)
            for block in blocks
        ]
        # Beyond this, products in a higher precision are faster than measuring candidates.
        self._most = sum(stop - start for start, stop in blocks) * (8 * k + 64)

    def run(self) -> Candidates:
        for first, second in self._tiles():
            tile = self._rounded.half_squares(first, second)
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
            found.limit(self._rounded.limits(own, kth))
        found.collect(tile, axis, self._rounded.blocks[other][0])
        if found.is_due:
            self._tighten(own)

    def _tighten(self, own: int) -> None:
        """More points have been seen: tighter limits, fewer candidates."""
        found = self._lists[own]
        found.limit(self._rounded.limits(own, found.kth_values()))
        found.prune()

    def _tighten_all(self) -> None:
        for own in range(len(self._lists)):
            self._tighten(own)

    def _tiles(self) -> Iterator[tuple[int, int]]:
        """Pairs of blocks, each pair once.

        Where all blocks are kept, in circles, so that all rows see equally many points and
        get tight limits early; else in panels, so that few blocks are made again.
        """
        if self._rounded.keeps_all:
            yield from self._circles()
            return
        panel = self._rounded.num_kept - 1
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


def _blocks(span: tuple[int, int], height: int) -> list[Block]:
    """The span in blocks of nearly equal size."""
    size = span[1] - span[0]
    number = max(1, -(-size // height))
    bounds = [span[0] + size * b // number for b in range(number + 1)]
    return list(itertools.pairwise(bounds))
