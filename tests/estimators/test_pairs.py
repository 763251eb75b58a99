"""Pairs counted in tiles against all distances at once; the jackknife against recomputing."""

import numpy as np
import pytest
import torch

from estimators import EstimationError, Neighbors, Points, nearest_neighbors, pairs
from estimators.pairs import (
    NUM_GROUPS,
    jackknife_interval,
    leave_group_out,
    pairs_within,
    require_points,
    without_copies,
)

RNG = np.random.default_rng(0)


def found_pairs(points, radii):
    """Number of too small radii, by pair."""
    found = {}
    for i, j, too_small in pairs_within(points, np.asarray(radii)):
        for first, second, count in zip(i.tolist(), j.tolist(), too_small.tolist(), strict=True):
            assert (first, second) not in found
            found[first, second] = count
    return found


def naive_pairs(points, radii):
    exact = np.asarray(points, dtype=np.float64)
    distances = np.sqrt(((exact[:, None] - exact[None]) ** 2).sum(axis=2))
    return {
        (i, j): int((distances[i, j] >= radii).sum())
        for i in range(len(exact))
        for j in range(i + 1, len(exact))
        if distances[i, j] < radii[-1]
    }


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("width", "offset"), [(3, 0.0), (60, 0.0), (60, 300.0)])
def test_pairs_are_those_of_all_distances(dtype, width, offset, monkeypatch):
    monkeypatch.setattr(pairs, "TILE_ROWS", 40)
    points = (RNG.standard_normal((150, width)) + offset).astype(dtype)
    distances = np.linalg.norm(points[:, None] - points[None], axis=2)
    radii = np.quantile(distances[distances > 0].astype(np.float64), [0.05, 0.1, 0.4])
    radii *= 1 + 1e-9  # else they are distances themselves, up to rounding
    assert found_pairs(Points(points), radii) == naive_pairs(points, radii)


def test_a_pair_at_the_radius_is_not_nearer():
    """On a lattice distances equal the radius exactly; the products' rounding must not decide."""
    lattice = np.stack(np.meshgrid(*[np.arange(5.0)] * 3), -1).reshape(-1, 3) + 1000
    for points in (lattice, lattice.astype(np.float32)):
        radii = [1.0, 2.0, 3.0]
        found = found_pairs(Points(points), radii)
        assert found == naive_pairs(points, radii)
        assert min(found.values()) == 1


def test_a_tight_pair_far_out_is_resolved():
    """float32 products can't tell these apart: float64 and differences must."""
    cluster = 1e-3 * RNG.standard_normal((50, 4))
    points = np.vstack([cluster, cluster + 10])
    radii = [5e-4, 1e-3]
    assert found_pairs(Points(points), radii) == naive_pairs(points, radii)


def test_leaving_a_group_out_is_counting_again():
    groups = np.arange(55) % NUM_GROUPS
    pairs_of = torch.rand(55, 55, generator=torch.Generator().manual_seed(0)).numpy() < 0.3
    np.fill_diagonal(pairs_of, False)
    counts = np.zeros((NUM_GROUPS, NUM_GROUPS, 1))
    np.add.at(counts[..., 0], (groups[:, None], groups[None]), pairs_of)
    expected = [pairs_of[groups != g][:, groups != g].sum() for g in range(NUM_GROUPS)]
    np.testing.assert_array_equal(leave_group_out(counts)[:, 0], expected)


def error_of_count(pairs_of, groups):
    """Standard error of the logarithm of a number of pairs, as a dimension would have it."""
    counts = np.zeros((NUM_GROUPS, NUM_GROUPS, 1))
    np.add.at(counts[..., 0], (groups[:, None], groups[None]), pairs_of)
    sizes = len(groups) - np.bincount(groups)
    share = leave_group_out(counts)[:, 0] / (sizes * (sizes - 1))
    return jackknife_interval(1.0, share, counts, np.ones(1), 0.95)


@pytest.mark.parametrize("unevenness", [0.0, 0.3, 1.0])
def test_standard_error_of_a_count_of_pairs_is_its_spread(unevenness):
    """Pairs come one by one (0), and by how sociable their points are (1)."""
    rng = np.random.default_rng(1)
    groups = np.arange(100) % NUM_GROUPS
    logs, errors = [], []
    for _ in range(400):
        sociable = np.exp(unevenness * rng.standard_normal(100))
        chances = 0.05 * np.outer(sociable, sociable).clip(max=15)
        upper = np.triu(rng.uniform(size=(100, 100)) < chances, 1)
        logs.append(np.log(upper.sum()))
        stderr, low, high = error_of_count(upper | upper.T, groups)
        assert np.log(high) == pytest.approx(-np.log(low))
        errors.append(stderr)
    spread = np.std(logs)
    assert np.sqrt(np.mean(np.square(errors))) == pytest.approx(spread, rel=0.12)


def test_counts_duplicates_and_refuses_too_few():
    points = np.vstack([np.eye(12), np.eye(12)[:4]])
    kept = without_copies(nearest_neighbors(points, 1), 8)
    assert kept.sum() == 8
    with pytest.raises(EstimationError, match="of 16 points 8 have a duplicate, leaving 8"):
        without_copies(nearest_neighbors(points, 1), 9)


def test_a_table_without_points_is_refused():
    table = Neighbors(np.ones((3, 1)), np.zeros((3, 1), np.int64))
    with pytest.raises(EstimationError, match="MST needs coordinates, but the table came without"):
        require_points(table, "MST")
