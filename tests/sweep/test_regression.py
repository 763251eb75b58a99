"""Which trials are compared with which."""

import json

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest

from sweep.config import RegressionConfig
from sweep.errors import UserError
from sweep.regression import read_regression, regress

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


def full(table, **settings):
    """With two predictors, covariates and intervals."""
    rng = np.random.default_rng(1)
    more = table.assign(
        num_parameters=1000 * table["model.width"] ** 2,
        train_accuracy=table["test_accuracy"] + 0.02 * rng.standard_normal(len(table)),
        noise=rng.standard_normal(len(table)),
        **{"low:id": table["id"] - 0.2, "high:id": table["id"] + 0.2},
    )
    config = RegressionConfig(**{"predictors": ["id", "noise"], "resamples": 200} | settings)
    return regress(more, AXES, config)


def test_simpson_along_axes_is_said(table):
    """Higher with width, lower with noise: no single sign is told without the other."""
    found = full(table)
    (turns,) = [said for said in read_regression(found) if said.startswith("both signs")]
    assert "+ in along model.width" in turns
    assert "along training.label_noise" in turns.partition("; - in ")[2]
    (granulated,) = [row for row in found.granulated if row.predictor == "id"]
    assert granulated.axes == {"model.width": 1.0, "training.label_noise": -1.0}
    assert granulated.mean == pytest.approx(0)


def test_every_part_is_there_for_each_predictor(table):
    found = full(table)
    assert found.covariates == ["log(num_parameters)", "train_accuracy"]
    assert found.families == ["cnn", "mlp"]
    assert [row.predictor for row in found.lines] == ["id", "noise"]
    assert {row.scope for row in found.partials} == {"all trials", "families removed"}
    assert {(row.predictor, row.scope) for row in found.corrected} == {
        ("id", "all trials"), ("id", "families removed")
    }  # fmt: skip
    assert [row.found.held_out for row in found.predicted] == ["network"] * 2  # two families
    assert {row.predictor for row in found.footing.rows} == {"id", "noise"}
    assert set(found.tables()) == {
        "correlations", "granulated", "partial", "models", "held_out", "influence",
        "attenuation", "predictors",
    }  # fmt: skip


def test_keys_in_mlflow_are_few_and_do_not_depend_on_the_sweep(table):
    keys = set(full(table).metrics())
    assert len(keys) < 30
    elsewhere = full(table.assign(**{"model.name": "other"}), predictors=["noise", "id"]).metrics()
    assert not any("id" in key.split("_") or "cnn" in key for key in keys | set(elsewhere))
    assert full(table).parameters()["predictors"] == "id, noise"


def test_json_is_json(table):
    found = full(table)
    text = json.dumps(found.to_json(), allow_nan=False)
    assert json.loads(text)["footing"]["rows"][0]["predictor"] == "id"


def test_keys_of_trials_decide_nothing(table):
    """Trial keys are hashes: as another data set has them, to the bit the same."""
    rng = np.random.default_rng(2)
    table = table.assign(name=table["trial"])
    renamed = table.assign(trial=rng.permutation([f"{n:04d}" for n in range(len(table))]))
    assert regress(renamed, AXES, CONFIG) == regress(table, AXES, CONFIG)
    assert regress(renamed.sort_values("trial"), AXES, CONFIG) == regress(table, AXES, CONFIG)


def test_what_else_is_asked_changes_no_draw(table):
    both = full(table, predictors=["noise", "id"])
    assert [row for row in both.correlations if row.predictor == "id"] == [
        row for row in full(table).correlations if row.predictor == "id"
    ]


def test_no_form_of_the_response_or_the_predictor_is_held_fixed(table):
    found = full(table, predictors=["id", "log(num_parameters)"], response="train_accuracy")
    assert found.covariates == ["log(num_parameters)"]
    given = {row.predictor: row.covariates for row in found.lines}
    assert given == {"id": ("log(num_parameters)",), "log(num_parameters)": ()}
    with pytest.raises(UserError, match="covariate 'train_error' is a form of the response"):
        regress(
            table.assign(train_error=0.1, train_accuracy=0.9), AXES,
            RegressionConfig(response="train_accuracy", covariates=["train_error"]),
        )  # fmt: skip


def test_covariates_can_be_none(table):
    found = full(table, covariates=[])
    assert found.covariates == []
    assert {row.scope for row in found.partials} == {"families removed"}


def test_p_values_are_uniform_where_nothing_is_along_an_axis():
    """Seeds within configurations, groups within an axis: of 100 null data sets a tenth."""
    rng = np.random.default_rng(3)
    small = {"pearson": 0, "kendall": 0}
    for _ in range(100):
        table = pd.DataFrame(
            [
                {"role": "trained", "trial": "", "model.width": w, "model.depth": d,
                 "training.seed": s, "id": rng.normal(), "test_accuracy": rng.normal()}
                for w in range(4) for d in range(3) for s in range(2)
            ]
        )  # fmt: skip
        axes = ["model.width", "model.depth", "training.seed"]
        config = RegressionConfig(predictors=["id"], resamples=100, seed=int(rng.integers(1e6)))
        for method in small:
            found = by_scope(regress(table, axes, config), method)
            small[method] += found["along model.width"].p_value <= 0.1
    assert all(binomtest(count, 100, 0.1).pvalue > 1e-3 for count in small.values()), small


def test_families_of_several_experiments_have_intercepts_of_their_own(table):
    """The same two families in three experiments: six intercepts."""
    more = [table.assign(experiment=name, id=table["id"] + shift, trial=table["trial"] + name)
            for name, shift in (("a", 0), ("b", 4), ("c", 9))]  # fmt: skip
    found = regress(pd.concat(more, ignore_index=True), ["experiment", *AXES], CONFIG)
    assert found.lines[0].model.num_families == 6
    assert {"experiment a", "experiment b", "experiment c"} <= set(by_scope(found))
    assert by_scope(found)["along model.width"].value > 0.9
