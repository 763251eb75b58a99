"""Linear dimension beside the nonlinear one, along depth."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from sweep.report.panels import MAX_PANELS, finish, make_panels
from sweep.report.picture import COLORS, dash_of, marker_of
from sweep.report.profiles import MeanProfile
from sweep.report.stills.bands import SAID, draw_band
from sweep.report.stills.caption import describe, readable
from sweep.report.stills.material import Material
from sweep.summary import TRUE_LABELS

LINEAR = ("pc_id", "participation_ratio")
MARGIN = 1.15
FINE_RANGE = 500.0  # of the axis; beyond, powers of ten are enough


def draw_linear(material: Material, width: float) -> Figure | None:
    """A panel for each family trained on true labels; dimensions on a logarithmic axis."""
    if material.quantity is None or material.quantity in LINEAR:
        return None
    quantities = (material.quantity, *LINEAR)
    profiles = {
        family: {
            name: profile
            for name in quantities
            if (profile := material.profile(family, TRUE_LABELS, name)) is not None
            and (profile.low > 0).all()
        }
        for family in material.families
    }
    families = [f for f, found in profiles.items() if len(found) > 1][:MAX_PANELS]
    there = [name for name in quantities if any(name in profiles[f] for f in families)]
    if not families:
        return None
    figure, panels = make_panels(len(families), width)
    styles: dict[str, dict[str, Any]] = {
        name: {"color": COLORS[n], "linestyle": dash_of(n), "marker": marker_of(n)}
        for n, name in enumerate(quantities)
    }
    for panel, family in zip(panels, families, strict=True):
        panel.set_yscale("log")
        for place, (name, profile) in enumerate(profiles[family].items()):
            style = styles[name]
            draw_band(
                panel, profile, style["color"],
                dash=style["linestyle"], marker=style["marker"], first_marker=2 * place,
            )  # fmt: skip
        panel.set_title(f"{material.label(family)} ({profiles[family][there[0]].num_trials:,})")
        panel.set_xlabel("relative depth")
        if panel.get_subplotspec().is_first_col():
            panel.set_ylabel("dimension")
    _log_axis(panels[0], [p for family in families for p in profiles[family].values()])
    drawn = [result for family in families for result in material.groups[family, TRUE_LABELS]]
    said = describe(
        material.results, drawn, there, SAID,
        "PC-ID: components that hold "
        f"{_share(material)} of the variance. True labels; number of networks in parentheses.",
    )  # fmt: skip
    handles = [Line2D([], [], **styles[name], label=readable(name)) for name in there]
    return finish(figure, said, handles)


def _log_axis(panel: Any, profiles: Sequence[MeanProfile]) -> None:
    """From the least to the largest value of a network, with round numbers that fit."""
    low, high = (
        min(profile.low.min() for profile in profiles),
        max(profile.high.max() for profile in profiles),
    )
    panel.set_ylim(low / MARGIN, high * MARGIN)
    fine = high / low < FINE_RANGE
    panel.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if fine else (1,)))
    panel.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    panel.yaxis.set_minor_formatter(NullFormatter())


def _share(material: Material) -> str:
    linear = material.results.work.config.analyses.linear
    return "a share" if linear is None else f"{linear.variance_share:.0%}"
