"""Claims: constructed profiles with known answers, rules, filters, names told before any work."""

import math
from types import SimpleNamespace

import numpy as np
import pytest

from sweep.claims import check_claims, judge_claims
from sweep.claims.choosing import choose
from sweep.claims.judge import decide, judge
from sweep.claims.statistics import PER_NETWORK, no_effect
from sweep.config import STATISTICS, ClaimConfig, RegressionConfig, SweepConfig, TrialConfig
from sweep.errors import UserError
from sweep.measurement import Measurement
from sweep.results import TrialResult
from sweep.space import Trial, untrained_twin
from sweep.sweepfile import parse_sweep

REGRESSION = RegressionConfig(resamples=300)
DEPTHS = (0.0, 0.25, 0.5, 0.75, 1.0)


def network(values, role="trained", units=1000, width=8, seed=0, accuracy=0.9, **settings):
    """A network of four layers after the input, the last but one entering the classifier."""
    training = {"seed": seed, "epochs": 5, **settings.pop("training", {})}
    config = TrialConfig.model_validate(
        {"model": {"name": "cnn", "width": width}, "training": training}
    )
    if role == "untrained":
        config = untrained_twin(config)
    trial = Trial(f"{role}-{width}-{seed}", role, config)
    quantities = {"id/twonn": values} | settings.pop("more", {})
    rows = [
        Measurement(
            trial.key, trial.epoch, "intrinsic", quantity, value, layer=f"layer{index}",
            layer_index=index, relative_depth=DEPTHS[index], embedding_dimension=units,
        )
        for quantity, profile in quantities.items()
        for index, value in enumerate(profile)
    ]  # fmt: skip
    rows.append(Measurement(trial.key, trial.epoch, "network", "last_hidden", 1.0, layer_index=3))
    for name, value in (("test_accuracy", accuracy), ("test_error", 1 - accuracy)):
        rows.append(Measurement(trial.key, trial.epoch, "accuracy", name, value))
    return TrialResult(trial, rows, [{"epoch": 5.0, "train_accuracy": accuracy}])


def claim(statistic, **settings):
    if not {"above", "below", "between"} & set(settings):
        settings["above"] = 1
    return ClaimConfig(claim="c", statistic=statistic, **settings)


def judged(statistic, results, **settings):
    return judge(claim(statistic, **settings), results, REGRESSION)


HUNCHBACK = (10.0, 30.0, 20.0, 5.0, 4.0)


def test_every_statistic_is_one_that_a_file_can_name():
    assert set(PER_NETWORK) | {"correlation"} == set(STATISTICS)


@pytest.mark.parametrize(
    ("statistic", "settings", "expected"),
    [
        ("units_over", {}, 1000 / 30),
        ("peak_over_ends", {}, 30 / 10),
        ("profile_range", {}, 30 / 4),
        ("rise_at_end", {}, 5 / 20),
        ("ratio", {"over": "id/other"}, 5 / 2),
        ("scalar", {"quantity": "test_error"}, 0.1),
        ("scalar", {"quantity": "id_peak/twonn"}, 30),
    ],
)
def test_statistics_of_a_known_profile(statistic, settings, expected):
    more = {"id/other": (1.0, 1.0, 1.0, 2.0, 1.0)}
    twins = [network(HUNCHBACK, width=width, more=more) for width in (8, 16)]
    found = judged(statistic, twins, **settings)
    assert found.estimate == pytest.approx(expected)
    assert (found.num_networks, found.num_configurations) == (2, 2)


def test_the_output_layer_counts_for_the_range_alone():
    """Its units are the classes, and the paper's flat profiles have it."""
    ends = [network((10.0, 30.0, 20.0, 5.0, value), width=w) for value in (900.0,) for w in (4, 8)]
    assert judged("units_over", ends).estimate == pytest.approx(1000 / 30)
    assert judged("peak_over_ends", ends).estimate == pytest.approx(3)
    assert judged("profile_range", ends).estimate == pytest.approx(180)


def test_the_later_of_two_layers_at_half_depth_counts():
    assert judged("rise_at_end", moved([0, 0.25, 0.25, 0.75, 1])).estimate == pytest.approx(5 / 20)
    assert judged("rise_at_end", moved([0, 0.5, 0.5, 0.75, 1])).estimate == pytest.approx(5 / 20)
    assert judged("rise_at_end", moved([0, 0.5, 0.6, 0.75, 1])).estimate == pytest.approx(5 / 30)


