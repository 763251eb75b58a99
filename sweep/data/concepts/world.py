"""What all things in one picture share: the hour's light, the land, the horizon, the scatter."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from sweep.data.concepts.canvas import Canvas
from sweep.data.concepts.factors import OneImage, uniforms
from sweep.data.concepts.palette import HOURS, LANDS, SHADOW, Color, Hour, Land, mix
from sweep.data.concepts.shapes import Shape, ellipse

STREAM_SCATTER = 16  # apart from those of factors.py, and the same for every seed
SCATTERED = 16


@dataclass(frozen=True)
class World:
    """One picture's surroundings.

    sun: -1 if the light comes from the left, 1 from the right. horizon: its y.
    """

    one: OneImage
    hour: Hour
    land: Land
    sun: int
    horizon: float
    zenith_color: Color
    horizon_color: Color

    def lit(self, color: Color, far: float = 0.0) -> Color:
        """A thing's color in this light, seen from afar: 0 is here, 1 all haze."""
        seen = np.asarray(color * self.hour.light, np.float32)
        return mix(seen, self.horizon_color, far) if far else seen

    def shadow(self, canvas: Canvas, x: float, y: float, half_width: float) -> None:
        """A soft shadow on the ground at a thing's foot."""
        shape: Shape = ellipse(
            x - 0.35 * self.sun * half_width, y, 1.25 * half_width, 0.28 * half_width + 0.006
        )
        opacity = 0.16 if self.hour.dark else 0.26
        canvas.paint(shape, SHADOW, opacity=opacity, softness=0.02)


def world_of(one: OneImage) -> World:
    """The surroundings that an image's factors make."""
    hour, land = HOURS[one.discrete["hour"]], LANDS[one.discrete["scene"]]
    warmth = one.continuous["warmth"]
    return World(
        one,
        hour,
        land,
        sun=2 * one.discrete["sun_side"] - 1,
        horizon=one.between("horizon", 0.39, 0.48),
        zenith_color=mix(*hour.zenith, warmth),
        horizon_color=mix(*hour.horizon, warmth),
    )


@cache
def scatter(details: int, place: int) -> tuple[tuple[float, float], ...]:
    """16 points in the unit square for small things, by the discrete factor "details".

    Discrete, so that a swarm adds nothing to the latent dimension. Each row and each column
    of a grid of 16 holds one, so that none crowd.
    """
    drawn = uniforms(place, STREAM_SCATTER, np.array([details]), 3 * SCATTERED)[0]
    shuffled = drawn[:SCATTERED].argsort()
    offsets = drawn[SCATTERED:].reshape(2, SCATTERED)
    across = (np.arange(SCATTERED) + offsets[0]) / SCATTERED
    down = (shuffled + offsets[1]) / SCATTERED
    return tuple(zip(across.tolist(), down.tolist(), strict=True))
