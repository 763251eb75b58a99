"""MADA on the exact model and against references."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import beta

from estimators import MADA, EstimationError, Neighbors, nearest_neighbors
from estimators.manifolds import ball
from tests.estimators.exact_model import coverage, exact_estimates


def expected_factor(k):
    """(r_{k/2} / r_k)^d is Beta(k/2, k/2): the mean of log 2 / -log of it."""
    volume = beta(k // 2, k // 2)
    return quad(lambda v: np.log(2) / -np.log(v) * volume.pdf(v), 0, 1)[0]


@pytest.mark.parametrize(("k", "excess"), [(20, 0.076), (40, 0.036)])
def test_interval_covers_what_it_finds_and_the_bias_is_as_documented(k, excess):
    assert expected_factor(k) == pytest.approx(1 + excess, abs=6e-4)
    estimates = exact_estimates(MADA(k), 6.0, seed=1)
    dimension, stderr, _, _ = estimates
    assert dimension.mean() == pytest.approx(6.0 * expected_factor(k), rel=0.002)
    assert 0.93 <= coverage(estimates, 6.0 * expected_factor(k)) <= 0.97
    assert stderr.mean() == pytest.approx(dimension.std(), rel=0.07)


def test_is_the_published_formula():
    neighbors = nearest_neighbors(np.random.default_rng(2).standard_normal((150, 5)), 24)
    local = [np.log(2) / np.log(row[19] / row[9]) for row in neighbors.distances]
    found = MADA().estimate(neighbors)
    np.testing.assert_allclose(found.local, local, rtol=1e-10)
    assert found.dimension == pytest.approx(np.mean(local), rel=1e-12)


def test_agrees_with_scikit_dimension():
    """Its (N, N) distances hide the diagonal as the largest, so its ranks are ours."""
    skdim = pytest.importorskip("skdim")
    points = ball(200, 4, np.random.default_rng(3))
    peer = skdim.id.MADA().fit(points, n_neighbors=20)
    found = MADA().estimate(nearest_neighbors(points, 20))
    assert found.dimension == pytest.approx(peer.dimension_, rel=1e-6)
    np.testing.assert_allclose(found.local, peer.dimension_pw_, rtol=1e-6)


def test_only_equal_radii_are_a_tie():
    distances = np.sort(np.random.default_rng(4).uniform(1, 2, size=(50, 6)), axis=1)
    distances[:4, :3] = distances[:4, [2]]  # below the inner radius: no matter
    distances[4:9, 2:] = distances[4:9, [5]]
    distances[9, 2:] = distances[9, 5] * (1 - np.arange(3, -1, -1) * 2.0**-53)  # rounding
    found = MADA(6).estimate(Neighbors(distances, np.arange(300).reshape(50, 6)))
    assert found.settings["ties_dropped"] == 6
    assert np.flatnonzero(np.isnan(found.local)).tolist() == [4, 5, 6, 7, 8, 9]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"k": 4}, "`k >= 6` and k even must hold, but got k=4"),
        ({"k": 21}, "but got k=21"),
        ({"confidence": -1}, "got confidence=-1"),
    ],
)
def test_refuses_settings_out_of_range(arguments, message):
    with pytest.raises(EstimationError, match=message):
        MADA(**arguments)
