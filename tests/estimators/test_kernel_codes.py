"""The autoencoder tells planted templates apart on its line, and draws from itself alone."""

import dataclasses

import numpy as np
import pytest
import torch
from sklearn.metrics import adjusted_rand_score

from estimators.kernel_clusters import cluster_kernels
from estimators.kernel_codes import encode_kernels
from estimators.kernel_ways import CodeKMeans
from tests.estimators.planted_mixture import planted, white_noise


def short(kernels, seed=0, **settings):
    return encode_kernels(kernels, num_steps=20, num_restarts=2, seed=seed, **settings)


def assert_same(one, other):
    for field in dataclasses.fields(one):
        np.testing.assert_array_equal(getattr(one, field.name), getattr(other, field.name))


@pytest.mark.parametrize("ratio", [0.1, 0.25])
def test_clusters_of_codes_are_the_planted_ones(ratio):
    kernels, truth = planted(700, ratio)
    found = cluster_kernels(kernels, CodeKMeans(num_steps=500), num_clusters=7, num_seeds=1)
    assert adjusted_rand_score(truth, found.labels) > 0.98


def test_reconstructions_lose_what_noise_has_off_the_curve():
    """The best that a curve can do is the template: a cosine of 1/sqrt(1 + ratio^2)."""
    kernels, _ = planted(700, 0.5)
    found = encode_kernels(kernels, num_steps=500)
    assert found.mean_cosine == pytest.approx(1 / 1.25**0.5, abs=0.02)
    assert found.loss == pytest.approx(1 - found.mean_cosine)
    flat = found.reconstructions.reshape(700, -1)
    np.testing.assert_allclose(np.linalg.norm(flat, axis=1), 1, atol=1e-5)
    cosines = (flat * kernels.reshape(700, -1)).sum(axis=1)
    np.testing.assert_allclose(cosines, found.cosines, atol=1e-6)


def test_codes_are_at_least_as_far_apart_as_reconstructions():
    """They measure a curve, and the straight way is the shortest."""
    found = short(planted(300, 0.25)[0])
    flat = found.reconstructions.reshape(300, -1).astype(float)
    straight = np.linalg.norm(flat[1:] - flat[:-1], axis=1)
    assert (abs(np.diff(found.codes)) >= straight - 0.02).all()
    assert found.codes.min() == 0
    assert found.codes.max() == pytest.approx(found.length)


def test_the_seed_alone_decides():
    kernels = white_noise(100)
    torch.manual_seed(1)
    np.random.seed(1)  # noqa: NPY002
    one = short(kernels)
    state = torch.get_rng_state()
    torch.rand(7)
    with torch.inference_mode():
        other = short(kernels)
    torch.set_default_dtype(torch.float64)
    try:
        third = short(kernels)
    finally:
        torch.set_default_dtype(torch.float32)
    assert_same(one, other)
    assert_same(one, third)
    assert (short(kernels, seed=1).codes != one.codes).any()
    torch.manual_seed(1)
    assert (torch.get_rng_state() == state).all()  # ours moved nothing


def test_threads_change_nothing_and_are_left_as_they_were():
    kernels = white_noise(100)
    before, found = torch.get_num_threads(), []
    try:
        for count in (1, 2):
            torch.set_num_threads(count)
            found.append(short(kernels))
            assert torch.get_num_threads() == count
    finally:
        torch.set_num_threads(before)
    assert_same(*found)


def test_order_of_kernels_changes_nothing():
    kernels = planted(200, 0.5)[0]
    order = np.random.default_rng(3).permutation(200)
    one, other = short(kernels, max_kernels=50), short(kernels[order], max_kernels=50)
    np.testing.assert_array_equal(one.codes[order], other.codes)
    np.testing.assert_array_equal(one.reconstructions[order], other.reconstructions)


def test_all_kernels_are_encoded_whatever_is_trained_on():
    found = short(white_noise(90), max_kernels=30)
    assert found.codes.shape == (90,)
    assert found.reconstructions.shape == (90, 7, 7)


def test_one_kernel_and_equal_kernels_have_one_code():
    one = white_noise(1)
    assert short(one).codes.tolist() == [0]
    assert np.ptp(short(np.repeat(one, 5, axis=0)).codes) == 0


@pytest.mark.parametrize(
    ("kernels", "message"),
    [
        (np.zeros((3, 7)), r"kernels must be of shape \(K, k, k\).*got \(3, 7\)"),
        (np.zeros((0, 3, 3)), "`?K >= 1`? must hold, but got no kernel"),
        (np.zeros((3, 3, 3)), "got 3 dead kernels of all zeros: count them"),
        (np.full((3, 3, 3), np.nan), "must be finite, but got 3"),
        (np.ones((3, 3, 3)) / 3, "must have mean 0 and norm 1.*subtract each kernel's mean"),
        (2 * white_noise(3), "must have mean 0 and norm 1.*off by 1"),
    ],
)
def test_what_is_no_normalised_kernel_is_refused(kernels, message):
    with pytest.raises(ValueError, match=message):
        encode_kernels(kernels)


@pytest.mark.parametrize("name", ["num_steps", "num_restarts", "max_kernels"])
def test_settings_are_checked(name):
    with pytest.raises(ValueError, match=f"`{name} >= 1` must hold, but got {name}=0"):
        encode_kernels(white_noise(3), **{name: 0})
