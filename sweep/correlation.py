"""Correlation of clustered data: coefficient, bootstrap interval, permutation p-value.

Legend: T trials, C configurations, G groups, B resamples.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Method = Literal["pearson", "spearman"]


@dataclass(frozen=True)
class Coefficient:
    """A correlation with its 95% interval (percentile bootstrap) and two-sided p-value.

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

    def varies(self) -> bool:
        """Whether x and y each vary within some group."""
        weights = np.ones((1, len(self.x)))
        return all(
            float(_moments(v, v, weights, self.group)[0]) > 1e-18 * (1 + float(v @ v))
            for v in (self.x, self.y)
        )


def correlate(
    sample: ClusteredSample, method: Method, resamples: int, rng: np.random.Generator
) -> Coefficient:
    """Pearson's r, or Spearman's rho from ranks within each group.

    The interval comes from configurations drawn with replacement within each group; the
    p-value from swapping the responses of whole configurations of equal size within a
    group. The observed order is one of the permutations, so p is never zero.
    """
    ones = np.ones((1, len(sample.x)))
    value = float(_coefficients(sample, ones, method)[0])
    draws = _coefficients(sample, _bootstrap_weights(sample, resamples, rng), method)
    draws = draws[np.isfinite(draws)]
    low, high = np.quantile(draws, [0.025, 0.975]) if len(draws) else (math.nan, math.nan)

    x, y = sample.x, sample.y
    if method == "spearman":
        x, y = (_weighted_ranks(v, ones, sample.group)[0] for v in (x, y))
    # A permutation within a group changes no mean and no variance: only the product moves.
    x, y = _centered(x, sample.group), _centered(y, sample.group)
    permuted = (y[_permutations(sample, resamples, rng)] @ x) / math.sqrt((x @ x) * (y @ y))
    extreme = int((np.abs(permuted) >= abs(value) - 1e-9).sum())
    return Coefficient(
        value=value,
        low=float(low),
        high=float(high),
        p_value=(1 + extreme) / (1 + resamples),
        slope=float((x @ y) / (x @ x)) if method == "pearson" else None,
    )


def _coefficients(sample: ClusteredSample, weights: Floats, method: Method) -> Floats:
    """(B,) coefficients under (B, T) weights of the trials."""
    if method == "pearson":
        moments = _moments(sample.x, sample.y, weights, sample.group)
        spread_x = _moments(sample.x, sample.x, weights, sample.group)
        spread_y = _moments(sample.y, sample.y, weights, sample.group)
    else:
        x, y = (_weighted_ranks(v, weights, sample.group) for v in (sample.x, sample.y))
        moments = _moments(x, y, weights, sample.group)
        spread_x = _moments(x, x, weights, sample.group)
        spread_y = _moments(y, y, weights, sample.group)
    with np.errstate(divide="ignore", invalid="ignore"):
        value: Floats = np.clip(moments / np.sqrt(spread_x * spread_y), -1, 1)
        # What rounding leaves of a variable that is constant in a resample is no variation.
        value[(spread_x <= 1e-14 * spread_x.max()) | (spread_y <= 1e-14 * spread_y.max())] = np.nan
    return value


def _moments(x: Floats, y: Floats, weights: Floats, group: Ints) -> Floats:
    """(B,) weighted sums of products of x and y, each centered within groups.

    x, y: (T,) or (B, T). weights: (B, T).
    """
    membership = np.eye(int(group.max()) + 1)[group]  # (T, G)
    if x.ndim == 1:
        x, y = _centered(x, group), _centered(y, group)
    totals = weights @ membership
    sum_x, sum_y = (weights * x) @ membership, (weights * y) @ membership
    with np.errstate(divide="ignore", invalid="ignore"):
        correction = np.where(totals > 0, sum_x * sum_y / totals, 0.0).sum(axis=1)
    result: Floats = (weights * x * y).sum(axis=1) - correction
    return result


def _weighted_ranks(values: Floats, weights: Floats, group: Ints) -> Floats:
    """(B, T) mid-ranks within groups, over group size: as if trials stood there `weight` times."""
    ranks = np.zeros(weights.shape)
    for g in range(int(group.max()) + 1):
        inside = np.flatnonzero(group == g)
        distinct, position = np.unique(values[inside], return_inverse=True)
        share = np.zeros((len(weights), len(distinct)))
        for column, place in enumerate(position):
            share[:, place] += weights[:, inside[column]]
        middle = share.cumsum(axis=1) - share / 2
        total = share.sum(axis=1, keepdims=True)
        ranks[:, inside] = (middle / np.maximum(total, 1))[:, position]
    return ranks


def _bootstrap_weights(sample: ClusteredSample, resamples: int, rng: np.random.Generator) -> Floats:
    """(B, T) how often each trial stands in each resample."""
    group_of = sample.group_of_configuration
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
