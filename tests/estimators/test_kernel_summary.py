"""The numbers of one layer's kernels, counted by hand and against scipy."""

import numpy as np
import pytest
from scipy.stats import binomtest

from estimators.kernel_fit import fit_families
from estimators.kernel_nulls import classify, gaussian_kernels
from estimators.kernel_summary import summarize_kernels, wilson_interval
from estimators.kernel_templates import FAMILIES
from estimators.kernels import normalize_kernels
from estimators.planted_kernels import plant_kernels


def summary(kernels, threshold=0.5, **options):
    found = normalize_kernels(kernels)
    fit = fit_families(found.shapes)
    return summarize_kernels(fit, classify(fit, threshold), found.mean_share, **options)


def test_shares_of_a_planted_layer():
    rng = np.random.default_rng(0)
    kernels = np.concatenate([
        plant_kernels("on_center", 7, 30, 0.0, rng).kernels,
        plant_kernels("second_derivative", 7, 10, 0.0, rng).kernels,
        rng.standard_normal((50, 7, 7)),
        np.zeros((10, 7, 7)),
    ])  # fmt: skip
    null = classify(fit_families(gaussian_kernels(7, 100, rng)), 0.5)
    found = summary(kernels, null_families=null)
    expected = np.zeros(len(FAMILIES))
    expected[FAMILIES.index("on_center")] = 30 / 90
    expected[FAMILIES.index("second_derivative")] = 10 / 90
    np.testing.assert_allclose(found.family_shares, expected)
    assert found.classified == pytest.approx(40 / 90)
    assert found.null_classified == 0
    assert (found.num_kernels, found.num_dead, found.dead_share) == (100, 10, 0.1)
    entropy = -(0.75 * np.log(0.75) + 0.25 * np.log(0.25))
    assert found.entropy == pytest.approx(entropy)
    assert found.normalized_entropy == pytest.approx(entropy / np.log(10))
    assert found.orientations.sum() == 10
    low, high = found.classified_interval
    assert low < 40 / 90 < high
    assert (found.family_intervals[:, 0] <= expected).all()
    assert (found.family_intervals[:, 1] >= expected).all()


@pytest.mark.parametrize("turn", range(8))
def test_orientations_are_centred_on_the_axes(turn):
    """All kernels turned alike fall into one bin, whichever way they rise."""
    angle = turn * np.pi / 8 + np.random.default_rng(turn).uniform(-0.15, 0.15, 20)
    places = np.arange(7) - 3.0
    x, y = places, places[:, None]
    u = x * np.cos(angle)[:, None, None] + y * np.sin(angle)[:, None, None]
    edges = u * np.exp(-(x**2 + y**2) / 3)
    found = summary(np.concatenate([edges, -edges]))
    assert found.orientations[turn] == 40


def test_median_margin_and_dc_share():
    kernels = np.random.default_rng(1).standard_normal((51, 5, 5)) + 0.3
    normalized = normalize_kernels(kernels)
    fit = fit_families(normalized.shapes)
    found = summarize_kernels(fit, classify(fit, 0.9), normalized.mean_share)
    assert found.null_classified is None
    assert found.median_r2 == np.median(fit.r2.max(axis=1))
    assert found.median_margin == np.median(fit.margin)
    assert found.mean_dc_share == pytest.approx(normalized.mean_share.mean())


def test_nothing_alive_or_classified_is_nan_not_a_crash():
    dead = summary(np.zeros((3, 5, 5)))
    assert dead.dead_share == 1
    assert np.isnan([dead.classified, dead.median_r2, dead.entropy, dead.mean_dc_share]).all()
    assert np.isnan(dead.family_shares).all()
    noise = summary(np.random.default_rng(0).standard_normal((5, 5, 5)), threshold=0.999)
    assert noise.classified == 0
    assert np.isnan(noise.entropy)
    assert noise.classified_interval[0] == 0


@pytest.mark.parametrize(("count", "total"), [(0, 10), (3, 10), (10, 10), (1, 1000), (1, 1)])
@pytest.mark.parametrize("confidence", [0.8, 0.95])
def test_wilson_is_that_of_scipy(count, total, confidence):
    expected = binomtest(count, total).proportion_ci(confidence, "wilson")
    assert wilson_interval(count, total, confidence) == pytest.approx(tuple(expected), abs=1e-12)


def test_wrong_use_is_told():
    with pytest.raises(ValueError, match="`0 < confidence < 1` must hold, but got confidence=1"):
        wilson_interval(1, 2, 1.0)
    with pytest.raises(ValueError, match="`0 <= count <= total` must hold, but got count=3"):
        wilson_interval(3, 2)
    kernels = normalize_kernels(np.random.default_rng(0).standard_normal((4, 5, 5)))
    fit = fit_families(kernels.shapes[:3])
    with pytest.raises(ValueError, match="of the same kernels, but got 3, 3 and 4"):
        summarize_kernels(fit, classify(fit, 0.5), kernels.mean_share)
