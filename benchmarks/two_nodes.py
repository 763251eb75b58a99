"""How much faster two nodes of one core are than one: 24 trials, trained and measured.

    sudo python -m benchmarks.two_nodes

Each node is a machine of its own in namespaces, with a core of its own (tests/nodes/cluster.py).
Time counts from the first trial's start, as `idsweep run` prints it.
"""

import re
import sys
import tempfile
from pathlib import Path

from tests.nodes.cluster import Machines

SWEEP = """
name: two-nodes
model: {name: cnn, width: 16}
training: {epochs: 8}
measure: {num_samples: 500, untrained: false, actors: 2}
space: [{training.seed: {grid: %s}}]
"""
TRIALS = 24
MUST, AIM = 1.7, 1.9


def seconds(cores, folder):
    """Of training and measuring, on as many nodes as there are cores."""
    file = folder / "sweep.yaml"
    folder.mkdir()
    file.write_text(SWEEP % list(range(TRIALS)))
    with Machines(folder / "m", cpus=[1] * len(cores), cores=cores) as machines:
        command = ["taskset", "-c", str(cores[0]), sys.executable, "-m", "sweep", "run", str(file)]
        command += ["--storage", str(folder / "m" / "shared" / "results")]
        done = machines.run(0, [*command, "--address", machines.address], timeout=1800)
    assert done.returncode == 0, done.stdout + done.stderr
    found = re.search(r"train and measure ([\d.]+) s", done.stdout)
    assert found is not None, done.stdout
    return float(found[1])


def main():
    with tempfile.TemporaryDirectory() as folder:
        one = seconds([0], Path(folder) / "one")
        two = seconds([0, 1], Path(folder) / "two")
    print(f"{TRIALS} trials: one node {one:.1f} s, two nodes {two:.1f} s")
    print(f"ratio {one / two:.2f} (must be {MUST}, aim {AIM})")


if __name__ == "__main__":
    main()
