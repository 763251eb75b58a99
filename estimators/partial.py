"""Neighbor tables made apart, tile by tile, and merged: how actors share one layer.

Legend: N points, K neighbors, R rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from estimators.candidates import Block, TooManyCandidatesError
from estimators.errors import EstimationError
from estimators.exact import nearest_in_double, nearest_of_candidates
from estimators.neighbors import Device, Neighbors, Precision, as_points, low_precisions
from estimators.points import Points
from estimators.screening import find_candidates


@dataclass(frozen=True)
class PartialNeighbors:
    """The K nearest neighbors found so far of R of the points.

    rows: (R,) int64, ascending: the points.
    distances: (R, K) float64, ascending in each row, infinite where fewer were found.
    indices: (R, K) int64, -1 where fewer were found.

    Tables merge in any order and grouping to the same bits, since a distance depends on its
    two points alone.
    """

    rows: NDArray[np.int64]
    distances: NDArray[np.float64]
    indices: NDArray[np.int64]

    def merge(self, other: PartialNeighbors) -> PartialNeighbors:
        """The nearest of both tables; a pair that both hold counts once."""
        k = self.distances.shape[1]
        if other.distances.shape[1] != k:
            raise EstimationError(
                f"tables to merge must have the same k, but got {k} and {other.distances.shape[1]}"
            )
        row, distance, index = (
            np.concatenate(parts) for parts in zip(*map(_flat, (self, other)), strict=True)
        )
        order = np.lexsort((index, distance, row))
        row, distance, index = row[order], distance[order], index[order]
        fresh = np.ones(len(row), dtype=bool)
        fresh[1:] = (row[1:] != row[:-1]) | (index[1:] != index[:-1])
        rows = np.union1d(self.rows, other.rows)
        return _table(rows, row[fresh], distance[fresh], index[fresh], k)

    def compute(self, num_points: int, points: Points | None = None) -> Neighbors:
        """The finished table, once the tiles of all pairs of points are merged.

        Raises EstimationError if a row is missing or has fewer than k neighbors.
        """
        whole = np.array_equal(self.rows, np.arange(num_points))
        if not whole or np.isinf(self.distances).any():
            found = int(np.isfinite(self.distances).all(axis=1).sum())
            raise EstimationError(
                f"tiles are missing: {found} of {num_points} rows have their "
                f"{self.distances.shape[1]} neighbors; merge the tables of all pairs of blocks"
            )
        return Neighbors(self.distances, self.indices, points=points)


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
        point in one span the k nearest in the other; where a span has no more than k, all.

    Merged over all pairs of spans, these are the tables of `nearest_neighbors`, to the bit.

    >>> points = np.arange(6.0)[:, None] ** 2
    >>> tiles = [neighbors_between(points, 2, *t) for t in
    ...          [((0, 3), (0, 3)), ((0, 3), (3, 6)), ((3, 6), (3, 6))]]
    >>> tiles[2].merge(tiles[0]).merge(tiles[1]).compute(6).indices[:3].tolist()
    [[1, 2], [0, 2], [1, 0]]
    """
    source = as_points(points, device)
    rows, columns = sorted([rows, columns])
    same = rows == columns
    if (
        not (same or rows[1] <= columns[0])
        or not 0 <= rows[0] < rows[1]
        or not (columns[0] < columns[1] <= source.num_points)
    ):
        raise EstimationError(
            f"spans must be the same or share no point, within {source.num_points} points, "
            f"but got {rows} and {columns}"
        )
    if k < 1:
        raise EstimationError(f"`k >= 1` must hold, but got k={k}")
    ids = np.arange(*rows) if same else np.concatenate([np.arange(*rows), np.arange(*columns)])
    smaller = min(rows[1] - rows[0], columns[1] - columns[0])
    for low in low_precisions(precision, smaller, k, source):
        try:
            candidates = find_candidates(source, k, low, rows, None if same else columns)
        except TooManyCandidatesError:
            continue
        _, reach = source.center_and_reach()
        nearest = nearest_of_candidates(source, candidates, k, len(ids), reach)
        return PartialNeighbors(ids, nearest[0].cpu().numpy(), nearest[1].cpu().numpy())
    sides = [(rows, rows)] if same else [(rows, columns), (columns, rows)]
    tables = [nearest_in_double(source, k, *side)[0] for side in sides]
    distances, indices = (torch.cat(parts).cpu().numpy() for parts in zip(*tables, strict=True))
    return PartialNeighbors(ids, distances, indices)


def _flat(table: PartialNeighbors) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Rows, distances and indices of the pairs of a table."""
    found = table.indices >= 0
    rows = np.broadcast_to(table.rows[:, None], table.indices.shape)
    return rows[found], table.distances[found], table.indices[found]


def _table(
    rows: NDArray[np.int64],
    row: NDArray[np.int64],
    distance: NDArray[np.float64],
    index: NDArray[np.int64],
    k: int,
) -> PartialNeighbors:
    """The k first pairs of each row; the pairs are sorted by row, distance and index."""
    number = np.searchsorted(rows, row)
    rank = np.arange(len(row)) - np.searchsorted(number, np.arange(len(rows)))[number]
    distances = np.full((len(rows), k), np.inf)
    indices = np.full((len(rows), k), -1, dtype=np.int64)
    kept = rank < k
    distances[number[kept], rank[kept]] = distance[kept]
    indices[number[kept], rank[kept]] = index[kept]
    return PartialNeighbors(rows, distances, indices)
