"""Linear dimension: known spectra, and the Gram matrix against the covariance."""

import itertools

import numpy as np
import pytest

from estimators import (
    EstimationError,
    Points,
    Spectrum,
    alpha_req,
    covariance_spectrum,
    effective_rank,
    participation_ratio,
    participation_ratio_corrected,
    pc_dimension,
    rankme,
    scatter,
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
        (np.array([[0.0], [np.nan]]), "1 values in 1 of 2 points are NaN"),
    ],
)
def test_refuses_points_without_a_spectrum(points, message):
    with pytest.raises(EstimationError, match=message):
        covariance_spectrum(points)


def test_refuses_a_share_out_of_range():
    with pytest.raises(EstimationError, match="got share=90"):
        pc_dimension(Spectrum(np.ones(3), 9, 3), share=90)


@pytest.mark.parametrize("shape", [(60, 7), (7, 60), (30, 30)])
def test_blocks_read_one_at_a_time_give_the_same(shape, monkeypatch):
    points = RNG.standard_normal(shape) + 5
    whole = covariance_spectrum(points, uncentered=True)
    monkeypatch.setattr(scatter, "BLOCK_NUMBERS", 4 * shape[1])
    parts = covariance_spectrum(Points(np.array_split(points, 3)), uncentered=True)
    np.testing.assert_allclose(parts.eigenvalues, whole.eigenvalues, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(parts.uncentered, whole.uncentered, rtol=1e-9, atol=1e-12)
    for name in ("points_fourth", "units_squared", "units_fourth"):
        assert getattr(parts.moments, name) == pytest.approx(getattr(whole.moments, name))


@pytest.mark.parametrize("shape", [(40, 8), (8, 40)])
def test_uncentered_eigenvalues_are_those_of_the_raw_points(shape):
    points = RNG.standard_normal(shape) + 2
    found = covariance_spectrum(points, uncentered=True).uncentered
    expected = np.linalg.svd(points, compute_uv=False) ** 2 / shape[0]
    np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_a_far_offset_costs_nothing():
    points = RNG.standard_normal((50, 5))
    near, far = covariance_spectrum(points), covariance_spectrum(points + 1e6)
    np.testing.assert_allclose(far.eigenvalues, near.eigenvalues, rtol=1e-8)


def average_over_four_points(points):
    """The U-statistics themselves, over all ordered choices of four points; per unit too."""
    squared_trace, square, own = [], [], []
    for a, b, c, d in itertools.permutations(points, 4):
        first, second = a - b, c - d
        squared_trace.append((first @ first) * (second @ second) / 4)
        square.append((first @ second) ** 2 / 4)
        own.append((first**2 * second**2).sum() / 4)
    return np.mean(squared_trace), np.mean(square), np.mean(own)


@pytest.mark.parametrize("shape", [(7, 3), (6, 10), (4, 2)])
def test_corrected_ratio_is_that_of_the_averages_over_four_points(shape):
    points = RNG.exponential(size=shape) * np.arange(1, shape[1] + 1) + 3
    squared_trace, square, own = average_over_four_points(points)
    spectrum = covariance_spectrum(points)
    assert participation_ratio_corrected(spectrum) == pytest.approx(squared_trace / square)
    if square > own:
        found = participation_ratio_corrected(spectrum, units_are_sample=True)
        assert found == pytest.approx((squared_trace - own) / (square - own))


def test_averages_over_four_points_are_unbiased():
    """For a skewed distribution with a mean: 1,000 samples of 5 points."""
    rng = np.random.default_rng(1)
    scales = np.array([3.0, 2.0, 1.0])
    samples = rng.exponential(size=(1000, 5, 3)) * scales + 7
    found = np.array([average_over_four_points(points) for points in samples])
    variances = scales**2
    expected = [variances.sum() ** 2, (variances**2).sum(), (variances**2).sum()]
    error = found.std(axis=0) / np.sqrt(len(found))
    assert (np.abs(found.mean(axis=0) - expected) < 4 * error).all()


@pytest.mark.parametrize("num_points", [40, 100])
def test_correction_removes_the_bias_of_few_points(num_points):
    rng = np.random.default_rng(2)
    scales = np.arange(1, 61) ** -0.3
    truth = (scales**2).sum() ** 2 / (scales**4).sum()
    plain, corrected = [], []
    for _ in range(200):
        spectrum = covariance_spectrum(rng.standard_normal((num_points, 60)) * scales)
        plain.append(participation_ratio(spectrum))
        corrected.append(participation_ratio_corrected(spectrum))
    assert np.mean(plain) == pytest.approx(1 / (1 / truth + 1 / num_points), rel=0.03)
    # Measured over 400 repeats: 1.5% too high at N=40, 1% at N=100 (a ratio of two estimates).
    assert np.mean(corrected) == pytest.approx(truth, rel=0.03)


def test_units_as_a_sample_stand_for_the_many_they_are_drawn_from():
    """Random linear readouts of 20 equal variances: with all units the ratio is 20."""
    rng = np.random.default_rng(3)
    found = []
    for _ in range(60):
        points = rng.standard_normal((100, 20)) @ rng.standard_normal((20, 40))
        spectrum = covariance_spectrum(points)
        found.append(participation_ratio_corrected(spectrum, units_are_sample=True))
    assert np.mean(found) == pytest.approx(20, rel=0.05)
    assert participation_ratio_corrected(spectrum) < 15


def test_corrected_ratio_does_not_depend_on_scale():
    points = RNG.standard_normal((30, 10))
    found = [participation_ratio_corrected(covariance_spectrum(s * points)) for s in (1, 1e-60)]
    assert found[0] == pytest.approx(found[1])


def entropy_rank(shares):
    return np.exp(-sum(p * np.log(p) for p in shares if p > 0))


@pytest.mark.parametrize("shape", [(80, 12), (12, 80)])
def test_ranks_are_those_of_the_singular_values(shape):
    points = RNG.standard_normal(shape) * np.geomspace(1, 0.1, shape[1]) + 0.5
    spectrum = covariance_spectrum(points, uncentered=True)
    centered = np.linalg.svd(points - points.mean(axis=0), compute_uv=False)
    rank = min(shape[0] - 1, shape[1])
    expected = entropy_rank(centered[:rank] / centered[:rank].sum())
    assert effective_rank(spectrum) == pytest.approx(expected, rel=1e-9)
    raw = np.linalg.svd(points, compute_uv=False)
    assert rankme(spectrum) == pytest.approx(entropy_rank(raw / raw.sum() + 1e-7), rel=1e-9)


def test_dead_units_add_no_rank():
    points = np.hstack([RNG.standard_normal((90, 4)), np.ones((90, 30))])
    spectrum = covariance_spectrum(points)
    alive = covariance_spectrum(points[:, :4])
    assert effective_rank(spectrum) == pytest.approx(effective_rank(alive))


def test_alpha_req_leaves_out_what_breaks_the_law():
    law = np.arange(1, 301.0) ** -0.8
    bent = np.where(np.arange(300) < 10, 50.0, law)
    bent[100:] *= 1e-3
    assert alpha_req(Spectrum(bent, 1000, 300)) == pytest.approx(0.8)
    assert alpha_req(Spectrum(bent, 1000, 300), first=1, last=300) > 1


def test_alpha_req_is_the_weighted_fit():
    eigenvalues = np.sort(RNG.exponential(size=60))[::-1]
    ranks = np.arange(11, 61)
    design = np.column_stack([-np.log(ranks), np.ones(50)]) / np.sqrt(ranks)[:, None]
    expected = np.linalg.lstsq(design, np.log(eigenvalues[10:]) / np.sqrt(ranks), rcond=None)[0]
    assert alpha_req(Spectrum(eigenvalues, 100, 60)) == pytest.approx(expected[0])


@pytest.mark.parametrize(
    ("quantity", "message"),
    [
        (participation_ratio_corrected, r"make the spectrum by covariance_spectrum\(points\)"),
        (rankme, "uncentered=True"),
        (alpha_req, "ranks 11 to 100 needs 10 eigenvalues there, but there are 3 in all"),
        (lambda s: alpha_req(s, first=0), "got first=0 and last=100"),
        (lambda _: participation_ratio_corrected(covariance_spectrum(np.eye(3))), "got N=3"),
        (
            lambda _: participation_ratio_corrected(covariance_spectrum(np.eye(9))),
            "must be positive, but N=9",
        ),
    ],
)
def test_says_what_a_quantity_lacks(quantity, message):
    with pytest.raises(EstimationError, match=message):
        quantity(Spectrum(np.array([3.0, 2.0, 1.0]), 100, 3))
