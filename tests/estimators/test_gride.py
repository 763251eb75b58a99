"""Gride on its exact model, against references, and its scales."""

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.spatial import cKDTree
from scipy.special import beta

from estimators import EstimationError, Gride, Neighbors, TwoNN, gride_scales, nearest_neighbors
from estimators.gride import fit_ratios
from estimators.manifolds import ball
from tests.estimators.exact_model import coverage, exact_estimates, exact_neighbors

RANKS = [(1, 2), (2, 4), (3, 4), (2, 7), (16, 32)]


def log_ratios(neighbors, n1, n2):
    return np.log(neighbors.distances[:, n2 - 1] / neighbors.distances[:, n1 - 1])


@pytest.mark.parametrize("ranks", [(1, 2), (2, 4), (16, 32)])
def test_interval_covers_the_truth_as_often_as_it_says(ranks):
    estimates = exact_estimates(Gride(*ranks), 7.0, seed=1)
    dimension, stderr, _, _ = estimates
    assert 0.93 <= coverage(estimates, 7.0) <= 0.97
    assert stderr.mean() == pytest.approx(dimension.std(), rel=0.07)
    assert dimension.mean() == pytest.approx(7.0, rel=0.004)


def test_both_errors_agree_where_ratios_are_independent_and_as_modeled():
    neighbors = exact_neighbors(4.0, 20_000, 4, np.random.default_rng(2))
    log_mu = log_ratios(neighbors, 2, 4)
    fit = fit_ratios(log_mu, 2, 4, exponent=20_000)
    robust = fit.stderr(np.ones(20_000, bool), neighbors.indices)
    assert robust == pytest.approx(fit.model_stderr, rel=0.02)


def test_error_allows_for_shared_neighbors():
    rng = np.random.default_rng(3)
    found, by_model = [], []
    for _ in range(150):
        points = ball(300, 2, rng)
        distances, indices = cKDTree(points).query(points, 9)
        neighbors = Neighbors(distances[:, 1:], indices[:, 1:])
        found.append(Gride(4, 8).estimate(neighbors))
        log_mu = log_ratios(neighbors, 4, 8)
        by_model.append(fit_ratios(log_mu, 4, 8, exponent=299).model_stderr)
    spread = np.std([each.dimension for each in found])
    assert np.mean([each.stderr for each in found]) == pytest.approx(spread, rel=0.15)
    # Independence would be a claim of precision that isn't there.
    assert np.mean(by_model) < 0.8 * spread


def reference(near, far, n1, n2):
    """The density as printed, its likelihood maximized by a bounded search over d."""
    mu = far / near

    def loss(d):
        density = (mu**d - 1) ** (n2 - n1 - 1) / beta(n2 - n1, n1) / mu ** ((n2 - 1) * d + 1)
        return -(np.log(density).sum() + (len(mu) - 1) * np.log(d))

    return minimize_scalar(loss, bounds=(0.1, 20), options={"xatol": 1e-10}).x


@pytest.mark.parametrize("ranks", RANKS)
def test_maximizes_the_published_likelihood(ranks):
    n1, n2 = ranks
    neighbors = nearest_neighbors(np.random.default_rng(4).standard_normal((250, 4)), 32)
    expected = reference(neighbors.distances[:, n1 - 1], neighbors.distances[:, n2 - 1], n1, n2)
    assert Gride(n1, n2).estimate(neighbors).dimension == pytest.approx(expected, rel=1e-6)


@pytest.fixture(scope="module")
def padded_ball():
    """The points whose dimension DADApy 0.3.4 was asked for."""
    datasets = pytest.importorskip("skdim").datasets
    points = datasets.hyperBall(n=300, d=5, random_state=0)
    return np.hstack([points, np.zeros((300, 5))])


def test_dimensions_and_model_errors_are_those_of_dadapy(padded_ball):
    expected = [4.113139, 4.666934, 4.312445, 4.398278, 4.275311, 3.838469]
    errors = [0.237472, 0.194168, 0.127288, 0.091676, 0.062999, 0.039984]
    neighbors = nearest_neighbors(padded_ball, 64)
    found = gride_scales(neighbors, up_to=64)
    np.testing.assert_allclose([each.dimension for each in found], expected, atol=1e-6)
    for each, error in zip(found, errors, strict=True):
        n1, n2 = each.settings["n1"], each.settings["n2"]
        fit = fit_ratios(log_ratios(neighbors, n1, n2), n1, n2, exponent=299)
        # DADApy's errors are the observed information, with N in place of its own N - 1.
        assert fit.dimension / np.sqrt(fit.information + 1) == pytest.approx(error, abs=2e-6)
        # Ours allow for shared neighbors, so they are larger.
        assert each.stderr > error


