"""Few points of very many units: the spectrum and the neighbors from one pass over the units."""

import numpy as np
import pytest
import torch

from estimators import (
    EstimationError,
    Points,
    covariance_spectrum,
    effective_rank,
    exact,
    gram,
    nearest_neighbors,
    neighbors,
    participation_ratio_corrected,
    pc_dimension,
    rankme,
    scatter,
)
from estimators.gram import gram_of

RNG = np.random.default_rng(0)


def layer(num_points=120, num_units=5000, rng=RNG):
    """ReLU of a 20-dimensional Gaussian mapped to the units, with noise."""
    points = rng.standard_normal((num_points, 20)) @ rng.standard_normal((20, num_units))
    points += 0.3 * rng.standard_normal(points.shape)
    return np.maximum(points, 0).astype(np.float32)


CASES = {
    "behind a ReLU": layer(),
    "far from the origin": (1e4 + RNG.standard_normal((60, 3000))).astype(np.float32),
    "dead units": np.hstack([layer(40, 2000), np.full((40, 2500), 3.0, np.float32)]),
    "tiny": 1e-33 * layer(30, 3000),
    "huge": 1e36 * layer(30, 3000),
    "a huge unit": np.hstack([layer(30, 2000), np.full((30, 1), 1.7e30, np.float32)]),
    "float64": layer(40, 3000).astype(np.float64) + 1e6,
    "fewer units than a chunk": layer(25, 70),
}


@pytest.fixture
def always_wide(monkeypatch):
    """As if every number of points and units were worth it."""
    monkeypatch.setattr(scatter, "MOST_IN_DOUBLE", 0)
    monkeypatch.setattr(neighbors, "WIDE_NUMBERS", 0)
    monkeypatch.setattr(neighbors, "WIDE_NUMBERS_IN_DOUBLE", 0)


@pytest.mark.parametrize("name", CASES)
def test_products_and_moments_are_those_of_float64(name):
    points = CASES[name].astype(np.longdouble)  # far points lose digits in float64 too
    found = gram_of(Points(CASES[name]))
    mean = points.mean(axis=0)
    centered = points - mean
    expected = np.asarray(centered @ centered.T, np.float64)
    norms = np.sqrt(expected.diagonal())
    scale = np.abs(points).max()
    error = found.products.numpy() - expected
    assert (np.abs(error) <= found.gamma * np.outer(norms, norms) + found.floor).all()
    bound = found.noise * expected.diagonal().max() + len(points) * found.floor
    assert np.abs(np.linalg.eigvalsh(error)).max() <= bound
    np.testing.assert_allclose(found.mean, mean, atol=1e-7 * float(scale))
    longest = float(norms.max() * np.sqrt(mean @ mean))
    np.testing.assert_allclose(found.tilt, centered @ mean, atol=1e-5 * longest)
    squares = (centered / scale) ** 2  # so that powers stay in range
    assert found.units_squared / scale**4 == pytest.approx((squares.sum(axis=0) ** 2).sum(), 1e-5)
    assert found.units_fourth / scale**4 == pytest.approx((squares**2).sum(), 1e-5)
    assert found.reach == scale


def test_spectrum_is_that_of_float64_to_a_millionth(always_wide, monkeypatch):
    points = layer(200, 20_000)
    found = covariance_spectrum(points, uncentered=True)
    monkeypatch.setattr(scatter, "MOST_IN_DOUBLE", 1e30)
    expected = covariance_spectrum(points, uncentered=True)
    for own, other, noise in zip(
        (found.eigenvalues, found.uncentered),
        (expected.eigenvalues, expected.uncentered),
        found.noise,
        strict=True,
    ):
        assert 0 < np.abs(own - other).max() < noise < 1e-6 * other.sum()
    assert expected.noise == (0, 0)
    assert pc_dimension(found) == pc_dimension(expected)
    for quantity in (participation_ratio_corrected, effective_rank, rankme):
        assert quantity(found) == pytest.approx(quantity(expected), rel=1e-6)
    found, expected = (
        participation_ratio_corrected(spectrum, units_are_sample=True)
        for spectrum in (found, expected)
    )
    assert found == pytest.approx(expected, rel=1e-5)


def test_rounding_of_products_adds_no_rank(always_wide):
    rng = np.random.default_rng(1)
    flat = rng.standard_normal((100, 4)) @ rng.standard_normal((4, 20_000))
    found = covariance_spectrum(flat.astype(np.float32), uncentered=True)
    expected = covariance_spectrum(flat)
    assert effective_rank(found) == pytest.approx(effective_rank(expected), rel=1e-4)
    assert rankme(found) < 4.1


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_blocks_change_no_bit(always_wide, monkeypatch, dtype):
    points = layer(90, 3000).astype(dtype)
    monkeypatch.setattr(gram, "READ_NUMBERS", {"cpu": 90 * 1024})
    whole = covariance_spectrum(points, uncentered=True)
    order = RNG.permutation(90)
    shuffled = Points(np.array_split(points[order], 5)).take(np.argsort(order))
    monkeypatch.setattr(gram, "READ_NUMBERS", {"cpu": 1 << 23})
    for parts in (Points(np.array_split(points, 7)), Points([points[:1], points[1:]]), shuffled):
        found = covariance_spectrum(parts, uncentered=True)
        np.testing.assert_array_equal(found.eigenvalues, whole.eigenvalues)
        np.testing.assert_array_equal(found.uncentered, whole.uncentered)
        assert found.moments == whole.moments


