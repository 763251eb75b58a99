"""Correlation of clustered data: coefficient, bootstrap interval, permutation p-value.

Legend: T trials, C configurations, G groups, B resamples.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata
from scipy.stats import t as student

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Method = Literal["pearson", "spearman"]
MIN_PER_GROUP = 4
MIN_GROUPS = 8


@dataclass(frozen=True)
class Coefficient:
    """A correlation with its 95% bootstrap interval and two-sided permutation p-value.

    slope: least squares, in units of y per unit of x; None under "spearman".
    """

    value: float
    low: float
    high: float
    p_value: float
    slope: float | None


@dataclass(frozen=True)
class ClusteredSample:
    """Pairs (x, y) whose trials come in configurations, and configurations in groups.

    x, y: (T,) floats. configuration: (T,) in [0, C); resampled and permuted whole.
    group: (T,) in [0, G); both variables are compared only within a group.
    """

    x: Floats
    y: Floats
    configuration: Ints
    group: Ints

    @property
    def num_configurations(self) -> int:
        return int(self.configuration.max()) + 1

    @property
    def num_groups(self) -> int:
        return int(self.group.max()) + 1

    @property
    def group_of_configuration(self) -> Ints:
        """(C,) the group each configuration lies in."""
        groups = np.empty(self.num_configurations, np.int64)
        groups[self.configuration] = self.group
        return groups

    @property
    def draws_groups(self) -> bool:
        """Whether whole groups are resampled: a handful of configurations can't stand for many."""
        small = self.num_configurations / self.num_groups < MIN_PER_GROUP
        return small and self.num_groups >= MIN_GROUPS

    def varies(self) -> bool:
        """Whether x and y each vary within some group."""
        return all(
            float(np.abs(_centered(v, self.group)).max()) > 1e-12 * (1 + float(np.abs(v).max()))
            for v in (self.x, self.y)
        )


def correlate(
    sample: ClusteredSample, method: Method, resamples: int, rng: np.random.Generator
) -> Coefficient:
    """Pearson's r, or Spearman's rho from ranks within each group.

    The interval comes from configurations drawn with replacement within each group, or
    from whole groups where these are many and small (the ranks stay those of the whole
    sample: groups are too small to be ranked anew). The
    p-value comes from swapping the responses of whole configurations of equal size within
    a group; the observed order is one of the permutations, so p is never zero.
    """
    x, y = sample.x, sample.y
    if method == "spearman":
        x, y = _ranks(x, sample.group), _ranks(y, sample.group)
    x, y = _centered(x, sample.group), _centered(y, sample.group)
    value = float(x @ y) / math.sqrt(float(x @ x) * float(y @ y))
    weights = _bootstrap_weights(sample, resamples, rng)
    draws = _weighted_coefficients(x, y, sample.group, weights)
    freedom = sample.num_configurations - sample.num_groups - 1
    if sample.draws_groups:
        freedom = sample.num_groups - 1
    low, high = _interval(value, draws[np.isfinite(draws)], freedom)
    # A permutation within a group changes no mean and no variance: only the product moves.
    permuted = (y[_permutations(sample, resamples, rng)] @ x) / math.sqrt((x @ x) * (y @ y))
    extreme = int((np.abs(permuted) >= abs(value) - 1e-9).sum())
    return Coefficient(
        value=value,
        low=float(low),
        high=float(high),
        p_value=(1 + extreme) / (1 + resamples),
        slope=float((x @ y) / (x @ x)) if method == "pearson" else None,
    )


