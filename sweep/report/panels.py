"""Panels of one width with a legend above and a caption below: the frame of a still picture."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import wrap
from typing import Any

from matplotlib.figure import Figure

from sweep.report.picture import SOFT

USUAL_WIDTH = 7.2  # inches: two columns of a paper
LEAST_PANEL = 1.65  # inches: narrower ones have no room for their labels
WIDEST_PANEL = 4.6  # inches: a single one does not fill a page
PANEL_SHAPE = 0.85  # height by width
PANEL_HEIGHTS = (1.7, 2.9)  # inches, whatever the width
CAPTION_POINTS, CAPTION_LETTER = 6.0, 0.53  # size, and width of a usual letter by it
LEGEND_LINE, LEGEND_LETTER, LEGEND_HANDLE = 0.155, 0.054, 0.5  # inches
MAX_PANELS = 24


def make_panels(
    count: int, width: float, *, share_y: bool = True, blocks: int = 1, least: float = LEAST_PANEL
) -> tuple[Figure, list[Any]]:
    """So many panels of equal size, in rows as full as the width allows.

    share_y: within a block. blocks: each of `count` panels, one below the other, in one list.
    least: inches, of the width of one; where two have no room they stand one below the other.
    """
    most = max(1, int(width / least))
    rows = -(-count // most)
    columns = -(-count // rows)
    across = min(width, columns * WIDEST_PANEL)
    low, high = PANEL_HEIGHTS
    height = min(max(PANEL_SHAPE * across / columns, low), high)
    figure = Figure(figsize=(across, blocks * rows * height), layout="constrained")
    grid = figure.subplots(blocks * rows, columns, squeeze=False).flatten()
    panels = []
    for start in range(0, len(grid), rows * columns):
        block = grid[start : start + rows * columns]
        for panel in block[count:]:
            panel.set_visible(False)
        for panel in block[1:count] if share_y else ():
            panel.sharey(block[0])
            panel.tick_params(labelleft=panel.get_subplotspec().is_first_col())
        panels += list(block[:count])
    return figure, panels


def finish(figure: Figure, caption: str, handles: Sequence[Any] = ()) -> Figure:
    """Put the legend above all panels and the caption below, and make room for both.

    handles: artists with labels; none, no legend.
    """
    width = figure.get_figwidth()
    extra = 0.0
    if handles:
        longest = max(len(str(handle.get_label())) for handle in handles)
        entry = LEGEND_HANDLE + LEGEND_LETTER * longest
        columns = min(len(handles), max(1, int(width / entry)))
        figure.legend(handles=handles, loc="outside upper center", ncols=columns)
        extra += LEGEND_LINE * -(-len(handles) // columns) + 0.05
    letters = int(width * 72 / (CAPTION_POINTS * CAPTION_LETTER))
    lines = [
        line
        for part in caption.splitlines()
        for line in wrap(part, letters, break_on_hyphens=False)
    ]
    below = (len(lines) * 1.25 + 1.0) * CAPTION_POINTS / 72
    total = figure.get_figheight() + extra + below
    figure.set_figheight(total)
    engine: Any = figure.get_layout_engine()
    engine.set(rect=(0, below / total, 1, 1 - below / total))
    figure.text(
        0.02 / width, 0.02 / total, "\n".join(lines),
        fontsize=CAPTION_POINTS, color=SOFT, va="bottom", linespacing=1.2,
    )  # fmt: skip
    return figure
