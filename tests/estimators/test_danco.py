"""DANCo against its parts written out: likelihood, angles, divergence; and known dimensions."""

import itertools

import numpy as np
import pytest
import skdim
from scipy.integrate import quad
from scipy.optimize import minimize_scalar
from scipy.special import i0, i1
from scipy.stats import vonmises

from estimators import DANCo, EstimationError, Neighbors, nearest_neighbors
from estimators.danco import _concentration, _describe, _Divergence, _sample
from estimators.local import usable_points
from estimators.manifolds import ball, embed, sphere


def naive_angles(point, around):
    """Mean direction in [0, pi] and concentration of the angles between neighbors."""
    vectors = around - point
    angles = [
        np.arccos(a @ b / np.linalg.norm(a) / np.linalg.norm(b))
        for a, b in itertools.combinations(vectors, 2)
    ]
    resultant = np.mean(np.exp(1j * np.array(angles)))
    tau = minimize_scalar(
        lambda t: (i1(t) / i0(t) - abs(resultant)) ** 2, bounds=(0, 100), method="bounded"
    ).x
    return np.angle(resultant), min(tau, 100)


def test_the_three_numbers_are_their_definitions():
    points = np.random.default_rng(1).standard_normal((80, 5))
    neighbors = nearest_neighbors(points, 7)
    numbers, parts = _describe(neighbors, 6, usable_points(neighbors, 7))
    rho = neighbors.distances[:, 0] / neighbors.distances[:, 6]

    def unlikelihood(d):
        return -np.sum(np.log(d) + (d - 1) * np.log(rho) + 5 * np.log(1 - rho**d))

    likeliest = minimize_scalar(unlikelihood, bounds=(0.1, 50), method="bounded").x
    angles = [naive_angles(points[i], points[neighbors.indices[i, :6]]) for i in range(80)]
    wanted = [np.log(likeliest), *np.mean(angles, axis=0)]
    np.testing.assert_allclose([*numbers[:2], np.exp(numbers[2])], wanted, rtol=1e-3)
    np.testing.assert_allclose(parts.mean(axis=0), 0, atol=1e-8)


def test_angles_agree_with_scikit_dimension_where_the_mean_cosine_is_positive():
    """Its nu is atan(S / C), which leaps to below 0; its tau is an approximation to 2%."""
    points = np.random.default_rng(2).uniform(size=(120, 3))
    neighbors = nearest_neighbors(points, 11)
    numbers, parts = _describe(neighbors, 10, usable_points(neighbors, 11))
    nu, tau = numbers[1] + parts[:, 1], np.exp(numbers[2]) * (1 + parts[:, 2])
    peer = skdim.id.DANCo(k=10)
    theirs = []
    for point, row in zip(points, neighbors.indices[:, :10], strict=True):
        units = (points[row] - point) / np.linalg.norm(points[row] - point, axis=1)[:, None]
        theirs.append(peer._ML_VM(np.arccos((units @ units.T)[np.triu_indices(10, 1)])))
    leapt = np.array([law["nu"] for law in theirs]) < 0
    assert 0 < leapt.sum() < 60
    wanted = np.array([law["nu"] for law in theirs]) + np.pi * leapt
    np.testing.assert_allclose(nu, wanted, rtol=1e-6)
    np.testing.assert_allclose(tau, [law["tau"] for law in theirs], rtol=0.02)


def test_likelihood_agrees_with_scikit_dimension():
    points = np.random.default_rng(3).standard_normal((150, 6))
    neighbors = nearest_neighbors(points, 11)
    numbers, _ = _describe(neighbors, 10, usable_points(neighbors, 11))
    peer = skdim.id.DANCo(k=10, ver="MIND_MLk", D=20).fit(points)
    assert np.exp(numbers[0]) == pytest.approx(peer.dimension_, rel=1e-4)  # its tolerance


