"""Planted recovery, nulls and the time of fitting depthwise kernels with template families.

    python benchmarks/kernels.py [--kernels 1000000] [--each 2000]

Recovery: the share of planted kernels that are given their own family, or their own master key, by
norm of the noise over that of the template. Families are planted with parameters and offsets drawn
over all their ranges and told among all ten. Nulls: of white Gaussian kernels, the share whose r^2
exceeds 0.5, and the threshold that 1 % exceed. Time: of 7 x 7 kernels through normalising, fit and
master keys, beside the bare matrix products of the same sizes in blocks.
"""

import argparse
import os
import platform
import resource
import time
from importlib.metadata import version

import numpy as np

from estimators.kernel_banks import banks_of
from estimators.kernel_fit import BLOCK, fit_families
from estimators.kernel_nulls import gaussian_kernels, null_threshold
from estimators.kernel_templates import FAMILIES
from estimators.kernels import normalize_kernels
from estimators.master_keys import explained_by_keys, master_keys
from estimators.planted_kernels import plant_kernels

SIZES = (3, 5, 7, 9)
NOISES = (0.25, 0.5, 1.0, 2.0)
NUM_NULL = 100_000


def recovered_families(size, noise, each, half_pixel):
    """Share of each family's kernels that are given to it; of families that the size has."""
    rng = np.random.default_rng([size, int(4 * noise)])
    shares = {}
    for number, family in enumerate(FAMILIES):
        if size == 3 and "square" in family:
            continue
        kernels = plant_kernels(family, size, each, noise, rng, offsets=half_pixel).kernels
        fit = fit_families(normalize_kernels(kernels).shapes, half_pixel=half_pixel)
        shares[family] = (fit.best == number).mean()
    return shares


def recovered_keys(size, noise, each):
    rng = np.random.default_rng([size, int(4 * noise)])
    numbers = np.repeat(np.arange(8), each)
    keys = master_keys(size)[numbers]
    noisy = keys + noise / np.sqrt(size**2 - 1) * rng.standard_normal(keys.shape)
    fit = explained_by_keys(normalize_kernels(noisy).shapes)
    own = fit.r2[np.arange(len(numbers)), numbers]
    return (fit.best == numbers).mean(), np.median(own)


def print_recovery(each):
    print("\nplanted recovery by noise / signal")
    print("size  of                    " + "".join(f"{noise:>8}" for noise in NOISES))
    for size in SIZES:
        keys = [recovered_keys(size, noise, each) for noise in NOISES]
        print_line(size, "8 master keys", [share for share, _ in keys])
        print_line(size, "  their median r^2", [r2 for _, r2 in keys])
        for half_pixel, name in ((True, "families, all offsets"), (False, "families, centered")):
            found = [recovered_families(size, noise, each, half_pixel) for noise in NOISES]
            print_line(size, name, [np.mean(list(shares.values())) for shares in found])
            if half_pixel:
                for family in found[0]:
                    print_line(size, f"  {family}", [shares[family] for shares in found])
    print_line("", "1 / (1 + ratio^2)", [1 / (1 + noise**2) for noise in NOISES])


def print_line(size, name, values):
    print(f"{size:>4}  {name:<22}" + "".join(f"{value:>8.3f}" for value in values), flush=True)


def print_nulls():
    print("\nwhite Gaussian kernels: share with r^2 > 0.5, and the r^2 that 1 % exceed")
    print("size   8 master keys   families, centered   families, all offsets")
    for size in SIZES:
        shapes = gaussian_kernels(size, NUM_NULL, np.random.default_rng(size))
        keys = explained_by_keys(shapes).best_r2
        cells = [f"{(keys > 0.5).mean():.2%}  {np.quantile(keys, 0.99):.3f}"]
        for half_pixel in (False, True):
            fit = fit_families(shapes, half_pixel=half_pixel)
            cells.append(f"{(fit.best_r2 > 0.5).mean():.2%}  {null_threshold(fit):.3f}")
        print(f"{size:>4}   {cells[0]:<16}{cells[1]:<21}{cells[2]}", flush=True)


def print_times(num_kernels):
    kernels = np.random.default_rng(0).standard_normal((num_kernels, 7, 7)).astype(np.float32)
    fit_families(normalize_kernels(kernels[:BLOCK]).shapes)  # warm
    seconds = {}
    began = time.perf_counter()
    shapes = normalize_kernels(kernels).shapes
    seconds["normalised"] = time.perf_counter() - began
    began = time.perf_counter()
    fit_families(shapes)
    seconds["fitted"] = time.perf_counter() - began
    began = time.perf_counter()
    explained_by_keys(shapes)
    seconds["master keys"] = time.perf_counter() - began
    vectors = np.concatenate([bank.vectors.reshape(-1, 49) for bank in banks_of(7)])
    flat = shapes.reshape(-1, 49)
    began = time.perf_counter()
    for start in range(0, num_kernels, BLOCK):
        flat[start : start + BLOCK].astype(np.float32) @ vectors.T
    bare = time.perf_counter() - began
    whole = seconds["normalised"] + seconds["fitted"]
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9
    print(f"\n{num_kernels:,} kernels of 7 x 7, {len(vectors):,} template vectors")
    print(", ".join(f"{name} {value:.1f} s" for name, value in seconds.items()))
    print(f"view 1: {whole:.1f} s (must be 60, aim 15), {whole / bare:.2f} times the bare products "
          f"({bare:.1f} s); at most {most:.2f} GB in memory")  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kernels", type=int, default=1_000_000)
    parser.add_argument("--each", type=int, default=2000, help="planted kernels of each family")
    given = parser.parse_args()
    cores = len(os.sched_getaffinity(0))
    threads = os.environ.get("OMP_NUM_THREADS", "all")
    print(f"{cores} cores, {threads} threads, {platform.machine()}; numpy {version('numpy')}")
    print_times(given.kernels)
    print_recovery(given.each)
    print_nulls()


if __name__ == "__main__":
    main()
