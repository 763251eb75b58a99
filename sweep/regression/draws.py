"""Resamples and permutations of one set of clusters, drawn once for all that is asked of it.

Legend: T trials, C configurations, B resamples.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from sweep.regression.clusters import MAX_NUMBERS, Clusters, Floats, Ints


class Draws:
    """B bootstrap weights and B permutations: the same each time they are asked for.

    What fits into memory is kept; the rest is drawn again from the seed. So two predictors
    of the same trials are resampled alike, and neither depends on what else is asked.
    """

    def __init__(self, clusters: Clusters, resamples: int, seed: int) -> None:
        self.clusters = clusters
        self.resamples = resamples
        self._seed = seed
        self._weights: list[Floats] | None = None
        self._orders: list[Ints] | None = None

    def weights(self) -> Iterable[Floats]:
        """(b, C) how often each configuration stands in each of b resamples, B in all."""
        if self._weights is not None:
            return self._weights
        drawn = self.clusters.bootstrap(self.resamples, np.random.default_rng(self._seed))
        if self.resamples * self.clusters.num_configurations > MAX_NUMBERS:
            return drawn
        self._weights = list(drawn)
        return self._weights

    def orders(self) -> Iterable[Ints]:
        """(b, T) row orders that swap whole configurations, B in all."""
        if self._orders is not None:
            return self._orders
        drawn = self.clusters.permutations(self.resamples, np.random.default_rng([self._seed, 1]))
        if self.resamples * len(self.clusters.group) > MAX_NUMBERS:
            return drawn
        self._orders = list(drawn)
        return self._orders


class DrawnOnce:
    """The same from a generator that goes on where others have drawn from it."""

    def __init__(self, clusters: Clusters, resamples: int, rng: np.random.Generator) -> None:
        self.clusters = clusters
        self.resamples = resamples
        self._rng = rng

    def weights(self) -> Iterable[Floats]:
        """(b, C) how often each configuration stands in each of b resamples, B in all."""
        return self.clusters.bootstrap(self.resamples, self._rng)

    def orders(self) -> Iterable[Ints]:
        """(b, T) row orders that swap whole configurations, B in all."""
        return self.clusters.permutations(self.resamples, self._rng)
