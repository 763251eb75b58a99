"""Distances from differences: the last word on who is near.

Legend: N points, D units, K neighbors, C pairs, R rows, M candidates of a row.

A measured distance depends on its two points alone, to the bit: not on what else is
measured with it, on the number of threads or on the order. So tables made apart can be
merged.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator

import numpy as np
import torch

from estimators.candidates import Block
from estimators.points import Points

# Numbers of one chunk of differences: fits a core's cache.
CHUNK_NUMBERS = {"cpu": 1 << 19, "cuda": 1 << 26}
# From so many units on, pairs are measured one by one, in columns of WIDE_COLUMNS, without
# copies of their rows.
WIDE_UNITS = 1 << 16
WIDE_COLUMNS = 1 << 13
# The pairs of one point fill much of a chunk from this part of it on.
LARGE_SHARE = 4
# Numbers of one chunk of everybody, when a few rows are measured against all.
FORCE_NUMBERS = 1 << 24
DIRECT = "donot_use_mm_for_euclid_dist"
# Distances of one chunk of rows to everybody.
CHUNK_DISTANCES = 1 << 22
EXTRA_CANDIDATES = 2
TILE_ROWS = 1024
# Numbers of one tile's rows in float64: 256 MiB.
TILE_NUMBERS = 1 << 25
# Squares are added in the points' type over this many strides of a row, then in float64.
STRIDES = 16
# Bound on the relative error of a distance between float32 points: a difference rounds once,
# which its square doubles, the square and each sum round once, and a root halves all that.
FLOAT32_ERROR = (2 + 1 + STRIDES - 1) / 2 * 2.0**-24
# Sums below this, of squares of numbers up to 2^24, may have lost digits to underflow.
SMALL_SQUARE = {torch.float32: 2.0**-60, torch.float64: 2.0**-900}
# Who is farther than the k-th by less than this, relative, may be nearer once measured well.
NEARLY = 1e-9


def measure_pairs(
    points: Points,
    rows: torch.Tensor,
    columns: torch.Tensor,
    dtype: torch.dtype | None = None,
) -> torch.Tensor:
    """(C,) float64 distances of pairs of points.

    dtype: of the differences; default: the points' own, so float32 points have distances
        to within FLOAT32_ERROR, relative.
    """
    # Both orders of a pair have one distance, measured once.
    rows, columns = rows.to(points.device), columns.to(points.device)
    keys = torch.minimum(rows, columns) * points.num_points + torch.maximum(rows, columns)
    unique = _unique(keys)
    low, high = unique // points.num_points, unique % points.num_points
    scale, in_range = _scale(points)
    dtype = dtype or (points.dtype if in_range else torch.float64)
    squares = _squared_distances(points, low, high, scale, dtype)
    distances = squares.sqrt() / scale
    small = (squares < SMALL_SQUARE[dtype]).nonzero()[:, 0]
    if len(small):
        distances[small] = _small_distances(points, low[small], high[small])
    return distances[torch.searchsorted(unique, keys)]


def nearest_in_double(
    points: Points, k: int, rows: Block, columns: Block
) -> tuple[torch.Tensor, torch.Tensor, int]:
    """(C,) rows and columns: the k nearest of each row among the columns, and a few others.

    Products in float64 nominate k and a few; a bound on their rounding error certifies that
    no other point could be nearer, and rows that it doesn't cover are measured in full. The
    count of those comes back too. A row with fewer than k others has all of them; no row has
    itself.
    """
    scale = _scale(points)[0]
    center = points.center_and_reach()[0].to(torch.float64) * scale
    num_columns = columns[1] - columns[0]
    num_others = num_columns - (max(rows[0], columns[0]) < min(rows[1], columns[1]))
    num_nominated = min(k + EXTRA_CANDIDATES, num_others)
    height = max(1, min(TILE_ROWS, TILE_NUMBERS // points.num_units))

    def centered(start: int, stop: int) -> torch.Tensor:
        return (points.rows(start, stop).to(torch.float64) * scale).sub_(center)

    norm_max = max(
        float(torch.linalg.vector_norm(centered(start, stop), dim=1).max())
        for span in {rows, columns}
        for start, stop in _steps(span, height)
    )
    # How far rounding may move any point when the center is subtracted.
    unit = torch.finfo(torch.float64).eps
    shift = unit * (norm_max + 2 * float(torch.linalg.vector_norm(center)))
    found, num_redone = [], 0
    for start, stop in _steps(rows, height):
        own = centered(start, stop)
        norms = torch.linalg.vector_norm(own, dim=1)
        values = own.new_empty((stop - start, 0))
        nominees = torch.empty((stop - start, 0), dtype=torch.int64, device=own.device)
        for low, high in _steps(columns, height):
            others = centered(low, high)
            squared = (norms**2)[:, None] + (others * others).sum(dim=1)
            squared.addmm_(own, others.T, alpha=-2.0)
            _hide_self(squared, (start, stop), (low, high))
            every = torch.arange(low, high, device=own.device).expand(stop - start, -1)
            both = torch.cat([values, squared], dim=1)
            values, place = both.topk(min(num_nominated, both.shape[1]), dim=1, largest=False)
            nominees = torch.cat([nominees, every], dim=1).gather(1, place)
        # Higham 2002, section 3.1: a dot product of D terms is off by at most D u |a||b|.
        longest = norms + norm_max
        gamma = (points.num_units + 8) * unit
        slack = gamma * longest**2 + 4 * shift * (longest + shift)
        own_rows = torch.arange(start, stop, device=own.device)
        pairs = own_rows.repeat_interleave(num_nominated), nominees.reshape(-1)
        certain = torch.ones(stop - start, dtype=torch.bool, device=own.device)
        if num_nominated < num_others:
            measured = measure_pairs(points, *pairs, torch.float64).view_as(nominees)
            kth = measured.sort(dim=1).values[:, k - 1] * scale
            certain = values[:, -1] - slack > (kth * (1 + NEARLY)) ** 2
        kept = certain.repeat_interleave(num_nominated)
        found.append(torch.stack([side[kept] for side in pairs]))
        if not bool(certain.all()):
            redone = own_rows[~certain]
            num_redone += len(redone)
            found.append(torch.stack(nearest_by_force(points, redone, columns, k)))
    row, column = torch.cat(found, dim=1)
    return row, column, num_redone


def _scale(points: Points) -> tuple[float, bool]:
    """A power of two that brings the largest value near 1; is that in float32's range?"""
    exponent = math.frexp(points.center_and_reach()[1])[1]
    if abs(exponent) < 24:
        return 1.0, True
    return 2.0 ** -max(-1000, min(1000, exponent)), abs(exponent) < 120