def moved(depths):
    from dataclasses import replace

    return [
        replace(
            result,
            rows=[
                replace(row, relative_depth=depths[row.layer_index])
                if row.quantity == "id/twonn"
                else row
                for row in result.rows
            ],
        )
        for result in (network(HUNCHBACK, width=4), network(HUNCHBACK, width=8))
    ]


def test_published_numbers_of_the_paper_come_out():
    """VGG-16-R as printed by the authors, its hidden layers' units as of VGG-16."""
    values = (30.80, 71.2, 63.9, 47.1, 21.4, 12.67, 8.07, 6.70, 5.33)
    units = (150528, 802816, 401408, 200704, 100352, 25088, 4096, 4096, 40)
    depths = (0, 0.125, 0.25, 0.4375, 0.625, 0.8125, 0.875, 0.9375, 1)
    results = []
    for width in (4, 8):
        result = network(HUNCHBACK, width=width)
        key = result.trial.key
        rows = [
            Measurement(
                key, 5.0, "intrinsic", "id/twonn", value, layer=str(i), layer_index=i,
                relative_depth=depths[i], embedding_dimension=units[i],
            )
            for i, value in enumerate(values)
        ]  # fmt: skip
        rows.append(Measurement(key, 5.0, "network", "last_hidden", 1.0, layer_index=7))
        results.append(TrialResult(result.trial, rows, []))
    assert judged("units_over", results).estimate == pytest.approx(507.6, abs=0.1)
    assert judged("peak_over_ends", results).estimate == pytest.approx(2.31, abs=0.01)
    assert judged("profile_range", results).estimate == pytest.approx(13.4, abs=0.05)


def test_trained_is_set_against_its_own_twin():
    results = []
    for width, factor in ((8, 2.0), (16, 8.0)):
        results.append(network((1, 1, 1, 3.0, 1), role="untrained", width=width))
        results.append(network((1, 1, 1, 3.0 * factor, 1), width=width))
    found = judged("trained_over_untrained", results)
    assert found.estimate == pytest.approx(4)  # the geometric mean of 2 and 8
    alone = judged("trained_over_untrained", [r for r in results if r.trial.role == "trained"])
    assert alone.verdict == "not measured"
    assert "untrained twin is not measured" in alone.note


@pytest.mark.parametrize(
    ("low", "high", "claimed", "verdict"),
    [
        (1.2, 1.5, (1.1, None), "shown"),
        (1.0, 1.5, (1.1, None), "not shown"),
        (0.5, 1.0, (1.1, None), "reversed"),
        (0.5, 1.0, (None, 1.1), "shown"),
        (1.0, 1.2, (None, 1.1), "not shown"),
        (1.2, 1.5, (None, 1.1), "reversed"),
        (0.9, 1.1, (0.8, 1.25), "shown"),
        (0.7, 1.1, (0.8, 1.25), "not shown"),
        (0.7, 1.9, (0.8, 1.25), "not shown"),
        (0.5, 0.7, (0.8, 1.25), "reversed"),
        (1.3, 1.7, (0.8, 1.25), "reversed"),
        (None, None, (0.8, 1.25), "not measured"),
    ],
)
def test_the_whole_interval_decides(low, high, claimed, verdict):
    assert decide(low, high, claimed) == verdict


@pytest.mark.parametrize(
    ("low", "high", "claimed", "verdict"),
    [
        (1.4, 1.8, (2, None), "not shown"),  # larger, if not so much larger
        (0.6, 0.9, (2, None), "reversed"),
        (2.2, 2.9, (2, None), "shown"),
        (1.6, 1.8, (None, 1.5), "reversed"),
        (0.5, 0.7, (0.8, 1.25), "reversed"),
    ],
)
def test_an_effect_smaller_than_claimed_is_no_reversal(low, high, claimed, verdict):
    assert decide(low, high, claimed, no_effect("ratio")) == verdict


