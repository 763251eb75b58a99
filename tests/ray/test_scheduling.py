"""Searches and schedulers of Ray Tune over real trials: what they stop is sealed, whatever dies."""

import json
import re
import subprocess
import sys
from dataclasses import replace

import pytest
import torch

from sweep.paths import open_storage
from sweep.pipeline import run_sweep
from sweep.progress import PlainProgress
from sweep.sweepfile import load_sweep
from sweep.training.stopping import read_stop
from sweep.training.trainer import train_trial

pytestmark = [
    pytest.mark.ray,
    # Ray leaves sockets and pipes to the garbage collector.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

FILE = """
name: stopped
training: {epochs: 4, batch_size: 256}
measure: {num_samples: 100}
analyses: {linear: null}
regression: {resamples: 100}
scheduler: {name: asha, reduction_factor: 2}
space:
  model.name: mlp
  model.width: 4
  model.depth: 1
  training.learning_rate: {grid: [0.1, 0.03, 0.01, 0.001, 0.0003, 0.0001]}
"""
MORE = "space=[{model.name: mlp, model.width: 4, model.depth: 1, training.learning_rate: {grid: "


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "stopped.yaml"
    path.write_text(FILE)
    return path


def trained(result):
    return [one for one in result.results.results if one.trial.role == "trained"]


def assert_stopped_to_the_bit(work, trial, folder):
    """What is sealed at the stop is what the unstopped training has at that epoch."""
    other = open_storage(folder, create=True).sweep("again").trial(trial.key)
    torch.set_num_threads(work.config.resources.cpus)  # another number would change last bits
    train_trial(
        replace(trial, stopped="", checkpoint=None, earlier=(trial.epoch,)), work.data, other
    )
    for name in ("weights.safetensors", "history.json"):
        mine, theirs = (p.checkpoint(trial.epoch) / name for p in (work.paths(trial), other))
        assert mine.read_bytes() == theirs.read_bytes()


def test_asha_stops_some_each_sealed_where_it_stopped_and_others_come_to_their_end(
    cluster, file, tmp_path
):
    storage = open_storage(tmp_path / "storage", create=True)
    lines = []

    def run(*overrides):
        return run_sweep(
            load_sweep(file, list(overrides)), storage, cluster, PlainProgress(lines.append)
        )

    result = run()
    assert result.failures == {}
    found = trained(result)
    assert len(found) == 6
    stopped = [one.trial for one in found if one.trial.stopped]
    whole = [one.trial for one in found if not one.trial.stopped]
    assert stopped
    assert whole  # survivors are not "stopped" at their last epoch
    assert {trial.stopped for trial in stopped} == {"asha"}
    assert all(trial.epoch in (1, 2) for trial in stopped)  # rungs before the last epoch
    assert all(trial.epoch == 4 for trial in whole)
    work = result.results.work
    assert_stopped_to_the_bit(work, stopped[-1], tmp_path / "again")
    assert all(len(one.history) == one.trial.epoch for one in found)
    assert result.regression.stopped.by == {"asha": len(stopped)}
    assert not any("from the sealed" in line for line in lines)  # MLflow knows them all

    before = {path: path.stat().st_mtime_ns for path in checkpoints(work)}
    again = run(MORE + "[0.1, 0.03, 0.01, 0.001, 0.0003, 0.0001, 0.2]}}]")
    assert {path: path.stat().st_mtime_ns for path in before} == before  # only the new one trained
    assert len(checkpoints(work)) == len(before) + 1
    assert len(trained(again)) == 7

    fifo = run("scheduler.name=fifo")
    assert [one.trial.epoch for one in trained(fifo)] == [4] * 6
    assert not any(one.trial.stopped for one in trained(fifo))
    assert all(read_stop(work.paths(trial)) is None for trial in stopped)


def checkpoints(work):
    return sorted(work.sweep_paths.folder.glob("trials/*/checkpoint-*/manifest.json"))


def test_optuna_uses_the_cluster_resumes_and_extends(cluster, file, tmp_path):
    storage = open_storage(tmp_path / "storage", create=True)
    search = [
        "search.algorithm=optuna",
        "scheduler.name=median",
        "scheduler.min_trials=1",
        MORE.replace("{grid: ", "{loguniform: ") + "[0.0001, 0.1]}}]",
    ]
    lines = []

    def run(num):
        sweep = load_sweep(file, [*search, f"search.num_samples={num}"])
        return run_sweep(sweep, storage, cluster, PlainProgress(lines.append, seconds=0))

    first = run(5)
    assert first.failures == {}
    keys = [one.trial.key for one in trained(first)]
    assert len(set(keys)) == 5
    if cluster.capacity().cpus >= 2:
        assert max(int(n) for line in lines for n in re.findall(r"(\d+) running", line)) >= 2
    del lines[:]
    more = run(7)
    assert [one.trial.key for one in trained(more)][:5] == keys
    assert len(trained(more)) == 7
    assert any("5 trials told, 2 of 7 to suggest" in line for line in lines)
    assert {one.trial.stopped for one in trained(more)} <= {"", "median"}


def test_what_found_room_too_late_does_not_begin_and_is_left_to_the_next_run(
    cluster, file, tmp_path
):
    storage = open_storage(tmp_path / "storage", create=True)
    lines = []
    late = load_sweep(file, ["search.time_budget=0.05s", "scheduler.name=fifo"])
    result = run_sweep(late, storage, cluster, PlainProgress(lines.append))
    assert result.failures == {}
    assert trained(result) == []  # all were given out in time, and no worker was there yet
    assert any("6 trials did not begin: the next run goes on" in line for line in lines)


# A network that kills the process which seals it, the first time.
MODEL = """
import os, signal, threading
from pathlib import Path
from torch import nn

MARK = Path(__file__).parent / "killed"


class Net(nn.Sequential):
    def state_dict(self, *args, **kwargs):
        trains = threading.current_thread() is not threading.main_thread()
        if trains and not self.training and not MARK.exists():
            MARK.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return super().state_dict(*args, **kwargs)


def net(num_classes, image_shape):
    size = image_shape[0] * image_shape[1] * image_shape[2]
    return Net(nn.Flatten(), nn.Linear(size, 4), nn.ReLU(), nn.Linear(4, num_classes))
"""


def test_a_worker_killed_while_it_seals_a_stopped_trial_is_stopped_there_again(
    tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    text = FILE.replace(
        "model.name: mlp\n  model.width: 4\n  model.depth: 1", "model.name: fatal:net"
    )
    (tmp_path / "stopped.yaml").write_text(text)
    (tmp_path / "fatal.py").write_text(MODEL)
    storage = tmp_path / "storage"
    command = [sys.executable, "-m", "sweep", "run", "stopped.yaml", "--storage", str(storage)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "killed").exists()
    assert "stopped early: " in done.stdout
    folders = [path.parent for path in (storage / "sweeps/stopped/trials").glob("*/checkpoint-*")]
    assert len(folders) == len(set(folders)) == 7  # six, each sealed once, and their twin
    stops = [
        json.loads(path.read_text()) for path in storage.glob("sweeps/*/trials/*/stopped.json")
    ]
    assert 0 < len(stops) < 6
    assert {stop["by"] for stop in stops} == {"asha"}
    assert not list(storage.glob("sweeps/*/trials/*/failure.json"))
