"""Trials that end early: sealed where they were stopped, and known to everything after."""

import json
import shutil

import pytest

from sweep.across import regress_across
from sweep.config import SweepConfig
from sweep.errors import UserError
from sweep.execution import LocalProcess
from sweep.paths import open_storage
from sweep.pipeline import run_sweep
from sweep.progress import SilentProgress
from sweep.results import load_results, rows_digest
from sweep.sweepfile import load_sweep
from sweep.training.checkpoints import is_trained
from sweep.training.stopping import StopTraining, as_trained, reached, read_stop
from sweep.training.trainer import train_trial

FILE = """
name: stopping
training: {epochs: 3, batch_size: 256}
measure: {num_samples: 100}
regression: {resamples: 100}
space:
  model.name: mlp
  model.width: 4
  model.depth: 1
  training.learning_rate: {grid: [0.001, 0.003, 0.01, 0.03, 0.1]}
"""
RULE = "stop={test_accuracy: 0.4}"


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("stopping") / "stopping.yaml"
    path.write_text(FILE)
    return path


def run(file, folder, *overrides, cluster=None):
    storage = open_storage(folder, create=True)
    sweep = load_sweep(file, list(overrides))
    return run_sweep(sweep, storage, cluster or LocalProcess(), SilentProgress())


@pytest.fixture(scope="module")
def stopped(file, tmp_path_factory):
    """The sweep with a stop condition. Don't change it."""
    return run(file, tmp_path_factory.mktemp("stopped") / "storage", RULE)


@pytest.fixture(scope="module")
def whole(file, tmp_path_factory):
    """The sweep without one, measured at every epoch. Don't change it."""
    return run(file, tmp_path_factory.mktemp("whole") / "storage", "measure.epochs=[1,2]")


def by_name(result):
    return {one.trial.name: one for one in result.results.results}


def weights(result, trial, epoch):
    folder = result.results.work.paths(trial).checkpoint(epoch)
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.suffix != ".lock"}


def test_a_stopped_trial_is_the_unstopped_one_at_that_epoch_to_the_bit(stopped, whole):
    ends = [one for one in by_name(stopped).values() if one.trial.stopped]
    assert 0 < len(ends) < 5  # the condition stops some and not others
    for one in ends:
        epoch = one.trial.epoch
        other = by_name(whole)[one.trial.name]
        mine, theirs = (weights(r, one.trial, epoch) for r in (stopped, whole))
        assert mine["weights.safetensors"] == theirs["weights.safetensors"]
        assert mine["history.json"] == theirs["history.json"]
        assert rows_digest(one.rows) == rows_digest(other.earlier[epoch])
        assert one.history[-1]["test_accuracy"] >= 0.4
        assert all(record["test_accuracy"] < 0.4 for record in one.history[:-1])


def test_the_others_are_trained_to_their_end(stopped, whole):
    for name, one in by_name(stopped).items():
        if not one.trial.stopped:
            assert rows_digest(one.rows) == rows_digest(by_name(whole)[name].rows)


def test_twins_are_measured_and_the_plan_knows_who_stopped_what(stopped):
    trials = [one.trial for one in stopped.results.results]
    assert sum(trial.role == "untrained" for trial in trials) == 1
    assert {trial.stopped for trial in trials} == {"", "stop"}
    assert len(load_results(stopped.results.work.storage, "stopping").results) == len(trials)


def test_run_again_trains_nothing(stopped, file):
    class Nobody(LocalProcess):
        def execute(self, *_):
            raise AssertionError("nothing was to do")

    storage = stopped.results.work.storage
    again = run(file, storage.folder, RULE, cluster=Nobody())
    assert by_name(again).keys() == by_name(stopped).keys()


def test_without_a_condition_or_with_a_stricter_one_they_are_trained_on(
    stopped, whole, file, tmp_path
):
    first = stopped
    shutil.copytree(first.results.work.storage.folder, tmp_path / "storage")
    stricter = run(file, tmp_path / "storage", "stop={test_accuracy: 0.43}")
    for one in by_name(stricter).values():
        if one.trial.stopped:
            assert one.history[-1]["test_accuracy"] >= 0.43
    last = run(file, tmp_path / "storage")
    assert by_name(first).keys() == by_name(last).keys()
    for name, one in by_name(last).items():
        assert not one.trial.stopped
        assert rows_digest(one.rows) == rows_digest(by_name(whole)[name].rows)


def test_a_loss_stops_when_it_is_low(file):
    config = load_sweep(file, ["stop={train_loss: 1.9}"]).config
    assert [reached(config, {"train_loss": loss}) for loss in (2.0, 1.9, 1.0)] == [0, 1, 1]


def test_the_regression_says_how_many_and_what_is_left_without_them(stopped):
    regression = stopped.regression
    count = sum(bool(one.trial.stopped) for one in stopped.results.results)
    assert regression.stopped.by == {"stop": count}
    assert regression.stopped.num_trials == 5
    assert regression.metrics()["num_stopped"] == count
    assert f"{count} of 5 trials were stopped early ({count} by stop)" in stopped.report.read_text()


def test_mlflow_and_the_sealed_rows_tell_the_same(stopped):
    from sweep.gathering import read_sweep
    from sweep.results import load_plan, load_sealed

    results = stopped.results
    plan = load_plan(results.work.storage, "stopping")

    def read():
        return load_sealed(plan).results

    sealed = read_sweep(plan, read, None).table
    tracked = read_sweep(plan, read, stopped.tracking_uri)
    assert tracked.source.startswith("MLflow")
    for name in ("epochs_trained", "stopped_by"):
        assert tracked.table[name].tolist() == sealed[name].tolist()
    assert set(sealed["stopped_by"]) == {"nobody", "stop"}


