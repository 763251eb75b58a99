"""The neighbor table of a subset of the points, read off the table of all of them.

Legend: N points, n points of the subset, D units, K neighbors in the table, k neighbors
wanted, R rows searched again.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from estimators.errors import EstimationError
from estimators.neighbors import Neighbors, nearest_neighbors, nearest_to
from estimators.points import Points

# Above this share of rows to search again, one search of the whole subset is faster.
MAX_SEARCHED_SHARE = 1 / 32
# Rows that may be expected to be searched again, in a subset for which a list was made.
EXPECTED_SEARCHED_ROWS = 0.01


def restrict(neighbors: Neighbors, rows: ArrayLike, k: int) -> Neighbors:
    """The table that `nearest_neighbors` gives for the points `rows`, without its cost.

    rows: (n,) indices of the points of the subset, strictly ascending.
    k: neighbors per point, 1 <= k < n.

    A list of the K nearest of all points holds, in order, the nearest of the subset: those
    of its members that are in the subset. Rows that hold fewer than k of them are searched
    again among the points of the subset, from differences in float64, and counted in
    `num_redone`. The indices are those of the subset, 0 to n - 1; its points are read from
    the whole only when an estimator asks for them.

    Raises EstimationError if rows must be searched again and the table has no points.

    >>> line = nearest_neighbors([[0.0], [1.0], [3.0], [7.0]], k=2)
    >>> restrict(line, [0, 2, 3], k=1).indices.tolist()
    [[1], [0], [1]]
    """
    chosen_rows = _check_rows(rows, neighbors.num_points, k)
    num_points = len(chosen_rows)
    place = np.full(neighbors.num_points, -1, dtype=np.int64)
    place[chosen_rows] = np.arange(num_points)
    renumbered = place[neighbors.indices[chosen_rows]]
    inside = renumbered >= 0
    rank = inside.cumsum(axis=1, dtype=np.int32)
    enough = rank[:, -1] >= k
    used = inside & (rank <= k) & enough[:, None]

    distances = np.empty((num_points, k))
    indices = np.empty((num_points, k), dtype=np.int64)
    distances[enough] = neighbors.distances[chosen_rows][used].reshape(-1, k)
    indices[enough] = renumbered[used].reshape(-1, k)

    whole = neighbors.points
    points = None if whole is None else whole.take(chosen_rows)
    missing = np.flatnonzero(~enough)
    if len(missing):
        if points is None:
            raise EstimationError(
                f"{len(missing)} of {num_points} rows have fewer than {k} of their "
                f"{neighbors.num_neighbors} neighbors in the subset and must be searched again, "
                "but the table came without points: make it by nearest_neighbors, or longer"
            )
        distances[missing], indices[missing] = _search_again(points, missing, k)
    return Neighbors(distances, indices, len(missing), neighbors.precision, points)


def list_length(k: int, share: float, num_points: int) -> int:
    """How long a list must be so that subsets almost never need to be searched again.

    k: neighbors wanted in the subset.
    share: of the points that the subset holds.
    num_points: N, of all points.

    Of K neighbors, the number in a random subset of n is hypergeometric: K drawn from the
    N - 1 other points, of which n - 1 are in the subset. The answer is the smallest K for
    which the n rows together are expected to have 0.01 rows with fewer than k, or N - 1.

    >>> list_length(2, share=0.9, num_points=2016), list_length(2, share=0.3, num_points=2016)
    (8, 39)
    """
    from scipy.stats import hypergeom

    if not 0 < share <= 1:
        raise EstimationError(f"`0 < share <= 1` must hold, but got share={share}")
    if not 1 <= k < num_points:
        raise EstimationError(f"`1 <= k < N` must hold, but got k={k} and N={num_points}")
    num_chosen = max(1, round(share * num_points))
    lengths = np.arange(k, num_points)
    tail = hypergeom.cdf(k - 1, num_points - 1, num_chosen - 1, lengths)
    long_enough = lengths[num_chosen * tail <= EXPECTED_SEARCHED_ROWS]
    return int(long_enough[0]) if len(long_enough) else num_points - 1


def _check_rows(rows: ArrayLike, num_points: int, k: int) -> NDArray[np.int64]:
    found = np.asarray(rows)
    if found.ndim != 1 or found.dtype.kind not in "iu":
        raise EstimationError(
            f"rows must be one list of indices, but got shape {found.shape} of {found.dtype}"
        )
    found = found.astype(np.int64)
    if not 1 <= k < len(found):
        raise EstimationError(
            f"`1 <= k < n` must hold, but got k={k} and a subset of n={len(found)} points: "
            "take a larger subset"
        )
    if found[0] < 0 or found[-1] >= num_points or bool((found[1:] <= found[:-1]).any()):
        raise EstimationError(
            f"rows must ascend strictly within 0 to {num_points - 1}: sort them, each once"
        )
    return found


def _search_again(
    points: Points, rows: NDArray[np.int64], k: int
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Distances and indices (R, k) of the nearest of all `points` to those at `rows`."""
    if len(rows) > MAX_SEARCHED_SHARE * points.num_points:
        found = nearest_neighbors(points, k)
        return found.distances[rows], found.indices[rows]
    return nearest_to(points, rows, k)
