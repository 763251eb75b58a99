"""Patterns of two colors, with edges as soft as a pixel.

Legend: h rows and w columns of a patch; u and v are its coordinates in periods of the pattern.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from sweep.data.concepts.canvas import Fill
from sweep.data.concepts.palette import Color
from sweep.data.concepts.shapes import Patch

# In the order of the discrete factor "pattern"; None is plain.
PATTERNS: tuple[str | None, ...] = (None, "striped", "checkered", "dotted", "zigzagged")


def _square(u: Patch, soft: float) -> Patch:
    """1 in the first half of each period, 0 in the second; flanks `soft` periods wide."""
    triangle = np.abs((u % 1) - 0.5)  # 0.5 at whole numbers, 0 between them
    found: Patch = np.clip((triangle - 0.25) / soft + 0.5, 0, 1)
    return found


def _striped(u: Patch, v: Patch, soft: float) -> Patch:
    return _square(u + 0 * v, soft)


def _checkered(u: Patch, v: Patch, soft: float) -> Patch:
    a, b = _square(u, soft), _square(v, soft)
    return a * (1 - b) + b * (1 - a)


def _dotted(u: Patch, v: Patch, soft: float) -> Patch:
    row = np.floor(v)
    across, down = (u + 0.5 * (row % 2)) % 1 - 0.5, v - row - 0.5
    return np.clip((0.3 - np.sqrt(across**2 + down**2)) / soft + 0.5, 0, 1)


def _zigzagged(u: Patch, v: Patch, soft: float) -> Patch:
    return _square(v + np.abs((u % 1) - 0.5), soft)


_SHARES: dict[str, Callable[[Patch, Patch, float], Patch]] = {
    "striped": _striped,
    "checkered": _checkered,
    "dotted": _dotted,
    "zigzagged": _zigzagged,
}


def patterned(
    pattern: str | None, base: Color, other: Color, x: float, y: float, period: float, pixel: float
) -> Fill:
    """`base` with a pattern of `other`, hung at (x, y).

    period, pixel: sizes in units of the image's side. A pattern that pixels can't hold
    fades into the mean of its colors, as it would from far away.
    """
    if pattern is None:
        return base
    share = _SHARES[pattern]
    soft = max(pixel / period, 0.02)

    def fill(px: Patch, py: Patch) -> Color:
        part = share((px - x) / period, (py - y) / period, soft)[:, :, None]
        return base + part * (other - base)

    return fill


def bricked(base: Color, mortar: Color, x: float, y: float, course: float, pixel: float) -> Fill:
    """Courses of bricks with mortar between them, every other one shifted by half."""
    line = 0.16  # of a course
    soft = max(pixel / course, 0.02)

    def fill(px: Patch, py: Patch) -> Color:
        v = (py - y) / course
        row = np.floor(v)
        u = (px - x) / (2 * course) + 0.5 * (row % 2)
        flat = np.minimum(v - row, 1 - (v - row))
        upright = 2 * np.minimum(u % 1, 1 - u % 1)
        part = np.clip((line / 2 - np.minimum(flat, upright)) / soft + 0.5, 0, 1)
        # Where a course is thinner than two pixels its joints are no lines any more.
        part *= np.float32(min(1.0, 0.6 / soft))
        color: Color = base + part[:, :, None] * (mortar - base)
        return color

    return fill


def turned(fill: Fill) -> Fill:
    """The same with x and y exchanged: what stood upright lies."""
    if not callable(fill):
        return fill
    return lambda px, py: fill(py.T, px.T).transpose(1, 0, 2)


def shaded(fill: Fill, x: float, half_width: float, light: float) -> Fill:
    """The fill, brighter towards the light: `light` at the one side, -`light` at the other."""

    def shading(px: Patch, py: Patch) -> Color:
        color = fill(px, py) if callable(fill) else fill
        factor = 1 + np.clip((px - x) / half_width, -1, 1) * np.float32(light)
        return np.asarray(color * factor[:, :, None], np.float32)

    return shading
