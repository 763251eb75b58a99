"""A sweep's numbers beside published ones: interactive figures, and a still picture."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import fill
from typing import Any

from matplotlib.figure import Figure

from sweep.published.compare import Comparison, Pair
from sweep.report.figures import layout_of, short
from sweep.report.picture import COLORS

PANEL_INCHES = (3.6, 3.3)
PANELS_IN_ROW = 4
TITLE_LETTERS = 90
OURS, PUBLISHED = COLORS[0], COLORS[1]


def published_figures(comparison: Comparison) -> list[dict[str, Any]]:
    """A profile for each network and variant, or one scatter, as plotly figures."""
    table = comparison.table
    if table.response is not None:
        return [_scatter(comparison, table.response)] if comparison.pairs else []
    return [_profile(comparison.quantity, *group) for group in comparison.groups.items()]


def draw_published(comparison: Comparison) -> Figure:
    """The same as a still picture; what is published is dashed or open."""
    if comparison.table.response is not None:
        return _draw_scatter(comparison, comparison.table.response)
    groups = comparison.groups
    columns = max(1, min(PANELS_IN_ROW, len(groups)))
    rows = max(1, -(-len(groups) // columns))
    size = PANEL_INCHES[0] * columns, PANEL_INCHES[1] * rows
    figure = Figure(figsize=size, layout="constrained")
    panels = figure.subplots(rows, columns, sharey=True, squeeze=False).flatten()
    for panel, (name, pairs) in zip(panels, groups.items(), strict=False):
        depth = [pair.relative_depth for pair in pairs]
        ours = [pair.value for pair in pairs]
        panel.errorbar(depth, ours, yerr=_ends(pairs), color=OURS, marker="o", label="here")
        theirs = [pair.published.value for pair in pairs]
        bars: Any = [pair.published.bar or 0.0 for pair in pairs]
        panel.errorbar(depth, theirs, yerr=bars, color=PUBLISHED, ls="--", marker="s", mfc="none")
        panel.plot([], [], color=PUBLISHED, ls="--", marker="s", mfc="none", label="published")
        panel.set_title(_title(*name), fontsize=10)
        panel.spines[["top", "right"]].set_visible(False)
    panels[0].set_ylim(bottom=0)  # once all are drawn: it ends scaling, and they share it
    for panel in panels[len(groups) :]:
        panel.set_visible(False)
    if groups:
        panels[0].legend(frameon=False, fontsize=8)
    figure.supxlabel("relative depth", fontsize=10)
    figure.supylabel(comparison.quantity, fontsize=10)
    figure.suptitle(_said(comparison), fontsize=10)
    return figure


def _profile(quantity: str, name: tuple[str, str], pairs: Sequence[Pair]) -> dict[str, Any]:
    depth = short(pair.relative_depth for pair in pairs)
    below, above = _ends(pairs)
    traces = [
        {
            "x": depth,
            "y": short(pair.value for pair in pairs),
            "error_y": {
                "type": "data",
                "array": short(above),
                "arrayminus": short(below),
                "symmetric": False,
                "thickness": 1,
            },
            "text": [pair.layer for pair in pairs],
            "hovertemplate": "%{text}, depth %{x:.2f}: %{y:.2f}",
            "mode": "lines+markers",
            "name": "here",
            "line": {"color": OURS, "width": 2.5},
        },
        {
            "x": depth,
            "y": short(pair.published.value for pair in pairs),
            "error_y": {
                "type": "data",
                "array": short(pair.published.bar or 0.0 for pair in pairs),
                "thickness": 1,
            },
            "hovertemplate": "depth %{x:.2f}: %{y:.2f}",
            "mode": "lines+markers",
            "name": "published",
            "line": {"color": PUBLISHED, "dash": "dash", "width": 2},
            "marker": {"symbol": "square-open"},
        },
    ]
    layout = layout_of("relative depth", quantity)
    layout["yaxis"]["rangemode"] = "tozero"
    layout["title"] = {"text": _title(*name), "x": 0.02, "font": {"size": 15}}
    return {"data": traces, "layout": layout}


def _scatter(comparison: Comparison, response: str) -> dict[str, Any]:
    ours = [pair for pair in comparison.pairs if pair.response is not None]
    below, above = _ends(ours)
    traces = [
        {
            "x": short(pair.value for pair in ours),
            "y": [pair.response for pair in ours],
            "error_x": {
                "type": "data",
                "array": short(above),
                "arrayminus": short(below),
                "symmetric": False,
                "thickness": 1,
            },
            "text": [pair.model for pair in ours],
            "hovertemplate": "%{text}: %{x:.2f}, %{y:.4f}",
            "mode": "markers",
            "name": "here",
            "marker": {"color": OURS, "size": 9},
        },
        {
            "x": short(pair.published.value for pair in comparison.pairs),
            "y": [pair.published.response for pair in comparison.pairs],
            "error_x": {
                "type": "data",
                "array": short(pair.published.bar or 0.0 for pair in comparison.pairs),
                "thickness": 1,
            },
            "text": [pair.published.network for pair in comparison.pairs],
            "hovertemplate": "%{text}: %{x:.2f}, %{y:.4f}",
            "mode": "markers",
            "name": "published",
            "marker": {"color": PUBLISHED, "size": 9, "symbol": "square-open"},
        },
    ]
    return {"data": traces, "layout": layout_of(comparison.quantity, response)}


def _draw_scatter(comparison: Comparison, response: str) -> Figure:
    figure = Figure(figsize=(6.4, 4.4), layout="constrained")
    axes = figure.subplots()
    ours = [pair for pair in comparison.pairs if pair.response is not None]
    answers: Any = [pair.response for pair in ours]
    values = [pair.value for pair in ours]
    axes.errorbar(values, answers, xerr=_ends(ours), fmt="o", color=OURS, label="here")
    for pair in comparison.pairs:
        place = pair.published.value, pair.published.response or 0.0
        axes.errorbar(*place, xerr=pair.published.bar, fmt="s", color=PUBLISHED, mfc="none")
        axes.annotate(
            pair.published.network, place, xytext=(4, 3), textcoords="offset points", fontsize=7
        )
    axes.errorbar([], [], fmt="s", color=PUBLISHED, mfc="none", label="published")
    axes.set(xlabel=f"{comparison.quantity}, last hidden layer", ylabel=response)
    axes.set_title(_said(comparison), fontsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=8)
    return figure


def _ends(pairs: Sequence[Pair]) -> Any:
    """Distances of the ends of intervals below and above; 0 where there is none."""
    below = [0.0 if pair.low is None else pair.value - pair.low for pair in pairs]
    above = [0.0 if pair.high is None else pair.high - pair.value for pair in pairs]
    return [below, above]


def _title(model: str, variant: str) -> str:
    return model if variant == "original" else f"{model}, {variant}"


def _said(comparison: Comparison) -> str:
    """The source, and whether the two can be compared."""
    lines = [f"beside {comparison.table.source}"]
    if comparison.differing:
        what = ", ".join(what for what, _, _ in comparison.differing)
        lines.append(f"not comparable, they differ in: {what}")
    return "\n".join(fill(line, TITLE_LETTERS) for line in lines)
