"""Profiles of networks of different depth, brought to one scale."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

from sweep.mean import MIN_UNITS
from sweep.measurement import Measurement
from sweep.results import TrialResult

Ends = tuple[NDArray[np.float64], NDArray[np.float64]] | tuple[None, None]
ENDS = ("low", "high")
GRID = np.linspace(0.0, 1.0, 41)


@dataclass(frozen=True)
class MeanProfile:
    """A quantity over relative depth, at each depth of GRID.

    mean: over configurations, each the mean of its trials. low, high: the range over trials.
    below, above: ends of the mean's 95% t-interval over configurations, or over seeds where
    there is one configuration; None of fewer than MIN_UNITS. Of a single trial they are those
    of its own values, where all have them.
    """

    depth: NDArray[np.float64]
    mean: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    below: NDArray[np.float64] | None
    above: NDArray[np.float64] | None
    num_trials: int
    num_configurations: int


def mean_profile(results: Sequence[TrialResult], quantity: str) -> MeanProfile | None:
    """Each trial's profile is interpolated linearly between its layers; None without trials."""
    curves: dict[str, list[NDArray[np.float64]]] = {}
    for result in results:
        points = profile_points(result.rows, quantity)
        if len(points) > 1:
            depth, value = zip(*points, strict=True)
            curve = np.interp(GRID, depth, value)
            curves.setdefault(result.trial.configuration, []).append(curve)
    if not curves:
        return None
    stack = np.stack([curve for members in curves.values() for curve in members])
    low, high = stack.min(axis=0), stack.max(axis=0)
    single = len(curves) == 1
    units = stack if single else np.stack([np.mean(own, axis=0) for own in curves.values()])
    # Equal values may have a mean that rounding puts beside them.
    mean = units.mean(axis=0).clip(low, high)
    below, above = mean_ends(units, mean) if len(stack) > 1 else _own_ends(results, quantity)
    return MeanProfile(GRID, mean, low, high, below, above, len(stack), len(curves))


def profile_points(rows: Sequence[Measurement], quantity: str) -> list[tuple[float, float]]:
    """Relative depth and value of each layer that has one."""
    return [
        (row.relative_depth or 0.0, row.value)
        for row in rows
        if row.quantity == quantity and row.layer_index is not None and np.isfinite(row.value)
    ]


def _own_ends(results: Sequence[TrialResult], quantity: str) -> Ends:
    """Interpolated ends of the intervals of the one network that has the quantity."""
    rows = [
        row
        for result in results
        for row in result.rows
        if row.quantity == quantity and row.layer_index is not None and np.isfinite(row.value)
    ]
    if any(row.low is None or row.high is None for row in rows):
        return None, None
    depth = [row.relative_depth or 0.0 for row in rows]
    below, above = (np.interp(GRID, depth, [getattr(row, end) for row in rows]) for end in ENDS)
    return below, above


def mean_ends(units: NDArray[np.float64], mean: NDArray[np.float64]) -> Ends:
    """Ends of the mean's 95% t-interval, of (U, M) values of U units; None of too few."""
    number = len(units)
    if number < MIN_UNITS:
        return None, None
    reach = float(student.ppf(0.975, number - 1)) * units.std(axis=0, ddof=1) / number**0.5
    return mean - reach, mean + reach
