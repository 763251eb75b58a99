"""Counts in inner and outer balls: the dimension they tell, its error, and if they fit.

Legend: N points, M of them kept, P points that anything was judged from.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from estimators.errors import EstimationError
from estimators.neighbors import Neighbors

# Where the Cramer-Rao bound (1/p - 1) / (M log(tau)^2), p = tau^d, is smallest in tau: the
# root of 2 (1 - p) + log p = 0.
BEST_SHARE = 0.20318786997997992
# Points that a cell of the p-value's histogram must be expected to hold.
MIN_EXPECTED = 5


def best_tau(ratios: NDArray[np.float64], num_trials: int) -> float:
    """The tau below which BEST_SHARE of the ratios r_ij / R_i lie.

    ratios: of any shape; infinite where no trial is.

    >>> round(best_tau(np.linspace(0, 1, 101), 101), 2)
    0.2
    """
    rank = max(1, round(BEST_SHARE * num_trials)) - 1
    tau = float(np.partition(ratios, rank, axis=None)[rank])
    if not tau < 1:
        raise EstimationError(
            "most neighbors are as far as the one that sets the radius: on a grid, distances "
            "don't tell a dimension"
        )
    return tau


def binomial_dimension(share: float, tau: float) -> float:
    """The dimension at which the inner ball holds this share of the outer one.

    >>> round(binomial_dimension(0.125, tau=0.5), 6)
    3.0
    """
    if not 0 < share < 1:
        raise EstimationError(
            f"the inner balls must hold some, not all neighbors, but with tau={tau:.4g} they "
            f"hold a share of {share:.4g}: take another tau or more neighbors"
        )
    return math.log(share) / math.log(tau)


def membership(
    neighbors: Neighbors, kept: NDArray[np.bool_], sizes: NDArray[np.int64]
) -> csr_array:
    """(M, P) which points each of the M kept ones was judged from: its first `sizes`, and itself.

    A row of s + 1 points has the entries 1/sqrt(s + 1). With it, |shared.T @ psi|^2 is the
    variance of sum psi_i whose terms are correlated by the share of points that they have in
    common: what `shared_neighbor_stderr` does where all sizes are equal.
    """
    rows = np.flatnonzero(kept)
    inside = np.arange(sizes.max()) < sizes[:, None]
    others = np.where(inside, neighbors.indices[kept, : sizes.max()], -1)
    members = np.column_stack([rows, others])[np.column_stack([rows >= 0, inside])]
    entries = np.repeat(1 / np.sqrt(sizes + 1), sizes + 1)
    starts = np.concatenate([[0], np.cumsum(sizes + 1)])
    return csr_array((entries, members, starts), shape=(len(rows), int(members.max()) + 1))


def binomial_stderr(
    inner: NDArray[np.int64],
    trials: NDArray[np.int64],
    tau: float,
    dimension: float,
    shared: csr_array,
) -> float:
    """Standard error of log(sum inner / sum trials) / log(tau), for points that share neighbors."""
    success = tau**dimension
    influence = (inner - trials * success) / (trials.sum() * success * math.log(tau))
    return float(np.linalg.norm(shared.T @ influence) / math.sqrt(1 - _mean_overlap(shared)))


def binomial_p_value(
    inner: NDArray[np.int64], trials: NDArray[np.int64], success: float, shared: csr_array
) -> float | None:
    """Whether the counts look drawn from binomials: p-value of Pearson's chi-square test.

    inner, trials: (M,) counts in the inner and outer balls.
    success: of one trial, as fitted to these counts; it costs a degree of freedom.
    shared: see `membership`.

    None where fewer than three counts have a chance worth testing.
    """
    from scipy.stats import binom, chi2

    how_many = np.bincount(trials)
    sizes = np.arange(len(how_many))
    chances = binom.pmf(sizes, sizes[:, None], success)
    # Adjacent counts are pooled until each cell is large enough for the chi-square law.
    expected = how_many @ chances
    starts, filled = [0], 0.0
    for count, left in enumerate(expected.sum() - np.cumsum(expected)):
        filled += expected[count]
        if filled >= MIN_EXPECTED and left >= MIN_EXPECTED:
            starts.append(count + 1)
            filled = 0.0
    if len(starts) < 3:
        return None
    slopes = chances * (sizes - sizes[:, None] * success) / (success * (1 - success))
    cells = np.add.reduceat(chances, starts, axis=1)
    slope = how_many @ np.add.reduceat(slopes, starts, axis=1) / trials.sum()
    own = np.searchsorted(starts, inner, side="right")[:, None] == 1 + np.arange(len(starts))
    # What each point adds to observed - expected, less what it does through `success`.
    parts = own - cells[trials] - np.multiply.outer(inner - trials * success, slope)
    pooled = how_many @ cells
    distance = ((own.sum(axis=0) - pooled) ** 2 / pooled).sum()
    # Rao and Scott's correction: the distance has this mean where points share neighbors.
    mean = ((shared.T @ parts) ** 2 / pooled).sum() / (1 - _mean_overlap(shared))
    degrees = len(starts) - 2
    return float(chi2.sf(distance * degrees / mean, degrees))


def _mean_overlap(shared: csr_array) -> float:
    """Mean correlation of all pairs of points, each with itself included.

    Residuals from a fitted mean sum to 0, which takes this share of the variance away; with
    nothing shared it is 1/M, and 1 / (1 - 1/M) is the usual M / (M - 1).
    """
    num_points = shared.shape[0]
    return float(np.square(shared.T @ np.ones(num_points)).sum()) / num_points**2