@pytest.mark.parametrize("ranks", RANKS)
def test_agrees_with_scikit_dimension(ranks, padded_ball):
    skdim = pytest.importorskip("skdim")
    n1, n2 = ranks
    # It leaves out the largest ratios; here there are none so large as that.
    peer = skdim.id.GRIDE(n1=n1, n2=n2).fit(padded_ball)
    found = Gride(n1, n2).estimate(nearest_neighbors(padded_ball, n2))
    assert found.dimension == pytest.approx(peer.dimension_, rel=1e-6)


def test_first_scale_is_twonn():
    neighbors = nearest_neighbors(np.random.default_rng(5).standard_normal((250, 6)), 2)
    found = Gride(1, 2).estimate(neighbors).dimension
    assert found == pytest.approx(TwoNN(method="mle").estimate(neighbors).dimension, rel=1e-9)


@pytest.mark.parametrize("dimension", [1e-2, 1.0, 30.0, 1e4])
@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e12])
def test_converges_whatever_the_dimension_and_the_scale(dimension, scale):
    rng = np.random.default_rng(6)
    neighbors = exact_neighbors(dimension, 2000, 32, rng, scale=scale)
    for ranks in RANKS:
        found = Gride(*ranks).estimate(neighbors)
        assert abs(np.log(found.dimension / dimension)) < 5 * found.stderr / found.dimension


def test_a_single_outlying_ratio_does_not_derail_the_fit():
    log_mu = np.append(np.full(50, 1e-9), 300.0)
    fit = fit_ratios(log_mu, 2, 8, exponent=51)
    above, below = (fit_score(log_mu, fit.dimension * f) for f in (1 - 1e-6, 1 + 1e-6))
    assert above > 0 > below


def fit_score(log_mu, d):
    """Derivative by d of the likelihood of (n1, n2) = (2, 8), term by term."""
    return sum(1 / d + 5 * x / np.expm1(min(d * x, 700.0)) - 2 * x for x in log_mu)


def test_scales_double_and_stop_well_below_all_points():
    neighbors = nearest_neighbors(ball(100, 3, np.random.default_rng(7)), 64)
    found = gride_scales(neighbors)
    assert [each.settings["n2"] for each in found] == [2, 4, 8, 16]
    assert [each.settings["n1"] for each in found] == [1, 2, 4, 8]
    for each in found:
        column = neighbors.distances[:, each.settings["n2"] - 1]
        assert each.scale == pytest.approx(column.mean(), rel=1e-12)
        assert each.low < each.dimension < each.high
    assert found[1] == Gride(2, 4).estimate(neighbors)
    assert len(gride_scales(neighbors, up_to=63)) == 5


def test_collapses_near_all_points():
    """Why the scales stop at N/4."""
    neighbors = nearest_neighbors(ball(130, 5, np.random.default_rng(8)), 128)
    scales = gride_scales(neighbors, up_to=128)
    assert scales[-1].dimension < 0.65 * scales[1].dimension


def test_scales_refuse_more_than_the_table_has():
    neighbors = nearest_neighbors(ball(100, 3, np.random.default_rng(9)), 8)
    with pytest.raises(EstimationError, match="`k >= 16` must hold, but the table has k=8"):
        gride_scales(neighbors, up_to=16)
    with pytest.raises(EstimationError, match="`up_to >= 2` must hold, but got up_to=1"):
        gride_scales(neighbors, up_to=1)


def test_only_equal_ends_of_the_ratio_are_a_tie():
    rng = np.random.default_rng(10)
    distances = np.sort(rng.uniform(1, 2, size=(100, 4)), axis=1)
    distances[:5, 0] = distances[:5, 1]  # r_1 = r_2: no matter to r_4 / r_2
    distances[5:12, 1] = distances[5:12, 2] = distances[5:12, 3]
    distances[12:15, 0] = 0
    found = Gride(2, 4).estimate(Neighbors(distances, np.arange(400).reshape(100, 4)))
    assert found.settings["ties_dropped"] == 7
    assert found.settings["duplicates_dropped"] == 3
    assert found.num_points == 90


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n1": 0, "n2": 2}, "`1 <= n1 < n2` must hold, but got n1=0 and n2=2"),
        ({"n1": 4, "n2": 4}, "got n1=4 and n2=4"),
        ({"confidence": 95}, "got confidence=95"),
    ],
)
def test_refuses_settings_out_of_range(arguments, message):
    with pytest.raises(EstimationError, match=message):
        Gride(**arguments)
