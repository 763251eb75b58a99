"""Predicted against true accuracy of families held out, and the errors, as a picture."""

from __future__ import annotations

from typing import Any

from matplotlib.figure import Figure

from sweep.report.picture import COLORS
from sweep.unlabelled import SweepPrediction


def draw_prediction(found: SweepPrediction) -> Figure:
    """Each network predicted without its family (left); the error of each way (right).

    Left, hollow points lie outside the range of the other families; bars are intervals.
    """
    comparison = found.comparison
    ours = comparison.scores[0]
    figure = Figure(figsize=(11, 4.8), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(5, 4))
    left.plot([0, 1], [0, 1], color="0.6", linewidth=1, linestyle=":")
    for number, family in enumerate(comparison.families):
        color = COLORS[number % len(COLORS)]
        rows = [row for row in ours.networks if row.family == family]
        true = [row.accuracy for row in rows]
        predicted = [row.predicted for row in rows]
        reach: Any = [
            [row.predicted - row.low for row in rows],
            [row.high - row.predicted for row in rows],
        ]
        left.errorbar(true, predicted, yerr=reach, fmt="none", color=color, alpha=0.35, linewidth=1)
        faces = ["none" if row.outside else color for row in rows]
        left.scatter(true, predicted, s=22, edgecolors=color, facecolors=faces, zorder=3)
        if number < 2 * len(COLORS):
            left.scatter([], [], s=22, color=color, label=family)
    left.set(
        xlabel="measured test accuracy",
        ylabel="predicted without its " + comparison.group,
        xlim=(-0.02, 1.02),
        ylim=(-0.02, 1.02),
    )
    left.legend(frameon=False, fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.12), ncols=6)
    left.set_title(f"{ours.predictors.name}: {ours.coverage:.0%} of intervals hold")
    names = [
        score.predictors.name + (" (labels)" if score.predictors.needs_labels else "")
        for score in comparison.scores
    ]
    for place, score in enumerate(comparison.scores):
        color = COLORS[0] if score is ours else "0.4"
        right.errorbar(score.mae, place, xerr=score.mae_error, fmt="o", capsize=3, color=color)
    right.set_yticks(range(len(names)), names)
    right.set_ylim(len(names) - 0.5, -0.5)
    right.set_xlim(left=0)
    right.set(xlabel="mean absolute error, ± one standard error")
    right.set_title(f"Accuracy predicted, {comparison.group} held out")
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
    figure.suptitle(f"{found.sweep}: {comparison.num_networks} networks on {found.images}")
    return figure
