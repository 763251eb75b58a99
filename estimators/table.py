"""The table that all estimators read, and its parts on the way there.

Legend: N points, K neighbors, C pairs.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from estimators.errors import EstimationError
from estimators.exact import FLOAT32_ERROR, measure_pairs
from estimators.points import Points

# Distances nearer to each other than this, relative, may be in wrong order when measured in
# float32; and the pairs that a row keeps for that reason reach a little farther.
DOUBT = 4 * FLOAT32_ERROR
MARGIN = 4 * DOUBT
# Distances in float64 that differ by rounding alone.
TIE = 1e-12


@dataclass(frozen=True)
class Neighbors:
    """The K nearest neighbors of each of N points, the point itself excluded.

    distances: (N, K) float64, ascending in each row.
    indices: (N, K) int64; equal distances are ordered by index.
    num_redone: rows that products in float64 couldn't settle, measured against all points.
    precision: of the products that nominated.
    points: what the table was computed from, for estimators that need coordinates; not a
        copy.
    """

    distances: NDArray[np.float64]
    indices: NDArray[np.int64]
    num_redone: int = 0
    precision: str = "float64"
    points: Points | None = field(default=None, repr=False, compare=False)

    @property
    def num_points(self) -> int:
        return int(self.distances.shape[0])

    @property
    def num_neighbors(self) -> int:
        return int(self.distances.shape[1])


@dataclass(frozen=True)
class PartialNeighbors:
    """What some tiles know of the K nearest neighbors of some of the points.

    k: neighbors wanted of each row.
    rows, columns: (C,) int64 pairs of points, sorted by row, then by distance, then by column.
    distances: (C,) float64, as measured in the points' own type.

    Each row holds its k nearest so far, and of the others known those that are as near to
    within MARGIN. Since a distance depends on its two points alone, tables merge in any
    order and grouping to the same bits.
    """

    k: int
    rows: NDArray[np.int64]
    columns: NDArray[np.int64]
    distances: NDArray[np.float64]

    @classmethod
    def of(
        cls,
        k: int,
        rows: NDArray[np.int64],
        columns: NDArray[np.int64],
        distances: NDArray[np.float64],
    ) -> PartialNeighbors:
        """The table of these pairs, in any order; a pair given twice counts once."""
        order = _sorted_order(rows, distances, columns)
        rows, columns, distances = rows[order], columns[order], distances[order]
        fresh = np.ones(len(rows), dtype=bool)
        fresh[1:] = (rows[1:] != rows[:-1]) | (columns[1:] != columns[:-1])
        rows, columns, distances = rows[fresh], columns[fresh], distances[fresh]
        if not len(rows):
            return cls(k, rows, columns, distances)
        first = _first_of_rows(rows)
        last = np.minimum(first + k, np.append(first[1:], len(rows))) - 1
        limit = distances[last] * (1 + MARGIN)
        near = distances <= np.repeat(limit, np.diff(np.append(first, len(rows))))
        return cls(k, rows[near], columns[near], distances[near])

    def merge(self, other: PartialNeighbors) -> PartialNeighbors:
        """The nearest of both."""
        if other.k != self.k:
            raise EstimationError(
                f"tables to merge must have the same k, but got {self.k} and {other.k}"
            )
        return PartialNeighbors.of(
            self.k,
            np.concatenate([self.rows, other.rows]),
            np.concatenate([self.columns, other.columns]),
            np.concatenate([self.distances, other.distances]),
        )

    def compute(
        self, points: Points | ArrayLike, *, num_redone: int = 0, precision: str = "float64"
    ) -> Neighbors:
        """The finished table, once the tiles of all pairs of points are merged.

        Raises EstimationError if a row has fewer than k neighbors.
        """
        points = points if isinstance(points, Points) else Points(points)
        k, num_points = self.k, points.num_points
        counts = np.bincount(self.rows, minlength=num_points)
        if counts.min() < k:
            raise EstimationError(
                f"tiles are missing: {int((counts >= k).sum())} of {num_points} points have "
                f"{k} neighbors; merge the tables of all pairs of blocks"
            )
        distances, indices = self.nearest(points)
        return Neighbors(distances, indices, num_redone, precision, points)

    def nearest(self, points: Points) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """(R, K) distances and indices of its rows, which must have k neighbors each.

        Where float32 leaves the order in doubt, float64 decides it; the distances stay those
        of float32, made to ascend, so they depend on nothing but who the neighbors are.
        """
        chosen = _first_of_rows(self.rows)[:, None] + np.arange(self.k)
        if points.dtype != torch.float32:
            return self.distances[chosen], self.columns[chosen]
        order, settled = self._settled(points)
        distances = self.distances[order][chosen]
        exact = settled[order][chosen]
        distances = np.maximum.accumulate(distances, axis=1)
        for rank in range(self.k - 1, 0, -1):
            # Ties are told by float64, and have one distance.
            tie = exact[:, rank] - exact[:, rank - 1] <= TIE * exact[:, rank]
            distances[tie, rank - 1] = distances[tie, rank]
        return distances, self.columns[order][chosen]

    def _settled(self, points: Points) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Which pair comes where, and (C,) distances, in float64 where there was doubt."""
        rows, columns, distances = self.rows, self.columns, self.distances.copy()
        order = np.arange(len(rows))
        close = (distances[1:] - distances[:-1] <= DOUBT * distances[1:]) & (rows[1:] == rows[:-1])
        doubtful = np.zeros(len(rows), dtype=bool)
        doubtful[1:] |= close
        doubtful[:-1] |= close
        place = np.flatnonzero(doubtful & (distances > 0))
        if not len(place):
            return order, distances
        own, other = (torch.from_numpy(side[place]) for side in (rows, columns))
        distances[place] = measure_pairs(points, own, other, torch.float64).cpu().numpy()
        # Only the rows with doubts are sorted again.
        doubted = np.zeros(rows[-1] + 1, dtype=bool)
        doubted[rows[place]] = True
        part = np.flatnonzero(doubted[rows])
        order[part] = part[np.lexsort((columns[part], distances[part], rows[part]))]
        return order, distances


def _sorted_order(
    rows: NDArray[np.int64], distances: NDArray[np.float64], columns: NDArray[np.int64]
) -> NDArray[np.int64]:
    """The order by row, distance and column: np.lexsort, but by sorts that are vectorized."""
    by_distance = np.argsort(distances)
    ordered = distances[by_distance]
    steps = np.ones(len(ordered), dtype=np.int64)
    steps[1:] = ordered[1:] != ordered[:-1]
    rank = np.empty(len(rows), dtype=np.int64)
    rank[by_distance] = steps.cumsum()
    keys = (rows << 32) | rank
    order = np.argsort(keys)
    ordered_keys = keys[order]
    tied = np.zeros(len(rows), dtype=bool)
    tied[1:] = ordered_keys[1:] == ordered_keys[:-1]
    tied[:-1] |= tied[1:]
    places = np.flatnonzero(tied)
    some = order[places]
    order[places] = some[np.lexsort((columns[some], keys[some]))]
    return order


def _first_of_rows(rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Where each row begins among sorted rows."""
    fresh = np.ones(len(rows), dtype=bool)
    fresh[1:] = rows[1:] != rows[:-1]
    return np.flatnonzero(fresh)
