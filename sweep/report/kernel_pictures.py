"""Kernels as small pictures, each pixel a pixel: blue below zero, white at zero, red above.

Legend: M kernels of k x k pixels.
"""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray
from PIL import Image

from estimators.kernel_templates import FAMILIES
from sweep.measuring.kernel_table import CALLED_OTHER

# On and Off of a kind are dark and light of one hue; what is in no family is gray.
COLORS = {
    "on_center": "#0072b2", "off_center": "#86c5ec",
    "on_cross": "#007a5e", "off_cross": "#7fd0b5",
    "on_square": "#b07a00", "off_square": "#f0cf65",
    "first_derivative": "#d55e00", "second_derivative": "#8c2d5b",
    "difference": "#e39ac2", "gaussian": "#6a51a3",
    CALLED_OTHER: "#b9bfc7",
}  # fmt: skip
ORDER = (*FAMILIES, CALLED_OTHER)
BELOW, ABOVE = np.array([33, 102, 172.0]), np.array([178, 24, 43.0])
SIDE = 46  # of a kernel on the page, about: whole pixels of the screen for each of its own


@dataclass(frozen=True)
class Picture:
    """src: a data address. width, height: on the page, in its pixels."""

    src: Markup
    width: int
    height: int


def family_name(family: str) -> str:
    """As a person reads it.

    >>> family_name("on_center")
    'On center'
    """
    words = family.replace("_", " ")
    return words[0].upper() + words[1:]


def draw_kernels(kernels: NDArray[np.floating], side: int = SIDE) -> Picture:
    """(M, k, k) side by side, each by its own largest value, with a gap between them."""
    largest = np.abs(kernels).max(axis=(1, 2), keepdims=True)
    share = np.asarray(kernels, np.float64) / np.where(largest > 0, largest, 1.0)
    strength = np.abs(share)[..., None]
    colors = 255 + strength * (np.where(share[..., None] < 0, BELOW, ABOVE) - 255)
    size = kernels.shape[1]
    strip = np.zeros((size, len(kernels) * (size + 1) - 1, 4), np.uint8)  # a gap shows the page
    for number, color in enumerate(colors):
        start = number * (size + 1)
        strip[:, start : start + size, :3] = color.round()
        strip[:, start : start + size, 3] = 255
    file = io.BytesIO()
    Image.fromarray(strip).save(file, "png")
    text = base64.b64encode(file.getvalue()).decode()
    scale = max(1, round(side / size))
    return Picture(
        Markup(f"data:image/png;base64,{text}"),  # noqa: S704 - made here, letters and digits
        strip.shape[1] * scale,
        size * scale,
    )
