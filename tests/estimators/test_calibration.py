"""Calibrated TwoNN: an inverse of its table, honest at the table's ends, and less biased."""

import dataclasses
import math

import numpy as np
import pytest

from estimators import EstimationError, Neighbors, TwoNN, nearest_neighbors
from estimators.calibration import BALL_WEIGHT, Calibrated
from estimators.calibration_table import DIMENSIONS, NUM_POINTS, RAW, RELATIVE_ERROR, SCATTER
from estimators.manifolds import ball, embed, sphere


def table_with_raw(raw, num_points, method="mle"):
    """A neighbor table on which TwoNN's estimate by maximum likelihood is `raw`."""
    log_mu = np.random.default_rng(0).exponential(size=num_points)
    log_mu *= (num_points - 1) / raw / log_mu.sum()
    distances = np.column_stack([np.ones(num_points), np.exp(log_mu)])
    return Neighbors(distances, np.zeros((num_points, 2), np.int64))


def calibrated(raw, num_points):
    return Calibrated(TwoNN(method="mle")).estimate(table_with_raw(raw, num_points))


def reference(method, i, j):
    """The raw value of the reference: the weighted geometric mean of the two shapes."""
    weights = {"ball": BALL_WEIGHT, "gaussian": 1 - BALL_WEIGHT}
    return math.prod(RAW[method][shape][i][j] ** weight for shape, weight in weights.items())


@pytest.mark.parametrize("i", range(len(NUM_POINTS)))
def test_inverts_the_table_at_its_own_points(i):
    for j, dimension in enumerate(DIMENSIONS):
        # A hair below the last value: it is the end of the table.
        found = calibrated(reference("mle", i, j) * (1 - 1e-12), NUM_POINTS[i])
        assert found.dimension == pytest.approx(dimension, rel=1e-6)
        assert found.settings["bound"] is None


@pytest.mark.parametrize("num_points", [100, 137, 700, 20_000])
def test_rises_with_the_raw_value_and_without_jumps(num_points):
    raw = np.geomspace(0.5, 44, 200)
    values = np.array([calibrated(value, num_points).dimension for value in raw])
    slopes = np.diff(np.log(values)) / np.diff(np.log(raw))
    assert slopes.min() > 0.7
    assert slopes.max() < 2.5


def test_corrects_less_as_points_become_more():
    values = [calibrated(20.0, n).dimension for n in (100, 150, 500, 1500, 5000, 20_000)]
    assert values == sorted(values, reverse=True)
    assert values[-1] > 20


def test_references_are_as_exact_as_they_say_and_rise():
    assert RELATIVE_ERROR < 0.0035
    for shapes in RAW.values():
        for rows in shapes.values():
            values = np.array(rows)
            assert values.shape == (len(NUM_POINTS), len(DIMENSIONS))
            assert (np.diff(values, axis=1) > 0).all()
            # More points, less bias; at d = 1 there is none.
            assert values[:, 0] == pytest.approx(1, abs=0.04)
            assert (np.diff(values[:, 10:], axis=0) > 0).all()


def test_the_table_is_that_of_fresh_samples():
    """A cell simulated again, from other random numbers."""
    rng = np.random.default_rng(99)
    tables = [nearest_neighbors(ball(500, 20, rng), 2) for _ in range(60)]
    for method in ("censored", "mle", "linear"):
        raw = [TwoNN(method=method).estimate(table).dimension for table in tables]
        j = DIMENSIONS.index(20)
        allowed = 3 * np.std(raw) / math.sqrt(60)
        assert np.mean(raw) == pytest.approx(RAW[method]["ball"][2][j], abs=allowed)
        scatter = np.std(raw) / np.mean(raw) * math.sqrt(500)
        assert scatter == pytest.approx(SCATTER[method][j], rel=0.3)


