"""The method of moments, on the exact model and against references."""

import numpy as np
import pytest

from estimators import MOM, EstimationError, nearest_neighbors
from estimators.manifolds import ball
from tests.estimators.exact_model import coverage, exact_estimates


@pytest.mark.parametrize(("k", "excess"), [(20, 0.114), (32, 0.068), (64, 0.033)])
def test_interval_covers_what_it_finds_and_the_bias_is_as_documented(k, excess):
    repeats = 1000 if k == 32 else 200
    estimates = exact_estimates(MOM(k), 5.0, seed=1, repeats=repeats)
    dimension, stderr, _, _ = estimates
    assert dimension.mean() == pytest.approx(5.0 * (1 + excess), rel=0.003)
    if repeats == 1000:
        assert 0.93 <= coverage(estimates, dimension.mean()) <= 0.97
        assert stderr.mean() == pytest.approx(dimension.std(), rel=0.07)


def test_bias_vanishes_with_many_neighbors():
    """The local values are consistent in k, so what is documented is a matter of small k."""
    dimension, *_ = exact_estimates(MOM(1000), 5.0, seed=2, num_points=200, repeats=10)
    assert dimension.mean() == pytest.approx(5.0, rel=0.01)


def test_is_the_published_formula():
    neighbors = nearest_neighbors(np.random.default_rng(3).standard_normal((150, 5)), 40)
    local = []
    for row in neighbors.distances[:, :32]:
        mean, radius = sum(row) / 32, row[-1]
        local.append(mean / (radius - mean))
    found = MOM().estimate(neighbors)
    np.testing.assert_allclose(found.local, local, rtol=1e-10)
    assert found.dimension == pytest.approx(np.mean(local), rel=1e-12)


def test_agrees_with_scikit_dimension():
    skdim = pytest.importorskip("skdim")
    points = ball(200, 4, np.random.default_rng(4))
    peer = skdim.id.MOM().fit(points, n_neighbors=32)
    found = MOM().estimate(nearest_neighbors(points, 32))
    assert found.dimension == pytest.approx(peer.dimension_, rel=1e-6)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"k": 3}, "`k >= 4` must hold, but got k=3"),
        ({"confidence": 1.0}, "got confidence=1.0"),
    ],
)
def test_refuses_settings_out_of_range(arguments, message):
    with pytest.raises(EstimationError, match=message):
        MOM(**arguments)
