"""Clustered correlation: against scipy where nothing is clustered, and by its laws where it is."""

import numpy as np
import pytest
from scipy.stats import binomtest, pearsonr, spearmanr

from sweep.regression.correlation import ClusteredSample, correlate

RESAMPLES = 1000


def plain(x, y):
    return ClusteredSample(x, y, np.arange(len(x)), np.zeros(len(x), np.int64))


def run(sample, method="pearson", seed=0):
    return correlate(sample, method, RESAMPLES, np.random.default_rng(seed))


@pytest.fixture
def pair():
    rng = np.random.default_rng(1)
    x = rng.standard_normal(80)
    return x, 0.4 * x + rng.standard_normal(80)


def test_equals_scipy_without_clusters(pair):
    x, y = pair
    pearson, spearman = run(plain(x, y)), run(plain(x, y), "spearman")
    reference = pearsonr(x, y)
    assert pearson.value == pytest.approx(reference.statistic, abs=1e-12)
    assert pearson.p_value == pytest.approx(reference.pvalue, abs=0.01)
    ends = reference.confidence_interval()
    assert (pearson.low, pearson.high) == pytest.approx((ends.low, ends.high), abs=0.06)
    assert pearson.slope == pytest.approx(np.polyfit(x, y, 1)[0])
    assert spearman.value == pytest.approx(spearmanr(x, y).statistic, abs=1e-12)
    assert spearman.slope is None


@pytest.mark.parametrize("method", ["pearson", "spearman"])
def test_laws(pair, method):
    x, y = pair
    value = run(plain(x, y), method)
    assert run(plain(y, x), method).value == pytest.approx(value.value)
    assert run(plain(-3 * x + 7, y), method).value == pytest.approx(-value.value)
    assert run(plain(x, y), method) == value  # the same seed, the same bits
    assert value.low <= value.value <= value.high


def test_spearman_sees_order_alone(pair):
    x, y = pair
    assert run(plain(np.exp(x), y), "spearman") == run(plain(x, y), "spearman")


def test_repeated_seeds_make_nobody_surer():
    """Ten configurations, each run once or twenty times over: the same evidence."""
    rng = np.random.default_rng(2)
    x, y = rng.standard_normal(10), rng.standard_normal(10)
    once = run(plain(x, y))
    configuration = np.repeat(np.arange(10), 20)
    repeated = ClusteredSample(
        np.repeat(x, 20), np.repeat(y, 20), configuration, np.zeros(200, np.int64)
    )
    again = run(repeated)
    assert again.value == pytest.approx(once.value)
    assert again.p_value == pytest.approx(once.p_value, abs=0.06)
    assert again.high - again.low == pytest.approx(once.high - once.low, rel=0.15)
    # Without the clusters it would be.
    assert run(plain(np.repeat(x, 20), np.repeat(y, 20))).p_value < 0.1 * once.p_value


def test_within_groups_the_sign_may_turn():
    """Simpson: up within each group, down between the groups."""
    group = np.repeat(np.arange(5), 6)
    inside = np.tile(np.arange(6.0), 5)
    x, y = 10.0 * group + inside, -20.0 * group + inside
    assert run(plain(x, y)).value < -0.9
    for method in ("pearson", "spearman"):
        found = run(ClusteredSample(x, y, np.arange(30), group), method)
        assert found.value == pytest.approx(1)
        assert found.p_value < 0.01


def test_p_values_are_uniform_where_nothing_is():
    rng = np.random.default_rng(3)
    small = 0
    for _ in range(300):
        sample = ClusteredSample(
            rng.standard_normal(24),
            rng.standard_normal(24),
            np.arange(24) // 2,
            np.arange(24) // 8,
        )
        small += correlate(sample, "pearson", 200, rng).p_value <= 0.1
    assert binomtest(small, 300, 0.1).pvalue > 1e-3


@pytest.mark.parametrize("num_trials", [12, 30, 80])
def test_interval_covers_a_true_correlation(num_trials):
    rng = np.random.default_rng(4)
    truth, covered = 0.6, 0
    for _ in range(400):
        x = rng.standard_normal(num_trials)
        y = truth * x + np.sqrt(1 - truth**2) * rng.standard_normal(num_trials)
        found = correlate(plain(x, y), "pearson", 300, rng)
        covered += found.low <= truth <= found.high
    # Nominal is 0.95; a bootstrap of so few points falls short by a little, never by much.
    assert 0.91 <= covered / 400 <= 0.98


@pytest.mark.parametrize(("num_groups", "size"), [(12, 2), (24, 2), (8, 5), (4, 5), (1, 10)])
def test_interval_covers_with_groups_and_seeds(num_groups, size):
    """Two seeds a configuration, groups apart by more than what is looked for."""
    rng = np.random.default_rng(5)
    group = np.repeat(np.arange(num_groups), 2 * size)
    configuration = np.repeat(np.arange(num_groups * size), 2)
    covered = 0
    for _ in range(300):
        a = rng.standard_normal(num_groups * size)
        b = 0.6 * a + 0.8 * rng.standard_normal(len(a))
        x, y = (
            3 * rng.standard_normal(num_groups)[group]
            + part[configuration]
            + 0.1 * rng.standard_normal(len(group))
            for part in (a, b)
        )
        found = correlate(ClusteredSample(x, y, configuration, group), "pearson", 200, rng)
        covered += found.low <= 0.6 / 1.01 <= found.high
    assert 0.90 <= covered / 300 <= 0.99


def test_says_whether_anything_varies():
    ones = np.ones(6)
    assert not plain(ones * 0.1, np.arange(6.0)).varies()
    assert plain(np.arange(6.0), np.arange(6.0)).varies()
    between = ClusteredSample(
        np.repeat([1.0, 2.0], 3), np.arange(6.0), np.arange(6), np.arange(6) // 3
    )
    assert not between.varies()
