"""One trial's profile as a small SVG picture, written without a plotting library.

A sweep has thousands of trials, and each gets its picture in MLflow: a text of a few
kilobytes takes a millisecond, a figure of matplotlib a hundred.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

from sweep.measurement import Measurement
from sweep.measuring import is_control
from sweep.measuring.classes import is_of_class
from sweep.report.picture import COLORS
from sweep.results import TrialResult
from sweep.scalars import scalar_name, scalars

WIDTH, HEIGHT = 720, 460
LEFT, RIGHT, TOP, BOTTOM = 58, 16, 76, 46  # margins; the legend stands above the curves
LEGEND_COLUMNS, LEGEND_ROW = 3, 18
INK, SOFT, GRID = "#1a1a1a", "#5f6368", "#e4e6e9"


def draw_profile_svg(result: TrialResult) -> str:
    """Each per-layer quantity that has an interval, over relative depth; of classes their mean.

    No controls. Where nothing has an interval, all that is measured per layer, as far as
    there are colors. It brings its own white ground, so it can be read on any page.
    """
    shown = _shown(result.rows)
    top = TOP + LEGEND_ROW * math.ceil(len(shown) / LEGEND_COLUMNS)
    highest = max((_top_of(row) for rows in shown.values() for row in rows), default=1.0)
    step = _round_step(highest / 5)
    limit = step * math.ceil(highest / step)

    def across(depth: float) -> float:
        return LEFT + 10 + (WIDTH - LEFT - RIGHT - 20) * depth

    def down(value: float) -> float:
        return HEIGHT - BOTTOM - (HEIGHT - BOTTOM - top) * value / limit

    parts = [_text(LEFT, 26, result.trial.name, size=17, weight="600")]
    for number, line in enumerate(_subtitle(result, next(iter(shown), None))):
        parts.append(_text(LEFT, 46 + 17 * number, line, fill=SOFT))
    for tick in range(round(limit / step) + 1):
        y = down(tick * step)
        parts.append(f'<path d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}" stroke="{GRID}"/>')
        parts.append(_text(LEFT - 8, y + 4, f"{tick * step:g}", anchor="end", fill=SOFT))
    for depth in (0, 0.2, 0.4, 0.6, 0.8, 1):
        x = across(depth)
        parts.append(_text(x, HEIGHT - BOTTOM + 18, f"{depth:g}", anchor="middle", fill=SOFT))
    middle = (LEFT + WIDTH - RIGHT) / 2
    parts.append(_text(middle, HEIGHT - 8, "relative depth", anchor="middle", fill=SOFT))
    hidden = _last_hidden_depth(result.rows)
    if hidden is not None:
        x = across(hidden)
        parts.append(
            f'<path d="M{x:.1f} {top}V{HEIGHT - BOTTOM}" stroke="{SOFT}" stroke-dasharray="3 4"/>'
        )
        parts.append(_text(x - 5, top + 12, "last hidden", anchor="end", fill=SOFT, size=11))
    for number, (quantity, rows) in enumerate(shown.items()):
        color = COLORS[number]
        x = LEFT + 12 + (number % LEGEND_COLUMNS) * (WIDTH - LEFT - RIGHT) / LEGEND_COLUMNS
        y = TOP + 8 + LEGEND_ROW * (number // LEGEND_COLUMNS)
        parts.append(f'<circle cx="{x - 6}" cy="{y}" r="4" fill="{color}"/>')
        parts.append(_text(x + 4, y + 4, quantity))
        places = [(across(row.relative_depth or 0.0), row) for row in rows]
        line = " ".join(f"{x:.1f},{down(row.value):.1f}" for x, row in places)
        bars = "".join(
            f"M{x:.1f} {down(max(row.low, 0.0)):.1f}V{down(row.high):.1f}"
            for x, row in places
            if row.low is not None and row.high is not None
        )
        dots = "".join(f"M{x:.1f} {down(row.value):.1f}h0" for x, row in places)
        parts.append(
            f'<g fill="none" stroke="{color}"><path d="{bars}" stroke-opacity=".55"/>'
            f'<polyline points="{line}" stroke-width="1.8" stroke-linejoin="round"/>'
            f'<path d="{dots}" stroke-width="6" stroke-linecap="round"/></g>'
        )
    if not shown:
        parts.append(_text(middle, HEIGHT / 2, "nothing is measured per layer", anchor="middle"))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" '
        f'height="{HEIGHT}" font-family="system-ui, Helvetica, Arial, sans-serif">\n'
        f'<rect width="{WIDTH}" height="{HEIGHT}" rx="8" fill="#ffffff"/>\n'
        + "\n".join(parts)
        + "\n</svg>\n"
    )


def _shown(rows: Sequence[Measurement]) -> dict[str, list[Measurement]]:
    """Rows by quantity, each by depth: those with an interval, else all."""
    found: dict[str, list[Measurement]] = {}
    for row in rows:
        if row.layer_index is None or row.quantity == "last_hidden" or is_control(row.analysis):
            continue
        if math.isfinite(row.value) and not is_of_class(row.quantity):
            found.setdefault(row.quantity, []).append(row)
    bounded = {name: own for name, own in found.items() if any(r.low is not None for r in own)}
    chosen = list((bounded or found).items())[: len(COLORS)]
    return {name: sorted(own, key=lambda row: row.layer_index or 0) for name, own in chosen}


def _subtitle(result: TrialResult, quantity: str | None) -> list[str]:
    """What it is, and what its profile comes to: a line each."""
    found = scalars(result.rows)
    network, profile = [], []
    if "test_accuracy" in found:
        network.append(f"test accuracy {found['test_accuracy'].value:.3f}")
    if "num_parameters" in found:
        network.append(f"{found['num_parameters'].value:,.0f} parameters")
    if quantity is not None:
        hidden = found.get(scalar_name(quantity, "last_hidden"))
        if hidden is not None:
            ends = "" if hidden.low is None else f" [{hidden.low:.1f}, {hidden.high:.1f}]"
            profile.append(f"{quantity} {hidden.value:.1f}{ends} in the last hidden layer")
        peak, depth = (found.get(scalar_name(quantity, what)) for what in ("peak", "peak_depth"))
        if peak is not None and depth is not None:
            profile.append(f"peak {peak.value:.1f} at depth {depth.value:.2f}")
    return [", ".join(network), ", ".join(profile)]


def _last_hidden_depth(rows: Sequence[Measurement]) -> float | None:
    return next((row.relative_depth for row in rows if row.quantity == "last_hidden"), None)


def _top_of(row: Measurement) -> float:
    """What must fit; an interval without an upper end, or a vast one, may leave the picture."""
    high = row.high if row.high is not None and math.isfinite(row.high) else row.value
    return max(min(high, 2 * row.value), 1e-9)


def _round_step(rough: float) -> float:
    """The nearest of 1, 2, 5, 10 times a power of ten that is no smaller."""
    power = 10.0 ** math.floor(math.log10(rough))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * 0.999)


def _text(
    x: float,
    y: float,
    text: str,
    *,
    size: int = 13,
    fill: str = INK,
    anchor: str = "start",
    weight: str = "400",
) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" font-weight="{weight}" '
        f'fill="{fill}" text-anchor="{anchor}">{escape(text)}</text>'
    )
