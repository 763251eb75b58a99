"""The images in which each unit reaches its largest values, among images that come in any order.

Legend: n images of a batch, U units, K kept.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

NO_IMAGE = np.iinfo(np.int64).max


class TopImages:
    """Keeps K images of each unit. `update`, `merge`.

    values: (K, U) float32, largest first; -inf where there were fewer images.
    images: (K, U) their numbers, the lower first among equals; NO_IMAGE likewise.
    """

    def __init__(self, num_units: int, count: int) -> None:
        self.values = np.full((count, num_units), -np.inf, np.float32)
        self.images = np.full((count, num_units), NO_IMAGE)

    def update(self, largest: NDArray[np.float32], numbers: NDArray[np.int64]) -> None:
        """Take in images by their numbers: (n, U) the largest value of each unit in each."""
        self._take(largest, np.broadcast_to(numbers[:, None], largest.shape))

    def merge(self, other: TopImages) -> None:
        """Take in what another has kept, of other images."""
        self._take(other.values, other.images)

    def _take(self, values: NDArray[np.float32], images: NDArray[np.int64]) -> None:
        values, images = (
            np.concatenate([self.values, values]),
            np.concatenate([self.images, images]),
        )
        order = np.lexsort((images, -values), axis=0)[: len(self.values)]
        self.values = np.take_along_axis(values, order, axis=0)
        self.images = np.take_along_axis(images, order, axis=0)
