"""A house, a windmill or a lighthouse: the one building of a picture, around which trees stand."""

from __future__ import annotations

import math
from dataclasses import dataclass

from sweep.data.concepts.canvas import Canvas, Fill
from sweep.data.concepts.palette import (
    BRICKS,
    DOOR,
    LIT_PANE,
    PANE,
    PLANKS,
    PLASTERS,
    ROOFS,
    STONE,
    Color,
    along,
    mix,
    rgb,
)
from sweep.data.concepts.patterns import bricked, patterned, shaded, turned
from sweep.data.concepts.shapes import bar, box, disk, ellipse, polygon, trapezoid, union
from sweep.data.concepts.vocabulary import painted_labels
from sweep.data.concepts.world import World

FOOT = 0.73  # y of its foot
KINDS = ("house", "windmill", "lighthouse")  # in the order of the discrete factor "building"
# Material and texture of the walls, in the order of the discrete factor "finish".
FINISHES: tuple[tuple[str, str | None], ...] = (
    ("plaster", None),
    ("brick", "bricked"),
    ("wood", "striped"),
    ("plaster", "checkered"),
    ("plaster", "dotted"),
    ("plaster", "zigzagged"),
)
HALF_WIDTHS = {"house": 0.125, "windmill": 0.085, "lighthouse": 0.07}
WHITE = rgb("fbf8f1")


@dataclass(frozen=True)
class Site:
    """Where the building stands. half_width: of its foot, scale included."""

    kind: str
    x: float
    scale: float
    half_width: float


def site_of(world: World) -> Site:
    """Where the building of a picture stands, as others must know who stand beside it."""
    one = world.one
    kind = KINDS[one.discrete["building"]]
    scale = one.between("building_size", 0.88, 1.18)
    x = one.between("building_x", 0.29, 0.71)
    return Site(kind, x, scale, HALF_WIDTHS[kind] * scale)


def draw_building(canvas: Canvas, world: World, site: Site) -> None:
    """The building with its shadow."""
    world.shadow(canvas, site.x, FOOT, 1.1 * site.half_width)
    {"house": _house, "windmill": _windmill, "lighthouse": _lighthouse}[site.kind](
        canvas, world, site
    )


def _walls(canvas: Canvas, world: World, site: Site) -> tuple[Fill, str, str | None]:
    """What walls look like, their material and their texture."""
    hue = world.one.continuous["building_hue"]
    material, texture = FINISHES[world.one.discrete["finish"]]
    if site.kind == "lighthouse" and material == "plaster":
        texture = "striped"
    pixel, foot = 1 / canvas.size, FOOT
    fill: Fill
    if material == "brick":
        base = world.lit(along(BRICKS, hue))
        joint = mix(base, world.lit(rgb("ead9c8")), 0.55)
        fill = bricked(base, joint, site.x, foot, 0.026, pixel)
    elif material == "wood":
        base = world.lit(along(PLANKS, hue))
        fill = patterned(
            "striped", base, mix(base, world.lit(DOOR), 0.42), site.x, foot, 0.036, pixel
        )
        if site.kind != "house":
            fill = _upended(base, mix(base, world.lit(DOOR), 0.42), foot, 0.036, pixel)
    elif site.kind == "lighthouse":
        fill = _upended(world.lit(along(ROOFS, hue)), world.lit(WHITE), foot, 0.11, pixel)
    else:
        base = world.lit(along(PLASTERS, hue))
        other = mix(base, world.lit(along(ROOFS, hue)), 0.38)
        fill = patterned(texture, base, other, site.x, foot, 0.058, pixel)
    return shaded(fill, site.x, site.half_width, 0.09 * world.sun), material, texture


def _upended(base: Color, other: Color, y: float, period: float, pixel: float) -> Fill:
    """Stripes that lie."""
    return turned(patterned("striped", base, other, y, 0.0, period, pixel))


def _pane(world: World) -> Color:
    """Windows are lit at night and in the evening."""
    if world.hour.dark:
        return LIT_PANE
    return world.lit(mix(PANE, world.zenith_color, 0.25))


def _window(canvas: Canvas, world: World, kind: str, x: float, y: float, half: float) -> None:
    frame = painted_labels(kind, "window", "wood")
    canvas.paint(box(x - half, y - half, x + half, y + half), world.lit(WHITE), frame)
    glass = painted_labels(kind, "window", "glass")
    inner, gap = 0.80 * half, 0.07 * half
    for left, right in ((-inner, -gap), (gap, inner)):
        pane = box(x + left, y - inner, x + right, y + inner)
        canvas.paint(pane, _pane(world), glass)


def _door(canvas: Canvas, world: World, site: Site, x: float, height: float) -> None:
    half = 0.27 * height
    shape = union(
        box(x - half, FOOT - height + half, x + half, FOOT), disk(x, FOOT - height + half, half)
    )
    canvas.paint(shape, world.lit(DOOR), painted_labels(site.kind, "door", "wood"))


