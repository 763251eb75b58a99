"""Thresholds from nulls: their rates are as set, and noise is no family."""

import numpy as np
import pytest

from estimators.kernel_fit import fit_families
from estimators.kernel_nulls import (
    classify,
    gaussian_kernels,
    null_threshold,
    null_thresholds,
    permuted_kernels,
)
from estimators.kernel_templates import FAMILIES, OTHER
from estimators.kernels import normalize_kernels
from estimators.planted_kernels import plant_kernels


def generator(seed=0):
    return np.random.default_rng(seed)


@pytest.mark.parametrize("size", [3, 5, 7, 9])
@pytest.mark.parametrize("rate", [0.01, 0.1])
def test_white_noise_is_other_but_for_the_rate_set(size, rate):
    """Within four standard errors of both samples, of the null and of fresh noise."""
    threshold = null_threshold(fit_families(gaussian_kernels(size, 8000, generator(1))), rate)
    families = classify(fit_families(gaussian_kernels(size, 8000, generator(2))), threshold)
    error = np.sqrt(2 * rate * (1 - rate) / 8000)
    assert abs((families != OTHER).mean() - rate) < 4 * error


# Share of white kernels whose best r^2 exceeds 0.5: all families at all offsets, and centered.
# With eight fixed templates it is less, see test_master_keys.py.
@pytest.mark.parametrize(
    ("size", "everywhere", "centered"),
    [
        (3, (0.85, 0.91), (0.36, 0.43)),
        (5, (0.012, 0.024), (0.002, 0.007)),
        (7, (0, 0.0005), (0, 0.0005)),
    ],
)
def test_what_noise_looks_like(size, everywhere, centered):
    kernels = gaussian_kernels(size, 10_000, generator(3))
    for half_pixel, (low, high) in ((True, everywhere), (False, centered)):
        share = (fit_families(kernels, half_pixel=half_pixel).best_r2 > 0.5).mean()
        assert low <= share <= high


def test_thresholds_fall_with_size_and_rise_with_freedom():
    found = [
        [
            null_threshold(fit_families(gaussian_kernels(k, 4000, generator(k)), half_pixel=half))
            for k in (3, 5, 7, 9)
        ]
        for half in (True, False)
    ]
    assert (np.diff(found, axis=1) < 0).all()
    assert (np.diff(found, axis=0) < 0).all()


def test_at_most_the_share_set_exceeds_a_null_s_own_threshold():
    fit = fit_families(gaussian_kernels(5, 1000, generator(4)))
    for rate in (0.001, 0.01, 0.25):
        above = (fit.best_r2 > null_threshold(fit, rate)).sum()
        assert above <= rate * 1000
        assert above >= rate * 1000 - 1


def test_pixels_permuted_are_the_same_pixels():
    shapes = gaussian_kernels(5, 50, generator(5))
    permuted = permuted_kernels(shapes, generator(6))
    np.testing.assert_array_equal(
        np.sort(permuted.reshape(50, -1)), np.sort(shapes.reshape(50, -1))
    )
    assert (permuted != shapes).any(axis=(1, 2)).all()
    # Each kernel has an order of its own.
    same = permuted_kernels(np.repeat(shapes[:1], 50, axis=0), generator(6))
    assert len(np.unique(same.reshape(50, -1), axis=0)) == 50


def test_what_each_null_tests():
    """Kernels of one large pixel anywhere: unlike Gaussian noise, but like their own pixels."""
    rng = generator(7)
    kernels = 0.1 * rng.standard_normal((3000, 7, 7))
    kernels.reshape(3000, -1)[np.arange(3000), rng.integers(49, size=3000)] += 1
    shapes = normalize_kernels(kernels).shapes
    thresholds = null_thresholds(shapes, rng, num_gaussian=3000)
    fit = fit_families(shapes)
    assert (classify(fit, thresholds.gaussian) != OTHER).mean() > 0.02
    assert (classify(fit, thresholds.permuted) != OTHER).mean() < 0.025
    assert thresholds.strictest == thresholds.permuted
    assert thresholds.initial is None
    assert (thresholds.size, thresholds.false_positive_rate) == (7, 0.01)


def test_trained_against_initialisation():
    """Kernels that were there before training are not what training made."""
    rng = generator(8)
    initial = np.concatenate([plant_kernels("gaussian", 7, 100, 0.3, rng).kernels,
                              rng.standard_normal((900, 7, 7))])  # fmt: skip
    trained = plant_kernels("first_derivative", 7, 1000, 0.1, rng).kernels
    before, after = (normalize_kernels(kernels).shapes for kernels in (initial, trained))
    thresholds = null_thresholds(after, rng, initial=before, num_gaussian=2000)
    assert thresholds.strictest == thresholds.initial > 0.8
    assert (classify(fit_families(before), thresholds.initial) != OTHER).mean() <= 0.01
    families = classify(fit_families(after), thresholds.initial)
    assert (families == FAMILIES.index("first_derivative")).mean() > 0.95


def test_dead_kernels_don_t_count():
    shapes = gaussian_kernels(5, 200, generator(9))
    with_dead = np.concatenate([shapes, np.zeros((800, 5, 5))])
    assert null_threshold(fit_families(with_dead)) == null_threshold(fit_families(shapes))
    assert (classify(fit_families(with_dead), 0.0)[200:] == OTHER).all()
    thresholds = null_thresholds(np.zeros((5, 5, 5)), generator(), num_gaussian=1000)
    assert np.isnan(thresholds.permuted)
    assert thresholds.strictest == thresholds.gaussian


def test_the_same_generator_gives_the_same_thresholds():
    shapes = gaussian_kernels(5, 300, generator(10))
    first, second = (null_thresholds(shapes, generator(1), num_gaussian=500) for _ in range(2))
    assert first == second


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda fit: null_threshold(fit, 0.0), "`0 < false_positive_rate < 1` must hold"),
        (lambda fit: null_threshold(fit, 1.0), "but got 1.0"),
        (lambda fit: classify(fit, float("nan")), "`0 <= threshold <= 1` must hold, but got nan"),
        (lambda fit: gaussian_kernels(4, 10, generator()), "odd k must hold, but got k=4"),
        (lambda fit: permuted_kernels(np.zeros((0, 5, 5)), generator()), "at least one kernel"),
        (
            lambda fit: null_thresholds(
                np.zeros((2, 5, 5)), generator(), initial=np.zeros((2, 7, 7))
            ),
            r"kernels of one size must be given, but got \(5, 5\) and at initialisation \(7, 7\)",
        ),
    ],
)
def test_wrong_use_is_told(make, message):
    fit = fit_families(gaussian_kernels(5, 10, generator()))
    with pytest.raises(ValueError, match=message):
        make(fit)
