"""The maximum-likelihood estimator: three forms on the exact model and against references."""

import numpy as np
import pytest
from scipy.stats import chi2

from estimators import MLE, EstimationError, Neighbors, nearest_neighbors
from estimators.manifolds import ball
from tests.estimators.exact_model import coverage, exact_estimates, exact_neighbors

FORMS = ["levina_bickel", "unbiased", "harmonic"]


@pytest.mark.parametrize(
    ("form", "factor"),
    [("levina_bickel", 19 / 18), ("unbiased", 1.0), ("harmonic", 1.0)],
)
def test_interval_covers_what_the_form_finds(form, factor):
    """(k - 1) / S is too high by (k - 1) / (k - 2) on average, so that is what it covers."""
    estimates = exact_estimates(MLE(form=form), 6.0, seed=1)
    dimension, stderr, _, _ = estimates
    assert dimension.mean() == pytest.approx(6.0 * factor, rel=0.002)
    assert 0.93 <= coverage(estimates, 6.0 * factor) <= 0.97
    assert stderr.mean() == pytest.approx(dimension.std(), rel=0.07)
    if factor > 1:
        assert coverage(estimates, 6.0) < 0.5


def test_error_of_the_harmonic_form_is_the_exact_one_where_nothing_is_shared():
    """2 d sum S is chi-square with 2 N (k - 1) degrees of freedom."""
    num_points, k = 400, 20
    neighbors = exact_neighbors(6.0, num_points, k, np.random.default_rng(2))
    found = MLE(k, "harmonic").estimate(neighbors)
    degrees = 2 * num_points * (k - 1)
    low, high = found.dimension * chi2.ppf([0.025, 0.975], degrees) / degrees
    assert (found.low, found.high) == pytest.approx((low, high), rel=0.005)


def reference(distances, form):
    """Point by point, as in the papers."""
    k = distances.shape[1]
    inverses = []
    for row in distances:
        divisor = k - 2 if form == "unbiased" else k - 1
        inverses.append(sum(np.log(row[-1] / near) for near in row[:-1]) / divisor)
    local = 1 / np.array(inverses)
    return (1 / np.mean(inverses) if form == "harmonic" else local.mean()), local


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("k", [5, 20])
def test_is_the_published_formula(form, k):
    neighbors = nearest_neighbors(np.random.default_rng(3).standard_normal((150, 5)), 30)
    found = MLE(k, form).estimate(neighbors)
    expected, local = reference(neighbors.distances[:, :k], form)
    assert found.dimension == pytest.approx(expected, rel=1e-12)
    np.testing.assert_allclose(found.local, local, rtol=1e-10)
    assert found.scale == pytest.approx(neighbors.distances[:, k - 1].mean(), rel=1e-12)


@pytest.mark.parametrize(
    ("form", "unbiased", "comb"),
    [("levina_bickel", False, "mean"), ("unbiased", True, "mean"), ("harmonic", False, "mle")],
)
def test_agrees_with_scikit_dimension(form, unbiased, comb):
    skdim = pytest.importorskip("skdim")
    points = ball(200, 4, np.random.default_rng(4))
    peer = skdim.id.MLE(unbiased=unbiased).fit(points, n_neighbors=20, comb=comb)
    found = MLE(form=form).estimate(nearest_neighbors(points, 20))
    assert found.dimension == pytest.approx(peer.dimension_, rel=1e-6)
    np.testing.assert_allclose(found.local, peer.dimension_pw_, rtol=1e-6)


@pytest.mark.parametrize("form", FORMS)
def test_partial_ties_add_nothing_and_full_ties_are_dropped(form):
    rng = np.random.default_rng(5)
    distances = np.sort(rng.uniform(1, 2, size=(60, 6)), axis=1)
    distances[0, 3:] = distances[0, 3]  # three neighbors equally far
    distances[1] = 1.5  # all of them
    distances[2] = 1.5 * (1 + np.arange(6) * 2.0**-52)  # all but for rounding
    distances[3, 0] = 0.0  # a duplicate
    found = MLE(6, form).estimate(Neighbors(distances, np.arange(360).reshape(60, 6)))
    assert (found.settings["ties_dropped"], found.settings["duplicates_dropped"]) == (2, 1)
    assert np.flatnonzero(np.isnan(found.local)).tolist() == [1, 2, 3]
    _, local = reference(distances[[0]], form)
    assert found.local[0] == pytest.approx(local[0], rel=1e-12)


def test_harmonic_needs_only_two_neighbors():
    neighbors = nearest_neighbors(np.random.default_rng(6).standard_normal((100, 3)), 2)
    log_mu = np.log(neighbors.distances[:, 1] / neighbors.distances[:, 0])
    found = MLE(2, "harmonic").estimate(neighbors)
    assert found.dimension == pytest.approx(100 / log_mu.sum(), rel=1e-12)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"form": "best"}, "levina_bickel, unbiased, harmonic, but got 'best'"),
        ({"k": 3}, "`k >= 4` must hold for form='levina_bickel', but got k=3"),
        ({"k": 1, "form": "harmonic"}, "`k >= 2` must hold for form='harmonic', but got k=1"),
        ({"confidence": 0}, "got confidence=0"),
    ],
)
def test_refuses_settings_out_of_range(arguments, message):
    with pytest.raises(EstimationError, match=message):
        MLE(**arguments)
