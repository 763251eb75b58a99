"""BIDE on its exact model, against references, and its conventions."""

import math

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.spatial import cKDTree
from scipy.stats import binomtest

from estimators import EstimationError, Neighbors, nearest_neighbors
from estimators.bide import BIDE
from estimators.binomial import BEST_SHARE, binomial_p_value, membership
from estimators.local import shared_neighbor_stderr
from estimators.manifolds import ball


def exact_neighbors(dimension, num_points, k, rng):
    """Radii of a Poisson process around each point, r_k = (E_1 + ... + E_k)^(1/d), unshared."""
    volumes = rng.exponential(size=(num_points, k)).cumsum(axis=1)
    strangers = num_points + np.arange(num_points * k).reshape(num_points, k)
    return Neighbors(volumes ** (1 / dimension), strangers)


def torus_neighbors(dimension, num_points, k, rng):
    """Uniform points without edge: density is constant, and neighbors are shared."""
    points = rng.uniform(size=(num_points, dimension))
    distances, indices = cKDTree(points, boxsize=1).query(points, k + 1)
    return Neighbors(distances[:, 1:], indices[:, 1:].astype(np.int64))


@pytest.mark.parametrize(("tau", "k", "dimension"), [(None, 20, 7.0), (0.6, 10, 3.0)])
def test_interval_covers_the_truth_as_often_as_it_says(tau, k, dimension):
    rng = np.random.default_rng(2)
    estimator = BIDE(k=k, tau=tau)
    found = [estimator.estimate(exact_neighbors(dimension, 200, k, rng)) for _ in range(1000)]
    covered = sum(one.low <= dimension <= one.high for one in found)
    assert binomtest(covered, 1000, 0.95).pvalue > 1e-3
    values = np.array([one.dimension for one in found])
    assert np.mean(values) == pytest.approx(dimension, rel=0.005)
    assert np.mean([one.stderr for one in found]) == pytest.approx(np.std(values), rel=0.1)
    # Cramer-Rao: no other estimate from these counts has a smaller error.
    share = BEST_SHARE if tau is None else tau**dimension
    log_tau = math.log(share) / dimension
    bound = math.sqrt((1 / share - 1) / (200 * (k - 1))) / abs(log_tau)
    assert np.std(values) == pytest.approx(bound, rel=0.08)
    # On the model the p-value is uniform.
    assert binomtest(sum(one.settings["p_value"] < 0.1 for one in found), 1000, 0.1).pvalue > 1e-3


def test_interval_and_p_value_know_that_neighbors_are_shared():
    rng = np.random.default_rng(3)
    found = [BIDE(k=30).estimate(torus_neighbors(2, 300, 30, rng)) for _ in range(300)]
    covered = sum(one.low <= 2 <= one.high for one in found)
    assert binomtest(covered, 300, 0.95).pvalue > 1e-3
    rejected = sum(one.settings["p_value"] < 0.05 for one in found)
    assert rejected < 0.1 * 300  # without the correction a quarter of them


def test_share_of_the_best_tau_has_the_smallest_error():
    root = brentq(lambda p: 2 * (1 - p) + math.log(p), 0.01, 0.5, xtol=1e-15)
    assert pytest.approx(root, rel=1e-12) == BEST_SHARE


def test_is_the_closed_form():
    neighbors = nearest_neighbors(np.random.default_rng(4).standard_normal((250, 4)), 15)
    inner = 0
    for row in neighbors.distances:
        inner += sum(distance <= 0.7 * row[14] for distance in row[:14])
    expected = math.log(inner / (250 * 14)) / math.log(0.7)
    found = BIDE(k=15, tau=0.7).estimate(neighbors)
    assert found.dimension == pytest.approx(expected, rel=1e-12)


def test_best_tau_is_where_repeating_the_estimate_stays():
    neighbors = nearest_neighbors(ball(1000, 6, np.random.default_rng(5)), 20)
    found = BIDE().estimate(neighbors)
    tau = BEST_SHARE ** (1 / found.dimension)
    assert found.settings["tau"] == pytest.approx(tau, rel=1e-4)
    again = BIDE(tau=tau).estimate(neighbors)
    assert again.dimension == pytest.approx(found.dimension, rel=1e-3)


@pytest.mark.parametrize(
    ("points", "dimension"),
    [
        (np.random.default_rng(0).uniform(size=(500, 3)), 2.7127340580757147),
        (np.random.default_rng(0).standard_normal((500, 2)), 2.0623460353471503),
    ],
)
def test_agrees_with_dadapy(points, dimension):
    """Recorded from DADApy 0.3.4: compute_id_binomial_k(20, 0.8, bayes=False), maxk=64.

    Its error of 0.0419 on the first points takes them as independent, so isn't ours.
    """
    found = BIDE(k=20, tau=0.8).estimate(nearest_neighbors(points, 20))
    assert found.dimension == pytest.approx(dimension, rel=1e-12)
    assert found.stderr > 0.0351


def test_membership_is_the_shared_neighbor_error_where_sizes_are_equal():
    rng = np.random.default_rng(6)
    neighbors = nearest_neighbors(rng.uniform(size=(200, 2)), 12)
    influence = rng.standard_normal(200)
    shared = membership(neighbors, np.ones(200, bool), np.full(200, 12))
    expected = shared_neighbor_stderr(influence, neighbors.indices)
    overlap = (np.asarray(shared.T @ np.ones(200)) ** 2).sum() / 200**2
    found = np.linalg.norm(shared.T @ influence) / 200 / np.sqrt(1 - overlap)
    assert found == pytest.approx(expected, rel=1e-12)


def test_p_value_sees_a_mixture_of_densities():
    rng = np.random.default_rng(7)
    trials = np.full(1000, 19)
    alone = membership(exact_neighbors(2, 1000, 20, rng), np.ones(1000, bool), trials + 1)
    mixed = rng.binomial(19, np.where(np.arange(1000) < 500, 0.1, 0.3))
    assert binomial_p_value(mixed, trials, mixed.mean() / 19, alone) < 1e-6
    assert binomial_p_value(np.zeros(1000, int), trials, 1e-6, alone) is None


def test_drops_duplicates_and_ties():
    line = np.concatenate([np.arange(10) * 1000.0, [0.0], 1e5 + np.geomspace(1, 1e4, 40)])
    found = BIDE(k=3).estimate(nearest_neighbors(line[:, None], 3))
    assert found.settings["duplicates_dropped"] == 2
    assert found.num_points == 51 - found.num_dropped


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"k": 2}, "`k >= 3` must hold, but got k=2"),
        ({"tau": 1.0}, "got tau=1.0"),
        ({"confidence": 95}, "got confidence=95"),
    ],
)
def test_refuses_settings_out_of_range(arguments, message):
    with pytest.raises(EstimationError, match=message):
        BIDE(**arguments)


def test_says_when_inner_balls_are_empty():
    rng = np.random.default_rng(8)
    with pytest.raises(EstimationError, match=r"with tau=0.1 they hold a share of 0: take another"):
        BIDE(k=5, tau=0.1).estimate(exact_neighbors(20.0, 50, 5, rng))


def test_says_when_distances_are_those_of_a_grid():
    steps = np.ones((20, 8))
    steps[:, 0] = 0.9
    with pytest.raises(EstimationError, match="on a grid"):
        BIDE(k=8).estimate(Neighbors(steps, np.zeros((20, 8), np.int64)))
