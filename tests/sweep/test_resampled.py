"""Published error bars beside proper ones, and dimensions over blocks: the estimators' own."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.stats import t as student

from estimators import TwoNN, blocks, jackknife, nearest_neighbors, subsamples
from estimators.points import Points
from sweep.config import BlocksConfig, SubsamplesConfig, SweepConfig
from sweep.measurement import Measurement
from sweep.measuring import is_control, make_analyses
from sweep.measuring.blocks import BlocksAnalysis
from sweep.measuring.checkpoint import LayerView
from sweep.measuring.subsamples import SubsamplesAnalysis
from sweep.results import settle_regression
from sweep.summary import main_quantity

POINTS = np.random.default_rng(0).normal(size=(400, 6)).astype(np.float32)
LINEAR = TwoNN(method="linear")


def view_of(points):
    def layer_row(layer, analysis, quantity, value, **rest):
        return Measurement("t", 1.0, analysis, quantity, value, layer="fc", layer_index=3, **rest)

    return LayerView(SimpleNamespace(layer_row=layer_row), None, Points(points), {"data": "d"})


def rows_of(analysis, points=POINTS):
    return {row.quantity: row for row in analysis.measure_layer(view_of(points))}


def test_the_published_bar_is_the_std_over_subsamples_and_says_that_it_is_no_error_bar():
    rows = rows_of(SubsamplesAnalysis(SubsamplesConfig(share=0.8, num_subsamples=7, seed=4)))
    row = rows["subsample_id/twonn_linear"]
    found = subsamples(nearest_neighbors(POINTS, 20), LINEAR, 0.8, 7, seed=4)
    assert (row.value, row.num_samples) == (pytest.approx(found.mean, rel=1e-12), 320)
    assert (row.high - row.value, row.value - row.low) == (
        pytest.approx(found.std),
        pytest.approx(found.std),
    )
    assert "no standard error" in row.settings["bar"]
    assert "7 subsamples" in row.settings["bar"]
    proper, whole = (
        rows["jackknife_id/twonn_linear"],
        jackknife(view_of(POINTS).neighbors(20), LINEAR),
    )
    assert (proper.value, proper.low, proper.high) == (whole.dimension, whole.low, whole.high)
    assert proper.num_samples == 400
    assert proper.high - proper.low > 2 * (row.high - row.low)


def test_disjoint_samples_are_subsampled_each_by_itself():
    analysis = SubsamplesAnalysis(SubsamplesConfig(samples=4, num_subsamples=5))
    row = rows_of(analysis)["subsample_id/twonn_linear"]
    order = np.random.default_rng(0).permutation(400)
    means = [
        subsamples(
            nearest_neighbors(POINTS[np.sort(order[100 * s : 100 * s + 100])], 10),
            LINEAR,
            0.9,
            5,
            s,
        ).mean
        for s in range(4)
    ]
    assert row.value == pytest.approx(np.mean(means), rel=1e-12)
    assert row.high - row.value == pytest.approx(np.std(means))
    assert (row.num_samples, row.settings["num_disjoint_samples"]) == (90, 4)
    assert "4 disjoint samples" in row.settings["bar"]


def test_blocks_are_the_estimators_with_a_t_interval():
    rows = rows_of(BlocksAnalysis(BlocksConfig(numbers=[2, 5])))
    assert list(rows) == ["block_id_2/twonn", "block_id_5/twonn"]
    points = blocks(nearest_neighbors(POINTS, 64), TwoNN(), numbers=[2, 5])
    for row, point in zip(rows.values(), points, strict=True):
        assert (row.value, row.num_samples) == (point.mean, 400 // point.num_blocks)
        reach = student.ppf(0.975, point.num_blocks - 1) * point.stderr
        assert (row.low, row.high) == (
            pytest.approx(point.mean - reach),
            pytest.approx(point.mean + reach),
        )


def test_too_few_points_have_a_row_with_the_reason():
    few = POINTS[:12]
    for analysis in (
        BlocksAnalysis(BlocksConfig(numbers=[8])),
        SubsamplesAnalysis(SubsamplesConfig(samples=6)),
    ):
        failed = [row for row in rows_of(analysis, few).values() if math.isnan(row.value)]
        assert failed
        assert all(row.settings["error"] and row.low is None for row in failed)


def test_a_short_table_is_read_off_a_long_one_to_the_bit():
    view = view_of(POINTS)
    long = view.neighbors(60)
    short = view.neighbors(2)
    alone = nearest_neighbors(POINTS, 2)
    assert long.num_neighbors == 60
    np.testing.assert_array_equal(short.distances, alone.distances)
    np.testing.assert_array_equal(short.indices, alone.indices)


def test_controls_predict_nothing_unless_asked_and_are_never_the_main_quantity():
    config = SweepConfig.model_validate(
        {"name": "s", "analyses": {"subsamples": {}, "blocks": {}, "intrinsic": None}}
    )
    assert [a.name for a in make_analyses(config.analyses) if a.controls] == [
        "subsamples",
        "blocks",
    ]
    assert is_control("blocks")
    assert not is_control("intrinsic")
    assert not is_control("a name of another version")
    predictors = settle_regression(config).predictors
    assert not [name for name in predictors if name.startswith(("subsample", "jack", "block"))]
    asked = {"regression": {"predictors": ["block_id_4_last_hidden/twonn"]}}
    asked = SweepConfig.model_validate({**config.model_dump(), **asked})
    assert settle_regression(asked).predictors == ["block_id_4_last_hidden/twonn"]
    bounded = Measurement("t", 1, "blocks", "block_id_4/twonn", 3, layer_index=0, low=2, high=4)
    plain = Measurement("t", 1, "linear", "pc_id", 3, layer_index=0)
    assert main_quantity([SimpleNamespace(rows=[bounded, plain])]) == "pc_id"
