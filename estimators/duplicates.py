"""Neighbors among points of which many are equal.

Legend: N points, U distinct points, K neighbors.

Dead units make whole layers of equal rows. All copies of a point have the same distances,
so the distinct points are searched, and the copies are counted in afterwards.
"""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

from estimators.points import Points
from estimators.table import MARGIN

# Candidates of one chunk of points.
CHUNK_CANDIDATES = 1 << 22


def distinct_points(points: Points) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(U,) index of the first copy of each distinct point; (N,) number of each point's own."""
    numbers: dict[bytes, int] = {}
    first: list[int] = []
    own = np.empty(points.num_points, dtype=np.int64)
    for span, chunk in points.chunks():
        rows = (chunk + 0.0).cpu().numpy()  # -0 is 0
        for place, row in enumerate(rows, start=span.start):
            digest = hashlib.blake2b(row.tobytes(), digest_size=16).digest()
            number = numbers.setdefault(digest, len(first))
            if number == len(first):
                first.append(place)
            own[place] = number
    return np.array(first, dtype=np.int64), own


def expand(
    distances: NDArray[np.float64], indices: NDArray[np.int64], own: NDArray[np.int64], k: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(C,) rows and columns: the k nearest of all points, and whoever is nearly as near.

    distances, indices: (U, min(K, U - 1)) tables of the distinct points.
    own: (N,) the distinct point that each point equals.
    """
    num_points, num_distinct = len(own), len(distances)
    # The k + 1 first copies of each: no more can count, and one of them may be the point itself.
    order = np.argsort(own, kind="stable")
    starts = np.searchsorted(own[order], np.arange(num_distinct))
    rank = np.arange(num_points) - starts[own[order]]
    copies = np.full((num_distinct, k + 1), -1, dtype=np.int64)
    copies[own[order][rank <= k], rank[rank <= k]] = order[rank <= k]

    near = np.column_stack([np.arange(num_distinct), indices])
    far = np.column_stack([np.zeros(num_distinct), distances])
    rows, columns = [], []
    step = max(1, CHUNK_CANDIDATES // (near.shape[1] * (k + 1)))
    for start in range(0, num_points, step):
        some = np.arange(start, min(start + step, num_points))
        found = copies[near[own[some]]].reshape(len(some), -1)
        measured = np.repeat(far[own[some]], k + 1, axis=1)
        measured[(found < 0) | (found == some[:, None])] = np.inf
        kth = np.partition(measured, k - 1, axis=1)[:, k - 1 : k]
        place, which = np.nonzero((measured <= kth * (1 + MARGIN)) & np.isfinite(measured))
        rows.append(some[place])
        columns.append(found[place, which])
    return np.concatenate(rows), np.concatenate(columns)
