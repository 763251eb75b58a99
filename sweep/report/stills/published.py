"""A sweep's numbers beside published ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from sweep.published.compare import Comparison, Pair
from sweep.report.panels import MAX_PANELS, finish, make_panels
from sweep.report.picture import COLORS
from sweep.report.stills.caption import describe, readable
from sweep.report.stills.labels import label_points
from sweep.report.stills.material import Material

OURS: dict[str, Any] = {"color": COLORS[0], "marker": "o", "linestyle": "-"}
PUBLISHED: dict[str, Any] = {"color": COLORS[1], "marker": "s", "linestyle": "--", "mfc": "none"}
BARS: dict[str, Any] = {"capsize": 2, "elinewidth": 0.8}


def draw_published(material: Material, width: float) -> Figure | None:
    """A profile for each network and variant, or one scatter; what is published is open."""
    comparison = material.comparison
    if comparison is None:
        return None
    if comparison.table.response is None:
        figure = _profiles(material, comparison, width)
    else:
        figure = _scatter(comparison, comparison.table.response, width)
    said = f"Published: {comparison.table.source}."
    if comparison.differing:
        said += " Not comparable, they differ in: "
        said += "; ".join(what for what, _, _ in comparison.differing) + "."
    handles = [
        Line2D([], [], **OURS, label="here, 95% interval of one network"),
        Line2D([], [], **PUBLISHED, label="published, bar as published"),
    ]
    drawn = material.results.results
    return finish(figure, describe(material.results, drawn, [comparison.quantity], said), handles)


def _profiles(material: Material, comparison: Comparison, width: float) -> Figure:
    groups = list(comparison.groups.items())[:MAX_PANELS]
    figure, panels = make_panels(len(groups), width)
    for panel, ((model, variant), pairs) in zip(panels, groups, strict=True):
        depth = [pair.relative_depth for pair in pairs]
        panel.errorbar(depth, [pair.value for pair in pairs], yerr=_ends(pairs), **OURS, **BARS)
        theirs = [pair.published.value for pair in pairs]
        bars: Any = [pair.published.bar or 0.0 for pair in pairs]
        panel.errorbar(depth, theirs, yerr=bars, **PUBLISHED, **BARS)
        title = material.label(model)
        panel.set_title(title if variant == "original" else f"{title}\n{variant}")
        panel.set_xlabel("relative depth")
        if panel.get_subplotspec().is_first_col():
            panel.set_ylabel(readable(comparison.quantity))
    panels[0].set_ylim(bottom=0)  # once all are drawn: it ends scaling, and they share it
    return figure


def _scatter(comparison: Comparison, response: str, width: float) -> Figure:
    figure, (panel,) = make_panels(1, width)
    ours = [pair for pair in comparison.pairs if pair.response is not None]
    values, answers = [pair.value for pair in ours], [pair.response for pair in ours]
    points = {"linestyle": "none"}
    panel.errorbar(values, answers, xerr=_ends(ours), **{**OURS, **points}, **BARS)
    published = [pair.published for pair in comparison.pairs]
    places = [one.value for one in published], [one.response or 0.0 for one in published]
    bars: Any = [one.bar or 0.0 for one in published]
    panel.errorbar(*places, xerr=bars, **{**PUBLISHED, **points}, **BARS)
    reach = [(value - bar, value + bar, y) for value, y, bar in zip(*places, bars, strict=True)]
    own = [
        (value - low, value + high, answer or 0.0)
        for value, answer, low, high in zip(values, answers, *_ends(ours), strict=True)
    ]
    label_points(panel, [one.network for one in published], reach, own)
    panel.set(xlabel=f"{readable(comparison.quantity)}, last hidden", ylabel=readable(response))
    return figure


def _ends(pairs: Sequence[Pair]) -> Any:
    """Distances of the ends of intervals below and above; 0 where there is none."""
    below = [0.0 if pair.low is None else pair.value - pair.low for pair in pairs]
    above = [0.0 if pair.high is None else pair.high - pair.value for pair in pairs]
    return [below, above]
