"""MiND_ML: the intrinsic dimension from the nearest distance among k + 1.

Legend: N points.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from estimators.errors import EstimationError
from estimators.estimate import Estimate, require_confidence
from estimators.gride import fit_ratios
from estimators.local import log_interval, usable_points
from estimators.neighbors import Neighbors


@dataclass(frozen=True)
class MiNDML:
    """Minimum-neighbor-distance estimator by maximum likelihood.

    Rozza, Lombardi, Ceruti, Casiraghi, Campadelli, "Novel high intrinsic dimensionality
    estimators", 2012, doi:10.1007/s10994-012-5294-7. If density is constant over the first
    k + 1 neighbors, rho = r_1 / r_{k+1} has the density

        g(r; k, d) = k d r^(d - 1) (1 - r^d)^(k - 1),    0 < r < 1,

    and the estimate maximizes its likelihood. It is Gride's density at (n1, n2) = (1, k + 1),
    maximized here as it stands.

    k: number of neighbors next to the farthest, which sets the radius; default 10, where the
        standard error is about a third of that at k = 1; k = 20 gains another fifth.
    integer: False for MiND_MLk, any d > 0; True for MiND_MLi, the best whole number
        (the paper stops at the number of units; here there is no limit).
    confidence: coverage of the interval.

    Points whose nearest neighbor is a duplicate (r_1 = 0) and points with a tie
    (r_1 = r_{k+1}) are dropped and counted.

    Standard error and interval are Gride's, by the scores' scatter with shared neighbors
    taken into account. For a whole number the variance of rounding, 1/12, is added and the
    interval is widened to reach half a dimension to either side. They cover the sampling of
    points, not the bias. Known bias: too low for dimensions above about 10.

    >>> import numpy as np
    >>> from estimators import nearest_neighbors
    >>> square = np.random.default_rng(0).uniform(size=(2000, 2))
    >>> neighbors = nearest_neighbors(square, k=11)
    >>> estimate = MiNDML().estimate(neighbors)
    >>> 1.9 < estimate.low < estimate.dimension < estimate.high < 2.1
    True
    >>> MiNDML(integer=True).estimate(neighbors).dimension
    2.0
    """

    k: int = 10
    integer: bool = False
    confidence: float = 0.95

    def __post_init__(self) -> None:
        if self.k < 1:
            raise EstimationError(
                f"`k >= 1` must hold, but got k={self.k}: the nearest of k neighbors is looked at"
            )
        require_confidence(self.confidence)

    @property
    def name(self) -> str:
        return "mind_ml_integer" if self.integer else "mind_ml"

    @property
    def num_neighbors(self) -> int:
        return self.k + 1

    def estimate(self, neighbors: Neighbors) -> Estimate:
        """The dimension from the first and the (k + 1)-th column of the neighbor table.

        Raises EstimationError if the table has fewer than k + 1 columns, or if fewer than
        10 points remain after duplicates and ties are dropped.
        """
        usable = usable_points(neighbors, self.k + 1)
        kept = usable.kept
        far = neighbors.distances[kept, self.k]
        log_mu = np.log(far) - np.log(neighbors.distances[kept, 0])
        fit = fit_ratios(log_mu, 1, self.k + 1, exponent=len(log_mu))
        stderr = fit.stderr(kept, neighbors.indices[:, : self.k + 1])
        dimension = fit.dimension
        low, high = log_interval(dimension, stderr, self.confidence)
        if self.integer:
            dimension = float(_best_integer(log_mu, self.k, dimension))
            stderr = math.sqrt(stderr**2 + 1 / 12)
            low, high = min(low, dimension - 0.5), max(high, dimension + 0.5)
        return Estimate(
            dimension=dimension,
            stderr=stderr,
            low=low,
            high=high,
            num_points=len(log_mu),
            num_dropped=len(kept) - len(log_mu),
            scale=float(far.mean()),
            settings={
                "estimator": self.name,
                "k": self.k,
                "integer": self.integer,
                "confidence": self.confidence,
                "duplicates_dropped": usable.num_duplicates,
                "ties_dropped": usable.num_ties,
            },
        )


def _best_integer(log_mu: NDArray[np.float64], k: int, maximum: float) -> int:
    """The likelihood is concave in d, so it is one of the two around its maximum."""
    below = max(1, math.floor(maximum))
    return max(below, below + 1, key=lambda d: _log_likelihood(log_mu, k, d))


def _log_likelihood(log_mu: NDArray[np.float64], k: int, d: int) -> float:
    """Of rho = 1/mu, without the terms that don't depend on d."""
    beyond = np.log(-np.expm1(-d * log_mu)).sum()
    return float(len(log_mu) * math.log(d) - d * log_mu.sum() + (k - 1) * beyond)
