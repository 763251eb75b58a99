"""Machines that go down under a sweep, while it trains and while it measures, and come back."""

import json
import shutil
import subprocess
import sys
import time

import pandas as pd
import pytest

from sweep.export import export_rows
from sweep.paths import open_storage
from tests.nodes.conftest import HALF

pytestmark = pytest.mark.ray
TOLD_SECONDS = 60
RUN_SECONDS = 400


class Run:
    """`idsweep run` on one of the machines."""

    def __init__(self, machines, file, node, storage):
        self.storage = machines.folder / "shared" / storage
        self.log = machines.folder / f"run-{time.monotonic_ns()}.log"
        command = [sys.executable, "-m", "sweep", "run", str(file), "--storage", self.storage]
        command += ["--address", machines.address, "--set", "measure.actors=2", "--set", HALF]
        with self.log.open("w") as log:
            self.process = machines.popen(node, command, stdout=log, stderr=subprocess.STDOUT)

    def sealed(self, pattern, node=None):
        """How many outputs of this kind are sealed, by a node or by any."""
        found = self.storage.glob(f"sweeps/tiny/trials/*/{pattern}/manifest.json")
        hosts = [json.loads(path.read_text())["host"] for path in found]
        return len(hosts) if node is None else hosts.count(f"node-{node}")

    def until(self, condition):
        deadline = time.monotonic() + RUN_SECONDS
        while not condition():
            assert self.process.poll() is None, "too fast: " + self.log.read_text()
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.02)

    def ends(self, seconds=RUN_SECONDS):
        return self.process.wait(seconds)


@pytest.fixture
def start(machines, tiny_file):
    """Starts the sweep on a node; what still runs at the end of a test is ended."""
    runs = []

    def start(node, storage="lost"):
        runs.append(Run(machines, tiny_file, node, storage))
        return runs[-1]

    yield start
    for run in runs:
        run.process.kill()
        run.process.wait()
    machines.restore()


CHECKPOINTS, MEASURED = "checkpoint-0*1.00", "measured-*/*"


def test_the_heads_machine_goes_down_and_the_same_command_goes_on(machines, start):
    run = start(1, "head")
    run.until(lambda: run.sealed(CHECKPOINTS) > 1)
    machines.kill(0)
    killed = time.monotonic()
    assert run.ends(TOLD_SECONDS) == 75, run.log.read_text()
    print("told after", time.monotonic() - killed)
    assert "the same command goes on from there" in run.log.read_text()
    assert "Traceback" not in run.log.read_text()
    assert "failed:" not in run.log.read_text()  # no trial has done anything wrong
    machines.kill(1)


def test_a_machine_goes_down_while_it_trains_and_the_sweep_goes_on(machines, start):
    run = start(0)
    run.until(lambda: machines.pids(1, "ray::ImplicitFunc.train"))
    machines.kill(1)
    sealed = run.sealed(CHECKPOINTS)
    run.until(lambda: run.sealed(CHECKPOINTS) > sealed)
    machines.restore()
    assert run.ends() == 0, run.log.read_text()
    assert "0 failed" in run.log.read_text()


def test_a_machine_goes_down_while_it_measures_and_the_rows_are_the_same(
    machines, start, finished, tmp_path
):
    folder = machines.folder / "shared" / "lost"
    for measured in folder.glob("sweeps/tiny/trials/*/measured-*"):
        shutil.rmtree(measured)
    run = start(0)
    run.until(lambda: run.sealed(MEASURED, node=1) > 0)
    machines.kill(1)
    left = run.sealed(MEASURED)
    assert run.ends() == 0, run.log.read_text()
    assert run.sealed(MEASURED) > left
    assert "0 failed" in run.log.read_text()
    found = {"lost": open_storage(folder, create=False), "whole": finished.results.work.storage}
    rows = {}
    for name, storage in found.items():
        export_rows(storage, "tiny", tmp_path / f"{name}.parquet")
        rows[name] = pd.read_parquet(tmp_path / f"{name}.parquet")
    same = rows["whole"]["trial"].isin(rows["lost"]["trial"])
    assert rows["lost"]["trial"].nunique() == 12
    expected = rows["whole"][same].reset_index(drop=True)
    pd.testing.assert_frame_equal(rows["lost"], expected, check_exact=True)
