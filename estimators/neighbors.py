"""Exact nearest neighbors in Euclidean distance.

Legend: N points, D units, K neighbors.

Matrix products find the neighbors fast but cancel when points are close together, so they
only *nominate* candidates (`screening`). Their distances are then computed again from
differences (`exact`), and their order is settled in float64 (`table`). A bound on the
products' rounding error certifies that no other point could have been nearer. Where points
are too close together for low precision, copies are set aside (`duplicates`), and products
in float64 nominate.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any, Literal, get_args

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from estimators.candidates import Block, TooManyCandidatesError
from estimators.duplicates import distinct_points, expand
from estimators.errors import EstimationError
from estimators.exact import measure_pairs, nearest_by_force, nearest_in_double
from estimators.gram import MAX_KEPT_POINTS, gram_of, kept_gram
from estimators.points import Points
from estimators.products import exact_products, fastest_precision
from estimators.screening import find_candidates, find_candidates_in
from estimators.table import Neighbors, PartialNeighbors

Precision = Literal["auto", "bfloat16", "float32", "float64"]
Device = torch.device | str | None
# Below this, or for more neighbors, low precision saves nothing.
MIN_SCREENED = 256
MAX_SCREENED_NEIGHBORS = 128
# Few points of so many numbers aren't copied, neither in low precision nor in float64.
WIDE_NUMBERS = 1 << 26
WIDE_NUMBERS_IN_DOUBLE = 1 << 24

__all__ = [
    "Device",
    "Neighbors",
    "Precision",
    "nearest_neighbors",
    "nearest_to",
    "neighbors_between",
]


def nearest_neighbors(
    points: ArrayLike | torch.Tensor | Sequence[Any] | Points,
    k: int,
    *,
    device: Device = None,
    precision: Precision = "auto",
) -> Neighbors:
    """Find the k nearest neighbors of every point, exactly.

    points: (N, D) real array or tensor, finite, in memory or memory-mapped; more axes are
        flattened into D. Or a sequence of such row blocks, larger than memory (`Points`).
    k: neighbors per point, 1 <= k < N.
    device: where to compute, such as "cuda"; default: where the points are.
    precision: of the products that nominate candidates; the result is the same. "auto"
        takes bfloat16 where this processor multiplies it faster, else float32. Points that
        it can't tell apart go to the next higher one.

    Order and ties are those of float64; the distances themselves are right to float64, or,
    between float32 points, to 6 parts in 10^7. Equal points are neighbors at distance 0, and
    no point is its own neighbor.
    Raises EstimationError on NaN or infinite values, unless N > k >= 1, if there is no such
    device, and beyond 4 million points at once.

    >>> nearest_neighbors([[0.0], [1.0], [3.0]], k=2).indices.tolist()
    [[1, 2], [0, 2], [1, 0]]
    """
    source, k = as_points(points, device), _whole(k)
    num_points = source.num_points
    if not 1 <= k < num_points:
        raise EstimationError(
            f"`1 <= k < N` must hold, but got k={k} and N={num_points}: "
            "ask for fewer neighbors or bring more points"
        )
    if not source.num_units:
        raise EstimationError(f"points must have at least 1 unit, but {num_points} have none")
    everyone = (0, num_points)
    with exact_products():
        if _is_wide(source, k, precision):
            found = _by_gram(source, k, precision, most=4 * k + 16)
        else:
            found = _by_screening(source, k, precision, everyone, None)
        if found is None and num_points >= MIN_SCREENED:
            first, own = distinct_points(source)
            if len(first) < num_points:
                return _nearest_with_copies(source, first, own, k, precision)
        if found is None and _is_wide(source, k, "float64"):
            found = _by_gram(source, k, "float64", most=num_points)
        table, used, num_redone = found or _by_double(source, k, [(everyone, everyone)])
        return table.compute(source, num_redone=num_redone, precision=used)


def neighbors_between(
    points: ArrayLike | torch.Tensor | Sequence[Any] | Points,
    k: int,
    rows: Block,
    columns: Block,
    *,
    device: Device = None,
    precision: Precision = "auto",
) -> PartialNeighbors:
    """One tile's share of the work: the k nearest between two spans of the points.

    rows, columns: (start, stop), either the same span, or two that share no point. Of every
        point in one span the k nearest in the other; of a span of no more than k, all.

    Few large spans are best, as many as there are processes: every row is searched anew in each
    tile, and with four spans that takes a quarter more than one search in all.

    Merged over all pairs of spans, `compute` gives the table of `nearest_neighbors`, to the bit.

    >>> points = np.arange(6.0)[:, None] ** 2
    >>> tiles = [neighbors_between(points, 2, *t) for t in
    ...          [((0, 3), (0, 3)), ((0, 3), (3, 6)), ((3, 6), (3, 6))]]
    >>> tiles[2].merge(tiles[0]).merge(tiles[1]).compute(Points(points)).indices[:3].tolist()
    [[1, 2], [0, 2], [1, 0]]
    """
    source, k = as_points(points, device), _whole(k)
    rows, columns = sorted((_whole(span[0]), _whole(span[1])) for span in (rows, columns))
    same = rows == columns
    inside = 0 <= rows[0] < rows[1] and columns[0] < columns[1] <= source.num_points
    if not inside or not (same or rows[1] <= columns[0]):
        raise EstimationError(
            f"spans must be the same or share no point, within {source.num_points} points, "
            f"but got {rows} and {columns}"
        )
    if k < 1 or not source.num_units:
        raise EstimationError(
            f"`k >= 1` and `D >= 1` must hold, but got k={k} and D={source.num_units}"
        )
    sides = [(rows, rows)] if same else [(rows, columns), (columns, rows)]
    with exact_products():
        found = _by_screening(source, k, precision, rows, None if same else columns)
        return (found or _by_double(source, k, sides))[0]


def nearest_to(
    points: Points, rows: NDArray[np.int64], k: int
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """(R, K) distances and indices of the nearest of all points to a few of them.

    The rows of `nearest_neighbors`, for when they are too few to be worth its cost.
    """
    some = torch.from_numpy(rows).to(points.device)
    with exact_products():
        found = nearest_by_force(points, some, (0, points.num_points), k)
        return _measured(points, k, *found).nearest(points)


def _is_wide(source: Points, k: int, precision: Precision) -> bool:
    """Whether the points' Gram matrix is the way to tell them apart."""
    low = _low_precisions(precision, source.num_points, k, source)
    if low == ["bfloat16", "float32"] and precision != "auto":
        return False  # asked for
    if source.gram is not None and precision == "auto":
        return True
    most = WIDE_NUMBERS if low else WIDE_NUMBERS_IN_DOUBLE
    return (
        source.num_points <= min(MAX_KEPT_POINTS, source.num_units)
        and source.num_points * source.num_units > most
    )


