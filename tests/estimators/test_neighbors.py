"""Exact nearest neighbors: equal to brute force in float64 on every kind of input."""

import itertools
from collections.abc import Sequence

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from estimators import (
    EstimationError,
    Points,
    exact,
    nearest_neighbors,
    neighbors_between,
    products,
    screening,
)
from estimators.exact import FLOAT32_ERROR, measure_pairs
from estimators.rounding import KEPT_BYTES, PANEL_BYTES

RNG = np.random.default_rng(0)


def brute_force(points, k):
    """Independent of the code under test: all differences, a stable sort, in float64."""
    points = np.asarray(points, np.float64).reshape(len(points), -1)
    distances = np.empty((len(points), k))
    indices = np.empty((len(points), k), np.int64)
    # A power of two changes no digit, and squares must neither overflow nor vanish.
    unit = 2.0 ** (np.frexp(np.abs(points).max())[1])
    for row, point in enumerate(points):
        distance = unit * np.sqrt(((points / unit - point / unit) ** 2).sum(axis=1))
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
    "copies": np.repeat(RNG.standard_normal((40, 5)), 8, axis=0),
    "all equal": np.ones((300, 4)),
    "dead but for a few": np.vstack([np.zeros((280, 7)), RNG.standard_normal((20, 7))]),
    "tiny": 1e-200 * RNG.standard_normal((300, 5)),
    "huge": 1e200 * RNG.standard_normal((300, 5)),
    "a lattice": np.stack(np.meshgrid(*[np.arange(7.0)] * 3), axis=-1).reshape(-1, 3) / 7,
}
# The same as float32 points: rounding is then part of the data.
HARD32 = {
    name: np.clip(points, -3e38, 3e38).astype(np.float32) for name, points in HARD.items()
} | {
    "tiny": (1e-30 * RNG.standard_normal((300, 5))).astype(np.float32),
    "subnormal": (1e-42 * RNG.standard_normal((300, 5))).astype(np.float32),
    "huge": (1e37 * RNG.standard_normal((300, 5))).astype(np.float32),
    "far apart but for a hair": np.column_stack(
        [np.ones(300), 1e-30 * RNG.standard_normal(300)]
    ).astype(np.float32),
    # Squared distances 1 + i 2^-40 and the like: equal in float32, not in float64.
    "ordered only in float64": np.vstack(
        [np.zeros((1, 2)), np.column_stack([np.ones(299), 2.0**-20 * RNG.permutation(299)])]
    ).astype(np.float32),
}


@pytest.mark.parametrize("precision", ["auto", "bfloat16", "float32", "float64"])
@pytest.mark.parametrize("name", HARD)
def test_equals_brute_force(name, precision):
    found = nearest_neighbors(HARD[name], k=3, precision=precision)
    distances, indices = brute_force(HARD[name], 3)
    np.testing.assert_array_equal(found.indices, indices)
    np.testing.assert_allclose(found.distances, distances, rtol=1e-9)


@pytest.mark.parametrize("precision", ["auto", "bfloat16", "float32", "float64"])
@pytest.mark.parametrize("name", HARD32)
def test_equals_brute_force_on_float32_points(name, precision):
    found = nearest_neighbors(HARD32[name], k=3, precision=precision)
    distances, indices = brute_force(HARD32[name], 3)
    np.testing.assert_array_equal(found.indices, indices)
    np.testing.assert_allclose(found.distances, distances, rtol=FLOAT32_ERROR)
    assert (np.diff(found.distances, axis=1) >= 0).all()


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


def test_wide_points_come_in_lower_blocks(monkeypatch):
    points = np.random.default_rng(0).standard_normal((300, 40))
    expected = nearest_neighbors(points, k=3, precision="float64")
    monkeypatch.setitem(screening.BLOCK_NUMBERS, "cpu", 40 * 70)
    monkeypatch.setattr(exact, "TILE_NUMBERS", 40 * 33)
    for precision in ("bfloat16", "float32", "float64"):
        found = nearest_neighbors(points, k=3, precision=precision)
        assert found.precision == precision
        np.testing.assert_array_equal(found.indices, expected.indices)
        np.testing.assert_array_equal(found.distances, expected.distances)


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


@pytest.mark.parametrize(
    ("bfloat16", "chosen"), [(0.2, "bfloat16"), (0.9, "float32"), (30.0, "float32")]
)
def test_the_precision_is_chosen_by_what_products_cost_here(monkeypatch, bfloat16, chosen):
    """30: a processor that can only imitate bfloat16. One real measurement backs the rest."""
    assert products.product_seconds(torch.bfloat16, "cpu") > 0
    seconds = {torch.bfloat16: bfloat16, torch.float32: 1.0}
    monkeypatch.setattr(products, "product_seconds", lambda dtype, device: seconds[dtype])
    products.fastest_precision.cache_clear()
    points = np.random.default_rng(0).standard_normal((600, 30)).astype(np.float32)
    assert nearest_neighbors(points, 2).precision == chosen
    products.fastest_precision.cache_clear()


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


