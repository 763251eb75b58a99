"""Variants side by side: the profile of each family as it is, with noise, with a gradient."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from sweep.report.panels import MAX_PANELS, finish, make_panels
from sweep.report.stills.bands import SAID, draw_band
from sweep.report.stills.caption import describe, readable
from sweep.report.stills.material import Material
from sweep.report.variants import variant_color
from sweep.summary import TRUE_LABELS, UNTRAINED, shown_variants

DASHES = {TRUE_LABELS: "solid", UNTRAINED: "dotted"}
# By the first word of a variant.
VARIANT_MARKERS = {"true": "o", "label": "s", "gradient": "^"}


def variant_style(name: str) -> dict[str, Any]:
    """Color, line and marker of a variant."""
    return {
        "color": variant_color(name),
        "linestyle": DASHES.get(name, "dashed"),
        "marker": VARIANT_MARKERS.get(name.split()[0], "v"),
    }


def variant_handles(names: Sequence[str]) -> list[Line2D]:
    """A line in the legend for each variant."""
    return [Line2D([], [], **variant_style(name), label=name) for name in names]


def draw_variants(material: Material, width: float) -> Figure | None:
    """A panel for each family: trained, untrained, on random labels, as far as they are there."""
    quantity = material.quantity
    if quantity is None:
        return None
    results = material.results.results
    shown = shown_variants(results)
    profiles = {
        family: found
        for family in material.families
        if (found := {n: p for n in shown if (p := material.profile(family, n, quantity))})
    }
    if not profiles:
        return None
    families = list(profiles)[:MAX_PANELS]
    figure, panels = make_panels(len(families), width)
    for panel, family in zip(panels, families, strict=True):
        for place, (name, profile) in enumerate(profiles[family].items()):
            style = variant_style(name)
            draw_band(
                panel, profile, style["color"],
                dash=style["linestyle"], marker=style["marker"], first_marker=2 * place,
            )  # fmt: skip
        panel.set_title(material.label(family))
        panel.set_xlabel("relative depth")
        if panel.get_subplotspec().is_first_col():
            panel.set_ylabel(readable(quantity))
    panels[0].set_ylim(bottom=0)  # once all are drawn: it ends scaling, and they share it
    drawn = [
        result
        for family, found in profiles.items()
        for name in found
        for result in material.groups[family, name]
    ]
    counts = ", ".join(
        f"{name} ({sum(found[name].num_trials for found in profiles.values() if name in found):,})"
        for name in shown
    )
    said = describe(
        material.results, drawn, [quantity], SAID, f"Networks: {counts}.",
        f"{len(families)} of {len(profiles)} families." if len(families) < len(profiles) else "",
    )  # fmt: skip
    return finish(figure, said, variant_handles(shown))
