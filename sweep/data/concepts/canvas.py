"""A picture and its labels, painted shape by shape from back to front.

Legend: S side in pixels; h rows and w columns of a patch of pixels.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from sweep.data.concepts.palette import Color
from sweep.data.concepts.shapes import Patch, Shape
from sweep.data.concepts.vocabulary import PAINTED

# A color (3,), or what gives a patch (h, w, 3) from x (1, w) and y (h, 1).
Fill = Color | Callable[[Patch, Patch], Color]


class Canvas:
    """pixels: (S, S, 3) float32 in [0, 1]. labels: (4, S, S) uint8 in the order of PAINTED."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.pixels = np.zeros((size, size, 3), np.float32)
        self.labels = np.zeros((len(PAINTED), size, size), np.uint8)
        self._centers = ((np.arange(size) + 0.5) / size).astype(np.float32)

    def paint(
        self,
        shape: Shape,
        fill: Fill,
        labels: NDArray[np.uint8] | None = None,
        *,
        opacity: float = 1.0,
        softness: float = 0.0,
    ) -> None:
        """Paint a shape over what is there.

        labels: (4, 1) of the pixels whose centers lie inside; None leaves them as they were,
            as shadows and glows do.
        softness: width of the edge in units of the side, where it isn't a pixel.
        """
        size, pixel = self.size, 1 / self.size
        width = max(softness, pixel)
        left, top, right, bottom = shape.bounds
        x0, x1 = max(int((left - width) * size), 0), min(int((right + width) * size) + 1, size)
        y0, y1 = max(int((top - width) * size), 0), min(int((bottom + width) * size) + 1, size)
        if x0 >= x1 or y0 >= y1:
            return
        x, y = self._centers[None, x0:x1], self._centers[y0:y1, None]
        distance = shape.distance(x, y)
        cover = distance * np.float32(-1 / width)
        cover += np.float32(0.5)
        np.clip(cover, 0, 1, out=cover)
        if opacity != 1.0:
            cover *= np.float32(opacity)
        color = fill(x, y) if callable(fill) else fill
        patch = self.pixels[y0:y1, x0:x1]
        patch += cover[:, :, None] * (color - patch)
        if labels is not None:
            self.labels[:, y0:y1, x0:x1][:, distance < 0] = labels