def test_copies_are_set_aside_not_redone():
    rng = np.random.default_rng(0)
    points = np.vstack([np.zeros((3000, 8)), rng.standard_normal((400, 8)), np.ones((3000, 8))])
    found = nearest_neighbors(points, k=5)
    assert found.num_redone == 0
    np.testing.assert_array_equal(found.indices[2], [0, 1, 3, 4, 5])
    np.testing.assert_array_equal(found.indices[6399], np.arange(3400, 3405))
    np.testing.assert_array_equal(found.indices[3000:3400], brute_force(points, 5)[1][3000:3400])


def test_a_million_units():
    points = np.random.default_rng(0).standard_normal((12, 1_000_000), dtype=np.float32)
    points[7] = points[11] + 1e-3  # nearer than bfloat16 can tell
    distances, indices = brute_force(points, 2)
    for precision in ("bfloat16", "float32"):
        found = nearest_neighbors(points, k=2, precision=precision)
        np.testing.assert_array_equal(found.indices, indices)
        np.testing.assert_allclose(found.distances, distances, rtol=FLOAT32_ERROR)


def in_blocks(points):
    return [points[:100], torch.from_numpy(points[100:101].copy()), points[101:]]


class Lazy(Sequence):
    """Blocks that are made whenever they are asked for."""

    def __init__(self, blocks):
        self.blocks = blocks

    def __len__(self):
        return len(self.blocks)

    def __getitem__(self, number):
        return self.blocks[number].copy()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_blocks_and_memory_maps_give_the_same_bits(dtype, tmp_path, monkeypatch):
    points = np.random.default_rng(3).standard_normal((5000, 20)).astype(dtype)
    expected = nearest_neighbors(points, k=3)
    np.save(tmp_path / "points.npy", points)
    for given_ in (
        in_blocks(points),
        Lazy(np.array_split(points, 7)),
        np.load(tmp_path / "points.npy", mmap_mode="r"),
    ):
        for kept in (1, 1 << 30):
            # With little room for low-precision copies they are made panel by panel.
            monkeypatch.setitem(KEPT_BYTES, "cpu", kept)
            monkeypatch.setitem(PANEL_BYTES, "cpu", 3 * 1024 * 32 * 2)
            found = nearest_neighbors(given_, k=3)
            np.testing.assert_array_equal(found.indices, expected.indices)
            np.testing.assert_array_equal(found.distances, expected.distances)


