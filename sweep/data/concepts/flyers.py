"""What is in the air: a balloon or a kite, and birds."""

from __future__ import annotations

import math
from itertools import pairwise

from sweep.data.concepts.canvas import Canvas
from sweep.data.concepts.palette import CLOTHS, DOOR, PALE_CLOTHS, WOOD, Color, along, mix
from sweep.data.concepts.patterns import PATTERNS, patterned, shaded
from sweep.data.concepts.shapes import bar, box, disk, polygon, union
from sweep.data.concepts.vocabulary import painted_labels
from sweep.data.concepts.world import World, scatter

KINDS = ("balloon", "kite")  # in the order of the discrete factor "flyer"
TAIL_BOWS = 4


def draw_flyer(canvas: Canvas, world: World) -> None:
    """A balloon or a kite, in the half of the sky that lacks the sun."""
    one = world.one
    # Farther out than the building reaches.
    x = 0.5 - world.sun * one.between("flyer_x", 0.19, 0.37)
    y = one.between("flyer_y", 0.13, 0.24)
    size = one.between("flyer_size", 0.062, 0.092)
    draw = {"balloon": _balloon, "kite": _kite}[KINDS[one.discrete["flyer"]]]
    draw(canvas, world, x, y, size)


def _cloth(world: World) -> tuple[str | None, tuple[Color, Color]]:
    hue = world.one.continuous["flyer_hue"]
    pattern = PATTERNS[world.one.discrete["pattern"]]
    # By night they glow from inside, as balloons do: half in the night's light, half not.
    glow = 0.5 if world.hour.dark else 0.0
    colors = along(CLOTHS, hue), along(PALE_CLOTHS, hue)
    base, other = (mix(world.lit(color), color, glow) for color in colors)
    return pattern, (base, other)


def _balloon(canvas: Canvas, world: World, x: float, y: float, size: float) -> None:
    pattern, (base, other) = _cloth(world)
    low = y + 1.5 * size
    for side in (-1, 1):  # ropes
        rope = bar(x + side * 0.42 * size, y + 0.9 * size, x + side * 0.16 * size, low, 0.0025)
        canvas.paint(rope, world.lit(DOOR), opacity=0.8)
    envelope = union(
        disk(x, y, size),
        polygon(
            [
                (x - 0.86 * size, y + 0.5 * size),
                (x + 0.86 * size, y + 0.5 * size),
                (x + 0.26 * size, y + 1.22 * size),
                (x - 0.26 * size, y + 1.22 * size),
            ]
        ),
    )
    fill = patterned(pattern, base, other, x, y, 0.62 * size, 1 / canvas.size)
    labels = painted_labels("balloon", "envelope", "cloth", pattern)
    canvas.paint(envelope, shaded(fill, x, size, 0.14 * world.sun), labels)
    basket = box(x - 0.2 * size, low - 0.05 * size, x + 0.2 * size, low + 0.27 * size)
    canvas.paint(basket, world.lit(WOOD), painted_labels("balloon", "basket", "wood"))


def _kite(canvas: Canvas, world: World, x: float, y: float, size: float) -> None:
    pattern, (base, other) = _cloth(world)
    lean = -0.28 * world.sun
    cos, sin = math.cos(lean), math.sin(lean)

    def at(across: float, down: float) -> tuple[float, float]:
        a, d = across * size, down * size
        return x + cos * a - sin * d, y + sin * a + cos * d

    points = [at(0.18 * math.sin(1.7 * n), 1.15 + 0.34 * n) for n in range(TAIL_BOWS + 1)]
    tail = painted_labels("kite", "tail", "cloth")
    for start, end in pairwise(points):
        canvas.paint(bar(*start, *end, 0.003), world.lit(DOOR), tail)
    for number, (bow_x, bow_y) in enumerate(points[1:]):
        color = base if number % 2 else other
        canvas.paint(disk(bow_x, bow_y, 0.15 * size), color, tail)
    sail = polygon([at(0, -1.1), at(0.8, -0.25), at(0, 1.2), at(-0.8, -0.25)])
    fill = patterned(pattern, base, other, x, y, 0.55 * size, 1 / canvas.size)
    labels = painted_labels("kite", "envelope", "cloth", pattern)
    canvas.paint(sail, shaded(fill, x, 0.8 * size, 0.14 * world.sun), labels)
    for end in (at(0, 1.2), at(0, -1.1)):
        canvas.paint(bar(*at(0, 0), *end, 0.002), world.lit(DOOR), opacity=0.5)


def draw_birds(canvas: Canvas, world: World) -> None:
    """A few, below the sun by day; as the details say."""
    details = world.one.discrete["details"]
    if world.hour.dark or details % 4 == 3:
        return
    labels = painted_labels("bird")
    for x, y in scatter(details, 2)[: 2 + details % 3]:
        bird_x = 0.5 + world.sun * (0.08 + 0.36 * x)
        bird_y = 0.05 + 0.22 * y
        wing = 0.017
        for side in (-1, 1):
            tip = (bird_x + side * wing, bird_y - 0.55 * wing)
            canvas.paint(bar(bird_x, bird_y, *tip, 0.0036), world.lit(DOOR), labels)
