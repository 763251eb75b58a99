"""Templates that trained depthwise kernels are compared with: formulas over a k x k grid.

Babaiee, Kiasari, Rus, Grosu, "Unveiling the Unseen: Identifiable Clusters in Trained Depthwise
Convolutional Kernels", ICLR 2024, arXiv:2401.14469, name what millions of trained kernels
resemble: differences of Gaussians (On and Off), crosses, squares, first and second derivatives.
Differences at half-pixel offsets and Gaussians are of their later "master keys",
arXiv:2509.11711. The formulas and the ranges of their parameters are this project's.

x counts columns to the right and y rows downwards, in pixels from a template's centre; angles
turn from x towards y. Legend: k x k pixels.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from estimators.kernels import require_odd

FAMILIES = (
    "on_center",
    "off_center",
    "on_cross",
    "off_cross",
    "on_square",
    "off_square",
    "first_derivative",
    "second_derivative",
    "difference",
    "gaussian",
)
OTHER = -1  # the number of no family

Floats = NDArray[np.float64]
Formula = Callable[..., Floats]

# Half-pixel offsets (x, y) of a template's centre from the kernel's.
OFFSETS = tuple((x, y) for y in (0.0, -0.5, 0.5) for x in (0.0, -0.5, 0.5))


def pixel_grid(size: int) -> tuple[Floats, Floats]:
    """(k, k) x and y of all pixels, 0 at the central one."""
    require_odd(size)
    places = np.arange(size) - size // 2.0
    y, x = np.meshgrid(places, places, indexing="ij")
    return x, y


def gaussian(x: Floats, y: Floats, sigma: ArrayLike) -> Floats:
    """exp(-(x^2 + y^2) / 2 sigma^2) / (2 pi sigma^2)."""
    variance = np.square(sigma)
    return np.asarray(np.exp(-(x * x + y * y) / (2 * variance)) / (2 * np.pi * variance))


def center(x: Floats, y: Floats, sigma: ArrayLike, ratio: ArrayLike) -> Floats:
    """Difference of Gaussians: the center of width sigma less a surround of ratio * sigma.

    Both have the integral 1. With a weight k of the surround free, a Gaussian would be one.
    """
    return gaussian(x, y, sigma) - gaussian(x, y, np.multiply(sigma, ratio))


def cross(x: Floats, y: Floats, sigma: ArrayLike, ratio: ArrayLike) -> Floats:
    """1 - (1 - a)(1 - b): what either of two bars covers, along x and along y.

    A bar is exp(-across^2 / 2 sigma^2 - along^2 / 2 (ratio sigma)^2).
    """
    thin, long = 2 * np.square(sigma), 2 * np.square(np.multiply(sigma, ratio))
    return np.asarray(
        1 - (1 - np.exp(-x * x / thin - y * y / long)) * (1 - np.exp(-y * y / thin - x * x / long))
    )


def square(x: Floats, y: Floats, sigma: ArrayLike) -> Floats:
    """The share of each pixel that a square covers; sigma = side / sqrt(12), as of any box."""
    half = np.multiply(sigma, np.sqrt(3.0))

    def covered(place: Floats) -> Floats:
        ends = np.minimum(place + 0.5, half), np.maximum(place - 0.5, -half)
        return np.asarray(np.maximum(ends[0] - ends[1], 0))

    return covered(x) * covered(y)


def first_derivative(x: Floats, y: Floats, sigma: ArrayLike, angle: ArrayLike) -> Floats:
    """Rising towards angle: u exp(-(x^2 + y^2) / 2 sigma^2), u = x cos(angle) + y sin(angle)."""
    u = x * np.cos(angle) + y * np.sin(angle)
    return np.asarray(u * gaussian(x, y, sigma))


def second_derivative(x: Floats, y: Floats, sigma: ArrayLike, angle: ArrayLike) -> Floats:
    """A bar across angle: (1 - u^2 / sigma^2) exp(-(x^2 + y^2) / 2 sigma^2), u as above."""
    u = x * np.cos(angle) + y * np.sin(angle)
    return np.asarray((1 - np.square(u) / np.square(sigma)) * gaussian(x, y, sigma))


def difference(x: Floats, y: Floats, sigma: ArrayLike, angle: ArrayLike) -> Floats:
    """Differences over one pixel of a Gaussian along x and y, steered like a gradient.

    cos(angle) (G(x - 1/2, y) - G(x + 1/2, y)) + sin(angle) (G(x, y - 1/2) - G(x, y + 1/2)).
    """
    along_x = gaussian(x - 0.5, y, sigma) - gaussian(x + 0.5, y, sigma)
    along_y = gaussian(x, y - 0.5, sigma) - gaussian(x, y + 0.5, sigma)
    return np.asarray(np.cos(angle) * along_x + np.sin(angle) * along_y)


def draw_templates(
    formula: str, size: int, offset: Floats, sigma: Floats, ratio: Floats, angle: Floats
) -> Floats:
    """(P, k * k): templates of one formula on the grid, less their means.

    offset: (P, 2) of their centres. sigma, ratio, angle: (P,); not looked at by formulas without.
    """
    x, y = pixel_grid(size)
    x, y = x - offset[:, 0, None, None], y - offset[:, 1, None, None]
    scale, wider, turn = (values[:, None, None] for values in (sigma, ratio, angle))
    if formula in WITH_RATIO:
        drawn = WITH_RATIO[formula](x, y, scale, wider)
    elif formula in WITH_ANGLE:
        drawn = WITH_ANGLE[formula](x, y, scale, turn)
    else:
        drawn = PLAIN[formula](x, y, scale)
    flat = drawn.reshape(len(sigma), -1)
    return np.asarray(flat - flat.mean(axis=1, keepdims=True))


WITH_RATIO: dict[str, Formula] = {"center": center, "cross": cross}
WITH_ANGLE: dict[str, Formula] = {
    "first_derivative": first_derivative,
    "second_derivative": second_derivative,
    "difference": difference,
}
PLAIN: dict[str, Formula] = {"square": square, "gaussian": gaussian}


def directions(offset: tuple[float, float], *, of_difference: bool) -> tuple[bool, bool]:
    """Whether a template at an offset may have a part along x, and along y.

    A first derivative half a pixel off along itself is the same picture as a difference. So what
    tells the two is the offset: a difference's centre lies between two pixels of its direction,
    a first derivative's on a pixel or beside it.
    """
    is_half = (offset[0] != 0, offset[1] != 0)
    return is_half if of_difference else (not is_half[0], not is_half[1])


def sigmas(family: str, size: int) -> tuple[float, float]:
    """Least and largest sigma that a kernel of k x k can show, in pixels.

    Below the least all look like one pixel, or the pixels miss the middle of a template that lies
    between them; above the largest they show a part of a wider picture only. Of centers the
    largest is that of the surround; `ratios` says by how much it is wider.
    """
    least, largest = {
        "center": (0.5, 0.5 + 0.2 * size),
        "cross": (0.35, 0.35 + 0.1 * (size - 2)),
        "square": (2 / np.sqrt(12), (size - 2) / np.sqrt(12)),
        "first_derivative": (0.5, 0.25 * size),
        "second_derivative": (0.6, 0.22 * size),
        "difference": (0.4, min(0.9, 0.2 * size)),
        "gaussian": (0.4, 0.27 * size),
    }[formula_of(family)]
    return least, float(largest)


def ratios(family: str) -> tuple[float, float]:
    """Least and largest ratio: of surround to center, and of a bar's length to its width."""
    return {"center": (1.4, 2.2), "cross": (2.5, 5.0)}.get(formula_of(family), (1.0, 1.0))


def formula_of(family: str) -> str:
    """The family's name without its sign."""
    return family.removeprefix("on_").removeprefix("off_")
