"""Kendall's tau between configurations, as the mean over the groups they are compared in.

Along one axis that is the granulated coefficient psi of Jiang, Neyshabur, Mobahi, Krishnan
and Bengio, "Fantastic generalization measures and where to find them", ICLR 2020,
arXiv:1912.02178: in each group of networks that agree in all but the axis a tau of its own,
then their mean. Seeds of a configuration are averaged first: the order of two seeds says
nothing about what was varied. Ties are taken out of each tau (tau-b); a group in which
nothing varies counts as 0, as in the paper.

Legend: C configurations, n of them in a group, G groups.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

from sweep.regression.clusters import Clusters, Floats, mean_by, parts
from sweep.regression.correlation import Coefficient, around

# Up to so many configurations p comes from permutations, beyond from the normal law, whose
# variance under permutation is known exactly.
MAX_PERMUTED = 40
ROWS_AT_ONCE = 512


@dataclass(frozen=True, eq=False)
class GroupSums:
    """What one group of n configurations gives; sums are over ordered pairs.

    agree: (n,) pairs of each configuration that are ordered alike, less those ordered
        otherwise. untied_x, untied_y: (n,) its pairs that are no tie. order_x, order_y: (n,)
        how many are below it, less how many above.
    """

    agree: Floats
    untied_x: Floats
    untied_y: Floats
    order_x: Floats
    order_y: Floats

    @property
    def scale(self) -> float:
        return math.sqrt(float(self.untied_x.sum()) * float(self.untied_y.sum()))

    @property
    def tau(self) -> float:
        return float(self.agree.sum()) / self.scale if self.scale else 0.0

    @property
    def without_one(self) -> Floats:
        """(n,) tau without each of the configurations."""
        agree = self.agree.sum() - 2 * self.agree
        pairs_x = self.untied_x.sum() - 2 * self.untied_x
        pairs_y = self.untied_y.sum() - 2 * self.untied_y
        scale = np.sqrt(pairs_x * pairs_y)
        found = np.divide(agree, scale, out=np.zeros_like(scale), where=scale > 0)
        return np.asarray(found)

    @property
    def null_variance(self) -> float:
        """Of tau over all permutations (Daniels, Biometrika 33, 1944): exact, ties or not."""
        if not self.scale:
            return 0.0
        n = len(self.agree)
        all_x, all_y = float(self.untied_x.sum()), float(self.untied_y.sum())
        spread_x = float(self.order_x @ self.order_x) - all_x
        spread_y = float(self.order_y @ self.order_y) - all_y
        variance = 2 * all_x * all_y / (n * (n - 1))
        if n > 2:
            variance += 4 * spread_x * spread_y / (n * (n - 1) * (n - 2))
        return variance / self.scale**2


def kendall(
    x: Floats, y: Floats, clusters: Clusters, resamples: int, rng: np.random.Generator
) -> Coefficient:
    """The mean tau over groups of (T,) x and y, their seeds averaged.

    The interval is the jackknife's, over configurations or, where these are many and small,
    over groups, on Fisher's z scale; where every pair agrees it has no width to be read off,
    and there is none.
    """
    num = clusters.num_configurations
    mean_x, mean_y = (mean_by(clusters.configuration, v, num) for v in (x, y))
    groups = [_sums(mean_x[own], mean_y[own]) for own in clusters.configurations_of_group]
    value = float(np.mean([group.tau for group in groups]))
    low, high = _interval(value, groups, clusters)
    if num <= MAX_PERMUTED:
        p_value = _permuted(value, mean_x, mean_y, clusters, resamples, rng)
    else:
        variance = sum(group.null_variance for group in groups) / len(groups) ** 2
        p_value = float(2 * norm.sf(abs(value) / math.sqrt(variance))) if variance else 1.0
    return Coefficient(value, low, high, p_value)


def group_taus(x: Floats, y: Floats, clusters: Clusters) -> list[float]:
    """Tau of each group, in their order."""
    num = clusters.num_configurations
    mean_x, mean_y = (mean_by(clusters.configuration, v, num) for v in (x, y))
    return [_sums(mean_x[own], mean_y[own]).tau for own in clusters.configurations_of_group]


def _sums(x: Floats, y: Floats) -> GroupSums:
    """Over all pairs of (n,) x and y, some rows at a time."""
    found = np.empty((5, len(x)))
    for start in range(0, len(x), ROWS_AT_ONCE):
        rows = slice(start, start + ROWS_AT_ONCE)
        sign_x, sign_y = (np.sign(v[rows, None] - v[None, :]) for v in (x, y))
        found[0, rows] = (sign_x * sign_y).sum(axis=1)
        found[1, rows], found[2, rows] = np.abs(sign_x).sum(axis=1), np.abs(sign_y).sum(axis=1)
        found[3, rows], found[4, rows] = sign_x.sum(axis=1), sign_y.sum(axis=1)
    return GroupSums(*found)


def _interval(value: float, groups: Sequence[GroupSums], clusters: Clusters) -> tuple[float, float]:
    num = len(groups)
    if clusters.draws_groups:
        variance = float(np.var([group.tau for group in groups], ddof=1)) / num
    elif min(len(group.agree) for group in groups) < 3 or clusters.freedom < 1:
        return math.nan, math.nan
    else:
        variance = 0.0
        for group in groups:
            n, left = len(group.agree), group.without_one / num
            variance += (n - 1) / n * float(((left - left.mean()) ** 2).sum())
    if variance < 1e-20 or abs(value) > 1 - 1e-9:
        return math.nan, math.nan
    return around(value, math.sqrt(variance) / (1 - value**2), clusters.freedom)


def _permuted(
    value: float,
    x: Floats,
    y: Floats,
    clusters: Clusters,
    resamples: int,
    rng: np.random.Generator,
) -> float:
    """The two-sided p-value from permutations within groups; the observed one is among them."""
    extreme = 0
    for part in parts(resamples, int(sum(len(m) ** 2 for m in clusters.configurations_of_group))):
        total = np.zeros(part)
        for members in clusters.configurations_of_group:
            sign_x = np.sign(x[members, None] - x[None, members])
            sign_y = np.sign(y[members, None] - y[None, members])
            scale = math.sqrt(float(np.abs(sign_x).sum() * np.abs(sign_y).sum()))
            if scale:
                order = rng.permuted(np.tile(np.arange(len(members)), (part, 1)), axis=1)
                permuted = sign_y[order[:, :, None], order[:, None, :]]
                total += np.einsum("ij,bij->b", sign_x, permuted) / scale
        extreme += int((np.abs(total / clusters.num_groups) >= abs(value) - 1e-9).sum())
    return (1 + extreme) / (1 + resamples)