def _house(canvas: Canvas, world: World, site: Site) -> None:
    s, x, half = site.scale, site.x, site.half_width
    wall_top = FOOT - 0.145 * s
    pitch = world.one.between("building_shape", 0.075, 0.15) * s
    fill, material, texture = _walls(canvas, world, site)
    roof = world.lit(along(ROOFS, world.one.continuous["building_hue"]))
    chimney_x = x + 0.5 * half
    canvas.paint(
        box(
            chimney_x - 0.021 * s,
            wall_top - 0.9 * pitch - 0.045 * s,
            chimney_x + 0.021 * s,
            wall_top,
        ),
        world.lit(along(BRICKS, 0.5)),
        painted_labels("house", "chimney", "brick"),
    )
    wall = painted_labels("house", "wall", material, texture)
    canvas.paint(box(x - half, wall_top - 0.005, x + half, FOOT), fill, wall)
    canvas.paint(  # the eaves' shadow
        box(x - half, wall_top, x + half, wall_top + 0.016 * s), world.lit(DOOR), opacity=0.35
    )
    eaves = half + 0.022 * s
    gable = polygon(
        [
            (x - eaves, wall_top + 0.004),
            (x - 0.52 * eaves, wall_top - pitch),
            (x + 0.52 * eaves, wall_top - pitch),
            (x + eaves, wall_top + 0.004),
        ]
    )
    canvas.paint(
        gable, shaded(roof, x, eaves, 0.10 * world.sun), painted_labels("house", "roof", "tile")
    )
    _door(canvas, world, site, x, 0.095 * s)
    for across in (-0.62, 0.62):
        _window(canvas, world, "house", x + across * half, wall_top + 0.068 * s, 0.025 * s)


def _windmill(canvas: Canvas, world: World, site: Site) -> None:
    s, x = site.scale, site.x
    top = FOOT - 0.25 * s
    fill, material, texture = _walls(canvas, world, site)
    roof = world.lit(along(ROOFS, world.one.continuous["building_hue"]))
    cap = ellipse(x, top, 0.062 * s, 0.05 * s)
    canvas.paint(
        cap, shaded(roof, x, 0.06 * s, 0.1 * world.sun), painted_labels("windmill", "roof", "tile")
    )
    body = trapezoid(x, top, FOOT, 0.055 * s, site.half_width)
    canvas.paint(body, fill, painted_labels("windmill", "wall", material, texture))
    _door(canvas, world, site, x, 0.08 * s)
    _window(canvas, world, "windmill", x, top + 0.105 * s, 0.02 * s)
    turn = world.one.between("building_shape", 0.1, 1.45)
    blade = painted_labels("windmill", "blade", "cloth")
    arm = painted_labels("windmill", "blade", "wood")
    for quarter in range(4):
        angle = turn + quarter * math.pi / 2
        ux, uy = math.cos(angle), math.sin(angle)
        length, first, wide = 0.165 * s, 0.035 * s, 0.036 * s

        def corner(
            along_: float, across: float, ux: float = ux, uy: float = uy
        ) -> tuple[float, float]:
            return x + along_ * ux - across * uy, top + along_ * uy + across * ux

        sail = polygon(
            [corner(first, 0), corner(length, 0), corner(length, wide), corner(first, wide)]
        )
        canvas.paint(sail, world.lit(rgb("f4ead6")), blade)
        canvas.paint(bar(x, top, *corner(length, 0), 0.006 * s), world.lit(DOOR), arm)
    hub = painted_labels("windmill", "hub", "wood")
    canvas.paint(disk(x, top, 0.0145 * s), world.lit(DOOR), hub)


def _lighthouse(canvas: Canvas, world: World, site: Site) -> None:
    s, x = site.scale, site.x
    top = FOOT - world.one.between("building_shape", 0.21, 0.30) * s
    fill, material, texture = _walls(canvas, world, site)
    body = trapezoid(x, top, FOOT, 0.042 * s, site.half_width)
    canvas.paint(body, fill, painted_labels("lighthouse", "wall", material, texture))
    lamp = top - 0.05 * s
    if world.hour.dark:
        canvas.paint(disk(x, top - 0.025 * s, 0.11), LIT_PANE, opacity=0.5, softness=0.2)
    canvas.paint(
        box(x - 0.028 * s, lamp, x + 0.028 * s, top),
        LIT_PANE if world.hour.dark else world.lit(mix(LIT_PANE, PANE, 0.35)),
        painted_labels("lighthouse", "lantern", "glass"),
    )
    canvas.paint(
        box(x - 0.056 * s, top - 0.007 * s, x + 0.056 * s, top + 0.008 * s),
        world.lit(STONE),
        painted_labels("lighthouse", "lantern", "rock"),
    )
    roof = world.lit(along(ROOFS, world.one.continuous["building_hue"]))
    cap = polygon(
        [(x - 0.04 * s, lamp + 0.003), (x, lamp - 0.05 * s), (x + 0.04 * s, lamp + 0.003)]
    )
    canvas.paint(
        cap,
        shaded(roof, x, 0.04 * s, 0.1 * world.sun),
        painted_labels("lighthouse", "roof", "tile"),
    )
    _door(canvas, world, site, x, 0.075 * s)
    _window(canvas, world, "lighthouse", x, (top + FOOT) / 2 - 0.02 * s, 0.017 * s)
