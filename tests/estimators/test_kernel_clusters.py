"""Planted mixtures are found, noise is not, and nothing but kernels and seed has a say."""

import dataclasses

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from scipy.stats import binom
from sklearn.metrics import adjusted_rand_score

from estimators.cluster_agreement import cluster_agreement, cluster_stability
from estimators.cluster_null import compare_with_null, find_structure, tyler_shape
from estimators.kernel_clusters import NONE, cluster_kernels
from estimators.kernel_rows import own_order, zero_sum_basis
from estimators.kernel_ways import WAYS, CodeKMeans
from tests.estimators.planted_mixture import normalized, planted, templates, white_noise

AT_ONCE = ["kmeans", "ward", "mixture"]  # the fourth way is trained: see test_kernel_codes
FAST = CodeKMeans(num_steps=20, num_restarts=1)


def smooth_noise(count, size, seed):
    """Gaussian, with neighboring pixels alike; no clusters."""
    pixels = np.random.default_rng(seed).standard_normal((count, size + 8, size + 8))
    return normalized(gaussian_filter(pixels, (0, 1, 1))[:, 4:-4, 4:-4])


# -- clusters


@pytest.mark.parametrize("way", AT_ONCE)
@pytest.mark.parametrize("ratio", [0.1, 0.25])
def test_planted_clusters_and_their_number_are_found(way, ratio):
    kernels, truth = planted(400, ratio)
    found = cluster_kernels(kernels, way, candidates=range(2, 11), num_seeds=3)
    assert found.num_clusters == 7
    assert adjusted_rand_score(truth, found.labels) > 0.99
    assert found.stability > 0.99
    assert found.candidates == tuple(range(2, 11))
    assert found.scores.argmax() == 5
    # Clusters are spread around their templates by what noise takes: 1/(1 + ratio^2) is left.
    assert found.explained == pytest.approx(1 / (1 + ratio**2), abs=0.01)
    cosines = normalized(found.centers).reshape(7, -1) @ templates().reshape(7, -1).T
    assert (cosines.max(axis=1) > 0.99).all()


@pytest.mark.parametrize("seed", range(4))
def test_no_two_gaussians_share_a_cluster(seed):
    """As they did from starts of the mixture's own."""
    kernels, truth = planted(1000, 1.0, seed=seed)
    found = cluster_kernels(kernels, "mixture", num_clusters=7, num_seeds=1, seed=seed)
    assert adjusted_rand_score(truth, found.labels) > 0.98


def test_number_of_clusters_of_codes():
    kernels, truth = planted(400, 0.1)
    way = CodeKMeans(num_steps=500)
    found = cluster_kernels(kernels, way, candidates=range(5, 10), num_seeds=1)
    assert found.num_clusters == 7
    assert adjusted_rand_score(truth, found.labels) > 0.99


def test_clusters_come_by_size_with_their_means_and_nearest_members():
    kernels, _ = planted(60, 1.0)
    found = cluster_kernels(kernels, num_clusters=5, num_seeds=1)
    assert (np.diff(found.sizes) <= 0).all()
    assert found.sizes.tolist() == np.bincount(found.labels).tolist()
    assert found.criterion == "given"
    assert np.isnan(found.stability)
    rest = 0.0
    for label, center in enumerate(found.centers):
        own = np.flatnonzero(found.labels == label)
        np.testing.assert_allclose(center, kernels[own].mean(axis=0), atol=1e-6)
        cosines = (kernels[own] * center).sum(axis=(1, 2))
        best = own[np.argsort(-cosines)][: found.members.shape[1]]
        shown = found.members[label][found.members[label] != NONE]
        assert shown.tolist() == best.tolist()
        rest += ((kernels[own] - center) ** 2).sum() / 60
    assert found.explained == pytest.approx(1 - rest)


@pytest.mark.parametrize("way", [*AT_ONCE, FAST])
def test_order_of_kernels_changes_nothing(way):
    """Kernels are put in an order of their own first, so even noise is cut the same way."""
    kernels = white_noise(80, 5)
    order = np.random.default_rng(5).permutation(80)
    one = cluster_kernels(kernels, way, num_clusters=4, num_seeds=1)
    other = cluster_kernels(kernels[order], way, num_clusters=4, num_seeds=1)
    np.testing.assert_array_equal(one.labels[order], other.labels)
    np.testing.assert_array_equal(one.centers, other.centers)
    np.testing.assert_array_equal(
        one.members, np.where(other.members < 0, -1, order[other.members])
    )


