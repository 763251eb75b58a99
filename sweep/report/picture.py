"""What all still pictures have in common: colors, the manner of a paper, bytes of a file."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

import matplotlib as mpl
from matplotlib.figure import Figure

# Okabe and Ito's palette: distinct also to the color-blind.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#999999", "#000000")
# Besides color, so that a print in gray tells them apart. Dots are kept for the untrained.
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">")
DASHES: tuple[Any, ...] = (
    "-", "--", "-.", (0, (5, 1, 1, 1, 1, 1)), (0, (8, 2)), (0, (3, 1, 1, 1)),
)  # fmt: skip
SOFT = "#5c6675"

Format = Literal["png", "svg"]
FORMATS: tuple[Format, ...] = ("png", "svg")
PRINT_DPI = 300

PAPER: dict[Any, Any] = {
    "font.size": 8,
    "axes.titlesize": 8,
    "axes.labelsize": 8,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "legend.fontsize": 7,
    "legend.title_fontsize": 7,
    "legend.frameon": False,
    "legend.handlelength": 2.4,
    "axes.linewidth": 0.7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlelocation": "left",
    "lines.linewidth": 1.4,
    "lines.markersize": 4,
    "xtick.major.width": 0.7,
    "ytick.major.width": 0.7,
    "figure.constrained_layout.h_pad": 0.03,
    "figure.constrained_layout.w_pad": 0.03,
    # A dollar in the name of a network is no formula.
    "text.parse_math": False,
    # In an SVG text stays text, and equal figures have equal bytes.
    "svg.fonttype": "none",
    "svg.hashsalt": "idsweep",
}


@contextmanager
def paper_style() -> Iterator[None]:
    """Small type and thin lines, for a figure that is printed at its own width."""
    with mpl.rc_context(PAPER):
        yield


def to_png(figure: Figure, dots_per_inch: int = 120) -> bytes:
    """The figure as the bytes of a PNG file."""
    return to_bytes(figure, "png", dots_per_inch)


def to_bytes(figure: Figure, form: Format, dots_per_inch: int = PRINT_DPI) -> bytes:
    """The figure as the bytes of a file: equal figures, equal bytes.

    dots_per_inch: of a PNG, and of what is kept as pixels within an SVG.
    """
    # Without a date, which would make each file a new one.
    metadata = {"Date": None} if form == "svg" else {}
    buffer = io.BytesIO()
    figure.savefig(buffer, format=form, dpi=dots_per_inch, metadata=metadata)
    return buffer.getvalue()


def color_of(number: int) -> str:
    """The color of the thing with this number in a figure."""
    return COLORS[number % len(COLORS)]


def marker_of(number: int) -> str:
    """Its marker."""
    return MARKERS[number % len(MARKERS)]


def dash_of(number: int) -> Any:
    """Its line."""
    return DASHES[number % len(DASHES)]
