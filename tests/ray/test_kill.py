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

import pandas as pd
import psutil
import pytest

from sweep.export import export_rows
from sweep.paths import open_storage
from sweep.sealing import TEMPORARY_PREFIX
from sweep.tracking import connect, search_runs
from tests.recovery.processes import could_write

pytestmark = pytest.mark.ray
KEYS = ["trial", "checkpoint", "analysis", "quantity", "layer"]


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


# Beside the tiny sweep, one that can't be trained.
FAILS = """  - model.name: mlp
    training.optimizer: sgd
    training.learning_rate: 1.0e+30
"""


def test_stopped_and_run_again_until_all_but_one_are_done(finished, tiny_file, tmp_path):
    folder, file = tmp_path / "storage", tmp_path / "tiny.yaml"
    file.write_text(tiny_file.read_text() + FAILS)
    rng = random.Random()  # any moment must do, so every run of the test takes others
    stop = rng.choice([signal.SIGINT, signal.SIGTERM])  # Ctrl-C, or whoever manages the job
    # Of 24 checkpoints; a busy machine may be late by many.
    count, delay = rng.randint(1, 10), rng.uniform(0, 1)
    print(f"stopped by {stop}, {delay} s after {count} were sealed")
    with (tmp_path / "log").open("w+") as log:
        assert stop_at(start(file, folder, log), folder, count, delay, stop) == 130
        log.seek(0)
        assert "the same command goes on from there" in log.read()
        seals = {
            path: path.stat().st_mtime_ns
            for path in folder.rglob("trials/**/manifest.json")
            if not path.parent.name.startswith(
                TEMPORARY_PREFIX
            )  # its writer ended before the rename
        }
        assert start(file, folder, log).wait(120) == 1
        log.seek(0)
        text = log.read()
    assert len({line for line in text.splitlines() if line.startswith("failed: ")}) == 1
    assert "the loss is not finite in epoch 1" in text
    assert "26/26 done, 0 running, 1 failed" in text
    assert "Traceback" not in text
    assert f"report: {folder}/sweeps/tiny/report.html" in text
    assert f"MLflow: idsweep ui --storage {folder}" in text
    # What was sealed was not done again, and no half-written file is left.
    assert {path: path.stat().st_mtime_ns for path in seals} == seals
    assert list((folder / "sweeps").rglob(f"{TEMPORARY_PREFIX}*")) == []
    storage = open_storage(folder, create=False)
    rows = {}
    for name, source in (("here", storage), ("there", finished.results.work.storage)):
        export_rows(source, "tiny", tmp_path / f"{name}.parquet")
        rows[name] = pd.read_parquet(tmp_path / f"{name}.parquet")
    shared = rows["here"]["trial"].isin(rows["there"]["trial"])
    here = rows["here"][shared].sort_values(KEYS, ignore_index=True)
    there = rows["there"].sort_values(KEYS, ignore_index=True)
    pd.testing.assert_frame_equal(here, there, check_exact=True)
    client = connect(storage.tracking_uri)
    experiment = client.get_experiment_by_name("tiny").experiment_id
    trials = [
        run.data.tags["idsweep.trial"]
        for run in search_runs(client, experiment)
        if "idsweep.trial" in run.data.tags
    ]
    assert len(trials) == len(set(trials)) == 25
