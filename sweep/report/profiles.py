"""Profiles of networks of different depth, brought to one scale."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sweep.results import TrialResult

GRID = np.linspace(0.0, 1.0, 41)


@dataclass(frozen=True)
class MeanProfile:
    """A quantity over relative depth: mean and range over trials at each depth of GRID."""

    depth: NDArray[np.float64]
    mean: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    num_trials: int


def mean_profile(results: Sequence[TrialResult], quantity: str) -> MeanProfile | None:
    """Each trial's profile is interpolated linearly between its layers; None without trials."""
    curves = []
    for result in results:
        points = [
            (row.relative_depth or 0.0, row.value)
            for row in result.rows
            if row.quantity == quantity and row.layer_index is not None and np.isfinite(row.value)
        ]
        if len(points) > 1:
            depth, value = zip(*points, strict=True)
            curves.append(np.interp(GRID, depth, value))
    if not curves:
        return None
    stack = np.stack(curves)
    low, high = stack.min(axis=0), stack.max(axis=0)
    # Equal values may have a mean that rounding puts beside them.
    mean = stack.mean(axis=0).clip(low, high)
    return MeanProfile(GRID, mean, low, high, len(curves))
