"""Dimension against accuracy: every network as a point, a line with its band, family by family."""

from __future__ import annotations

from typing import Any

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from sweep.regression import families as families_of
from sweep.report.panels import MAX_PANELS, finish, make_panels
from sweep.report.picture import SOFT, color_of, marker_of
from sweep.report.stills.caption import describe, interval, readable, signed
from sweep.report.stills.line_fit import fit_line
from sweep.report.stills.material import Material
from sweep.summary import TRUE_LABELS, variant

LEAST_NETWORKS = 3  # of a family with a panel of its own
FEW = f"Families of fewer than {LEAST_NETWORKS} networks have no panel."
MANY_POINTS = 1500  # kept as pixels inside an SVG beyond
SIZES = ((100, 14.0), (500, 8.0), (MANY_POINTS, 5.0))  # areas in points², by number of points
UNIT, IS_CLEAN, GROUP = "unit", "clean", "group"
SAID = (
    "Line: least squares; band: its 95% interval at each place, configurations resampled. "
    "Filled: true labels; open: label noise or a gradient. r: Pearson's, its 95% interval in "
    "brackets."
)


def draw_accuracy(material: Material, width: float) -> Figure | None:
    """All networks in the first panel, each family by itself in the next ones."""
    table = points_table(material)
    if table is None:
        return None
    predictor, response = str(material.predictor), material.response
    families = sorted(table[GROUP].unique())
    counts = table[GROUP].value_counts()
    shown = [family for family in families if counts[family] >= LEAST_NETWORKS]
    shown = shown[: MAX_PANELS - 1] if len(families) > 1 else []
    figure, panels = make_panels(1 + len(shown), width)
    for panel in panels[1:]:
        panel.sharex(panels[0])
    scopes: list[tuple[str, str, pd.DataFrame]] = [("all networks", "all trials", table)]
    scopes += [(family, f"family {family}", table[table[GROUP] == family]) for family in shown]
    for panel, (title, scope, part) in zip(panels, scopes, strict=True):
        for family, members in part.groupby(GROUP):
            scatter(panel, members, predictor, response, families.index(family))
        _line(panel, part, predictor, response)
        panel.set_title("\n".join([f"{title} ({len(part):,})", *told_correlation(material, scope)]))
        panel.set_xlabel(readable(predictor).removesuffix(" layer"))
        if panel.get_subplotspec().is_first_col():
            panel.set_ylabel(readable(response))
    drawn = [r for r in material.results.results if r.trial.key in set(table["trial"])]
    quantities = [material.quantity] if material.quantity else []
    handles = [family_handle(n, family) for n, family in enumerate(families)]
    few = 0 < len(shown) < len(families)
    said = describe(material.results, drawn, quantities, SAID, FEW if few else "")
    return finish(figure, said, handles if len(families) > 1 else ())


def points_table(material: Material) -> pd.DataFrame | None:
    """Trained networks that have both numbers, with the configuration and family of each.

    Families are those of the regression: ResNets of any depth are one.
    """
    table, names = material.table, (material.predictor, material.response)
    if not len(table) or any(name not in table for name in names):
        return None
    part = table[table["role"] == "trained"].dropna(subset=list(names))
    trials = {result.trial.key: result.trial for result in material.results.results}
    found = part.assign(
        **{
            UNIT: [trials[key].configuration for key in part["trial"]],
            GROUP: families_of(part),
            IS_CLEAN: [variant(trials[key]) == TRUE_LABELS for key in part["trial"]],
        }
    )
    return found if len(found) else None


def scatter(panel: Any, members: pd.DataFrame, x: str, y: str, number: int) -> None:
    """The networks of a family: open where labels or images were changed."""
    size = next((size for most, size in SIZES if len(members) <= most), 3.0)
    color = color_of(number)
    for clean, part in members.groupby(IS_CLEAN):
        panel.scatter(
            part[x], part[y],
            s=size, marker=marker_of(number), alpha=0.7, linewidths=0.6,
            edgecolors=color, facecolors=color if clean else "none",
            rasterized=len(members) > MANY_POINTS // 4,
        )  # fmt: skip


def family_handle(number: int, family: str) -> Line2D:
    """A family's marker for the legend."""
    style: dict[str, Any] = {"color": color_of(number), "marker": marker_of(number)}
    return Line2D([], [], **style, linestyle="none", label=family)


def _line(panel: Any, part: pd.DataFrame, x: str, y: str) -> None:
    fit = fit_line(part[x], part[y], part[UNIT])
    if fit is None:
        return
    bottom, top = panel.get_ylim()
    panel.plot(fit.x, fit.y, color="black", linewidth=1, zorder=3)
    if fit.low is not None:
        panel.fill_between(
            fit.x, fit.low, fit.high, color=SOFT, alpha=0.25, linewidth=0, zorder=0.5
        )
    # A wide band of few networks must not press the points together.
    least, most = part[y].min(), part[y].max()
    room = 0.25 * (most - least) or 0.05
    panel.set_ylim(min(bottom, least - room), max(top, most + room))


def told_correlation(material: Material, scope: str) -> list[str]:
    """Pearson's r of the first predictor in a scope, if the regression has it."""
    rows = material.regression.correlations if material.regression else []
    return [
        f"r = {signed(row.value)} {interval(row.low, row.high)}"
        for row in rows
        if (row.scope, row.predictor, row.method) == (scope, material.predictor, "pearson")
    ]
