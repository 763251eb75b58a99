"""From the command to the first step of training: what `idsweep run` takes to get going.

    python benchmarks/startup.py [--runs 5] [sweep]

Each run starts `idsweep run` with Ray embedded and a fresh storage, watches files and
processes from outside, and stops it once the first network's untrained state is sealed, which
`measure.epochs: [0]` asks for and which is the last thing before its first step. Prints when
each part was reached, in seconds since the process was started: medians, least and most.
"""

import argparse
import os
import platform
import signal
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from statistics import median

import psutil

POLL_SECONDS = 0.03
LIMIT_SECONDS = 120
# What the storage holds once a part is done.
FILES = {
    "imports and checks": "storage.json",
    "data prepared": "data/*/manifest.json",
    "trials planned": "sweeps/*/sweep.json",
    "first step": "sweeps/*/trials/*/checkpoint-0000.00/manifest.json",
}
# What a process's command line says.
PROCESSES = {
    "Ray begins": "gcs_server",
    "Ray's node begins": "raylet/raylet",
    "first worker process": "default_worker.py",
}
# Workers rename themselves when Tune's trainable, and with it torch, is loaded.
TITLES = {"first worker ready": "ray::ImplicitFunc"}


def watch(sweep, folder):
    """Seconds from the start of a run to each part."""
    began = time.time()
    storage = folder / "storage"
    command = [sys.executable, "-m", "sweep", "run", sweep, "--storage", str(storage)]
    for setting in ("measure.epochs=[0]", "measure.untrained=false"):
        command += ["--set", setting]
    with (folder / "log").open("w") as log:
        process = psutil.Popen(command, stdout=log, stderr=subprocess.STDOUT)
    reached = {}
    try:
        while "first step" not in reached:
            if process.poll() is not None or time.time() - began > LIMIT_SECONDS:
                sys.exit(f"no first step: {(folder / 'log').read_text()}")
            for part, pattern in FILES.items():
                if part not in reached and any(storage.glob(pattern)):
                    reached[part] = time.time() - began
            family = family_of(process)
            for child in family[1:]:
                note_process(child, began, reached)
            time.sleep(POLL_SECONDS)
        processor = sum(map(processor_of, family))
    finally:
        family = family_of(process)
        process.send_signal(signal.SIGTERM)
        process.wait(60)
        psutil.wait_procs(family, 20)
    return reached, processor


def family_of(process):
    try:
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def processor_of(process):
    try:
        return sum(process.cpu_times()[:2])
    except psutil.NoSuchProcess:
        return 0.0


def note_process(process, began, reached):
    try:
        line = " ".join(process.cmdline())
        for part, text in PROCESSES.items():
            if text in line and part not in reached:
                reached[part] = process.create_time() - began
        for part, text in TITLES.items():
            if line.startswith(text):
                reached.setdefault(part, time.time() - began)
    except psutil.Error:
        pass


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sweep", nargs="?", default="digits")
    parser.add_argument("--runs", type=int, default=5)
    given = parser.parse_args()
    versions = ", ".join(f"{name} {version(name)}" for name in ("torch", "ray", "mlflow"))
    print(f"{len(os.sched_getaffinity(0))} cores, {platform.machine()}; {versions}", flush=True)
    runs = []
    for _ in range(given.runs):
        with tempfile.TemporaryDirectory(prefix="idsweep-startup-") as folder:
            runs.append(watch(given.sweep, Path(folder)))
    parts = {part: [reached[part] for reached, _ in runs if part in reached] for part in runs[0][0]}
    for part, seconds in sorted(parts.items(), key=lambda item: median(item[1])):
        print(f"{part:22}{median(seconds):6.1f} s  ({min(seconds):.1f} to {max(seconds):.1f})")
    print(f"processor until then  {median(spent for _, spent in runs):6.1f} s")


if __name__ == "__main__":
    main()
