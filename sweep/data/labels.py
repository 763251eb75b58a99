"""Which concepts the images of a data set show: the labels that units are held against.

Legend: N images, P pixels of a mask, C concepts in G categories, L labels a pixel may have.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from estimators.overlaps import Concepts
from sweep.data.partitions import ImageData
from sweep.errors import UserError

# From low to high, as the paper orders them.
CATEGORIES = ("color", "texture", "material", "part", "object", "scene")
DRAWN = "concepts"  # the data set whose images are drawn with their labels


@dataclass(frozen=True)
class Labels:
    """Labels of N images, by category.

    names: (C,) of the concepts. categories: (G,) names, from low to high. category_of: (C,).
    resolution: (height, width) of the masks.
    maps: by category (N, L, P) of pixels, or (N, L, 1) of whole images; c + 1 is concept c, 0
        none. An image without any label of a category doesn't count for it.
    """

    names: tuple[str, ...]
    categories: tuple[str, ...]
    category_of: NDArray[np.int64]
    resolution: tuple[int, int]
    maps: Sequence[NDArray[np.unsignedinteger]]

    @property
    def concepts(self) -> Concepts:
        return Concepts(self.category_of, len(self.categories))

    def of(self, places: NDArray[np.int64]) -> list[NDArray[np.unsignedinteger]]:
        """The labels of some of the images, by category."""
        return [category[places] for category in self.maps]


def check_labelled(data_name: str) -> None:
    """Raise UserError if the data set has no labels of concepts."""
    if data_name != DRAWN:
        raise UserError(
            f"analyses.dissection needs images with labelled concepts, and {data_name} has none: "
            f"take data.name: {DRAWN}"
        )


def labels_of(data: ImageData, ids: NDArray[np.int64]) -> Labels:
    """The labels of these images, by their ids. Those asked for last are kept at hand."""
    check_labelled(data.name)
    return _drawn(data.folder, np.ascontiguousarray(ids, np.int64).tobytes())


@lru_cache(maxsize=1)
def _drawn(folder: Path, ids: bytes) -> Labels:
    from sweep.data.concepts import CONCEPTS, concept_masks, scene_labels

    config = ImageData(folder).config
    seed, size = config["seed"], config["image_size"]
    numbers = np.frombuffer(ids, np.int64)
    masks = concept_masks(numbers, size, seed, free=config["free_factors"])
    maps: list[NDArray[np.unsignedinteger]] = []
    before = 0
    for category, names in CONCEPTS.items():
        if category in masks:
            found = masks[category].reshape(len(numbers), 1, -1)
        else:
            found = scene_labels(numbers, seed).reshape(-1, 1, 1)
        maps.append(np.where(found, found + np.uint8(before), np.uint8(0)))
        before += len(names)
    return Labels(
        names=tuple(name for names in CONCEPTS.values() for name in names),
        categories=tuple(CONCEPTS),
        category_of=np.repeat(np.arange(len(CONCEPTS)), [len(n) for n in CONCEPTS.values()]),
        resolution=(size, size),
        maps=maps,
    )
