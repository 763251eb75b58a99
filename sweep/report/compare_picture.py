"""A comparison as a still picture: profiles above, differences below, a column a quantity."""

from __future__ import annotations

import io

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sweep.comparison import Comparison, Pair, ProfileComparison
from sweep.comparison.result import BEYOND
from sweep.report.compare_figures import band_ends, difference_range
from sweep.report.picture import COLORS

MARKERS = ("o", "s", "D", "^", "v", "P", "X", "*")
LINES = ("-", "--", ":", "-.")
MANY_NAMES = 12


def draw_comparison(found: Comparison) -> Figure:
    """Bands above: each side's own 95% interval. Below: intervals that hold at all places."""
    columns = len(found.profiles)
    figure = Figure(figsize=(max(6.0, 4.6 * columns), 6.4), layout="constrained")
    grid = figure.subplots(2, columns, squeeze=False, sharex="col", height_ratios=(3, 2))
    for column, profile in enumerate(found.profiles):
        above, below = grid[0][column], grid[1][column]
        _draw_profiles(profile, above)
        for number, pair in enumerate(profile.pairs):
            _draw_difference(profile, pair, number, below)
        below.set_ylim(*difference_range(profile.pairs))
        below.axhline(0, color="0.4", linewidth=0.8)
        below.set_ylabel("difference")
        below.legend(frameon=False, fontsize=8)
        if profile.kind == "layers" and len(profile.names) <= MANY_NAMES:
            below.set_xticks(range(len(profile.names)), profile.names, rotation=40, ha="right")
        else:
            below.set_xlabel("relative depth" if profile.kind == "depths" else "layer")
        for axes in (above, below):
            axes.spines[["top", "right"]].set_visible(False)
    figure.suptitle(
        found.title + ("  (not measured alike: see warnings)" if found.warnings else "")
    )
    return figure


def _draw_profiles(profile: ProfileComparison, axes: Axes) -> None:
    x = _places(profile)
    for number, side in enumerate(profile.sides):
        color = COLORS[number % len(COLORS)]
        axes.fill_between(x, side.low, side.high, color=color, alpha=0.15, linewidth=0)
        axes.plot(
            x,
            side.mean,
            color=color,
            linestyle=LINES[number % len(LINES)],
            marker=MARKERS[number % len(MARKERS)],
            markersize=4,
            label=f"{side.label} ({side.networks})",
        )
    axes.set_ylabel(profile.quantity)
    axes.legend(frameon=False, fontsize=8)


def _draw_difference(profile: ProfileComparison, pair: Pair, number: int, axes: Axes) -> None:
    x, found = _places(profile), pair.differences
    color = "0.2" if len(profile.pairs) == 1 else COLORS[(number + 1) % len(COLORS)]
    values = np.array([one.value for one in found])
    low, high = map(np.array, band_ends(pair))
    axes.fill_between(x, low, high, color=color, alpha=0.15, linewidth=0)
    axes.plot(x, values, color=color, linewidth=1.4, label=f"{pair.first} − {pair.second}")  # noqa: RUF001 - a minus
    beyond = np.array([one.verdict == BEYOND for one in found])
    axes.plot(x[beyond], values[beyond], "D", color=color, markersize=5)
    axes.plot(x[~beyond], values[~beyond], "o", color=color, markersize=4, markerfacecolor="white")


def _places(profile: ProfileComparison) -> np.ndarray:
    if profile.kind == "layers":
        return np.arange(len(profile.names), dtype=float)
    return np.array(profile.depth)


def picture_bytes(figure: Figure, suffix: str) -> bytes:
    """The bytes of a file with this suffix, .png or .svg; equal figures give equal ones."""
    buffer = io.BytesIO()
    # Neither a date nor drawn letters: an SVG stays text that can be searched and edited.
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "idsweep"}):
        metadata = {"Date": None} if suffix == ".svg" else {}
        figure.savefig(buffer, format=suffix[1:], dpi=150, metadata=metadata)
    return buffer.getvalue()
