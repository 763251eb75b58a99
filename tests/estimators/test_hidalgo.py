"""Hidalgo's chain against the exact posterior, and what it finds."""

import itertools
import math

import numpy as np
import pytest
from scipy.spatial import cKDTree
from scipy.special import gammaln

from estimators import EstimationError, Neighbors, TwoNN, nearest_neighbors
from estimators.hidalgo import Hidalgo
from estimators.hidalgo_chain import Chain, color_classes, log_normalization, neighbor_graph
from estimators.manifolds import ball


def pareto_neighbors(dimensions, rng):
    """Ratios drawn from the model, and neighbors of random places in a square."""
    places = rng.uniform(size=(len(dimensions), 2))
    _, indices = cKDTree(places).query(places, 4)
    mu = rng.uniform(size=len(dimensions)) ** (-1 / np.asarray(dimensions))
    distances = np.column_stack([np.ones(len(mu)), mu, mu + 1])
    return Neighbors(distances, indices[:, 1:].astype(np.int64))


def plain_log_z(num_points, size, q, zeta):
    total = 0.0
    for n in range(q + 1):
        ways = math.comb(size - 1, n) * math.comb(num_points - size, q - n)
        total += ways * zeta**n * (1 - zeta) ** (q - n)
    return math.log(total)


def exact_posterior(log_mu, neighbors, settings):
    """Mean dimension at each point, from all ways to put the points on manifolds.

    The chances p and the dimensions d are integrated out by hand.
    """
    num_points, num = len(log_mu), settings.num_manifolds
    log_weights, means = [], []
    for labels in itertools.product(range(num), repeat=num_points):
        z = np.array(labels)
        size = np.bincount(z, minlength=num)
        total = np.bincount(z, weights=log_mu, minlength=num)
        shape, rate = settings.prior_shape + size, settings.prior_rate + total
        log_weight = gammaln(settings.prior_weight + size).sum()
        log_weight += (gammaln(shape) - shape * np.log(rate)).sum()
        for i, near in enumerate(neighbors):
            same = sum(z[j] == z[i] for j in near)
            log_weight += same * math.log(settings.zeta)
            log_weight += (len(near) - same) * math.log(1 - settings.zeta)
            log_weight -= plain_log_z(num_points, int(size[z[i]]), len(near), settings.zeta)
        log_weights.append(log_weight)
        means.append((shape / rate)[z])
    weights = np.exp(np.array(log_weights) - max(log_weights))
    return weights @ np.array(means) / weights.sum()


@pytest.mark.parametrize("zeta", [0.5, 0.8])
def test_chain_draws_from_the_exact_posterior(zeta):
    rng = np.random.default_rng(1)
    log_mu = np.concatenate([rng.exponential(1 / 2, 5), rng.exponential(1 / 12, 5)])
    places = np.arange(10)[:, None] + rng.uniform(0, 0.4, size=(10, 1))
    indices = cKDTree(places).query(places, 3)[1][:, 1:]
    kept = np.ones(10, dtype=bool)
    settings = Hidalgo(q=2, zeta=zeta, num_iterations=12_000, burn_in=0, prior_rate=0.5)
    chain = Chain(log_mu, neighbor_graph(indices, kept), settings)
    drawn = np.mean([dimension[manifold] for dimension, manifold in chain.sweeps()], axis=0)
    expected = exact_posterior(log_mu, indices.tolist(), settings)
    assert expected[-1] > 1.5 * expected[0]
    np.testing.assert_allclose(drawn, expected, rtol=0.04)


def test_chain_is_exact_where_neighbors_were_dropped():
    rng = np.random.default_rng(2)
    log_mu = rng.exponential(1 / 4, 8)
    indices = np.array([rng.permutation(np.delete(np.arange(10), i))[:2] for i in range(10)])
    kept = np.arange(10) < 8
    settings = Hidalgo(q=2, num_iterations=12_000, burn_in=0, prior_rate=0.5)
    graph = neighbor_graph(indices, kept)
    left = [[j for j in near if j < 8] for near in indices[:8]]
    assert graph.nnz == sum(map(len, left)) < 16
    drawn = np.mean([d[z] for d, z in Chain(log_mu, graph, settings).sweeps()], axis=0)
    np.testing.assert_allclose(drawn, exact_posterior(log_mu, left, settings), rtol=0.04)


