"""The dynamics as interactive figures of the page: each a plotly figure as a dictionary."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sweep.report.dynamics import by_epoch, epoch_color, mean_scalar
from sweep.report.figures import Figure, layout_of, short
from sweep.report.picture import COLORS
from sweep.report.profiles import mean_profile
from sweep.results import TrialResult, scalar_name


def epochs_figure(results: Sequence[TrialResult], family: str, quantity: str) -> Figure | None:
    """One family's mean profile, epoch by epoch; None unless measured at several."""
    epochs = by_epoch([r for r in results if r.trial.config.model.name == family])
    traces: list[Any] = []
    for number, (epoch, members) in enumerate(epochs.items()):
        profile = mean_profile(members, quantity)
        if profile is not None:
            traces.append(
                {
                    "x": short(profile.depth),
                    "y": short(profile.mean),
                    "mode": "lines",
                    "line": {"color": epoch_color(number, len(epochs)), "width": 2},
                    "name": f"{epoch:g}",
                    "hovertemplate": f"epoch {epoch:g}, depth %{{x:.2f}}: %{{y:.2f}}",
                }
            )
    if not traces:
        return None
    layout = layout_of("relative depth", quantity)
    layout["yaxis"]["rangemode"] = "tozero"
    layout["title"] = {"text": f"{family}, by epoch", "x": 0.02, "font": {"size": 15}}
    return {"data": traces, "layout": layout}


def course_figure(results: Sequence[TrialResult], family: str, quantity: str) -> Figure | None:
    """Test error against the last hidden layer's value, a line through the epochs."""
    epochs = by_epoch([r for r in results if r.trial.config.model.name == family])
    name = scalar_name(quantity, "last_hidden")
    points = []
    for epoch, members in epochs.items():
        value, error = mean_scalar(members, name), mean_scalar(members, "test_error")
        if value is not None and error is not None:
            points.append((epoch, value[0], error[0]))
    if not points:
        return None
    shown, values, errors = zip(*points, strict=True)
    layout = layout_of(name, "test_error")
    layout["title"] = {"text": f"{family}, epoch after epoch", "x": 0.02, "font": {"size": 15}}
    trace = {
        "x": short(values),
        "y": short(errors),
        "text": [f"{epoch:g}" for epoch in shown],
        "mode": "lines+markers+text",
        "textposition": "top right",
        "line": {"color": COLORS[6], "width": 1.2},
        "marker": {
            "size": 8,
            "color": [epoch_color(number, len(points)) for number in range(len(points))],
        },
        "name": family,
        "showlegend": False,
        "hovertemplate": "epoch %{text}: (%{x:.2f}, %{y:.3f})<extra></extra>",
    }
    return {"data": [trace], "layout": layout}
