"""Neighbors drawn from the model that the estimators assume, and nothing shared.

Legend: N points, K neighbors.
"""

import numpy as np

from estimators import Neighbors


def exact_neighbors(dimension, num_points, num_neighbors, rng, *, scale=1.0):
    """A table of independent rows, r_k = (E_1 + ... + E_k)^(1/d) with E exponential.

    Around a point of a uniform density in d dimensions the volumes of the balls that reach
    the neighbors are the arrivals of a Poisson process. No neighbor is shared and none is
    one of the points, so that errors that allow for sharing must equal those that don't.
    """
    gaps = rng.standard_exponential((num_points, num_neighbors))
    indices = num_points + np.arange(gaps.size, dtype=np.int64).reshape(gaps.shape)
    return Neighbors(scale * gaps.cumsum(axis=1) ** (1 / dimension), indices)


def exact_estimates(estimator, dimension, seed, *, num_points=300, repeats=1000):
    """(4, repeats) dimension, stderr, low and high on tables of the exact model."""
    rng = np.random.default_rng(seed)
    found = [
        estimator.estimate(exact_neighbors(dimension, num_points, estimator.num_neighbors, rng))
        for _ in range(repeats)
    ]
    return np.array([(each.dimension, each.stderr, each.low, each.high) for each in found]).T


def coverage(estimates, value):
    """Share of the intervals of `exact_estimates` that hold the value."""
    _, _, low, high = estimates
    return float(((low <= value) & (value <= high)).mean())