@pytest.mark.parametrize("precision", ["auto", "float64"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_tables_of_tiles_merge_in_any_order_to_the_same_bits(dtype, precision):
    rng = np.random.default_rng(4)
    points = np.maximum(rng.standard_normal((1500, 6)), 0).astype(dtype)  # copies and ties too
    whole = nearest_neighbors(points, k=4)
    bounds = [0, 2, 700, 1100, 1500]  # one span has fewer points than neighbors are wanted
    spans = list(itertools.pairwise(bounds))
    tiles = [
        neighbors_between(points, 4, *pair, precision=precision)
        for pair in itertools.combinations_with_replacement(spans, 2)
    ]
    source = Points(points)
    for _ in range(5):
        rest = [tiles[i] for i in rng.permutation(len(tiles))]
        while len(rest) > 1:  # any grouping: two random ones become one
            first, second = (rest.pop(rng.integers(len(rest))) for _ in range(2))
            rest.append(first.merge(second))
        found = rest[0].merge(tiles[0]).compute(source)  # a tile given twice counts once
        np.testing.assert_array_equal(found.indices, whole.indices)
        np.testing.assert_array_equal(found.distances, whole.distances)
    with pytest.raises(EstimationError, match="tiles are missing: 0 of 1500"):
        tiles[0].compute(source)


def test_a_distance_depends_on_its_two_points_alone():
    for num_units in (1, 15, 16, 17, 100, 257, 5000):
        points = np.random.default_rng(5).standard_normal((40, num_units)).astype(np.float32)
        rows, columns = torch.arange(20), torch.arange(20, 40)
        together = measure_pairs(Points(points), rows, columns)
        for pair in range(20):
            one = slice(pair, pair + 1)
            assert measure_pairs(Points(points), columns[one], rows[one]) == together[pair]


def near_sphere(dtype):
    """One point in the middle of a sphere: its neighbors differ by rounding alone."""
    points = np.random.default_rng(3).normal(size=(40, 16)).astype(dtype)
    points /= np.linalg.norm(points, axis=1)[:, None]
    points[0] = 0
    return points


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_ties_but_for_rounding_are_the_same_however_found(dtype):
    points = near_sphere(dtype)
    for k in (1, 2, 7):
        found = [nearest_neighbors(points, k, precision=p) for p in ("float32", "float64")]
        spans = (0, 20), (20, 40)
        tiles = [
            neighbors_between(points, k, *pair)
            for pair in itertools.combinations_with_replacement(spans, 2)
        ]
        found.append(tiles[2].merge(tiles[0]).merge(tiles[1]).compute(points))
        for other in found[1:]:
            np.testing.assert_array_equal(other.indices, found[0].indices)
            np.testing.assert_array_equal(other.distances, found[0].distances)


@pytest.mark.parametrize("outlier", [1e155, 1e200, 1e290])
def test_an_outlier_beyond_all_measure_costs_the_others_nothing(outlier):
    points = np.random.default_rng(0).standard_normal((280, 3))
    expected = brute_force(points[1:], 3)
    points[0, 0] = outlier
    for precision in ("auto", "float64"):
        found = nearest_neighbors(points, 3, precision=precision)
        np.testing.assert_array_equal(found.indices[1:], expected[1] + 1)
        np.testing.assert_allclose(found.distances[1:], expected[0], rtol=1e-12)
    line = nearest_neighbors([[0.0], [1e-170], [3e-170], [1.0]], 1)
    np.testing.assert_allclose(line.distances[:, 0], [1e-170, 1e-170, 2e-170, 1], rtol=1e-12)


def test_shortcuts_of_the_caller_are_not_taken():
    points = np.random.default_rng(0).normal(size=(1000, 200)).astype(np.float32)
    expected = nearest_neighbors(points, 5)
    mkldnn = torch.backends.mkldnn.matmul
    before = mkldnn.fp32_precision
    for precision in ("float32", "bfloat16", "float64"):
        for dtype in (torch.bfloat16, torch.float16):
            with torch.autocast("cpu", dtype=dtype):
                found = nearest_neighbors(points, 5, precision=precision)
            np.testing.assert_array_equal(found.indices, expected.indices)
        try:
            mkldnn.fp32_precision = "bf16"
            found = nearest_neighbors(points, 5, precision=precision)
            assert mkldnn.fp32_precision == "bf16"
        finally:
            mkldnn.fp32_precision = before
        np.testing.assert_array_equal(found.indices, expected.indices)


def test_takes_arrays_of_any_stride():
    points = np.random.default_rng(0).standard_normal((300, 6))
    packed = np.zeros(300, dtype=[("flag", "i1"), ("xyz", "f8", 6)])
    packed["xyz"] = points
    expected = nearest_neighbors(points, 2)
    for other in (points[:, ::-1], np.asfortranarray(points), packed["xyz"], points.astype(">f8")):
        np.testing.assert_array_equal(nearest_neighbors(other, 2).indices, expected.indices)
    backwards = nearest_neighbors([points[::-1][:100], points[::-1][100:]], 2)
    np.testing.assert_array_equal(299 - backwards.indices[::-1], expected.indices)


def test_the_largest_numbers_are_finite():
    found = nearest_neighbors(np.full((11, 2), np.finfo(np.float32).max, np.float32), 2)
    assert not found.distances.any()


@pytest.mark.parametrize(
    ("points", "k", "message"),
    [
        ([[1, 2], [3]], 1, "rows of one width"),
        ([torch.zeros(3, requires_grad=True), torch.ones(3)], 1, "rows of one width"),
        (torch.eye(5).to_sparse(), 1, "must be dense"),
        (np.eye(5) * 1e308, 1, "scale the points down"),
        (np.array([["a"], ["b"]]), 1, "real numbers"),
        (np.eye(3) * 1j, 1, "real numbers"),
        ([np.eye(3), np.ones((2, 4))], 1, r"widths \[3, 4\]"),
        (np.zeros((5, 0)), 1, "at least 1 unit"),
        (np.eye(5), 2.5, "whole number is needed, but got 2.5"),
        (np.eye(5), "2", "whole number"),
    ],
)
def test_refuses_what_is_no_table_of_numbers(points, k, message):
    with pytest.raises(EstimationError, match=message):
        nearest_neighbors(points, k)


@pytest.mark.parametrize("device", ["gpu", "meta"])
def test_refuses_a_device_that_is_none(device):
    with pytest.raises(EstimationError, match=device):
        nearest_neighbors(np.eye(5), 2, device=device)


def test_spans_of_a_tile_are_checked():
    with pytest.raises(EstimationError, match=r"got \(0, 5\) and \(4, 9\)"):
        neighbors_between(np.eye(9), 1, (4, 9), (0, 5))


@pytest.mark.gpu
@pytest.mark.parametrize("name", HARD32)
def test_a_gpu_finds_the_same(name):
    found = nearest_neighbors(HARD32[name], k=3, device="cuda")
    distances, indices = brute_force(HARD32[name], 3)
    np.testing.assert_array_equal(found.indices, indices)
    np.testing.assert_allclose(found.distances, distances, rtol=FLOAT32_ERROR)


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
