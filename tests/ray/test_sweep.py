"""A sweep on Ray seals what the plain loop seals, to the bit, also when processes are killed."""

import os
import signal
import threading
import time

import psutil
import pytest

from sweep.execution import LocalProcess
from sweep.export import export_rows
from sweep.paths import open_storage
from sweep.pipeline import run_sweep
from sweep.progress import PlainProgress
from sweep.sweepfile import load_sweep

pytestmark = [
    pytest.mark.ray,
    # Ray leaves sockets and pipes to the garbage collector.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


def exported(storage, folder):
    export_rows(storage, "tiny", folder / "rows.parquet")
    return (folder / "rows.parquet").read_bytes()


@pytest.fixture
def expected(finished, tmp_path):
    return exported(finished.results.work.storage, tmp_path)


@pytest.fixture
def storage(tmp_path):
    return open_storage(tmp_path / "storage", create=True)


# A little of it, on images with labels, measured in parts at two epochs of one.
FEW = [
    "data={name: concepts, num_drawn: 150}",
    "training.batch_size=32",
    "analyses.dissection={num_images: 48, permutations: 2, rotations: {number: 1, alphas: [1.0]}}",
    "measure.num_samples=48",
    "measure.part_images=16",
    "measure.keep_activations=true",
    "model.name=mlp",
    "space=[{training.seed: {grid: [0, 1]}}]",
    "model.width=4",
    "model.depth=1",
    "measure.epochs=[0,0.5]",
]


def test_rows_are_those_of_the_plain_loop(cluster, tiny_file, tmp_path):
    file = load_sweep(tiny_file, [*FEW, "measure.actors=2"])
    rows, lines = [], []
    for name, where in (("loop", LocalProcess()), ("ray", cluster)):
        storage = open_storage(tmp_path / name, create=True)
        del lines[:]
        result = run_sweep(file, storage, where, PlainProgress(lines.append, seconds=0))
        assert result.failures == {}
        rows.append(exported(storage, tmp_path))
    assert rows[1] == rows[0]
    assert "4/4 done" in lines[-2]
    assert not [line for line in lines if "from the sealed" in line]  # MLflow has them all
    assert not storage.sweep("tiny").tune.exists()


def kill_when_seen(name, count, killed):
    """SIGKILL Ray workers whose title holds `name` as they turn up, `count` of them."""
    deadline = time.monotonic() + 240
    while len(killed) < count and time.monotonic() < deadline:
        for process in psutil.Process().children(recursive=True):
            try:
                title = " ".join(process.cmdline())
            except psutil.NoSuchProcess:
                continue
            if title.startswith("ray::") and name in title and process.pid not in killed:
                os.kill(process.pid, signal.SIGKILL)
                killed.add(process.pid)
                time.sleep(1)
                break
        time.sleep(0.02)


def test_killed_workers_cost_only_what_they_did(
    cluster, tiny_file, storage, expected, finished, tmp_path
):
    killed, killers = {}, []
    for name in ("ImplicitFunc.train", "MeasuringActor.measure"):  # as Ray calls them at work
        killed[name] = set()
        killer = threading.Thread(target=kill_when_seen, args=(name, 2, killed[name]))
        killer.start()
        killers.append(killer)
    result = run_sweep(load_sweep(tiny_file), storage, cluster, PlainProgress(print))
    for killer in killers:
        killer.join()
    assert [len(processes) for processes in killed.values()] == [2, 2]
    assert result.failures == {}
    assert exported(storage, tmp_path) == expected
    assert result.regression == finished.regression
