"""The spanning-tree dimension against its plain form and on known spaces."""

import numpy as np
import pytest
from scipy.sparse.csgraph import minimum_spanning_tree
from scipy.spatial.distance import pdist, squareform

from estimators import EstimationError, nearest_neighbors
from estimators.manifolds import ball, embed, sphere, swiss_roll
from estimators.mst import MST

RNG = np.random.default_rng(0)


def plain_dimension(points, alpha, num_halvings, seed):
    """Fit of the mean log of the mean edge, from trees of all distances."""
    parts = [np.random.default_rng(seed).permutation(len(points))]
    sizes, means = [], []
    for _ in range(num_halvings + 1):
        trees = [minimum_spanning_tree(squareform(pdist(points[part]))).data for part in parts]
        sizes.append(np.mean([np.log(len(part)) for part in parts]))
        means.append(np.mean([np.log((edges**alpha).mean()) for edges in trees]))
        parts = [half for part in parts for half in np.array_split(part, 2)]
    return -alpha / np.polyfit(sizes, means, 1)[0]


@pytest.mark.parametrize(("alpha", "num_halvings", "seed"), [(1.0, 3, 0), (0.5, 2, 1), (2.0, 4, 7)])
def test_is_the_plain_fit(alpha, num_halvings, seed):
    points = embed(ball(301, 4, RNG), 10, RNG)
    expected = plain_dimension(points, alpha, num_halvings, seed)
    estimator = MST(alpha=alpha, num_halvings=num_halvings, seed=seed)
    for k in (16, 60, 300):
        found = estimator.estimate(nearest_neighbors(points, k))
        assert found.dimension == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(
    ("points", "truth", "allowed"),
    [
        (np.sort(RNG.uniform(size=(600, 1))), 1, 0.06),
        (sphere(1500, 2, RNG), 2, 0.08),
        (swiss_roll(1500, RNG), 2, 0.10),
        (sphere(1500, 5, RNG), 5, 0.12),
    ],
    ids=["line", "sphere 2", "swiss roll", "sphere 5"],
)
def test_finds_known_dimensions(points, truth, allowed):
    found = MST().estimate(nearest_neighbors(points, 16))
    assert found.dimension == pytest.approx(truth, rel=allowed)


def test_standard_error_is_the_spread_and_the_interval_covers_the_mean():
    rng = np.random.default_rng(1)
    found = [MST().estimate(nearest_neighbors(ball(256, 3, rng), 16)) for _ in range(80)]
    values = np.array([estimate.dimension for estimate in found])
    errors = np.array([estimate.stderr for estimate in found])
    assert np.sqrt((errors**2).mean()) == pytest.approx(values.std(), rel=0.25)
    covered = np.mean([estimate.low <= values.mean() <= estimate.high for estimate in found])
    assert covered >= 0.90


def test_another_seed_is_another_halving():
    table = nearest_neighbors(ball(300, 3, RNG), 16)
    first, second = MST(seed=1).estimate(table), MST(seed=2).estimate(table)
    assert first.dimension != second.dimension
    assert first.scale == second.scale
    assert first.low < second.dimension < first.high


def test_copies_are_dropped():
    points = RNG.standard_normal((200, 3))
    copied = np.vstack([points, points[:30]])
    found = MST().estimate(nearest_neighbors(copied, 16))
    alone = MST().estimate(nearest_neighbors(points[30:], 16))
    assert found.dimension == pytest.approx(alone.dimension, rel=1e-9)
    assert (found.num_points, found.num_dropped) == (170, 60)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"alpha": 0.0}, "got alpha=0.0"),
        ({"num_halvings": 1}, "got num_halvings=1: the error bar"),
        ({"seed": -1}, "got seed=-1"),
        ({"confidence": 1.0}, "got confidence=1.0"),
    ],
)
def test_refuses_settings_out_of_range(arguments, message):
    with pytest.raises(EstimationError, match=message):
        MST(**arguments)


def test_refuses_too_few_points():
    with pytest.raises(EstimationError, match="at least 64 distinct points are needed"):
        MST().estimate(nearest_neighbors(ball(63, 2, RNG), 16))


def test_refuses_edges_that_grow():
    """A far pair in a tight cloud: the more points, the more of them are its few."""
    points = np.vstack([1e-9 * RNG.standard_normal((63, 2)), [[1e9, 0.0]]])
    with pytest.raises(EstimationError, match="edges must get shorter"):
        MST(alpha=3.0, seed=3).estimate(nearest_neighbors(points, 16))
