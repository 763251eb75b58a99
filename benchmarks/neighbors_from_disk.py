"""Exact neighbors of 8 GB of memory-mapped points: seconds, and memory beyond the file's pages."""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from neighbors import peak_memory

from estimators import nearest_neighbors


def write_points(path, num_points, num_units):
    """ReLU of a 20-dimensional Gaussian mapped to the units, with noise."""
    rng = np.random.default_rng(0)
    weights = rng.standard_normal((20, num_units), dtype=np.float32)
    points = np.lib.format.open_memmap(path, "w+", np.float32, (num_points, num_units))
    for start in range(0, num_points, 200):
        rows = rng.standard_normal((min(200, num_points - start), 20), dtype=np.float32) @ weights
        rows += 0.3 * rng.standard_normal(rows.shape, dtype=np.float32)
        points[start : start + len(rows)] = np.maximum(rows, 0)
    points.flush()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--num-points", type=int, default=20_000)
    parser.add_argument("--num-units", type=int, default=100_000)
    parser.add_argument("--folder", help="where the file may be, for a while")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        path = Path(folder) / "points.npy"
        write_points(path, options.num_points, options.num_units)
        points = np.load(path, mmap_mode="r")
        nearest_neighbors(points[:300, :100], 2)  # libraries set up
        began = time.perf_counter()
        found, memory = peak_memory(lambda: nearest_neighbors(points, 2))
        seconds = time.perf_counter() - began
        size = path.stat().st_size / 1e9
        print(
            f"N={options.num_points} D={options.num_units} k=2, {size:.1f} GB: "
            f"{seconds:.0f} s by {found.precision}, memory {memory / 1e9:.2f} GB"
        )
        for row in (0, options.num_points // 2):
            own = torch.from_numpy(points[row].astype(np.float64))
            distances = np.array([float((own - torch.tensor(p)).norm()) for p in points])
            distances[row] = np.inf
            assert list(distances.argsort()[:2]) == list(found.indices[row])


if __name__ == "__main__":
    main()
