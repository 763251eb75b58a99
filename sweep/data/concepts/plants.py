"""Trees, and what stands in for them: pines, or cacti in the desert. Four in each picture."""

from __future__ import annotations

from dataclasses import dataclass

from sweep.data.concepts.buildings import Site
from sweep.data.concepts.canvas import Canvas
from sweep.data.concepts.palette import SNOW, TRUNK, Color, mix, rgb
from sweep.data.concepts.patterns import shaded
from sweep.data.concepts.shapes import Shape, bar, ellipse, polygon, trapezoid, union
from sweep.data.concepts.vocabulary import painted_labels
from sweep.data.concepts.world import World

BACK, FRONT = 0.675, 0.845  # y of their feet; the building's is between
# Where in the space beside the building the outer and the inner one stand.
PLACES = (0.25, 0.74)
JITTER = 0.09


@dataclass(frozen=True)
class Plant:
    """One of the four. foot: y. dark, slender: its tone and form, whatever it is."""

    tree: bool
    dark: bool
    slender: bool
    x: float
    foot: float
    height: float
    number: int


def plants_of(world: World, site: Site) -> list[Plant]:
    """Two on each side of the building, one of each pair behind it and one before."""
    one = world.one
    found = []
    for side, name in enumerate(("left", "right")):
        space = (site.x - site.half_width) if side == 0 else (1 - site.x - site.half_width)
        for place in range(2):
            number = 2 * side + place
            share = PLACES[place] + one.between(f"plant_x_{number}", -JITTER, JITTER)
            near = (place + one.discrete[f"depth_{name}"]) % 2
            first = (place + one.discrete[f"order_{name}"]) % 2 == 0
            trees = one.trees[side]
            tree = trees == 2 or (trees == 1 and first)
            height = one.between(f"plant_height_{number}", 0.185, 0.265)
            found.append(
                Plant(
                    tree=tree,
                    # In two thirds of the pictures one of the four has the others' tone,
                    # in two thirds one is slender.
                    dark=tree == (one.discrete["odd_tone"] == number),
                    slender=one.discrete["slender"] == number,
                    x=share * space if side == 0 else 1 - share * space,
                    foot=FRONT if near else BACK,
                    height=height * (1.12 if near else 0.84),
                    number=number,
                )
            )
    return sorted(found, key=lambda plant: plant.foot)


def draw_plant(canvas: Canvas, world: World, plant: Plant) -> None:
    """One plant with its shadow."""
    world.shadow(canvas, plant.x, plant.foot, 0.26 * plant.height)
    if plant.tree:
        _tree(canvas, world, plant)
    elif world.land.cacti:
        _cactus(canvas, world, plant)
    else:
        _pine(canvas, world, plant)


def _far(plant: Plant) -> float:
    return 0.10 if plant.foot == BACK else 0.0


def _foliage(world: World, plant: Plant) -> Color:
    """Mostly bright for trees and dark for others: color alone doesn't say what is a tree.

    Each of the four is a little apart in hue, so that crowns in a row don't run together.
    """
    hue = 0.12 + 0.64 * world.one.continuous["foliage_hue"] + 0.08 * plant.number
    pair = world.land.dark_foliage if plant.dark else world.land.foliage
    return world.lit(mix(*pair, hue), _far(plant))


def _tree(canvas: Canvas, world: World, plant: Plant) -> None:
    x, foot, h, far = plant.x, plant.foot, plant.height, _far(plant)
    stem = trapezoid(x, foot - 0.5 * h, foot, 0.035 * h, 0.05 * h)
    canvas.paint(stem, world.lit(TRUNK, far), painted_labels("tree", "trunk", "wood"))
    color = _foliage(world, plant)
    middle = foot - 0.66 * h
    if plant.slender:  # as poplars are
        middle = foot - 0.58 * h
        crown = union(
            ellipse(x, middle, 0.165 * h, 0.42 * h),
            ellipse(x, middle + 0.12 * h, 0.185 * h, 0.27 * h),
        )
    else:
        crown = union(
            ellipse(x, middle - 0.06 * h, 0.23 * h, 0.28 * h),
            ellipse(x - 0.14 * h, middle + 0.09 * h, 0.17 * h, 0.17 * h),
            ellipse(x + 0.14 * h, middle + 0.09 * h, 0.17 * h, 0.17 * h),
        )
    fill = shaded(color, x, 0.3 * h, 0.13 * world.sun)
    canvas.paint(crown, fill, painted_labels("tree", "crown", "leaf"))
    shine = mix(color, world.lit(rgb("fff3c4")), 0.35)
    spot = ellipse(x + 0.08 * h * world.sun, middle - 0.12 * h, 0.1 * h, 0.11 * h)
    canvas.paint(spot, shine, opacity=0.55, softness=0.09 * h)


def _pine(canvas: Canvas, world: World, plant: Plant) -> None:
    x, foot, h, far = plant.x, plant.foot, plant.height, _far(plant)
    stem = trapezoid(x, foot - 0.25 * h, foot, 0.04 * h, 0.04 * h)
    canvas.paint(stem, world.lit(TRUNK, far), painted_labels("pine", "trunk", "wood"))
    color = _foliage(world, plant)
    crown = painted_labels("pine", "crown", "leaf")
    white = painted_labels("pine", "crown", "snow")
    for number, (low, high, wide) in enumerate(
        ((0.14, 0.56, 0.27), (0.36, 0.76, 0.215), (0.58, 1.0, 0.155))
    ):
        half = 0.72 * wide if plant.slender else wide
        tier = _tier(x, foot - high * h, foot - low * h, half * h)
        shade = mix(color, world.lit(rgb("c8d8a8")), 0.07 * number)
        canvas.paint(tier, shaded(shade, x, half * h, 0.16 * world.sun), crown)
        if world.land.ground == "snowfield":
            tip, share = foot - high * h, 0.36
            cap = _tier(x, tip, tip + share * (high - low) * h, share * half * h)
            canvas.paint(cap, world.lit(SNOW, far), white)


def _tier(x: float, top: float, bottom: float, half_width: float) -> Shape:
    return polygon([(x - half_width, bottom), (x, top), (x + half_width, bottom)])


def _cactus(canvas: Canvas, world: World, plant: Plant) -> None:
    x, foot, h = plant.x, plant.foot, 0.85 * plant.height
    color = _foliage(world, plant)
    fill = shaded(color, x, 0.3 * h, 0.22 * world.sun)
    thick = 0.095 * h
    for side, low, high in ((-1, 0.40, 0.70), (1, 0.30, 0.56)):
        elbow = x + side * 0.28 * h
        arm = union(
            bar(x, foot - low * h, elbow, foot - low * h, 0.72 * thick),
            bar(elbow, foot - low * h, elbow, foot - high * h, 0.72 * thick),
        )
        canvas.paint(arm, fill, painted_labels("cactus", "arm"))
    stem = bar(x, foot - 0.01, x, foot - h + thick, thick)
    canvas.paint(stem, fill, painted_labels("cactus", "trunk"))
