"""Resampling: against plain loops over the points, and against the scatter of samples."""

import dataclasses

import numpy as np
import pytest

from estimators import EstimationError, TwoNN, nearest_neighbors
from estimators.manifolds import ball
from estimators.resampling import blocks, half_split, jackknife, subsamples
from estimators.restriction import list_length

RNG = np.random.default_rng(0)
POINTS = RNG.standard_normal((400, 5))
TABLE = nearest_neighbors(POINTS, 32)
LINEAR = TwoNN(method="linear")


def estimate(points, estimator=LINEAR):
    return estimator.estimate(nearest_neighbors(points, 2)).dimension


def test_subsamples_are_those_of_a_plain_loop():
    rng = np.random.default_rng(3)
    expected = [estimate(POINTS[np.sort(rng.permutation(400)[:360])]) for _ in range(20)]
    found = subsamples(TABLE, LINEAR, seed=3)
    assert found.dimensions == pytest.approx(expected, rel=1e-12)
    assert found.mean == pytest.approx(np.mean(expected))
    assert found.std == pytest.approx(np.std(expected))
    # Delete-10%: sqrt(360/40) = 3 times the spread.
    assert found.jackknife_stderr == pytest.approx(3 * np.std(expected, ddof=1))
    assert found.num_redone == 0
    assert found.settings == {
        "estimator": "twonn_linear",
        "share": 0.9,
        "num_subsamples": 20,
        "seed": 3,
    }


@pytest.mark.parametrize("share", [0.9, 0.5, 0.1])
def test_short_lists_give_the_same_subsamples(share):
    long = nearest_neighbors(POINTS, list_length(2, share, 400))
    short = nearest_neighbors(POINTS, 2)
    found = [subsamples(table, TwoNN(), share, 10) for table in (long, short)]
    assert found[0].dimensions == pytest.approx(found[1].dimensions, rel=1e-12)
    assert found[0].num_redone < found[1].num_redone


def test_blocks_are_disjoint_and_those_of_a_plain_loop():
    order = np.random.default_rng(0).permutation(400)
    for point in blocks(TABLE, LINEAR, max_blocks=6):
        size = 400 // point.num_blocks
        parts = [np.sort(order[b * size : (b + 1) * size]) for b in range(point.num_blocks)]
        expected = [estimate(POINTS[part]) for part in parts]
        assert point.num_points == size
        assert point.mean == pytest.approx(np.mean(expected), rel=1e-12)
        assert point.std == pytest.approx(np.std(expected), rel=1e-9, abs=1e-12)


def test_fewer_points_have_a_larger_scale_and_a_lower_estimate():
    points = blocks(nearest_neighbors(ball(1000, 20, RNG), 32), TwoNN(), max_blocks=8)
    assert points[7].scale > points[3].scale > points[0].scale
    assert points[7].mean < points[0].mean
    whole = TwoNN().estimate(nearest_neighbors(POINTS, 2))
    one = blocks(TABLE, TwoNN(), max_blocks=1)[0]
    assert (one.mean, one.std, one.stderr) == (whole.dimension, 0, whole.stderr)


def test_jackknife_is_that_of_a_plain_loop():
    group = np.arange(400) % 8
    left_out = np.array([estimate(POINTS[group != g]) for g in range(8)])
    expected = np.sqrt(7 / 8 * ((left_out - left_out.mean()) ** 2).sum())
    found = jackknife(TABLE, LINEAR, num_groups=8)
    assert found.stderr == pytest.approx(expected, rel=1e-9)
    assert found.dimension == pytest.approx(estimate(POINTS), rel=1e-12)
    assert found.low < found.dimension < found.high
    assert found.settings["jackknife_groups"] == 8


def test_error_bars_against_the_scatter_of_samples():
    """Jackknives are too wide by about 1.65, published spreads too narrow by about half."""
    rng = np.random.default_rng(5)
    tables = [nearest_neighbors(ball(200, 4, rng), 16) for _ in range(100)]
    scatter = np.std([TwoNN().estimate(table).dimension for table in tables])
    deleted = [subsamples(table, TwoNN()) for table in tables]
    assert 1.3 < np.mean([found.jackknife_stderr for found in deleted]) / scatter < 2.0
    assert 0.4 < np.mean([found.std for found in deleted]) / scatter < 0.7
    grouped = [jackknife(table, TwoNN()).stderr for table in tables[:50]]
    assert 1.3 < np.mean(grouped) / scatter < 2.0
    # Blocks are independent: the spread of their mean is what they say.
    fourths = [blocks(table, TwoNN(), max_blocks=4)[3] for table in tables]
    predicted = np.sqrt(np.mean([point.stderr**2 for point in fourths]))
    assert predicted == pytest.approx(np.std([point.mean for point in fourths]), rel=0.25)


def test_halves_are_independent_and_z_is_about_normal():
    rng = np.random.default_rng(6)
    splits = [half_split(nearest_neighbors(ball(200, 3, rng), 16), TwoNN()) for _ in range(150)]
    z = np.array([split.z for split in splits])
    assert abs(z.mean()) < 0.25
    # Points share neighbors, which TwoNN's error bar doesn't know: 1.2 rather than 1.
    assert 1.0 < z.std() < 1.4
    first = np.array([split.first.dimension for split in splits])
    second = np.array([split.second.dimension for split in splits])
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.25


def test_half_split_notices_points_that_come_in_pairs():
    """Each point with a near copy: neighbors of a half aren't those of the whole."""
    rng = np.random.default_rng(7)
    points = ball(300, 3, rng)
    pairs = np.vstack([points, points + 1e-3 * rng.standard_normal(points.shape)])
    split = half_split(nearest_neighbors(pairs, 32), TwoNN())
    whole = TwoNN().estimate(nearest_neighbors(pairs, 2))
    assert split.first.dimension > whole.dimension + 3 * whole.stderr


def test_results_are_frozen_and_repeat():
    assert subsamples(TABLE, TwoNN()) == subsamples(TABLE, TwoNN())
    assert half_split(TABLE, TwoNN()) == half_split(TABLE, TwoNN())
    assert blocks(TABLE, TwoNN(), 3) == blocks(TABLE, TwoNN(), 3)
    assert subsamples(TABLE, TwoNN(), seed=1) != subsamples(TABLE, TwoNN(), seed=2)
    with pytest.raises(dataclasses.FrozenInstanceError):
        half_split(TABLE, TwoNN()).z = 0.0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: subsamples(TABLE, TwoNN(), share=1.0), "got share=1.0 of 400"),
        (lambda: subsamples(TABLE, TwoNN(), num_subsamples=1), "got num_subsamples=1"),
        (lambda: blocks(TABLE, TwoNN(), max_blocks=0), "got max_blocks=0"),
        (lambda: blocks(nearest_neighbors(POINTS[:40], 20), TwoNN(), 5), "of 8 points"),
        (lambda: jackknife(TABLE, TwoNN(), num_groups=1), "got num_groups=1 and N=400"),
        (lambda: jackknife(TABLE, TwoNN(), confidence=95), "got confidence=95"),
    ],
)
def test_refuses_settings_out_of_range(call, message):
    with pytest.raises(EstimationError, match=message):
        call()
