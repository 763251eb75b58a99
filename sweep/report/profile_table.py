"""One network's profile: a table, a plot that a log can keep, and a picture."""

from __future__ import annotations

import math
from typing import Any

from matplotlib.figure import Figure
from rich.console import Console

from sweep.measurement import Measurement, last_hidden
from sweep.measuring import is_control
from sweep.measuring.classes import is_of_class
from sweep.profiling import Profile
from sweep.report.console import plain_table, say
from sweep.report.estimates import Bar, text_plot
from sweep.report.picture import COLORS

LINEAR = ("pc_id", "participation_ratio")


def print_profile(found: Profile, console: Console) -> None:
    """Layer by layer: depth, units, every dimension; then the profile of the first one."""
    rows = [row for row in found.rows if row.layer_index is not None]
    quantities = _shown(rows)
    hidden = last_hidden(found.rows).get((found.trial.key, found.trial.epoch))
    table = plain_table(
        "layer", "depth", "units", *quantities, numeric={"depth", "units", *quantities}
    )
    for index, layer in _layers(rows).items():
        cells = {row.quantity: row for row in rows if row.layer_index == index}
        mark = " (last hidden)" if index == hidden else ""
        table.add_row(
            layer.layer + mark,
            f"{layer.relative_depth:.3f}",
            str(layer.embedding_dimension),
            *(_cell(cells.get(quantity)) for quantity in quantities),
        )
    console.print(table)
    for quantity in quantities[:1]:
        bars = [
            Bar(f"{row.relative_depth:.2f} {row.layer} ", row.value, row.low, row.high)
            for row in rows
            if row.quantity == quantity and row.low is not None and row.high is not None
        ]
        if bars:
            say(console, f"\n{quantity} by relative depth, with its interval")
            for line in text_plot(bars):
                say(console, line)
    for (layers, reason), missed in _missing(found.rows).items():
        say(console, f"no {', '.join(missed)} of {', '.join(layers)}: {reason}")
    for row in found.rows:
        if row.quantity in ("train_accuracy", "test_accuracy") and math.isfinite(row.value):
            say(console, f"{row.quantity} {row.value:.3f} [{row.low:.3f}, {row.high:.3f}]")
    seconds = ", ".join(f"{name} {value:.1f} s" for name, value in found.seconds.items())
    say(console, f"time: {seconds}")


def draw_profile_of(found: Profile) -> Figure:
    """Every dimension with an interval over relative depth; linear ones, on a log axis, beside."""
    figure = Figure(figsize=(11, 4.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    rows = [row for row in found.rows if row.layer_index is not None]
    bounded = [
        row for row in rows if row.low is not None and row.high is not None and _is_drawn(row)
    ]
    for color, quantity in zip(
        COLORS, dict.fromkeys(row.quantity for row in bounded), strict=False
    ):
        chosen = [row for row in bounded if row.quantity == quantity]
        ends: Any = [
            [row.value - (row.low or 0.0) for row in chosen],
            [(row.high or 0.0) - row.value for row in chosen],
        ]
        depth = [row.relative_depth or 0.0 for row in chosen]
        value = [row.value for row in chosen]
        left.errorbar(depth, value, yerr=ends, marker="o", capsize=3, color=color, label=quantity)
    left.set_ylim(bottom=0)
    for color, quantity in zip(COLORS, LINEAR, strict=False):
        chosen = [r for r in rows if r.quantity == quantity and math.isfinite(r.value)]
        depth = [row.relative_depth or 0.0 for row in chosen]
        right.plot(depth, [row.value for row in chosen], marker="s", color=color, label=quantity)
    units = list(_layers(rows).values())
    right.plot(
        [row.relative_depth or 0.0 for row in units],
        [row.embedding_dimension or 1 for row in units],
        color="0.6",
        linestyle=":",
        label="units",
    )
    right.set_yscale("log")
    left.set(xlabel="relative depth", ylabel="intrinsic dimension")
    right.set(xlabel="relative depth", ylabel="linear dimension, and units")
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
        if axes.get_legend_handles_labels()[0]:
            axes.legend(frameon=False, fontsize=8)
    count = max((row.num_samples or 0 for row in rows), default=0)
    figure.suptitle(f"{found.trial.name} on {count} images of {found.data.name} ({found.split})")
    return figure


def _layers(rows: list[Measurement]) -> dict[int | None, Measurement]:
    """One row for each layer, in order of depth."""
    measured = [row for row in rows if row.quantity != "last_hidden"]
    layers: dict[int | None, Measurement] = {}
    for row in sorted(measured, key=lambda row: row.layer_index or 0):
        layers.setdefault(row.layer_index, row)
    return layers


def _missing(rows: list[Measurement]) -> dict[tuple[tuple[str, ...], str], list[str]]:
    """Quantities without a value, by the layers that lack it and the reason."""
    layers: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        if "error" in row.settings and not math.isfinite(row.value):
            key = row.quantity, str(row.settings["error"])
            layers.setdefault(key, []).append(row.layer or "the network")
    missing: dict[tuple[tuple[str, ...], str], list[str]] = {}
    for (quantity, reason), names in layers.items():
        missing.setdefault((tuple(names), reason), []).append(quantity)
    return missing


def _is_drawn(row: Measurement) -> bool:
    return not is_of_class(row.quantity) and not is_control(row.analysis)


def _shown(rows: list[Measurement]) -> list[str]:
    """Dimensions with an interval, on the mix of classes; then the usual linear ones."""
    rows = [row for row in rows if not is_control(row.analysis)]
    measured = {row.quantity for row in rows}
    bounded = dict.fromkeys(
        row.quantity for row in rows if row.low is not None and "@" not in row.quantity
    )
    means = [
        name
        for name in measured
        if name.startswith("id/") and "@" in name and not is_of_class(name)
    ]
    return [*bounded, *sorted(means), *(name for name in LINEAR if name in measured)]


def _cell(row: Measurement | None) -> str:
    if row is None or not math.isfinite(row.value):
        return "none"
    if row.low is None or row.high is None:
        return f"{row.value:.3g}"
    flag = " outlier" if row.settings.get("outlier") else ""
    return f"{row.value:.2f} [{row.low:.2f}, {row.high:.2f}]{flag}"
