"""Clusters of kernels: what is recovered, how often noise passes for clusters, and the time.

    python benchmarks/kernel_clusters.py [--seeds 5] [--sets 100] [--million]

Prints the adjusted Rand index of each way on planted mixtures of seven templates by noise ratio,
and the number of clusters chosen; how often kernels exceed each null and both, for white noise,
smooth Gaussian noise and planted mixtures. Takes about half an hour. --million: instead, seconds
of plain k-means with 10 clusters on 1,000,000 kernels of 7 x 7.
"""

import argparse
import os
import platform
import sys
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from scipy.ndimage import gaussian_filter
from sklearn.metrics import adjusted_rand_score

sys.path.insert(0, str(Path(__file__).parents[1]))

from estimators.cluster_null import find_structure
from estimators.kernel_clusters import cluster_kernels
from estimators.kernel_codes import encode_kernels
from estimators.kernel_ways import WAYS, CodeKMeans
from tests.estimators.planted_mixture import normalized, planted, white_noise

BRIEF = CodeKMeans(num_steps=100, num_restarts=1)  # trained 40 times for each set of kernels


def smooth(count, size, seed):
    pixels = np.random.default_rng(seed).standard_normal((count, size + 8, size + 8))
    return normalized(gaussian_filter(pixels, (0, 1, 1))[:, 4:-4, 4:-4])


def recovery(num_seeds):
    print(f"\nadjusted Rand, least of {num_seeds} seeds, 1,400 kernels; numbers of clusters chosen")
    for size in (7, 3):
        for ratio in (0.1, 0.25, 0.5, 1.0, 2.0):
            cells = []
            for name in WAYS:
                found, chosen = [], []
                for seed in range(num_seeds):
                    kernels, truth = planted(1400, ratio, size, seed)
                    given = cluster_kernels(kernels, name, num_clusters=7, num_seeds=1, seed=seed)
                    found.append(adjusted_rand_score(truth, given.labels))
                    if name != "codes" or seed == 0:  # each trains anew
                        free = cluster_kernels(
                            kernels, name, candidates=range(2, 13), num_seeds=1, seed=seed
                        )
                        chosen.append(free.num_clusters)
                cells.append(f"{name} {min(found):.3f} {sorted(set(chosen))}")
            print(f"{size} x {size}, ratio {ratio}: {', '.join(cells)}", flush=True)


def false_positives(num_sets):
    print("\nshare of sets that exceed: permuted, gaussian, both (B = 19, level 0.05, C = 10)")
    kinds = {
        "white, 200 of 5 x 5": lambda seed: white_noise(200, 5, seed),
        "white, 200 of 7 x 7": lambda seed: white_noise(200, 7, seed),
        "smooth, 200 of 7 x 7": lambda seed: smooth(200, 7, seed),
    }
    for size in (7, 5, 3):
        for ratio in (0.25, 0.5, 1.0, 2.0):
            kinds[f"planted at {ratio}, 200 of {size} x {size}"] = (
                lambda seed, size=size, ratio=ratio: planted(200, ratio, size, seed)[0]
            )
    for kind, make in kinds.items():
        few = max(1, num_sets // 10)
        for way, count in (
            ("kmeans", few if kind.startswith("planted") else num_sets),
            (BRIEF, 0 if "3 x 3" in kind or "5 x 5" in kind else few),
        ):
            results = [find_structure(make(seed), way, seed=seed) for seed in range(count)]
            if results:
                permuted = np.mean([result.permuted.exceeds for result in results])
                gaussian = np.mean([result.gaussian.exceeds for result in results])
                both = np.mean([result.found for result in results])
                print(f"{kind}, {results[0].way}, {count} sets: "
                      f"{permuted:.2f} {gaussian:.2f} {both:.2f}", flush=True)  # fmt: skip


def million():
    kernels = white_noise(10**6, 7, 0).astype(np.float32)
    kernels[: 10**6 // 2] = planted(10**6 // 2, 1.0, 7, 0)[0]
    began = time.perf_counter()
    found = cluster_kernels(kernels, "kmeans", num_clusters=10, num_seeds=1)
    seconds = time.perf_counter() - began
    print(f"1,000,000 kernels of 7 x 7, half of them white noise, k-means, 10 clusters: "
          f"{seconds:.0f} s (must be 60); sizes {found.sizes.tolist()}")  # fmt: skip
    few = kernels[-10_000:]
    began = time.perf_counter()
    encode_kernels(few)
    print(f"10,000 kernels through the autoencoder: {time.perf_counter() - began:.1f} s")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--sets", type=int, default=100)
    parser.add_argument("--million", action="store_true")
    given = parser.parse_args()
    cores = len(os.sched_getaffinity(0))
    print(f"{cores} cores, {torch.get_num_threads()} threads, {platform.machine()}; "
          f"torch {version('torch')}, scikit-learn {version('scikit-learn')}")  # fmt: skip
    if given.million:
        million()
        return
    recovery(given.seeds)
    false_positives(given.sets)


if __name__ == "__main__":
    main()
