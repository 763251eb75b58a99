"""What a data set is before it is prepared: splits that know their labels and stream images.

Legend: N images of a split, R rows asked for, C channels, H height, W width.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

# Stands among labels where the source has none.
NO_LABEL = int(np.iinfo(np.int64).min)


@dataclass(frozen=True)
class Unreadable:
    """Stands for an image that the source can't give, and says why."""

    reason: str


# Pixels (C, H, W) uint8, or an encoded file as it was.
SourceImage = NDArray[np.uint8] | bytes | Unreadable


class SourceSplit(Protocol):
    """Images in a fixed order. All labels are at hand, images come one by one."""

    @property
    def labels(self) -> NDArray[np.int64]:
        """(N,), as the source has them: whoever reads them checks their range."""

    def images(self, rows: NDArray[np.int64]) -> Iterator[SourceImage]:
        """The images of ascending rows (R,), never all in memory unless they were before."""

    def place(self, row: int) -> str:
        """Where a person finds this image: a file, or a file and a row."""


class ConceptLabels(Protocol):
    """Which concepts the images of a data set show: read image by image.

    Legend: C concepts in G categories, L layers of labels, P pixels of a mask.
    """

    @property
    def categories(self) -> tuple[str, ...]:
        """(G,), from low to high."""

    @property
    def names(self) -> tuple[tuple[str, ...], ...]:
        """By category, its concepts in their order."""

    @property
    def resolution(self) -> tuple[int, int]:
        """(height, width) of all masks."""

    def of(self, image: int) -> list[NDArray[np.uint16]]:
        """Of an image by its id, by category (L, P), or (L, 1) of the whole image.

        c + 1 is concept c, counted through all categories; 0 none.
        """


@dataclass(frozen=True)
class Source:
    """A data set by the splits its makers gave it.

    class_names: by class index. splits: "train" and "test" where those are official, else
    "all". ignored: files passed over, since they are no images. image_shape: (C, H, W) of
    every image, where that is known beforehand. latent_dimension: of the manifold that the
    images lie on, where they are made from so many continuous factors. concepts: labels that
    are to be sealed with the images.
    """

    class_names: list[str]
    splits: dict[str, SourceSplit]
    ignored: list[str] = field(default_factory=list)
    image_shape: tuple[int, int, int] | None = None
    latent_dimension: int | None = None
    concepts: ConceptLabels | None = None


@dataclass(frozen=True)
class ArraySplit:
    """A split in memory. pixels: (N, C, H, W) uint8. file: named in messages."""

    pixels: NDArray[np.uint8]
    labels: NDArray[np.int64]
    file: str

    def images(self, rows: NDArray[np.int64]) -> Iterator[SourceImage]:
        yield from (self.pixels[row] for row in rows)

    def place(self, row: int) -> str:
        return f"{self.file} row {row}"


def channels_first(pixels: NDArray[np.generic]) -> NDArray[np.uint8] | Unreadable:
    """Pixels as (C, H, W) uint8, from (H, W), (C, H, W) or (H, W, C) with C 1 or 3."""
    if pixels.ndim == 2:
        pixels = pixels[None]
    elif pixels.ndim == 3 and pixels.shape[0] not in (1, 3) and pixels.shape[2] in (1, 3):
        pixels = np.moveaxis(pixels, 2, 0)
    if pixels.ndim != 3 or pixels.shape[0] not in (1, 3) or 0 in pixels.shape:
        return Unreadable(f"shape {pixels.shape} is not that of an image of 1 or 3 channels")
    if pixels.dtype != np.uint8:
        if not np.issubdtype(pixels.dtype, np.integer):
            return Unreadable(f"pixels are {pixels.dtype}, not whole numbers from 0 to 255")
        # min and max as Python numbers: int8 can't be compared with 255
        if int(pixels.min()) < 0 or int(pixels.max()) > 255:
            return Unreadable(f"pixels from {pixels.min()} to {pixels.max()}, not 0 to 255")
    return np.ascontiguousarray(pixels, dtype=np.uint8)
