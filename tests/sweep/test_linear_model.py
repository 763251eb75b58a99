"""The linear model that knows about families: simulated coefficients come back."""

import numpy as np
import pytest
from scipy.stats import linregress

from sweep.regression.mixed import MIN_FAMILIES, fit_model
from sweep.regression.scopes import TooFewError


def simulate(num_families, size, slope, rng, between=2.0, seeds=1):
    """Families whose intercepts and whose predictors differ, against the slope within them."""
    family = np.repeat(np.arange(num_families), size)
    shift = between * rng.normal(size=num_families)
    x = rng.normal(size=len(family)) - shift[family]
    y = slope * x + 2 * shift[family] + 0.5 * rng.normal(size=len(family))
    keep = np.repeat(np.arange(len(family)), seeds)
    return x[keep], y[keep], keep, [f"f{number}" for number in family[keep]]


@pytest.mark.parametrize(("num_families", "kind"), [(MIN_FAMILIES + 3, "mixed"), (3, "ols")])
def test_the_slope_within_families_comes_back(num_families, kind):
    rng = np.random.default_rng(1)
    x, y, configuration, family = simulate(num_families, 40, 0.7, rng)
    found = fit_model(x, y, np.empty((len(x), 0)), configuration, family)
    assert found.kind == kind
    assert found.low < 0.7 < found.high
    assert found.high - found.low < 0.3
    assert linregress(x, y).slope < 0.4  # the plain line mixes in what lies between families
    if kind == "mixed":
        assert found.family_share > 0.8


@pytest.mark.parametrize("num_families", [8, 3])
def test_intervals_cover(num_families):
    rng = np.random.default_rng(2)
    covered = 0
    for _ in range(100):
        x, y, configuration, family = simulate(num_families, 12, -0.3, rng)
        found = fit_model(x, y, np.empty((len(x), 0)), configuration, family)
        covered += found.low <= -0.3 <= found.high
    assert covered >= 88


def test_repeated_seeds_make_nobody_surer():
    rng = np.random.default_rng(3)
    x, y, configuration, family = simulate(3, 12, 0.7, rng, seeds=1)
    once = fit_model(x, y, np.empty((len(x), 0)), configuration, family)
    again = [np.repeat(v, 20) for v in (x, y, configuration)]
    more = fit_model(*again[:2], np.empty((20 * len(x), 0)), again[2], list(np.repeat(family, 20)))
    assert more.slope == pytest.approx(once.slope)
    assert more.error == pytest.approx(once.error, rel=0.1)


def test_a_covariate_takes_its_part():
    rng = np.random.default_rng(4)
    z = rng.normal(size=100)
    x = z + rng.normal(size=100)
    y = 2 * z + 0.1 * rng.normal(size=100)
    found = fit_model(x, y, z[:, None], np.arange(100), None)
    assert found.kind == "ols"
    assert abs(found.slope) < 0.05 < abs(linregress(x, y).slope)


def test_families_that_do_not_differ_are_told_and_raise_nothing():
    rng = np.random.default_rng(5)
    x = rng.normal(size=60)
    y = x + rng.normal(size=60)
    family = [f"f{number % 6}" for number in range(60)]
    found = fit_model(x, y, np.empty((60, 0)), np.arange(60), family)
    assert np.isfinite([found.slope, found.low, found.high]).all()
    if found.kind == "mixed" and found.family_share < 1e-4:
        assert found.notes == ("the families' intercepts show no variance of their own",)


@pytest.mark.parametrize("sizes", [[2] * 6, [1, 1, 1, 1, 6, 5], [3] * 5])
def test_few_networks_a_family_err_no_more_often_than_they_say(sizes):
    """By the normal law, one in ten: see `fit_model`."""
    rng = np.random.default_rng(6)
    family = np.repeat(np.arange(len(sizes)), sizes)
    wrong = 0
    for _ in range(200):
        x, y = (rng.normal(size=len(sizes))[family] + rng.normal(size=len(family)) for _ in "xy")
        labels = [f"f{number}" for number in family]
        found = fit_model(x, y, np.empty((len(x), 0)), np.arange(len(x)), labels)
        wrong += not found.low <= 0 <= found.high
        assert (found.p_value < 0.05) == (not found.low <= 0 <= found.high)
    assert wrong <= 18


def test_families_of_one_network_have_no_model():
    rng = np.random.default_rng(7)
    x, y = rng.normal(size=(2, 12))
    with pytest.raises(TooFewError, match="12 configurations for the 13 coefficients"):
        fit_model(x, y, np.empty((12, 0)), np.arange(12), [f"f{number}" for number in range(12)])
