"""Accuracy across families: what is fitted on what, and what is said of it."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from sweep.errors import UserError
from sweep.prediction import MEAN, compare, predict_new
from sweep.predictors import Feature, Networks, PredictorSet
from sweep.report.prediction_table import verdict
from sweep.unlabelled import family_of

OURS = PredictorSet("ours", (Feature("dimension", "log"), Feature("depth")))
HALF = 0.5 / 1000


def networks(table, predictors=OURS):
    return Networks(table, predictors, HALF)


def make_table(accuracy, families=4, seeds=2, configurations=5, seed=0):
    """Families that differ somewhat in their dimensions; accuracy: of (log dimension, depth)."""
    rng = np.random.default_rng(seed)
    rows = []
    for family in range(families):
        for configuration in range(configurations):
            dimension, depth = np.exp(rng.normal(2, 0.4)), rng.uniform(0.2, 0.8)
            for s in range(seeds):
                rows.append(
                    {
                        "trial": f"t{family}{configuration}{s}",
                        "name": f"net{family}-{configuration}-s{s}",
                        "family": f"f{family}",
                        "configuration": f"{family}-{configuration}",
                        "accuracy": accuracy(np.log(dimension), depth, rng),
                        "dimension": dimension,
                        "depth": depth,
                        "noise": rng.uniform(),
                    }
                )
    return pd.DataFrame(rows)


def known(log_dimension, depth, rng):
    return expit(4 - 2 * log_dimension + 3 * depth)


def unknown(log_dimension, depth, rng):
    return rng.uniform(0.4, 0.6)


@pytest.fixture
def table():
    return make_table(known)


def by_name(comparison):
    return {score.predictors.name: score for score in comparison.scores}


def test_what_the_features_settle_is_predicted_across_families(table):
    found = by_name(compare(networks(table)))
    assert found["ours"].mae < 0.005
    assert found["ours"].coverage >= 0.9
    assert found["ours"].gain_low > 0
    assert found[MEAN].mae > 0.1
    assert found[MEAN].gain == found[MEAN].gain_low == 0
    new = {"dimension": 8.0, "depth": 0.5}
    predicted = predict_new(networks(table), "new", new)
    assert predicted.predicted == pytest.approx(known(np.log(8), 0.5, None), abs=0.005)
    assert predicted.low <= predicted.predicted <= predicted.high
    assert (predicted.warnings, predicted.fitted) == ((), 40)


def test_accuracies_of_the_family_held_out_change_nothing_about_it():
    table = make_table(unknown)
    other = table.copy()
    held_out = table["family"] == "f1"
    other.loc[held_out, "accuracy"] = np.linspace(0.01, 0.99, held_out.sum())
    for before, after in zip(
        compare(networks(table)).scores, compare(networks(other)).scores, strict=True
    ):
        for a, b in zip(before.networks, after.networks, strict=True):
            if a.family == "f1":
                assert (a.predicted, a.low, a.high) == (b.predicted, b.low, b.high)
                assert a.accuracy != b.accuracy


def test_the_mean_is_said_to_be_best_where_it_is():
    """Within a family dimension and accuracy go together; across families the other way."""
    rng = np.random.default_rng(0)
    rows = []
    for family in range(5):
        for number in range(6):
            rows.append(
                {
                    "trial": f"{family}{number}", "name": "n", "family": f"f{family}",
                    "configuration": f"{family}{number}",
                    "accuracy": 0.5 + 0.02 * number + 0.01 * rng.normal(),
                    "dimension": np.exp(family + rng.normal()), "depth": rng.uniform(),
                }
            )  # fmt: skip
    comparison = compare(networks(pd.DataFrame(rows)))
    ours, mean = comparison.scores
    assert mean.mae < ours.mae
    assert "mean accuracy errs least" in verdict(comparison)
    assert "errs less than the mean" not in verdict(comparison)


def test_errors_are_those_of_the_definition():
    """Of the mean, by hand: each family from the others' mean; families count alike."""
    accuracy = {"a": [0.2, 0.4, 0.3, 0.3], "b": [0.5, 0.7], "c": [0.9, 0.8, 0.7]}
    rows = [
        {"trial": f"{f}{i}", "name": "n", "family": f, "configuration": f"{f}{i}", "accuracy": v}
        for f, values in accuracy.items()
        for i, v in enumerate(values)
    ]
    (score, _) = compare(networks(pd.DataFrame(rows), PredictorSet("nothing"))).scores
    errors = {}
    for family, values in accuracy.items():
        rest = [v for other, vs in accuracy.items() if other != family for v in vs]
        errors[family] = np.array(values) - np.mean(rest)
    absolute = [np.abs(e).mean() for e in errors.values()]
    squared = [(e**2).mean() for e in errors.values()]
    assert score.mae == pytest.approx(np.mean(absolute), abs=1e-6)
    assert score.mae_error == pytest.approx(np.std(absolute, ddof=1) / np.sqrt(3), abs=1e-6)
    assert score.rmse == pytest.approx(np.sqrt(np.mean(squared)), abs=1e-6)