@pytest.mark.parametrize("way", [*AT_ONCE, FAST])
def test_the_seed_alone_decides(way):
    kernels = white_noise(80, 5)
    results = []
    for state in (1, 2):
        np.random.seed(state)  # noqa: NPY002
        results.append(cluster_kernels(kernels, way, num_clusters=4, num_seeds=2))
    for field in dataclasses.fields(results[0]):
        one, other = (getattr(result, field.name) for result in results)
        np.testing.assert_array_equal(one, other)


def test_own_order_tells_rows_apart_beyond_the_first_columns():
    rows = np.zeros((40, 9), np.float32)
    rows[:, 7] = np.random.default_rng(0).standard_normal(40)
    assert (np.diff(rows[own_order(rows), 7]) > 0).all()


def test_ward_of_many_kernels_assigns_the_rest(monkeypatch):
    kernels, truth = planted(500, 0.25)
    monkeypatch.setattr("estimators.kernel_ways.NUM_LINKED", 150)
    found = cluster_kernels(kernels, "ward", num_clusters=7, num_seeds=3)
    assert adjusted_rand_score(truth, found.labels) > 0.99


def test_kmeans_and_mixture_of_many_kernels_start_from_some(monkeypatch):
    kernels, truth = planted(500, 0.25)
    monkeypatch.setattr("estimators.kernel_ways.NUM_STARTED", 150)
    monkeypatch.setattr("estimators.kernel_ways.NUM_MIXED", 150)
    for way in ("kmeans", "mixture"):
        found = cluster_kernels(kernels, way, num_clusters=7, num_seeds=1)
        assert adjusted_rand_score(truth, found.labels) > 0.99


# -- agreement


def test_a_clustering_agrees_with_itself_and_with_other_names_for_its_labels():
    labels = np.random.default_rng(0).integers(0, 5, 200)
    found = cluster_agreement({"one": labels, "renamed": 4 - labels})
    np.testing.assert_allclose(found.adjusted_rand, 1)
    np.testing.assert_allclose(found.adjusted_mutual, 1)
    assert cluster_stability([labels, labels, 4 - labels]) == pytest.approx(1)


def test_clusterings_by_chance_agree_in_nothing():
    rng = np.random.default_rng(0)
    drawn = {str(number): rng.integers(0, 5, 2000) for number in range(3)}
    found = cluster_agreement(drawn)
    apart = ~np.eye(3, dtype=bool)
    assert abs(found.adjusted_rand[apart]).max() < 0.01
    assert abs(found.adjusted_mutual[apart]).max() < 0.01
    assert abs(cluster_stability(list(drawn.values()))) < 0.01


def test_the_ways_agree_on_planted_clusters():
    kernels, _ = planted(300, 0.25)
    labels = {
        way: cluster_kernels(kernels, way, num_clusters=7, num_seeds=1).labels for way in AT_ONCE
    }
    found = cluster_agreement(labels)
    assert found.names == tuple(AT_ONCE)
    assert found.adjusted_rand.min() > 0.99


def test_clusterings_of_different_kernels_are_not_compared():
    with pytest.raises(ValueError, match=r"same kernels, but got \{'a': 3, 'b': 2\}"):
        cluster_agreement({"a": np.zeros(3, int), "b": np.zeros(2, int)})


# -- nulls


@pytest.mark.parametrize(("way", "count"), [("kmeans", 100), ("mixture", 50), (FAST, 20)])
def test_white_noise_exceeds_its_permutations_at_the_stated_rate(way, count):
    """One in five is asked for: neither more nor fewer than chance allows, over all seeds."""
    exceeded = sum(
        compare_with_null(
            white_noise(60, 5, seed), "permuted", way, num_clusters=4, num_nulls=4, level=0.2
        ).exceeds
        for seed in range(count)
    )
    low, high = binom.ppf([0.001, 0.999], count, 0.2)
    assert low <= exceeded <= high


def test_white_noise_is_not_found():
    found = [find_structure(white_noise(100, 5, seed), seed=seed).found for seed in range(12)]
    assert sum(found) <= binom.ppf(0.999, 12, 0.05)


def test_the_autoencoder_imposes_nothing_on_white_noise():
    """Its codes cut noise, and the noise's permutations as well."""
    results = [find_structure(white_noise(100, 5, seed), FAST) for seed in range(3)]
    assert sum(result.found for result in results) <= binom.ppf(0.999, 3, 0.05)
    for result in results:
        assert result.permuted.share == pytest.approx(result.permuted.null_shares.mean(), rel=0.2)


