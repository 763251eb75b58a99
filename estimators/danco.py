"""DANCo: distances and angles of neighbors, compared with those of balls of each dimension.

Legend: N points, P usable points, D units, K neighbors, R points of a chunk, C calibrated
dimensions.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray
from scipy.special import i0e, i1e, roots_jacobi

from estimators.errors import EstimationError
from estimators.estimate import Estimate, require_confidence
from estimators.gride import fit_ratios
from estimators.local import Usable, log_interval, shared_neighbor_stderr, usable_points
from estimators.manifolds import ball, sphere
from estimators.neighborhoods import displacements
from estimators.neighbors import Neighbors, nearest_neighbors

Reference = Literal["ball", "sphere"]
# Calibrated dimensions to either side of the best one.
WINDOW = 3
# Neighbors all in one direction have infinite concentration: one point must not outweigh all.
MAX_CONCENTRATION = 100.0
# Of one random sample: a gigabyte.
MAX_SAMPLE_NUMBERS = 1 << 27


@dataclass(frozen=True)
class DANCo:
    """Dimensionality from angle and norm concentration.

    Ceruti, Bassis, Rozza, Lombardi, Casiraghi, Campadelli, "DANCo: An intrinsic
    dimensionality estimator exploiting angle and norm concentration", Pattern Recognition
    2014, doi:10.1016/j.patcog.2014.02.013, arXiv:1206.3881. Three numbers describe the
    neighborhoods: the likeliest d of rho = r_1 / r_{k+1} under its density
    k d rho^(d-1) (1 - rho^d)^(k-1), and the means over the points of nu and tau, direction
    and concentration of a von Mises law for the angles between the k nearest neighbors.
    The dimension is that of the sample of the same N drawn at random, for which

        KL(rho) + KL(angles)

    between the laws with the data's numbers and with the sample's is least. So the bias of
    distances at finite N, alike in data and sample, cancels.

    k: neighbors per point, the (k + 1)-th being the scale; the authors' 10.
    reference: what the samples are uniform in: "ball" (default) or "sphere".
    repeats: samples per dimension. With 2 their chance adds about a tenth to the error bar.
    seed: of the samples. They are drawn when needed, for dimensions near the answer only
        (each one up to 20, then every tenth part), and kept in memory for the next data of
        the same N and k.
    confidence: coverage of the interval.

    Unlike the published integer, the dimension is real: each of the three numbers is a
    polynomial of log d (a quadratic, a cubic if a line is among them) fitted to the seven
    dimensions about the best, which also averages out the chance in single samples (as
    FastDANCo does by a global fit), and the divergence is minimized along that curve. Two
    more differences, each alike in data and samples: nu is in [0, pi], by the arctangent of
    two arguments, since the published one of a quotient leaps where the mean cosine changes
    its sign; and tau is the exact inverse of I_1 / I_0, at most 100.

    The standard error is that of the data's three numbers, knowing that points share
    neighbors, through the derivatives of the minimum; the samples' own error is added, as
    the share that a point of their curve has in it. Of 100 balls each of 2 to 20 dimensions
    at N = 500, a nominal 95% held the truth in 88% to 99%. It does not cover the difference
    between a curved manifold and a flat ball.
    Known bias: with the ball as reference, balls of 2 to 20 dimensions within 2% at N = 500
    and 2,000, cubes up to 5% too low, spheres 2% to 7% too high; with the sphere, spheres
    right, balls and cubes up to 6% and 10% too low: edges and curvature are not told apart.

    Points whose nearest neighbor is a duplicate and points whose neighbors are all equally
    far are dropped and counted. Raises EstimationError if the table has fewer than k + 1
    columns or no points, if fewer than 10 points remain, or not more than k + 1, or if the
    dimension is so high that samples of it would not fit into memory.

    >>> import numpy as np
    >>> from estimators import nearest_neighbors
    >>> cube = np.random.default_rng(0).uniform(size=(300, 3))
    >>> estimate = DANCo().estimate(nearest_neighbors(cube, k=11))
    >>> 2.6 < estimate.dimension < 3.4
    True
    """

    k: int = 10
    reference: Reference = "ball"
    repeats: int = 2
    seed: int = 0
    confidence: float = 0.95

    def __post_init__(self) -> None:
        if self.k < 2:
            raise EstimationError(f"`k >= 2` must hold, but got k={self.k}: no angle without two")
        if self.reference not in get_args(Reference):
            raise EstimationError(
                f"reference must be one of {', '.join(get_args(Reference))}, "
                f"but got {self.reference!r}"
            )
        if self.repeats < 1:
            raise EstimationError(f"`repeats >= 1` must hold, but got repeats={self.repeats}")
        require_confidence(self.confidence)

    @property
    def name(self) -> str:
        return "danco"

    @property
    def num_neighbors(self) -> int:
        return self.k + 1

    def estimate(self, neighbors: Neighbors) -> Estimate:
        """The dimension of the ball whose neighborhoods are most like these."""
        usable = usable_points(neighbors, self.k + 1)
        kept = usable.kept
        num_points = int(kept.sum())
        if num_points <= self.k + 1:
            raise EstimationError(
                f"`N > {self.k + 1}` must hold, but {num_points} usable points are left: "
                "bring more points or lower k"
            )
        observed, influence = _describe(neighbors, self.k, usable)
        curve = self._calibrate(observed, num_points)
        log_dimension = curve.nearest(observed)
        slope = np.empty(3)
        for number, step in enumerate(1e-3 * influence.std(axis=0) + 1e-9):
            shift = step * np.eye(3)[number]
            ends = [curve.nearest(observed + shift), curve.nearest(observed - shift)]
            slope[number] = (ends[0] - ends[1]) / (2 * step)
        everywhere = np.zeros(neighbors.num_points)
        everywhere[kept] = influence @ slope
        scatter = shared_neighbor_stderr(everywhere, neighbors.indices[:, : self.k + 1])
        scatter *= neighbors.num_points / num_points
        share = curve.leverage(log_dimension) / self.repeats
        dimension = math.exp(log_dimension)
        stderr = dimension * scatter * math.sqrt(1 + share)
        low, high = log_interval(dimension, stderr, self.confidence)
        return Estimate(
            dimension=dimension,
            stderr=stderr,
            low=low,
            high=high,
            num_points=num_points,
            num_dropped=neighbors.num_points - num_points,
            scale=float(neighbors.distances[kept, self.k].mean()),
            settings={
                "estimator": self.name,
                "k": self.k,
                "reference": self.reference,
                "repeats": self.repeats,
                "seed": self.seed,
                "confidence": self.confidence,
                "duplicates_dropped": usable.num_duplicates,
                "ties_dropped": usable.num_ties,
            },
        )

    def _calibrate(self, observed: NDArray[np.float64], num_points: int) -> _Curve:
        """The curve about the dimension of least divergence, found by walking downhill."""
        divergence = _Divergence(self.k)
        samples: dict[int, NDArray[np.float64]] = {}
        place = int(np.searchsorted(_dimensions(), math.exp(observed[0])))
        while True:
            widest = _dimensions()[place + WINDOW]
            if widest * num_points > MAX_SAMPLE_NUMBERS:
                raise EstimationError(
                    f"`d N <= {MAX_SAMPLE_NUMBERS}` must hold for the samples to compare with, "
                    f"but these {num_points} points lead to d={widest}: take fewer points, or "
                    "an estimator without calibration"
                )
            window = range(max(0, place - WINDOW), place + WINDOW + 1)
            for at in set(window) - set(samples):
                drawn = [
                    _sample(num_points, self.k, _dimensions()[at], self.reference, self.seed, r)
                    for r in range(self.repeats)
                ]
                samples[at] = np.mean(drawn, axis=0)
            best = min(samples, key=lambda at: divergence(observed, samples[at]))
            if best == place:
                break
            place = best
        chosen = list(window)
        return _Curve(
            np.log([_dimensions()[at] for at in chosen]),
            np.array([samples[at] for at in chosen]),
            divergence,
        )


class _Divergence:
    """KL divergence between the laws that two triples (log d, nu, log tau) stand for."""

    def __init__(self, k: int) -> None:
        self.k = k
        # Expectations under u = rho^d, whose density is k (1 - u)^(k-1), by Gauss and Jacobi.
        nodes, weights = roots_jacobi(40, k - 1, 0)
        self._u = (1 + nodes) / 2
        self._weights = weights / weights.sum()
        self._harmonic = float((1 / np.arange(1, k + 1)).sum())

    def __call__(self, one: NDArray[np.float64], two: NDArray[np.float64]) -> float:
        log_c = two[0] - one[0]
        c = math.exp(log_c)
        ratio = np.log(np.expm1(c * np.log(self._u)) / (self._u - 1))
        distances = -log_c + (c - 1) * self._harmonic - (self.k - 1) * self._weights @ ratio
        first, second = math.exp(one[2]), math.exp(two[2])
        # I_0 and I_1 scaled by e^-tau, so that they don't overflow.
        normal = math.log(i0e(second) / i0e(first)) + second - first
        mean = i1e(first) / i0e(first)
        return float(distances + normal + mean * (first - second * math.cos(one[1] - two[1])))


class _Curve:
    """Smooth (log d, nu, log tau) of random samples as a function of log dimension."""

    def __init__(
        self, x: NDArray[np.float64], samples: NDArray[np.float64], divergence: _Divergence
    ) -> None:
        self._middle = float(x.mean())
        # On a line angles are 0 or pi: the curve bends more from there than later.
        self._degree = 3 if x[0] == 0 else 2
        self._design = self._powers(x)
        self._coefficients = np.linalg.lstsq(self._design, samples, rcond=None)[0]
        self._ends = float(x[0]), float(x[-1])
        self._divergence = divergence

    def _powers(self, x: float | NDArray[np.float64]) -> NDArray[np.float64]:
        return np.vander(np.atleast_1d(x) - self._middle, self._degree + 1)

    def nearest(self, observed: NDArray[np.float64]) -> float:
        """The log dimension of least divergence, a little beyond the ends at most."""
        from scipy.optimize import minimize_scalar

        found = minimize_scalar(
            lambda x: self._divergence(observed, (self._powers(x) @ self._coefficients)[0]),
            bounds=(self._ends[0] - 0.7, self._ends[1] + 0.2),
            method="bounded",
            options={"xatol": 1e-10},
        )
        return float(found.x)

    def leverage(self, x: float) -> float:
        """The variance of the curve at x, in units of that of one sample."""
        row = self._powers(x)[0]
        return float(row @ np.linalg.inv(self._design.T @ self._design) @ row)


@lru_cache
def _dimensions() -> tuple[int, ...]:
    """1 to 20, then in steps of a tenth."""
    found = [1]
    while found[-1] < 1_000_000:
        found.append(found[-1] + max(1, found[-1] // 10))
    return tuple(found)


@lru_cache(maxsize=4096)
def _sample(
    num_points: int, k: int, dimension: int, reference: Reference, seed: int, repeat: int
) -> tuple[float, ...]:
    """The three numbers of one random sample."""
    rng = np.random.default_rng([seed, num_points, k, dimension, repeat])
    draw = ball if reference == "ball" else sphere
    neighbors = nearest_neighbors(draw(num_points, dimension, rng), k + 1)
    return tuple(_describe(neighbors, k, usable_points(neighbors, k + 1))[0].tolist())


def _describe(
    neighbors: Neighbors, k: int, usable: Usable
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(log d, mean nu, log mean tau), and the (P, 3) parts that the points have in them."""
    distances = neighbors.distances[usable.kept]
    fit = fit_ratios(np.log(distances[:, k] / distances[:, 0]), 1, k + 1, exponent=len(distances))
    angles = np.empty((len(distances), 2))
    above = np.triu_indices(k, 1)
    for part, vectors in displacements(neighbors, k, usable.kept):
        vectors /= vectors.norm(dim=2, keepdim=True)
        cosines = (vectors @ vectors.mT).cpu().numpy()[:, above[0], above[1]].clip(-1, 1)
        across = cosines.mean(axis=1), np.sqrt(1 - cosines**2).mean(axis=1)
        angles[part, 0] = np.arctan2(across[1], across[0])
        angles[part, 1] = _concentration(np.hypot(*across))
    nu, tau = angles.mean(axis=0)
    parts = np.column_stack(
        [fit.scores * (len(distances) / fit.information), angles[:, 0] - nu, angles[:, 1] / tau - 1]
    )
    return np.array([math.log(fit.dimension), nu, math.log(tau)]), parts


def _concentration(length: NDArray[np.float64]) -> NDArray[np.float64]:
    """Tau with I_1(tau) / I_0(tau) = length, by Newton from the usual approximation."""
    length = np.minimum(length, i1e(MAX_CONCENTRATION) / i0e(MAX_CONCENTRATION))
    # Best and Fisher 1981, doi:10.1080/03610918108812225.
    low = 2 * length + length**3 + 5 / 6 * length**5
    middle = -0.4 + 1.39 * length + 0.43 / (1 - length)
    high = 1 / (length**3 - 4 * length**2 + 3 * length + 1e-300)
    tau = np.maximum(np.where(length < 0.53, low, np.where(length < 0.85, middle, high)), 1e-9)
    for _ in range(4):
        mean = i1e(tau) / i0e(tau)
        tau = np.maximum(tau + (length - mean) / (1 - mean / tau - mean**2), 1e-9)
    return np.asarray(tau)