def test_epochs_trained_can_be_asked_for(file, stopped):
    from sweep.question import Question

    storage = stopped.results.work.storage
    asked = Question(
        names=("stopping",),
        predictors=("epochs_trained",),
        where=("stopped_by=stop",),
        resamples=100,
    )
    found = regress_across(asked, storage).regression
    assert found.num_trials == sum(bool(r.trial.stopped) for r in stopped.results.results)


@pytest.fixture
def trial(file, storage):
    from sweep.data.partitions import prepare_data
    from sweep.space import make_trials
    from sweep.work import Work

    config = load_sweep(file).config
    data = prepare_data(config.data, storage, SilentProgress())
    return Work(config, storage, data), make_trials(config, data.digest)[-1]


def stop_at(epoch, by):
    def on_epoch(record):
        if record["epoch"] == epoch:
            raise StopTraining(by)

    return on_epoch


def test_a_stop_is_sealed_after_its_checkpoint_and_counts_while_something_stops(trial):
    work, trial = trial
    paths = work.paths(trial)
    history = train_trial(trial, work.data, paths, stop_at(2, "asha"))
    assert [record["epoch"] for record in history] == [1, 2]
    assert json.loads(paths.stopped.read_text()) == {"epoch": 2.0, "by": "asha"}
    with_asha = work.config.model_copy(
        update={"scheduler": work.config.scheduler.model_copy(update={"name": "asha"})}
    )
    found = as_trained(with_asha, trial, paths)
    assert (found.epoch, found.stopped, found.key) == (2.0, "asha", trial.key)
    assert is_trained(found, paths)
    assert as_trained(work.config, trial, paths) == trial
    assert not is_trained(trial, paths)
    train_trial(trial, work.data, paths)
    assert read_stop(paths) is None
    assert as_trained(with_asha, trial, paths) == trial


def test_a_stop_without_its_checkpoint_is_none(trial):
    work, trial = trial
    paths = work.paths(trial)
    paths.folder.mkdir(parents=True)
    paths.stopped.write_text('{"epoch": 2.0, "by": "asha"}')  # as if the checkpoint had been lost
    assert read_stop(paths) is None


def test_a_stop_at_an_epoch_that_is_measured_anyway_measures_it_once(trial):
    work, trial = trial
    from dataclasses import replace

    early = replace(trial, earlier=(1.0, 2.0))
    stopped = early.stopped_at(2.0, "asha")
    assert [one.epoch for one in stopped.checkpoints] == [1.0, 2.0]
    assert {one.stopped for one in stopped.checkpoints} == {"", "asha"}
    train_trial(early, work.data, work.paths(early), stop_at(2, "asha"))
    assert is_trained(stopped, work.paths(early))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("stop={accuracy: 0.9}", "input should be 'test_accuracy'"),
        ("stop=0.9", "--set stop=0.9: input should be a valid dictionary"),
        (
            "stop={test_accuracy: 90}",
            "test_accuracy is never 90: an accuracy",
        ),
        ("stop={train_loss: -1}", "train_loss is never -1"),
        ("stop={test_accuracy: true}", "stop.*: must be numbers"),
        ("resources.max_minutes_without_progress=1e12", "less than or equal to 1000000"),
        ("scheduler.name=hyperband", "input should be 'fifo', 'asha'"),
        ("scheduler.grace_epochs=0", "greater than or equal to 1"),
        ("search.time_budget=soon", "a number and one of s, m, h, d"),
        ("search.time_budget=0m", "a number and one of s, m, h, d"),
    ],
)
def test_what_is_wrong_is_told_in_one_line(file, text, message):
    with pytest.raises(UserError, match=message):
        load_sweep(file, [text])


def test_resources_by_model():
    config = SweepConfig.model_validate(
        {
            "name": "r",
            "resources": {
                "cpus": 2,
                "per_model": [
                    {"when": {"model.name": ["vit", "convnext"]}, "gpus": 0.5},
                    {"when": {"model.name": "cnn", "model.width": 64}, "cpus": 4, "gpus": 2},
                ],
            },
        }
    )
    from sweep.config import TrialConfig

    def of(**model):
        found = config.resources.of(TrialConfig.model_validate({"model": model}))
        return found.cpus, found.gpus, found.workers, found.device

    assert of(name="mlp") == (2, 0, 1, "cpu")
    assert of(name="vit") == (2, 0.5, 1, "cuda")
    assert of(name="cnn", width=64) == (4, 2, 2, "cuda")
    assert of(name="cnn", width=32) == (2, 0, 1, "cpu")
    assert len(config.resources.each()) == 3


def test_resources_by_a_setting_that_is_none():
    with pytest.raises(ValueError, match=r"no setting 'model.nam'; did you mean 'model.name'"):
        SweepConfig.model_validate(
            {"name": "r", "resources": {"per_model": [{"when": {"model.nam": "vit"}}]}}
        )


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"when": {"model.name": "mpl"}, "cpus": 2}, "model.name can't be 'mpl': unknown model"),
        ({"when": {"model.width": [8, "a"]}, "cpus": 2}, "model.width can't be 'a'"),
        ({"when": {"model.name": []}, "cpus": 2}, "model.name: no value is given"),
        ({"when": {"model.name": "vit"}}, "one of cpus, gpus and workers must be given"),
    ],
)
def test_resources_that_could_never_hold(entry, message):
    with pytest.raises(ValueError, match=message):
        SweepConfig.model_validate({"name": "r", "resources": {"per_model": [entry]}})


def test_resources_by_settings_that_only_go_together():
    """An accumulation that the usual batch is too small for."""
    when = {"training.batch_size": 4096, "training.accumulate": 1024}
    SweepConfig.model_validate(
        {"name": "r", "resources": {"per_model": [{"when": when, "cpus": 2}]}}
    )