@pytest.mark.parametrize(
    ("one", "two"), [((4.0, 1.2, 0.7), (6.0, 1.5, 2.0)), ((9.0, 1.6, 5.0), (5.0, 0.9, 30.0))]
)
def test_divergence_is_the_integral(one, two):
    def distance_law(rho, d):
        return 10 * d * rho ** (d - 1) * (1 - rho**d) ** 9

    def information(law, other, low, high):
        return quad(lambda x: law(x) * np.log(law(x) / other(x)), low, high, limit=200)[0]

    wanted = information(
        lambda r: distance_law(r, one[0]), lambda r: distance_law(r, two[0]), 1e-9, 1 - 1e-9
    ) + information(
        lambda t: vonmises.pdf(t, one[2], loc=one[1]),
        lambda t: vonmises.pdf(t, two[2], loc=two[1]),
        -np.pi,
        np.pi,
    )
    triples = [np.array([np.log(d), nu, np.log(tau)]) for d, nu, tau in (one, two)]
    assert _Divergence(10)(*triples) == pytest.approx(wanted, rel=1e-4)
    assert _Divergence(10)(triples[0], triples[0]) == pytest.approx(0, abs=1e-12)


def test_concentration_is_the_inverse():
    tau = np.geomspace(1e-4, 90, 50)
    np.testing.assert_allclose(_concentration(i1(tau) / i0(tau)), tau, rtol=1e-9)
    assert _concentration(np.array([1.0, 0.0])) == pytest.approx([100, 0], abs=1e-6)


@pytest.mark.parametrize("dimension", [1, 2, 4, 12])
def test_interval_covers_the_dimension_of_what_it_is_calibrated_on(dimension):
    """A seed for each, so that the chance in the samples is part of it."""
    rng = np.random.default_rng(4)
    found = [
        DANCo(seed=seed, repeats=1).estimate(nearest_neighbors(ball(120, dimension, rng), 11))
        for seed in range(60)
    ]
    covered = sum(estimate.low <= dimension <= estimate.high for estimate in found)
    assert 51 <= covered <= 60  # 57 expected, off by 3.5 standard deviations at most
    assert np.mean([estimate.dimension for estimate in found]) == pytest.approx(dimension, rel=0.04)


def test_undoes_the_bias_of_distances_in_many_dimensions():
    points = ball(500, 30, np.random.default_rng(5))
    neighbors = nearest_neighbors(points, 11)
    distances_alone, _ = _describe(neighbors, 10, usable_points(neighbors, 11))
    assert np.exp(distances_alone[0]) < 22
    assert DANCo().estimate(neighbors).dimension == pytest.approx(30, rel=0.08)


def test_sphere_is_the_reference_for_spheres():
    rng = np.random.default_rng(6)
    neighbors = nearest_neighbors(embed(sphere(600, 8, rng), 12, rng), 11)
    flat, round_ = (DANCo(reference=r).estimate(neighbors).dimension for r in ("ball", "sphere"))
    assert abs(round_ - 8) < abs(flat - 8)


def test_seed_and_repeats_change_a_little_and_are_kept():
    neighbors = nearest_neighbors(ball(150, 4, np.random.default_rng(7)), 11)
    first, other = (DANCo(seed=seed).estimate(neighbors) for seed in (0, 1))
    assert first.dimension != other.dimension
    assert first.dimension == pytest.approx(other.dimension, rel=0.1)
    assert DANCo(repeats=5).estimate(neighbors).stderr < first.stderr
    before = _sample.cache_info().misses
    assert DANCo().estimate(neighbors) == first
    assert _sample.cache_info().misses == before


def test_needs_the_points():
    table = nearest_neighbors(ball(50, 3, np.random.default_rng(8)), 11)
    with pytest.raises(EstimationError, match="the table came without points"):
        DANCo().estimate(Neighbors(table.distances, table.indices))


def test_needs_more_points_than_neighbors_after_duplicates():
    points = ball(40, 3, np.random.default_rng(9))
    table = nearest_neighbors(np.vstack([points, points[:28]]), 12)
    with pytest.raises(EstimationError, match="`N > 12` must hold, but 12 usable points"):
        DANCo(k=11).estimate(table)


def test_refuses_samples_that_fill_the_memory(monkeypatch):
    table = nearest_neighbors(ball(50, 20, np.random.default_rng(10)), 11)
    monkeypatch.setattr("estimators.danco.MAX_SAMPLE_NUMBERS", 500)
    with pytest.raises(EstimationError, match=r"`d N <= 500` must hold .* 50 points lead to d="):
        DANCo().estimate(table)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"k": 1}, "`k >= 2` must hold, but got k=1"),
        ({"reference": "cube"}, "ball, sphere, but got 'cube'"),
        ({"repeats": 0}, "got repeats=0"),
        ({"confidence": 95}, "got confidence=95"),
    ],
)
def test_refuses_settings_out_of_range(arguments, message):
    with pytest.raises(EstimationError, match=message):
        DANCo(**arguments)
