"""The drawn images as a data set that a sweep file can name."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sweep.data.concepts.factors import CLASS_NAMES, draw_classes
from sweep.data.concepts.picture import draw_images
from sweep.data.source import Source, SourceImage

if TYPE_CHECKING:
    from sweep.config import DataConfig

CHUNK_IMAGES = 32  # drawn at once; changes none of them


@dataclass(frozen=True)
class DrawnSplit:
    """Images drawn when they are asked for: row i is the image of id i."""

    num_drawn: int
    size: int
    seed: int
    free: int

    @cached_property
    def labels(self) -> NDArray[np.int64]:
        return draw_classes(self.seed, np.arange(self.num_drawn))

    def images(self, rows: NDArray[np.int64]) -> Iterator[SourceImage]:
        for start in range(0, len(rows), CHUNK_IMAGES):
            yield from draw_images(
                self.seed, rows[start : start + CHUNK_IMAGES], self.size, self.free
            )

    def place(self, row: int) -> str:
        return f"concepts of seed {self.seed}, image {row}"


def open_concepts(config: DataConfig) -> Source:
    """`data.num_drawn` images of `data.image_size`, drawn from `data.seed`.

    The class of an image is how many trees stand left and right of its building, 0 to 2
    each: 9 classes, balanced. It is no concept, and no concept tells it: it takes counting,
    and seeing what stands on which side of what.
    """
    # The config fills them in for data sets that are drawn.
    num, size, free = config.num_drawn or 0, config.image_size or 0, config.free_factors or 0
    split = DrawnSplit(num, size, config.seed, free)
    return Source(CLASS_NAMES, {"all": split}, image_shape=(3, size, size), latent_dimension=free)
