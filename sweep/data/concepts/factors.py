"""What generates an image: continuous and discrete factors, drawn from (seed, id) alone.

Every number is a hash of (seed, stream, id, place) by SplitMix64 (Steele, Lea and Flood,
OOPSLA 2014, doi:10.1145/2660193.2660195): image 7 is the same whatever was drawn before it,
in which order, in how many processes, and under every version of numpy.

Legend: N images, D continuous factors.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sweep.data.splitmix import GOLDEN, mixed, to_unit

# Each is uniform on [0, 1], changes the picture continuously, and does so in every image.
# From what moves most of the picture to what moves least: `free` keeps the first ones.
CONTINUOUS: tuple[str, ...] = (
    "building_x", "building_size", "horizon",
    "flyer_x", "flyer_y", "flyer_size",
    "sun_x", "sun_y",
    "ridge_height", "ridge_phase",
    "warmth", "ground_hue", "building_hue", "flyer_hue", "foliage_hue",
    "plant_height_0", "plant_height_1", "plant_height_2", "plant_height_3",
    "plant_x_0", "plant_x_1", "plant_x_2", "plant_x_3",
    "cloud_x", "cloud_y",
    "building_shape",
)  # fmt: skip
# The latent dimension: given the discrete factors, images lie on a manifold of so many
# dimensions (fewer if `free` says so).
NUM_CONTINUOUS = len(CONTINUOUS)

SIDES = ("left", "right")
MOST_TREES = 2  # on either side of the building
# Each uniform over so many values, independent of the others and of the class.
DISCRETE: Mapping[str, int] = {
    "scene": 5,
    "hour": 4,
    "building": 3,
    "finish": 6,
    "flyer": 2,
    "pattern": 5,
    "sun_side": 2,
    "cloud_shape": 4,
    "details": 16,
    "order_left": 2,
    "order_right": 2,
    "depth_left": 2,
    "depth_right": 2,
    "odd_tone": 6,
    "slender": 6,
}
NUM_CLASSES = (MOST_TREES + 1) ** 2
CLASS_NAMES = [
    f"{left} left, {right} right"
    for left in range(MOST_TREES + 1)
    for right in range(MOST_TREES + 1)
]

# Streams of random numbers, apart from one another. LABELED: which images lack a category.
STREAM_CONTINUOUS, STREAM_DISCRETE, STREAM_CLASS, STREAM_LABELED = range(4)


@dataclass(frozen=True)
class Factors:
    """The factors of N images. continuous: (N, D) in [0, 1]. discrete: by name, (N,).

    classes: (N,), the number of trees left of the building times 3, plus those right of it.
    """

    continuous: NDArray[np.float64]
    discrete: Mapping[str, NDArray[np.int64]]
    classes: NDArray[np.int64]

    def of(self, row: int) -> OneImage:
        """The factors of one image."""
        values = self.continuous[row].tolist()
        return OneImage(
            dict(zip(CONTINUOUS, values, strict=True)),
            {name: int(column[row]) for name, column in self.discrete.items()},
            divmod(int(self.classes[row]), MOST_TREES + 1),
        )


@dataclass(frozen=True)
class OneImage:
    """The factors of one image by name. trees: how many stand left and right."""

    continuous: Mapping[str, float]
    discrete: Mapping[str, int]
    trees: tuple[int, int]

    def between(self, name: str, low: float, high: float) -> float:
        """A continuous factor, stretched to a range."""
        return low + (high - low) * self.continuous[name]


def draw_factors(seed: int, ids: NDArray[np.int64], free: int | None = None) -> Factors:
    """The factors of the images `ids` (N,), each >= 0.

    free: how many continuous factors vary, from the first one; the others stay at 0.5, and
        the discrete ones are those of image 0, so that the images of a class lie on one
        manifold of `free` dimensions. None, or the number of all: everything varies.
    """
    continuous = uniforms(seed, STREAM_CONTINUOUS, ids, NUM_CONTINUOUS)
    drawn = uniforms(seed, STREAM_DISCRETE, ids, len(DISCRETE))
    if free is not None and free < NUM_CONTINUOUS:
        continuous[:, free:] = 0.5
        drawn = np.repeat(
            uniforms(seed, STREAM_DISCRETE, np.zeros(1, np.int64), len(DISCRETE)), len(ids), 0
        )
    discrete = {
        name: (drawn[:, place] * count).astype(np.int64)
        for place, (name, count) in enumerate(DISCRETE.items())
    }
    return Factors(continuous, discrete, draw_classes(seed, ids))


def draw_classes(seed: int, ids: NDArray[np.int64]) -> NDArray[np.int64]:
    """Classes (N,): each block of 9 consecutive ids holds every class once, in drawn order."""
    ids = np.asarray(ids, np.int64)
    blocks, where = np.unique(ids // NUM_CLASSES, return_inverse=True)
    orders = uniforms(seed, STREAM_CLASS, blocks, NUM_CLASSES).argsort(axis=1, kind="stable")
    return orders[where, ids % NUM_CLASSES]


def uniforms(seed: int, stream: int, ids: NDArray[np.int64], num: int) -> NDArray[np.float64]:
    """(N, num) numbers in [0, 1), of 53 bits."""
    key = mixed(np.array([seed], np.uint64) + GOLDEN * np.array([stream + 1], np.uint64))
    state = mixed(np.asarray(ids, np.int64).astype(np.uint64) * GOLDEN ^ key)
    steps = GOLDEN * np.arange(1, num + 1, dtype=np.uint64)
    return to_unit(mixed(state[:, None] + steps))
