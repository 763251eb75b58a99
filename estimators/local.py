"""From a dimension at every point to one dimension with an honest error bar.

Legend: N points, K neighbors.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from estimators.errors import EstimationError
from estimators.estimate import Estimate, Setting
from estimators.neighbors import Neighbors

Average = Literal["arithmetic", "harmonic"]
MIN_POINTS = 10
# Distances that differ by no more than this share are equal but for rounding.
TIE_TOLERANCE = 1e-12


@dataclass(frozen=True)
class Usable:
    """Which points have K neighbors that say something about dimension.

    kept: (N,) bool: neither a duplicate nor a tie.
    num_duplicates: points whose nearest neighbor is at distance 0.
    num_ties: points that are no duplicate and whose neighbors are all equally far.
    """

    kept: NDArray[np.bool_]
    num_duplicates: int
    num_ties: int


def require_neighbors(neighbors: Neighbors, k: int, who: str) -> None:
    """Raise EstimationError unless the table has at least k columns."""
    if neighbors.num_neighbors < k:
        raise EstimationError(
            f"`k >= {k}` must hold, but the table has k={neighbors.num_neighbors}: "
            f"{who} reads {k} neighbors of each point"
        )


def usable_points(
    neighbors: Neighbors, k: int, minimum: int = MIN_POINTS, *, tied_from: int = 1
) -> Usable:
    """Tell apart duplicates, ties and the rest, going by the first k neighbors.

    tied_from: a tie is a point whose neighbors from this one to the k-th are equally far.

    Raises EstimationError if the table has fewer columns, or if fewer than `minimum` points
    are left.
    """
    require_neighbors(neighbors, k, "this estimator")
    nearest, farthest = neighbors.distances[:, 0], neighbors.distances[:, k - 1]
    duplicates = nearest == 0
    near = neighbors.distances[:, tied_from - 1]
    ties = ~duplicates & (farthest - near <= TIE_TOLERANCE * farthest)
    kept = ~duplicates & ~ties
    if kept.sum() < minimum:
        raise EstimationError(
            f"at least {minimum} points with two distinct neighbor distances are needed, but "
            f"of {len(kept)} points {int(duplicates.sum())} have a duplicate and "
            f"{int(ties.sum())} a tie, leaving {int(kept.sum())}: bring more distinct points"
        )
    return Usable(kept, int(duplicates.sum()), int(ties.sum()))


def log_interval(dimension: float, stderr: float, confidence: float) -> tuple[float, float]:
    """Ends of the normal interval of log dimension: never below 0.

    >>> low, high = log_interval(10.0, 1.0, confidence=0.95)
    >>> round(low, 2), round(high, 2)
    (8.22, 12.17)
    """
    from scipy.stats import norm

    reach = float(norm.isf((1 - confidence) / 2)) * stderr / dimension
    return dimension * math.exp(-reach), dimension * math.exp(reach)


def shared_neighbor_stderr(
    influence: NDArray[np.float64], neighborhoods: NDArray[np.int64]
) -> float:
    """Standard error of a mean whose terms share neighbors, hence are correlated.

    influence: (N,) what each point adds to the mean, centered.
    neighborhoods: (N, K) indices of the points that each term was computed from, the point
        itself apart.

    Var = sum_p (sum_{i: p in S_i} psi_i)^2 / ((K + 1) N^2 (1 - o)), with S_i the neighbors
    of i and i itself: terms count as correlated by the share of points that they have in
    common. The mean of that share over all pairs, o, is what centering took away. Without
    shared neighbors this is the usual sum psi_i^2 / (N (N - 1)). The idea is that of spatial
    standard errors (Conley 1999, doi:10.1016/S0304-4076(98)00084-0) with the overlap of
    neighborhoods as the kernel.
    """
    num_points, k = neighborhoods.shape
    members = neighborhoods.ravel()
    shared = np.bincount(members, weights=np.repeat(influence, k), minlength=num_points)
    shared[:num_points] = shared[:num_points] + influence
    sizes = np.bincount(members, minlength=num_points).astype(np.float64)
    sizes[:num_points] += 1
    unit = (k + 1) * num_points**2
    overlap = float((sizes**2).sum()) / unit
    return math.sqrt(float((shared**2).sum()) / unit / (1 - overlap)) if overlap < 1 else math.inf


def member_stderr(
    influence: NDArray[np.float64],
    members: NDArray[np.float64],
    neighborhoods: NDArray[np.int64],
    kept: NDArray[np.bool_],
) -> float:
    """Standard error of a mean over P of N points whose terms say what each neighbor adds.

    influence: (P,) what each kept point adds to the mean, centered.
    members: (P, K) derivative of each term by the weight of each neighbor in it.
    neighborhoods: (P, K) indices of these neighbors.
    kept: (N,) which points are the P.

    The infinitesimal jackknife (Jaeckel 1972; Efron 1982, doi:10.1137/1.9781611970319): a
    point counts by its own term and by its part in all terms that it enters, and the
    variance is the sum of squares of that. The scatter of a term about its expectation is
    in both, so it is subtracted once; what is left is never below the variance of
    independent terms. Unlike `shared_neighbor_stderr` this stays right where neighborhoods
    overlap with many others a little.
    """
    total = np.zeros(max(len(kept), int(neighborhoods.max()) + 1))
    total[: len(kept)][kept] = influence
    total += np.bincount(neighborhoods.ravel(), weights=members.ravel(), minlength=len(total))
    variance = max(float((total**2).sum() - (members**2).sum()), float((influence**2).sum()))
    return math.sqrt(variance) / len(influence)


def average_local(
    local: NDArray[np.float64],
    neighbors: Neighbors,
    k: int,
    usable: Usable,
    settings: dict[str, Setting],
    *,
    average: Average,
    confidence: float,
    members: NDArray[np.float64] | None = None,
) -> Estimate:
    """One estimate from the (kept,) local values of the usable points.

    members: (kept, k) derivative of each local value by the weight of each neighbor in it,
        where the method knows it.

    The error bar takes into account that points share neighbors (`member_stderr` with
    members, `shared_neighbor_stderr` without), and the interval is normal on the logarithm
    of the dimension.
    """
    if average == "harmonic":
        dimension = float(1 / np.mean(1 / local))
        slope = (dimension / local) ** 2
        influence = dimension - dimension**2 / local
    else:
        dimension = float(np.mean(local))
        slope = np.ones(len(local))
        influence = local - dimension
    if members is None:
        everywhere = np.zeros(neighbors.num_points)
        everywhere[usable.kept] = influence
        scatter = shared_neighbor_stderr(everywhere, neighbors.indices[:, :k])
        stderr = scatter * neighbors.num_points / len(local)
    else:
        around = neighbors.indices[usable.kept, :k]
        stderr = member_stderr(influence, slope[:, None] * members, around, usable.kept)
    low, high = log_interval(dimension, stderr, confidence)
    at_points = np.full(neighbors.num_points, np.nan)
    at_points[usable.kept] = local
    return Estimate(
        dimension=dimension,
        stderr=stderr,
        low=low,
        high=high,
        num_points=len(local),
        num_dropped=neighbors.num_points - len(local),
        scale=float(neighbors.distances[usable.kept, k - 1].mean()),
        settings={
            **settings,
            "k": k,
            "average": average,
            "confidence": confidence,
            "duplicates_dropped": usable.num_duplicates,
            "ties_dropped": usable.num_ties,
        },
        local=at_points,
    )
