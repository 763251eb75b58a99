"""One picture and its labels from the factors of an image.

Legend: N images, S side in pixels.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sweep.data.concepts.buildings import FOOT, draw_building, site_of
from sweep.data.concepts.canvas import Canvas
from sweep.data.concepts.factors import OneImage, draw_factors
from sweep.data.concepts.flyers import draw_birds, draw_flyer
from sweep.data.concepts.landscape import (
    draw_clouds,
    draw_flowers,
    draw_ground,
    draw_mountains,
    draw_sky,
)
from sweep.data.concepts.plants import draw_plant, plants_of
from sweep.data.concepts.world import world_of


def draw_canvas(one: OneImage, size: int) -> Canvas:
    """The picture of an image's factors, size x size pixels: all it shows, and what it is."""
    canvas = Canvas(size)
    world = world_of(one)
    site = site_of(world)
    draw_sky(canvas, world)
    draw_clouds(canvas, world)
    draw_mountains(canvas, world)
    draw_ground(canvas, world)
    draw_flowers(canvas, world)
    plants = plants_of(world, site)
    for plant in plants:
        if plant.foot < FOOT:
            draw_plant(canvas, world, plant)
    draw_building(canvas, world, site)
    for plant in plants:
        if plant.foot >= FOOT:
            draw_plant(canvas, world, plant)
    draw_birds(canvas, world)
    draw_flyer(canvas, world)
    return canvas


def as_levels(pixels: NDArray[np.float32]) -> NDArray[np.uint8]:
    """(S, S, 3) in [0, 1] to the nearest of 256 levels, (3, S, S)."""
    levels = np.rint(np.clip(pixels, 0, 1) * 255).astype(np.uint8)
    return np.ascontiguousarray(levels.transpose(2, 0, 1))


def draw_images(
    seed: int, ids: NDArray[np.int64], size: int, free: int | None = None
) -> NDArray[np.uint8]:
    """Images (N, 3, S, S) of the ids (N,); `free` as in `draw_factors`."""
    factors = draw_factors(seed, ids, free)
    images = np.empty((len(ids), 3, size, size), np.uint8)
    for row in range(len(ids)):
        images[row] = as_levels(draw_canvas(factors.of(row), size).pixels)
    return images
