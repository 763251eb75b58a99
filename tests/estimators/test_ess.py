"""ESS against its definition written out, its reference curve, and scikit-dimension."""

import dataclasses
import itertools

import numpy as np
import pytest
import skdim

from estimators import ESS, EstimationError, Neighbors, nearest_neighbors
from estimators.manifolds import ball, embed, sphere


def naive_skewness(around, d, version):
    """Every set of d + 1 centered neighbors, one by one."""
    vectors = around - around.mean(axis=0)
    above = below = 0.0
    for group in itertools.combinations(vectors, d + 1):
        rows = np.array(group)
        gram = rows @ rows.T
        above += np.sqrt(max(0, np.linalg.det(gram))) if version == "a" else abs(gram[0, 1])
        below += np.prod(np.linalg.norm(rows, axis=1))
    return above / below


@pytest.mark.parametrize(("version", "d"), [("a", 1), ("b", 1), ("a", 2), ("a", 3)])
def test_reads_the_naive_skewness_off_the_curve_of_random_directions(version, d):
    """The curve itself from directions drawn at random: no formula in common."""
    rng = np.random.default_rng(1)
    points = ball(40, 5, rng)
    neighbors = nearest_neighbors(points, 12)
    local = ESS(k=12, d=d, version=version).estimate(neighbors).local
    skewness = [naive_skewness(points[row], d, version) for row in neighbors.indices]
    curve = []
    for dimension in range(max(d, 2), 16):
        directions = sphere(40_000 * (d + 1), dimension - 1, rng).reshape(-1, d + 1, dimension)
        gram = directions @ directions.swapaxes(1, 2)
        drawn = np.sqrt(np.linalg.det(gram).clip(0)) if version == "a" else np.abs(gram[:, 0, 1])
        curve.append(drawn.mean())
    whole = np.arange(max(d, 2), 16)
    order = np.argsort(curve)
    wanted = np.interp(skewness, np.array(curve)[order], whole[order])
    np.testing.assert_allclose(local, wanted, rtol=0.06)
    assert np.mean(local) == pytest.approx(np.mean(wanted), rel=0.02)


@pytest.mark.parametrize("num_units", [4, 60])
@pytest.mark.parametrize(
    ("version", "d", "k"), [("a", 1, 30), ("b", 1, 30), ("a", 2, 12), ("a", 3, 9)]
)
def test_agrees_with_scikit_dimension(num_units, version, d, k):
    """Up to 5,000 sets of neighbors it takes all, as here; beyond, it draws them anew."""
    rng = np.random.default_rng(2)
    points = embed(ball(60, 4, rng), num_units, rng)
    neighbors = nearest_neighbors(points, k)
    peer = skdim.id.ESS(ver=version, d=d, random_state=0).fit(
        points,
        precomputed_knn_arrays=(neighbors.distances, neighbors.indices),
        n_neighbors=k,  # read no more, but checked
    )
    found = ESS(k=k, d=d, version=version).estimate(neighbors)
    np.testing.assert_allclose(found.local, peer.dimension_pw_, rtol=1e-6)
    assert found.dimension == pytest.approx(peer.dimension_, rel=1e-6)


def test_drawn_simplices_say_what_all_of_them_say():
    neighbors = nearest_neighbors(ball(60, 6, np.random.default_rng(3)), 25)
    every = ESS(k=25, d=2).estimate(neighbors)
    drawn = ESS(k=25, d=2, max_simplices=400).estimate(neighbors)
    assert every.settings["num_simplices"] == 2300
    assert drawn.settings["num_simplices"] == 400
    assert drawn.dimension == pytest.approx(every.dimension, rel=0.03)
    assert drawn == ESS(k=25, d=2, max_simplices=400).estimate(neighbors)
    other = ESS(k=25, d=2, max_simplices=400, seed=1).estimate(neighbors)
    assert other.dimension != drawn.dimension


@pytest.mark.parametrize("version", ["a", "b"])
def test_many_more_units_than_neighbors(version):
    """Directions of noise are nearly orthogonal: the end of the curve."""
    points = np.random.default_rng(4).standard_normal((60, 2000))
    found = ESS(k=20, version=version).estimate(nearest_neighbors(points, 20))
    assert 200 < found.dimension < 400  # (k - 1)^2 = 361, up to a factor


@pytest.mark.parametrize("version", ["a", "b"])
def test_a_line_has_one_dimension(version):
    line = np.random.default_rng(5).uniform(size=(60, 1)) * [1.0, 2.0, -3.0]
    found = ESS(k=20, version=version).estimate(nearest_neighbors(line, 20))
    assert found.dimension == pytest.approx(1, abs=1e-6)
    assert found.low < found.dimension < found.high


def test_simplices_see_no_dimension_below_their_own():
    square = np.random.default_rng(6).uniform(size=(60, 2))
    found = ESS(k=15, d=3).estimate(nearest_neighbors(square, 15))
    assert found.dimension == pytest.approx(3, abs=1e-5)


def test_far_from_the_origin_is_the_same():
    points = ball(100, 3, np.random.default_rng(7))
    here, there = (ESS().estimate(nearest_neighbors(points + shift, 64)) for shift in (0, 1e4))
    assert there.dimension == pytest.approx(here.dimension, rel=1e-6)


def test_interval_covers_what_the_method_yields():
    rng = np.random.default_rng(8)
    found = [ESS(k=20).estimate(nearest_neighbors(ball(150, 4, rng), 20)) for _ in range(150)]
    center = np.mean([estimate.dimension for estimate in found])
    covered = np.mean([estimate.low <= center <= estimate.high for estimate in found])
    assert 0.89 <= covered <= 0.99


def test_needs_the_points():
    table = nearest_neighbors(ball(80, 3, np.random.default_rng(9)), 64)
    with pytest.raises(EstimationError, match="the table came without points"):
        ESS().estimate(Neighbors(table.distances, table.indices))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"version": "c"}, "version must be one of a, b, but got 'c'"),
        ({"d": 6}, "`1 <= d <= 5` must hold for version 'a', but got d=6"),
        ({"d": 2, "version": "b"}, "`1 <= d <= 1` must hold for version 'b', but got d=2"),
        ({"k": 2}, "`k >= d \\+ 2` must hold, but got k=2 and d=1"),
        ({"max_simplices": 0}, "got max_simplices=0"),
        ({"average": "median"}, "arithmetic, harmonic, but got 'median'"),
        ({"confidence": 95}, "got confidence=95"),
    ],
)
def test_refuses_settings_out_of_range(arguments, message):
    with pytest.raises(EstimationError, match=message):
        ESS(**arguments)


def test_names_tell_versions_apart():
    assert ESS().name == "ess"
    assert dataclasses.replace(ESS(), version="b").name == "ess_b"
