"""A regression as a picture: by scope, predictor beside predictor, and who carries it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from textwrap import fill
from typing import Any

from matplotlib.figure import Figure

from sweep.regression import Regression
from sweep.report.picture import COLORS, SOFT, Format, paper_style, to_bytes
from sweep.sealing import write_output

WIDTH = 7.2  # inches: two columns of a paper
ROW, MARGIN = 0.17, 0.75  # inches, of each line and of each panel
# Inches. In a narrower picture the names of predictors and networks stand above their lines.
BROAD = 6.2
NARROW_ROW, NARROW_MARGIN = 0.27, 1.05
CHARACTERS = 16  # of a title, an inch
MOST_ROWS = 24
METHODS = {
    "pearson": ("Pearson r", "o", COLORS[0]),
    "spearman": ("Spearman rho", "s", COLORS[1]),
    "kendall": ("Kendall tau", "^", COLORS[2]),
}
APART = {"pearson": -0.24, "spearman": 0.0, "kendall": 0.24}


def draw_regression(regression: Regression, width: float = WIDTH) -> Figure | None:
    """Three panels, one below the other; None where there is no correlation.

    Correlations of the first predictor by scope; Spearman's rho of every predictor on the same
    networks; r without each of the networks and families that change it most.
    """
    if not regression.correlations:
        return None
    first = regression.correlations[0].predictor
    panels = [_forest_rows(regression, first), _predictor_rows(regression)]
    panels.append(_carrier_rows(regression, first))
    shown = [(draw, rows) for draw, rows in zip(_DRAW, panels, strict=True) if rows]
    broad = width >= BROAD
    row, margin = (ROW, MARGIN) if broad else (NARROW_ROW, NARROW_MARGIN)
    heights = [
        (1.4 if draw is _draw_forest else 1) * row * len(rows) + margin for draw, rows in shown
    ]
    figure = Figure(figsize=(width, sum(heights)), layout="constrained")
    axes = figure.subplots(len(shown), 1, squeeze=False, height_ratios=heights)[:, 0]
    for panel, (draw, rows) in zip(axes, shown, strict=True):
        draw(panel, rows, regression)
        panel.set_ylim(len(rows) - 0.4, -0.6 if broad else -0.9)
        panel.tick_params(axis="y", length=0)
    return figure


def regression_pictures(regression: Regression, stem: str = "regression") -> dict[str, bytes]:
    """The picture as a PNG and an SVG file, by name; none where there is nothing to draw."""
    with paper_style():
        figure = draw_regression(regression)
        if figure is None:
            return {}
        figure.draw_without_rendering()
        figure.set_layout_engine("none")  # laid out once, for both
        forms: tuple[Format, ...] = ("png", "svg")
        return {f"{stem}.{form}": to_bytes(figure, form) for form in forms}


def write_regression_figure(regression: Regression, path: Path) -> None:
    """Write the picture to a .png or .svg file."""
    found = regression_pictures(regression)
    if found:
        write_output(path, found[f"regression{path.suffix}"])


def _forest_rows(regression: Regression, predictor: str) -> list[Any]:
    scopes: dict[str, list[Any]] = {}
    for row in regression.correlations:
        if row.predictor == predictor:
            scopes.setdefault(row.scope, []).append(row)
    return list(scopes.items())[:MOST_ROWS]


def _draw_forest(panel: Any, rows: Sequence[Any], regression: Regression) -> None:
    for place, (_, found) in enumerate(rows):
        for row in found:
            label, marker, color = METHODS[row.method]
            at = place + APART[row.method]
            _bar(panel, at, row.low, row.high, color)
            panel.plot(row.value, at, marker, color=color, label=label if not place else None)
    names = [f"{scope} ({found[0].num_configurations})" for scope, found in rows]
    _name_rows(panel, names, above=0.32)
    _correlation_axis(panel)
    _title(
        panel,
        f"{rows[0][1][0].predictor} against {regression.response}",
        "by scope (networks), 95% intervals; without a bar: unknown",
    )
    if _is_broad(panel):
        panel.legend(loc="lower left", bbox_to_anchor=(1.0, 0.0))
    else:
        below = {"bbox_to_anchor": (0.5, 0.0), "borderaxespad": 2.2}
        panel.legend(loc="upper center", ncol=3, columnspacing=1, **below)


def _predictor_rows(regression: Regression) -> list[Any]:
    return list(regression.footing.rows)[:MOST_ROWS] if regression.footing else []


def _draw_predictors(panel: Any, rows: Sequence[Any], regression: Regression) -> None:
    for place, row in enumerate(rows):
        _bar(panel, place, row.low, row.high, COLORS[0])
        full = row.p_holm < 0.05
        panel.plot(row.rho, place, "o", color=COLORS[0], mfc=None if full else "white")
        panel.annotate(
            f"{row.error:.3g}", (1.02, place), xycoords=("axes fraction", "data"), va="center",
            fontsize=7, color=SOFT,
        )  # fmt: skip
    panel.annotate(
        "error", (1.02, -0.75), xycoords=("axes fraction", "data"), va="bottom",
        fontsize=7, color=SOFT,
    )  # fmt: skip
    _name_rows(panel, [row.predictor for row in rows])
    _correlation_axis(panel)
    footing = regression.footing
    if footing is not None:
        _title(
            panel,
            f"predictors on the same {footing.num_networks} networks: Spearman rho,",
            "95% intervals (filled: p < 0.05 by Holm);",
            f"error about a {footing.held_out} left out (mean: {footing.mean_error:.3g})",
        )


def _carrier_rows(regression: Regression, predictor: str) -> list[Any]:
    found = [row.found for row in regression.influences if row.predictor == predictor]
    return found[:MOST_ROWS]


def _draw_carriers(panel: Any, rows: Sequence[Any], regression: Regression) -> None:
    value = rows[0].value
    panel.axvline(value, color=SOFT, lw=0.8)
    for place, row in enumerate(rows):
        family = row.kind == "family"
        color = COLORS[1] if row.is_large else COLORS[2] if family else COLORS[0]
        panel.plot([value, row.without], [place, place], color=color, lw=1)
        panel.plot(row.without, place, "D" if family else "o", color=color)
        panel.annotate(
            f"{row.leverage:.2f}", (1.02, place), xycoords=("axes fraction", "data"), va="center",
            fontsize=7, color=SOFT,
        )  # fmt: skip
    panel.annotate(
        "leverage", (1.02, -0.75), xycoords=("axes fraction", "data"), va="bottom",
        fontsize=7, color=SOFT,
    )  # fmt: skip
    names = [f"family {row.name}" if row.kind == "family" else row.name for row in rows]
    _name_rows(panel, names)
    panel.set_xlabel(f"Pearson r of {regression.response} without it")
    large = any(row.is_large for row in rows)
    _title(
        panel,
        f"who carries it: r = {value:+.3f} with all (line),",
        f"and without each{';' if large else ''}",
        *(["orange: leverage or Cook's distance is large"] if large else []),
    )


_DRAW = (_draw_forest, _draw_predictors, _draw_carriers)


def _is_broad(panel: Any) -> bool:
    return bool(panel.figure.get_figwidth() >= BROAD)


def _name_rows(panel: Any, names: Sequence[str], above: float = 0.2) -> None:
    """Left of the panel, or where that leaves it no room above each line."""
    if _is_broad(panel):
        panel.set_yticks(range(len(names)), names)
        return
    panel.set_yticks([])
    panel.locator_params(axis="x", nbins=5)
    for place, name in enumerate(names):
        panel.annotate(
            name, (0.01, place - above), xycoords=("axes fraction", "data"), va="bottom",
            fontsize=6.5,
        )  # fmt: skip


def _title(panel: Any, *lines: str) -> None:
    """Lines that are no longer than there is room right of the names."""
    inches = panel.figure.get_figwidth() - (2.2 if _is_broad(panel) else 0.3)
    panel.set_title("\n".join(fill(line, int(CHARACTERS * inches)) for line in lines))


def _bar(panel: Any, place: float, low: float, high: float, color: str) -> None:
    if not math.isnan(low):
        panel.plot([low, high], [place, place], color=color, lw=1.2, solid_capstyle="butt")


def _correlation_axis(panel: Any) -> None:
    panel.axvline(0, color=SOFT, lw=0.8)
    panel.set_xlim(-1.04, 1.04)