@pytest.mark.parametrize(
    ("peaks", "verdict"),
    [((20, 22, 21), "shown"), ((5, 30, 12), "not shown"), ((5, 5.1, 5.2), "reversed")],
)
def test_hunchbacks_flat_and_hollow_profiles_are_told_apart(peaks, verdict):
    results = [network((10.0, peak, 5.0, 5.0, 4.0), width=2 + n) for n, peak in enumerate(peaks)]
    assert judged("peak_over_ends", results, above=1.1).verdict == verdict


def test_seeds_are_averaged_before_the_interval():
    """Many seeds of two configurations are two points, not many."""
    rng = np.random.default_rng(0)
    results = [
        network((10.0, peak * math.exp(0.01 * rng.standard_normal()), 5.0, 5.0, 4.0), width, seed=s)
        for width, peak in (("trained", 20),)
        for s in range(6)
    ]
    over_seeds = judged("peak_over_ends", results)
    assert over_seeds.over == "seeds"
    assert over_seeds.high / over_seeds.low < 1.05
    wider = [network((10.0, 40.0, 5.0, 5.0, 4.0), width=16, seed=s) for s in range(6)]
    both = judged("peak_over_ends", results + wider)
    assert (both.over, both.num_networks, both.num_configurations) == ("configurations", 12, 2)
    assert both.low < 1 < 4 < both.high


def test_intervals_cover_what_they_promise():
    """Configurations drawn from a known law of ratios, each with seeds of its own."""
    rng = np.random.default_rng(1)
    covered = 0
    for _ in range(300):
        results = [
            network((10.0, 20 * math.exp(shift + 0.1 * rng.standard_normal()), 5, 5, 4), width=w,
                    seed=s)
            for w, shift in zip((2, 3, 4, 5), 0.3 * rng.standard_normal(4), strict=True)
            for s in range(2)
        ]  # fmt: skip
        found = judged("peak_over_ends", results)
        covered += found.low < 2 < found.high
    assert 270 <= covered <= 297


def correlated(slope, num=12, role="trained"):
    rng = np.random.default_rng(2)
    return [
        network((10, 30, 20, last := rng.uniform(4, 12), 4), role=role, width=2 + n // 2,
                seed=n % 2, accuracy=0.9 - slope * last / 100 + 0.01 * rng.standard_normal())
        for n in range(num)
    ]  # fmt: skip


def test_correlation_has_its_sign_and_its_configurations():
    found = judged("correlation", correlated(3), above=0)
    assert found.verdict == "shown"
    assert (found.num_networks, found.num_configurations) == (12, 6)
    assert judged("correlation", correlated(-3), above=0).verdict == "reversed"
    assert judged("correlation", correlated(-3), above=0, response="test_accuracy").verdict == (
        "shown"
    )
    assert judged("correlation", correlated(3, num=6), above=0).verdict == "not measured"
    # A number of a network has no last hidden layer.
    whole = judged("correlation", correlated(3), above=0, quantity="id_last_hidden/twonn")
    assert (whole.estimate, whole.low) == (found.estimate, found.low)


@pytest.mark.parametrize("statistic", ["correlation", "peak_over_ends"])
def test_the_order_of_trials_changes_nothing(statistic):
    results = correlated(1)
    assert judged(statistic, results) == judged(statistic, results[::-1])


def test_where_chooses_networks():
    results = [
        network(HUNCHBACK, role="untrained"),
        network(HUNCHBACK, accuracy=0.99),
        network(HUNCHBACK, accuracy=0.5, seed=1, training={"label_noise": 1.0}),
        network(HUNCHBACK, accuracy=0.97, seed=2, training={"label_noise": 1.0}),
    ]

    def chosen(**where):
        found, left_out = choose(claim("peak_over_ends", where=where), results)
        return [result.trial.config.training.seed for result in found], dict(left_out)

    assert chosen() == ([0, 1, 2], {})
    assert chosen(role="untrained") == ([0], {})
    assert chosen(role=["trained", "untrained"]) == ([0, 0, 1, 2], {})
    assert chosen(**{"training.label_noise": 0}) == ([0], {})
    assert chosen(**{"training.label_noise": 1, "model.name": ["cnn", "mlp"]}) == ([1, 2], {})
    limit = {"history.train_accuracy": {"at_least": 0.95}}
    assert chosen(**{"training.label_noise": 1, **limit}) == ([2], {"history.train_accuracy": 1})
    assert chosen(test_error={"at_most": 0.02}) == ([0], {"test_error": 2})
    assert chosen(**{"model.batch_norm": None}) == ([0, 1, 2], {})
    # true is no 1
    assert chosen(**{"training.label_noise": True}) == ([], {})