def test_normalization_is_the_published_sum():
    found = log_normalization(30, 3, 0.8)
    for size in range(1, 31):
        assert found[size] == pytest.approx(plain_log_z(30, size, 3, 0.8), rel=1e-12)


def test_no_two_neighbors_have_one_color():
    rng = np.random.default_rng(3)
    table = nearest_neighbors(ball(300, 6, rng), 3)
    graph = neighbor_graph(table.indices, np.ones(300, dtype=bool))
    classes = color_classes(graph)
    assert sorted(np.concatenate(classes)) == list(range(300))
    for points in classes:
        assert graph[points][:, points].nnz == 0
    assert len(classes) < 12


@pytest.mark.parametrize("num_manifolds", [2, 3])
def test_tells_two_manifolds_apart(num_manifolds):
    rng = np.random.default_rng(4)
    plane = 1.5 + np.pad(ball(500, 2, rng), ((0, 0), (0, 6)))
    table = nearest_neighbors(np.vstack([plane, ball(500, 8, rng)]), 3)
    found = Hidalgo(num_manifolds=num_manifolds, num_iterations=500).estimate(table)
    assert (found.local[:500] < 4).mean() > 0.9
    assert (found.local[500:] > 4).mean() > 0.9
    assert found.low < found.local.mean() < found.high
    if num_manifolds == 2:
        assert found.settings["dimension_1"] == pytest.approx(2, rel=0.15)
        assert found.settings["dimension_2"] == pytest.approx(7.5, rel=0.15)
        assert found.settings["weight_1"] == pytest.approx(0.5, abs=0.1)
    # One dimension for all is neither of the two.
    assert 2.5 < TwoNN().estimate(table).dimension < 5.5


def test_one_manifold_is_bayesian_twonn():
    table = pareto_neighbors(np.full(500, 6.0), np.random.default_rng(5))
    found = Hidalgo(num_manifolds=1, num_iterations=4000, prior_rate=1e-6).estimate(table)
    plain = TwoNN(method="mle").estimate(table)
    assert found.dimension == pytest.approx(plain.dimension, rel=0.01)
    assert found.stderr == pytest.approx(plain.stderr, rel=0.1)
    assert found.low == pytest.approx(plain.low, rel=0.02)
    assert found.high == pytest.approx(plain.high, rel=0.02)
    assert np.ptp(found.local) < 1e-9


def test_agrees_with_twonn_where_there_is_one_manifold():
    table = nearest_neighbors(ball(1000, 5, np.random.default_rng(6)), 3)
    found, plain = Hidalgo().estimate(table), TwoNN(method="mle").estimate(table)
    assert plain.low < found.dimension < plain.high
    assert found.low < plain.dimension < found.high


def test_dimension_and_weight_of_manifolds_make_up_the_mean():
    table = pareto_neighbors(np.repeat([2.0, 9.0], 200), np.random.default_rng(7))
    found = Hidalgo(num_manifolds=3, num_iterations=300, burn_in=100).estimate(table)
    weights = [found.settings[f"weight_{k}"] for k in (1, 2, 3)]
    dimensions = [found.settings[f"dimension_{k}"] or 0.0 for k in (1, 2, 3)]
    assert sum(weights) == pytest.approx(1)
    assert np.dot(weights, dimensions) == pytest.approx(found.dimension)
    assert found.local.mean() == pytest.approx(found.dimension)


def test_other_seeds_give_other_draws_of_the_same_posterior():
    table = pareto_neighbors(np.repeat([2.0, 9.0], 300), np.random.default_rng(8))
    one, two = (Hidalgo(seed=seed).estimate(table) for seed in (0, 1))
    assert one.dimension != two.dimension
    assert abs(one.dimension - two.dimension) < 0.5 * one.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_manifolds": 0}, "got num_manifolds=0"),
        ({"q": 0}, "got q=0"),
        ({"zeta": 0.3}, "got zeta=0.3: at 0.5 neighbors don't count"),
        ({"num_iterations": 300, "burn_in": 300}, "got burn_in=300, num_iterations=300"),
        ({"prior_rate": 0.0}, "`prior_rate > 0` must hold, but got 0.0"),
        ({"confidence": 95}, "got confidence=95"),
    ],
)
def test_refuses_settings_out_of_range(arguments, message):
    with pytest.raises(EstimationError, match=message):
        Hidalgo(**arguments)
