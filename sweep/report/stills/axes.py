"""Along each axis of a sweep: how dimension and accuracy move while all else is held fixed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from sweep.regression import FAMILY, SEED
from sweep.report.panels import MAX_PANELS, finish, make_panels
from sweep.report.picture import color_of, dash_of, marker_of
from sweep.report.stills.accuracy import GROUP, family_handle, points_table, told_correlation
from sweep.report.stills.caption import describe, readable
from sweep.report.stills.material import Material

MAX_LINES = 120  # in a panel; of more, evenly chosen ones
MANY_LINES = 30  # beyond, lines and markers are smaller and paler
SMALLEST, GROWTH = 2.0, 4.0  # markers, points
PLACE = "place"


def draw_axes(material: Material, width: float) -> Figure | None:
    """A panel an axis: a line joins networks that differ in nothing else, seeds averaged."""
    table = points_table(material)
    if table is None:
        return None
    predictor, response = str(material.predictor), material.response
    varied = [key for key in material.axes if key not in (FAMILY, SEED) and key in table]
    lines = {axis: list(_lines(table, axis, material, predictor, response)) for axis in varied}
    shown = [axis for axis in varied if lines[axis]][:MAX_PANELS]
    if not shown:
        return None
    families = sorted(table[GROUP].unique())
    figure, panels = make_panels(len(shown), width)
    for panel in panels[1:]:
        panel.sharex(panels[0])
    for panel, axis in zip(panels, shown, strict=True):
        kept = lines[axis][:: -(-len(lines[axis]) // MAX_LINES)]
        scale, alpha = (0.5, 0.5) if len(kept) > MANY_LINES else (1.0, 0.8)
        for family, places, x, y in kept:
            number = families.index(family)
            style: dict[str, Any] = {"color": color_of(number), "alpha": alpha}
            panel.plot(x, y, linestyle=dash_of(number), linewidth=0.3 + 0.5 * scale, **style)
            areas = [(scale * (SMALLEST + GROWTH * place)) ** 2 for place in places]
            panel.scatter(x, y, s=areas, marker=marker_of(number), linewidths=0, **style)
        title = f"along {axis.rpartition('.')[2].replace('_', ' ')}"
        panel.set_title("\n".join([title, *told_correlation(material, f"along {axis}")]))
        panel.set_xlabel(readable(predictor).removesuffix(" layer"))
        if panel.get_subplotspec().is_first_col():
            panel.set_ylabel(readable(response))
    drawn = [r for r in material.results.results if r.trial.key in set(table["trial"])]
    handles = [family_handle(number, family) for number, family in enumerate(families)]
    most = max(len(lines[axis]) for axis in shown)
    said = describe(
        material.results, drawn, [material.quantity] if material.quantity else [],
        "A line joins networks that differ in this setting alone, means over seeds; markers grow "
        "with it. r: Pearson's within such groups, its 95% interval in brackets.",
        f"At most {MAX_LINES} lines are drawn of up to {most}." if most > MAX_LINES else "",
    )  # fmt: skip
    return finish(figure, said, handles)


def _lines(
    table: pd.DataFrame, axis: str, material: Material, x: str, y: str
) -> Iterator[tuple[str, list[float], list[float], list[float]]]:
    """Family, places along the axis from 0 to 1, and both means at each of them."""
    fixed = [key for key in material.axes if key not in (axis, SEED) and key in table]
    levels = sorted(table[axis].dropna().unique())
    order = {level: place for place, level in enumerate(levels)}
    last = len(levels) if table[axis].isna().any() else len(levels) - 1
    places = table[axis].map(order).fillna(len(levels)).astype(int)
    part = table.assign(**{PLACE: places / max(1, last)})
    for _, line in part.groupby(fixed, dropna=False) if fixed else [((), part)]:
        steps = line.groupby(PLACE)[[x, y]].mean().sort_index()
        if len(steps) > 1:
            family = str(line[GROUP].iloc[0])
            yield family, steps.index.tolist(), steps[x].tolist(), steps[y].tolist()
