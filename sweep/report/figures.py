"""The report's interactive figures: each returns a plotly figure as a plain dictionary."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from sweep.regression import FAMILY, SEED
from sweep.report.picture import COLORS
from sweep.report.variants import variant_color, variant_profiles
from sweep.results import TrialResult
from sweep.summary import TRUE_LABELS, UNTRAINED

DASHES = {TRUE_LABELS: "solid", UNTRAINED: "dot"}
SYMBOLS = ("circle", "square", "diamond", "triangle-up", "cross", "x", "star", "hexagon")

# Entries of a legend that the margin below a figure holds; more take more lines.
LEGEND_ENTRIES = 8
NOISE, GRADIENT = "training.label_noise", "training.luminance_gradient"

Figure = dict[str, Any]


def profile_figure(results: Sequence[TrialResult], family: str, quantity: str) -> Figure:
    """One family's profile: mean over trials with the range as a band, variant by variant."""
    traces: list[Any] = []
    for name, profile in variant_profiles(results, family, quantity):
        color = variant_color(name)
        depth = profile.depth
        band = np.concatenate([profile.high, profile.low[::-1]])
        traces.append(
            {
                "x": short(np.concatenate([depth, depth[::-1]])),
                "y": short(band),
                "fill": "toself",
                "fillcolor": color,
                "opacity": 0.15,
                "line": {"width": 0},
                "mode": "lines",
                "hoverinfo": "skip",
                "showlegend": False,
                "legendgroup": name,
            }
        )
        traces.append(
            {
                "x": short(depth),
                "y": short(profile.mean),
                "customdata": np.stack([profile.low, profile.high], axis=1).round(3).tolist(),
                "hovertemplate": (
                    "depth %{x:.2f}: mean %{y:.2f}"
                    "<br>range %{customdata[0]:.2f} to %{customdata[1]:.2f}"
                ),
                "mode": "lines",
                "line": {"color": color, "dash": DASHES.get(name, "dash"), "width": 2.5},
                "name": f"{name} ({profile.num_trials})",
                "legendgroup": name,
            }
        )
    layout = layout_of("relative depth", quantity)
    layout["yaxis"]["rangemode"] = "tozero"
    layout["title"] = {"text": family, "x": 0.02, "font": {"size": 15}}
    return {"data": traces, "layout": layout}


def scatter_figure(table: pd.DataFrame, predictor: str, response: str) -> Figure:
    """Each trained trial as a point, with the straight-line fit over all.

    Color and symbol by family; open symbols had label noise or a luminance gradient.
    """
    part = table[table["role"] == "trained"].dropna(subset=[predictor, response])
    traces: list[Any] = []
    for number, (family, members) in enumerate(part.groupby(FAMILY)):
        traces.append(
            {
                "x": members[predictor].tolist(),
                "y": members[response].tolist(),
                "text": [_hover(row) for _, row in members.iterrows()],
                "hovertemplate": "%{text}<extra></extra>",
                "mode": "markers",
                "name": str(family),
                "marker": {
                    "color": COLORS[number % len(COLORS)],
                    "symbol": [
                        SYMBOLS[number % len(SYMBOLS)] + ("-open" if changed else "")
                        for changed in (members[NOISE] > 0) | (members[GRADIENT] > 0)
                    ],
                    "size": 9,
                    "line": {"width": 1.5, "color": COLORS[number % len(COLORS)]},
                    "opacity": 0.85,
                },
            }
        )
    traces += _fit(part[predictor].to_numpy(float), part[response].to_numpy(float))
    layout = layout_of(predictor, response)
    layout["margin"]["b"] += 20 * (len(traces) // LEGEND_ENTRIES)
    return {"data": traces, "layout": layout}


def axis_figure(
    table: pd.DataFrame, predictor: str, response: str, axis: str, axes: Sequence[str]
) -> Figure:
    """What happens along one axis: a line joins the trials that differ in nothing else.

    Seeds are averaged; the marker grows with the axis value, and is largest where it is null.
    """
    part = table[table["role"] == "trained"].dropna(subset=[predictor, response])
    fixed = [key for key in axes if key not in (axis, SEED)]
    levels = [*sorted(part[axis].dropna().unique()), None]
    places = part[axis].map({level: place for place, level in enumerate(levels)})
    part = part.assign(place=places.fillna(len(levels) - 1).astype(int))
    traces: list[Any] = []
    families = sorted(part[FAMILY].unique())
    for _, line in part.groupby(fixed, dropna=False) if fixed else [((), part)]:
        steps = line.groupby("place")[[predictor, response]].mean().sort_index()
        if len(steps) < 2:
            continue
        family = str(line[FAMILY].iloc[0])
        first = not any(trace["name"] == family for trace in traces)
        traces.append(
            {
                "x": steps[predictor].tolist(),
                "y": steps[response].tolist(),
                "text": [
                    f"{axis} = {levels[place]}<br>"
                    + "<br>".join(f"{key} = {line[key].iloc[0]}" for key in fixed)
                    for place in steps.index
                ],
                "hovertemplate": "%{text}<br>(%{x:.2f}, %{y:.3f})<extra></extra>",
                "mode": "lines+markers",
                "name": family,
                "legendgroup": family,
                "showlegend": first,
                "line": {"color": COLORS[families.index(family) % len(COLORS)], "width": 1.2},
                "marker": {"size": [5 + 9 * place / (len(levels) - 1) for place in steps.index]},
            }
        )
    return {"data": traces, "layout": layout_of(predictor, response)}


def _hover(row: pd.Series) -> str:
    keys = [key for key in row.index if str(key).startswith(("model.", "training."))]
    numbers = [key for key in row.index if key not in keys and isinstance(row[key], float)]
    short = [f"{key.partition('.')[2]} {row[key]}" for key in keys]
    lines = [f"<b>{row['name']}</b>"]
    lines += [", ".join(short[start : start + 4]) for start in range(0, len(short), 4)]
    shown = [key for key in numbers if "last_hidden" in key or "accuracy" in key]
    return "<br>".join(lines + [f"{key}: {row[key]:.4g}" for key in shown])


def _fit(x: Any, y: Any) -> list[Any]:
    """The least-squares line."""
    if len(x) < 2 or np.ptp(x) == 0:
        return []
    slope, intercept = np.polyfit(x, y, 1)
    ends = np.array([x.min(), x.max()])
    return [
        {
            "x": ends.tolist(),
            "y": (intercept + slope * ends).tolist(),
            "mode": "lines",
            "line": {"color": "#777777", "width": 2},
            "name": "straight line",
            "hoverinfo": "skip",
        }
    ]


def layout_of(x: str, y: str) -> dict[str, Any]:
    """What all figures of the page have in common, with the titles of their axes."""
    return {
        "margin": {"l": 55, "r": 12, "t": 36, "b": 90},
        "xaxis": {"title": {"text": x, "standoff": 4}, "zeroline": False},
        "yaxis": {"title": {"text": y}, "zeroline": False},
        "legend": {"orientation": "h", "yref": "container", "y": 0, "yanchor": "bottom"},
        "hovermode": "closest",
    }


def short(values: Any) -> list[float]:
    """Three decimals are more than a screen shows, and keep the page small."""
    return [round(float(value), 3) for value in values]
