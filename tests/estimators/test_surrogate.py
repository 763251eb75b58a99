"""Surrogates have the covariance they claim, and the dimension of their linear span."""

import numpy as np
import pytest

from estimators import (
    EstimationError,
    Points,
    TwoNN,
    covariance_spectrum,
    nearest_neighbors,
    scatter,
    surrogate_coordinates,
)
from estimators.manifolds import embed, swiss_roll
from estimators.surrogate import gaussian_surrogate

RNG = np.random.default_rng(0)


def unequal(num_points, num_units):
    basis, _ = np.linalg.qr(RNG.standard_normal((num_units, num_units)))
    scales = np.geomspace(3, 0.03, num_units)
    return RNG.exponential(size=(num_points, num_units)) * scales @ basis + 10


@pytest.mark.parametrize("shape", [(60, 8), (8, 60)])
def test_matched_has_the_sample_covariance(shape):
    points = unequal(*shape)
    drawn = gaussian_surrogate(points, 200_000, rng=np.random.default_rng(1))
    covariance = np.cov(points, rowvar=False)
    scale = np.trace(covariance)
    np.testing.assert_allclose(np.cov(drawn, rowvar=False), covariance, atol=0.006 * scale)
    np.testing.assert_allclose(
        drawn.mean(axis=0), points.mean(axis=0), atol=5 * np.sqrt(scale / 200_000)
    )


@pytest.mark.parametrize("shape", [(60, 8), (8, 60)])
def test_matched_has_its_spectrum_to_the_smallest(shape):
    """In the principal directions all variances are 1, the small ones too."""
    points = unequal(*shape)
    drawn = gaussian_surrogate(points, 50_000, rng=np.random.default_rng(2))
    rank = min(shape[0] - 1, shape[1])
    _, sizes, directions = np.linalg.svd(points - points.mean(axis=0), full_matrices=False)
    scaled = (drawn - points.mean(axis=0)) @ directions[:rank].T
    scaled /= sizes[:rank] / np.sqrt(shape[0] - 1)
    np.testing.assert_allclose(np.cov(scaled, rowvar=False), np.eye(rank), atol=0.04)


@pytest.mark.parametrize("shape", [(60, 8), (8, 60)])
def test_compatibility_mode_is_the_flat_one_of_the_paper(shape):
    points = unequal(*shape)
    _, sizes, directions = np.linalg.svd(points - points.mean(axis=0), full_matrices=False)
    rank = min(shape[0] - 1, shape[1])
    sizes, directions = sizes[:rank], directions[:rank]
    rng = np.random.default_rng(3)
    drawn = gaussian_surrogate(points, 50_000, rng=rng, mode="ansuini2019")
    covariance = np.cov((drawn - drawn.mean(axis=0)) @ directions.T, rowvar=False)
    outer = np.sqrt(np.outer(sizes, sizes))
    np.testing.assert_allclose(covariance / outer, np.eye(rank), atol=0.04)
    # Variances range over the square root of what they should.
    assert covariance[0, 0] / covariance[-1, -1] == pytest.approx(sizes[0] / sizes[-1], rel=0.1)


def test_lies_in_the_span_of_the_points():
    points = embed(RNG.standard_normal((30, 3)), 200, RNG) + 5
    span = np.linalg.svd(points - points.mean(axis=0), full_matrices=False)[2][:3]
    for mode in ("matched", "ansuini2019"):
        drawn = gaussian_surrogate(points, 50, rng=np.random.default_rng(4), mode=mode)
        rest = drawn - points.mean(axis=0)
        rest -= rest @ span.T @ span
        assert np.abs(rest).max() < 1e-6


def test_blocks_read_one_at_a_time_give_the_same(monkeypatch):
    for shape in ((40, 6), (6, 40)):
        points = unequal(*shape)
        for mode in ("matched", "ansuini2019"):
            whole = gaussian_surrogate(points, 20, rng=np.random.default_rng(5), mode=mode)
            parts = gaussian_surrogate(
                Points(np.array_split(points, 3)), 20, rng=np.random.default_rng(5), mode=mode
            )
            np.testing.assert_allclose(parts, whole, atol=1e-9)
    monkeypatch.setattr(scatter, "BLOCK_NUMBERS", 40)
    small = gaussian_surrogate(points, 100_000, rng=np.random.default_rng(6))
    covariance = np.cov(points, rowvar=False)
    np.testing.assert_allclose(
        np.cov(small, rowvar=False), covariance, atol=0.01 * np.trace(covariance)
    )


