"""Kernels of known families and parameters with noise: what a fit should find again.

Legend: K kernels of k x k pixels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from estimators.kernel_templates import (
    OFFSETS,
    WITH_ANGLE,
    WITH_RATIO,
    directions,
    draw_templates,
    formula_of,
    ratios,
    sigmas,
)

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class PlantedKernels:
    """Kernels as drawn, and the parameters they were drawn from; nan where there is none.

    kernels: (K, k, k). sigma, ratio, angle: (K,); offset: (K, 2); as in `FamilyFit`.
    """

    kernels: Floats
    sigma: Floats
    ratio: Floats
    angle: Floats
    offset: Floats


def plant_kernels(
    family: str,
    size: int,
    num_kernels: int,
    noise: float,
    rng: np.random.Generator,
    *,
    offsets: bool = True,
) -> PlantedKernels:
    """Kernels of one family, its parameters uniform over their ranges, sigma in its logarithm.

    noise: norm of the white Gaussian noise over that of the template, both centered. The best
        r^2 that the template itself can have is then 1 / (1 + noise^2) on average.
    offsets: whether centres may lie half a pixel off, all offsets being equally likely; without,
        only those of differences do, along their axis.

    >>> planted = plant_kernels("on_center", 7, 5, 0.0, np.random.default_rng(0))
    >>> planted.kernels.shape, bool(np.isnan(planted.angle).all())
    ((5, 7, 7), True)
    """
    formula = formula_of(family)
    least, largest = sigmas(formula, size)
    if least > largest:
        raise ValueError(
            f"`k >= 5` must hold for a {formula}, but got k={size}: smaller kernels can't hold one"
        )
    ratio = rng.uniform(*ratios(formula), num_kernels)
    widest = largest / ratio if formula == "center" else np.full(num_kernels, largest)
    sigma = np.exp(rng.uniform(np.log(least), np.log(np.maximum(widest, least))))
    allowed = _allowed(formula, offsets)
    chosen = rng.integers(len(allowed), size=num_kernels)
    offset = np.array([OFFSETS[allowed[number][0]] for number in chosen])
    turn = 2 * np.pi if formula != "second_derivative" else np.pi
    angle = rng.uniform(0, turn, num_kernels)
    axis = np.array([allowed[number][1] for number in chosen])
    backwards = rng.integers(2, size=num_kernels)
    angle = np.where(axis < 0, angle, axis * np.pi / 2 + backwards * np.pi)
    clean = draw_templates(formula, size, offset, sigma, ratio, angle)
    clean /= np.linalg.norm(clean, axis=1, keepdims=True)
    sign = -1.0 if family.startswith("off_") else 1.0
    per_pixel = noise / np.sqrt(size**2 - 1)
    noisy = sign * clean + per_pixel * rng.standard_normal(clean.shape)
    nothing = np.full(num_kernels, np.nan)
    return PlantedKernels(
        noisy.reshape(num_kernels, size, size),
        sigma,
        ratio if formula in WITH_RATIO else nothing,
        angle if formula in WITH_ANGLE else nothing,
        offset,
    )


def _allowed(formula: str, offsets: bool) -> list[tuple[int, int]]:
    """Numbers of offsets, and the axis that a direction there is bound to: 0, 1, or -1, none."""
    if formula not in ("first_derivative", "difference"):
        return [(number, -1) for number in range(len(OFFSETS) if offsets else 1)]
    found = []
    for number, offset in enumerate(OFFSETS):
        open_to = directions(offset, of_difference=formula == "difference")
        # Without half pixels a difference still needs the one that makes it one.
        is_needed = sum(open_to) == 1 if formula == "difference" else number == 0
        if any(open_to) and (offsets or is_needed):
            found.append((number, -1 if all(open_to) else open_to.index(True)))
    return found
