"""Predictors compared on equal footing: the same networks, the same folds, and how many were tried.

Legend: N networks (configurations, seeds averaged), P predictors, B resamples.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from sweep.regression.clusters import Clusters, Floats, Ints
from sweep.regression.correlation import correlate_all, ranks
from sweep.regression.draws import Draws
from sweep.regression.holdout import held_out_errors, root_mean


@dataclass(frozen=True)
class Compared:
    """One predictor among the others.

    rho: Spearman's, with its 95% interval and permutation p; p_holm: corrected for as many
        predictors as there are (Holm). error: root mean squared error about held-out networks,
        of the line on this predictor alone.
    behind: by how much its |rho| is below the largest, with the 95% interval of a bootstrap
        over networks in which both are drawn alike; behind_p_holm: that there is no
        difference, corrected likewise. excess: by how much its error is above the
        least, in the same way. 0 and no p for the best itself.
    """

    predictor: str
    rho: float
    low: float
    high: float
    p_value: float
    p_holm: float
    error: float
    behind: float
    behind_low: float
    behind_high: float
    behind_p_holm: float | None
    excess: float
    excess_low: float
    excess_high: float
    excess_p_holm: float | None


@dataclass(frozen=True)
class Footing:
    """All predictors that could be compared, largest |rho| first.

    held_out: "family" or "network". mean_error: of the others' mean. left_out: predictors that
    could not take part, with the reason. The best were chosen on the networks that they are
    told of, so each is flattered a little.
    """

    rows: tuple[Compared, ...]
    num_networks: int
    held_out: str
    num_folds: int
    mean_error: float
    left_out: tuple[str, ...]


def compare_predictors(
    names: Sequence[str],
    x: Floats,
    y: Floats,
    fold: Ints,
    held_out: str,
    left_out: Sequence[str],
    resamples: int,
    seed: int,
) -> Footing:
    """Of (N, P) predictors against (N,) y; fold: (N,) what is held out together."""
    size = len(y)
    clusters = Clusters(np.arange(size), np.zeros(size, np.int64))
    draws = Draws(clusters, resamples, seed)
    ranked_x, ranked_y = ranks(x, clusters), ranks(y, clusters)
    found = correlate_all(x, y, ["spearman"], draws)["spearman"]
    errors = np.column_stack([held_out_errors(column[:, None], y, fold) for column in x.T])
    rho_draws, error_draws = [], []
    for weights in draws.weights():
        rho_draws.append(np.abs(_weighted_rho(ranked_x, ranked_y, weights)))
        error_draws.append(np.sqrt(weights @ errors**2 / size))
    rho, error = (np.array(v) for v in ([one.value for one in found], _roots(errors)))
    behind = _Differences.to_best(np.abs(rho), np.concatenate(rho_draws), largest=True)
    excess = _Differences.to_best(error, np.concatenate(error_draws), largest=False)
    p_holm = holm([one.p_value for one in found])
    rows = [
        Compared(
            name,
            one.value,
            one.low,
            one.high,
            one.p_value,
            float(p_holm[p]),
            float(error[p]),
            *behind.told(p),
            *excess.told(p),
        )
        for p, (name, one) in enumerate(zip(names, found, strict=True))
    ]
    rows.sort(key=lambda row: -abs(row.rho))
    mean = root_mean(held_out_errors(np.empty((size, 0)), y, fold))
    return Footing(tuple(rows), size, held_out, int(fold.max()) + 1, mean, tuple(left_out))


def holm(p_values: ArrayLike) -> Floats:
    """Holm's corrected p-values (Scandinavian Journal of Statistics 6, 1979), in their order.

    Those of statsmodels' multipletests, which sweeps up all of Python's memory at each call.

    >>> holm([0.01, 0.04, 0.03]).tolist()
    [0.03, 0.06, 0.06]
    """
    p = np.asarray(p_values, np.float64)
    order = np.argsort(p, kind="stable")
    found = np.empty_like(p)
    found[order] = np.minimum(1, np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)))
    return found


@dataclass(frozen=True, eq=False)
class _Differences:
    """(P,) differences to the best, their (2, P) intervals and corrected p-values."""

    best: int
    values: Floats
    ends: Floats
    p_holm: dict[int, float]

    @classmethod
    def to_best(cls, values: Floats, draws: Floats, *, largest: bool) -> _Differences:
        sign = 1.0 if largest else -1.0
        best = int(np.argmax(sign * values))
        with np.errstate(invalid="ignore"):  # of two that are both infinite, left out next
            apart = sign * (draws[:, [best]] - draws)
        apart = apart[np.isfinite(apart).all(axis=1)]
        ends = np.quantile(apart, [0.025, 0.975], axis=0)
        below, above = (apart <= 0).sum(axis=0), (apart >= 0).sum(axis=0)
        p = np.minimum(1.0, 2 * (1 + np.minimum(below, above)) / (1 + len(apart)))
        others = [n for n in range(len(values)) if n != best]
        corrected = holm(p[others])
        return cls(
            best,
            sign * (values[best] - values),
            ends,
            dict(zip(others, map(float, corrected), strict=True)),
        )

    def told(self, p: int) -> tuple[float, float, float, float | None]:
        if p == self.best:
            return 0.0, 0.0, 0.0, None
        low, high = self.ends[:, p]
        return float(self.values[p]), float(low), float(high), self.p_holm[p]


def _weighted_rho(x: Floats, y: Floats, weights: Floats) -> Floats:
    """(b, P) correlations of (N, P) and (N,) ranks under (b, N) weights."""
    x, y = x - x.mean(axis=0), y - y.mean()
    total = weights.sum(axis=1, keepdims=True)
    sum_x, sum_y = weights @ x, weights @ y[:, None]
    product = weights @ (x * y[:, None]) - sum_x * sum_y / total
    spread_x = weights @ (x * x) - sum_x**2 / total
    spread_y = weights @ (y * y)[:, None] - sum_y**2 / total
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(product / np.sqrt(spread_x * spread_y))


def _roots(errors: Floats) -> list[float]:
    return [root_mean(column) for column in errors.T]
