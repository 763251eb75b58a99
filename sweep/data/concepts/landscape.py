"""Sky, sun, clouds, mountains, ground and water, from back to front."""

from __future__ import annotations

import math

import numpy as np

from sweep.data.concepts.canvas import Canvas, Fill
from sweep.data.concepts.palette import MOON, SNOW, STAR, SUN, WATER, Color, mix, rgb
from sweep.data.concepts.shapes import (
    Patch,
    above,
    below,
    box,
    common,
    disk,
    ellipse,
    union,
)
from sweep.data.concepts.vocabulary import painted_labels
from sweep.data.concepts.world import World, scatter

SUN_RADIUS = 0.048
FURROWS = 9.0  # in the image's width, at the lower edge
WAVES = 0.028  # between the crests of waves, at the far shore
SHORE = 0.13  # below the horizon


def draw_sky(canvas: Canvas, world: World) -> None:
    """A gradient, stars at night, the sun or the moon with its glow."""
    top, bottom = world.zenith_color, world.horizon_color
    end = world.horizon + 0.02

    def gradient(_: Patch, y: Patch) -> Color:
        share = np.clip(y / end, 0, 1) ** 1.3
        return np.asarray(top + share[:, :, None] * (bottom - top), np.float32)

    dark = world.hour.dark
    canvas.paint(box(0, 0, 1, end), gradient, painted_labels("night sky" if dark else "sky"))
    if dark:
        for x, y in scatter(world.one.discrete["details"], 0):
            spot = disk(x, 0.02 + 0.8 * y * world.horizon, 0.005 + 0.004 * ((7 * x) % 1))
            canvas.paint(spot, STAR, painted_labels("star"), opacity=0.9)
    x = 0.5 + world.sun * world.one.between("sun_x", 0.14, 0.38)
    y = world.one.between("sun_y", 0.09, 0.20)
    color = MOON if dark else mix(SUN, world.hour.cloud, 0.25)
    glow = 0.28 if dark else 0.55
    canvas.paint(disk(x, y, 0.1), color, opacity=glow, softness=0.2)
    canvas.paint(disk(x, y, SUN_RADIUS), color, painted_labels("moon" if dark else "sun"))
    if dark:
        for across, down, radius in ((0.3, -0.2, 0.2), (-0.3, 0.25, 0.27), (-0.15, -0.4, 0.14)):
            spot = disk(x + across * SUN_RADIUS, y + down * SUN_RADIUS, radius * SUN_RADIUS)
            canvas.paint(spot, rgb("d5d0bb"))


# Puffs of each cloud: across, up, half width, half height.
_PUFFS = (
    ((-0.07, 0.0, 0.055, 0.022), (0.0, 0.014, 0.06, 0.036), (0.065, 0.0, 0.055, 0.024)),
    ((-0.05, 0.004, 0.05, 0.026), (0.03, 0.01, 0.065, 0.032), (0.1, -0.004, 0.045, 0.016)),
)


def draw_clouds(canvas: Canvas, world: World) -> None:
    """One or two clouds with flat bottoms."""
    shape = world.one.discrete["cloud_shape"]
    # They drift in the half without the sun, behind what flies there.
    x = 0.5 - world.sun * world.one.between("cloud_x", 0.02, 0.40)
    y = world.one.between("cloud_y", 0.09, 0.24)
    white = world.hour.cloud
    places = [(x, y, 1.0)]
    if shape >= 2:
        places.append((x + world.sun * 0.36, y + 0.045, 0.6))
    for number, (across, down, size) in enumerate(places):
        puffs = _PUFFS[(shape + number) % 2]
        parts = [
            ellipse(across + size * a, down - size * u, size * w, size * h) for a, u, w, h in puffs
        ]
        cloud = common(union(*parts), box(-1, -1, 2, down + size * 0.012))
        base = mix(white, world.horizon_color, 0.45)
        canvas.paint(cloud, _upwards(base, white, down, 0.05 * size), painted_labels("cloud"))


def _upwards(low: Color, high: Color, y: float, height: float) -> Fill:
    """From one color to another over a height, of which a quarter lies below y."""

    def fill(_: Patch, py: Patch) -> Color:
        share = np.clip((y - py) / height + 0.25, 0, 1)
        return np.asarray(low + share[:, :, None] * (high - low))

    return fill


