"""Measured coverage of nominal 95% intervals, for every estimator.

    python benchmarks/coverage_table.py [--repeats 200] [--seconds 30] [--only NAME ...]

Writes docs/coverage.md. Points share neighbors, so the terms of an estimate are correlated;
how much that matters is measured here, not assumed. Takes about an hour on one core.

Legend: N points, K neighbors, d dimension, R repeats.
"""

import argparse
import math
import sys
import time
from pathlib import Path

import numpy as np
import torch

from estimators import ESTIMATORS, EstimationError, Neighbors, nearest_neighbors
from estimators.manifolds import ball, sphere

PAGE = Path(__file__).parent.parent / "docs" / "coverage.md"
SIZES = (500, 2000)
MIN_REPEATS = 10
EXACT_DIMENSION = 5

INTRO = """# Coverage of the intervals, measured

Written by
`python benchmarks/coverage_table.py --repeats {repeats} --seconds {seconds:g}`; don't edit.

Every estimator's nominal 95% interval, over at most {repeats} samples (fewer where an estimator
would take more than {seconds:g} s for a column; the least number is in the table). Each cell:

    coverage of the truth / coverage of the estimator's own expectation / error bar

The first two in percent: the second, with the mean over the samples in place of the truth,
leaves bias out. The third is the mean standard error divided by the standard deviation over
the samples: 1 is right, less is too narrow. With 200 samples a coverage of 95% is known to 1.5
percent, and the third to 5 percent.

"Model" is the exact model, independent rows r_k = (E_1 + ... + E_k)^(1/{exact}), for estimators
that read nothing but distances; calibrated ones correct a bias that it doesn't have. All other
columns are samples of real shapes, where points share neighbors. There a coverage of the truth
far below 95 beside a sound one of the expectation is bias (density gradients, boundaries, few
points); both low is an error bar that is too narrow.
"""


def model(num_points, num_neighbors, rng):
    """Independent rows: no neighbor is shared and none is one of the points."""
    gaps = rng.standard_exponential((num_points, num_neighbors))
    indices = num_points + np.arange(gaps.size, dtype=np.int64).reshape(gaps.shape)
    return Neighbors(gaps.cumsum(axis=1) ** (1 / EXACT_DIMENSION), indices)


def gaussian(num_points, dimension, rng):
    return rng.standard_normal((num_points, dimension))


def sampled(draw, dimension):
    def table(num_points, num_neighbors, rng):
        return nearest_neighbors(draw(num_points, dimension, rng), num_neighbors)

    return table


COLUMNS = {f"model {EXACT_DIMENSION}": (model, EXACT_DIMENSION)} | {
    f"{name} {dimension}": (sampled(draw, dimension), dimension)
    for name, draw in (("ball", ball), ("sphere", sphere), ("Gaussian", gaussian))
    for dimension in (2, 5, 10)
}


def measure(estimators, table, num_points, repeats, seconds, seed):
    """Estimates (R, 4) of each estimator: dimension, stderr, low, high; None if refused."""
    rng = np.random.default_rng([seed, num_points])
    k = min(max(e.num_neighbors for e in estimators.values()), num_points - 1)
    found = {name: [] for name in estimators}
    spent = dict.fromkeys(estimators, 0.0)
    for number in range(repeats):
        neighbors = table(num_points, k, rng)
        for name, estimator in estimators.items():
            if found[name] is None or (number >= MIN_REPEATS and spent[name] > seconds):
                continue
            began = time.perf_counter()
            try:
                one = estimator.estimate(neighbors)
            except (EstimationError, IndexError):
                # Coordinates, or properties of the neighbors themselves: not in the model.
                found[name] = None
                continue
            spent[name] += time.perf_counter() - began
            found[name].append((one.dimension, one.stderr, one.low, one.high))
    return {name: None if rows is None else np.array(rows) for name, rows in found.items()}


def cell(rows, truth):
    if rows is None:
        return "-"
    dimension, stderr, low, high = rows.T
    expected = dimension.mean()
    shares = [100 * np.mean((low <= value) & (value <= high)) for value in (truth, expected)]
    scatter = dimension.std(ddof=1)
    # Votes for whole numbers may agree in every sample.
    ratio = stderr.mean() / scatter if scatter else math.inf
    return f"{shares[0]:.0f} / {shares[1]:.0f} / {ratio:.2f}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=30, help="per estimator and column")
    parser.add_argument("--only", nargs="*", choices=list(ESTIMATORS), help="these estimators")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    chosen = {name: ESTIMATORS[name] for name in arguments.only or ESTIMATORS}
    page = INTRO.format(
        repeats=arguments.repeats, seconds=arguments.seconds, exact=EXACT_DIMENSION
    ).splitlines()
    for num_points in SIZES:
        cells = {name: [] for name in chosen}
        fewest = dict.fromkeys(chosen, math.inf)
        for seed, (title, (table, truth)) in enumerate(COLUMNS.items()):
            found = measure(chosen, table, num_points, arguments.repeats, arguments.seconds, seed)
            for name, rows in found.items():
                cells[name].append(cell(rows, truth))
                if rows is not None:
                    fewest[name] = min(fewest[name], len(rows))
            print(f"N = {num_points}, {title}", file=sys.stderr)
        page += ["", f"## N = {num_points:,}", ""]
        page.append("| estimator | samples | " + " | ".join(COLUMNS) + " |")
        page.append("|---|---|" + "---|" * len(COLUMNS))
        for name, texts in cells.items():
            page.append(f"| {name} | {fewest[name]} | " + " | ".join(texts) + " |")
    PAGE.write_text("\n".join(page) + "\n")


if __name__ == "__main__":
    main()
