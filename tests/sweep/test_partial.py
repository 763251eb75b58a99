"""Partial correlation: against its closed forms, and what it must not be moved by."""

import numpy as np
import pytest
from scipy.stats import binomtest, rankdata

from sweep.regression.clusters import Clusters
from sweep.regression.draws import Draws
from sweep.regression.partial import partial_correlation


def run(x, y, covariates, group=None, method="pearson", resamples=500, seed=0):
    groups = np.zeros(len(x), np.int64) if group is None else group
    draws = Draws(Clusters(np.arange(len(x)), groups), resamples, seed)
    return partial_correlation(x, y, np.asarray(covariates).reshape(len(x), -1), method, draws)


def closed_form(x, y, z):
    """(r_xy - r_xz r_yz) / sqrt((1 - r_xz^2) (1 - r_yz^2)): Yule 1907."""
    r = np.corrcoef([x, y, z])
    return (r[0, 1] - r[0, 2] * r[1, 2]) / np.sqrt((1 - r[0, 2] ** 2) * (1 - r[1, 2] ** 2))


@pytest.fixture
def triple():
    rng = np.random.default_rng(1)
    z = rng.normal(size=120)
    return z + 0.5 * rng.normal(size=120), z + rng.normal(size=120), z


def test_one_covariate_is_the_closed_form(triple):
    x, y, z = triple
    assert run(x, y, z).value == pytest.approx(closed_form(x, y, z), abs=1e-12)
    ranked = [rankdata(v) for v in triple]
    spearman = run(x, y, z, method="spearman")
    assert spearman.value == pytest.approx(closed_form(*ranked), abs=1e-12)


def test_more_covariates_are_the_correlation_of_residuals(triple):
    x, y, z = triple
    covariates = np.column_stack([z, z**2, np.arange(len(x))])
    design = np.column_stack([np.ones(len(x)), covariates])
    residuals = [v - design @ np.linalg.lstsq(design, v, rcond=None)[0] for v in (x, y)]
    assert run(x, y, covariates).value == pytest.approx(np.corrcoef(residuals)[0, 1], abs=1e-9)


def test_a_common_cause_leaves_nothing(triple):
    x, y, z = triple
    assert np.corrcoef(x, y)[0, 1] > 0.5
    found = run(x, y, z)
    assert found.low < 0 < found.high
    assert found.p_value > 0.01


def test_groups_are_removed_and_scales_do_not_matter(triple):
    x, y, z = triple
    group = np.arange(len(x)) % 4
    found = run(x, y, z, group)
    shifted = run(5 * x + 100.0 * group, y - 30.0 * group, 3 - 7 * z + 11.0 * group, group)
    assert shifted.value == pytest.approx(found.value, abs=1e-9)
    assert (shifted.low, shifted.high) == pytest.approx((found.low, found.high), abs=1e-6)


def test_what_the_covariates_tell_entirely_has_no_partial(triple):
    _, y, z = triple
    assert np.isnan(run(2 * z + 1, y, z).value)


def test_p_values_are_uniform_where_only_the_covariate_tells():
    rng = np.random.default_rng(5)
    small = 0
    for _ in range(300):
        z = rng.normal(size=30)
        x, y = z + rng.normal(size=30), z + rng.normal(size=30)
        small += run(x, y, z, resamples=100, seed=int(rng.integers(1 << 30))).p_value <= 0.1
    assert binomtest(small, 300, 0.1).pvalue > 1e-3


def test_interval_covers():
    """x and y share 0.6 beyond z: the partial correlation is 0.6."""
    rng = np.random.default_rng(6)
    covered = 0
    for _ in range(200):
        z, a = rng.normal(size=(2, 50))
        b = 0.6 * a + 0.8 * rng.normal(size=50)
        found = run(z + a, b - 2 * z, z, resamples=200, seed=int(rng.integers(1 << 30)))
        covered += found.low <= 0.6 <= found.high
    assert 0.90 <= covered / 200 <= 0.99
