"""The sweep's wall time against the same training and measuring in one plain loop.

All run here, one after the other, into fresh storages: the loop in one process with one
torch thread and with a thread per core, the sweep on Ray with one core a trial. Prints
seconds and the sweep's ratio to the faster loop, after its start-up and with it.

    python benchmarks/sweep_against_loop.py [sweep]

Without a name: the 48 networks of `digits` with true labels, and their untrained twins.
"""

import os
import platform
import sys
import tempfile
import time
from dataclasses import replace
from importlib.metadata import version

from sweep.cluster import RayCluster
from sweep.execution import LocalProcess
from sweep.paths import open_storage
from sweep.pipeline import run_sweep
from sweep.progress import SilentProgress
from sweep.sweepfile import load_sweep

TRUE_LABELS = 2  # blocks of the space of `digits`


def timed(cluster, file):
    """Wall time in seconds of a whole run, and of its stages."""
    with tempfile.TemporaryDirectory() as folder:
        began = time.monotonic()
        try:
            result = run_sweep(file, open_storage(folder, create=True), cluster, SilentProgress())
        finally:
            cluster.close()
        return time.monotonic() - began, result


def main():
    file = load_sweep(sys.argv[1] if len(sys.argv) > 1 else "digits")
    if len(sys.argv) == 1:
        space = file.config.space[:TRUE_LABELS]
        file = replace(file, config=file.config.model_copy(update={"space": space}))
    cores = len(os.sched_getaffinity(0))
    versions = ", ".join(f"{name} {version(name)}" for name in ("torch", "ray", "mlflow"))
    print(f"{file.config.name}; {cores} cores, {platform.machine()}; {versions}")
    runs = {}
    # The loops first: they also warm the file cache and MLflow's imports for the sweep.
    for threads in sorted({1, cores}):
        runs[f"loop, {threads} threads"] = timed(LocalProcess(num_threads=threads), file)
    runs["sweep"] = timed(RayCluster(), file)
    for name, (seconds, result) in runs.items():
        trials = len(result.results.results)
        assert not result.failures
        stages = ", ".join(f"{stage} {value:.1f}" for stage, value in result.seconds.items())
        print(f"{name:16} {seconds:6.1f} s  {60 * trials / seconds:5.1f} trials/min  ({stages})")
    seconds, result = runs.pop("sweep")
    loop = min(each for each, _ in runs.values())  # starts nothing: its first trial begins at once
    print(f"sweep / faster loop, after start-up: {(seconds - result.seconds['start']) / loop:.2f}")
    print(f"sweep / faster loop, in all: {seconds / loop:.2f}")


if __name__ == "__main__":
    main()