def draw_mountains(canvas: Canvas, world: World) -> None:
    """A far range in the haze and a nearer one, with snow on them in cold lands."""
    height = world.one.between("ridge_height", 0.07, 0.16)
    phase = world.one.between("ridge_phase", 0.0, 0.9)
    for far, scale, shift, period in ((0.62, 1.0, 0.0, 0.61), (0.34, 0.62, 0.37, 0.47)):

        def ridge(
            x: Patch, scale: float = scale, shift: float = shift, period: float = period
        ) -> Patch:
            turn = (x + shift + phase * period) / period
            big = 1 - np.abs((turn % 1) * 2 - 1)
            small = 1 - np.abs(((2.6 * turn + 0.3) % 1) * 2 - 1)
            line: Patch = world.horizon - scale * height * (0.2 + 0.72 * big + 0.2 * small)
            return line

        top = world.horizon - scale * height * 1.12
        slopes = below(ridge, top, world.horizon + 0.03)
        rock = painted_labels("mountain", material="rock")
        color = world.lit(world.land.mountain, far)
        canvas.paint(slopes, color, rock)
        if world.land.snow_cap:
            line = world.horizon - scale * height * 0.74

            def snow_line(x: Patch, line: float = line, reach: float = scale * height) -> Patch:
                zigzag: Patch = line + 0.1 * reach * np.abs(((x * 17) % 1) * 2 - 1)
                return zigzag

            cap = common(slopes, above(snow_line, top, line + 0.11 * scale * height))
            snow = painted_labels("mountain", material="snow")
            canvas.paint(cap, world.lit(SNOW, 0.8 * far), snow)


def draw_ground(canvas: Canvas, world: World) -> None:
    """A far and a near field; by the lake, water is in place of the far one."""
    land, hue = world.land, world.one.continuous["ground_hue"]
    near, far = (mix(*pair, hue) for pair in (land.near, land.far))
    horizon = world.horizon

    def gentle(x: Patch) -> Patch:
        return np.asarray(horizon + 0.006 * np.sin(7 * x + 1))

    lake = land.ground == "lake"
    if lake:
        _draw_lake(canvas, world)
        ground = painted_labels("meadow", material="grass")
    else:
        ground = painted_labels(land.ground, material=land.material)
        color = world.lit(mix(near, far, 0.9), 0.22)
        canvas.paint(below(gentle, horizon - 0.01), color, ground)

    def edge(x: Patch) -> Patch:
        return np.asarray(horizon + SHORE + 0.018 * np.sin(5.5 * x + 0.6) - 0.03 * (x - 0.5))

    furrowed = land.ground == "stubble"
    back, front = world.lit(far, 0.06), world.lit(near)

    def field(x: Patch, y: Patch) -> Color:
        depth = y - horizon
        share = np.clip((depth - SHORE) / (1 - horizon - SHORE), 0, 1)
        color = back + share[:, :, None] * (front - back)
        if furrowed:
            wide = (depth + 0.08) / (1.08 - horizon)  # how near, as perspective has it
            turn = FURROWS * (x - 0.5) / wide
            soft = np.clip(FURROWS / (canvas.size * wide), 0.15, 1)
            triangle = np.abs((turn % 1) * 2 - 1) - 0.5
            part = np.clip(triangle / soft, -0.5, 0.5) * (1 - soft * 0.7)
            color = color * (1 + 0.13 * part[:, :, None])
        return np.asarray(color, np.float32)

    if furrowed:
        ground = painted_labels(land.ground, material=land.material, texture="striped")
    canvas.paint(below(edge, horizon + SHORE - 0.035), field, ground)


def _draw_lake(canvas: Canvas, world: World) -> None:
    """Water from the horizon on, the sky in it and crests that grow towards the shore."""
    water = world.lit(mix(*WATER, world.one.continuous["ground_hue"]))
    horizon = world.horizon
    crest = mix(water, world.horizon_color, 0.55)
    deep = mix(water, world.zenith_color, 0.25)

    def fill(x: Patch, y: Patch) -> Color:
        depth = np.clip((y - horizon) / (SHORE + 0.05), 0, 1)
        color = mix(water, world.horizon_color, 0.35) + depth[:, :, None] * (
            deep - mix(water, world.horizon_color, 0.35)
        )
        turn = (y - horizon) / WAVES + 0.16 * np.sin(2 * math.pi * 7 * x)
        wave = 0.5 + 0.5 * np.cos(2 * math.pi * turn)
        # Crests thinner than a pixel fade.
        strength = min(1.0, 0.7 * WAVES * canvas.size)
        part = strength * 0.55 * wave**3
        return np.asarray(color + part[:, :, None] * (crest - color), np.float32)

    labels = painted_labels("lake", material="water", texture="wavy")
    canvas.paint(box(0, horizon, 1, horizon + SHORE + 0.06), fill, labels)


def draw_flowers(canvas: Canvas, world: World) -> None:
    """A few in the foreground; which and where, the details say. None in the snow."""
    details = world.one.discrete["details"]
    if details % 2 or world.land.ground == "snowfield":
        return
    labels = painted_labels("flower", material="leaf")
    for number, (x, y) in enumerate(scatter(details, 1)):
        if y < 0.75:
            depth = 0.80 + 0.24 * y
            color = world.lit(rgb(world.land.blossoms[number % len(world.land.blossoms)]))
            canvas.paint(disk(x, depth, 0.005 + 0.006 * y), color, labels)
