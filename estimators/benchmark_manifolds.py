"""The 24 benchmark manifolds of the field, by the names of scikit-dimension.

Hein and Audibert, "Intrinsic dimensionality estimation of submanifolds in R^d", ICML 2005,
doi:10.1145/1102351.1102388 (M1 to M13); Campadelli, Casiraghi, Ceruti and Rozza, "Intrinsic
dimension estimation: relevant techniques and a benchmark framework", 2015,
doi:10.1155/2015/759567 (M10d, Mbeta, Mn, Mp).

Legend: N points, P parameters, d intrinsic dimension, D units.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from estimators.errors import EstimationError

Array = NDArray[np.float64]
TURN = 2 * np.pi


@dataclass(frozen=True)
class Manifold:
    """A manifold of known dimension, as random parameters and a chart.

    name: that of scikit-dimension's benchmark.
    dimension, num_units: intrinsic dimension, and that of the space around it.
    summary: what it is, in a few words.
    parameters: from a number of points and a generator, (N, P) random parameters.
    chart: from (N, P) parameters to (N, D) points, of rank `dimension` almost everywhere.
    """

    name: str
    dimension: int
    num_units: int
    summary: str
    parameters: Callable[[int, np.random.Generator], Array]
    chart: Callable[[Array], Array]

    def sample(self, num_points: int, rng: np.random.Generator) -> Array:
        """(N, D) independent points.

        >>> MANIFOLDS["M7_Roll"].sample(5, np.random.default_rng(0)).shape
        (5, 3)
        """
        if num_points < 1:
            raise EstimationError(f"`num_points >= 1` must hold, but got num_points={num_points}")
        return self.chart(self.parameters(num_points, rng))


def _uniform(
    num_points: int,
    rng: np.random.Generator,
    *,
    count: int,
    low: float = 0.0,
    high: float = 1.0,
) -> Array:
    return rng.uniform(low, high, size=(num_points, count))


def _normal(num_points: int, rng: np.random.Generator, *, count: int) -> Array:
    return rng.standard_normal((num_points, count))


def _beta(num_points: int, rng: np.random.Generator, *, count: int) -> Array:
    return rng.beta(10.0, 0.5, size=(num_points, count))


def _exponential(num_points: int, rng: np.random.Generator, *, count: int) -> Array:
    return rng.exponential(size=(num_points, count))


def _as_it_is(p: Array) -> Array:
    return p


def _on_sphere(p: Array) -> Array:
    return np.asarray(p / np.linalg.norm(p, axis=1, keepdims=True))


def _affine(p: Array) -> Array:
    directions = np.array([[1.2, 0.5, -0.5, 0.4, 1.1], [-0.5, 0.9, -0.2, -0.9, -0.3]])
    third = np.array([[0.0, 0.0, 1.0, -0.1, 0.0]])
    origin = np.array([3.0, -1.0, 0.0, 0.0, 8.0])
    return np.asarray(p @ np.vstack([directions, third]) + origin)


def _concentrated(p: Array) -> Array:
    a, b, c, e = p.T
    return np.column_stack(
        [
            b**2 * np.cos(TURN * a),
            c**2 * np.sin(TURN * a),
            b + c + (b - e) ** 2,
            b - 2 * c + (a - e) ** 2,
            -b - 2 * c + (c - e) ** 2,
            a**2 - b**2 + c**2 - e**2,
        ]
    )


def _spirals(p: Array, *, copies: int) -> Array:
    """Each parameter is the angle of a plane whose radius is the next one."""
    radius = np.roll(p, -1, axis=1)
    planes = np.stack([radius * np.cos(TURN * p), radius * np.sin(TURN * p)], axis=2)
    return np.tile(planes.reshape(len(p), -1), (1, copies))


def _torus_knot(p: Array) -> Array:
    t = p[:, 0]
    radius = 2 + np.cos(8 * t)
    return np.column_stack([radius * np.cos(t), radius * np.sin(t), np.sin(8 * t)])


def _helicoid(p: Array) -> Array:
    radius, angle = p.T
    return np.column_stack([radius * np.cos(angle), radius * np.sin(angle), angle / 2])


def _roll(p: Array) -> Array:
    angle = 1.5 * np.pi * (1 + 2 * p[:, 0])
    return np.column_stack([angle * np.cos(angle), 21 * p[:, 1], angle * np.sin(angle)])


def _cube_surface(p: Array) -> Array:
    """The first parameter picks one of the 2 (d + 1) faces, the others a point on it."""
    num_points, num_units = p.shape
    face = np.minimum((p[:, 0] * 2 * num_units).astype(int), 2 * num_units - 1)
    rows, axis = np.arange(num_points), face // 2
    points = p.copy()
    points[:, 0] = p[rows, axis]  # makes room on the axis that the face is across
    points[rows, axis] = face % 2
    return points


def _moebius(p: Array) -> Array:
    angle, across = p[:, 0] * TURN, 2 * p[:, 1] - 1
    radius = 1 + across / 2 * np.cos(5 * angle)
    return np.column_stack(
        [radius * np.cos(angle), radius * np.sin(angle), across / 2 * np.sin(5 * angle)]
    )


def _s_curve(p: Array) -> Array:
    angle = 3 * np.pi * (p[:, 0] - 0.5)
    return np.column_stack([np.sin(angle), 2 * p[:, 1], np.sign(angle) * (np.cos(angle) - 1)])


def _helix(p: Array) -> Array:
    t = 10 * np.pi * p[:, 0]
    turns = np.column_stack([100 * np.cos(t), 100 * np.sin(t), t])
    return np.hstack([turns, np.zeros((len(p), 10))])


def _bent_twice(p: Array) -> Array:
    other = p[:, ::-1]
    once = np.hstack([np.tan(p * np.cos(other)), np.arctan(other * np.sin(p))])
    return np.hstack([once, once])


def _bent_beta(p: Array) -> Array:
    once = np.hstack([p * np.sin(np.cos(TURN * p)), p * np.cos(np.sin(TURN * p))])
    return np.hstack([once, once])


def _paraboloid(p: Array) -> Array:
    """Uniform margins, joined as in the multivariate Burr distribution with alpha = 1."""
    base = 1 / (1 + p[:, 1:] / p[:, :1])
    lifted = np.hstack([base, (base**2).sum(axis=1, keepdims=True)])
    return np.hstack([lifted, np.sin(lifted), lifted**2])


def _spiral_manifold(name: str, dimension: int, copies: int) -> Manifold:
    draw = partial(_uniform, count=dimension)
    chart = partial(_spirals, copies=copies)
    summary = "closed chain of spirals, highly curved"
    return Manifold(name, dimension, 2 * dimension * copies, summary, draw, chart)


def _cube_manifold(name: str, dimension: int) -> Manifold:
    units = dimension + 1
    draw = partial(_uniform, count=units)
    return Manifold(name, dimension, units, "surface of a hypercube", draw, _cube_surface)


def _bent_manifold(name: str, dimension: int) -> Manifold:
    draw = partial(_uniform, count=dimension)
    return Manifold(name, dimension, 4 * dimension, "cube, bent nonlinearly", draw, _bent_twice)


def _paraboloid_manifold(name: str, dimension: int) -> Manifold:
    draw = partial(_exponential, count=dimension + 1)
    units = 3 * (dimension + 1)
    return Manifold(name, dimension, units, "paraboloid, uneven density", draw, _paraboloid)


_ALL = (
    Manifold("M1_Sphere", 10, 11, "sphere", partial(_normal, count=11), _on_sphere),
    Manifold("M2_Affine_3to5", 3, 5, "affine space", partial(_uniform, count=3, high=4.0), _affine),
    Manifold(
        "M3_Nonlinear_4to6",
        4,
        6,
        "concentrated, easily taken for 3-dimensional",
        partial(_uniform, count=4),
        _concentrated,
    ),
    _spiral_manifold("M4_Nonlinear", 4, copies=1),
    Manifold(
        "M5a_Helix1d",
        1,
        3,
        "curve around a torus",
        partial(_uniform, count=1, high=TURN),
        _torus_knot,
    ),
    Manifold(
        "M5b_Helix2d", 2, 3, "helicoid", partial(_uniform, count=2, high=10 * np.pi), _helicoid
    ),
    _spiral_manifold("M6_Nonlinear", 6, copies=3),
    Manifold("M7_Roll", 2, 3, "Swiss roll", partial(_uniform, count=2), _roll),
    _spiral_manifold("M8_Nonlinear", 12, copies=3),
    Manifold(
        "M9_Affine", 20, 20, "cube", partial(_uniform, count=20, low=-2.5, high=2.5), _as_it_is
    ),
    _cube_manifold("M10a_Cubic", 10),
    _cube_manifold("M10b_Cubic", 17),
    _cube_manifold("M10c_Cubic", 24),
    _cube_manifold("M10d_Cubic", 70),
    Manifold(
        "M11_Moebius", 2, 3, "Moebius band, twisted ten times", partial(_uniform, count=2), _moebius
    ),
    Manifold("M12_Norm", 20, 20, "isotropic Gaussian", partial(_normal, count=20), _as_it_is),
    Manifold("M13a_Scurve", 2, 3, "S-shaped sheet", partial(_uniform, count=2), _s_curve),
    Manifold("M13b_Spiral", 1, 13, "helix", partial(_uniform, count=1), _helix),
    Manifold("Mbeta", 10, 40, "uneven density, bent", partial(_beta, count=10), _bent_beta),
    _bent_manifold("Mn1_Nonlinear", 18),
    _bent_manifold("Mn2_Nonlinear", 24),
    _paraboloid_manifold("Mp1_Paraboloid", 3),
    _paraboloid_manifold("Mp2_Paraboloid", 6),
    _paraboloid_manifold("Mp3_Paraboloid", 9),
)

MANIFOLDS: dict[str, Manifold] = {manifold.name: manifold for manifold in _ALL}
