"""Predicted accuracies as tables: how wrong each way of predicting is, and each family."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
from rich.console import Console

from sweep.prediction import MEAN, Comparison, HeldOut, Score
from sweep.report.console import plain_table, say
from sweep.unlabelled import SweepPrediction

NUMERIC = {
    "MAE", "RMSE", "covered", "width", "outside", "networks", "accuracy", "predicted", "error",
}  # fmt: skip
_table = partial(plain_table, numeric=NUMERIC)


def print_prediction(
    found: SweepPrediction, held_out: Sequence[HeldOut] | None, console: Console
) -> None:
    """The errors of every predictor set, each family, and the network that was given.

    held_out: the networks of one family, each of which is printed.
    """
    comparison = found.comparison
    say(
        console,
        f"{found.sweep}: {comparison.num_networks} networks of {comparison.num_configurations} "
        f"configurations, measured on {found.images}; each {comparison.group} predicted from "
        "the others",
    )
    _print_scores(comparison, console)
    _print_families(comparison, console)
    for note in comparison.notes:
        say(console, f"note: {note}")
    say(console, verdict(comparison))
    if held_out is not None:
        _print_held_out(held_out, console)
    if found.network is not None:
        _print_network(found, console)


def verdict(comparison: Comparison) -> str:
    """What the errors say of the first predictor set, whichever way it comes out."""
    ours = comparison.scores[0]
    best = min(comparison.scores, key=lambda score: score.mae)
    gain = f"{ours.gain:+.3f} [{ours.gain_low:+.3f}, {ours.gain_high:+.3f}]"
    if ours.gain_low > 0:
        said = f"errs less than the mean: gain {gain}"
    elif ours.gain_high < 0:
        said = f"errs more than the mean: gain {gain}"
    else:
        said = f"is not clearly better or worse than the mean: gain {gain}"
    least = "" if best is ours else f"; {best.predictors.name} errs least ({best.mae:.3f})"
    return (
        f"{ours.predictors.name}: a new {comparison.group}'s test accuracy is off by "
        f"{ours.mae:.3f} on average, with intervals {ours.width:.2f} wide; it {said}{least}"
    )


def _print_scores(comparison: Comparison, console: Console) -> None:
    table = _table("predicted from", "MAE", "RMSE", "MAE below the mean's", "covered", "width")
    for score in comparison.scores:
        labels = " (needs labels)" if score.predictors.needs_labels else ""
        is_mean = score.predictors.name == MEAN
        table.add_row(
            score.predictors.name + labels,
            f"{score.mae:.3f} ± {score.mae_error:.3f}",
            f"{score.rmse:.3f} ± {score.rmse_error:.3f}",
            "" if is_mean else f"{score.gain:+.3f} [{score.gain_low:+.3f}, {score.gain_high:+.3f}]",
            f"{score.coverage:.0%}",
            f"{score.width:.2f}",
        )
    console.print(table)
    count = len(comparison.families)
    groups = "families" if comparison.group == "family" else f"values of {comparison.group}"
    say(
        console,
        f"errors in accuracy; ± one standard error, [95% interval] over {count} {groups}; covered: "
        f"share of {comparison.level:.0%} intervals that hold the accuracy; width: their mean",
    )


def _print_families(comparison: Comparison, console: Console) -> None:
    ours = comparison.scores[0]
    table = _table(
        f"{comparison.group} held out",
        "networks",
        "accuracy",
        "predicted",
        "MAE",
        "covered",
        "outside",
    )
    for family in comparison.families:
        rows = [row for row in ours.networks if row.family == family]
        table.add_row(
            family,
            str(len(rows)),
            _mean_and_range([row.accuracy for row in rows]),
            _mean_and_range([row.predicted for row in rows]),
            f"{np.mean([abs(row.predicted - row.accuracy) for row in rows]):.3f}",
            f"{sum(row.covered for row in rows)}",
            f"{sum(bool(row.outside) for row in rows)}",
        )
    say(console, "")
    console.print(table)
    say(console, _beyond(ours))


def _beyond(score: Score) -> str:
    """Coverage inside and outside the range of the other families."""
    parts = []
    for name, rows in (
        ("inside", [row for row in score.networks if not row.outside]),
        ("outside", [row for row in score.networks if row.outside]),
    ):
        if rows:
            error = np.mean([abs(row.predicted - row.accuracy) for row in rows])
            covered = sum(row.covered for row in rows)
            parts.append(f"{name} MAE {error:.3f}, {covered} of {len(rows)} covered")
    return (
        f"by {score.predictors.name}: mean [least, most]; outside the range of the others: "
        + "; ".join(parts)
    )


def _print_held_out(rows: Sequence[HeldOut], console: Console) -> None:
    table = _table("network held out", "accuracy", "predicted", "interval", "error", "")
    for row in rows:
        table.add_row(
            row.name,
            f"{row.accuracy:.3f}",
            f"{row.predicted:.3f}",
            f"[{row.low:.3f}, {row.high:.3f}]",
            f"{row.predicted - row.accuracy:+.3f}",
            "; ".join((*(() if row.covered else ("missed",)), *row.outside)),
        )
    say(console, "")
    console.print(table)


def _print_network(found: SweepPrediction, console: Console) -> None:
    network, comparison = found.network, found.comparison
    if network is None:
        return
    say(
        console,
        f"\n{network.name}: predicted test accuracy {network.predicted:.3f}, "
        f"{network.level:.0%} interval [{network.low:.3f}, {network.high:.3f}], "
        f"from {network.fitted} networks and no label",
    )
    table = plain_table("feature", "measured", "fitted", numeric={"measured"})
    for name, value in network.features.items():
        low, high = network.ranges[name]
        table.add_row(name, f"{value:.3g}", f"{low:.3g} to {high:.3g}")
    console.print(table)
    for warning in network.warnings:
        say(console, f"warning: extrapolated, {warning}")
    if found.accuracy is not None:
        say(
            console,
            f"its measured test accuracy is {found.accuracy:.3f}; no seed of its configuration "
            "was fitted",
        )
    coverage = comparison.scores[0].coverage
    say(
        console,
        f"of a new {comparison.group} such intervals held {coverage:.0%} (above), and the mean "
        f"error was {comparison.scores[0].mae:.3f}",
    )


def _mean_and_range(values: Sequence[float]) -> str:
    return f"{np.mean(values):.3f} [{min(values):.3f}, {max(values):.3f}]"
