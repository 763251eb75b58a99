"""Some images of a data set with their labels, as a picture."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from sweep.data.decode import decode
from sweep.data.partitions import ImageData

SIDE = 8
LETTERS = 16  # of a label that fit above an image


def draw_contact_sheet(data: ImageData) -> Figure:
    """8 x 8 training images, evenly spaced in their order, so that all classes have their turn."""
    split = data.split("train")
    rows = np.unique(np.linspace(0, len(split) - 1, SIDE * SIDE).round().astype(np.int64))
    lines = -(-len(rows) // SIDE)
    figure = Figure(figsize=(9, 0.6 + 1.125 * lines), layout="constrained")
    grid = figure.subplots(lines, SIDE).ravel()
    for axes in grid:
        axes.axis("off")
    for axes, stored, row in zip(grid, split.stored(rows), rows, strict=False):
        axes.imshow(_planes(stored), cmap="gray", vmin=0, vmax=255)
        name = data.class_names[split.labels[row]]
        shown = name if len(name) <= LETTERS else f"{name[: LETTERS - 1]}…"
        axes.set_title(shown, fontsize=7, parse_math=False)
    figure.suptitle(f"{data.name}: {len(rows)} of {len(split):,} training images")
    return figure


def _planes(stored: NDArray[np.uint8] | bytes) -> NDArray[np.uint8]:
    """(H, W) or (H, W, 3), as matplotlib shows images."""
    pixels = decode(stored) if isinstance(stored, bytes) else stored
    return pixels[0] if len(pixels) == 1 else pixels.transpose(1, 2, 0)
