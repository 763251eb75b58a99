"""The neighbors of each point as vectors from it, some points at a time.

Legend: N points, D units, K neighbors, P points chosen, R of them at a time.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray

from estimators.neighbors import Neighbors
from estimators.pairs import require_points

# Numbers of one chunk, displacements or products of a point's neighbors: fits a core's cache.
CHUNK_NUMBERS = 1 << 18


def displacements(
    neighbors: Neighbors, k: int, chosen: NDArray[np.bool_]
) -> Iterator[tuple[slice, torch.Tensor]]:
    """Vectors from each chosen point to its k nearest neighbors.

    chosen: (N,) which points.

    Yields a slice of the P chosen points and their (R, k, D) float64 displacements. They
    are differences of the points as given, so an offset costs them no digits. Raises
    EstimationError if the table came without points.
    """
    points = require_points(neighbors, "this estimator")
    own = np.flatnonzero(chosen)
    step = max(1, CHUNK_NUMBERS // (k * max(k, points.num_units)))
    for start in range(0, len(own), step):
        part = own[start : start + step]
        center = points.gather(part).to(torch.float64)
        around = points.gather(neighbors.indices[part, :k]).to(torch.float64)
        yield slice(start, start + len(part)), around.sub_(center[:, None, :])
