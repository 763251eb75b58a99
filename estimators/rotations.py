"""Rotations of a layer's units, from none to a random one: a control of what units mean.

If concepts belong to the space of a layer and not to its units, a random rotation of the
units finds as many (Bau et al. 2017, section 3.2).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def random_rotation(size: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """(n, n) matrix of SO(n), uniform by Haar's measure.

    F. Mezzadri, "How to generate random matrices from the classical compact groups", 2007.
    """
    matrix, triangle = np.linalg.qr(rng.standard_normal((size, size)))
    matrix = matrix * np.sign(np.diag(triangle))
    if np.linalg.det(matrix) < 0:
        matrix[:, 0] = -matrix[:, 0]
    return matrix


def fractional_power(rotation: NDArray[np.float64], alpha: float) -> NDArray[np.float64]:
    """Q^alpha on the shortest way from the identity (alpha = 0) to Q (alpha = 1).

    A rotation is a turn by an angle in each of some planes; each angle is taken alpha times.
    Raises ValueError if an angle is half a turn, where the shortest way isn't one.
    """
    from scipy.linalg import schur

    triangle, basis = schur(rotation, output="complex")
    angles = np.angle(np.diag(triangle))
    if len(angles) and np.abs(angles).max() > np.pi - 1e-9:
        raise ValueError("a rotation with half a turn in some plane has no single power")
    power = (basis * np.exp(1j * alpha * angles)) @ basis.conj().T
    return np.ascontiguousarray(power.real)
