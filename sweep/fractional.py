"""Fractions predicted from a few features: fit, interval by groups left out, fitted range.

Legend: T networks fitted, M networks asked about, F features, G groups.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
RIDGE = 0.01  # per unit of weight: bounds the coefficients where a feature separates all


@dataclass(frozen=True)
class Sample:
    """Networks with features and a fraction each.

    features: (T, F). fraction: (T,) strictly between 0 and 1. weight: (T,) how much each
    counts in the fit. share: (T,) how much its residual counts in an interval; sums to 1.
    group: (T,) in any numbering; what is left out together.
    num_units: how many independent networks the sample is worth, seeds being none.
    """

    features: Floats
    fraction: Floats
    weight: Floats
    share: Floats
    group: Ints
    num_units: int


@dataclass(frozen=True)
class Fit:
    """Coefficients on features that are standardized by center (F,) and scale (F,).

    lowest, highest: (F,) of the features fitted. inverse: (1 + F, 1 + F) of the weighted
    products of intercept and standardized features. reach: the largest leverage fitted.
    """

    intercept: float
    coefficients: Floats
    center: Floats
    scale: Floats
    lowest: Floats
    highest: Floats
    inverse: Floats
    reach: float

    def linear(self, features: Floats) -> Floats:
        """(M,) predicted log odds of (M, F) features."""
        standard = (features - self.center) / self.scale
        found: Floats = self.intercept + standard @ self.coefficients
        return found

    def predict(self, features: Floats) -> Floats:
        """(M,) predicted fractions of (M, F) features."""
        found: Floats = expit(self.linear(features))
        return found

    def leverage(self, features: Floats) -> Floats:
        """(M,) leverage of (M, F) features: how far out they lie, all features together."""
        return _leverage(_design((features - self.center) / self.scale), self.inverse)


def fit(sample: Sample) -> Fit:
    """Fractional logit: a fraction's log odds, linear in the features (with a faint ridge).

    The quasi-likelihood of Papke and Wooldridge 1996 (doi: 10.1002/(SICI)1099-1255(199611)
    11:6<619::AID-JAE418>3.0.CO;2-1), which asks only that the mean be right: predictions
    stay between 0 and 1, and without features they are the weighted mean.
    """
    from scipy.optimize import minimize

    weight = sample.weight / sample.weight.sum()
    center = weight @ sample.features
    scale = np.sqrt(weight @ (sample.features - center) ** 2)
    # What does not vary says nothing; what rounding leaves of it must not be blown up.
    scale = np.where(scale > 1e-9 * (1 + np.abs(center)), scale, np.inf)
    standard = (sample.features - center) / scale
    design, fraction = _design(standard), sample.fraction
    penalty = np.diag([0.0, *np.full(standard.shape[1], RIDGE / len(weight))])

    def loss(beta: Floats) -> float:
        odds = design @ beta
        return float(weight @ (np.logaddexp(0, odds) - fraction * odds) + beta @ penalty @ beta / 2)

    def gradient(beta: Floats) -> Floats:
        found: Floats = design.T @ (weight * (expit(design @ beta) - fraction)) + penalty @ beta
        return found

    def curvature(beta: Floats) -> Floats:
        expected = expit(design @ beta)
        found: Floats = (design.T * (weight * expected * (1 - expected))) @ design + penalty
        return found

    start = np.zeros(design.shape[1])
    start[0] = logit(weight @ fraction)
    beta = minimize(
        loss, start, jac=gradient, hess=curvature, method="trust-exact", options={"gtol": 1e-9}
    ).x
    inverse = np.linalg.pinv((design.T * weight) @ design)
    return Fit(
        intercept=float(beta[0]),
        coefficients=np.asarray(beta[1:]),
        center=center,
        scale=scale,
        lowest=sample.features.min(axis=0),
        highest=sample.features.max(axis=0),
        inverse=inverse,
        reach=float(_leverage(design, inverse).max()),
    )


@dataclass(frozen=True)
class GroupFits:
    """A fit on all, and for each group one without it, whose errors make the intervals."""

    sample: Sample

    @cached_property
    def whole(self) -> Fit:
        return fit(self.sample)

    @cached_property
    def _without(self) -> dict[int, Fit]:
        return {
            int(group): fit(without_group(self.sample, int(group)))
            for group in np.unique(self.sample.group)
        }

    @cached_property
    def residuals(self) -> Floats:
        """(T,) absolute errors in log odds, each network predicted without its group."""
        found = np.empty(len(self.sample.fraction))
        for group, fitted in self._without.items():
            members = self.sample.group == group
            found[members] = np.abs(
                logit(self.sample.fraction[members]) - fitted.linear(self.sample.features[members])
            )
        return found

    def interval(self, features: Floats, level: float) -> tuple[Floats, Floats]:
        """Ends (M,), (M,) of the interval of fractions for (M, F) features.

        CV+ with a fold for each group, the jackknife+ of Barber, Candes, Ramdas and
        Tibshirani 2021 (Annals of Statistics 49(1), 486-507, doi: 10.1214/20-AOS1965):
        predictions without a group, each give or take the errors made on that group.
        Residuals are in log odds and count by `share`. The paper's coverage of at least
        1 - 2 (1 - level), usually `level`, is for networks that are exchangeable; those of
        a new family aren't, so measure the coverage on families left out. An end without
        enough networks to bound it is 0 or 1. Widened to hold the prediction itself.
        """
        odds = np.empty((len(self.sample.fraction), len(features)))
        for group, fitted in self._without.items():
            odds[self.sample.group == group] = fitted.linear(features)
        units = self.sample.num_units
        share = self.sample.share / self.sample.share.sum() * units / (units + 1)
        high = _upper_quantiles(odds + self.residuals[:, None], share, level)
        low = -_upper_quantiles(-odds + self.residuals[:, None], share, level)
        middle = self.whole.linear(features)
        return expit(np.minimum(low, middle)), expit(np.maximum(high, middle))


def without_group(sample: Sample, group: int) -> Sample:
    """The sample without one group; its units are taken off by their share of all weight."""
    kept = sample.group != group
    left = float(sample.weight[kept].sum() / sample.weight.sum())
    return Sample(
        sample.features[kept],
        sample.fraction[kept],
        sample.weight[kept],
        sample.share[kept],
        sample.group[kept],
        round(sample.num_units * left),
    )


def _design(standard: Floats) -> Floats:
    return np.concatenate([np.ones((len(standard), 1)), standard], axis=1)


def _leverage(design: Floats, inverse: Floats) -> Floats:
    found: Floats = np.einsum("mi,ij,mj->m", design, inverse, design)
    return found


def _upper_quantiles(values: Floats, share: Floats, level: float) -> Floats:
    """(M,) least of the (T, M) values with at least `level` of the share at or below it.

    The share sums to less than 1: the rest, the network asked about, lies at infinity.
    """
    order = np.argsort(values, axis=0)
    reached = np.cumsum(share[order], axis=0) >= level - 1e-12
    sorted_values = np.take_along_axis(values, order, axis=0)
    first = np.argmax(reached, axis=0)
    found = np.take_along_axis(sorted_values, first[None], axis=0)[0]
    return np.where(reached.any(axis=0), found, np.inf)
