"""One checkpoint measured by two actors in units: the rows of one process, also after a kill."""

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
from sweep.progress import SilentProgress
from sweep.sweepfile import parse_sweep

pytestmark = [
    pytest.mark.ray,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

ONE = """
name: one
model: {name: cnn, width: 32}
training: {epochs: 0}
measure: {num_samples: 1300, batch_size: 16, part_images: 16, keep_activations: true, actors: 2}
"""


def kill_after_first_part(folder, killed):
    """SIGKILL an actor at work once a part is sealed; note the parts that were."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        parts = list(folder.rglob("part-*/manifest.json"))
        for process in psutil.Process().children(recursive=True) if parts else ():
            try:
                title = " ".join(process.cmdline())
            except psutil.NoSuchProcess:
                continue
            if title.startswith("ray::") and "MeasuringActor.measure" in title:
                sealed = {path: path.stat().st_mtime_ns for path in parts}
                os.kill(process.pid, signal.SIGKILL)
                killed.update(sealed)
                return
        time.sleep(0.005)


def test_a_killed_actor_costs_its_unit_of_work(cluster, tmp_path):
    exported = {}
    killed = {}
    for name, where in (("plain", LocalProcess()), ("ray", cluster)):
        storage = open_storage(tmp_path / name, create=True)
        killer = threading.Thread(target=kill_after_first_part, args=(storage.folder, killed))
        if name == "ray":
            killer.start()
        result = run_sweep(parse_sweep(ONE, "one"), storage, where, SilentProgress())
        if name == "ray":
            killer.join()
        assert result.failures == {}
        export_rows(storage, "one", tmp_path / f"{name}.parquet")
        exported[name] = (tmp_path / f"{name}.parquet").read_bytes()
    assert exported["ray"] == exported["plain"]
    assert killed
    assert {path: path.stat().st_mtime_ns for path in killed} == killed
