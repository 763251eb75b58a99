"""Spanning trees read off neighbor tables against trees of all distances."""

import dataclasses

import numpy as np
import pytest
from scipy.sparse.csgraph import minimum_spanning_tree
from scipy.spatial.distance import pdist, squareform

from estimators import EstimationError, nearest_neighbors, spanning
from estimators.manifolds import ball, embed, sphere
from estimators.spanning import spanning_tree_lengths

RNG = np.random.default_rng(0)


def clusters(num_points):
    """Far, tight clusters: most of a tree's points have no list that leads out of it."""
    centers = 100 * RNG.standard_normal((7, 3))
    return centers[np.arange(num_points) % 7] + 0.01 * RNG.standard_normal((num_points, 3))


CLOUDS = {
    "ball": ball(200, 2, RNG),
    "sphere in 40": embed(sphere(150, 6, RNG), 40, RNG),
    "clusters": clusters(150),
    "line": np.geomspace(1, 1e6, 80)[:, None],
    "far out": 1e5 + RNG.standard_normal((120, 5)),
}


def tree_of_all(points):
    return np.sort(minimum_spanning_tree(squareform(pdist(points))).data)


@pytest.mark.parametrize("k", [1, 3, 16, 79])
@pytest.mark.parametrize("name", CLOUDS)
def test_is_the_tree_of_all_distances(name, k, monkeypatch):
    monkeypatch.setattr(spanning, "BLOCK_ROWS", 50)
    points = CLOUDS[name]
    found = spanning_tree_lengths(nearest_neighbors(points, k), np.arange(len(points)))
    np.testing.assert_allclose(np.sort(found), tree_of_all(points), rtol=1e-9)


@pytest.mark.parametrize("k", [2, 30])
@pytest.mark.parametrize("name", CLOUDS)
def test_is_the_tree_of_a_subset(name, k):
    points = CLOUDS[name]
    members = np.sort(RNG.choice(len(points), len(points) // 3, replace=False))
    found = spanning_tree_lengths(nearest_neighbors(points, k), members)
    np.testing.assert_allclose(np.sort(found), tree_of_all(points[members]), rtol=1e-9)


def test_equal_lengths_close_no_ring():
    """On a lattice all edges are 1, and every tree of them has N - 1."""
    lattice = np.stack(np.meshgrid(*[np.arange(6.0)] * 3), -1).reshape(-1, 3)
    for k in (1, 6, 20):
        found = spanning_tree_lengths(nearest_neighbors(lattice, k), np.arange(216))
        np.testing.assert_array_equal(found, np.ones(215))


def test_a_tree_of_one_point_has_no_edge():
    table = nearest_neighbors(np.eye(4), 1)
    assert len(spanning_tree_lengths(table, np.array([2]))) == 0


def test_reads_points_only_where_the_table_ends():
    points = CLOUDS["ball"]
    whole = dataclasses.replace(nearest_neighbors(points, 199), points=None)
    np.testing.assert_allclose(
        np.sort(spanning_tree_lengths(whole, np.arange(200))), tree_of_all(points)
    )
    short = dataclasses.replace(nearest_neighbors(points, 1), points=None)
    with pytest.raises(EstimationError, match="MST needs coordinates"):
        spanning_tree_lengths(short, np.arange(200), "MST")
