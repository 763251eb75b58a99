"""Networks measured at several epochs: how the profile comes about, and what accuracy does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from statistics import fmean
from typing import Any

import matplotlib as mpl
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from sweep.report.picture import COLORS
from sweep.report.profiles import mean_profile
from sweep.results import TrialResult, scalar_name, scalars

PANEL_INCHES = (4.2, 3.6)
# Epochs are drawn by their root: the first ones, where most happens, get room, and 0 a place.
ROOT = 0.5


def by_epoch(results: Sequence[TrialResult]) -> dict[float, list[TrialResult]]:
    """The trials measured at several epochs, as they were at each of them."""
    found: dict[float, list[TrialResult]] = {}
    for result in results:
        if result.earlier:
            for epoch, rows in result.earlier.items():
                found.setdefault(epoch, []).append(replace(result, rows=rows, earlier={}))
            found.setdefault(result.trial.epoch, []).append(replace(result, earlier={}))
    return dict(sorted(found.items()))


def mean_scalar(members: Sequence[TrialResult], name: str) -> tuple[float, float, float] | None:
    """Mean, least and largest over trials; None if none has it."""
    values = [found[name].value for m in members for found in [scalars(m.rows)] if name in found]
    return (fmean(values), min(values), max(values)) if values else None


def epoch_color(number: int, count: int) -> str:
    """From yellow, the first of the epochs, to dark blue, the last."""
    shade = 0.92 * (1 - number / max(1, count - 1))
    return to_hex(mpl.colormaps["viridis"](shade))


def draw_dynamics(results: Sequence[TrialResult], quantity: str) -> Figure:
    """Above, each family's mean profile by epoch; below, last hidden layer and test error."""
    families = _families(results)
    width, height = PANEL_INCHES
    figure = Figure(figsize=(width * len(families), 2 * height), layout="constrained")
    panels: Any = figure.subplots(2, len(families), squeeze=False)
    for column, family in enumerate(families):
        epochs = by_epoch([r for r in results if r.trial.config.model.name == family])
        above, below = panels[0][column], panels[1][column]
        for number, (epoch, members) in enumerate(epochs.items()):
            profile = mean_profile(members, quantity)
            if profile is not None:
                color = epoch_color(number, len(epochs))
                above.plot(profile.depth, profile.mean, color=color, label=f"{epoch:g}")
        above.set(title=family, xlabel="relative depth", ylabel=quantity)
        above.set_ylim(bottom=0)
        above.legend(frameon=False, fontsize=7, title="epoch", ncols=2)
        _draw_course(below, epochs, quantity)
    for panel in panels.flatten():
        panel.spines["top"].set_visible(False)
    return figure


def _draw_course(panel: Any, epochs: dict[float, list[TrialResult]], quantity: str) -> None:
    """Last hidden layer (left axis) and test error (right axis) over epochs."""
    other = panel.twinx()
    shown = ((panel, scalar_name(quantity, "last_hidden"), 0), (other, "test_error", 1))
    for axes, name, color in shown:
        points = [(epoch, mean_scalar(members, name)) for epoch, members in epochs.items()]
        found = [(epoch, *values) for epoch, values in points if values is not None]
        if found:
            epoch, mean, low, high = zip(*found, strict=True)
            axes.plot(epoch, mean, marker="o", markersize=3, color=COLORS[color])
            axes.fill_between(epoch, low, high, color=COLORS[color], alpha=0.15)
        axes.set_ylabel(name, color=COLORS[color])
        axes.set_ylim(bottom=0)
        axes.set_xscale("function", functions=(lambda x: abs(x) ** ROOT, lambda x: x ** (1 / ROOT)))
    panel.set_xlabel("epoch")
    panel.set_xticks(sorted(epochs)[-1:] + [e for e in (0, 1, 5, 10, 20, 50) if e <= max(epochs)])


def _families(results: Sequence[TrialResult]) -> list[str]:
    return sorted({r.trial.config.model.name for r in results if r.earlier})
