"""The name of a color, for each pixel: the eleven basic color terms of English.

Berlin and Kay, Basic Color Terms, 1969. A pixel has the name of the nearest of some typical
colors, in Oklab (Ottosson 2020, "A perceptual color space for image processing"), in which
equal distances look about equally far apart.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from sweep.data.concepts.palette import rgb
from sweep.data.concepts.vocabulary import CONCEPTS

TYPICAL: dict[str, tuple[str, ...]] = {
    "black": ("000000", "14161f", "22201f"),
    "gray": ("585858", "808080", "a6a6a6", "8b8f98", "96908a", "bcbcbc"),
    "white": ("ffffff", "ededed", "f5f1e8", "e8edf4", "d9e2ec"),
    "red": ("e01b1b", "b01c22", "d9402f", "8f1d1d"),
    "orange": ("f58220", "ff9a3c", "e0702a", "ffb37a"),
    "yellow": ("ffe12e", "f4d35e", "e6c23c", "fff0a0", "c9b037", "f2deae"),
    "green": ("2e9e3f", "1f5f35", "7fb84a", "a8d48a", "4d6b3a", "2f7a66", "8a9a4a", "22382f"),
    "blue": ("1f4fbf", "4f9bd9", "9cc8ec", "1b2a5c", "2f4a86", "3f8fae", "6577b4", "c8e2f4"),
    "purple": ("7b2fae", "5a3a86", "a98bd0", "402a5c", "8b4f96", "c9b8e6"),
    "pink": ("f58ab0", "f7b9c4", "e0609a", "fbc9c0", "d98a94"),
    "brown": ("7a4a28", "5c3a22", "a06a40", "8a5a48", "c29a6c", "3e2a1e", "a8744c"),
}
STEPS = 32  # levels of a channel in the table, each 8 of the picture's


def color_names(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Numbers (..., H, W) of the category "color" for pixels (..., 3, H, W).

    >>> int(color_names(np.array([220, 30, 30], np.uint8).reshape(3, 1, 1))[0, 0])  # red
    4
    """
    red, green, blue = (pixels[..., channel, :, :] // (256 // STEPS) for channel in range(3))
    return _table()[red, green, blue]


@cache
def _table() -> NDArray[np.uint8]:
    """(32, 32, 32): the nearest name of each cell's center, from 1."""
    levels = (np.arange(STEPS) + 0.5) / STEPS
    cells = np.stack(np.meshgrid(levels, levels, levels, indexing="ij"), axis=-1)
    typical, owners = [], []
    for name in CONCEPTS["color"]:
        for code in TYPICAL[name]:
            typical.append(rgb(code))
            owners.append(CONCEPTS["color"].index(name) + 1)
    points = _oklab(np.array(typical, np.float64))
    found = np.empty((STEPS,) * 3, np.uint8)
    for row in range(STEPS):
        apart = _oklab(cells[row])[:, :, None] - points
        found[row] = np.array(owners, np.uint8)[(apart**2).sum(-1).argmin(-1)]
    return found


def _oklab(colors: NDArray[np.float64]) -> NDArray[np.float64]:
    """(..., 3) sRGB to lightness, green to red, blue to yellow."""
    linear = np.where(colors <= 0.04045, colors / 12.92, ((colors + 0.055) / 1.055) ** 2.4)
    cones = np.array(
        [
            [0.4122214708, 0.5363325363, 0.0514459929],
            [0.2119034982, 0.6806995451, 0.1073969566],
            [0.0883024619, 0.2817188376, 0.6299787005],
        ]
    )
    axes = np.array(
        [
            [0.2104542553, 0.7936177850, -0.0040720468],
            [1.9779984951, -2.4285922050, 0.4505937099],
            [0.0259040371, 0.7827717662, -0.8086757660],
        ]
    )
    return np.asarray(np.cbrt(linear @ cones.T) @ axes.T)
