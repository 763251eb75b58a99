"""A mean profile as a line with two bands: the mean's interval, and the range over networks."""

from __future__ import annotations

from typing import Any

from sweep.report.profiles import MeanProfile

INTERVAL_ALPHA, RANGE_ALPHA = 0.32, 0.14
MARKER_EVERY = 8  # of the depths of a profile
SAID = (
    "Line: mean over configurations; dark band: its 95% interval, where there are 4 or more; "
    "of one network: the estimate's; light band: full range over networks."
)


def draw_band(
    panel: Any,
    profile: MeanProfile,
    color: str,
    *,
    dash: Any = "-",
    marker: str = "",
    first_marker: int = 0,
    full_range: bool = True,
) -> None:
    """Draw the profile; without a range where only the mean is of interest."""
    if full_range and profile.num_trials > 1:
        panel.fill_between(
            profile.depth, profile.low, profile.high, color=color, alpha=RANGE_ALPHA, linewidth=0
        )
    if profile.below is not None:
        panel.fill_between(
            profile.depth, profile.below, profile.above,
            color=color, alpha=INTERVAL_ALPHA, linewidth=0,
        )  # fmt: skip
    panel.plot(
        profile.depth, profile.mean,
        color=color, linestyle=dash, marker=marker, markevery=(first_marker, MARKER_EVERY),
    )  # fmt: skip
