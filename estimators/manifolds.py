"""Samplers of manifolds whose intrinsic dimension is known.

Legend: N points, d intrinsic dimension, D units (ambient dimension).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from estimators.errors import EstimationError


def ball(num_points: int, dimension: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """(N, d) points uniform in the unit d-ball."""
    directions = sphere(num_points, dimension - 1, rng)
    radii = rng.uniform(size=(num_points, 1)) ** (1 / dimension)
    return np.asarray(directions * radii)


def sphere(num_points: int, dimension: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """(N, d + 1) points uniform on the unit d-sphere."""
    gaussian = rng.standard_normal((num_points, dimension + 1))
    return np.asarray(gaussian / np.linalg.norm(gaussian, axis=1, keepdims=True))


def swiss_roll(num_points: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """(N, 3) points on a rolled-up sheet of dimension 2."""
    angle = 1.5 * np.pi * (1 + 2 * rng.uniform(size=num_points))
    height = 21 * rng.uniform(size=num_points)
    return np.column_stack([angle * np.cos(angle), height, angle * np.sin(angle)])


def embed(
    points: NDArray[np.float64], num_units: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    """(N, D) isometric copy of (N, d) points in a random d-dimensional subspace."""
    dimension = points.shape[1]
    if num_units < dimension:
        raise EstimationError(
            f"`num_units >= {dimension}` must hold to embed {dimension} coordinates, "
            f"but got num_units={num_units}"
        )
    basis, _ = np.linalg.qr(rng.standard_normal((num_units, dimension)))
    return np.asarray(points @ basis.T)
