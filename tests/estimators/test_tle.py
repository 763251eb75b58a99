"""TLE against its definition written out, against scikit-dimension, and its odd cases."""

import dataclasses

import numpy as np
import pytest
import skdim

from estimators import TLE, EstimationError, Neighbors, nearest_neighbors
from estimators.manifolds import ball, embed, sphere


def way_to_the_edge(v, w):
    """From v through w until the unit ball around 0 is left: the root of a quadratic."""
    direction = (w - v) / np.linalg.norm(w - v)
    middle = v @ direction
    return -middle + np.sqrt(middle**2 + 1 - v @ v)


def naive_tle(point, around):
    """Distances between neighbors as shares of the way to the edge, pair by pair."""
    vectors = (around - point) / np.linalg.norm(around[-1] - point)
    logs = [2 * np.log(np.linalg.norm(v)) for v in vectors]
    for i, v in enumerate(vectors):
        for w in np.delete(vectors, i, axis=0):
            for start in (v, -v):
                logs.append(np.log(np.linalg.norm(w - start) / way_to_the_edge(start, w)))
    return -1 / np.mean(np.array(logs).sum() / (2 * len(vectors) ** 2))


def test_is_the_definition():
    points = np.random.default_rng(1).standard_normal((60, 4))
    neighbors = nearest_neighbors(points, 8)
    local = TLE(k=8).estimate(neighbors).local
    wanted = [naive_tle(points[i], points[neighbors.indices[i]]) for i in range(60)]
    np.testing.assert_allclose(local, wanted, rtol=1e-9)


@pytest.mark.parametrize("num_units", [4, 60])
def test_agrees_with_scikit_dimension(num_units):
    """Its epsilon is absolute, ours relative: nothing is that near in either case here."""
    rng = np.random.default_rng(2)
    points = embed(ball(150, 4, rng), num_units, rng)
    neighbors = nearest_neighbors(points, 20)
    with np.errstate(all="ignore"):  # it divides 0 by 0 on the way
        peer = skdim.id.TLE().fit(
            points, precomputed_knn_arrays=(neighbors.distances, neighbors.indices)
        )
    found = TLE(k=20).estimate(neighbors)
    np.testing.assert_allclose(found.local, peer.dimension_pw_, rtol=1e-6)
    assert found.dimension == pytest.approx(peer.dimension_, rel=1e-6)


def test_agrees_with_scikit_dimension_where_pairs_are_left_out():
    """Two duplicates among the neighbors of others; r = 1 makes both epsilons the same."""
    rng = np.random.default_rng(3)
    directions = sphere(12, 2, rng)
    around = directions * np.linspace(0.3, 1, 12)[:, None]
    around[4] = around[3]
    points = np.vstack([np.zeros(3), around])
    distances = np.linalg.norm(around, axis=1)
    order = np.argsort(distances, kind="stable")
    with np.errstate(all="ignore"):
        peer = skdim.id.TLE()._idtle(around[order], distances[order][None, :])
    # The same neighborhood, as often as the least number of points wants.
    indices = np.tile(order + 1, (13, 1))
    table = nearest_neighbors(points, 12)
    ours = dataclasses.replace(table, distances=np.tile(distances[order], (13, 1)), indices=indices)
    assert TLE(k=12).estimate(ours).local[0] == pytest.approx(peer, rel=1e-9)


def test_far_from_the_origin_is_the_same():
    points = ball(200, 3, np.random.default_rng(4))
    here = TLE().estimate(nearest_neighbors(points, 20))
    there = TLE().estimate(nearest_neighbors(points + 1e4, 20))
    assert there.dimension == pytest.approx(here.dimension, rel=1e-6)


def test_reads_the_first_neighbors_of_a_longer_table():
    points = ball(150, 3, np.random.default_rng(5))
    short, long = (TLE(k=10).estimate(nearest_neighbors(points, k)) for k in (10, 30))
    assert short.dimension == pytest.approx(long.dimension, rel=1e-12)


def test_harmonic_is_below_arithmetic():
    neighbors = nearest_neighbors(ball(200, 5, np.random.default_rng(6)), 20)
    arithmetic, harmonic = (
        TLE(average=average).estimate(neighbors) for average in ("arithmetic", "harmonic")
    )
    assert harmonic.dimension == pytest.approx(1 / np.mean(1 / arithmetic.local), rel=1e-12)
    assert harmonic.dimension < arithmetic.dimension


def test_interval_covers_what_the_method_yields():
    """Neighborhoods share points, so this is where an error bar that forgets it fails."""
    rng = np.random.default_rng(7)
    found = [TLE().estimate(nearest_neighbors(ball(150, 4, rng), 20)) for _ in range(150)]
    center = np.mean([estimate.dimension for estimate in found])
    covered = np.mean([estimate.low <= center <= estimate.high for estimate in found])
    assert 0.89 <= covered <= 0.99


def test_equally_far_up_to_rounding_is_a_tie():
    """Corners of a turned simplex: every distance the same but for the last digit."""
    rng = np.random.default_rng(8)
    corners = embed(np.eye(12), 20, rng)
    points = np.vstack([corners, 50 + ball(40, 3, rng) @ np.eye(3, 20)])
    found = TLE(k=5).estimate(nearest_neighbors(points, 5))
    assert found.settings["ties_dropped"] == 12
    assert np.isnan(found.local[:12]).all()
    with pytest.raises(EstimationError, match="12 a tie"):
        TLE(k=5).estimate(nearest_neighbors(corners, 5))


def test_needs_the_points():
    table = nearest_neighbors(ball(50, 3, np.random.default_rng(9)), 20)
    with pytest.raises(EstimationError, match="the table came without points"):
        TLE().estimate(Neighbors(table.distances, table.indices))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"k": 1}, "`k >= 2` must hold, but got k=1"),
        ({"epsilon": 0.0}, "got epsilon=0.0"),
        ({"average": "median"}, "arithmetic, harmonic, but got 'median'"),
        ({"confidence": 95}, "got confidence=95"),
    ],
)
def test_refuses_settings_out_of_range(arguments, message):
    with pytest.raises(EstimationError, match=message):
        TLE(**arguments)
