"""TwoNN with its finite-sample bias taken out, by simulated references.

Legend: N points, d dimension.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from estimators.calibration_table import DIMENSIONS, NUM_POINTS, RAW, SCATTER, TRIM
from estimators.errors import EstimationError
from estimators.estimate import Estimate
from estimators.neighbors import Neighbors
from estimators.twonn import TwoNN

# Weight of the ball in the mean of the two references: between spheres, which lie above it,
# and cubes, which lie below.
BALL_WEIGHT = 0.8
# Shapes differ by about this share of the (log) correction; chosen from docs/calibration.md.
SHAPE_SHARE = 0.2


@dataclass(frozen=True)
class Calibrated:
    """TwoNN mapped to the dimension whose expected raw estimate it is, at the same N.

    TwoNN: Facco et al. 2017, doi:10.1038/s41598-017-11873-y.

    At finite N a raw estimate is too low for d above about 5, the more the higher d: by 10%
    to 45% for d = 10 to 60. How much depends on N and d, and little on the shape, so the
    mean raw estimates of d-balls and d-Gaussians, simulated for N = 100 to 20,000 and d = 1
    to 128 (calibration_table.py, by benchmarks/calibration_table.py), can be inverted. The
    reference is the mean of the two in logarithms, 0.8 of it the ball; between the N of the
    table it is linear in log N, between its d monotone (PCHIP) in log d. Simulating
    references to remove this bias is known from DANCo (Ceruti et al. 2014,
    doi:10.1016/j.patcog.2014.02.013).

    The interval covers, in quadrature on the log scale, the scatter of the raw estimate over
    samples, as simulated (so it knows that points share neighbors), and the difference that
    a shape makes: half the difference between ball and Gaussian, and a fifth of the
    correction. Coverage and bias by shape, N and d: docs/calibration.md.

    Limits, measured there (N = 500 to 5,000, d = 5 to 60):
      - Spheres, cubes, surfaces of cubes and products of quarter circles: bias -7% to +6%
        (raw -45% to +1%), coverage 87% to 100%. Gaussians whose standard deviations fall from
        1 to 1/2: within 9%, but -12% at N = 500, d = 60.
      - Directions too thin to be seen at this N don't count: Gaussians whose standard deviations
        fall to 1/10 are 7% to 14% too low at d = 10 and about 40% at d = 60.
      - Where the nearest neighbor is as far as the radius of curvature it is too high: 8% to
        24% for products of half circles or 5-spheres, d >= 20; twice d for products of circles.
      - N counts points that are neighbors of each other: 10 far clusters of N/10 points are
        5% to 16% too low at d = 20.
      - Isotropic noise of 0.3 of the distance between points adds 10% to 15%, of 1 it doubles
        the dimension; heavy tails (t with 3 degrees of freedom) add 5% to 37%; strong gradients
        (lognormal) take 16% to 53% off for d >= 10. There the interval doesn't hold the truth.
      - Below d = 1 the ratio is that of d = 1. Above d = 128 (the raw estimate is larger than
        the table's largest at that N): the dimension is 128, `high` is infinite and
        settings["bound"] is "at least". `high` is infinite too where only it lies beyond.
      - N < 100 raises EstimationError. N > 20,000 is corrected as 20,000, which is a little
        too much as bias falls with N; the interval then reaches down to the raw one.

    >>> from estimators import nearest_neighbors
    >>> from estimators.manifolds import sphere
    >>> points = sphere(1000, 20, np.random.default_rng(0))
    >>> estimate = Calibrated().estimate(nearest_neighbors(points, 2))
    >>> round(estimate.settings["raw"]), estimate.low < 20 < estimate.high
    (16, True)
    """

    estimator: TwoNN = TwoNN()  # noqa: RUF009  frozen

    def __post_init__(self) -> None:
        if self.estimator.method != "mle" and self.estimator.trim != TRIM:
            raise EstimationError(
                f"`trim == {TRIM}` must hold, but got trim={self.estimator.trim}: the table was "
                "simulated with it"
            )

    @property
    def name(self) -> str:
        return f"{self.estimator.name}_calibrated"

    @property
    def num_neighbors(self) -> int:
        return self.estimator.num_neighbors

    def estimate(self, neighbors: Neighbors) -> Estimate:
        """The calibrated dimension; the raw one is in the settings.

        Raises EstimationError where TwoNN does, and below 100 usable points.
        """
        raw = self.estimator.estimate(neighbors)
        if raw.num_points < NUM_POINTS[0]:
            raise EstimationError(
                f"`N >= {NUM_POINTS[0]}` must hold, but got {raw.num_points} usable points: "
                "the calibration table starts there; bring more points or take the raw estimate"
            )
        from scipy.stats import norm

        method, confidence = self.estimator.method, self.estimator.confidence
        num_points = min(raw.num_points, NUM_POINTS[-1])
        table = _reference(method, num_points)
        dimension = table.dimension(raw.dimension)
        known = math.isfinite(dimension)
        dimension = dimension if known else float(DIMENSIONS[-1])

        scatter = table.scatter(dimension) / math.sqrt(raw.num_points)
        shape = math.hypot(
            table.difference(raw.dimension) / 2,
            SHAPE_SHARE * math.log(dimension / min(raw.dimension, dimension)),
        )
        reach = float(norm.isf((1 - confidence) / 2))
        low = table.dimension(raw.dimension * math.exp(-reach * scatter))
        high = table.dimension(raw.dimension * math.exp(reach * scatter))
        low = dimension if math.isinf(low) else low
        low = dimension * math.exp(-math.hypot(math.log(dimension / low), reach * shape))
        high = dimension * math.exp(math.hypot(math.log(high / dimension), reach * shape))
        stderr = dimension * math.hypot(table.slope(raw.dimension) * scatter, shape)
        return replace(
            raw,
            dimension=dimension,
            stderr=stderr,
            low=min(low, raw.low) if raw.num_points > num_points else low,
            high=high if known and high <= DIMENSIONS[-1] else math.inf,
            settings={
                **raw.settings,
                "estimator": self.name,
                "raw": raw.dimension,
                "shape_error": shape,
                "table_num_points": num_points,
                "bound": None if known else "at least",
            },
        )


class _Reference:
    """The table of one method at one N: log raw estimates against log dimension."""

    def __init__(self, method: str, num_points: int) -> None:
        from scipy.interpolate import PchipInterpolator

        self._log_d = np.log(np.array(DIMENSIONS, dtype=np.float64))
        ball, gaussian = (self._log_raw(method, shape, num_points) for shape in RAW[method])
        mean = BALL_WEIGHT * ball + (1 - BALL_WEIGHT) * gaussian
        self._mean, self._ball, self._gaussian = (
            PchipInterpolator(log_raw, self._log_d) for log_raw in (mean, ball, gaussian)
        )
        self._scatter = np.array(SCATTER[method])

    def _log_raw(self, method: str, shape: str, num_points: int) -> NDArray[np.float64]:
        log_raw = np.log(np.array(RAW[method][shape]))
        at = np.log(num_points)
        log_n = np.log(np.array(NUM_POINTS, dtype=np.float64))
        return np.array([np.interp(at, log_n, column) for column in log_raw.T])

    def dimension(self, raw: float) -> float:
        """The dimension that yields this raw estimate; infinite beyond the table."""
        return math.exp(self._invert(self._mean, raw))

    def difference(self, raw: float) -> float:
        """How far the two references are apart in log dimension."""
        top = math.exp(min(self._ball.x[-1], self._gaussian.x[-1]))
        inside = min(raw, top)
        return abs(self._invert(self._ball, inside) - self._invert(self._gaussian, inside))

    def slope(self, raw: float) -> float:
        """Derivative of log dimension by log raw estimate."""
        x = min(max(math.log(raw), self._mean.x[0]), self._mean.x[-1])
        return float(self._mean(x, 1))

    def scatter(self, dimension: float) -> float:
        """Relative standard deviation of raw estimates over samples, times sqrt(N)."""
        return float(np.interp(math.log(dimension), self._log_d, self._scatter))

    def _invert(self, curve: Any, raw: float) -> float:
        x = math.log(raw)
        if x > curve.x[-1]:
            return math.inf
        # Below d = 1 the ratio of dimension to raw estimate is that of d = 1.
        return float(curve(x)) if x >= curve.x[0] else float(self._log_d[0] + x - curve.x[0])


@lru_cache(maxsize=64)
def _reference(method: str, num_points: int) -> _Reference:
    return _Reference(method, num_points)
