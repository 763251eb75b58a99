"""Linear dimension: known spectra, and the Gram matrix against the covariance."""

import numpy as np
import pytest

from estimators import (
    EstimationError,
    Spectrum,
    covariance_spectrum,
    participation_ratio,
    pc_dimension,
)

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("shape", [(50, 8), (8, 50), (20, 20), (21, 20)])
def test_spectrum_is_that_of_the_sample_covariance(shape):
    points = RNG.standard_normal(shape) * np.arange(1, shape[1] + 1) + 100
    found = covariance_spectrum(points)
    reference = np.sort(np.linalg.eigvalsh(np.cov(points, rowvar=False)))[::-1]
    rank = min(shape[0] - 1, shape[1])
    assert len(found.eigenvalues) == rank
    np.testing.assert_allclose(found.eigenvalues, reference[:rank], rtol=1e-9, atol=1e-9)
    assert found.limited_by_points == (shape[0] - 1 < shape[1])


@pytest.mark.parametrize(
    ("eigenvalues", "share", "expected"),
    [
        ([9.0, 0.5, 0.5], 0.9, 1),  # the first alone holds it: 1, not 0
        ([8.0, 1.5, 0.5], 0.9, 2),
        ([1.0, 1.0, 1.0, 1.0], 0.9, 4),
        ([1.0, 1.0, 1.0, 1.0], 1.0, 4),
        ([1.0, 1.0, 1.0, 1.0], 0.5, 2),
    ],
)
def test_pc_dimension_counts_from_one(eigenvalues, share, expected):
    assert pc_dimension(Spectrum(np.array(eigenvalues), 100, 4), share) == expected


def test_participation_ratio_of_equal_variances_is_their_number():
    assert participation_ratio(Spectrum(np.full(7, 2.5), 100, 7)) == pytest.approx(7)


def test_participation_ratio_does_not_depend_on_scale():
    eigenvalues = np.array([5.0, 3.0, 0.1])
    assert participation_ratio(Spectrum(eigenvalues, 9, 3)) == pytest.approx(
        participation_ratio(Spectrum(1e-12 * eigenvalues, 9, 3))
    )


@pytest.mark.parametrize(
    ("points", "message"),
    [
        (np.ones((5, 3)), "all 5 points are equal"),
        (np.ones((1, 3)), "at least 2 points"),
        (np.empty((4, 0)), "at least 2 points of 1 unit"),
        (np.array([[0.0], [np.nan]]), "1 values are not"),
    ],
)
def test_refuses_points_without_a_spectrum(points, message):
    with pytest.raises(EstimationError, match=message):
        covariance_spectrum(points)


def test_refuses_a_share_out_of_range():
    with pytest.raises(EstimationError, match="got share=90"):
        pc_dimension(Spectrum(np.ones(3), 9, 3), share=90)
