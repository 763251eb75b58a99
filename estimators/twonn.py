"""TwoNN: the intrinsic dimension from the ratio of the two nearest distances.

Legend: N points, m uncensored points.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from estimators.errors import EstimationError
from estimators.estimate import Estimate, require_confidence
from estimators.local import usable_points
from estimators.neighbors import Neighbors

Method = Literal["censored", "mle", "linear"]
NUM_JACKKNIFE_GROUPS = 20


@dataclass(frozen=True)
class TwoNN:
    """Two-nearest-neighbors estimator.

    Facco, d'Errico, Rodriguez, Laio, "Estimating the intrinsic dimension of datasets by a
    minimal neighborhood information", 2017, doi:10.1038/s41598-017-11873-y. If density is
    constant over the first two neighbors, mu = r2/r1 is Pareto distributed with exponent d.

    method:
      "censored" (default): maximum likelihood with the `trim` largest ratios known only to
          exceed mu_(m): T = sum_{i<=m} log mu_(i) + (N-m) log mu_(m), d = (m-1)/T. The
          interval is exact for independent ratios: 2 d T ~ chi-square with 2m degrees.
      "mle": the same with nothing trimmed, d = (N-1) / sum log mu.
      "linear": the paper's fit through the origin of -log(1 - i/N) on log mu_(i) over the
          first 1 - trim of the sorted points (Ansuini et al., NeurIPS 2019, use trim 0.1);
          standard error by a jackknife over 20 groups of points.
    trim: share of the largest ratios set aside; ignored by "mle".
    confidence: coverage of the interval.

    Points whose nearest neighbor is a duplicate (r1 = 0) and points with a tie (r1 = r2)
    are dropped and counted.

    Known bias: at finite N the estimate is too low for dimensions above about 5 (for a
    30-dimensional sphere about 21 at N = 500); `Calibrated` takes that out. Points share
    neighbors, so the ratios are only nearly independent: on balls of d = 2 to 20 the
    standard error is 0.74 to 0.88 of the scatter over samples (docs/coverage.md).

    >>> import numpy as np
    >>> from estimators import nearest_neighbors
    >>> square = np.random.default_rng(0).uniform(size=(2000, 2))
    >>> estimate = TwoNN().estimate(nearest_neighbors(square, k=2))
    >>> 1.8 < estimate.low < estimate.dimension < estimate.high < 2.2
    True
    """

    method: Method = "censored"
    trim: float = 0.1
    confidence: float = 0.95

    def __post_init__(self) -> None:
        if self.method not in get_args(Method):
            raise EstimationError(
                f"method must be one of {', '.join(get_args(Method))}, but got {self.method!r}"
            )
        if not 0 <= self.trim < 1:
            raise EstimationError(f"`0 <= trim < 1` must hold, but got trim={self.trim}")
        require_confidence(self.confidence)

    @property
    def name(self) -> str:
        return {"censored": "twonn", "mle": "twonn_mle", "linear": "twonn_linear"}[self.method]

    @property
    def num_neighbors(self) -> int:
        return 2

    def estimate(self, neighbors: Neighbors) -> Estimate:
        """The dimension from the first two columns of the neighbor table.

        Raises EstimationError if the table has fewer than 2 columns, or if fewer than
        10 points remain after duplicates and ties are dropped.
        """
        usable = usable_points(neighbors, 2)
        kept = usable.kept
        first, second = neighbors.distances[:, 0], neighbors.distances[:, 1]
        log_mu = np.log(second[kept]) - np.log(first[kept])
        fit = _fit_linear if self.method == "linear" else _fit_likelihood
        dimension, stderr, low, high = fit(
            log_mu, 0.0 if self.method == "mle" else self.trim, self.confidence
        )
        return Estimate(
            dimension=dimension,
            stderr=stderr,
            low=low,
            high=high,
            num_points=len(log_mu),
            num_dropped=len(first) - len(log_mu),
            scale=float(second[kept].mean()),
            settings={
                "estimator": self.name,
                "method": self.method,
                "k": 2,
                "trim": 0.0 if self.method == "mle" else self.trim,
                "confidence": self.confidence,
                "duplicates_dropped": usable.num_duplicates,
                "ties_dropped": usable.num_ties,
            },
        )


def _fit_likelihood(
    log_mu: NDArray[np.float64], trim: float, confidence: float
) -> tuple[float, float, float, float]:
    """Type-II censored maximum likelihood: the largest ratios are known as "at least"."""
    from scipy.stats import chi2

    ordered = np.sort(log_mu)
    num_points = len(ordered)
    m = max(3, num_points - int(trim * num_points))
    total = float(ordered[:m].sum() + (num_points - m) * ordered[m - 1])
    tail = (1 - confidence) / 2
    dimension = (m - 1) / total
    return (
        dimension,
        dimension / math.sqrt(m - 2),
        float(chi2.ppf(tail, 2 * m)) / (2 * total),
        float(chi2.ppf(1 - tail, 2 * m)) / (2 * total),
    )


def _fit_linear(
    log_mu: NDArray[np.float64], trim: float, confidence: float
) -> tuple[float, float, float, float]:
    from scipy.stats import norm

    order = np.argsort(log_mu)
    ordered = log_mu[order]
    dimension = _slope(ordered, trim)
    # Groups are taken in the points' own order, so the error bar is reproducible.
    group = order % NUM_JACKKNIFE_GROUPS
    num_groups = int(group.max()) + 1
    leave_out = np.array([_slope(ordered[group != g], trim) for g in range(num_groups)])
    variance = (num_groups - 1) / num_groups * ((leave_out - leave_out.mean()) ** 2).sum()
    stderr = float(np.sqrt(variance))
    reach = float(norm.ppf((1 + confidence) / 2)) * stderr
    return dimension, stderr, max(0.0, dimension - reach), dimension + reach


def _slope(ordered: NDArray[np.float64], trim: float) -> float:
    """Least squares through the origin of -log(1 - F) on sorted log mu, F = i/N."""
    num_points = len(ordered)
    # The last point has F = 1, where -log(1 - F) is infinite: never part of the fit.
    m = min(int((1 - trim) * num_points), num_points - 1)
    x = ordered[:m]
    y = -np.log1p(-np.arange(1, m + 1) / num_points)
    return float((x @ y) / (x @ x))
