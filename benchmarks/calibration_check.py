"""Bias and coverage of calibrated TwoNN on shapes that its references don't contain.

    python benchmarks/calibration_check.py [--repeats 40]

Writes docs/calibration.md.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
import torch
from calibration_shapes import CURVED, LIMITS, SHAPES

from estimators import TwoNN, nearest_neighbors
from estimators.calibration import Calibrated
from estimators.calibration_table import DIMENSIONS, NUM_POINTS, RAW, RELATIVE_ERROR

PAGE = Path(__file__).parent.parent / "docs" / "calibration.md"
SIZES = (500, 2000, 5000)
TRUTHS = (5, 10, 20, 40, 60)
MIN_REPEATS = 10
AIM = 0.08

INTRO = """# Calibrated TwoNN: what was measured

Written by `python benchmarks/calibration_check.py --repeats {repeats}`; don't edit.

At finite N TwoNN is too low for dimensions above about 5. `Calibrated(TwoNN())`, the
estimator `twonn_calibrated`, maps a raw estimate to the dimension whose expected raw estimate
it is at the same N, from simulated balls and Gaussians (`benchmarks/calibration_table.py`).
Here it is tried on other shapes of known dimension d. Each cell:

    bias of the raw estimate -> bias of the calibrated one (coverage of its 95% interval)

all in percent. The bias is that of the mean over repeats: {counts}.
Its own standard error is about {errors} percent at these N, and up to
1.5 times that after calibration at high d.
"""

METHODS = """
## One table for the three methods?

No: at the same N and d their mean raw estimates differ, by up to {mle:.1f}% (mle against
censored) and {linear:.1f}% (linear against censored) over the table, so each has its own. The
means of the table have a relative standard error of {error:.1f}%.
"""


def measure(draw, num_points, dimension, repeats):
    """Raw bias, calibrated bias, coverage."""
    rng = np.random.default_rng([num_points, dimension])
    found = [
        Calibrated(TwoNN()).estimate(nearest_neighbors(draw(num_points, dimension, rng), 2))
        for _ in range(repeats)
    ]
    raw = np.mean([estimate.settings["raw"] for estimate in found]) / dimension - 1
    calibrated = np.mean([estimate.dimension for estimate in found]) / dimension - 1
    bounds = sum(estimate.settings["bound"] is not None for estimate in found)
    coverage = np.mean([estimate.low <= dimension <= estimate.high for estimate in found])
    return raw, calibrated, coverage, bounds


def repeats_at(num_points, repeats):
    return max(min(repeats, MIN_REPEATS), repeats * SIZES[0] // num_points)


def table(shapes, repeats):
    """Lines of Markdown, and the cells by (shape, N, d)."""
    lines = ["| shape | N | " + " | ".join(f"d = {d}" for d in TRUTHS) + " |"]
    lines.append("|---|---|" + "---|" * len(TRUTHS))
    cells = {}
    for name, draw in shapes.items():
        for num_points in SIZES:
            texts = []
            for d in TRUTHS:
                cell = measure(draw, num_points, d, repeats_at(num_points, repeats))
                cells[name, num_points, d] = cell
                raw, calibrated, coverage, bounds = cell
                least = "at least " if bounds else ""
                texts.append(
                    f"{100 * raw:+.0f} -> {least}{100 * calibrated:+.0f} ({100 * coverage:.0f})"
                )
            lines.append(f"| {name} | {num_points:,} | " + " | ".join(texts) + " |")
            print(lines[-1], file=sys.stderr)
    return lines, cells


def summary(cells):
    raw, calibrated, coverage, _ = np.array(list(cells.values())).T
    worst = max(cells, key=lambda key: abs(cells[key][1]))
    missed = sum(abs(calibrated) > AIM)
    return (
        f"Raw bias {100 * raw.min():+.0f}% to {100 * raw.max():+.0f}%, calibrated "
        f"{100 * calibrated.min():+.0f}% to {100 * calibrated.max():+.0f}% (largest: {worst[0]}, "
        f"N = {worst[1]:,}, d = {worst[2]}); {len(cells) - missed} of {len(cells)} cells within "
        f"8%; mean coverage {100 * coverage.mean():.0f}%."
    )


def largest_difference(method):
    log = {m: np.log([RAW[m][shape] for shape in RAW[m]]) for m in ("censored", method)}
    return float(np.abs(np.expm1(log[method] - log["censored"])).max())


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=40, help="at N = 500; fewer above")
    repeats = parser.parse_args().repeats
    torch.set_num_threads(1)
    counts = {n: repeats_at(n, repeats) for n in SIZES}
    page = INTRO.format(
        repeats=repeats,
        counts=", ".join(f"{count} at N = {n:,}" for n, count in counts.items()),
        errors=", ".join(f"{115 / np.sqrt(n * count):.1f}" for n, count in counts.items()),
    ).splitlines()
    for title, about, shapes in (
        ("Other shapes", "Boundaries, none, mild curvature and mild anisotropy.", SHAPES),
        (
            "Strong curvature",
            "Where even the nearest neighbor is about as far as the radius of curvature, the "
            "points fill the space around the manifold, and its dimension can't be seen at this N: "
            "every estimate from neighbors is too high, and calibration adds to it.",
            CURVED,
        ),
        (
            "Limits",
            "What calibration can't know: directions too thin to be seen at this N (the dimension "
            "that is found is that of the wide ones), fewer points per cluster than N, noise "
            "in all 4 d units (in units of the distance N^(-1/d) between points of the unit ball), "
            "and densities with heavy tails or strong gradients.",
            LIMITS,
        ),
    ):
        lines, cells = table(shapes, repeats)
        page += ["", f"## {title}", "", about, "", summary(cells), "", *lines]
    page += METHODS.format(
        mle=100 * largest_difference("mle"),
        linear=100 * largest_difference("linear"),
        error=100 * RELATIVE_ERROR,
    ).splitlines()
    page += [
        "",
        f"The table: N = {', '.join(f'{n:,}' for n in NUM_POINTS)}; d = "
        f"{', '.join(map(str, DIMENSIONS))}.",
    ]
    PAGE.write_text("\n".join(page) + "\n")


if __name__ == "__main__":
    main()