def dimension(points):
    return TwoNN().estimate(nearest_neighbors(points, 2)).dimension


def test_unrolls_a_swiss_roll():
    """Dimension 2 curved in 3: with only its covariance left it fills 3."""
    roll = swiss_roll(2000, RNG)
    assert dimension(roll) == pytest.approx(2, rel=0.08)
    drawn = gaussian_surrogate(roll, rng=np.random.default_rng(7))
    assert drawn.shape == roll.shape
    assert dimension(drawn) == pytest.approx(3, rel=0.08)


def test_a_curved_manifold_has_a_surrogate_of_larger_dimension():
    """A curve of waves through 40 units; the flat compatibility mode exaggerates."""
    phase = RNG.uniform(size=(1500, 1))
    waves = np.arange(1, 21) * 2 * np.pi
    heights = 1 / np.arange(1, 21)
    curve = np.hstack([heights * np.cos(phase * waves), heights * np.sin(phase * waves)])
    matched = dimension(gaussian_surrogate(curve, rng=np.random.default_rng(8)))
    flat = dimension(gaussian_surrogate(curve, rng=np.random.default_rng(8), mode="ansuini2019"))
    assert dimension(curve) < 1.3
    assert matched > 4
    assert flat > 1.2 * matched


def test_defaults_to_as_many_points_and_to_the_same_bits():
    points = unequal(25, 4)
    first = gaussian_surrogate(points, rng=np.random.default_rng(9))
    np.testing.assert_array_equal(first, gaussian_surrogate(points, rng=np.random.default_rng(9)))
    assert first.shape == (25, 4)


@pytest.mark.parametrize(
    ("points", "arguments", "message"),
    [
        (np.eye(4), {"mode": "best"}, "matched, ansuini2019, but got 'best'"),
        (np.eye(4), {"num_points": 0}, "got num_points=0"),
        (np.ones((4, 2)), {}, "all 4 points are equal"),
        (np.ones((1, 2)), {}, "at least 2 points"),
        (np.array([[0.0], [np.inf]]), {}, "1 values in 1 of 2 points"),
    ],
)
def test_refuses_what_has_no_surrogate(points, arguments, message):
    with pytest.raises(EstimationError, match=message):
        gaussian_surrogate(points, rng=RNG, **arguments)


@pytest.mark.parametrize("mode", ["matched", "ansuini2019"])
@pytest.mark.parametrize("shape", [(60, 8), (8, 60)])
def test_principal_coordinates_have_the_same_distances(shape, mode):
    """All that a dimension depends on: their quantiles agree with those of the whole draw."""
    points = unequal(*shape)
    whole = gaussian_surrogate(points, 40_000, rng=np.random.default_rng(10), mode=mode)
    drawn = surrogate_coordinates(
        covariance_spectrum(points), 40_000, rng=np.random.default_rng(11), mode=mode
    )
    assert drawn.shape[1] == min(shape[0] - 1, shape[1])
    shares = [0.05, 0.1, 0.3, 0.5, 0.7, 0.9, 0.95]
    expected, found = (
        np.quantile(np.linalg.norm(p[:20_000] - p[20_000:], axis=1), shares) for p in (whole, drawn)
    )
    np.testing.assert_allclose(found, expected, rtol=0.06)
    assert dimension(drawn[:3000]) == pytest.approx(dimension(whole[:3000]), rel=0.1)


def test_a_gaussian_is_its_own_surrogate():
    points = embed(RNG.standard_normal((2000, 5)) * [3, 2, 1, 1, 0.5], 40, RNG)
    drawn = surrogate_coordinates(covariance_spectrum(points), rng=np.random.default_rng(12))
    assert drawn.shape == (2000, 5)  # the other directions are rounding
    assert dimension(drawn) == pytest.approx(dimension(points), rel=0.1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [({"mode": "best"}, "but got 'best'"), ({"num_points": 0}, "got num_points=0")],
)
def test_coordinates_refuse_the_same(arguments, message):
    with pytest.raises(EstimationError, match=message):
        surrogate_coordinates(covariance_spectrum(np.eye(4)), rng=RNG, **arguments)