def _squared_distances(
    points: Points, low: torch.Tensor, high: torch.Tensor, scale: float, dtype: torch.dtype
) -> torch.Tensor:
    """(C,) float64 sums of squared differences of the scaled points."""
    # Pairs of the same two blocks together: fewer blocks are opened for a chunk.
    order = (points.owners(low) * points.num_points + points.owners(high)).argsort(stable=True)
    low, high = low[order], high[order]
    squares = torch.empty(len(low), dtype=torch.float64, device=points.device)
    found = torch.empty_like(squares)
    if points.num_units >= WIDE_UNITS and points.device.type == "cpu":
        rows = zip(points.each(low), points.each(high), strict=True)
        for place, (first, second) in enumerate(rows):
            squares[place] = _squared_distance(second, first, scale, dtype)
        return found.index_copy_(0, order, squares)
    for chunk in _chunks(low, CHUNK_NUMBERS[points.device.type], points.num_units):
        # Where all pairs of a chunk share their first point, it is read once.
        shared = (
            slice(chunk.start, chunk.start + 1)
            if bool((low[chunk] == low[chunk.start]).all())
            else chunk
        )
        ends = [points.gather(end).to(dtype) for end in (high[chunk], low[shared])]
        if scale != 1.0:
            ends = [end * scale for end in ends]
        squares[chunk] = _row_sums(ends[0].sub_(ends[1]).square_())
    return found.index_copy_(0, order, squares)


def _squared_distance(
    first: torch.Tensor, second: torch.Tensor, scale: float, dtype: torch.dtype
) -> torch.Tensor:
    """() float64, to the bit what `_row_sums` makes of the squared differences of two rows.

    A stretch of each stride at a time, so that everything stays in a core's cache.
    """
    width = len(first) // STRIDES
    body = slice(0, STRIDES * width)
    tall, low = first[body].view(STRIDES, width), second[body].view(STRIDES, width)
    whole = torch.empty(width, dtype=torch.float64)
    # The last stretch takes what is left over: sums of very few columns run differently.
    bounds = [*range(0, max(1, width - WIDE_COLUMNS + 1), WIDE_COLUMNS), width]
    for part in itertools.starmap(slice, itertools.pairwise(bounds)):
        ends = [end[:, part].to(dtype) for end in (tall, low)]
        if scale != 1.0:
            ends = [end * scale for end in ends]
        whole[part] = torch.sub(*ends).square_().sum(dim=0)
    total = _row_sums(whole[None])
    if len(first) > STRIDES * width:
        ends = [end[None, STRIDES * width :].to(dtype) for end in (first, second)]
        if scale != 1.0:
            ends = [end * scale for end in ends]
        total = total + _row_sums(ends[0].sub(ends[1]).square_())
    return total[0]


