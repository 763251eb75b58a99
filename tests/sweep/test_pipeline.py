"""The stages in order, in one process: whole, again, extended, interrupted, failing."""

import fcntl
import json

import pytest

from sweep.capacity import Capacity, Node, check_capacity
from sweep.checking import plan_sweep
from sweep.config import SweepConfig
from sweep.errors import UserError
from sweep.execution import LocalProcess
from sweep.export import export_rows
from sweep.paths import open_storage
from sweep.pipeline import run_sweep
from sweep.progress import PlainProgress, SilentProgress
from sweep.sweepfile import load_sweep
from sweep.tracking import connect, search_runs


def run(file, storage, *overrides, cluster=None, lines=None):
    progress = SilentProgress() if lines is None else PlainProgress(lines.append)
    return run_sweep(load_sweep(file, overrides), storage, cluster or LocalProcess(), progress)


@pytest.fixture
def storage(tmp_path):
    return open_storage(tmp_path / "storage", create=True)


def exported(storage, tmp_path, name="tiny"):
    export_rows(storage, name, tmp_path / "rows.parquet")
    return (tmp_path / "rows.parquet").read_bytes()


SMALL = ["model.name=mlp", "training.seed=0"]


def test_two_runs_of_one_file_give_identical_rows(finished, tiny_file, storage, tmp_path):
    run(tiny_file, storage)
    assert exported(storage, tmp_path) == exported(finished.results.work.storage, tmp_path)


def test_a_second_run_does_nothing(tiny_file, storage, tmp_path):
    run(tiny_file, storage, *SMALL)
    before = {p: p.stat().st_mtime_ns for p in storage.folder.rglob("*/trials/**/*")}
    lines = []
    again = run(tiny_file, storage, *SMALL, lines=lines)
    assert {p: p.stat().st_mtime_ns for p in storage.folder.rglob("*/trials/**/*")} == before
    assert lines[0] == "6 trials: 6 sealed, 0 to train, 0 to measure"
    assert again.failures == {}


def test_extending_a_sweep_trains_only_what_is_new(tiny_file, storage):
    run(tiny_file, storage, *SMALL)
    lines = []
    result = run(tiny_file, storage, "model.name=mlp", lines=lines)
    assert lines[0] == "12 trials: 6 sealed, 4 to train, 6 to measure"
    assert len(result.results.results) == 12


class KilledAfter:
    """A cluster that dies when so many trials have been trained."""

    def __init__(self, count):
        self.count = count

    def check(self, config):
        pass

    def check_storage(self, storage):
        pass

    def execute(self, work, train, measure, observer):
        cut = [*train][: self.count]
        LocalProcess().execute(work, cut, measure, observer)
        raise KeyboardInterrupt

    def close(self):
        pass


def test_an_interrupted_sweep_goes_on_to_the_same_rows(finished, tiny_file, storage, tmp_path):
    for count in (1, 5):
        with pytest.raises(KeyboardInterrupt):
            run(tiny_file, storage, cluster=KilledAfter(count))
    lines = []
    result = run(tiny_file, storage, lines=lines)
    assert lines[0] == "24 trials: 14 sealed, 10 to train, 10 to measure"
    assert exported(storage, tmp_path) == exported(finished.results.work.storage, tmp_path)
    # Nobody went on writing behind an interrupted run's back.
    client = connect(result.tracking_uri)
    runs = search_runs(client, client.get_experiment_by_name("tiny").experiment_id)
    assert len({run.info.run_name for run in runs}) == len(runs) == 24 + 2


def test_a_failing_trial_is_told_and_stops_no_other(tiny_file, storage):
    space = "space=[{training.learning_rate: {grid: [0.001, 1.0e+30]}}]"
    sgd = "training.optimizer=sgd"
    result = run(tiny_file, storage, space, sgd)
    (failure,) = result.failures.values()
    assert failure.stage == "train"
    assert "the loss is not finite in epoch 1" in failure.reason
    assert len(result.results.results) == 2  # the other one, and the untrained twin
    assert "the loss is not finite" in result.report.read_text()
    # It is tried again next time, and its record goes when it succeeds.
    assert len(run(tiny_file, storage, space, sgd).failures) == 1


def test_every_failure_is_told_however_alike_the_trials_are(tiny_file, storage):
    space = "space=[{training.learning_rate: {grid: [1.0e+29, 1.0e+30, 1.0e+31]}}]"
    result = run(tiny_file, storage, space, "training.optimizer=sgd")
    assert len(result.failures) == 3


def test_a_live_driver_keeps_others_out(tiny_file, storage):
    run(tiny_file, storage, "space=[{}]")
    lock = storage.sweep("tiny").lock
    with lock.open("a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(UserError, match="'tiny' is being run already by process"):
            run(tiny_file, storage, "space=[{}]")
    run(tiny_file, storage, "space=[{}]")


def test_plan_tells_what_is_sealed_and_writes_nothing(tiny_file, storage):
    config = load_sweep(tiny_file, SMALL).config
    plan = plan_sweep(config, storage)
    assert (len(plan.trials), plan.trained, plan.measured, plan.prepared) == (6, 0, 0, False)
    assert not storage.folder.exists()
    run(tiny_file, storage, *SMALL)
    plan = plan_sweep(load_sweep(tiny_file, ["model.name=mlp"]).config, storage)
    assert (len(plan.trials), plan.trained, plan.measured, plan.prepared) == (12, 4, 6, True)


def test_a_misspelt_predictor_is_told_before_anything_is_written(tiny_file, storage):
    with pytest.raises(UserError, match="this sweep measures no 'id_last'"):
        run(tiny_file, storage, "regression.predictors=[id_last]")
    assert not storage.folder.exists()


@pytest.mark.parametrize(
    ("sections", "message"),
    [
        ({"resources": {"cpus": 9}}, "resources.cpus: 9 CPUs asked, but this machine has 4"),
        ({"resources": {"gpus": 4}}, "4 workers of 1 CPUs and 1 GPUs .* this machine holds 3"),
        ({"resources": {"gpus": 3, "workers": 1}}, "3 GPUs asked, but this machine has 2"),
        ({"measure": {"cpus_per_actor": 5}}, "measure.cpus_per_actor: 5 CPUs asked"),
        ({"resources": {"cpus": 4, "gpus": 2}}, "2 workers of 4 CPUs .* this machine holds 1"),
        ({"measure": {"actors": 3, "cpus_per_actor": 2}}, "3 actors reserve 6 of the 6 CPUs"),
        ({"measure": {"gpus_per_actor": 3}}, "measure.gpus_per_actor: 3 GPUs asked"),
        ({"measure": {"memory_per_actor": 9}}, "9 GB of memory asked, but this machine has 8"),
        ({"measure": {"actors": 4}}, "4 actors of 4 GB asked, but this machine has memory for 3"),
    ],
)
def test_more_than_there_is_is_refused_with_the_numbers(sections, message):
    config = SweepConfig.model_validate({"name": "s", **sections})
    with pytest.raises(UserError, match=message):
        check_capacity(config, Capacity((Node(4, 1, 8), Node(2, 2, 6)), "this machine"))


def test_regression_is_kept_as_json(finished):
    kept = json.loads(finished.results.work.sweep_paths.regression.read_text())
    assert kept == json.loads(json.dumps(finished.regression.to_json()))
