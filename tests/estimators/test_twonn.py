"""TwoNN on its exact model, against references, and its conventions."""

import numpy as np
import pytest
from scipy.stats import binomtest

from estimators import EstimationError, Neighbors, TwoNN, nearest_neighbors


def pareto_neighbors(dimension, num_points, rng):
    """Ratios drawn from the model itself: mu = r2/r1 is Pareto with exponent d."""
    mu = rng.uniform(size=num_points) ** (-1 / dimension)
    distances = np.column_stack([np.ones(num_points), mu])
    return Neighbors(distances, np.zeros((num_points, 2), np.int64), 0)


@pytest.mark.parametrize("method", ["censored", "mle"])
def test_interval_covers_the_truth_as_often_as_it_says(method):
    rng = np.random.default_rng(2)
    estimator = TwoNN(method=method)
    estimates = [estimator.estimate(pareto_neighbors(7.0, 200, rng)) for _ in range(1000)]
    covered = sum(found.low <= 7.0 <= found.high for found in estimates)
    assert binomtest(covered, 1000, 0.95).pvalue > 1e-3
    # The standard error is the spread of the estimates.
    spread = np.std([found.dimension for found in estimates])
    assert np.mean([found.stderr for found in estimates]) == pytest.approx(spread, rel=0.1)


@pytest.mark.parametrize(
    ("method", "tolerance"), [("censored", 0.01), ("mle", 0.01), ("linear", 0.02)]
)
def test_is_unbiased_on_its_model(method, tolerance):
    rng = np.random.default_rng(3)
    values = [
        TwoNN(method=method).estimate(pareto_neighbors(10.0, 500, rng)).dimension
        for _ in range(400)
    ]
    assert np.mean(values) == pytest.approx(10.0, rel=tolerance)


def test_jackknife_of_the_linear_fit_is_the_spread():
    rng = np.random.default_rng(4)
    found = [TwoNN(method="linear").estimate(pareto_neighbors(5.0, 400, rng)) for _ in range(300)]
    spread = np.std([estimate.dimension for estimate in found])
    assert np.mean([estimate.stderr for estimate in found]) == pytest.approx(spread, rel=0.15)


def reference_linear(points):
    """The procedure of Ansuini et al. in its plainest form."""
    distances = np.sqrt(((points[:, None] - points[None]) ** 2).sum(axis=2))
    nearest = np.sort(distances, axis=1)[:, 1:3]
    mu = np.sort(nearest[:, 1] / nearest[:, 0])
    num_points = len(mu)
    kept = int(num_points * 0.9)
    x = np.log(mu[:kept])
    y = -np.log(1 - np.arange(1, num_points + 1)[:kept] / num_points)
    return np.linalg.lstsq(x[:, None], y, rcond=None)[0][0]


def test_linear_is_the_published_fit():
    points = np.random.default_rng(5).standard_normal((250, 6))
    found = TwoNN(method="linear").estimate(nearest_neighbors(points, 2))
    assert found.dimension == pytest.approx(reference_linear(points), rel=1e-9)


def test_mle_is_the_closed_form():
    neighbors = nearest_neighbors(np.random.default_rng(6).standard_normal((250, 4)), 2)
    log_mu = np.log(neighbors.distances[:, 1] / neighbors.distances[:, 0])
    found = TwoNN(method="mle").estimate(neighbors)
    assert found.dimension == pytest.approx(249 / log_mu.sum(), rel=1e-12)


def test_agrees_with_dadapy():
    """DADApy 0.3.4 on a ball: its "base" keeps the 90% smallest ratios, its "ml" all.

    Both trim and count as ours: F = i/N for the i-th of N ratios, and N - 1 in the likelihood.
    Its slope comes from an iterative fit, ours from the closed form, hence the tolerance.
    """
    datasets = pytest.importorskip("skdim").datasets
    points = datasets.hyperBall(n=300, d=5, random_state=0)
    neighbors = nearest_neighbors(np.hstack([points, np.zeros((300, 5))]), 2)
    linear = TwoNN(method="linear", trim=0.1).estimate(neighbors).dimension
    assert linear == pytest.approx(4.362176532655348, rel=1e-9)
    plain = TwoNN(method="mle").estimate(neighbors).dimension
    assert plain == pytest.approx(4.113138917297787, rel=1e-12)


def test_trimming_nothing_is_plain_likelihood():
    neighbors = nearest_neighbors(np.random.default_rng(7).standard_normal((250, 4)), 2)
    censored = TwoNN(trim=0.0).estimate(neighbors)
    assert censored.dimension == TwoNN(method="mle").estimate(neighbors).dimension


def test_tells_ties_from_duplicates():
    line = np.concatenate([np.arange(40.0), 100 + np.geomspace(1, 1000, 40), [1e6, 1e6]])
    found = TwoNN().estimate(nearest_neighbors(line[:, None], 2))
    assert found.settings["duplicates_dropped"] == 2
    assert found.settings["ties_dropped"] == 38  # inner points of the even line
    assert found.num_dropped == 40


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"method": "best"}, "censored, mle, linear, but got 'best'"),
        ({"trim": 1.0}, "got trim=1.0"),
        ({"confidence": 95}, "got confidence=95"),
    ],
)
def test_refuses_settings_out_of_range(arguments, message):
    with pytest.raises(EstimationError, match=message):
        TwoNN(**arguments)


def test_refuses_one_neighbor():
    with pytest.raises(EstimationError, match="`k >= 2` must hold, but the table has k=1"):
        TwoNN().estimate(nearest_neighbors(np.eye(30), 1))
