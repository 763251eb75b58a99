"""Errors in the predictor: they pull a correlation and a slope towards zero.

Fuller, "Measurement Error Models", Wiley 1987, sections 1.2 and 3.1: with error variances
known from each value's interval, the method of moments takes their mean off the predictor's
variance. The reliability is what is left of it; the slope is divided by it, r by its root.

Legend: T trials, C configurations, B resamples.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from sweep.regression.clusters import Floats
from sweep.regression.draws import Draws

# Below, the correction multiplies noise: what is told then is that errors are too large.
MIN_RELIABILITY = 0.5
MIN_LOWER_END = 0.25
MIN_SHARE = 0.9  # of the trials that must have an interval


@dataclass(frozen=True)
class Attenuation:
    """A correlation and a slope as found, and freed of the errors of the predictor.

    reliability: share of the predictor's variance that is no error, with its interval.
    value, slope: as found. corrected and corrected_slope, each with its 95% interval by a
        bootstrap over configurations: None where errors are too large, or unknown, as
        `note` says. A corrected r may reach 1 and is then cut there, which is told.
    """

    reliability: float | None
    reliability_low: float | None
    reliability_high: float | None
    value: float
    corrected: float | None
    low: float | None
    high: float | None
    slope: float
    corrected_slope: float | None
    slope_low: float | None
    slope_high: float | None
    note: str


def error_variances(low: Floats, high: Floats) -> Floats:
    """(T,) squared standard errors, read off 95% intervals; NaN without one."""
    return np.asarray(((high - low) / (2 * 1.959964)) ** 2)


def correct_attenuation(
    x: Floats,
    y: Floats,
    variance: Floats,
    draws: Draws,
) -> Attenuation:
    """(T,) x and y within groups; variance: (T,) of the errors of x, NaN where unknown."""
    clusters = draws.clusters
    own_x, own_y = clusters.centered(x), clusters.centered(y)
    spread_x, spread_y, product = own_x @ own_x, own_y @ own_y, own_x @ own_y
    value, slope = float(product / math.sqrt(spread_x * spread_y)), float(product / spread_x)
    share = float(np.isfinite(variance).mean())
    if share < MIN_SHARE:
        note = f"{share:.0%} of the values have an interval, so their errors are not known"
        return _uncorrected(None, None, None, value, slope, note)
    variance = np.where(np.isfinite(variance), variance, np.nanmean(variance))
    size = len(x) - clusters.num_groups
    error = float(variance.mean()) * size
    reliability = float((spread_x - error) / spread_x)
    ends = _resampled(own_x, own_y, variance, draws)
    low, high = (float(end) for end in np.quantile(ends[:, 0], [0.025, 0.975]))
    if reliability < MIN_RELIABILITY or low < MIN_LOWER_END:
        note = "the errors are too large to correct for"
        return _uncorrected(reliability, low, high, value, slope, note)
    corrected = value / math.sqrt(reliability)
    value_ends = np.clip(np.quantile(ends[:, 1], [0.025, 0.975]), -1, 1)
    slope_ends = np.quantile(ends[:, 2], [0.025, 0.975])
    return Attenuation(
        reliability,
        low,
        high,
        value,
        max(-1.0, min(1.0, corrected)),
        float(value_ends[0]),
        float(value_ends[1]),
        slope,
        slope / reliability,
        float(slope_ends[0]),
        float(slope_ends[1]),
        "" if abs(corrected) <= 1 else f"cut at 1: the correction gives {corrected:+.2f}",
    )


def _resampled(x: Floats, y: Floats, variance: Floats, draws: Draws) -> Floats:
    """(b, 3) reliability, corrected r and slope in each resample in which x and y vary."""
    clusters = draws.clusters
    left, right = np.column_stack([x, y, x]), np.column_stack([x, y, y])
    sizes = np.bincount(clusters.configuration).astype(np.float64)
    errors = np.bincount(clusters.configuration, weights=variance)
    groups = clusters.num_groups
    found = []
    for weights in draws.weights():
        spread_x, spread_y, product = clusters.products(left, right, weights).T
        count = weights @ sizes
        noise = (weights @ errors) / count * (count - groups)
        with np.errstate(divide="ignore", invalid="ignore"):
            true = spread_x - noise
            root = np.sqrt(np.maximum(true, 1e-30) * spread_y)
            found.append(np.column_stack([true / spread_x, product / root, product / true]))
    drawn = np.concatenate(found)
    return np.asarray(drawn[np.isfinite(drawn).all(axis=1)])


def _uncorrected(
    reliability: float | None,
    low: float | None,
    high: float | None,
    value: float,
    slope: float,
    note: str,
) -> Attenuation:
    return Attenuation(
        reliability, low, high, value, None, None, None, slope, None, None, None, note
    )
