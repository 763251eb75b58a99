"""Dimension over scales: known dimensions, noise at small ones, the estimators' own numbers."""

import math
from types import SimpleNamespace

import numpy as np
import pytest

from estimators import ESTIMATORS, Gride, gride_scales, nearest_neighbors
from estimators.points import Points
from sweep.config import ScalesConfig, SweepConfig
from sweep.measurement import Measurement
from sweep.measuring import is_control
from sweep.measuring.checkpoint import LayerView
from sweep.measuring.scales import ScalesAnalysis
from sweep.results import settle_regression


def view_of(points):
    def layer_row(layer, analysis, quantity, value, **rest):
        return Measurement("t", 1.0, analysis, quantity, value, layer="fc", layer_index=3, **rest)

    return LayerView(SimpleNamespace(layer_row=layer_row), None, Points(points), {"data": "d"})


def rows_of(points, **settings):
    rows = ScalesAnalysis(ScalesConfig(**settings)).measure_layer(view_of(points))
    return {row.quantity: row for row in rows}


def embed(points, num_units, seed=0):
    """The points in more dimensions, turned: (N, d) to (N, D)."""
    axes = np.linalg.qr(np.random.default_rng(seed).normal(size=(num_units, points.shape[1])))[0]
    return (points @ axes.T).astype(np.float32)


def test_a_flat_manifold_has_its_dimension_at_every_scale():
    square = embed(np.random.default_rng(1).uniform(size=(2000, 2)), 30)
    rows = rows_of(square)
    assert list(rows) == [f"scale_id_{2**level}/gride" for level in range(1, 7)]
    for row in rows.values():
        assert row.low < row.value < row.high
        assert row.value == pytest.approx(2, rel=0.12)
    scales = [row.settings["scale"] for row in rows.values()]
    assert scales == sorted(scales)


@pytest.mark.parametrize("noise", [0.01, 0.03])
def test_noise_raises_the_dimension_of_small_scales_alone(noise):
    """Two dimensions with a little noise in thirty: many when near, two when far."""
    rng = np.random.default_rng(2)
    points = embed(rng.uniform(size=(2000, 2)), 30) + rng.normal(size=(2000, 30)) * noise / 30**0.5
    values = [row.value for row in rows_of(points.astype(np.float32), up_to=256).values()]
    assert values[0] > 1.4 * values[-1]
    assert values == sorted(values, reverse=True)
    assert values[-1] == pytest.approx(2, rel=0.35)


def test_values_are_those_of_the_estimator_and_carry_their_ranks():
    points = np.random.default_rng(3).normal(size=(400, 6)).astype(np.float32)
    rows = rows_of(points, up_to=50)
    expected = gride_scales(nearest_neighbors(points, 32), 32)
    for row, estimate in zip(rows.values(), expected, strict=True):
        assert (row.value, row.low, row.high) == (estimate.dimension, estimate.low, estimate.high)
        assert (row.settings["n1"], row.settings["n2"]) == (
            row.settings["n2"] // 2,
            row.settings["k"],
        )
        assert (row.settings["scale"], row.num_samples) == (estimate.scale, 400)
    usual = ESTIMATORS["gride"].estimate(nearest_neighbors(points, 4))
    assert rows["scale_id_4/gride"].value == usual.dimension


def test_ranks_that_are_not_local_have_a_row_with_the_reason():
    rows = rows_of(np.random.default_rng(4).normal(size=(70, 3)).astype(np.float32))
    finite = [row.settings["n2"] for row in rows.values() if math.isfinite(row.value)]
    assert finite == [2, 4, 8, 16]
    for n2 in (32, 64):
        row = rows[f"scale_id_{n2}/gride"]
        assert f"got n2={n2} for N=70 points" in row.settings["error"]
        assert row.low is None


def test_the_scales_are_a_control_and_off_unless_asked_for():
    config = SweepConfig.model_validate({"name": "s", "analyses": {"scales": {"up_to": 4}}})
    assert is_control("scales")
    assert not [p for p in settle_regression(config).predictors or [] if p.startswith("scale_id")]
    asked = {**config.model_dump(), "regression": {"predictors": ["scale_id_4_last_hidden/gride"]}}
    settle_regression(SweepConfig.model_validate(asked))
    assert SweepConfig.model_validate({"name": "s"}).analyses.scales is None
    assert ScalesAnalysis(ScalesConfig(up_to=5)).estimators == [Gride(1, 2), Gride(2, 4)]
