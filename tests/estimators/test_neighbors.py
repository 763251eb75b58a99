"""Exact nearest neighbors: equal to brute force in float64 on every kind of input."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from estimators import EstimationError, nearest_neighbors
from estimators.exact import FLOAT32_ERROR
from estimators.screening import fastest_precision

RNG = np.random.default_rng(0)


def brute_force(points, k):
    """Independent of the code under test: all differences, a stable sort, in float64."""
    points = np.asarray(points, np.float64).reshape(len(points), -1)
    distances = np.empty((len(points), k))
    indices = np.empty((len(points), k), np.int64)
    for row, point in enumerate(points):
        distance = np.sqrt(((points - point) ** 2).sum(axis=1))
        distance[row] = np.inf
        order = np.argsort(distance, kind="stable")[:k]
        distances[row], indices[row] = distance[order], order
    return distances, indices


HARD = {
    "gaussian": RNG.standard_normal((300, 20)),
    "far from the origin": 1e4 + RNG.standard_normal((300, 20)),
    "near duplicates": np.repeat(RNG.standard_normal((100, 8)), 3, axis=0)
    + 1e-6 * RNG.standard_normal((300, 8)),
    "tight clusters far apart": np.repeat(1e6 * RNG.standard_normal((5, 6)), 40, axis=0)
    + 1e-3 * RNG.standard_normal((200, 6)),
    "heavy tails": RNG.standard_cauchy((300, 10)),
    "one huge outlier": np.vstack([RNG.standard_normal((200, 5)), np.full((1, 5), 1e9)]),
    "dead columns": np.hstack([RNG.standard_normal((200, 5)), np.full((200, 20), 3.0)]),
    "one column": RNG.standard_normal((200, 1)),
    "many columns": RNG.standard_normal((30, 20_000)),
    "fewest points": RNG.standard_normal((4, 3)),
}


@pytest.mark.parametrize("precision", ["auto", "bfloat16", "float32", "float64"])
@pytest.mark.parametrize("name", HARD)
def test_equals_brute_force(name, precision):
    found = nearest_neighbors(HARD[name], k=3, precision=precision)
    distances, indices = brute_force(HARD[name], 3)
    np.testing.assert_array_equal(found.indices, indices)
    np.testing.assert_allclose(found.distances, distances, rtol=1e-9)


@settings(max_examples=60, deadline=None)
@given(
    points=arrays(
        np.float64,
        st.tuples(st.integers(4, 25), st.integers(1, 4)),
        elements=st.integers(-3, 3).map(float),
    )
)
def test_ties_and_duplicates_come_in_index_order(points):
    # Small integers: every distance is exact, and ties and duplicates abound.
    distances, indices = brute_force(points * len(points), 3)
    for precision in ("bfloat16", "float32", "float64"):
        found = nearest_neighbors(points * len(points), k=3, precision=precision)
        np.testing.assert_array_equal(found.indices, indices)
        np.testing.assert_allclose(found.distances, distances, rtol=1e-12)


@pytest.mark.parametrize("num_points", [1023, 1024, 2600, 3100, 4100])
@pytest.mark.parametrize("precision", ["bfloat16", "float32"])
def test_tiles_cover_every_pair(num_points, precision):
    """One tile, odd and even numbers of blocks: all agree with products in float64."""
    points = np.random.default_rng(num_points).standard_normal((num_points, 12))
    points = np.maximum(points, 0).astype(np.float32)
    found = nearest_neighbors(points, k=4, precision=precision)
    assert found.precision == precision
    reference = nearest_neighbors(points, k=4, precision="float64")
    np.testing.assert_array_equal(found.indices, reference.indices)
    np.testing.assert_allclose(found.distances, reference.distances, rtol=1e-12)


def test_points_too_close_for_low_precision_go_to_a_higher_one():
    rng = np.random.default_rng(0)
    clusters = np.repeat(1e3 * rng.standard_normal((3, 6)), 400, axis=0)
    points = clusters + 1e-9 * rng.standard_normal(clusters.shape)
    found = nearest_neighbors(points, k=2, precision="bfloat16")
    assert found.precision == "float64"
    np.testing.assert_array_equal(found.indices, brute_force(points, 2)[1])


@pytest.mark.parametrize("shape", [(40, 20_000), (600, 300), (2100, 5)])
def test_precision_changes_no_bit(shape):
    """Which one is fastest is measured, so it may differ from process to process."""
    points = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    found = [nearest_neighbors(points, 3, precision=p) for p in ("bfloat16", "float32")]
    np.testing.assert_array_equal(found[0].distances, found[1].distances)
    np.testing.assert_array_equal(found[0].indices, found[1].indices)
    assert fastest_precision() in ("bfloat16", "float32")


def test_refuses_a_precision_that_is_none():
    with pytest.raises(EstimationError, match="but got 'float8'"):
        nearest_neighbors(np.eye(9), 2, precision="float8")


def test_more_ties_than_candidates_are_redone():
    points = np.zeros((50, 3))
    points[:25] = 1
    found = nearest_neighbors(points, k=2, precision="float64")
    assert found.num_redone == 50
    np.testing.assert_array_equal(found.indices[0], [1, 2])
    np.testing.assert_array_equal(found.indices[1], [0, 2])
    assert not found.distances.any()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_takes_tensors_of_any_float_type(dtype):
    tensor = torch.from_numpy(HARD["gaussian"]).to(dtype)
    distances, indices = brute_force(tensor.double().numpy(), 2)
    found = nearest_neighbors(tensor, k=2)
    np.testing.assert_array_equal(found.indices, indices)
    allowed = 1e-12 if dtype == torch.float64 else FLOAT32_ERROR
    np.testing.assert_allclose(found.distances, distances, rtol=allowed)


def test_flattens_further_axes():
    images = RNG.standard_normal((20, 3, 4, 4))
    np.testing.assert_array_equal(
        nearest_neighbors(images, 2).indices, nearest_neighbors(images.reshape(20, -1), 2).indices
    )


@pytest.mark.parametrize("k", [0, 5, 9])
def test_refuses_k_out_of_range(k):
    with pytest.raises(EstimationError, match=f"got k={k} and N=5"):
        nearest_neighbors(np.eye(5), k)


def test_refuses_what_is_not_finite_with_counts():
    points = np.eye(5)
    points[1, 2] = np.nan
    points[3] = np.inf
    with pytest.raises(EstimationError, match="6 values in 2 of 5 points"):
        nearest_neighbors(points, 2)


def test_refuses_no_points():
    with pytest.raises(EstimationError, match="N=0"):
        nearest_neighbors(np.empty((0, 3)), 1)
