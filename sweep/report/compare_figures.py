"""The interactive figures of a comparison, each a plotly figure as a plain dictionary."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from sweep.comparison import Pair, ProfileComparison
from sweep.comparison.result import BEYOND
from sweep.comparison.words import number
from sweep.report.picture import COLORS

Figure = dict[str, Any]
DASHES = ("solid", "dash", "dot", "dashdot")
SYMBOLS = ("circle", "square", "diamond", "triangle-up", "cross", "x", "star", "hexagon")
BAND = 0.16
MANY_NAMES = 12  # of layers; more are drawn by depth and named on hovering


def overlay_figure(profile: ProfileComparison) -> Figure:
    """Each side's mean with its own 95% interval as a band."""
    traces: list[Any] = []
    x, _ = _places(profile)
    for number_, side in enumerate(profile.sides):
        color = COLORS[number_ % len(COLORS)]
        traces += _band(x, side.low, side.high, color, side.label)
        ends = [_interval(*pair) for pair in zip(side.low, side.high, strict=True)]
        traces.append(
            {
                "x": x,
                "y": _rounded(side.mean),
                "customdata": [list(one) for one in zip(profile.names, ends, strict=True)],
                "hovertemplate": "%{customdata[0]}: %{y:.3g}%{customdata[1]}",
                "mode": "lines+markers",
                "line": {"color": color, "width": 2.5, "dash": DASHES[number_ % len(DASHES)]},
                "marker": {"size": 6, "symbol": SYMBOLS[number_ % len(SYMBOLS)]},
                "name": f"{side.label} ({side.networks})",
                "legendgroup": side.label,
            }
        )
    return {"data": traces, "layout": _layout(profile, profile.quantity)}


def difference_figure(profile: ProfileComparison, pair: Pair) -> Figure:
    """First less second with the interval that holds everywhere; filled where beyond noise."""
    x, _ = _places(profile)
    found = pair.differences
    color = COLORS[0]
    beyond = [one.verdict == BEYOND for one in found]
    traces = _band(x, *band_ends(pair), color, "interval")
    traces.append(
        {
            "x": x,
            "y": _rounded(one.value for one in found),
            "customdata": [[one.name, number(one), one.verdict] for one in found],
            "hovertemplate": "%{customdata[0]}: %{customdata[1]}<br>%{customdata[2]}"
            "<extra></extra>",
            "mode": "lines+markers",
            "line": {"color": color, "width": 2},
            "marker": {
                "size": [10 if one else 7 for one in beyond],
                "symbol": ["diamond" if one else "circle-open" for one in beyond],
                "color": [COLORS[1] if one else color for one in beyond],
            },
            "showlegend": False,
        }
    )
    if any(beyond):
        traces.append(_key("beyond noise", COLORS[1], "diamond"))
    if not all(beyond):
        traces.append(_key("not beyond noise", color, "circle-open"))
    layout = _layout(profile, f"{pair.first} − {pair.second}")  # noqa: RUF001 - a minus
    layout["yaxis"]["zeroline"] = True
    layout["yaxis"]["zerolinewidth"] = 2
    layout["yaxis"]["range"] = difference_range(profile.pairs)
    return {"data": traces, "layout": layout}


def band_ends(pair: Pair) -> tuple[list[float], list[float]]:
    """The interval at each place; where both sides are the same, nothing but zero."""
    same = [one.verdict == "the same" for one in pair.differences]
    low = [0.0 if s else one.low for s, one in zip(same, pair.differences, strict=True)]
    high = [0.0 if s else one.high for s, one in zip(same, pair.differences, strict=True)]
    return low, high


def difference_range(pairs: Sequence[Pair]) -> list[float]:
    """From least to most of the axis: all differences, and zero; of intervals what fits.

    Intervals of two units may be a hundred times the differences: they are cut.
    """
    told = [one for pair in pairs for one in pair.differences if math.isfinite(one.value)]
    values = [one.value for one in told] + [0.0]
    size = max(map(abs, values)) or 1.0
    ends = [end for one in told for end in (one.low, one.high) if math.isfinite(end)]
    kept = [min(max(end, -4 * size), 4 * size) for end in ends]
    low, high = min([*values, *kept]), max([*values, *kept])
    margin = 0.05 * ((high - low) or 1.0)
    return [round(low - margin, 4), round(high + margin, 4)]


def _band(
    x: list[float], low: Sequence[float], high: Sequence[float], color: str, group: str
) -> list[Any]:
    """The area between two lines, over the longest run of places that have both."""
    there = [place for place in range(len(x)) if math.isfinite(low[place] + high[place])]
    if len(there) < 2:
        return []
    return [
        {
            "x": [x[place] for place in there] + [x[place] for place in reversed(there)],
            "y": _rounded([high[place] for place in there])
            + _rounded([low[place] for place in reversed(there)]),
            "fill": "toself",
            "fillcolor": color,
            "opacity": BAND,
            "line": {"width": 0},
            "mode": "lines",
            "hoverinfo": "skip",
            "showlegend": False,
            "legendgroup": group,
        }
    ]


def _key(name: str, color: str, symbol: str) -> dict[str, Any]:
    marker = {"color": color, "symbol": symbol, "size": 9}
    return {"x": [None], "y": [None], "mode": "markers", "marker": marker, "name": name}


def _places(profile: ProfileComparison) -> tuple[list[float], bool]:
    """Where places stand, and whether they are named there."""
    by_name = profile.kind == "layers" and len(profile.names) <= MANY_NAMES
    if by_name:
        return [float(place) for place in range(len(profile.names))], True
    if profile.kind == "layers" and len(set(profile.depth)) < len(profile.depth):
        return [float(place) for place in range(len(profile.names))], False
    return _rounded(profile.depth), False


def _layout(profile: ProfileComparison, y: str) -> dict[str, Any]:
    x, named = _places(profile)
    axis: dict[str, Any] = {"zeroline": False}
    if named:
        axis |= {"tickvals": x, "ticktext": [_cut(name) for name in profile.names]}
        title = ""
    else:
        title = "relative depth" if x == _rounded(profile.depth) else "layer, by number"
    axis["title"] = {"text": title, "standoff": 4}
    return {
        "margin": {"l": 58, "r": 12, "t": 14, "b": 92},
        "xaxis": axis,
        "yaxis": {"title": {"text": y}, "zeroline": False},
        "legend": {"orientation": "h", "yref": "container", "y": 0, "yanchor": "bottom"},
        "hovermode": "closest",
    }


def _cut(name: str, longest: int = 14) -> str:
    return name if len(name) <= longest else f"…{name[-longest + 1 :]}"


def _interval(low: float, high: float) -> str:
    return f" [{low:.3g}, {high:.3g}]" if math.isfinite(low + high) else ""


def _rounded(values: Any) -> list[Any]:
    """Four digits are more than a screen shows; what is no number is left out."""
    return [float(f"{value:.5g}") if math.isfinite(value) else None for value in values]
