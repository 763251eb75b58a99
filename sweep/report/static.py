"""Figures as still pictures, for MLflow and the README."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matplotlib.figure import Figure

from sweep.measuring import is_control
from sweep.measuring.classes import is_of_class
from sweep.regression import FAMILY
from sweep.report.picture import COLORS
from sweep.report.profiles import mean_profile
from sweep.results import TrialResult, scalar_name, scalars, trial_parameters
from sweep.summary import TRUE_LABELS, UNTRAINED, variant

# Of as many families as there are colors, then of the next ones.
MARKERS = "os^D"
LINES = ("-", "--", "-.", (0, (1, 1)))


def draw_profile(result: TrialResult) -> Figure:
    """One trial: each per-layer quantity that has an interval, over relative depth.

    Of classes their mean alone; no controls.
    """
    figure = Figure(figsize=(6.4, 4.0), layout="constrained")
    axes = figure.subplots()
    bounded = [
        row
        for row in result.rows
        if row.layer_index is not None
        and row.low is not None
        and not is_of_class(row.quantity)
        and not is_control(row.analysis)
    ]
    drawn = list(dict.fromkeys(row.quantity for row in bounded))
    for color, quantity in zip(COLORS, drawn, strict=False):
        rows = [row for row in bounded if row.quantity == quantity]
        depth = [row.relative_depth or 0.0 for row in rows]
        value = [row.value for row in rows]
        ends: Any = [
            [row.value - (row.low or 0.0) for row in rows],
            [(row.high or 0.0) - row.value for row in rows],
        ]
        axes.errorbar(depth, value, yerr=ends, marker="o", capsize=3, color=color, label=quantity)
    axes.set(xlabel="relative depth", ylabel="dimension", title=result.trial.name)
    axes.set_ylim(bottom=0)
    if drawn:
        axes.legend(frameon=False)
    return figure


def draw_overview(results: Sequence[TrialResult], quantity: str, response: str) -> Figure:
    """Mean profile per family as it is (left), last hidden layer against response (right).

    As it is: without label noise or a luminance gradient. Where only one layer is measured
    there is no profile, and nothing on the left.
    """
    figure = Figure(figsize=(11, 4.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    predictor = scalar_name(quantity, "last_hidden")
    families = sorted({str(trial_parameters(result.trial)[FAMILY]) for result in results})
    for number, family in enumerate(families):
        color, again = COLORS[number % len(COLORS)], number // len(COLORS) % len(MARKERS)
        members = [result for result in results if result.trial.config.model.name == family]
        for role, style in (("trained", LINES[again]), ("untrained", ":")):
            clean = [
                result
                for result in members
                if result.trial.role == role and variant(result.trial) in (TRUE_LABELS, UNTRAINED)
            ]
            profile = mean_profile(clean, quantity)
            if profile is not None:
                label = family if role == "trained" else None
                left.plot(profile.depth, profile.mean, style, color=color, label=label)
        points = [
            (found[predictor].value, found[response].value)
            for result in members
            if result.trial.role == "trained"
            for found in [scalars(result.rows)]
            if predictor in found and response in found
        ]
        if points:
            place = tuple(zip(*points, strict=True))
            marker = MARKERS[again]
            right.scatter(*place, color=color, marker=marker, s=18, alpha=0.8, label=family)
    left.set_visible(bool(left.lines))
    left.plot([], [], "k:", label="untrained")
    left.set(xlabel="relative depth", ylabel=f"{quantity}, mean over trials")
    left.set_ylim(bottom=0)
    left.set_title("Profiles, true labels")
    right.set(xlabel=predictor, ylabel=response)
    right.set_title("Last hidden layer, all trials")
    for axes in (left, right):
        axes.legend(frameon=False, fontsize=8, ncols=1 + (len(families) > len(COLORS)))
        axes.spines[["top", "right"]].set_visible(False)
    return figure