def _interval(value: float, draws: Floats, freedom: int) -> tuple[float, float]:
    """The 95% interval on Fisher's z scale: Student's t times the bootstrap's standard error.

    The plain percentile interval covers too rarely with a few dozen configurations. The
    standard error is read off the central 95% of the draws, which tiny resamples with a
    coefficient of exactly one don't reach.
    """
    if freedom < 1 or len(draws) < 2:
        return math.nan, math.nan
    z = np.arctanh(np.clip(draws, -1 + 1e-12, 1 - 1e-12))
    ends = np.quantile(z, [0.025, 0.975])
    reach = float(student.ppf(0.975, freedom)) * float(ends[1] - ends[0]) / 2 / 1.96
    center = math.atanh(min(max(value, -1 + 1e-12), 1 - 1e-12))
    return math.tanh(center - reach), math.tanh(center + reach)


def _weighted_coefficients(x: Floats, y: Floats, group: Ints, weights: Floats) -> Floats:
    """(B,) Pearson coefficients under (B, T) weights, centered anew within each group."""
    products = _moments(x, y, weights, group)
    spread_x, spread_y = _moments(x, x, weights, group), _moments(y, y, weights, group)
    with np.errstate(divide="ignore", invalid="ignore"):
        value: Floats = np.clip(products / np.sqrt(spread_x * spread_y), -1, 1)
    # What rounding leaves of a variable that is constant in a resample is no variation.
    tiny = 1e-12
    constant = (spread_x <= tiny * float(x @ x)) | (spread_y <= tiny * float(y @ y))
    value[constant] = np.nan
    return value


def _moments(x: Floats, y: Floats, weights: Floats, group: Ints) -> Floats:
    """(B,) weighted sums of products of (T,) x and y about their weighted group means."""
    membership = np.eye(int(group.max()) + 1)[group]  # (T, G)
    totals = weights @ membership
    sum_x, sum_y = (weights * x) @ membership, (weights * y) @ membership
    correction = sum_x * sum_y / np.where(totals > 0, totals, 1.0)
    result: Floats = weights @ (x * y) - correction.sum(axis=1)
    return result


def _ranks(values: Floats, group: Ints) -> Floats:
    """(T,) mid-ranks within groups, over group size."""
    ranks = np.empty_like(values)
    for g in range(int(group.max()) + 1):
        inside = group == g
        ranks[inside] = rankdata(values[inside]) / inside.sum()
    return ranks


def _bootstrap_weights(sample: ClusteredSample, resamples: int, rng: np.random.Generator) -> Floats:
    """(B, T) how often each trial stands in each resample."""
    group_of = sample.group_of_configuration
    if sample.draws_groups:
        share = np.full(sample.num_groups, 1 / sample.num_groups)
        drawn = rng.multinomial(sample.num_groups, share, size=resamples).astype(np.float64)
        return drawn[:, sample.group]
    counts = np.zeros((resamples, sample.num_configurations))
    for g in range(sample.num_groups):
        inside = np.flatnonzero(group_of == g)
        share = np.full(len(inside), 1 / len(inside))
        counts[:, inside] = rng.multinomial(len(inside), share, size=resamples)
    return counts[:, sample.configuration]


def _permutations(sample: ClusteredSample, resamples: int, rng: np.random.Generator) -> Ints:
    """(B, T) row orders that swap whole configurations of equal size within a group."""
    order = np.tile(np.arange(len(sample.x)), (resamples, 1))
    members = [np.flatnonzero(sample.configuration == c) for c in range(sample.num_configurations)]
    sizes = np.array([len(rows) for rows in members])
    group_of = sample.group_of_configuration
    for g in range(sample.num_groups):
        for size in np.unique(sizes[group_of == g]):
            alike = np.flatnonzero((group_of == g) & (sizes == size))
            rows = np.stack([members[c] for c in alike])  # (configurations, size)
            shuffled = rng.permuted(np.tile(np.arange(len(alike)), (resamples, 1)), axis=1)
            order[:, rows.ravel()] = rows[shuffled].reshape(resamples, -1)
    return order


def _centered(values: Floats, group: Ints) -> Floats:
    means = np.bincount(group, weights=values) / np.bincount(group)
    centered: Floats = values - means[group]
    return centered
