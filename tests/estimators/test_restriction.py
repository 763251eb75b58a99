"""Tables of subsets: the same as if the subset had been searched."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from estimators import EstimationError, nearest_neighbors
from estimators.restriction import list_length, restrict

RNG = np.random.default_rng(0)
POINTS = RNG.standard_normal((600, 7)).astype(np.float32)


def random_rows(num_points, share, rng=RNG):
    return np.sort(rng.permutation(num_points)[: round(share * num_points)])


def require_equal(found, points, k):
    expected = nearest_neighbors(points, k)
    np.testing.assert_array_equal(found.indices, expected.indices)
    # Between float32 points, what was in doubt in the whole need not be in the subset, so a
    # distance may have been taken in float64 in one table and not in the other.
    rounding = 0 if np.asarray(points).dtype == np.float64 else 4e-7
    np.testing.assert_allclose(found.distances, expected.distances, rtol=rounding)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("share", [0.95, 0.9, 0.5, 0.1, 0.02])
@pytest.mark.parametrize("length", [3, 8, 64])
def test_is_the_table_of_the_subset(share, length, dtype):
    points = POINTS.astype(dtype)
    rows = random_rows(600, share)
    found = restrict(nearest_neighbors(points, length), rows, 3)
    require_equal(found, points[rows], 3)


@pytest.mark.parametrize(("length", "share"), [(64, 0.3), (7, 0.9), (8, 0.9), (16, 0.3)])
def test_both_ways_are_taken(length, share):
    """Rows read off, few rows searched again one by one, and many searched as a whole."""
    rows = random_rows(600, share)
    found = restrict(nearest_neighbors(POINTS, length), rows, 4)
    missing = np.isin(nearest_neighbors(POINTS, length).indices[rows], rows).sum(axis=1) < 4
    assert found.num_redone == missing.sum()
    require_equal(found, POINTS[rows], 4)


def test_few_rows_are_searched_one_by_one():
    outlier = np.vstack([POINTS, np.full((3, 7), [[90.0], [91.0], [92.0]])])
    table = nearest_neighbors(outlier, 2)
    rows = np.delete(np.arange(603), 601)
    found = restrict(table, rows, 2)
    assert 0 < found.num_redone < 603 / 32
    require_equal(found, outlier[rows], 2)


@settings(max_examples=60, deadline=None)
@given(
    coordinates=st.lists(st.integers(-2, 2), min_size=16, max_size=48),
    length=st.integers(1, 7),
    seed=st.integers(0, 99),
    share=st.floats(0.4, 0.99),
)
def test_ties_and_duplicates_keep_the_order_of_indices(coordinates, length, seed, share):
    points = np.array(coordinates[: len(coordinates) // 2 * 2], float).reshape(-1, 2)
    rows = random_rows(len(points), share, np.random.default_rng(seed))
    found = restrict(nearest_neighbors(points, length), rows, 2)
    require_equal(found, points[rows], 2)


def test_a_subset_of_a_subset_is_a_subset():
    table = nearest_neighbors(POINTS, 10)
    first, second = random_rows(600, 0.7), random_rows(420, 0.5)
    found = restrict(restrict(table, first, 5), second, 2)
    require_equal(found, POINTS[first][second], 2)


def test_points_are_those_of_the_subset():
    rows = random_rows(600, 0.5)
    points = restrict(nearest_neighbors(POINTS, 8), rows, 2).points
    mine = POINTS[rows]
    assert (points.num_points, points.num_units) == mine.shape
    np.testing.assert_array_equal(points.rows(3, 9), mine[3:9])
    wanted = np.array([[0, 5], [299, 5]])
    np.testing.assert_array_equal(points.gather(wanted), mine[wanted])
    np.testing.assert_array_equal(np.vstack([chunk for _, chunk in points.chunks(70)]), mine)
    assert np.vstack([chunk for _, chunk in points.chunks()]).dtype == np.float32


def test_without_points_only_what_the_list_holds():
    table = dataclasses.replace(nearest_neighbors(POINTS, 64), points=None)
    assert restrict(table, random_rows(600, 0.9), 2).points is None
    with pytest.raises(EstimationError, match=r"of 12 rows .* the table came without points"):
        restrict(table, random_rows(600, 0.02), 2)


def test_lists_of_the_stated_length_are_long_enough():
    """0.01 rows a subset: none in 20 subsets, but a list of half the length is too short."""
    length = list_length(2, share=0.5, num_points=600)
    for k, some in ((length, False), (length // 2, True)):
        table = nearest_neighbors(POINTS, k)
        redone = sum(restrict(table, random_rows(600, 0.5), 2).num_redone for _ in range(20))
        assert (redone > 0) == some


def test_length_grows_as_the_share_falls():
    lengths = [list_length(2, share, 2016) for share in (1.0, 0.9, 0.5, 0.3, 0.1)]
    assert lengths == sorted(lengths)
    assert lengths[0] == 2
    assert lengths[3] <= 64
    assert list_length(2, 0.01, 50) == 49


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([3, 1, 2, 0], "ascend strictly"),
        ([0, 1, 1, 2], "ascend strictly"),
        ([0, 1, 2, 600], "within 0 to 599"),
        ([0, 1], "subset of n=2"),
        ([[0, 1, 2]], r"shape \(1, 3\)"),
        ([0.0, 1.0, 2.0], "of float64"),
    ],
)
def test_refuses_rows_that_are_no_subset(rows, message):
    with pytest.raises(EstimationError, match=message):
        restrict(nearest_neighbors(POINTS, 4), rows, 2)


def test_refuses_shares_and_lengths_out_of_range():
    with pytest.raises(EstimationError, match="got share=0"):
        list_length(2, 0, 100)
    with pytest.raises(EstimationError, match="got k=100 and N=100"):
        list_length(100, 0.5, 100)
