"""Dimension over scales: in the last hidden layer, and as a profile at each scale."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from sweep.measurement import Measurement
from sweep.measuring.scales import PREFIX, scale_quantity
from sweep.report.panels import MAX_PANELS, finish, make_panels
from sweep.report.picture import dash_of, marker_of
from sweep.report.profiles import mean_ends
from sweep.report.stills.bands import INTERVAL_ALPHA, RANGE_ALPHA, SAID
from sweep.report.stills.caption import describe
from sweep.report.stills.material import Material
from sweep.report.stills.variants import variant_handles, variant_style
from sweep.report.variants import variant_color
from sweep.results import TrialResult
from sweep.scalars import scalar_name, scalars
from sweep.summary import TRUE_LABELS, shown_variants

X_LABEL = "farther rank, n"


def scale_ranks(results: Iterable[TrialResult]) -> list[int]:
    """The ranks of the farther neighbor that rows have a dimension at, ascending."""
    names = {row.quantity for result in results for row in result.rows}
    return sorted(
        int(rank)
        for name in names
        if name.startswith(PREFIX) and "@" not in name
        for rank in [name.removeprefix(PREFIX).partition("/")[0]]
        if rank.isdecimal()
    )


def draw_scales(material: Material, width: float) -> Figure | None:
    """A panel for each family: the last hidden layer's dimension by rank, variant by variant."""
    results = material.results.results
    ranks = scale_ranks(results)
    shown = shown_variants(results)
    curves = {
        (family, name): found
        for family in material.families
        for name in shown
        if (found := _curves(material.groups.get((family, name), []), ranks)) is not None
    }
    families = [f for f in material.families if any(key[0] == f for key in curves)][:MAX_PANELS]
    if not families:
        return None
    figure, panels = make_panels(len(families), width)
    for panel, family in zip(panels, families, strict=True):
        for name in shown:
            if (family, name) in curves:
                _draw_curve(panel, ranks, curves[family, name], variant_style(name))
                _draw_own(panel, ranks, material.groups[family, name], variant_color(name))
        panel.set_title(material.label(family))
        _rank_axis(panel, ranks)
        if panel.get_subplotspec().is_first_col():
            panel.set_ylabel("ID (gride), last hidden")
    panels[0].set_ylim(bottom=0)
    drawn = [result for key in curves for result in material.groups[key]]
    said = describe(
        material.results, drawn, map(scale_quantity, ranks),
        SAID, "Gride on the neighbors of ranks n/2 and n. Small ranks see noise, large "
        "ones curvature; a level stretch is a dimension.",
    )  # fmt: skip
    return finish(
        figure, said, variant_handles([n for n in shown if any(k[1] == n for k in curves)])
    )


def draw_scale_profiles(material: Material, width: float) -> Figure | None:
    """A panel for each family trained on true labels: its mean profile at each scale."""
    ranks = scale_ranks(material.results.results)
    profiles = {
        family: [material.profile(family, TRUE_LABELS, scale_quantity(rank)) for rank in ranks]
        for family in material.families
    }
    families = [family for family, found in profiles.items() if any(found)][:MAX_PANELS]
    if not families:
        return None
    figure, panels = make_panels(len(families), width)
    styles = [_rank_style(place, len(ranks)) for place in range(len(ranks))]
    for panel, family in zip(panels, families, strict=True):
        for place, (profile, style) in enumerate(zip(profiles[family], styles, strict=True)):
            if profile is not None:
                panel.plot(profile.depth, profile.mean, markevery=(place, 8), **style)
        panel.set_title(material.label(family))
        panel.set_xlabel("relative depth")
        if panel.get_subplotspec().is_first_col():
            panel.set_ylabel("ID (gride)")
    panels[0].set_ylim(bottom=0)
    drawn = [result for family in families for result in material.groups[family, TRUE_LABELS]]
    said = describe(
        material.results, drawn, map(scale_quantity, ranks),
        "Mean over configurations trained on true labels, by the ranks of the two neighbors that "
        "Gride compares.",
    )  # fmt: skip
    handles = [
        Line2D([], [], **style, label=f"ranks {rank // 2}, {rank}")
        for rank, style in zip(ranks, styles, strict=True)
    ]
    return finish(figure, said, handles)


def _curves(members: Sequence[TrialResult], ranks: Sequence[int]) -> Any:
    """Curves of the last hidden layer by configuration, each (trials, ranks); None without any."""
    names = [scalar_name(scale_quantity(rank), "last_hidden") for rank in ranks]
    found: dict[str, list[list[float]]] = {}
    for member in members:
        values = scalars([row for row in member.rows if _of_curve(row)])
        curve = [values[name].value if name in values else np.nan for name in names]
        if np.isfinite(curve).any():
            found.setdefault(member.trial.configuration, []).append(curve)
    return [np.array(own) for own in found.values()] or None


def _of_curve(row: Measurement) -> bool:
    return row.quantity == "last_hidden" or row.quantity.startswith(PREFIX)


def _draw_curve(panel: Any, ranks: Sequence[int], curves: Any, style: dict[str, Any]) -> None:
    stack = np.concatenate(curves)
    units = stack if len(curves) == 1 else np.stack([own.mean(axis=0) for own in curves])
    mean = units.mean(axis=0)
    panel.plot(ranks, mean, **style)
    if len(stack) > 1:
        ends = stack.min(axis=0), stack.max(axis=0)
        panel.fill_between(ranks, *ends, color=style["color"], alpha=RANGE_ALPHA, linewidth=0)
    below, above = mean_ends(units, mean)
    if below is not None:
        band = {"color": style["color"], "alpha": INTERVAL_ALPHA, "linewidth": 0}
        panel.fill_between(ranks, below, above, **band)


def _draw_own(panel: Any, ranks: Sequence[int], members: Sequence[TrialResult], color: str) -> None:
    """The interval of each value, if there is one network alone."""
    if len(members) != 1:
        return
    values = scalars([row for row in members[0].rows if _of_curve(row)])
    for rank in ranks:
        found = values.get(scalar_name(scale_quantity(rank), "last_hidden"))
        if found is not None and found.low is not None and found.high is not None:
            panel.plot([rank, rank], [found.low, found.high], color=color, linewidth=0.8)


def _rank_axis(panel: Any, ranks: Sequence[int]) -> None:
    panel.set_xscale("log", base=2)
    panel.set_xticks(ranks, [str(rank) for rank in ranks])
    panel.minorticks_off()
    panel.set_xlabel(X_LABEL)


def _rank_style(place: int, count: int) -> dict[str, Any]:
    """From dark blue, the nearest neighbors, to yellow-green, the farthest."""
    shade = 0.85 * place / max(1, count - 1)
    return {
        "color": mpl.colormaps["viridis"](shade),
        "linestyle": dash_of(place),
        "marker": marker_of(place),
    }
