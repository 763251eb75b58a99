"""Which concepts the images of a data set show: the labels that units are held against.

Legend: N images, P pixels of a mask, C concepts in G categories, L labels a pixel may have.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from estimators.overlaps import Concepts
from sweep.data.catalog import DATASETS
from sweep.data.partitions import ImageData
from sweep.errors import UserError
from sweep.sealing import read_manifest

# From low to high, as the paper orders them.
CATEGORIES = ("color", "texture", "material", "part", "object", "scene")


class CategoryMaps(Protocol):
    """The labels of N images in a category: an array, or read as they are asked for."""

    def __getitem__(self, places: NDArray[np.int64], /) -> NDArray[np.unsignedinteger]:
        """(n, L, P) of pixels, or (n, L, 1) of whole images."""


@dataclass(frozen=True)
class Labels:
    """Labels of N images, by category.

    names: (C,) of the concepts. categories: (G,) names, from low to high. category_of: (C,).
    resolution: (height, width) of the masks.
    maps: by category (N, L, P) of pixels, or (N, L, 1) of whole images; c + 1 is concept c, 0
        none. An image without any label of a category doesn't count for it. L may differ from
        batch to batch.
    """

    names: tuple[str, ...]
    categories: tuple[str, ...]
    category_of: NDArray[np.int64]
    resolution: tuple[int, int]
    maps: Sequence[CategoryMaps]

    @property
    def concepts(self) -> Concepts:
        return Concepts(self.category_of, len(self.categories))

    def of(self, places: NDArray[np.int64]) -> list[NDArray[np.unsignedinteger]]:
        """The labels of some of the images, by category."""
        return [category[places] for category in self.maps]


def check_labelled(data_name: str) -> None:
    """Raise UserError if the data set has no labels of concepts."""
    if not DATASETS[data_name].labelled:
        labelled = " or ".join(name for name, data in DATASETS.items() if data.labelled)
        raise UserError(
            f"analyses.dissection needs images with labelled concepts, and {data_name} has none: "
            f"take data.name: {labelled}"
        )


def labels_of(data: ImageData, ids: NDArray[np.int64]) -> Labels:
    """The labels of these images, by their ids. Those asked for last are kept at hand."""
    check_labelled(data.name)
    return _labels(data.folder, np.ascontiguousarray(ids, np.int64).tobytes())


@lru_cache(maxsize=1)
def _labels(folder: Path, ids: bytes) -> Labels:
    data = ImageData(folder)
    numbers = np.frombuffer(ids, np.int64)
    return _drawn(data, numbers) if DATASETS[data.name].drawn else _sealed(data, numbers)


def _sealed(data: ImageData, ids: NDArray[np.int64]) -> Labels:
    """Those that were sealed with the images."""
    from sweep.data.labelfile import LabelFile

    facts = read_manifest(data.folder)["data"]["concepts"]
    names, (height, width) = facts["names"], facts["resolution"]
    file = LabelFile(data.folder, len(names), height * width)
    return Labels(
        names=tuple(name for of_category in names for name in of_category),
        categories=tuple(facts["categories"]),
        category_of=np.repeat(np.arange(len(names)), [len(n) for n in names]),
        resolution=(height, width),
        maps=[file.maps(ids, category) for category in range(len(names))],
    )


def _drawn(data: ImageData, numbers: NDArray[np.int64]) -> Labels:
    """Those that the images were drawn with."""
    from sweep.data.concepts import CONCEPTS, concept_masks, scene_labels

    config = data.config
    seed, size = config["seed"], config["image_size"]
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
