"""The driver stopped at any moment: the same command goes on, and nothing is twice.

Killed, it is in tests/recovery/test_kills.py.
"""

import os
import random
import signal
import subprocess
import sys
import time
from functools import partial

import psutil
import pytest

from sweep.export import export_rows
from sweep.paths import open_storage
from sweep.sealing import TEMPORARY_PREFIX
from sweep.tracking import connect, search_runs
from tests.recovery.processes import could_write

pytestmark = pytest.mark.ray


def start(file, folder, log, *more):
    command = [sys.executable, "-m", "sweep", "run", str(file), "--storage", str(folder), *more]
    # Whoever runs the tests in the background of a shell hands on that Ctrl-C is ignored.
    heard = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    return subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, preexec_fn=heard)


def sealed(folder):
    return len(list(folder.glob("sweeps/tiny/trials/*/checkpoint-*/manifest.json")))


def wait_until(condition, seconds=90):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def stop_at(process, folder, count, delay, kind):
    """Wait for `count` sealed checkpoints and `delay` more seconds, then send the signal."""
    wait_until(lambda: sealed(folder) >= count or process.poll() is not None)
    time.sleep(delay)
    family = [psutil.Process(process.pid)]
    family += family[0].children(recursive=True)
    os.kill(process.pid, kind)
    process.wait(60)
    wait_until(lambda: not any(could_write(member) for member in family), 60)
    return process.returncode


def test_stopped_and_run_again_until_done(finished, tiny_file, tmp_path):
    folder = tmp_path / "storage"
    rng = random.Random()  # any moment must do, so every run of the test takes others
    stop = rng.choice([signal.SIGINT, signal.SIGTERM])  # Ctrl-C, or whoever manages the job
    # Of 24 checkpoints; a busy machine may be late by many.
    count, delay = rng.randint(1, 10), rng.uniform(0, 1)
    print(f"stopped by {stop}, {delay} s after {count} were sealed")
    with (tmp_path / "log").open("w+") as log:
        assert stop_at(start(tiny_file, folder, log), folder, count, delay, stop) == 130
        log.seek(0)
        assert "the same command goes on from there" in log.read()
        seals = {
            path: path.stat().st_mtime_ns
            for path in folder.rglob("trials/**/manifest.json")
            if not path.parent.name.startswith(
                TEMPORARY_PREFIX
            )  # its writer ended before the rename
        }
        assert start(tiny_file, folder, log).wait(120) == 0
        log.seek(0)
        text = log.read()
    assert f"report: {folder}/sweeps/tiny/report.html" in text
    assert f"MLflow: idsweep ui --storage {folder}" in text
    # What was sealed was not done again, and no half-written file is left.
    assert {path: path.stat().st_mtime_ns for path in seals} == seals
    assert list((folder / "sweeps").rglob(f"{TEMPORARY_PREFIX}*")) == []
    storage = open_storage(folder, create=False)
    for name, source in (("here", storage), ("there", finished.results.work.storage)):
        export_rows(source, "tiny", tmp_path / f"{name}.parquet")
    here, there = (tmp_path / f"{name}.parquet" for name in ("here", "there"))
    assert here.read_bytes() == there.read_bytes()
    client = connect(storage.tracking_uri)
    experiment = client.get_experiment_by_name("tiny").experiment_id
    trials = [
        run.data.tags["idsweep.trial"]
        for run in search_runs(client, experiment)
        if "idsweep.trial" in run.data.tags
    ]
    assert len(trials) == len(set(trials)) == 24


def test_a_failed_trial_gives_exit_code_1_and_its_reason(tiny_file, tmp_path):
    both = "space=[{training.learning_rate: {grid: [0.001, 1.0e+30]}}]"
    overrides = [both, "training.optimizer=sgd"]
    more = [part for override in overrides for part in ("--set", override)]
    with (tmp_path / "log").open("w+") as log:
        assert start(tiny_file, tmp_path / "storage", log, *more).wait(120) == 1
        log.seek(0)
        text = log.read()
    assert len({line for line in text.splitlines() if line.startswith("failed: ")}) == 1
    assert "the loss is not finite in epoch 1" in text
    assert "3/3 done, 0 running, 1 failed" in text
    assert "Traceback" not in text
