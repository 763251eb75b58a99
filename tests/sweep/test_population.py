"""Populations: who takes over whose weights, and that an interruption changes nothing."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sweep.config import SchedulerConfig
from sweep.errors import UserError
from sweep.execution import LocalProcess
from sweep.export import export_rows
from sweep.paths import open_storage
from sweep.pipeline import run_sweep
from sweep.progress import PlainProgress
from sweep.regression.scopes import TooFewError, clusters_of
from sweep.report.payload_trials import trial_columns
from sweep.results import trials_table
from sweep.sealing import read_manifest
from sweep.space import make_trials
from sweep.summary import populations_in_words
from sweep.sweepfile import parse_sweep
from sweep.tracking.reading import read_experiment
from sweep.training.population import Standing, choose_exploits, exchanges

POPULATION = """
name: population
model: {name: mlp, width: 16, depth: 1, batch_norm: false}
training: {epochs: 4, optimizer: sgd, schedule: constant, num_images: 300}
scheduler:
  name: pbt
  quantile: 0.5
  mutations:
    training.learning_rate: {loguniform: [0.01, 0.5]}
    training.momentum: {choice: [0, 0.5, 0.9]}
measure: {untrained: false, epochs: [2], num_samples: 64}
analyses: {intrinsic: {estimators: [twonn]}}
space:
  - training.learning_rate: {grid: [0.2, 0.3, 1.0e-7, 1.0e+30]}
