"""The samplers lie where they say."""

import numpy as np
import pytest

from estimators import EstimationError
from estimators.manifolds import ball, embed, sphere, swiss_roll


def test_sphere_has_radius_one():
    points = sphere(100, 4, np.random.default_rng(0))
    assert points.shape == (100, 5)
    np.testing.assert_allclose(np.linalg.norm(points, axis=1), 1)


def test_ball_fills_its_volume():
    radii = np.linalg.norm(ball(20_000, 3, np.random.default_rng(0)), axis=1)
    assert radii.max() <= 1
    assert np.mean(radii < 0.5) == pytest.approx(0.5**3, abs=0.01)


def test_swiss_roll_is_a_rolled_sheet():
    points = swiss_roll(500, np.random.default_rng(0))
    radius = np.hypot(points[:, 0], points[:, 2])
    assert radius.min() >= 1.5 * np.pi
    assert radius.max() <= 4.5 * np.pi


def test_embedding_keeps_distances():
    rng = np.random.default_rng(0)
    points = ball(50, 3, rng)
    placed = embed(points, 12, rng)
    np.testing.assert_allclose(
        np.linalg.norm(placed[1:] - placed[:-1], axis=1),
        np.linalg.norm(points[1:] - points[:-1], axis=1),
    )
    with pytest.raises(EstimationError, match="got num_units=2"):
        embed(points, 2, rng)
