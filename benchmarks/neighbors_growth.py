"""How the neighbor search grows with N and with D, against the bare product; writes a picture.

python benchmarks/neighbors_growth.py docs/neighbors_growth.png
"""

import sys
import time

import matplotlib as mpl
import numpy as np
import torch
from activations import synthetic

from estimators import nearest_neighbors

THREADS = 2
POINTS = [1000, 2000, 5000, 10_000, 20_000, 50_000]
UNITS = [32, 128, 512, 2048, 8192, 32_768]


def best(function, repeats=3):
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        function()
        times.append(time.perf_counter() - began)
    return min(times)


def half_product(points):
    """Half of the product of all points with themselves: what symmetry leaves to do."""
    low = points.to(torch.bfloat16)
    rows = max(1, len(low) // 2)
    return best(lambda: low[:rows] @ low.T)


def exponent(sizes, seconds):
    """Slope of log seconds on log size over the larger half."""
    half = len(sizes) // 2
    return float(np.polyfit(np.log(sizes[half:]), np.log(seconds[half:]), 1)[0])


def main():
    mpl.use("agg")
    import matplotlib.pyplot as plt

    torch.set_num_threads(THREADS)
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
    for axis, sizes, shape, label in (
        (axes[0], POINTS, lambda n: (n, 512), "N, at D = 512"),
        (axes[1], UNITS, lambda d: (4000, d), "D, at N = 4,000"),
    ):
        ours, product = [], []
        for size in sizes:
            points = synthetic(*shape(size))
            nearest_neighbors(points, 2)
            ours.append(best(lambda p=points: nearest_neighbors(p, 2)))
            product.append(half_product(points))
            print(
                f"{label}: {size:6d}  {ours[-1]:7.3f} s, {ours[-1] / product[-1]:.1f} half products"
            )
        slope = exponent(sizes, ours)
        print(f"{label}: seconds grow as the power {slope:.2f}", flush=True)
        axis.loglog(sizes, ours, "o-", label=f"two neighbors, exact (power {slope:.1f})")
        axis.loglog(sizes, product, "s--", color="gray", label="half a bfloat16 product")
        axis.set_xlabel(label)
        axis.set_ylabel("seconds")
        axis.legend(frameon=False)
    figure.savefig(sys.argv[1], dpi=110)


if __name__ == "__main__":
    main()