def _by_gram(
    source: Points, k: int, precision: Precision, most: float
) -> tuple[PartialNeighbors, str, int] | None:
    """The table by the points' Gram matrix, or None if that can't tell the points apart."""
    gram = gram_of(source, torch.float64) if precision == "float64" else kept_gram(source)
    try:
        pairs = find_candidates_in(gram, k, most)
    except TooManyCandidatesError:
        return None
    used = "float32" if gram.dtype == torch.float32 else "float64"
    return _measured(source, k, pairs.rows, pairs.columns), used, 0


def _by_screening(
    source: Points, k: int, precision: Precision, rows: Block, columns: Block | None
) -> tuple[PartialNeighbors, str, int] | None:
    """The table by products in low precision, or None if that can't tell the points apart."""
    smallest = min(stop - start for start, stop in (rows, columns or rows))
    for low in _low_precisions(precision, smallest, k, source):
        try:
            pairs = find_candidates(source, k, low, rows, columns)
        except TooManyCandidatesError:
            continue
        return _measured(source, k, pairs.rows, pairs.columns), low, 0
    return None


def _by_double(
    source: Points, k: int, sides: list[tuple[Block, Block]]
) -> tuple[PartialNeighbors, str, int]:
    """The table by products in float64."""
    found = [nearest_in_double(source, k, *side) for side in sides]
    rows, columns = (torch.cat(parts) for parts in list(zip(*found, strict=True))[:2])
    return _measured(source, k, rows, columns), "float64", sum(side[2] for side in found)


def _measured(
    source: Points, k: int, rows: torch.Tensor, columns: torch.Tensor
) -> PartialNeighbors:
    distances = measure_pairs(source, rows, columns)
    return PartialNeighbors.of(k, *(part.cpu().numpy() for part in (rows, columns, distances)))


def _low_precisions(precision: Precision, num_points: int, k: int, points: Points) -> list[str]:
    """The low precisions to try, the lowest first."""
    if precision not in get_args(Precision):
        raise EstimationError(
            f"precision must be one of {', '.join(get_args(Precision))}, but got {precision!r}"
        )
    chosen: str = precision
    if precision == "auto":
        if num_points < max(MIN_SCREENED, 2 * k) or k > MAX_SCREENED_NEIGHBORS:
            return []
        chosen = fastest_precision(points.device.type)
    return {"bfloat16": ["bfloat16", "float32"], "float32": ["float32"]}.get(chosen, [])


def _nearest_with_copies(
    source: Points,
    first: NDArray[np.int64],
    own: NDArray[np.int64],
    k: int,
    precision: Precision,
) -> Neighbors:
    """The neighbors of points of which only those numbered `first` are distinct."""
    table = Neighbors(np.empty((1, 0)), np.empty((1, 0), np.int64))
    if len(first) > 1:
        table = nearest_neighbors(source.take(first), min(k, len(first) - 1), precision=precision)
    rows, columns = expand(table.distances, table.indices, own, k)
    found = _measured(source, k, torch.from_numpy(rows), torch.from_numpy(columns))
    return found.compute(source, num_redone=table.num_redone, precision=table.precision)


def _whole(number: Any) -> int:
    try:
        return operator.index(number)
    except TypeError:
        raise EstimationError(f"a whole number is needed, but got {number!r}") from None


def as_points(points: Any, device: Device) -> Points:
    """Points as they are, or made from whatever array this is."""
    if isinstance(points, Points):
        return points if device is None else points.to(device)
    return Points(points, device)
