"""Fisher separability against scikit-dimension and its plain form."""

import dataclasses

import numpy as np
import pytest
from scipy.special import betainc

from estimators import EstimationError, nearest_neighbors, pairs
from estimators.fishers import FisherS, dimension_of_sphere
from estimators.manifolds import ball, embed, sphere, swiss_roll

RNG = np.random.default_rng(0)
DATA = {
    "ball 2": ball(300, 2, RNG),
    "sphere 5": sphere(400, 5, RNG),
    "swiss roll": swiss_roll(300, RNG),
    "unequal": RNG.standard_normal((400, 20)) * np.geomspace(1, 0.1, 20),
    "more units than points": embed(RNG.uniform(size=(200, 12)), 500, RNG),
    "skewed": RNG.exponential(size=(300, 6)) + 40,
}


def plain_profile(points, alphas):
    """Mean share of inseparable points at each margin, by the definition."""
    centered = points - points.mean(axis=0)
    directions, sizes, _ = np.linalg.svd(centered, full_matrices=False)
    white = directions[:, sizes**2 > sizes[0] ** 2 / 10]
    unit = white / np.linalg.norm(white, axis=1, keepdims=True)
    products = (unit @ unit.T)[~np.eye(len(unit), dtype=bool)]
    return np.array([(products >= alpha).mean() for alpha in alphas])


@pytest.mark.parametrize("name", DATA)
def test_is_the_plain_form(name, monkeypatch):
    monkeypatch.setattr(pairs, "TILE_ROWS", 64)
    found = FisherS().estimate(nearest_neighbors(DATA[name], 1))
    alphas = FisherS().alphas
    profile = dimension_of_sphere(plain_profile(DATA[name], alphas), alphas)
    reference = 0.9 * alphas[np.isfinite(profile)].max()
    expected = profile[np.argmin(np.abs(alphas - reference))]
    assert found.dimension == pytest.approx(expected, rel=1e-9)
    assert found.settings["alpha"] == pytest.approx(reference, abs=0.0101)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", DATA)
def test_agrees_with_scikit_dimension(name):
    id_ = pytest.importorskip("skdim.id")
    expected = id_.FisherS().fit(DATA[name]).dimension_
    found = FisherS().estimate(nearest_neighbors(DATA[name], 1))
    assert found.dimension == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(
    ("alpha", "n", "bias"), [(0.88, 3, 0.0), (0.88, 5, 0.0), (0.8, 12, 0.01), (0.6, 5, 0.10)]
)
def test_the_formula_is_nearly_that_of_a_uniform_sphere(alpha, n, bias):
    """Against the exact area of a cap; at small margins it is too high, as documented."""
    share = np.array([betainc((n - 1) / 2, 0.5, 1 - alpha**2) / 2])
    found = dimension_of_sphere(share, np.array([alpha]))[0]
    assert found == pytest.approx(n * (1 + bias), rel=0.015)


def test_default_margins_are_those_of_the_paper():
    np.testing.assert_allclose(FisherS().alphas, np.arange(0.6, 1, 0.02))


def test_sees_whole_spaces_not_manifolds():
    roll = FisherS().estimate(nearest_neighbors(swiss_roll(1000, RNG), 1))
    assert roll.dimension == pytest.approx(3, rel=0.06)
    shell = FisherS().estimate(nearest_neighbors(sphere(1000, 9, RNG), 1))
    assert shell.dimension == pytest.approx(10, rel=0.05)


def test_weak_directions_are_left_out():
    points = np.hstack([ball(500, 3, RNG), 0.01 * RNG.standard_normal((500, 30))])
    found = FisherS().estimate(nearest_neighbors(points, 1))
    assert found.settings["num_directions"] == 3
    everything = FisherS(condition_number=1e6).estimate(nearest_neighbors(points, 1))
    assert everything.settings["num_directions"] == 33
    assert everything.dimension > 2 * found.dimension


def test_standard_error_is_the_spread():
    """On a sphere, where directions and margin are the same from sample to sample."""
    rng = np.random.default_rng(1)
    estimator = FisherS(first_alpha=0.7, last_alpha=0.7)
    found = [estimator.estimate(nearest_neighbors(sphere(200, 5, rng), 1)) for _ in range(120)]
    spread = np.std([estimate.dimension for estimate in found])
    errors = np.array([estimate.stderr for estimate in found])
    assert np.sqrt((errors**2).mean()) == pytest.approx(spread, rel=0.25)


def test_a_single_inseparable_pair_has_a_wide_interval():
    points = RNG.standard_normal((60, 300))
    points[1] = points[0] + 0.8 * points[1]
    found = FisherS().estimate(nearest_neighbors(points, 1))
    assert 0 < found.low < 0.8 * found.dimension
    assert 1.2 * found.dimension < found.high < np.inf


def test_copies_are_dropped():
    points = RNG.standard_normal((200, 4))
    copied = np.vstack([points, points[:30]])
    found = FisherS().estimate(nearest_neighbors(copied, 1))
    alone = FisherS().estimate(nearest_neighbors(points[30:], 1))
    assert found.dimension == alone.dimension
    assert (found.num_points, found.num_dropped) == (170, 60)


def test_refuses_what_is_all_separable():
    points = RNG.standard_normal((60, 300))
    with pytest.raises(EstimationError, match=r"at alpha=0\.6 all 60 are separable"):
        FisherS().estimate(nearest_neighbors(points, 1))


def test_refuses_a_table_without_points():
    table = dataclasses.replace(nearest_neighbors(ball(60, 2, RNG), 1), points=None)
    with pytest.raises(EstimationError, match="FisherS needs coordinates"):
        FisherS().estimate(table)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"condition_number": 1.0}, "got 1.0: it is the ratio"),
        ({"first_alpha": 0.99}, "got 0.99, 0.98 and 0.02"),
        ({"last_alpha": 1.0}, "got 0.6, 1.0 and 0.02"),
        ({"alpha_step": 0.0}, "got 0.6, 0.98 and 0.0"),
        ({"confidence": 2.0}, "got confidence=2.0"),
    ],
)
def test_refuses_settings_out_of_range(arguments, message):
    with pytest.raises(EstimationError, match=message):
        FisherS(**arguments)
