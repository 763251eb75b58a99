"""What interactive figures have in common; each is a plotly figure as a plain dictionary."""

from __future__ import annotations

from typing import Any


def layout_of(x: str, y: str) -> dict[str, Any]:
    """What all figures of a page have in common, with the titles of their axes."""
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
