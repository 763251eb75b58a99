"""Where sweeps stand, from what is sealed."""

import json
import shutil

import pytest

from sweep.errors import UserError
from sweep.lock import only_driver
from sweep.paths import open_storage
from sweep.results import load_plan
from sweep.status import overview, sweep_status, time_left
from sweep.work import Failure, record_failure
from tests.sweep.command_line import call


@pytest.fixture
def halfway(finished, tmp_path):
    """A copy of the tiny sweep with one trial's measurements and another's training gone."""
    folder = tmp_path / "storage"
    shutil.copytree(finished.results.work.storage.folder, folder)
    storage = open_storage(folder, create=False)
    plan = load_plan(storage, "tiny")
    first, second = [trial for trial in plan.trials if trial.epoch][:2]
    shutil.rmtree(plan.work.paths(first).measured(first.epoch, "x", "x").parent)
    shutil.rmtree(plan.work.paths(second).checkpoint(second.epoch))
    shutil.rmtree(plan.work.paths(second).measured(second.epoch, "x", "x").parent)
    record_failure(plan.work.paths(second), Failure("train", "the loss is NaN"))
    return storage, second


def test_a_finished_sweep(finished):
    work = finished.results.work
    status = sweep_status(work.storage, "tiny", tracked=True)
    total = len(finished.results.trials)
    assert (status.trials, status.measured, status.tracked) == (total, total, total)
    assert status.trained == status.to_train == 16
    assert (status.failures, status.driver, status.seconds_left) == ((), "", None)


def test_what_is_missing_and_why(halfway):
    storage, failed = halfway
    status = sweep_status(storage, "tiny", tracked=False)
    assert status.trained == status.to_train - 1
    assert status.measured == status.trials - 2
    assert status.failures == ((failed.name, Failure("train", "the loss is NaN")),)
    assert status.tracked is None


def test_a_driver_that_lives_is_seen_and_not_disturbed(halfway):
    storage, _ = halfway
    lock = storage.sweep("tiny").lock
    with only_driver(lock, "tiny"):
        status = sweep_status(storage, "tiny", tracked=False)
        assert status.driver == lock.read_text()
        assert status.seconds is not None
        assert overview(None, storage, None).running
    assert not sweep_status(storage, "tiny", tracked=False).driver


def test_time_left():
    assert time_left([1.0, 2.0], 10.0, 20.0, 5) is None  # all of it before this run
    assert time_left([12.0, 14.0, 3.0], 10.0, 20.0, 3) == 15.0


def test_the_command(capsys, halfway):
    storage, failed = halfway
    code, out, _ = call(capsys, "status", "--storage", storage.folder)
    assert code == 0
    assert f"failed: tiny/{failed.name} (train): the loss is NaN" in out
    code, out, _ = call(capsys, "status", "tiny", "--storage", storage.folder, "--json")
    (one,) = json.loads(out)["sweeps"]
    assert one["failures"][0]["reason"] == "the loss is NaN"
    code, _, err = call(capsys, "status", "tinny", "--storage", storage.folder)
    assert code == 2
    assert "no sweep and no job 'tinny'; did you mean 'tiny'?" in err


def test_a_plan_that_can_not_be_read_is_told_beside_others(halfway):
    storage, _ = halfway
    storage.sweep("tiny").plan.write_text("{")
    (status,) = overview(None, storage, None).sweeps
    assert "can't be read" in status.problem
    with pytest.raises(UserError, match="no sweep and no job"):
        overview("x", storage, None)
