"""Local PCA against a loop of singular values, scikit-dimension, and known spectra."""

from typing import get_args

import numpy as np
import pytest
import skdim

from estimators import EstimationError, LocalPCA, Neighbors, nearest_neighbors
from estimators.lpca import Rule
from estimators.manifolds import ball, embed, sphere

RULES = get_args(Rule)


def naive_spectrum(around):
    centered = around - around.mean(axis=0)
    values = np.linalg.svd(centered, compute_uv=False) ** 2 / (len(around) - 1)
    return values[: min(len(around) - 1, around.shape[1])]


@pytest.mark.parametrize("num_units", [6, 200])
def test_spectrum_is_that_of_each_neighborhood(num_units):
    """Fewer units than neighbors and more: the smaller product either way."""
    rng = np.random.default_rng(1)
    points = embed(rng.standard_normal((80, 6)), num_units, rng)
    neighbors = nearest_neighbors(points, 20)
    local = LocalPCA(rule="participation_ratio", k=20).estimate(neighbors).local
    spectra = [naive_spectrum(points[row]) for row in neighbors.indices]
    wanted = [values.sum() ** 2 / (values**2).sum() for values in spectra]
    np.testing.assert_allclose(local, wanted, rtol=1e-9)


@pytest.mark.parametrize(
    ("rule", "peer"),
    [
        ("fo", "FO"),
        ("ratio", "ratio"),
        ("participation_ratio", "participation_ratio"),
        ("maxgap", "maxgap"),
        ("kaiser", "Kaiser"),
        ("broken_stick", "broken_stick"),
    ],
)
def test_agrees_with_scikit_dimension(rule, peer):
    rng = np.random.default_rng(2)
    points = embed(sphere(100, 6, rng), 12, rng) + 0.02 * rng.standard_normal((100, 12))
    neighbors = nearest_neighbors(points, 30)
    reference = skdim.id.lPCA(ver=peer, alphaRatio=0.9).fit_pw(
        points, precomputed_knn=neighbors.indices, n_neighbors=30
    )
    found = LocalPCA(rule=rule, k=30).estimate(neighbors)
    wanted = reference.dimension_pw_
    if rule == "broken_stick":
        # It says 0 where not even the first component is long enough; ours are at least 1.
        wanted = np.maximum(1, wanted)
    np.testing.assert_allclose(found.local, wanted, rtol=1e-6)


@pytest.mark.parametrize("rule", ["fo", "ratio", "participation_ratio"])
def test_agrees_with_scikit_dimension_with_more_units_than_neighbors(rule):
    """The other rules differ: k centered points have k - 1 eigenvalues, it counts a k-th, 0."""
    points = np.random.default_rng(3).standard_normal((60, 100)) / np.arange(1, 101)
    neighbors = nearest_neighbors(points, 20)
    peer = skdim.id.lPCA(ver={"fo": "FO"}.get(rule, rule), alphaRatio=0.9).fit_pw(
        points, precomputed_knn=neighbors.indices, n_neighbors=20
    )
    found = LocalPCA(rule=rule, k=20).estimate(neighbors)
    np.testing.assert_allclose(found.local, peer.dimension_pw_, rtol=1e-6)


@pytest.mark.parametrize("rule", ["fo", "maxgap"])
def test_counts_the_dimensions_of_a_subspace_exactly(rule):
    rng = np.random.default_rng(4)
    points = embed(rng.standard_normal((100, 7)), 40, rng)
    found = LocalPCA(rule=rule).estimate(nearest_neighbors(points, 64))
    assert (found.local == 7).all()
    # All agree, yet nothing is certain.
    assert found.low < 7 < found.high


def test_error_bar_of_equal_values_is_that_of_two_imagined_ones():
    points = ball(130, 2, np.random.default_rng(5))
    found = LocalPCA(k=12).estimate(nearest_neighbors(points, 12))
    assert found.stderr == pytest.approx(np.sqrt(2) / (130 / 13), rel=1e-12)


def test_share_is_counted_from_one():
    long = np.random.default_rng(6).standard_normal((100, 3)) * [100.0, 1.0, 0.1]
    neighbors = nearest_neighbors(long, 60)
    assert LocalPCA(rule="ratio", share=0.5, k=60).estimate(neighbors).dimension == 1
    assert LocalPCA(rule="ratio", share=1.0, k=60).estimate(neighbors).dimension == 3


@pytest.mark.parametrize("rule", RULES)
def test_one_unit_has_one_dimension(rule):
    line = np.random.default_rng(7).uniform(size=(60, 1))
    found = LocalPCA(rule=rule, k=20).estimate(nearest_neighbors(line, 20))
    assert found.dimension == 1
    assert found.low < 1 < found.high


@pytest.mark.parametrize("rule", RULES)
def test_never_above_what_k_neighbors_span(rule):
    noise = np.random.default_rng(8).standard_normal((40, 500))
    found = LocalPCA(rule=rule, k=10).estimate(nearest_neighbors(noise, 10))
    assert 1 <= found.dimension <= 9


def test_interval_covers_what_the_method_yields():
    rng = np.random.default_rng(9)
    rule = LocalPCA(rule="participation_ratio", k=15)
    found = [rule.estimate(nearest_neighbors(ball(300, 4, rng), 15)) for _ in range(100)]
    center = np.mean([estimate.dimension for estimate in found])
    covered = np.mean([estimate.low <= center <= estimate.high for estimate in found])
    assert covered >= 0.9


def test_needs_the_points():
    table = nearest_neighbors(ball(80, 3, np.random.default_rng(10)), 64)
    with pytest.raises(EstimationError, match="the table came without points"):
        LocalPCA().estimate(Neighbors(table.distances, table.indices))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"rule": "elbow"}, "rule must be one of fo, .*, but got 'elbow'"),
        ({"k": 2}, "`k >= 3` must hold, but got k=2"),
        ({"alpha": 1.0}, "got alpha=1.0"),
        ({"share": 0.0}, "got share=0.0"),
        ({"confidence": 95}, "got confidence=95"),
    ],
)
def test_refuses_settings_out_of_range(arguments, message):
    with pytest.raises(EstimationError, match=message):
        LocalPCA(**arguments)
