"""Outliers of a profile: found where they are, and nowhere in profiles that are fine."""

import numpy as np
import pytest

from estimators import EstimationError
from estimators.profile import flag_outliers

# Published: VGG-16 fine-tuned on 40 classes (Ansuini et al. 2019), and untrained.
VGG = [30.8, 71.2, 63.9, 47.1, 21.4, 12.67, 8.07, 6.70, 5.33]
VGG_ERRORS = [0.57, 2.4, 2.0, 1.1, 0.6, 0.34, 0.14, 0.14, 0.10]
UNTRAINED = [30, 37, 37, 37, 34, 30, 30, 31, 31]


def test_finds_the_one_that_exposed_a_wrong_input_scale():
    assert flag_outliers([365, 6, 8, 11, 12, 9, 7]).tolist() == [True] + 6 * [False]


@pytest.mark.parametrize("factor", [32, 1 / 32])
@pytest.mark.parametrize("place", range(9))
@pytest.mark.parametrize("profile", [UNTRAINED, VGG])
def test_finds_one_anywhere_high_or_low(place, factor, profile):
    wrong = list(map(float, profile))
    wrong[place] *= factor
    assert np.flatnonzero(flag_outliers(wrong)).tolist() == [place]


@pytest.mark.parametrize("profile", [VGG, VGG[::-1], UNTRAINED, [9.0] * 5, [4, 8, 16, 32, 64]])
def test_flags_nothing_in_a_sound_profile(profile):
    assert not flag_outliers(profile).any()
    assert not flag_outliers(profile, 0.02 * np.array(profile)).any()


def test_published_error_bars_change_nothing():
    assert not flag_outliers(VGG, VGG_ERRORS).any()


def test_a_large_error_bar_excuses():
    values = [9.0, 9.5, 10.0, 45.0, 9.7, 9.2, 9.0]
    errors = [0.3, 0.3, 0.3, 20.0, 0.3, 0.3, 0.3]
    assert flag_outliers(values).sum() == 1
    assert not flag_outliers(values, errors).any()


def test_does_not_depend_on_scale_or_direction():
    rng = np.random.default_rng(0)
    for _ in range(50):
        values = np.exp(rng.standard_normal(12))
        flags = flag_outliers(values)
        np.testing.assert_array_equal(flag_outliers(100 * values), flags)
        np.testing.assert_array_equal(flag_outliers(values[::-1]), flags[::-1])
        np.testing.assert_array_equal(flag_outliers(1 / values), flags)


def test_missing_values_are_passed_over():
    values = [9.0, np.nan, 10.0, 300.0, np.nan, 9.7, 9.2]
    assert np.flatnonzero(flag_outliers(values)).tolist() == [3]


def test_what_is_no_dimension_stands_out():
    assert flag_outliers([9.0, 0.0, -1.0, np.inf, np.nan]).tolist() == [
        False,
        True,
        True,
        True,
        False,
    ]


@pytest.mark.parametrize("values", [[], [5.0], [5.0, 500.0], [5.0, 500.0, 5.0]])
def test_few_values_say_nothing(values):
    assert not flag_outliers(values).any()


def test_refuses_error_bars_of_another_length():
    with pytest.raises(EstimationError, match=r"shapes \(3,\) and \(2,\)"):
        flag_outliers([1.0, 2.0, 3.0], [0.1, 0.1])
