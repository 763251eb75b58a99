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


class Turn:
    """A rotation as turns by angles in planes, so that it can be taken a part of the way.

    Raises ValueError if an angle is half a turn, where the shortest way isn't one.
    """

    def __init__(self, rotation: NDArray[np.float64]) -> None:
        from scipy.linalg import schur

        triangle, self._basis = schur(rotation, output="complex")
        self._angles = np.angle(np.diag(triangle))
        if len(self._angles) and np.abs(self._angles).max() > np.pi - 1e-9:
            raise ValueError("a rotation with half a turn in some plane has no single power")

    def power(self, alpha: float) -> NDArray[np.float64]:
        """Q^alpha, (n, n), on the shortest way from the identity (alpha = 0) to Q (alpha = 1)."""
        power = (self._basis * np.exp(1j * alpha * self._angles)) @ self._basis.conj().T
        return np.ascontiguousarray(power.real)
