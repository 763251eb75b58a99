"""Claims as a still picture: each estimate with its interval, against its rule."""

from __future__ import annotations

import math
from collections.abc import Sequence
from textwrap import wrap
from typing import Any

from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, NullFormatter, NullLocator

from sweep.claims import ClaimResult, SweepClaims
from sweep.report.panels import USUAL_WIDTH, finish
from sweep.report.picture import COLORS, paper_style, to_png

VERDICT_COLORS = {
    "shown": COLORS[2],
    "reversed": COLORS[1],
    "not shown": "#5c6675",
    "not measured": "#5c6675",
}
MARKERS = "os^vP"
SWEEP_COLORS = (COLORS[0], COLORS[3], COLORS[4], COLORS[5], COLORS[7])
CLAIMED = "#dcefe7"
BESIDE_WIDTH = 5.0  # inches; what is claimed has no room beside a narrower picture
ROW_HEIGHT, BAR_HEIGHT, ABOVE_HEIGHT = 0.4, 0.17, 0.15  # inches of a claim
LABEL_LETTERS = 44
PAGE_DPI = 180
HALF_ROW = 0.5
MARGIN = 0.08  # of a row's range, on each side
TICKS, FINE_TICKS = (1, 2, 5), (1, 1.2, 1.5, 2, 3, 4, 5, 7)


def claims_png(found: Sequence[SweepClaims]) -> bytes:
    """The claims of sweeps as the bytes of a PNG file, for a page."""
    with paper_style():
        return to_png(draw_claims(found, USUAL_WIDTH), PAGE_DPI)


def draw_claims(found: Sequence[SweepClaims], width: float, caption: str = "") -> Figure:
    """A row a claim: shaded what it claims, a marker with its interval for each data set.

    Open diamonds are the published numbers. Ratios stand on a logarithmic scale. What is
    claimed stands on the left, or above where the figure is narrow.
    """
    claims = list(dict.fromkeys(one.claim for sweep in found for one in sweep.claims))
    beside = width >= BESIDE_WIDTH
    height = ROW_HEIGHT + BAR_HEIGHT * len(found) + (0 if beside else ABOVE_HEIGHT)
    figure = Figure(figsize=(width, height * len(claims)), layout="constrained")
    rows = figure.subplots(max(1, len(claims)), 1, squeeze=False)[:, 0]
    for axes, claim in zip(rows, claims, strict=False):
        members = [
            (number, sweep, one)
            for number, sweep in enumerate(found)
            for one in sweep.claims
            if one.claim == claim
        ]
        _draw_row(axes, members)
        said = [claim, members[0][2].measured, f"claimed {members[0][2].rule}"]
        if beside:
            lines = [part for line in said for part in wrap(line, LABEL_LETTERS)]
            axes.text(
                -0.02, 0.5, "\n".join(lines), ha="right", va="center", fontsize=7,
                transform=axes.transAxes, linespacing=1.3,
            )  # fmt: skip
        else:
            axes.set_title("\n".join([said[0], ", ".join(said[1:])]), fontsize=6.5)
    return finish(figure, caption, _legend(found))


def _draw_row(axes: Any, members: list[tuple[int, SweepClaims, ClaimResult]]) -> None:
    ones = [one for _, _, one in members]
    low, high = _reach(ones)
    if ones[0].on_log:
        axes.set_xscale("log")
    axes.set_xlim(low, high)
    axes.set_ylim(len(members) - HALF_ROW, -HALF_ROW)
    for place, (number, _, one) in enumerate(members):
        least, most = one.claimed
        axes.fill_betweenx(
            [place - HALF_ROW, place + HALF_ROW],
            low if least is None else max(least, low),
            high if most is None else min(most, high),
            color=CLAIMED,
            linewidth=0,
        )
        style = _style(number)
        if one.published is not None:
            axes.plot(one.published, place, "D", mfc="none", mec="#222222", ms=4.5)
        if one.estimate is not None:
            axes.plot([one.low, one.high], [place, place], color=style["color"], linewidth=1.5)
            axes.plot(one.estimate, place, **style, ms=4.5)
        axes.text(
            1.015, 1 - (place + HALF_ROW) / len(members), one.verdict, va="center", fontsize=7,
            transform=axes.transAxes, color=VERDICT_COLORS[one.verdict], fontweight="bold",
        )  # fmt: skip
    axes.set_yticks([])
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(labelsize=6.5)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    if ones[0].on_log:
        axes.set_xticks(_ticks(low, high))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_minor_formatter(NullFormatter())


def _reach(ones: Sequence[ClaimResult]) -> tuple[float, float]:
    """Ends of the axis: all that is drawn, and a margin."""
    numbers = [
        value
        for one in ones
        for value in (one.estimate, one.low, one.high, one.published, *one.claimed)
        if value is not None and (value > 0 or not one.on_log)
    ]
    on_log = ones[0].on_log
    scaled = [math.log(value) for value in numbers] if on_log else numbers
    margin = MARGIN * (max(scaled) - min(scaled)) or 1.0
    ends = min(scaled) - margin, max(scaled) + margin
    return (math.exp(ends[0]), math.exp(ends[1])) if on_log else ends


def _ticks(low: float, high: float) -> list[float]:
    """Round numbers on a logarithmic axis, the fewer the longer it is."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    decades = math.log10(high / low)
    steps: tuple[float, ...] = FINE_TICKS if decades < 1 else TICKS if decades < 2 else (1,)
    found = [step * 10.0**power for power in range(first, last + 1) for step in steps]
    inside = [tick for tick in found if low <= tick <= high]
    finer = [float(f"{low * (high / low) ** share:.2g}") for share in (0.1, 0.5, 0.9)]
    return inside if len(inside) > 1 else finer


def _style(number: int) -> dict[str, Any]:
    """Color and marker of a sweep."""
    return {
        "color": SWEEP_COLORS[number % len(SWEEP_COLORS)],
        "marker": MARKERS[number % len(MARKERS)],
    }


def _legend(found: Sequence[SweepClaims]) -> list[Any]:
    return [
        *(
            Line2D([], [], **_style(number), label=f"{sweep.data}, 95% interval")
            for number, sweep in enumerate(found)
        ),
        Line2D([], [], color="none", marker="D", mfc="none", mec="#222222", label="published"),
        Patch(color=CLAIMED, label="claimed"),
    ]
