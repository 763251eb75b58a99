"""Kendall's tau: against scipy, and granulated against a grid whose psi is known by hand."""

import itertools

import numpy as np
import pytest
from scipy.stats import binomtest, kendalltau

from sweep.regression.clusters import Clusters
from sweep.regression.kendall import GroupSums, _sums, group_taus, kendall


def alone(num):
    return Clusters(np.arange(num), np.zeros(num, np.int64))


def run(x, y, clusters=None, seed=0):
    rng = np.random.default_rng(seed)
    return kendall(np.asarray(x, float), np.asarray(y, float), clusters or alone(len(x)), 2000, rng)


@pytest.mark.parametrize(("num", "digits"), [(12, 9), (80, 9), (80, 0)])
def test_equals_scipy_ties_or_not(num, digits):
    rng = np.random.default_rng(num)
    x = np.round(rng.normal(size=num), digits)
    y = np.round(0.3 * x + rng.normal(size=num), digits)
    method = "asymptotic" if num > 40 else "auto"
    reference = kendalltau(x, y, method=method)
    found = run(x, y)
    assert found.value == pytest.approx(reference.statistic, abs=1e-12)
    assert found.p_value == pytest.approx(reference.pvalue, abs=0.04 if num == 12 else 1e-9)
    assert found.low < found.value < found.high


def test_variance_under_permutation_is_exact():
    """All 720 orders of six values with ties, one by one."""
    x = np.array([1.0, 1.0, 2.0, 3.0, 5.0, 8.0])
    y = np.array([2.0, 1.0, 1.0, 7.0, 7.0, 3.0])
    taus = [kendalltau(x, y[list(order)]).statistic for order in itertools.permutations(range(6))]
    found = _sums(x, y)
    assert isinstance(found, GroupSums)
    assert np.mean(taus) == pytest.approx(0, abs=1e-12)
    assert found.null_variance == pytest.approx(np.var(taus), rel=1e-9)


def test_psi_is_the_mean_of_the_groups_whatever_lies_between_them():
    """Three groups: all alike, all reversed, one pair of three reversed: (1 - 1 + 1/3) / 3."""
    x = np.array([1, 2, 3, 101, 102, 103, 51, 52, 53], float)
    y = np.array([1, 2, 3, 9, 8, 7, 4, 6, 5], float)
    clusters = Clusters(np.arange(9), np.arange(9) // 3)
    assert group_taus(x, y, clusters) == pytest.approx([1, -1, 1 / 3])
    assert run(x, y, clusters).value == pytest.approx(1 / 9)


def test_seeds_are_averaged_first():
    """Noise between seeds of one network is no evidence of anything."""
    configuration = np.repeat(np.arange(5), 2)
    x = np.repeat(np.arange(5.0), 2) + np.tile([-0.1, 0.1], 5)
    y = np.repeat(np.arange(5.0), 2) + np.tile([0.1, -0.1], 5)
    assert run(x, y, Clusters(configuration, np.zeros(10, np.int64))).value == pytest.approx(1)


def test_where_every_pair_agrees_there_is_no_interval():
    found = run(np.arange(6.0), np.arange(6.0))
    assert found.value == 1
    assert np.isnan(found.low)
    assert found.p_value < 0.01


def test_p_values_are_uniform_where_nothing_is():
    rng = np.random.default_rng(3)
    small = sum(
        kendall(rng.normal(size=60), rng.normal(size=60), alone(60), 100, rng).p_value <= 0.1
        for _ in range(400)
    )
    assert binomtest(small, 400, 0.1).pvalue > 1e-3


@pytest.mark.parametrize("num", [12, 60])
def test_interval_covers(num):
    """Of normal pairs with r = 0.5 tau is (2 / pi) arcsin r = 1/3."""
    rng = np.random.default_rng(4)
    covered = 0
    for _ in range(300):
        x = rng.normal(size=num)
        y = 0.5 * x + np.sqrt(0.75) * rng.normal(size=num)
        found = kendall(x, y, alone(num), 100, rng)
        covered += found.low <= 1 / 3 <= found.high
    assert 0.90 <= covered / 300 <= 0.995
