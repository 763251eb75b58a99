"""The estimates of one file as a picture: dimension by scale, and by estimator."""

from __future__ import annotations

from typing import Any

from matplotlib.figure import Figure

from sweep.estimation import PointEstimates
from sweep.report.picture import COLORS

GRIDE, BLOCKS, OTHERS = COLORS[:3]


def draw_estimates(found: PointEstimates) -> Figure:
    """Dimension against scale by Gride and over blocks (left), every estimator (right)."""
    figure = Figure(figsize=(11, 4.2), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(3, 2))
    _draw_scales(found, left)
    rows = [(o.estimator, o.estimate) for o in found.outcomes if o.estimate is not None]
    for place, (_, estimate) in enumerate(rows):
        reach: Any = [[estimate.dimension - estimate.low], [estimate.high - estimate.dimension]]
        right.errorbar(estimate.dimension, place, xerr=reach, fmt="o", capsize=3, color=OTHERS)
    right.set_yticks(range(len(rows)), [name for name, _ in rows])
    right.invert_yaxis()
    right.set(xlabel="dimension, with each estimator's interval")
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
    figure.suptitle(f"{found.source}: {found.num_points} points of {found.num_units} units")
    return figure


def _draw_scales(found: PointEstimates, axes: Any) -> None:
    if found.scales:
        scales = found.scales
        axes.errorbar(
            [estimate.scale for estimate in scales],
            [estimate.dimension for estimate in scales],
            yerr=[
                [estimate.dimension - estimate.low for estimate in scales],
                [estimate.high - estimate.dimension for estimate in scales],
            ],
            marker="o",
            capsize=3,
            color=GRIDE,
            label="Gride, all points, with its interval",
        )
        for estimate in scales:
            axes.annotate(
                f"{estimate.settings['n2']}",
                (estimate.scale, estimate.high),
                textcoords="offset points",
                xytext=(0, 4),
                ha="center",
                fontsize=8,
                color=GRIDE,
            )
    if found.blocks:
        axes.errorbar(
            [point.scale for point in found.blocks],
            [point.mean for point in found.blocks],
            yerr=[point.stderr for point in found.blocks],
            marker="s",
            capsize=3,
            color=BLOCKS,
            label="TwoNN on N/1, N/2, ... points, one standard error",
        )
    axes.set_xscale("log")
    axes.set(
        xlabel="scale: mean distance to the farthest neighbor used (its rank above)",
        ylabel="dimension",
    )
    if found.scales or found.blocks:
        axes.legend(frameon=False, fontsize=8)