def _chunks(low: torch.Tensor, numbers: int, num_units: int) -> Iterator[slice]:
    """Slices of some pairs, those of one first point side by side.

    Where the pairs of one point fill much of a chunk, every point begins one of its own.
    """
    firsts = (low[1:] != low[:-1]).nonzero()[:, 0] + 1
    if len(low) * num_units < (len(firsts) + 1) * numbers // LARGE_SHARE:
        firsts = firsts[:0]
    step = max(1, numbers // num_units)
    for start, stop in itertools.pairwise([0, *firsts.tolist(), len(low)]):
        for place in range(start, stop, step):
            yield slice(place, min(place + step, stop))


def _row_sums(terms: torch.Tensor) -> torch.Tensor:
    """(R,) float64 sums of the rows: STRIDES terms in their own type, the rest in float64.

    Sums run across strides of a row, so that a row's is the same to the bit whatever other
    rows there are.
    """
    width = terms.shape[1] // STRIDES
    if not width:
        total = terms[:, 0].clone()
        for column in range(1, terms.shape[1]):
            total += terms[:, column]
        return total.to(torch.float64)
    whole = terms[:, : STRIDES * width].reshape(-1, STRIDES, width).sum(dim=1)
    total = whole[:, 0].to(torch.float64) if width == 1 else _row_sums(whole.to(torch.float64))
    rest = terms[:, STRIDES * width :]
    return total + _row_sums(rest) if rest.shape[1] else total


def nearest_by_force(
    points: Points, rows: torch.Tensor, columns: Block, k: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """(C,) rows and columns: the k nearest of these rows, and whoever is nearly as near.

    Each row is measured against every column, in float64.
    """
    scale = _scale(points)[0]
    found = []
    size = columns[1] - columns[0]
    for start, stop in _steps((0, len(rows)), max(1, CHUNK_DISTANCES // size)):
        some = rows[start:stop]
        own = points.gather(some).to(torch.float64) * scale
        parts = [
            torch.cdist(own, points.rows(*span).to(torch.float64) * scale, compute_mode=DIRECT)
            for span in _steps(columns, max(1, FORCE_NUMBERS // points.num_units))
        ]
        measured = torch.cat(parts, dim=1)
        inside = (some >= columns[0]) & (some < columns[1])
        measured[inside.nonzero()[:, 0], some[inside] - columns[0]] = torch.inf
        small = (measured < SMALL_SQUARE[torch.float64] ** 0.5).nonzero()
        if len(small):
            ends = some[small[:, 0]], small[:, 1] + columns[0]
            measured[small[:, 0], small[:, 1]] = measure_pairs(points, *ends) * scale
        num_others = int(torch.isfinite(measured).sum(dim=1).min())
        kth = measured.kthvalue(min(k, num_others), dim=1, keepdim=True).values
        near = ((measured <= kth * (1 + NEARLY)) & torch.isfinite(measured)).nonzero()
        found.append(torch.stack([some[near[:, 0]], near[:, 1] + columns[0]]))
    row, column = torch.cat(found, dim=1)
    return row, column


def _small_distances(points: Points, low: torch.Tensor, high: torch.Tensor) -> torch.Tensor:
    """(C,) distances so small that each pair needs a scale of its own."""
    distances = torch.empty(len(low), dtype=torch.float64, device=points.device)
    step = max(1, CHUNK_NUMBERS[points.device.type] // points.num_units)
    for start in range(0, len(low), step):
        chunk = slice(start, start + step)
        first, second = (points.gather(end[chunk]).to(torch.float64) for end in (low, high))
        difference = first.sub_(second)
        largest = difference.abs().amax(dim=1)
        # Powers of two in two steps: one alone could leave the range of float64.
        power = torch.frexp(largest).exponent
        half = power // 2
        for part in (half, power - half):
            difference = torch.ldexp(difference, -part[:, None])
        root = _row_sums(difference.square_()).sqrt()
        distances[chunk] = torch.ldexp(torch.ldexp(root, half), power - half)
    return distances


def _hide_self(squared: torch.Tensor, rows: Block, columns: Block) -> None:
    """No point is its own neighbor."""
    low, high = max(rows[0], columns[0]), min(rows[1], columns[1])
    if low < high:
        own = torch.arange(low, high, device=squared.device)
        squared[own - rows[0], own - columns[0]] = torch.inf


def _steps(span: Block, step: int) -> list[Block]:
    return [(low, min(low + step, span[1])) for low in range(*span, step)]


def _unique(keys: torch.Tensor) -> torch.Tensor:
    if keys.device.type != "cpu":
        ordered: torch.Tensor = keys.sort().values
        fresh = torch.ones_like(ordered, dtype=torch.bool)
        fresh[1:] = ordered[1:] != ordered[:-1]
        return ordered[fresh]
    sorted_ = np.sort(keys.numpy())  # vectorized, unlike torch's
    new = np.ones(len(sorted_), dtype=bool)
    new[1:] = sorted_[1:] != sorted_[:-1]
    return torch.from_numpy(sorted_[new])