@pytest.mark.parametrize("name", CASES)
def test_neighbors_are_the_same_to_the_bit(always_wide, name, monkeypatch):
    points = Points(CASES[name])
    found = [nearest_neighbors(points, k) for k in (2, 10)]
    assert points.gram is not None
    for name_ in ("WIDE_NUMBERS", "WIDE_NUMBERS_IN_DOUBLE"):
        monkeypatch.setattr(neighbors, name_, 1e30)
    for table in found:
        expected = nearest_neighbors(CASES[name], table.num_neighbors)
        assert expected.precision == "float64"
        np.testing.assert_array_equal(table.distances, expected.distances)
        np.testing.assert_array_equal(table.indices, expected.indices)


def test_what_float32_cannot_tell_apart_goes_to_float64(always_wide, monkeypatch):
    rng = np.random.default_rng(2)
    clusters = np.repeat(rng.standard_normal((2, 2000)), 60, axis=0)
    points = (clusters + 1e-4 * rng.standard_normal(clusters.shape)).astype(np.float32)
    found = nearest_neighbors(points, 1)
    assert found.precision == "float64"
    monkeypatch.setattr(neighbors, "WIDE_NUMBERS_IN_DOUBLE", 1e30)
    expected = nearest_neighbors(points, 1, precision="float64")
    np.testing.assert_array_equal(found.indices, expected.indices)
    np.testing.assert_array_equal(found.distances, expected.distances)


def test_copies_are_neighbors_at_no_distance(always_wide):
    points = np.repeat(layer(100, 700), 3, axis=0)
    found = nearest_neighbors(points, 4)
    assert (found.distances[:, :2] == 0).all()
    assert (found.distances[:, 2:] > 0).all()
    np.testing.assert_array_equal(found.indices[3, :2], [4, 5])


def test_the_spectrum_spares_the_neighbors_their_products(always_wide, monkeypatch):
    points = Points(layer())
    covariance_spectrum(points)
    monkeypatch.setattr(gram, "gram_of", None)  # would fail
    assert nearest_neighbors(points, 2).precision == "float32"
    assert points.take(np.arange(50)).gram is None


def test_shortcuts_of_the_caller_are_not_taken():
    points = layer()
    expected = gram_of(Points(points)).products
    mkldnn = torch.backends.mkldnn.matmul
    before = mkldnn.fp32_precision
    try:
        mkldnn.fp32_precision = "bf16"
        with torch.autocast("cpu", dtype=torch.bfloat16):
            found = gram_of(Points(points)).products
    finally:
        mkldnn.fp32_precision = before
    assert torch.equal(found, expected)


@pytest.mark.parametrize(
    ("points", "message"),
    [
        (np.ones((5, 3000)), "all 5 points are equal"),
        (np.full((5, 3000), 0.1, np.float32), "all 5 points are equal"),
        (np.where(np.eye(4, 3000) > 0, np.nan, 1), "4 values in 4 of 4 points are NaN"),
        (np.full((3, 10), np.inf, np.float32), "30 values in 3 of 3 points are NaN"),
    ],
)
def test_refuses_points_without_a_spectrum(always_wide, points, message):
    with pytest.raises(EstimationError, match=message):
        covariance_spectrum(points)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("num_units", [4000, 8192 * 16 + 17, 8192 * 16 + 83, 300_000])
def test_pairs_are_measured_to_the_same_bits_one_by_one(monkeypatch, num_units, dtype):
    points = layer(8, num_units) * np.float32(1e-12)
    blocks = Points(np.array_split(points, 3))
    low, high = torch.triu_indices(8, 8, 1)
    monkeypatch.setattr(exact, "WIDE_UNITS", 1)
    found = exact.measure_pairs(blocks, high, low, dtype)
    monkeypatch.setattr(exact, "WIDE_UNITS", 1 << 30)
    assert torch.equal(found, exact.measure_pairs(Points(points), low, high, dtype))


@pytest.mark.gpu
def test_a_gpu_finds_the_same(always_wide):
    points = layer()
    found = Points(points, "cuda")
    spectrum = covariance_spectrum(found)
    expected = covariance_spectrum(points)
    np.testing.assert_allclose(spectrum.eigenvalues, expected.eigenvalues, rtol=1e-5)
    np.testing.assert_array_equal(
        nearest_neighbors(found, 2).indices, nearest_neighbors(points, 2).indices
    )