def test_more_seeds_are_no_more_evidence():
    """Each seed twice: the same fit, the same errors, the same intervals."""
    table = make_table(unknown, seeds=1)
    twins = pd.concat([table, table.assign(trial=table["trial"] + "x")])
    once, twice = compare(networks(table)).scores[0], compare(networks(twins)).scores[0]
    assert twice.mae == pytest.approx(once.mae, abs=1e-3)
    assert twice.mae_error == pytest.approx(once.mae_error, abs=1e-3)
    assert twice.width == pytest.approx(once.width, abs=5e-3)


def test_order_of_the_table_does_not_matter(table):
    shuffled = table.sample(frac=1, random_state=1)
    assert compare(networks(shuffled)) == compare(networks(table))


@pytest.mark.parametrize(
    ("values", "warning"),
    [
        ({"dimension": 900.0, "depth": 0.5}, "dimension 900 is outside 2.92 to 15.3"),
        ({"dimension": 8.0, "depth": 0.01}, "depth 0.01 is outside 0.22 to 0.797"),
    ],
)
def test_outside_the_range_is_a_warning(table, values, warning):
    found = predict_new(networks(table), "new", values)
    assert found.warnings == (warning,)


def test_each_in_range_but_not_together_is_a_warning():
    table = make_table(known)
    # Deep peaks go with large dimensions, but for the one that is asked about.
    table["depth"] = 0.5 + 0.1 * (np.log(table["dimension"]) - 2) + 0.001 * table["noise"]
    low, high = table["dimension"].min(), table["depth"].max()
    found = predict_new(networks(table), "new", {"dimension": low * 1.001, "depth": high - 1e-6})
    (warning,) = found.warnings
    assert "go together as nowhere in the fit" in warning


def test_held_out_networks_outside_the_others_are_marked(table):
    table.loc[table["family"] == "f2", "dimension"] *= 50
    ours = compare(networks(table)).scores[0]
    assert {row.family for row in ours.networks if row.outside} >= {"f2"}
    assert all(row.outside for row in ours.networks if row.family == "f2")
    assert 0.25 <= ours.outside < 0.5


def test_what_is_missing_is_left_out_and_told(table):
    table.loc[3, "dimension"] = np.nan
    table.loc[4, "dimension"] = 0.0
    table.loc[5, "accuracy"] = np.nan
    table.loc[6, "noise"] = np.nan
    baseline = PredictorSet("luck", (Feature("noise"),))
    other = PredictorSet("none", (Feature("nowhere"),))
    found = compare(networks(table), [baseline, other])
    assert found.num_networks == 37
    assert found.notes == (
        "left out: 1 without accuracy",
        "left out: 2 whose dimension is missing, or has no log",
        "no baseline luck: not every network has noise",
        "no baseline none: not every network has nowhere",
    )
    with pytest.raises(UserError, match=r"new has no depth that could be used \(measured: None\)"):
        predict_new(networks(table), "new", {"dimension": 8.0})
    with pytest.raises(UserError, match=r"no dimension that could be used \(measured: -1"):
        predict_new(networks(table), "new", {"dimension": -1.0, "depth": 0.5})


def test_accuracies_of_zero_and_one_are_no_infinities(table):
    table.loc[:10, "accuracy"] = 1.0
    table.loc[11:20, "accuracy"] = 0.0
    logit = PredictorSet("fraction", (Feature("accuracy", "logit"),))
    for score in compare(networks(table), [logit]).scores:
        assert np.isfinite([score.mae, score.rmse, score.width]).all()


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (lambda t: t[t["family"] < "f2"], r"needs 3, but got 2 \(f0, f1\)"),
        (lambda t: t[:0], r"needs 3, but got 0 \(none\)"),
        (lambda t: t.assign(accuracy=0.9), "all 40 networks have the same accuracy, 0.900"),
        (lambda t: t.assign(accuracy=np.nan), "needs 3, but got 0"),
        (
            lambda t: t[t["configuration"].str[-1] < "1"],
            "2 features need 4 configurations besides any two of family, but there are 2",
        ),
    ],
)
def test_too_little_is_one_line(table, changed, message):
    with pytest.raises(UserError, match=message) as error:
        networks(changed(table))
    assert "\n" not in str(error.value)


def test_a_configuration_can_be_left_out(table):
    fewer = networks(table).without_configuration("1-2")
    assert len(fewer.table) == 38
    assert "1-2" not in set(fewer.table["configuration"])


def test_families_of_libraries_are_what_names_begin_with():
    names = ["torchvision/resnet18", "timm/resnet50.a1_in1k", "torchvision/vgg16_bn", "mlp"]
    assert [family_of(name) for name in names] == ["resnet", "resnet", "vgg", "mlp"]
    assert family_of("mynets:tiny2") == "mynets:tiny2"
