"""What all still pictures have in common: colors, and the bytes of a PNG file."""

from __future__ import annotations

import io

from matplotlib.figure import Figure

# Okabe and Ito's palette: distinct also to the color-blind.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#999999", "#000000")


def to_png(figure: Figure, dots_per_inch: int = 120) -> bytes:
    """The figure as the bytes of a PNG file."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dots_per_inch)
    return buffer.getvalue()
