"""The correlation dimension: how the number of close pairs grows with the distance.

Legend: N points, K neighbors, G groups, S scales.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from estimators.errors import EstimationError
from estimators.estimate import Estimate, Setting, require_confidence
from estimators.local import usable_points
from estimators.neighbors import Neighbors
from estimators.pairs import (
    NUM_GROUPS,
    jackknife_interval,
    leave_group_out,
    pairs_within,
    require_points,
    without_copies,
)

MIN_POINTS = 2 * NUM_GROUPS
# Pairs whose distances fix the scales, if quantiles do.
SAMPLED_PAIRS = 1 << 22


@dataclass(frozen=True)
class CorrelationDimension:
    """Correlation dimension: the slope of log C(r) against log r.

    Grassberger, Procaccia, "Measuring the strangeness of strange attractors", 1983,
    doi:10.1016/0167-2789(83)90298-1. C(r) is the share of pairs of points nearer than r.

    k1, k2: r runs from the median distance to the k1-th neighbor to that to the k2-th, so
        that the scale follows the number of points (10 and 20 are usual, as in
        scikit-dimension).
    low_quantile, high_quantile: if given, r runs between these quantiles of the distances of
        pairs instead (estimated from some millions of pairs if there are more), the same
        scales whatever N; the name is then "correlation_quantiles".
    num_scales: scales between the two, evenly spaced in log r. With 2 (default) the slope is
        that of the two ends; with more, that of least squares.
    confidence: coverage of the interval.

    Counts are exact. Points with more neighbors in the table than within the largest r are
    counted from the table; only pairs among the others are computed, tile by tile.

    The standard error is a jackknife over 20 groups of points (each point's index modulo
    20), at fixed scales, corrected for what it counts twice; counts by pairs of groups give
    all of it. It covers which points were drawn, not the bias; somewhat too large where the
    scales, which follow the points, take up some of what varies.

    Known bias: too low, as balls reach beyond the edge of the data: for balls of 500 points
    by 4% in 2 dimensions, 13% in 5 and 23% in 10.

    Points whose nearest neighbor is a duplicate and points with ties (all k2 neighbors
    equally far) are dropped and counted. Raises EstimationError if fewer than 40 points are
    left, if the scales are equal, or if no pair is nearer than the smallest.

    >>> import numpy as np
    >>> from estimators import nearest_neighbors
    >>> square = np.random.default_rng(0).uniform(size=(1000, 2))
    >>> estimate = CorrelationDimension().estimate(nearest_neighbors(square, k=20))
    >>> 1.8 < estimate.low < estimate.dimension < estimate.high < 2.2
    True
    """

    k1: int = 10
    k2: int = 20
    low_quantile: float | None = None
    high_quantile: float | None = None
    num_scales: int = 2
    confidence: float = 0.95

    def __post_init__(self) -> None:
        if not 1 <= self.k1 < self.k2:
            raise EstimationError(f"`1 <= k1 < k2` must hold, but got k1={self.k1}, k2={self.k2}")
        low, high = self.low_quantile, self.high_quantile
        if (low is None) != (high is None):
            raise EstimationError(
                f"give both quantiles or none, but got low_quantile={low}, high_quantile={high}"
            )
        if low is not None and high is not None and not 0 < low < high < 1:
            raise EstimationError(
                "`0 < low_quantile < high_quantile < 1` must hold, but got "
                f"low_quantile={low}, high_quantile={high}"
            )
        if self.num_scales < 2:
            raise EstimationError(
                f"`num_scales >= 2` must hold, but got num_scales={self.num_scales}: "
                "a slope needs two"
            )
        require_confidence(self.confidence)

    @property
    def name(self) -> str:
        return "correlation" if self.low_quantile is None else "correlation_quantiles"

    @property
    def num_neighbors(self) -> int:
        return self.k2 if self.low_quantile is None else 1

    def estimate(self, neighbors: Neighbors) -> Estimate:
        """The dimension from the counts of close pairs.

        Raises EstimationError as told above, and if pairs must be computed but the table
        came without points.
        """
        scale_settings: dict[str, Setting]
        if self.low_quantile is None or self.high_quantile is None:
            usable = usable_points(neighbors, self.k2, MIN_POINTS)
            kept, num_ties = usable.kept, usable.num_ties
            near, far = np.median(neighbors.distances[kept][:, [self.k1 - 1, self.k2 - 1]], axis=0)
            scale_settings = {"k1": self.k1, "k2": self.k2}
        else:
            kept, num_ties = without_copies(neighbors, MIN_POINTS), 0
            sample = _sampled_distances(neighbors, kept)
            near, far = np.quantile(sample, [self.low_quantile, self.high_quantile])
            scale_settings = {
                "low_quantile": self.low_quantile,
                "high_quantile": self.high_quantile,
            }
        if not 0 < near < far:
            raise EstimationError(
                f"the two scales must differ, but both are {near:g}: the points are on a grid; "
                "set scales farther apart"
            )
        radii = np.geomspace(near, far, self.num_scales)
        radii[[0, -1]] = near, far
        counts = count_pairs(neighbors, kept, radii)
        without = leave_group_out(counts)
        if without[:, 0].min() == 0:
            raise EstimationError(
                f"some pairs must be nearer than the smallest scale, but few or none are "
                f"nearer than {near:g}: raise k1 or the low quantile"
            )
        x = np.log(radii) - np.log(radii).mean()
        slope = x / (x @ x)
        dimension = float(np.log(counts.sum(axis=(0, 1))) @ slope)
        stderr, low, high = jackknife_interval(
            dimension, np.log(without) @ slope, counts, slope / dimension, self.confidence
        )
        return Estimate(
            dimension=dimension,
            stderr=stderr,
            low=low,
            high=high,
            num_points=int(kept.sum()),
            num_dropped=int((~kept).sum()),
            scale=float(far),
            settings={
                "estimator": self.name,
                **scale_settings,
                "num_scales": self.num_scales,
                "confidence": self.confidence,
                "duplicates_dropped": int((~kept).sum()) - num_ties,
                "ties_dropped": num_ties,
            },
        )


def count_pairs(
    neighbors: Neighbors, kept: NDArray[np.bool_], radii: NDArray[np.float64]
) -> NDArray[np.float64]:
    """(G, G, S) ordered pairs of kept points nearer than each radius, by their groups."""
    num_scales = len(radii)
    group = (np.cumsum(kept) - 1) % NUM_GROUPS
    cells = np.zeros(NUM_GROUPS * NUM_GROUPS * (num_scales + 1))

    def add(i: NDArray[np.int64], j: NDArray[np.int64], too_small: NDArray[np.int64]) -> None:
        cell = (group[i] * NUM_GROUPS + group[j]) * (num_scales + 1) + too_small
        cells[:] += np.bincount(cell, minlength=len(cells))

    # All that is nearer than the largest radius is in the table.
    complete = kept & (neighbors.distances[:, -1] >= radii[-1])
    i = np.repeat(complete.nonzero()[0], neighbors.num_neighbors)
    j, distance = neighbors.indices[complete].ravel(), neighbors.distances[complete].ravel()
    close = (distance < radii[-1]) & kept[j]
    i, j, distance = i[close], j[close], distance[close]
    too_small = np.searchsorted(radii, distance, side="right")
    add(i, j, too_small)
    back = ~complete[j]
    add(j[back], i[back], too_small[back])

    others = (kept & ~complete).nonzero()[0]
    if len(others) > 1:
        points = require_points(neighbors, "the correlation dimension").take(others)
        for first, second, too_small in pairs_within(points, radii):
            add(others[first], others[second], too_small)
            add(others[second], others[first], too_small)
    by_radius = cells.reshape(NUM_GROUPS, NUM_GROUPS, num_scales + 1).cumsum(axis=2)
    return np.asarray(by_radius[..., :num_scales])


def _sampled_distances(neighbors: Neighbors, kept: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Distances of evenly spaced points to all, to themselves excluded."""
    points = require_points(neighbors, "the correlation dimension").take(kept.nonzero()[0])
    num_points = points.num_points
    num_rows = max(2, min(num_points, SAMPLED_PAIRS // num_points))
    chosen = np.unique(np.linspace(0, num_points - 1, num_rows).astype(np.int64))
    # Centered: cdist multiplies, and an offset would cancel.
    center = points.center_and_reach()[0].to(torch.float64)
    rows = points.gather(chosen) - center
    found = [torch.cdist(rows, chunk - center).cpu().numpy() for _, chunk in points.chunks()]
    distances = np.hstack(found)
    others = np.ones(distances.shape, dtype=bool)
    others[np.arange(len(chosen)), chosen] = False
    return np.asarray(distances[others])
