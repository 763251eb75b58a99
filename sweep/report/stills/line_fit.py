"""A straight line through networks, with a band that counts configurations, not seeds.

Legend: T trials, C configurations, M places on the line.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 1000
PLACES = 60
MIN_CONFIGURATIONS = 4


@dataclass(frozen=True)
class LineFit:
    """The line over the range of the points.

    x, y: (M,). low, high: (M,) its 95% band; None with too few configurations.
    """

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    low: NDArray[np.float64] | None
    high: NDArray[np.float64] | None


def fit_line(x: Iterable[float], y: Iterable[float], units: Iterable[str]) -> LineFit | None:
    """Least squares through T points; None where x doesn't vary.

    units: (T,) the configuration of each. The band is a percentile bootstrap that draws
    configurations with all their trials, as the intervals of the regression do; at each place
    by itself. Always the same for the same points.
    """
    across, up = np.array([*x], np.float64), np.array([*y], np.float64)
    if len(across) < 2 or np.ptp(across) == 0:
        return None
    place = np.linspace(across.min(), across.max(), PLACES)
    center = across.mean()
    across = across - center
    names, number = np.unique(np.array([*units]), return_inverse=True)
    # Sums of 1, x, y, x x, x y of each configuration: (C, 5).
    terms = np.stack([np.ones_like(across), across, up, across**2, across * up], axis=1)
    sums = np.zeros((len(names), terms.shape[1]))
    np.add.at(sums, number, terms)
    line = _lines(sums.sum(axis=0)[None], place - center)[0]
    if len(names) < MIN_CONFIGURATIONS:
        return LineFit(place, line, None, None)
    rng = np.random.default_rng(0)
    counts = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), size=RESAMPLES)
    lines = _lines(counts @ sums, place - center)
    low, high = np.nanpercentile(lines, [2.5, 97.5], axis=0)
    return LineFit(place, line, low, high)


def _lines(sums: NDArray[np.float64], place: NDArray[np.float64]) -> NDArray[np.float64]:
    """The (R, M) lines of (R, 5) sums; NaN where all points have one x."""
    n, sx, sy, sxx, sxy = sums.T
    spread = sxx - sx**2 / n
    flat = spread <= 1e-12 * np.abs(sxx)
    slope = np.where(flat, np.nan, (sxy - sx * sy / n) / np.where(flat, 1.0, spread))
    start = (sy - slope * sx) / n
    return np.asarray(start[:, None] + slope[:, None] * place[None, :])
