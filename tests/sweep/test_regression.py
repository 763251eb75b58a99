"""Which trials are compared with which."""

import numpy as np
import pandas as pd
import pytest

from sweep.config import RegressionConfig
from sweep.regression import regress

AXES = ["model.name", "model.width", "training.label_noise", "training.seed"]
CONFIG = RegressionConfig(predictors=["id"], resamples=200)


@pytest.fixture
def table():
    """ID rises with width and so does accuracy; ID rises with noise and accuracy falls."""
    rng = np.random.default_rng(0)
    rows = [
        {
            "trial": f"{name}{width}{noise}{seed}",
            "role": "trained",
            "model.name": name,
            "model.width": width,
            "training.label_noise": noise,
            "training.seed": seed,
            "id": offset + np.log2(width) + 6 * noise + 0.05 * rng.standard_normal(),
            "test_accuracy": 0.8 + 0.02 * np.log2(width) - 0.6 * noise,
        }
        for name, offset in (("cnn", 0), ("mlp", 3))
        for width in (4, 8, 16)
        for noise in (0.0, 0.5, 1.0)
        for seed in (0, 1)
    ]
    return pd.DataFrame(rows)


def by_scope(regression, method="pearson"):
    return {row.scope: row for row in regression.correlations if row.method == method}


def test_scopes_are_all_families_and_axes(table):
    regression = regress(table, AXES, CONFIG)
    found = by_scope(regression)
    assert list(found) == [
        "all trials",
        "family cnn",
        "family mlp",
        "along model.width",
        "along training.label_noise",
    ]
    # At the same width and noise the two families are equally good here.
    assert regression.skipped == [
        "id along model.name: the predictor or the response does not vary"
    ]
    everything = found["all trials"]
    assert (everything.num_trials, everything.num_configurations) == (36, 18)
    assert found["family cnn"].num_trials == 18
    assert found["along model.width"].num_groups == 6  # two families, three noise levels


def test_reports_the_sign_it_finds_on_each_axis(table):
    found = by_scope(regress(table, AXES, CONFIG))
    assert found["along model.width"].value > 0.9
    assert found["along training.label_noise"].value < -0.9
    assert found["along model.width"].p_value < 0.02


def test_untrained_networks_are_left_out(table):
    untrained = table.assign(role="untrained", test_accuracy=5.0)
    with_twins = regress(pd.concat([table, untrained]), AXES, CONFIG)
    assert with_twins == regress(table, AXES, CONFIG)


def test_order_of_the_table_does_not_matter_to_the_coefficient(table):
    shuffled = table.sample(frac=1, random_state=1)
    for scope, row in by_scope(regress(shuffled, AXES, CONFIG)).items():
        assert row.value == pytest.approx(by_scope(regress(table, AXES, CONFIG))[scope].value)


def test_what_can_not_be_asked_is_said(table):
    few = table[table["model.width"] == 4].assign(**{"model.name": "cnn"})[:3]
    found = regress(few, ["training.seed"], CONFIG)
    assert found.correlations == []
    assert found.skipped == ["id all trials: 3 configurations, needs 4"]
    constant = regress(table.assign(test_accuracy=1.0), AXES, CONFIG)
    assert "does not vary" in constant.skipped[0]
    missing = regress(table.drop(columns="id"), AXES, CONFIG)
    assert missing.skipped == ["id: no trial has id"]


def test_a_trial_without_the_number_is_left_out_alone(table):
    table.loc[0, "id"] = np.nan
    assert by_scope(regress(table, AXES, CONFIG))["all trials"].num_trials == 35


def test_no_trial_no_regression():
    assert regress(pd.DataFrame(columns=["role"]), [], CONFIG).correlations == []
