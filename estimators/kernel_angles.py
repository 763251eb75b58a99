"""The angle at which a bar fits best, from its fits at a few angles.

Legend: N kernels, A angles equally spaced over pi.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

NEWTON_STEPS = 4  # from angles 22.5 degrees apart: exact to single precision then


def best_angles(
    products: NDArray[np.floating], norms: Floats, start: NDArray[np.int64]
) -> tuple[Floats, Floats]:
    """Angle in [0, pi) and r^2 of the best bar over all angles.

    products: (N, A) of kernels of unit norm with bars of unit norm at the angles n pi / A.
    norms: (N, A) what the bars had been divided by.
    start: (N,) the best of these angles.

    The product h with a second derivative is a trigonometric polynomial of degree 1 in twice the
    angle, and its squared norm n one of degree 2: both are known from their values at five or
    more angles. h^2 / n is largest where 2 h' n = h n', found by Newton's method.
    """
    num_angles = products.shape[1]
    turns = 2 * np.pi * np.arange(num_angles) / num_angles
    signal, squares = _harmonics(products * norms, turns), _harmonics(norms**2, turns)
    first = turns[start]
    angle = first.copy()
    for _ in range(NEWTON_STEPS):
        h, n = _derivatives(signal, angle), _derivatives(squares, angle)
        slope = 2 * h[1] * n[0] - h[0] * n[1]
        bend = 2 * h[2] * n[0] + h[1] * n[1] - h[0] * n[2]
        step = np.divide(slope, bend, out=np.zeros_like(slope), where=bend != 0)
        angle = np.clip(angle - step, first - turns[1], first + turns[1])
    found = _derivatives(signal, angle)[0] ** 2 / _derivatives(squares, angle)[0]
    known = products[np.arange(len(start)), start].astype(np.float64) ** 2
    # Where nothing peaks nearby, as between two equal bars, the angle of the start stays.
    is_better = found > known
    return np.where(is_better, angle, first) / 2 % np.pi, np.where(is_better, found, known)


def _harmonics(values: Floats, turns: Floats) -> Floats:
    """(N, 5) of 1, cos, sin, cos 2, sin 2 in functions known at equally spaced turns."""
    waves = [np.ones_like(turns), *(f(m * turns) for m in (1, 2) for f in (np.cos, np.sin))]
    weights = np.stack(waves, axis=1) / np.array([1, 0.5, 0.5, 0.5, 0.5]) / len(turns)
    return np.asarray(values @ weights)


def _derivatives(harmonics: Floats, angle: Floats) -> tuple[Floats, Floats, Floats]:
    """Value, first and second derivative at an angle each."""
    mean, c1, s1, c2, s2 = harmonics.T
    cos1, sin1, cos2, sin2 = np.cos(angle), np.sin(angle), np.cos(2 * angle), np.sin(2 * angle)
    single, double = c1 * cos1 + s1 * sin1, c2 * cos2 + s2 * sin2
    return (
        mean + single + double,
        s1 * cos1 - c1 * sin1 + 2 * (s2 * cos2 - c2 * sin2),
        -single - 4 * double,
    )
