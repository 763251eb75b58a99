"""The estimates of one file in the terminal: a table, and plots that a log can keep."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console

from sweep.estimation import PointEstimates
from sweep.report.console import plain_table, say

PLOT_WIDTH = 56
NUMERIC = {"dimension", "points", "dropped", "scale", "seconds"}
HINTS = (
    "how to read it: an interval covers the sampling of points, not the bias. With N points, "
    "dimensions above about 10 come out too low (a 30-dimensional sphere as 21 by TwoNN at "
    "N = 500): compare only numbers of the same estimator and N.",
    "A dimension that falls with scale speaks of noise, of edges, or of too few points for so "
    "many dimensions; one that rises, of curvature. A plateau is what to trust.",
)


@dataclass(frozen=True)
class Bar:
    """One row of a text plot: a value with its error bar."""

    label: str
    value: float
    low: float
    high: float


def print_estimates(found: PointEstimates, console: Console) -> None:
    """Table of dimension by estimator, plots of dimension by scale, and how to read them."""
    say(console, f"{found.source}: {found.num_points} points of {found.num_units} units")
    for note in found.notes:
        say(console, f"note: {note}")
    say(
        console,
        f"exact neighbors, {found.num_neighbors} a point: {found.table_seconds:.2f} s",
    )
    table = plain_table(
        "estimator", "dimension", "interval", "points", "dropped", "scale", "seconds",
        numeric=NUMERIC,
    )  # fmt: skip
    for outcome in found.outcomes:
        estimate = outcome.estimate
        if estimate is None:
            table.add_row(outcome.estimator, "none", "see below", "", "", "", "")
            continue
        confidence = float(estimate.settings.get("confidence") or math.nan)
        table.add_row(
            outcome.estimator,
            f"{estimate.dimension:.2f}",
            f"[{estimate.low:.2f}, {estimate.high:.2f}] {confidence:.0%}",
            str(estimate.num_points),
            str(estimate.num_dropped),
            f"{estimate.scale:.3g}",
            f"{outcome.seconds:.2f}",
        )
    console.print(table)
    for outcome in found.outcomes:
        if outcome.estimate is None:
            say(console, f"{outcome.estimator}: none: {outcome.reason}")
    _print_scales(found, console)
    for hint in HINTS:
        say(console, hint)


def _print_scales(found: PointEstimates, console: Console) -> None:
    if found.scales:
        say(console, "\ndimension by scale: Gride over ranks of neighbors, with its interval")
        bars = [
            Bar(
                f"{estimate.settings['n1']:>4},{estimate.settings['n2']:>4} neighbors"
                f"{estimate.scale:>10.3g} away{estimate.dimension:>8.2f} ",
                estimate.dimension,
                estimate.low,
                estimate.high,
            )
            for estimate in found.scales
        ]
        for line in text_plot(bars):
            say(console, line)
    if found.blocks:
        say(console, "\ndimension by number of points: TwoNN over blocks, +- one standard error")
        bars = [
            Bar(
                f"{point.num_blocks:>3} x {point.num_points:>7} points"
                f"{point.scale:>9.3g} away{point.mean:>8.2f} ",
                point.mean,
                point.mean - point.stderr,
                point.mean + point.stderr,
            )
            for point in found.blocks
        ]
        for line in text_plot(bars):
            say(console, line)
    if found.scales or found.blocks:
        say(console, "")


def text_plot(bars: Sequence[Bar], width: int = PLOT_WIDTH) -> list[str]:
    """Lines of a plot: a row for each bar, a common axis below, in plain ASCII.

    >>> bars = [Bar("a ", 2.0, 1.0, 3.0), Bar("b ", 3.0, 2.5, 4.0)]
    >>> for line in text_plot(bars, width=13):
    ...     print(line)
    a |---o---|
    b       |-o---|
      +-----+-----+
      1    2.5    4
    """
    low, high = min(bar.low for bar in bars), max(bar.high for bar in bars)
    span = (high - low) or 1.0
    margin = max(len(bar.label) for bar in bars)

    def column(value: float) -> int:
        return round((value - low) / span * (width - 1))

    lines = []
    for bar in bars:
        row = [" "] * width
        start, end = column(bar.low), column(bar.high)
        row[start : end + 1] = "-" * (end + 1 - start)
        row[start] = row[end] = "|"
        row[column(bar.value)] = "o"
        lines.append(f"{bar.label:<{margin}}" + "".join(row).rstrip())
    half = width // 2
    axis = "+" + "-" * (half - 1) + "+" + "-" * (width - half - 2) + "+"
    left, middle, right = (f"{value:.3g}" for value in (low, (low + high) / 2, high))
    numbers = f"{left:<{half - len(middle) // 2}}{middle}"
    numbers += f"{right:>{max(1, width - len(numbers))}}"
    return [*lines, " " * margin + axis, " " * margin + numbers]
