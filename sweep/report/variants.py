"""Variants side by side: the profile of each family as it is, with noise, with a gradient."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from matplotlib.figure import Figure

from sweep.report.picture import COLORS
from sweep.report.profiles import MeanProfile, mean_profile
from sweep.results import TrialResult
from sweep.summary import TRUE_LABELS, UNTRAINED, shown_variants, variant

PANEL_INCHES = (4.2, 3.8)
PANELS_IN_ROW = 3
DASHES = {TRUE_LABELS: "solid", UNTRAINED: "dotted"}
# By the first word of a variant.
VARIANT_COLORS = {"true": COLORS[0], "label": COLORS[1], "gradient": COLORS[2]}


def variant_color(name: str) -> str:
    """The color of a variant in every figure."""
    return VARIANT_COLORS.get(name.split()[0], COLORS[6])


def variant_profiles(
    results: Sequence[TrialResult], family: str, quantity: str
) -> Iterator[tuple[str, MeanProfile]]:
    """The variants of a family that have a profile, with its mean over their trials."""
    for name in shown_variants(results):
        members = [
            result
            for result in results
            if result.trial.config.model.name == family and variant(result.trial) == name
        ]
        profile = mean_profile(members, quantity)
        if profile is not None:
            yield name, profile


def draw_variants(results: Sequence[TrialResult], quantity: str) -> Figure:
    """A panel for each family: mean profile and range over trials, variant by variant."""
    families = sorted({result.trial.config.model.name for result in results})
    columns = min(PANELS_IN_ROW, len(families))
    rows = -(-len(families) // columns)
    width, height = PANEL_INCHES
    figure = Figure(figsize=(width * columns, height * rows), layout="constrained")
    panels = figure.subplots(rows, columns, sharey=True, squeeze=False).flatten()
    for panel, family in zip(panels, families, strict=False):
        for name, profile in variant_profiles(results, family, quantity):
            color = variant_color(name)
            label = f"{name} ({profile.num_trials})"
            style = DASHES.get(name, "dashed")
            panel.fill_between(profile.depth, profile.low, profile.high, color=color, alpha=0.15)
            panel.plot(profile.depth, profile.mean, linestyle=style, color=color, label=label)
        panel.set_title(family)
        panel.set_xlabel("relative depth")
        panel.spines[["top", "right"]].set_visible(False)
        if panel.get_legend_handles_labels()[0]:  # one layer alone is no profile
            panel.legend(frameon=False, fontsize=8)
    for empty in panels[len(families) :]:
        empty.set_visible(False)
    panels[0].set_ylabel(quantity)
    panels[0].set_ylim(bottom=0)  # once all are drawn: it ends scaling, and they share it
    return figure
