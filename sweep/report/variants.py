"""What tells variants apart in every figure: as it is, with noise, with a gradient."""

from __future__ import annotations

from sweep.report.picture import COLORS

# By the first word of a variant.
VARIANT_COLORS = {"true": COLORS[0], "label": COLORS[1], "gradient": COLORS[2]}


def variant_color(name: str) -> str:
    """The color of a variant in every figure."""
    return VARIANT_COLORS.get(name.split()[0], COLORS[6])