@pytest.mark.parametrize("method", ["censored", "mle", "linear"])
def test_takes_the_bias_out_of_shapes_it_was_not_made_from(method):
    rng = np.random.default_rng(1)
    for draw, dimension in ((sphere, 10), (sphere, 30), (cube, 30)):
        tables = [nearest_neighbors(draw(500, dimension, rng), 2) for _ in range(20)]
        estimator = TwoNN(method=method)
        raw = np.mean([estimator.estimate(table).dimension for table in tables])
        found = [Calibrated(estimator).estimate(table) for table in tables]
        assert np.mean([one.dimension for one in found]) == pytest.approx(dimension, rel=0.08)
        assert abs(np.mean([one.dimension for one in found]) - dimension) < dimension - raw
        assert np.mean([one.low < dimension < one.high for one in found]) >= 0.9


def cube(num_points, dimension, rng):
    return rng.uniform(size=(num_points, dimension))


def test_low_dimensions_stay_as_they_are():
    rng = np.random.default_rng(2)
    points = embed(ball(2000, 1, rng), 5, rng)
    found = Calibrated().estimate(nearest_neighbors(points, 2))
    assert found.dimension == pytest.approx(found.settings["raw"], rel=0.01)
    # Below the table: the ratio of its lowest dimension.
    low = [calibrated(value, 1000) for value in (0.3, 0.6)]
    assert low[1].dimension == pytest.approx(2 * low[0].dimension)
    assert low[0].dimension == pytest.approx(0.3, rel=0.01)


@pytest.mark.parametrize("raw", [70.0, 1000.0])
def test_beyond_the_table_it_says_at_least(raw):
    found = calibrated(raw, 1000)
    assert found.settings["bound"] == "at least"
    assert (found.dimension, found.high) == (DIMENSIONS[-1], math.inf)
    assert found.low < found.dimension
    assert 0 < found.stderr < math.inf
    assert found.settings["raw"] == pytest.approx(raw)


def test_an_upper_end_beyond_the_table_is_infinite():
    found = calibrated(reference("mle", 3, len(DIMENSIONS) - 2), 1000)
    assert found.dimension == pytest.approx(DIMENSIONS[-2], rel=1e-6)
    assert found.high == math.inf
    assert found.settings["bound"] is None


def test_more_points_than_the_table_are_corrected_as_its_most():
    most = NUM_POINTS[-1]
    inside, above = (calibrated(25.0, n) for n in (most, 3 * most))
    assert above.dimension == pytest.approx(inside.dimension)
    assert above.settings["table_num_points"] == most
    # The bias at that N is less than that, so the raw interval is in it too.
    raw = TwoNN(method="mle").estimate(table_with_raw(25.0, 3 * most))
    assert above.low <= raw.low
    assert inside.low > raw.low


def test_fewer_points_than_the_table_are_refused():
    with pytest.raises(EstimationError, match="`N >= 100` must hold, but got 99 usable points"):
        calibrated(5.0, 99)


def test_widens_the_interval_by_what_the_shape_may_do():
    found = calibrated(20.0, 2000)
    raw = TwoNN(method="mle").estimate(table_with_raw(20.0, 2000))
    assert found.stderr / found.dimension > raw.stderr / raw.dimension
    assert found.settings["shape_error"] > 0.03
    narrow = Calibrated(TwoNN(method="mle", confidence=0.5)).estimate(table_with_raw(20.0, 2000))
    assert found.low < narrow.low < narrow.dimension < narrow.high < found.high
    assert narrow.dimension == found.dimension


def test_wraps_the_three_methods_at_the_trim_of_its_table():
    names = [Calibrated(TwoNN(method=m)).name for m in ("censored", "mle", "linear")]
    assert names == ["twonn_calibrated", "twonn_mle_calibrated", "twonn_linear_calibrated"]
    assert Calibrated(TwoNN(method="mle", trim=0.3)).num_neighbors == 2
    with pytest.raises(EstimationError, match=r"`trim == 0\.1` must hold, but got trim=0\.2"):
        Calibrated(TwoNN(trim=0.2))
    with pytest.raises(dataclasses.FrozenInstanceError):
        Calibrated().estimator = TwoNN()
