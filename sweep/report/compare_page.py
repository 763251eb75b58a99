"""A comparison as one self-contained HTML page: it needs no network and no other file."""

from __future__ import annotations

import json
import math
from typing import Any

import plotly.offline

from sweep.comparison import Comparison
from sweep.comparison.words import number, short
from sweep.report.compare_figures import difference_figure, overlay_figure
from sweep.report.compare_table import noise_lines, sentences, side_rows
from sweep.report.page import templates


def render_comparison(found: Comparison) -> str:
    """The page as HTML."""
    environment = templates()
    environment.filters["number"] = number
    environment.filters["short"] = short
    environment.filters["p"] = _p_value
    sections = []
    figures: list[dict[str, Any]] = []
    for profile in found.profiles:
        overlay = len(figures)
        figures.append(overlay_figure(profile))
        differences = []
        for pair in profile.pairs:
            differences.append(len(figures))
            figures.append(difference_figure(profile, pair))
        sections.append({"profile": profile, "overlay": overlay, "differences": differences})
    return environment.get_template("compare.html.j2").render(
        found=found,
        rows=side_rows(found),
        sentences=sentences(found),
        noise=noise_lines(found),
        sections=sections,
        # "<" inside a string could end the script early.
        figures_json=json.dumps(figures).replace("<", "\\u003c"),
        plotly=plotly.offline.get_plotlyjs(),
    )


def _p_value(value: float) -> str:
    if math.isnan(value):
        return ""
    return "< 0.001" if value < 0.001 else f"{value:.2g}"
