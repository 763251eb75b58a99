"""How often units and concepts meet: exact integers, counted on active pixels only.

Legend: n images of a batch, U units, H x W cells of a map, P pixels of a mask, C concepts in
G categories, L labels that a pixel may have in one category.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from estimators.anchoring import Upsampling
from estimators.top_values import Thresholds

PIXELS_AT_ONCE = 1 << 20  # of upsampled maps; more at a time take memory and are no faster

# By category, the labels of the images of a batch: (n, L, P) of pixels, or (n, L, 1) of whole
# images. c + 1 is the concept numbered c, and 0 none.
LabelMaps = Sequence[NDArray[np.unsignedinteger]]


@dataclass(frozen=True)
class Concepts:
    """What is looked for. categories: (C,) number of each concept's category, of G in all."""

    categories: NDArray[np.int64]
    num_categories: int

    @property
    def count(self) -> int:
        """C."""
        return len(self.categories)


class Coverage:
    """How many pixels show each concept, and how many could: those of labelled images.

    truth: (C,) pixels of each concept. pixels: (G,) pixels of the images that count for a
    category: those in which some concept of it is labelled. `update`, `merge`.
    """

    def __init__(self, concepts: Concepts) -> None:
        self.concepts = concepts
        self.truth = np.zeros(concepts.count, np.int64)
        self.pixels = np.zeros(concepts.num_categories, np.int64)

    def update(self, labels: LabelMaps, num_pixels: int) -> None:
        """Count a batch of images of P pixels."""
        for category, maps in enumerate(labels):
            weight = num_pixels // maps.shape[2]
            found = np.bincount(maps.ravel(), minlength=self.concepts.count + 1)
            self.truth += found[1:].astype(np.int64) * weight
            self.pixels[category] += int(is_labelled(maps).sum()) * num_pixels

    def merge(self, other: Coverage) -> None:
        """Take in what another has counted, of other images."""
        self.truth += other.truth
        self.pixels += other.pixels


def is_labelled(maps: NDArray[np.unsignedinteger]) -> NDArray[np.bool_]:
    """(n,): whether an image has any label of the category."""
    return np.asarray(maps.reshape(len(maps), -1).any(axis=1))


class Overlaps:
    """Counts of the units of one layer against all concepts. `update`, `merge`.

    Counts may be taken against S sets of labels of the same images at once, such as the true
    ones and permutations of them: finding where units are active is most of the work.

    intersection: (S, U, C) pixels at which a unit is active and a concept is shown.
    area: (S, U, G) pixels at which it is active, of images labelled in the category.
    above, tied: (U,) cells of the maps strictly above the threshold, and at it.
    """

    def __init__(self, thresholds: Thresholds, concepts: Concepts, num_sets: int = 1) -> None:
        num_units = len(thresholds.level)
        self._thresholds = thresholds
        self._concepts = concepts
        usable = thresholds.is_usable
        level = np.where(usable, thresholds.level, np.inf).astype(np.float32)
        # What is at least the level is what is above the number before it.
        strict = np.where(thresholds.inclusive, np.nextafter(level, np.float32(-np.inf)), level)
        self._level = torch.from_numpy(level)
        self._strict = torch.from_numpy(strict)
        self.intersection = np.zeros((num_sets, num_units, concepts.count), np.int64)
        self.area = np.zeros((num_sets, num_units, concepts.num_categories), np.int64)
        self.above = np.zeros(num_units, np.int64)
        self.tied = np.zeros(num_units, np.int64)

    def update(
        self, maps: torch.Tensor, label_sets: Sequence[LabelMaps], upsampling: Upsampling
    ) -> None:
        """Count a batch. maps: (n, U, H, W), as the thresholds' table saw them."""
        maps = maps.detach().to("cpu", torch.float32)
        flat = maps.flatten(2)
        self.above += (flat > self._level[:, None]).sum(dim=(0, 2)).numpy()
        self.tied += (flat == self._level[:, None]).sum(dim=(0, 2)).numpy()
        # No pixel lies above all cells of its map. Unit by unit: a chunk then has few units, and
        # its table of concepts, of which there may be a thousand, is small.
        reached = flat.amax(dim=2) > self._strict
        units, images = torch.nonzero(reached.T, as_tuple=True)
        known = [[is_labelled(category) for category in labels] for labels in label_sets]
        height, width = upsampling.resolution
        at_once = max(1, PIXELS_AT_ONCE // (height * width))
        for start in range(0, len(images), at_once):
            image, unit = images[start : start + at_once], units[start : start + at_once]
            active = self._active(maps, image, unit, upsampling).flatten(1).numpy()
            self._count(active, image.numpy(), unit.numpy(), label_sets, known)

    def active(
        self, maps: torch.Tensor, image: torch.Tensor, unit: torch.Tensor, upsampling: Upsampling
    ) -> torch.Tensor:
        """(M, S, S) bool: where units are active in images, M pairs of both."""
        maps = maps.detach().to("cpu", torch.float32)
        return self._active(maps, image, unit, upsampling)

    def _active(
        self, maps: torch.Tensor, image: torch.Tensor, unit: torch.Tensor, upsampling: Upsampling
    ) -> torch.Tensor:
        return upsampling(maps[image, unit]) > self._strict[unit, None, None]

    def merge(self, other: Overlaps) -> None:
        """Take in what another has counted, with the same thresholds, of other images."""
        if not np.array_equal(self._level, other._level):
            raise ValueError("only counts above the same thresholds can be merged")
        self.intersection += other.intersection
        self.area += other.area
        self.above += other.above
        self.tied += other.tied

    def _count(
        self,
        active: NDArray[np.bool_],
        image: NDArray[np.int64],
        unit: NDArray[np.int64],
        label_sets: Sequence[LabelMaps],
        known: Sequence[Sequence[NDArray[np.bool_]]],
    ) -> None:
        """active: (M, P) of M maps, each of one image and one unit."""
        first, last = int(unit.min()), int(unit.max()) + 1
        width = self._concepts.count + 1
        length = (last - first) * width
        sizes = active.sum(axis=1)
        pair, pixel = np.divmod(np.flatnonzero(active), active.shape[1])
        row = (unit - first) * width
        row_of_pixel, image_of_pixel = row[pair], image[pair]
        for number, labels in enumerate(label_sets):
            for category, maps in enumerate(labels):
                counts = known[number][category][image]
                np.add.at(self.area[number, :, category], unit[counts], sizes[counts])
                for place in range(maps.shape[1]):
                    if maps.shape[2] == 1:
                        cells = row + maps[image, place, 0]
                        total = np.bincount(cells, sizes, length).astype(np.int64)
                    else:
                        cells = row_of_pixel + maps[image_of_pixel, place, pixel]
                        total = np.bincount(cells, minlength=length)
                    self.intersection[number, first:last] += total.reshape(-1, width)[:, 1:]
