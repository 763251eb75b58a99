"""Exact neighbors against peers, on the same activations in one run, two threads each.

    python benchmarks/neighbors.py                       # all shapes, FAISS and the product
    python benchmarks/neighbors.py --all-peers --dadapy-python PATH

Peers: FAISS IndexFlatL2, scikit-learn's brute force, scikit-dimension's neighbor search, DADApy
(it needs numpy 1, so a Python of its own), and the bare matrix product in float32 and bfloat16.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import torch
from activations import activations, synthetic, trained_network

from estimators import nearest_neighbors

SHAPES = [
    (10_000, 4096, 2),
    (2000, 25_088, 2),
    (20_000, 512, 2),
    (50_000, 128, 2),
    (10_000, 4096, 64),
]
THREADS = 2
DADAPY = """
import sys, time, json
import numpy as np
from dadapy import Data
points = np.load(sys.argv[1])
began = time.perf_counter()
Data(points, verbose=False, n_jobs=2).compute_distances(maxk=int(sys.argv[2]))
print(json.dumps(time.perf_counter() - began))
"""


def seconds(function, repeats):
    """The best of some runs: other work on the machine only adds."""
    best = float("inf")
    for _ in range(repeats):
        began = time.perf_counter()
        function()
        best = min(best, time.perf_counter() - began)
    return best


def by_faiss(points, k):
    import faiss

    faiss.omp_set_num_threads(THREADS)
    index = faiss.IndexFlatL2(points.shape[1])
    index.add(points)
    index.search(points, k + 1)


def by_sklearn(points, k):
    from sklearn.neighbors import NearestNeighbors

    NearestNeighbors(n_neighbors=k, algorithm="brute", n_jobs=THREADS).fit(points).kneighbors()


def by_skdim(points, k):
    from skdim._commonfuncs import get_nn

    get_nn(points, k, n_jobs=THREADS)


def by_dadapy(points, k, python):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "points.npy"
        np.save(path, points)
        command = [python, "-c", DADAPY, str(path), str(k)]
        printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return json.loads(printed.splitlines()[-1])


def product(points, dtype):
    matrix = points.to(dtype)
    return seconds(lambda: matrix @ matrix.T, 1)


def anonymous_bytes():
    """Memory of this process that is no file's."""
    _, resident, shared = Path("/proc/self/statm").read_text().split()[:3]
    return (int(resident) - int(shared)) * resource.getpagesize()


def peak_memory(function):
    """What a call returns, and the bytes of memory it took at its peak, files' pages apart."""
    before, highest, done = anonymous_bytes(), 0, threading.Event()

    def watch():
        nonlocal highest
        while not done.wait(0.005):
            highest = max(highest, anonymous_bytes())

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        value = function()
    finally:
        done.set()
        watcher.join()
    return value, highest - before


def print_memory(num_points, num_units, k, precision):
    """Print the peak beyond the points, in bytes; in a process that did nothing else."""
    points = synthetic(num_points, num_units)
    nearest_neighbors(points[:300], min(k, 8), precision=precision)  # libraries set up
    print(peak_memory(lambda: nearest_neighbors(points, k, precision=precision))[1])


def memory_beyond(num_points, num_units, k, precision):
    shape = [str(number) for number in (num_points, num_units, k)]
    command = [sys.executable, __file__, "--memory", *shape, precision]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def measure(points, k, options):
    array = points.numpy()
    ours = nearest_neighbors(points, k)  # warms up
    row = {
        "ours": seconds(lambda: nearest_neighbors(points, k), 2),
        "ours, float32": seconds(lambda: nearest_neighbors(points, k, precision="float32"), 2),
        "FAISS": seconds(lambda: by_faiss(array, k), 2),
        "product float32": product(points, torch.float32),
        "product bfloat16": product(points, torch.bfloat16),
    }
    if options.all_peers:
        row["scikit-learn"] = seconds(lambda: by_sklearn(array, k), 1)
        row["scikit-dimension"] = seconds(lambda: by_skdim(array, k), 1)
    if options.dadapy_python:
        row["DADApy"] = by_dadapy(array, k, options.dadapy_python)
    return ours, row


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--all-peers", action="store_true")
    parser.add_argument("--dadapy-python", help="a Python that has DADApy")
    parser.add_argument("--shapes", type=int, nargs="*", help="which of the shapes, from 0")
    parser.add_argument("--memory", nargs=4, metavar=("N", "D", "K", "PRECISION"))
    options = parser.parse_args()
    if options.memory:
        print_memory(*(int(number) for number in options.memory[:3]), options.memory[3])
        return
    torch.set_num_threads(THREADS)
    network = trained_network()
    for number in options.shapes or range(len(SHAPES)):
        num_points, num_units, k = SHAPES[number]
        points = activations(network, num_points, num_units)
        share = float((points == 0).float().mean())
        ours, row = measure(points, k, options)
        print(f"N={num_points} D={num_units} k={k} ({share:.0%} zeros; {ours.precision})")
        for name, value in row.items():
            print(f"  {name:18s} {value:7.2f} s   {value / row['FAISS']:.2f} of FAISS")
        del points
        for precision in ("auto", "float32"):
            memory = memory_beyond(num_points, num_units, k, precision)
            print(f"  memory beyond the points, {precision}: {memory / 1e9:.2f} GB", flush=True)


if __name__ == "__main__":
    sys.exit(main())