def test_smooth_noise_is_more_than_its_permutations_and_no_more_than_its_covariance():
    results = [find_structure(smooth_noise(150, 7, seed)) for seed in range(8)]
    assert all(result.permuted.exceeds for result in results)
    assert sum(result.gaussian.exceeds for result in results) <= binom.ppf(0.999, 8, 0.05)


@pytest.mark.parametrize(("size", "ratio"), [(7, 0.25), (7, 1.0), (5, 0.5), (3, 0.25)])
def test_planted_mixtures_are_found(size, ratio):
    for seed in range(3):
        result = find_structure(planted(200, ratio, size, seed)[0])
        assert result.found
        assert result.permuted.p_value == result.gaussian.p_value == 0.05


def test_planted_mixtures_are_found_in_codes():
    way = CodeKMeans(num_steps=50, num_restarts=1)
    assert find_structure(planted(150, 0.1)[0], way).found


def test_one_pattern_is_found_too():
    assert find_structure(planted(150, 0.5, found=templates()[:1])[0]).found


def test_the_threshold_is_the_null_share_of_that_rank():
    kernels = white_noise(60, 5)
    result = compare_with_null(kernels, num_clusters=4, num_nulls=9, level=0.3)
    assert result.threshold == np.sort(result.null_shares)[-3]
    assert result.exceeds == (result.p_value <= 0.3)


def test_tylers_shape_is_the_covariance_of_directions():
    rng = np.random.default_rng(0)
    factor = rng.standard_normal((6, 6))
    points = rng.standard_normal((20_000, 6)) @ factor.T
    points /= rng.random((20_000, 1)) + 0.1  # lengths don't count
    truth = factor @ factor.T
    np.testing.assert_allclose(tyler_shape(points), truth * 6 / np.trace(truth), atol=0.1)


def test_the_basis_spans_what_sums_to_zero():
    basis = zero_sum_basis(25)
    np.testing.assert_allclose(basis.T @ basis, np.eye(24), atol=1e-5)
    np.testing.assert_allclose(basis.sum(axis=0), 0, atol=1e-5)


# -- degenerate input


@pytest.mark.parametrize("way", WAYS)
def test_fewer_distinct_kernels_than_clusters_are_refused(way):
    equal = np.repeat(white_noise(1), 5, axis=0)
    for kernels in (white_noise(1), equal):
        with pytest.raises(
            ValueError, match=r"distinct kernels` must hold.*num_clusters=2 and 1 d"
        ):
            cluster_kernels(kernels, way, num_clusters=2)
        with pytest.raises(
            ValueError, match=r"got candidates=.* and 1 distinct.*give num_clusters"
        ):
            cluster_kernels(kernels, way)


@pytest.mark.parametrize("way", [*AT_ONCE, FAST])
def test_one_cluster_of_equal_kernels(way):
    found = cluster_kernels(np.repeat(white_noise(1), 5, axis=0), way, num_clusters=1)
    assert found.labels.tolist() == [0] * 5
    assert found.explained == pytest.approx(1, abs=1e-6)
    assert found.members[0, :6].tolist() == [0, 1, 2, 3, 4, NONE]


def test_input_is_checked():
    noise = white_noise(5)
    with pytest.raises(ValueError, match="mean 0 and norm 1"):
        cluster_kernels(noise + 1, num_clusters=2)
    with pytest.raises(
        ValueError, match="way must be one of codes, kmeans, ward, mixture, but got"
    ):
        cluster_kernels(noise, "k-means")
    with pytest.raises(ValueError, match="`num_seeds >= 1` must hold, but got num_seeds=0"):
        cluster_kernels(noise, num_clusters=2, num_seeds=0)
    with pytest.raises(ValueError, match="null must be one of permuted, gaussian, but got 'white'"):
        compare_with_null(noise, "white", num_clusters=2)
    with pytest.raises(ValueError, match=r"level=0.05 and num_nulls=9: with so few nulls"):
        find_structure(noise, num_clusters=2, num_nulls=9)
    with pytest.raises(ValueError, match=r"num_clusters=10 and K=5 kernels: ask for fewer"):
        find_structure(noise)
    with pytest.raises(ValueError, match="dead kernels"):
        find_structure(np.zeros((20, 7, 7)))