def test_who_is_left_out_is_said():
    results = [network(HUNCHBACK, width=w, accuracy=a) for w, a in ((2, 0.5), (3, 0.96), (4, 0.97))]
    limit = {"history.train_accuracy": {"at_least": 0.95}}
    found = judged("rise_at_end", results, where=limit)
    assert found.num_networks == 2
    assert found.note == "1 left out: not history.train_accuracy at least 0.95"


def test_too_little_is_not_measured_and_says_why():
    one = judged("peak_over_ends", [network(HUNCHBACK)])
    assert (one.verdict, one.estimate) == ("not measured", None)
    assert one.note == "one network gives no interval"
    none = judged("peak_over_ends", [network(HUNCHBACK)], where={"role": "untrained"})
    assert none.note == "no such network is measured"
    flat = judged("correlation", [network(HUNCHBACK, width=2 + n) for n in range(6)])
    assert flat.note == "the quantity or the response does not vary"
    dead = [network((10, 20, 20, math.nan, 4), width=w) for w in (2, 3)]
    found = judged("peak_over_ends", dead)
    assert found.verdict == "not measured"
    assert "2 without a value: id/twonn has no value in the last hidden layer" in found.note


BASE = "name: x\nclaims:\n  - claim: c\n    statistic: peak_over_ends\n    above: 1\n"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("peak_over_ends", "peak_over_end"), "x.yaml:4: claims.0.statistic: unknown statistic "
         "'peak_over_end'; did you mean 'peak_over_ends'?"),
        (("statistic:", "statistik:"), "unknown key; did you mean 'statistic'?"),
        (("    above: 1\n", ""), "needs one rule of above, below and between, but has none"),
        (("above: 1", "above: 1\n    below: 2"), "but has above and below"),
        (("above: 1", "between: [2, 1]"), "`low < high` must hold, but got [2.0, 1.0]"),
        (("above: 1", "above: 1\n    over: id/twonn"), "goes with statistic ratio alone"),
        (("peak_over_ends", "ratio"), "statistic ratio needs `over`"),
        (("above: 1", "above: 1\n    where: {role: {at_leest: 1}}"),
         "must be a value, a list of values, or {at_least: NUMBER, at_most: NUMBER}"),
        (("above: 1", "above: high"), "claims.0.above"),
    ],
)  # fmt: skip
def test_nonsense_in_the_file_is_one_line(change, message):
    with pytest.raises(UserError) as caught:
        parse_sweep(BASE.replace(*change), "x.yaml")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"quantity": "id/twon"}, "claims.0.quantity: this sweep measures no 'id/twon'; did you "
         "mean 'id/twonn'?"),
        ({"statistic": "ratio", "over": "surrogate_id/twonn"}, "measures no 'surrogate_id/twonn'"),
        ({"statistic": "correlation", "response": "test_eror"}, "did you mean 'test_error'?"),
        ({"statistic": "scalar", "quantity": "id/twonn"}, "claims.0.quantity"),
        ({"where": {"training.labelnoise": 1}}, "did you mean 'training.label_noise'?"),
        ({"where": {"role": "trainted"}}, "must be trained or untrained, but got 'trainted'"),
    ],
)  # fmt: skip
def test_unknown_names_are_told_before_any_work(settings, message):
    given = {"claim": "c", "statistic": "peak_over_ends", "above": 1} | settings
    config = SweepConfig.model_validate({"name": "x", "claims": [given]})
    with pytest.raises(UserError) as caught:
        check_claims(config)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_all_claims_of_a_sweep(finished):
    results = finished.results
    claims = [claim("peak_over_ends", above=0.1), claim("correlation", between=(-1, 1))]
    config = results.work.config.model_copy(update={"claims": claims})
    work = SimpleNamespace(config=config, data=results.work.data, paths=results.work.paths)
    found = judge_claims(SimpleNamespace(work=work, results=results.results))
    assert [one.verdict for one in found.claims] == ["shown", "shown"]
    assert (found.sweep, found.data, len(found.date)) == ("tiny", "digits", 10)
    assert found.to_json()["claims"][0]["num_networks"] > 0
