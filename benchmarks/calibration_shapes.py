"""Shapes of known dimension that the calibration's references don't contain.

Legend: N points, d intrinsic dimension.
"""

import numpy as np

from estimators.manifolds import ball, sphere

NUM_CLUSTERS = 10


def cube(n, d, rng):
    return rng.uniform(size=(n, d))


def cube_surface(n, d, rng):
    """The boundary of the (d+1)-cube: every face as likely as any other."""
    points = rng.uniform(size=(n, d + 1))
    points[np.arange(n), rng.integers(d + 1, size=n)] = rng.integers(2, size=n)
    return points


def circles(n, d, rng):
    """A torus: d circles of the same radius."""
    angles = rng.uniform(0, 2 * np.pi, size=(n, d))
    return np.hstack([np.cos(angles), np.sin(angles)])


def arcs(angle):
    """Products of d arcs: curved, with a boundary."""

    def draw(n, d, rng):
        angles = rng.uniform(0, angle, size=(n, d))
        return np.hstack([np.cos(angles), np.sin(angles)])

    return draw


def spheres(n, d, rng):
    """A product of 5-spheres."""
    return np.hstack([sphere(n, 5, rng) for _ in range(d // 5)])


def decaying(smallest):
    def draw(n, d, rng):
        return rng.standard_normal((n, d)) * np.geomspace(1, smallest, d)

    return draw


def power_law(n, d, rng):
    """Variances 1, 1/2, ..., 1/d."""
    return rng.standard_normal((n, d)) / np.sqrt(np.arange(1, d + 1))


def clusters(n, d, rng):
    """Ten Gaussians so far apart that no neighbor is in another one."""
    centers = 1e3 * rng.standard_normal((NUM_CLUSTERS, d))
    return centers[rng.integers(NUM_CLUSTERS, size=n)] + rng.standard_normal((n, d))


def noisy(share):
    """A d-ball with isotropic noise in 4 d units: `share` of the distance between points."""

    def draw(n, d, rng):
        points = np.zeros((n, 4 * d))
        points[:, :d] = ball(n, d, rng)
        # Nearest neighbors in the unit d-ball are about N^(-1/d) apart.
        return points + share * n ** (-1 / d) * rng.standard_normal(points.shape) / np.sqrt(4 * d)

    return draw


def student(freedom):
    """Multivariate t: a density that falls as a power of the radius."""

    def draw(n, d, rng):
        return rng.standard_normal((n, d)) / np.sqrt(rng.chisquare(freedom, (n, 1)) / freedom)

    return draw


def lognormal(n, d, rng):
    return np.exp(rng.standard_normal((n, d)))


SHAPES = {
    "sphere": sphere,
    "cube": cube,
    "cube surface": cube_surface,
    "product of quarter circles": arcs(np.pi / 2),
    "Gaussian, std 1 to 1/2": decaying(1 / 2),
}
CURVED = {
    "product of 5-spheres": spheres,
    "product of half circles": arcs(np.pi),
    "product of circles": circles,
}
LIMITS = {
    "Gaussian, std 1 to 1/4": decaying(1 / 4),
    "Gaussian, std 1 to 1/10": decaying(1 / 10),
    "Gaussian, variance 1/i": power_law,
    "10 far clusters": clusters,
    "ball, noise 0.1": noisy(0.1),
    "ball, noise 0.3": noisy(0.3),
    "ball, noise 1": noisy(1.0),
    "t with 3 degrees of freedom": student(3),
    "lognormal": lognormal,
}
