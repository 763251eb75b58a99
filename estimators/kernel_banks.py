"""Dictionaries of templates: each formula at all its offsets, scales, ratios and angles.

Legend: P templates of a bank, k x k pixels, R dimensions that a template steers through.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from estimators.kernel_templates import (
    FAMILIES,
    OFFSETS,
    directions,
    draw_templates,
    formula_of,
    sigmas,
)
from estimators.kernels import require_odd

Floats = NDArray[np.float64]
Offsets = tuple[tuple[float, float], ...]

# A sigma off by half a step costs a second derivative 0.005 of its r^2 and others less.
SIGMA_STEP = 1.09
RATIOS = {"center": (1.4, 1.75, 2.2), "cross": (2.5, 3.5, 5.0)}
NUM_ANGLES = 8  # of second derivatives over pi; in between, angles are solved for
BARS = tuple(np.pi * turn / NUM_ANGLES for turn in range(NUM_ANGLES))


@dataclass(frozen=True)
class Bank:
    """The templates of one formula, centered and of unit norm.

    vectors: (R, P, k * k) R orthonormal vectors of each template, zeros where it needs fewer:
        r^2 of a kernel is the sum over R of its squared products with them.
    to_parts: (P, R, R) from these products to the weights of the formula's parts along x and y,
        of steered templates; elsewhere not of use.
    sigma, ratio, angle: (P,) the parameters, and offset: (P, 2) in pixels.
    stride: how far in P the next sigma is, all else equal.
    has_neighbors: (P,) whether there is one on both sides.
    norms: (P,) of the centered templates before they were divided by it.
    """

    formula: str
    vectors: NDArray[np.float32]
    to_parts: Floats
    sigma: Floats
    ratio: Floats
    angle: Floats
    offset: Floats
    stride: int
    has_neighbors: NDArray[np.bool_]
    norms: Floats

    @property
    def families(self) -> tuple[int, ...]:
        """Numbers of the families that it serves: of On and Off, or of one."""
        return tuple(n for n, name in enumerate(FAMILIES) if formula_of(name) == self.formula)


@lru_cache(maxsize=16)
def banks_of(size: int, half_pixel: bool = True) -> tuple[Bank, ...]:
    """The banks for kernels of k x k; without squares where k = 3.

    half_pixel: whether centres may lie half a pixel off; of differences they always do, but
        without it only along one axis.

    A square of 2 x 2 pixels in a kernel of 3 x 3 has a squared cosine above 0.99 with a center
    half a pixel off, so there is nothing to tell the two by.

    >>> [bank.formula for bank in banks_of(3)][:3]
    ['center', 'cross', 'first_derivative']
    """
    require_odd(size)
    names = dict.fromkeys(formula_of(family) for family in FAMILIES)
    turning = ("first_derivative", "difference")
    return tuple(
        (_steered if name in turning else _plain)(name, size, _offsets(name, half_pixel))
        for name in names
        if sigmas(name, size)[0] <= sigmas(name, size)[1]
    )


def _offsets(formula: str, half_pixel: bool) -> Offsets:
    if half_pixel:
        return OFFSETS
    on_axis = tuple((x, y) for x, y in OFFSETS if (x == 0) != (y == 0))
    return on_axis if formula == "difference" else ((0.0, 0.0),)


def _scales(formula: str, size: int, ratio: float = 1.0) -> Floats:
    """Sigmas in equal steps of their logarithm; of centers so that the surround fits."""
    least, largest = sigmas(formula, size)
    largest /= ratio if formula == "center" else 1.0
    if largest < least:
        return np.zeros(0)
    num_steps = int(np.ceil(np.log(largest / least) / np.log(SIGMA_STEP)))
    return np.asarray(np.geomspace(least, largest, 1 + num_steps), dtype=np.float64)


def _plain(formula: str, size: int, offsets: Offsets) -> Bank:
    angles = BARS if formula == "second_derivative" else (0.0,)
    rows, inner = [], []
    for offset in offsets:
        for ratio in RATIOS.get(formula, (1.0,)):
            scales = _scales(formula, size, ratio)
            for place, sigma in enumerate(scales):
                for angle in angles:
                    rows.append((sigma, ratio, angle, *offset))
                    inner.append(0 < place < len(scales) - 1)
    table = np.array(rows)
    centered = draw_templates(formula, size, table[:, 3:], *table[:, :3].T)
    norms = np.linalg.norm(centered, axis=1)
    vectors = (centered / norms[:, None])[None]
    parts = np.ones((len(table), 1, 1))
    return _bank(formula, vectors, parts, table, len(angles), np.array(inner), norms)


def _steered(formula: str, size: int, offsets: Offsets) -> Bank:
    """Templates that turn: their parts along x and y span them, so the angle is exact."""
    rows, inner, allowed = [], [], []
    for offset in offsets:
        open_to = directions(offset, of_difference=formula == "difference")
        scales = _scales(formula, size)
        for place, sigma in enumerate(scales if any(open_to) else ()):
            rows.append((sigma, 1.0, 0.0, *offset))
            inner.append(0 < place < len(scales) - 1)
            allowed.append(open_to)
    table = np.array(rows)
    sigma, ratio, _ = table[:, :3].T
    turns = (np.zeros(len(table)), np.full(len(table), np.pi / 2))
    drawn = [draw_templates(formula, size, table[:, 3:], sigma, ratio, turn) for turn in turns]
    parts = np.stack(drawn, axis=1)
    parts *= np.array(allowed)[:, :, None]
    # A part that isn't allowed is zero; it stays so in both factors.
    values, turned = np.linalg.eigh(parts @ parts.transpose(0, 2, 1))
    real = values > 1e-9 * values.max(axis=1, keepdims=True)
    scale = np.where(real, 1 / np.sqrt(np.where(real, values, 1.0)), 0.0)
    to_parts = turned * scale[:, None, :]
    vectors = (to_parts.transpose(0, 2, 1) @ parts).transpose(1, 0, 2)
    return _bank(formula, vectors, to_parts, table, 1, np.array(inner), np.ones(len(table)))


def _bank(
    formula: str,
    vectors: Floats,
    to_parts: Floats,
    table: Floats,
    stride: int,
    inner: NDArray[np.bool_],
    norms: Floats,
) -> Bank:
    return Bank(
        formula,
        np.ascontiguousarray(vectors, dtype=np.float32),
        to_parts,
        table[:, 0],
        table[:, 1],
        table[:, 2],
        table[:, 3:],
        stride,
        inner,
        norms,
    )
