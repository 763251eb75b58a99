"""Pearson's and Spearman's correlation of clustered data: interval and permutation p-value.

Legend: T trials, C configurations, G groups, B resamples, P predictors.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.stats import rankdata
from scipy.stats import t as student

from sweep.regression.clusters import Clusters, Floats, Ints
from sweep.regression.draws import DrawnOnce, Draws

Method = Literal["pearson", "spearman"]
LEVEL = 0.95
ALMOST_ONE = 1 - 1e-12


@dataclass(frozen=True)
class Coefficient:
    """A correlation with its 95% interval and two-sided permutation p-value.

    slope: least squares, in units of y per unit of x; None where ranks are compared.
    """

    value: float
    low: float
    high: float
    p_value: float
    slope: float | None = None


@dataclass(frozen=True, eq=False)
class ClusteredSample:
    """Pairs (x, y), (T,) floats, whose trials come in configurations and in groups."""

    x: Floats
    y: Floats
    configuration: Ints
    group: Ints

    @property
    def clusters(self) -> Clusters:
        return Clusters(self.configuration, self.group)

    def varies(self) -> bool:
        """Whether x and y each vary within some group."""
        return varies(self.x, self.clusters) and varies(self.y, self.clusters)


def varies(values: Floats, clusters: Clusters) -> bool:
    """Whether (T,) values vary within some group, by more than rounding."""
    spread = float(np.abs(clusters.centered(values)).max())
    return spread > 1e-12 * (1 + float(np.abs(values).max()))


def correlate(
    sample: ClusteredSample, method: Method, resamples: int, rng: np.random.Generator
) -> Coefficient:
    """Pearson's r, or Spearman's rho from ranks within each group.

    See `correlate_all`, of which this is the case of one predictor and one method.
    """
    draws = DrawnOnce(sample.clusters, resamples, rng)
    found = correlate_all(sample.x[:, None], sample.y, [method], draws)
    return found[method][0]


def correlate_all(
    x: Floats,
    y: Floats,
    methods: Sequence[Method],
    draws: Draws | DrawnOnce,
) -> dict[Method, list[Coefficient]]:
    """Each of the (T, P) predictors against (T,) y, over the same resamples.

    The interval comes from configurations drawn with replacement within each group, or
    from whole groups where these are many and small (the ranks stay those of the whole
    sample: groups are too small to be ranked anew). The p-value comes from swapping the
    responses of whole configurations of equal size within a group, row by row in the order
    given; the observed order is one of the permutations, so p is never zero.
    """
    clusters = draws.clusters
    columns = {method: _columns(method, x, y, clusters) for method in methods}
    resampled: dict[Method, list[Floats]] = {method: [] for method in methods}
    for weights in draws.weights():
        for method in methods:
            resampled[method].append(_weighted(*columns[method], clusters, weights))
    extreme = {method: np.zeros(x.shape[1], np.int64) for method in methods}
    values = {method: _values(*columns[method]) for method in methods}
    for order in draws.orders():
        for method, (own_x, own_y) in columns.items():
            # A permutation within a group changes no mean and no variance: only the product moves.
            permuted = (own_y[order] @ own_x) / _scale(own_x, own_y)
            extreme[method] += (np.abs(permuted) >= np.abs(values[method]) - 1e-9).sum(axis=0)
    found: dict[Method, list[Coefficient]] = {}
    for method, (own_x, own_y) in columns.items():
        drawn = np.concatenate(resampled[method])
        found[method] = [
            Coefficient(
                value,
                *fisher_interval(value, drawn[:, p], clusters.freedom),
                (1 + int(extreme[method][p])) / (1 + draws.resamples),
                float(own_x[:, p] @ own_y / (own_x[:, p] @ own_x[:, p]))
                if method == "pearson"
                else None,
            )
            for p, value in enumerate(values[method].tolist())
        ]
    return found


def fisher_interval(value: float, draws: Floats, freedom: int) -> tuple[float, float]:
    """The 95% interval on Fisher's z scale: Student's t times the bootstrap's standard error.

    The plain percentile interval covers too rarely with a few dozen configurations. The
    standard error is read off the central 95% of the draws, which tiny resamples with a
    coefficient of exactly one don't reach. NaN where the draws don't vary.
    """
    draws = draws[np.isfinite(draws)]
    if freedom < 1 or len(draws) < 2:
        return math.nan, math.nan
    z = np.arctanh(np.clip(draws, -ALMOST_ONE, ALMOST_ONE))
    ends = np.quantile(z, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    error = float(ends[1] - ends[0]) / (2 * 1.96)
    if error < 1e-9:  # ranks of a few networks that agree in every resample
        return math.nan, math.nan
    return around(value, error, freedom)


def around(value: float, error: float, freedom: int) -> tuple[float, float]:
    """The 95% interval of a correlation whose atanh has this standard error."""
    reach = float(student.ppf((1 + LEVEL) / 2, freedom)) * error
    center = math.atanh(min(max(value, -ALMOST_ONE), ALMOST_ONE))
    return math.tanh(center - reach), math.tanh(center + reach)


def ranks(values: Floats, clusters: Clusters) -> Floats:
    """(T, ...) mid-ranks within groups, over group size."""
    found = np.empty_like(values)
    order = np.argsort(clusters.group, kind="stable")
    sizes = np.bincount(clusters.group, minlength=clusters.num_groups)
    for inside in np.split(order, np.cumsum(sizes)[:-1]):
        found[inside] = rankdata(values[inside], axis=0) / len(inside)
    return found


def _columns(method: Method, x: Floats, y: Floats, clusters: Clusters) -> tuple[Floats, Floats]:
    if method == "spearman":
        x, y = ranks(x, clusters), ranks(y, clusters)
    return clusters.centered(x), clusters.centered(y)


def _scale(x: Floats, y: Floats) -> Floats:
    return np.asarray(np.sqrt((x * x).sum(axis=0) * (y @ y)))


def _values(x: Floats, y: Floats) -> Floats:
    return np.clip((y @ x) / _scale(x, y), -1, 1)


def _weighted(x: Floats, y: Floats, clusters: Clusters, weights: Floats) -> Floats:
    """(b, P) Pearson coefficients under (b, C) weights, centered anew within each group."""
    num = x.shape[1]
    left = np.column_stack([x, x, y])
    right = np.column_stack([np.broadcast_to(y[:, None], x.shape), x, y])
    sums = clusters.products(left, right, weights)
    product, spread_x, spread_y = sums[:, :num], sums[:, num : 2 * num], sums[:, 2 * num :]
    with np.errstate(divide="ignore", invalid="ignore"):
        value: Floats = np.clip(product / np.sqrt(spread_x * spread_y), -1, 1)
    # What rounding leaves of a variable that is constant in a resample is no variation.
    tiny = 1e-12
    if clusters.num_groups == 1:
        # Two configurations lie on a line whatever they say: of few, many draws are such.
        value[(weights > 0).sum(axis=1) < 3] = np.nan
    value[(spread_x <= tiny * (x * x).sum(axis=0)) | (spread_y <= tiny * (y @ y))] = np.nan
    return value
