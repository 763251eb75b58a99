"""MiND_ML on its exact model, against references, real and whole."""

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from estimators import EstimationError, Gride, MiNDML, nearest_neighbors
from estimators.manifolds import ball
from tests.estimators.exact_model import coverage, exact_estimates, exact_neighbors


@pytest.mark.parametrize("k", [1, 10])
def test_interval_covers_the_truth_as_often_as_it_says(k):
    estimates = exact_estimates(MiNDML(k), 7.0, seed=1)
    dimension, stderr, _, _ = estimates
    assert 0.93 <= coverage(estimates, 7.0) <= 0.97
    assert stderr.mean() == pytest.approx(dimension.std(), rel=0.07)
    # Plain maximum likelihood: too high by 1/(N - 1) at k = 1, by less from then on.
    assert dimension.mean() == pytest.approx(7.0, rel=0.006)


def log_density(rho, k, d):
    """The paper's g(r; k, d), summed over the points."""
    return np.log(k * d * rho ** (d - 1) * (1 - rho**d) ** (k - 1)).sum()


@pytest.fixture(scope="module", params=[2, 7])
def table(request):
    points = ball(400, request.param, np.random.default_rng(request.param))
    return nearest_neighbors(points, 21)


@pytest.mark.parametrize("k", [1, 5, 20])
def test_maximizes_the_published_likelihood(table, k):
    rho = table.distances[:, 0] / table.distances[:, k]
    best = minimize_scalar(
        lambda d: -log_density(rho, k, d), bounds=(0.1, 20), options={"xatol": 1e-10}
    ).x
    assert MiNDML(k).estimate(table).dimension == pytest.approx(best, rel=1e-6)
    whole = max(range(1, 30), key=lambda d: log_density(rho, k, d))
    assert MiNDML(k, integer=True).estimate(table).dimension == whole


@pytest.mark.parametrize(("version", "integer"), [("MLk", False), ("MLi", True)])
def test_agrees_with_scikit_dimension(version, integer):
    skdim = pytest.importorskip("skdim")
    points = ball(400, 3, np.random.default_rng(3))  # it looks no further than D = 10
    peer = skdim.id.MiND_ML(k=10, ver=version).fit(points)
    found = MiNDML(integer=integer).estimate(nearest_neighbors(points, 11))
    assert found.dimension == pytest.approx(peer.dimension_, rel=1e-6)


def test_is_gride_but_for_its_correction(table):
    """Gride has N - 1 for N in the likelihood: less by the order of 1/N."""
    found = MiNDML().estimate(table).dimension
    gride = Gride(1, 11).estimate(table).dimension
    assert 1 < found / gride < 1 + 1 / 400


def test_whole_number_comes_with_an_interval_that_holds_it():
    rng = np.random.default_rng(5)
    for dimension in (0.6, 1.0, 4.5, 40.3):
        neighbors = exact_neighbors(dimension, 400, 11, rng)
        real, whole = (MiNDML(integer=i).estimate(neighbors) for i in (False, True))
        assert whole.dimension == max(1, round(whole.dimension))
        assert abs(whole.dimension - real.dimension) < 1
        assert whole.low <= min(real.low, whole.dimension - 0.5)
        assert whole.high >= max(real.high, whole.dimension + 0.5)
        assert whole.stderr > real.stderr
        assert (whole.settings["integer"], whole.settings["estimator"]) == (True, "mind_ml_integer")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"k": 0}, "`k >= 1` must hold, but got k=0"),
        ({"confidence": 2}, "got confidence=2"),
    ],
)
def test_refuses_settings_out_of_range(arguments, message):
    with pytest.raises(EstimationError, match=message):
        MiNDML(**arguments)
