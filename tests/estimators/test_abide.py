"""ABIDE against references, where density is constant and where it isn't."""

import math

import numpy as np
import pytest
from scipy.spatial import cKDTree
from scipy.stats import binomtest, chi2

from estimators import EstimationError, Neighbors, nearest_neighbors
from estimators.abide import ABIDE, constant_density_neighbors, log_radius_change
from estimators.bide import BIDE
from estimators.binomial import BEST_SHARE

CUBE = np.random.default_rng(0).uniform(size=(500, 3))
GAUSSIAN = np.random.default_rng(0).standard_normal((500, 2))


def torus_neighbors(dimension, num_points, k, rng):
    """Uniform points without edge, the model of constant density."""
    points = rng.uniform(size=(num_points, dimension))
    distances, indices = cKDTree(points, boxsize=1).query(points, k + 1)
    return Neighbors(distances[:, 1:], indices[:, 1:].astype(np.int64))


def reference_k_star(neighbors, max_neighbors, dimension, alpha):
    """The test in its plainest form: one point, one k at a time, by volumes."""
    found = []
    for i in range(neighbors.num_points):
        for k in range(3, max_neighbors):
            other = neighbors.indices[i, k]
            own = neighbors.distances[i, k - 1] ** dimension
            theirs = neighbors.distances[other, k - 1] ** dimension
            ratio = math.log(own) + math.log(theirs) - 2 * math.log(own + theirs) + math.log(4)
            if -2 * k * ratio > chi2.isf(alpha, 1):
                break
        found.append(k)
    return np.array(found)


def k_star(points, dimension, alpha):
    change = log_radius_change(nearest_neighbors(points, 64), 64)
    return constant_density_neighbors(change, dimension, alpha)


def test_balls_are_those_of_the_published_test():
    neighbors = nearest_neighbors(GAUSSIAN[:200], 40)
    for dimension, alpha in [(2.0, 1e-6), (5.0, 1e-2)]:
        found = constant_density_neighbors(log_radius_change(neighbors, 40), dimension, alpha)
        expected = reference_k_star(neighbors, 40, dimension, alpha)
        np.testing.assert_array_equal(found, expected)
        assert len(np.unique(found)) > 10


@pytest.mark.parametrize(
    ("points", "alpha", "total", "first"),
    [
        (CUBE, 1e-6, 30071, [63, 44, 63, 50, 63, 61, 63, 63]),
        (CUBE, 1e-2, 17890, [16, 12, 50, 14, 28, 30, 29, 28]),
        (GAUSSIAN, 1e-6, 24249, [63, 63, 63, 44, 42, 63, 18, 42]),
        (GAUSSIAN, 1e-2, 13223, [63, 47, 41, 7, 22, 63, 13, 20]),
    ],
)
def test_balls_are_those_of_dadapy(points, alpha, total, first):
    """Recorded from DADApy 0.3.4: set_id(2.5), compute_kstar(alpha), maxk=64."""
    found = k_star(points, 2.5, alpha)
    assert found.sum() == total
    assert found[:8].tolist() == first


@pytest.mark.parametrize(
    ("points", "alpha", "dimension", "allowed"),
    [
        (CUBE, 1e-6, 2.5937004032036564, 5e-4),
        (CUBE, 1e-2, 2.7306516600757114, 4e-3),  # both go round in cycles
        (GAUSSIAN, 1e-6, 2.002278114739464, 5e-4),
        (GAUSSIAN, 1e-2, 1.9755803969099555, 1e-3),
    ],
)
def test_agrees_with_dadapy(points, alpha, dimension, allowed):
    """Recorded from DADApy 0.3.4: return_ids_kstar_binomial(alpha=alpha, n_iter=8), the last.

    DADApy repeats d -> tau -> d once for each k*, we solve it for each k*: what stays is the
    same but for steps of one point at a time.
    """
    found = ABIDE(alpha=alpha).estimate(nearest_neighbors(points, 64))
    assert found.dimension == pytest.approx(dimension, rel=allowed)


@pytest.mark.parametrize("points", [CUBE, GAUSSIAN])
def test_is_consistent_with_itself(points):
    neighbors = nearest_neighbors(points, 64)
    found = ABIDE().estimate(neighbors)
    assert found.settings["converged"]
    reach = k_star(points, found.dimension, 1e-6)
    assert found.settings["mean_k"] == reach.mean()
    assert found.settings["share_at_max"] == (reach == 63).mean()
    tau = BEST_SHARE ** (1 / found.dimension)
    rows = zip(neighbors.distances, reach, strict=True)
    inner = sum((row[: k - 1] <= tau * row[k - 1]).sum() for row, k in rows)
    dimension = math.log(inner / (reach - 1).sum()) / math.log(tau)
    assert found.dimension == pytest.approx(dimension, rel=1e-3)


def test_is_bide_where_no_test_fails():
    neighbors = torus_neighbors(3, 400, 30, np.random.default_rng(1))
    found = ABIDE(max_neighbors=30, alpha=1e-12).estimate(neighbors)
    assert found.settings["share_at_max"] == 1
    same = BIDE(k=29).estimate(neighbors)
    assert found.dimension == same.dimension
    assert found.stderr == pytest.approx(same.stderr, rel=1e-12)
    assert found.settings["p_value"] == pytest.approx(same.settings["p_value"], rel=1e-9)


def test_interval_covers_the_truth_as_often_as_it_says():
    rng = np.random.default_rng(2)
    estimator = ABIDE(max_neighbors=24, alpha=1e-3)
    found = [estimator.estimate(torus_neighbors(3, 200, 24, rng)) for _ in range(400)]
    covered = sum(one.low <= 3 <= one.high for one in found)
    assert binomtest(covered, 400, 0.95).pvalue > 1e-3
    values = [one.dimension for one in found]
    assert np.mean(values) == pytest.approx(3, rel=0.005)
    assert np.mean([one.stderr for one in found]) == pytest.approx(np.std(values), rel=0.1)
    assert sum(one.settings["p_value"] < 0.05 for one in found) < 0.1 * 400


def test_balls_stop_at_a_step_of_density():
    rng = np.random.default_rng(3)
    thin = rng.uniform(-4, 4, size=(600, 2))
    dense = rng.uniform(-1, 1, size=(1500, 2))
    points = np.vstack([thin[np.abs(thin).max(axis=1) > 1], dense])
    reach = k_star(points, 2.0, 1e-6)
    outside = np.abs(points).max(axis=1) - 1
    assert reach[(outside > 0) & (outside < 0.3)].mean() < 30
    assert reach[outside < -0.5].mean() > 60
    table = nearest_neighbors(points, 64)
    adaptive, fixed = ABIDE().estimate(table), BIDE(k=63).estimate(table)
    assert adaptive.settings["p_value"] > 1e3 * fixed.settings["p_value"]


def test_survives_points_that_coincide():
    rng = np.random.default_rng(4)
    points = np.vstack([rng.uniform(size=(300, 3)), np.full((10, 3), 0.5)])
    found = ABIDE(max_neighbors=16).estimate(nearest_neighbors(points, 16))
    assert found.settings["duplicates_dropped"] == 10
    assert found.dimension == pytest.approx(3, rel=0.15)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"max_neighbors": 3}, "`max_neighbors > 3` must hold, but got max_neighbors=3"),
        ({"alpha": 0.0}, "got alpha=0.0"),
        ({"max_iterations": 0}, "got max_iterations=0"),
        ({"confidence": 95}, "got confidence=95"),
    ],
)
def test_refuses_settings_out_of_range(arguments, message):
    with pytest.raises(EstimationError, match=message):
        ABIDE(**arguments)
