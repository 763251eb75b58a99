"""Shapes by their distance: negative inside, positive outside, in units of the image's side.

Coordinates: x to the right, y down, both from 0 to 1. Distances are exact or, near corners
and on ellipses, close enough for edges one pixel wide (Quilez, "2D distance functions").

Legend: h rows and w columns of a patch of pixels; x is (1, w), y is (h, 1).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Patch = NDArray[np.floating[Any]]
Distance = Callable[[Patch, Patch], Patch]
Curve = Callable[[Patch], Patch]  # x (1, w) to y (1, w)


@dataclass(frozen=True)
class Shape:
    """bounds: left, top, right, bottom. distance: of (1, w) and (h, 1) to (h, w)."""

    bounds: tuple[float, float, float, float]
    distance: Distance


def disk(x: float, y: float, radius: float) -> Shape:
    """All within a radius."""
    return Shape(
        (x - radius, y - radius, x + radius, y + radius),
        lambda px, py: np.sqrt((px - x) ** 2 + (py - y) ** 2) - radius,
    )


def ellipse(x: float, y: float, across: float, down: float) -> Shape:
    """Half axes across and down."""

    def distance(px: Patch, py: Patch) -> Patch:
        u, v = (px - x) / across, (py - y) / down
        scaled = np.sqrt(u**2 + v**2)
        slope = np.sqrt((u / across) ** 2 + (v / down) ** 2)
        found: Patch = scaled * (scaled - 1) / np.maximum(slope, 1e-6)
        return found

    return Shape((x - across, y - down, x + across, y + down), distance)


def polygon(points: Sequence[tuple[float, float]]) -> Shape:
    """Convex, its corners in either sense of rotation."""
    xs, ys = [p[0] for p in points], [p[1] for p in points]
    # Twice the area, signed by the sense of rotation.
    area = sum(xs[i - 1] * ys[i] - xs[i] * ys[i - 1] for i in range(len(points)))
    sign = 1.0 if area > 0 else -1.0
    edges = []
    for (ax, ay), (bx, by) in zip(points, [*points[1:], points[0]], strict=True):
        length = math.hypot(bx - ax, by - ay)
        across, down = sign * (by - ay) / length, -sign * (bx - ax) / length
        edges.append((across, down, across * ax + down * ay))

    def distance(px: Patch, py: Patch) -> Patch:
        across, down, offset = edges[0]
        found: Patch = across * px + (down * py - offset)
        for across, down, offset in edges[1:]:
            np.maximum(found, across * px + (down * py - offset), out=found)
        return found

    return Shape((min(xs), min(ys), max(xs), max(ys)), distance)


def box(left: float, top: float, right: float, bottom: float) -> Shape:
    """A rectangle with upright sides."""

    def distance(px: Patch, py: Patch) -> Patch:
        found: Patch = np.maximum(
            np.maximum(left - px, px - right), np.maximum(top - py, py - bottom)
        )
        return found

    return Shape((left, top, right, bottom), distance)


def trapezoid(x: float, top: float, bottom: float, half_top: float, half_bottom: float) -> Shape:
    """Symmetric about x; half widths at the top and at the bottom."""
    upper = [(x - half_top, top), (x + half_top, top)]
    return polygon([*upper, (x + half_bottom, bottom), (x - half_bottom, bottom)])


def bar(ax: float, ay: float, bx: float, by: float, radius: float) -> Shape:
    """A thick line with round ends."""
    across, down = bx - ax, by - ay
    length = max(across**2 + down**2, 1e-12)

    def distance(px: Patch, py: Patch) -> Patch:
        u, v = px - ax, py - ay
        along = np.clip((u * across + v * down) / length, 0, 1)
        return np.sqrt((u - along * across) ** 2 + (v - along * down) ** 2) - radius

    bounds = (
        min(ax, bx) - radius,
        min(ay, by) - radius,
        max(ax, bx) + radius,
        max(ay, by) + radius,
    )
    return Shape(bounds, distance)


def union(*shapes: Shape) -> Shape:
    """All that lies in one of them."""
    bounds = (
        min(s.bounds[0] for s in shapes),
        min(s.bounds[1] for s in shapes),
        max(s.bounds[2] for s in shapes),
        max(s.bounds[3] for s in shapes),
    )

    def distance(px: Patch, py: Patch) -> Patch:
        found = shapes[0].distance(px, py)
        for shape in shapes[1:]:
            found = np.minimum(found, shape.distance(px, py))
        return found

    return Shape(bounds, distance)


def common(first: Shape, second: Shape) -> Shape:
    """What lies in both."""
    a, b = first.bounds, second.bounds
    bounds = (max(a[0], b[0]), max(a[1], b[1]), min(a[2], b[2]), min(a[3], b[3]))

    def distance(px: Patch, py: Patch) -> Patch:
        return np.maximum(first.distance(px, py), second.distance(px, py))

    return Shape(bounds, distance)


def below(curve: Curve, top: float, bottom: float = 1.0) -> Shape:
    """All below the curve y(x), which stays below `top`; none looks farther than `bottom`."""

    def distance(px: Patch, py: Patch) -> Patch:
        line = curve(px)
        found: Patch = (line - py) / np.sqrt(1 + np.gradient(line[0], px[0]) ** 2)
        return found

    return Shape((0.0, top, 1.0, bottom), distance)


def above(curve: Curve, top: float, bottom: float = 1.0) -> Shape:
    """All above the curve y(x), down from `top`."""
    lower = below(curve, top, bottom)
    return Shape(lower.bounds, lambda px, py: -lower.distance(px, py))
