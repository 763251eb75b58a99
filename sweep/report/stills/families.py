"""Families side by side: the profile of each as it is, the others behind it."""

from __future__ import annotations

from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from sweep.report.panels import MAX_PANELS, finish, make_panels
from sweep.report.picture import color_of, dash_of, marker_of
from sweep.report.stills.bands import SAID, draw_band
from sweep.report.stills.caption import describe, readable
from sweep.report.stills.material import Material
from sweep.summary import TRUE_LABELS

BEHIND = "#c3c7ce"


def draw_families(material: Material, width: float) -> Figure | None:
    """A panel for each family trained on true labels; the means of the others in gray."""
    quantity = material.quantity
    if quantity is None:
        return None
    profiles = {
        family: profile
        for family in material.families
        if (profile := material.profile(family, TRUE_LABELS, quantity)) is not None
    }
    if not profiles:
        return None
    shown = list(profiles)[:MAX_PANELS]
    figure, panels = make_panels(len(shown), width)
    for panel, family in zip(panels, shown, strict=True):
        number = material.families.index(family)
        for other in shown:
            if other != family:
                panel.plot(profiles[other].depth, profiles[other].mean, color=BEHIND, linewidth=0.8)
        profile = profiles[family]
        draw_band(panel, profile, color_of(number), dash=dash_of(number), marker=marker_of(number))
        panel.set_title(f"{material.label(family)} ({profile.num_trials:,})")
        panel.set_xlabel("relative depth")
        if panel.get_subplotspec().is_first_col():
            panel.set_ylabel(readable(quantity))
    panels[0].set_ylim(bottom=0)  # once all are drawn: it ends scaling, and they share it
    drawn = [result for family in profiles for result in material.groups[family, TRUE_LABELS]]
    said = describe(
        material.results, drawn, [quantity], SAID, "Number of networks in parentheses.",
        f"{len(shown)} of {len(profiles)} families." if len(shown) < len(profiles) else "",
    )  # fmt: skip
    others = [Line2D([], [], color=BEHIND, linewidth=0.8, label="means of the other families")]
    return finish(figure, said, others if len(shown) > 1 else ())
