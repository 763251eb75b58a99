"""What a sweep costs beside training: 2,000 trials that train next to nothing, and a resume.

    python benchmarks/scheduling_at_scale.py [--trials 2000] [--plain 100] [--folder KEPT]

Each trial is a network of one hidden layer trained for one step on two images of digits, and
measured for accuracy alone: all else is real. `idsweep run` goes through Tune, seals a
checkpoint, measures in an actor, tracks in SQLite, regresses, reports. Then the same command
again, with nothing left to do. The same trials in one plain loop (--plain of them, without
Ray, tracking or report) say what of it is work. Processes are sampled from outside: memory of
the driver, processor seconds of each kind of process.
"""

import argparse
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from importlib.metadata import version
from pathlib import Path

import psutil

SWEEP = """
name: scale
model: {{name: mlp, width: 4, depth: 1}}
training: {{epochs: 1, num_images: 2, batch_size: 2}}
measure: {{layers: last_hidden, num_samples: 8, untrained: false}}
analyses: {{accuracy_images: 8, intrinsic: null, linear: null}}
regression: {{predictors: [training.learning_rate]}}
space:
  - training.learning_rate: {{loguniform: [0.001, 0.1]}}
search: {{num_samples: {trials}}}
"""
PLAIN = """
import sys, time
from sweep.execution import LocalProcess
from sweep.paths import claim_storage, open_storage
from sweep.data.partitions import prepare_data
from sweep.progress import SilentProgress, Status, StatusObserver
from sweep.space import make_trials
from sweep.sweepfile import load_sweep
from sweep.work import Work

config = load_sweep(sys.argv[1]).config
storage = open_storage(sys.argv[2], create=True)
claim_storage(storage)
work = Work(config, storage, prepare_data(config.data, storage))
trials = make_trials(config, work.data.digest)
observer = StatusObserver(Status(0, 0), SilentProgress(), lambda trial: "", print, lambda: None)
LocalProcess().execute(work, trials[:1], [], observer)
began = time.monotonic()
LocalProcess().execute(work, trials[1:], [], observer)
print((time.monotonic() - began) / (len(trials) - 1))
"""
SAMPLE_SECONDS = 0.25
NOTHING = "nothing to do"
KINDS = ("raylet", "gcs_server", "dashboard", "log_monitor", "monitor.py", "MeasuringActor")


class Sampled:
    """A command run to its end, with what its processes took."""

    def __init__(self, command):
        began = time.monotonic()
        self.peak = 0.0  # GB resident in the first process, shared libraries included
        self.own = 0.0  # GB of it that no file backs
        self.told = None  # seconds until it says that there is nothing to do
        processors = {}
        with tempfile.NamedTemporaryFile("w+") as output:
            process = psutil.Popen(command, stdout=output, stderr=subprocess.STDOUT)
            while process.poll() is None:
                self._look(process, processors)
                time.sleep(SAMPLE_SECONDS)
                if self.told is None and NOTHING in Path(output.name).read_text():
                    self.told = time.monotonic() - began
            self.seconds = time.monotonic() - began
            output.seek(0)
            self.output = output.read()
        if process.returncode:
            sys.exit(self.output)
        self.processor = defaultdict(float)
        for kind, seconds in processors.values():
            self.processor[kind] += seconds

    def _look(self, driver, processors):
        try:
            memory = driver.memory_info()
            self.peak = max(self.peak, memory.rss / 1e9)
            self.own = max(self.own, (memory.rss - memory.shared) / 1e9)
            family = [driver, *driver.children(recursive=True)]
        except psutil.NoSuchProcess:
            return
        for process in family:
            try:
                kind = "driver" if process.pid == driver.pid else kind_of(process)
                times = process.cpu_times()
                processors[process.pid] = kind, times.user + times.system
            except psutil.Error:
                continue


def kind_of(process):
    line = " ".join(process.cmdline())
    if line.startswith("ray::") and "MeasuringActor" not in line:
        return "idle worker" if "IDLE" in line else "trial worker"
    return next((kind for kind in KINDS if kind in line), "other")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=2000)
    parser.add_argument("--plain", type=int, default=100, help="trials of the plain loop; 0: none")
    parser.add_argument("--folder", type=Path, help="keep storages here; one there is resumed")
    given = parser.parse_args()
    versions = ", ".join(f"{name} {version(name)}" for name in ("torch", "ray", "mlflow"))
    cores = len(os.sched_getaffinity(0))
    print(f"{given.trials} trials; {cores} cores, {platform.machine()}; {versions}", flush=True)
    with tempfile.TemporaryDirectory(prefix="idsweep-scale-") as temporary:
        folder = given.folder or Path(temporary)
        folder.mkdir(exist_ok=True)
        file = folder / "scale.yaml"
        if given.plain:
            file.write_text(SWEEP.format(trials=given.plain + 1))
            plain = Sampled([sys.executable, "-c", PLAIN, str(file), str(folder / "plain")])
            print(f"plain loop: {float(plain.output.split()[-1]):.4f} s a trial", flush=True)
        file.write_text(SWEEP.format(trials=given.trials))
        command = [sys.executable, "-m", "sweep", "run", str(file)]
        command += ["--storage", str(folder / "storage")]
        tell("sweep", Sampled(command), given.trials)
        again = Sampled(command)
        tell("again", again, given.trials)
        print(
            f"resume of {given.trials} finished trials: {again.told:.1f} s until "
            f'"{NOTHING}", {again.seconds:.1f} s in all, driver {again.peak:.2f} GB'
        )


def tell(name, run, trials):
    stages = next((line for line in run.output.splitlines() if line.startswith("time:")), "")
    print(f"{name}: {run.seconds:.1f} s, {run.seconds / trials:.4f} s a trial; {stages}")
    print(f"  driver: {run.peak:.2f} GB at most, {run.own:.2f} GB of it its own")
    spent = sorted(run.processor.items(), key=lambda item: -item[1])
    shares = ", ".join(f"{kind} {1000 * seconds / trials:.1f}" for kind, seconds in spent)
    print(f"  ms of a processor for a trial: {shares}", flush=True)


if __name__ == "__main__":
    main()
