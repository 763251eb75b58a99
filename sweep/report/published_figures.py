"""A sweep's numbers beside published ones, as interactive figures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sweep.published.compare import Comparison, Pair
from sweep.report.figures import layout_of, short
from sweep.report.picture import COLORS

OURS, PUBLISHED = COLORS[0], COLORS[1]


def published_figures(comparison: Comparison) -> list[dict[str, Any]]:
    """A profile for each network and variant, or one scatter, as plotly figures."""
    table = comparison.table
    if table.response is not None:
        return [_scatter(comparison, table.response)] if comparison.pairs else []
    return [_profile(comparison.quantity, *group) for group in comparison.groups.items()]


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


def _ends(pairs: Sequence[Pair]) -> Any:
    """Distances of the ends of intervals below and above; 0 where there is none."""
    below = [0.0 if pair.low is None else pair.value - pair.low for pair in pairs]
    above = [0.0 if pair.high is None else pair.high - pair.value for pair in pairs]
    return [below, above]


def _title(model: str, variant: str) -> str:
    return model if variant == "original" else f"{model}, {variant}"