"""
RATE = {"training.learning_rate": {"loguniform": [1e-4, 1e-1]}}


def scheduler(**settings):
    return SchedulerConfig.model_validate({"name": "pbt", "mutations": RATE, **settings})


scores = st.lists(st.one_of(st.none(), st.floats(0, 1)), min_size=2, max_size=12)


@settings(deadline=None)
@given(scores, st.floats(0.01, 0.5), st.integers(0, 5))
def test_the_worst_take_over_from_the_best(scores, quantile, seed):
    standings = [
        Standing(f"{place:04x}", score, {"learning_rate": 0.01 * (place + 1)})
        for place, score in enumerate(scores)
    ]
    config = scheduler(quantile=quantile, seed=seed)
    found = choose_exploits(config, standings, 3)
    by_key = {one.key: one for one in standings}
    replaced, sources = {one.member for one in found}, {one.source for one in found}
    assert len(replaced) == len(found)
    assert not replaced & sources
    alive = [score for score in scores if score is not None]
    if alive:
        assert {key for key in by_key if by_key[key].score is None} <= replaced
    else:
        assert not found
    for one in found:
        score = by_key[one.member].score
        assert score is None or score <= by_key[one.source].score
        assert 1e-4 <= one.values["learning_rate"] <= 1e-1
    # Nothing hangs on the order in which members are told.
    assert sorted(map(str, choose_exploits(config, standings[::-1], 3))) == sorted(map(str, found))


def test_values_move_by_a_factor_or_to_a_neighbor():
    mutations = RATE | {"training.momentum": {"choice": [0, 0.5, 0.9]}}
    config = scheduler(mutations=mutations, resample=0)
    seen = set()
    for epoch in range(40):
        best = Standing("a", 1.0, {"learning_rate": 0.01, "momentum": 0.5})
        worst = Standing("b", 0.0, {"learning_rate": 1.0, "momentum": 0.9})
        (found,) = choose_exploits(config, [best, worst], epoch)
        seen.add((round(found.values["learning_rate"], 6), found.values["momentum"]))
    assert seen == {(rate, momentum) for rate in (0.008, 0.012) for momentum in (0, 0.9)}
    drawn = [
        choose_exploits(scheduler(resample=1), [best, worst], epoch)[0].values["learning_rate"]
        for epoch in range(400)
    ]
    assert np.median(drawn) == pytest.approx(10**-2.5, rel=0.3)  # uniform in its logarithm


def test_members_wait_for_each_other_before_the_last_epoch():
    assert exchanges(scheduler(every=2), 6) == [2, 4]
    assert exchanges(scheduler(every=4), 4) == []


def members(overrides=()):
    config = parse_sweep(POPULATION, "s", list(overrides)).config
    return make_trials(config, "digest")


def test_a_member_is_a_variant_that_depends_on_all_members():
    trials = members()
    assert len({trial.key for trial in trials}) == 4
    assert len({trial.population for trial in trials}) == 1
    assert all("-pbt-" in trial.name for trial in trials)
    alone = members(["scheduler={}"])
    assert not {trial.key for trial in trials} & {trial.key for trial in alone}
    # Another population, and other settings of the exchange, are other trials.
    for override in ("scheduler.seed=1", "scheduler.quantile=0.25", "search.seed=0"):
        same = {trial.key for trial in members([override])} == {trial.key for trial in trials}
        assert same == override.startswith("search")
    more = members(["space=[{training.learning_rate: {grid: [0.2, 0.3, 1.0e-7, 1.0e+30, 0.4]}}]"])
    assert not {trial.key for trial in more} & {trial.key for trial in trials}
    # Other networks are another population.
    space = "space=[{training.learning_rate: {grid: [0.1, 0.2]}, model.width: {grid: [4, 8]}}]"
    assert len({trial.population for trial in members([space])}) == 2


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("scheduler.mutations={}", "pbt needs mutations"),
        ("scheduler.name=asha", "mutations are for pbt, but the scheduler is asha"),
        ("scheduler.mutations={model.width: {choice: [4, 8]}}", "model.width can't change while"),
        (
            "scheduler.mutations={training.learning_rate: {uniform: [-1, 1]}}",
            "training.learning_rate can't be -1",
        ),
        (
            "scheduler.mutations={training.learning_rate: {grid: [1]}}",
            "must be uniform or loguniform with .low, high., or choice",
        ),
        (
            "scheduler.mutations={training.weight_decay: {loguniform: [0, 1]}}",
            "loguniform has no 0: begin above 0",
        ),
        (
            "scheduler.mutations={training.weight_decay: {uniform: [1, 0]}}",
            "low must be below high, but got .1.0, 0.0.",
        ),
        ("stop={test_accuracy: 0.9}", "pbt does not go with stop"),
        ("search.time_budget=1h", "pbt does not go with search.time_budget"),
        ("space=[{training.learning_rate: 0.1}]", "is alone"),
        ("training.optimizer=adamw", "training.momentum changes nothing"),
    ],
)
def test_what_can_not_be_is_told_in_a_line(override, message):
    with pytest.raises(UserError, match=message) as caught:
        members([override])
    assert "\n" not in str(caught.value)


def run(folder, stop_after=None):
    """Run the population; stop_after: epochs after which the driver is lost."""
    storage = open_storage(folder, create=True)
    lines = []
    told = []

    class Loop(LocalProcess):
        def execute(self, work, train, measure, observer):
            tell = observer.epoch

            def epoch(trial, record):
                told.append((trial.key, record["epoch"]))
                if len(told) == stop_after:
                    raise KeyboardInterrupt
                tell(trial, record)

            observer.epoch = epoch
            super().execute(work, train, measure, observer)

    try:
        result = run_sweep(
            parse_sweep(POPULATION, "s"), storage, Loop(), PlainProgress(lines.append)
        )
    except KeyboardInterrupt:
        return None, told
    return result, told


def rows(storage, folder):
    export_rows(storage, "population", folder / "rows.parquet")
    return (folder / "rows.parquet").read_bytes()


def test_a_population_learns_from_its_best_and_survives_its_driver(tmp_path):
    result, told = run(tmp_path / "whole")
    assert result.failures == {}
    assert len(told) == len(set(told)) == 16 - 1  # one diverged in its first epoch
    by_rate = {each.trial.config.training.learning_rate: each for each in result.results.results}
    work = result.results.work
    for rate in (1e-7, 1e30):
        trial = by_rate[rate].trial
        manifest = read_manifest(work.paths(trial).checkpoint(4))
        first = manifest["exploits"][0]
        assert first["epoch"] == 1
        assert manifest["population"] == trial.population
        good = {by_rate[each].trial.key for each in (0.2, 0.3)}
        assert first["from"] in good
        assert 0.01 <= first["values"]["learning_rate"] <= 0.5
        history = {record["epoch"]: record for record in by_rate[rate].history}
        assert history[2]["learning_rate"] == first["values"]["learning_rate"]
        # It goes on from the cloned weights.
        source = next(each for each in by_rate.values() if each.trial.key == first["from"])
        assert history[2]["train_loss"] < source.history[0]["train_loss"] * 1.02
    untouched = [each for each in by_rate.values() if each.trial.key in good]
    assert len(untouched) == 2
    decisions = sorted((tmp_path / "whole").rglob("exploits-*.json"))
    assert [json.loads(file.read_text())["epoch"] for file in decisions] == [1, 2, 3]
    assert not list((tmp_path / "whole").rglob("state-*"))
    expected = rows(work.storage, tmp_path)
    for epochs in (3, 9):
        folder = tmp_path / f"lost-{epochs}"
        assert run(folder, stop_after=epochs)[0] is None
        again, more = run(folder)
        assert again.failures == {}
        # At most what the segment had done that was lost with the driver is done anew.
        assert len(more) <= 15 - epochs + 1
        assert rows(again.results.work.storage, tmp_path) == expected
    tell_of(result)


def tell_of(result):
    """The exchanges stand in MLflow, in the tables and in words."""
    results = result.results.results
    exploits = sum(len(each.exploits) for each in results)
    assert populations_in_words(results) == (
        f"pbt: 4 members of 1 population, {sum(bool(each.exploits) for each in results)} took "
        f"over weights of others, {exploits} times in all"
    )
    (population,) = {each.trial.population for each in results}
    columns = trial_columns(results)["columns"]
    assert columns["population"]["values"] == [population]
    assert any(
        words.startswith("after epoch 1 from mlp-") for words in columns["took_over"]["values"]
    )
    table = trials_table(results)
    assert set(table["population"]) == {population}
    tracked = read_experiment(result.tracking_uri, result.results.work.config.name)
    assert set(tracked.table["population"]) == {population}
    with pytest.raises(TooFewError, match=r"1 configurations \(a population counts as one\)"):
        clusters_of(table, ["training.learning_rate"])


def test_a_population_is_one_of_the_configurations_compared():
    table = pd.DataFrame(
        {
            "training.learning_rate": [0.1, 0.2, 0.3, 0.1, 0.2, 0.3, 0.4, 0.5],
            "population": ["a", "a", "b", "b", None, None, None, None],
        }
    )
    rows, clusters = clusters_of(table, ["training.learning_rate"])
    assert len(rows) == 8
    found = clusters.configuration.tolist()
    assert found[0] == found[1] != found[2] == found[3]
    assert len(set(found)) == 6
