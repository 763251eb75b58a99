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

DRAWN_AT_ONCE = 100  # images whose masks are drawn at a time
PLAIN_PIXELS = 1 << 24  # of each category's masks; more of them are kept packed
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
    from sweep.data.concepts import CONCEPTS, scene_labels

    size = data.config["image_size"]
    first = dict(zip(CONCEPTS, np.cumsum([0, *map(len, CONCEPTS.values())]).tolist(), strict=False))
    pixels = _drawn_pixels(data, numbers, first)
    scenes = scene_labels(numbers, data.config["seed"]).reshape(-1, 1, 1)
    whole = np.where(scenes, scenes + np.uint8(first["scene"]), np.uint8(0))
    return Labels(
        names=tuple(name for names in CONCEPTS.values() for name in names),
        categories=tuple(CONCEPTS),
        category_of=np.repeat(np.arange(len(CONCEPTS)), [len(n) for n in CONCEPTS.values()]),
        resolution=(size, size),
        maps=[pixels.get(category, whole) for category in CONCEPTS],
    )


def _drawn_pixels(
    data: ImageData, numbers: NDArray[np.int64], first: dict[str, int]
) -> dict[str, CategoryMaps]:
    """By category the masks of pixels. first: concepts that come before each category's own."""
    from sweep.data.concepts import concept_masks
    from sweep.data.packedmaps import PackedMaps

    config = data.config
    seed, size = config["seed"], config["image_size"]
    packed: dict[str, PackedMaps] = {}
    plain: dict[str, list[NDArray[np.uint8]]] = {}
    large = len(numbers) * size * size > PLAIN_PIXELS
    for start in range(0, len(numbers), DRAWN_AT_ONCE):
        part = numbers[start : start + DRAWN_AT_ONCE]
        for category, masks in concept_masks(part, size, seed, free=config["free_factors"]).items():
            found = masks.reshape(len(part), 1, -1)
            found[found > 0] += np.uint8(first[category])
            if large:
                packed.setdefault(category, PackedMaps(size * size)).append(found)
            else:
                plain.setdefault(category, []).append(found)
    return {**packed, **{category: np.concatenate(parts) for category, parts in plain.items()}}
