"""Errors in the predictor: what they take off comes back in simulation."""

import numpy as np
import pytest

from sweep.regression.attenuation import correct_attenuation, error_variances
from sweep.regression.clusters import Clusters
from sweep.regression.draws import Draws


def run(x, y, variance, group=None, resamples=400, seed=0):
    groups = np.zeros(len(x), np.int64) if group is None else group
    draws = Draws(Clusters(np.arange(len(x)), groups), resamples, seed)
    return correct_attenuation(x, y, np.broadcast_to(variance, x.shape).astype(float), draws)


def simulate(num, error, rng):
    """y = 2 x + noise with r = 0.8; x is seen with errors, whose variance differs by network."""
    true = rng.normal(size=num)
    y = 2 * true + 1.5 * rng.normal(size=num)
    variance = error**2 * rng.uniform(0.5, 1.5, num)
    return true + np.sqrt(variance) * rng.normal(size=num), y, variance


def test_r_and_slope_come_back():
    x, y, variance = simulate(20_000, 0.6, np.random.default_rng(1))
    found = run(x, y, variance, resamples=100)
    assert found.reliability == pytest.approx(1 / 1.36, abs=0.02)
    assert (found.value, found.slope) == pytest.approx((0.8 / np.sqrt(1.36), 2 / 1.36), abs=0.03)
    assert (found.corrected, found.corrected_slope) == pytest.approx((0.8, 2), abs=0.04)


def test_intervals_cover():
    rng = np.random.default_rng(2)
    r = slope = 0
    for _ in range(150):
        found = run(*simulate(80, 0.5, rng), seed=int(rng.integers(1 << 30)))
        r += found.low <= 0.8 <= found.high
        slope += found.slope_low <= 2 <= found.slope_high
    assert 0.88 <= r / 150 <= 0.99
    assert 0.88 <= slope / 150 <= 0.99


def test_without_errors_nothing_changes():
    x, y, _ = simulate(100, 0.0, np.random.default_rng(3))
    found = run(x, y, 0.0)
    assert found.reliability == 1
    assert found.corrected == found.value
    assert found.corrected_slope == found.slope


def test_too_large_errors_are_told_and_not_corrected():
    x, y, variance = simulate(60, 2.0, np.random.default_rng(4))
    found = run(x, y, variance)
    assert found.corrected is None
    assert found.note == "the errors are too large to correct for"
    assert found.reliability < 0.5


def test_unknown_errors_are_told():
    x, y, variance = simulate(60, 0.3, np.random.default_rng(5))
    variance[:30] = np.nan
    assert run(x, y, variance).note.startswith("50% of the values have an interval")


def test_groups_take_their_variance_with_them():
    """What varies only between groups makes a predictor reliable over all, and not within."""
    rng = np.random.default_rng(6)
    group = np.repeat(np.arange(8), 10)
    x, y, variance = simulate(80, 0.5, rng)
    apart = x + 10.0 * group
    assert run(apart, y, variance).reliability > 0.99
    within = run(apart, y, variance, group)
    assert within.reliability == pytest.approx(run(x, y, variance, group).reliability)


def test_a_95_percent_interval_is_as_many_standard_errors():
    assert error_variances(np.array([-1.959964]), np.array([1.959964])) == pytest.approx([1])
