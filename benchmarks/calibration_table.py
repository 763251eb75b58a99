"""Simulates the table of estimators/calibration_table.py and prints that module.

For each reference shape (the d-ball and the d-Gaussian), number of points N and dimension
d, the mean raw TwoNN estimate by each method. Each cell has a generator of its own, seeded
by (shape, N, d), so cells can be computed in any order, and again, to the same numbers.

    python benchmarks/calibration_table.py --cells cells.jsonl > estimators/calibration_table.py

About 20 minutes on one core. A run that was stopped continues: cells that stand in the
file are not computed again.
"""

import argparse
import json
import math
import sys
import time
from pathlib import Path

import numpy as np
import torch

from estimators import TwoNN, nearest_neighbors
from estimators.manifolds import ball

NUM_POINTS = (100, 200, 500, 1000, 2000, 5000, 10_000, 20_000)
DIMENSIONS = (1, 2, 3, 4, 5, 6, 8, 10, 13, 16, 20, 25, 32, 40, 50, 64, 80, 100, 128)
METHODS = ("censored", "mle", "linear")
# Points drawn for a cell: a relative error of the mean of about 0.3%.
POINTS_PER_CELL = 180_000
MIN_REPEATS = 4


def gaussian(num_points, dimension, rng):
    return rng.standard_normal((num_points, dimension))


SHAPES = {"ball": ball, "gaussian": gaussian}


def simulate(shape, num_points, dimension):
    """Mean raw estimate and its relative standard error, by method."""
    rng = np.random.default_rng([list(SHAPES).index(shape), num_points, dimension])
    repeats = max(MIN_REPEATS, math.ceil(POINTS_PER_CELL / num_points))
    raw = {method: [] for method in METHODS}
    for _ in range(repeats):
        neighbors = nearest_neighbors(SHAPES[shape](num_points, dimension, rng), 2)
        for method in METHODS:
            raw[method].append(TwoNN(method=method).estimate(neighbors).dimension)
    mean = {method: float(np.mean(values)) for method, values in raw.items()}
    error = {
        method: float(np.std(values, ddof=1) / math.sqrt(repeats) / mean[method])
        for method, values in raw.items()
    }
    return {
        "shape": shape,
        "num_points": num_points,
        "dimension": dimension,
        "repeats": repeats,
        "mean": mean,
        "relative_error": error,
    }


def read_cells(path):
    if not path.exists():
        return {}
    cells = [json.loads(line) for line in path.read_text().splitlines()]
    return {(cell["shape"], cell["num_points"], cell["dimension"]): cell for cell in cells}


def pooled(cells, method, quantity):
    """Root mean square over cells, each by its degrees of freedom."""
    weights = [cell["repeats"] - 1 for cell in cells]
    values = [quantity(cell, method) ** 2 for cell in cells]
    return math.sqrt(np.average(values, weights=weights))


def relative_error(cell, method):
    return cell["relative_error"][method]


def scatter(cell, method):
    """Relative standard deviation of one estimate, times sqrt(N)."""
    return cell["relative_error"][method] * math.sqrt(cell["repeats"] * cell["num_points"])


def rows_of(values, indent):
    for start in range(0, len(values), 10):
        yield " " * indent + ", ".join(values[start : start + 10]) + ","


def number(value):
    text = f"{value:.5g}"
    return text if "." in text else f"{text}.0"


def module(cells):
    """The text of calibration_table.py."""
    worst = max(
        pooled([cells[s, n, d] for s in SHAPES for d in DIMENSIONS], m, relative_error)
        for n in NUM_POINTS
        for m in METHODS
    )
    lines = [
        '"""Mean raw TwoNN estimates on d-balls and d-Gaussians, simulated.',
        "",
        "Written by benchmarks/calibration_table.py; don't edit.",
        "",
        "RAW[method][shape][i][j]: mean of estimates from NUM_POINTS[i] points of dimension",
        "DIMENSIONS[j]. RELATIVE_ERROR: its relative standard error, a root mean square over the",
        "dimensions and shapes, the largest over N and methods. SCATTER[method][j]: relative",
        "standard deviation of one estimate times sqrt(N), over all N and shapes.",
        '"""',
        "",
        f"NUM_POINTS = {NUM_POINTS}",
        f"DIMENSIONS = {DIMENSIONS}",
        f"TRIM = {TwoNN().trim}",
        f"RELATIVE_ERROR = {worst:.4f}",
        "# fmt: off",
        "SCATTER = {",
    ]
    for method in METHODS:
        lines.append(f'    "{method}": (')
        spread = [
            pooled([cells[s, n, d] for s in SHAPES for n in NUM_POINTS], method, scatter)
            for d in DIMENSIONS
        ]
        lines += [*rows_of([f"{value:.3f}" for value in spread], 8), "    ),"]
    lines += ["}", "RAW = {"]
    for method in METHODS:
        lines.append(f'    "{method}": {{')
        for shape in SHAPES:
            lines.append(f'        "{shape}": (')
            for n in NUM_POINTS:
                lines.append(f"            (  # N = {n}")
                means = [number(cells[shape, n, d]["mean"][method]) for d in DIMENSIONS]
                lines += [*rows_of(means, 16), "            ),"]
            lines.append("        ),")
        lines.append("    },")
    lines += ["}", "# fmt: on"]
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cells", type=Path, required=True, help="file of finished cells")
    path = parser.parse_args().cells
    torch.set_num_threads(1)
    cells = read_cells(path)
    wanted = [(s, n, d) for n in NUM_POINTS for d in DIMENSIONS for s in SHAPES]
    began = time.monotonic()
    for key in wanted:
        if key not in cells:
            cells[key] = simulate(*key)
            with path.open("a") as file:
                file.write(json.dumps(cells[key]) + "\n")
            print(f"{time.monotonic() - began:6.0f} s", *key, file=sys.stderr)
    print(module(cells), end="")


if __name__ == "__main__":
    main()
