"""Masks of many images kept packed in memory, and unpacked image by image.

Drawn masks are areas of one value: packed they take a thirtieth of their pixels.
"""

from __future__ import annotations

import zlib

import numpy as np
from numpy.typing import NDArray


class PackedMaps:
    """Masks of one category, indexed by places as an (N, 1, P) array of uint8 would be."""

    def __init__(self, num_pixels: int) -> None:
        self._num_pixels = num_pixels
        self._packed: list[bytes] = []

    def append(self, maps: NDArray[np.uint8]) -> None:
        """Take in (n, 1, P) more."""
        self._packed += [zlib.compress(one.tobytes(), 1) for one in maps]

    def __getitem__(self, places: NDArray[np.int64]) -> NDArray[np.uint8]:
        found = np.empty((len(places), 1, self._num_pixels), np.uint8)
        for row, place in zip(found, places, strict=True):
            row[0] = np.frombuffer(zlib.decompress(self._packed[place]), np.uint8)
        return found
