"""Looking at images one by one while a data set is prepared.

Legend: C channels, H height, W width.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from sweep.data.decode import LEVELS, encode_png, open_image, pixels_of
from sweep.data.partitionfile import num_bytes
from sweep.data.source import SourceImage, Unreadable

CHUNK_IMAGES = 128
CHUNK_BYTES = 64 * 2**20
KEY_BYTES = 16


@dataclass(frozen=True)
class Examined:
    """A good image. content: pixels (C, H, W), or encoded bytes.

    levels: (C, 256) int64, how often each level occurs. key: equal for equal contents.
    """

    content: NDArray[np.uint8] | bytes
    shape: tuple[int, int, int]
    levels: NDArray[np.int64]
    key: bytes


def examine(image: SourceImage, as_pixels: bool) -> Examined | Unreadable:
    """Decode an image, whatever it is to be kept as; the bytes of an encoded one stay."""
    if isinstance(image, Unreadable):
        return image
    content: NDArray[np.uint8] | bytes
    if isinstance(image, bytes):
        try:
            opened = open_image(image)
        except ValueError as error:
            return Unreadable(str(error))
        shape = (len(opened.getbands()), opened.height, opened.width)
        levels = np.asarray(opened.histogram(), np.int64).reshape(-1, LEVELS)
        content = pixels_of(opened) if as_pixels else image
    else:
        shape = (image.shape[0], image.shape[1], image.shape[2])
        levels = np.stack([np.bincount(channel.ravel(), minlength=LEVELS) for channel in image])
        content = np.ascontiguousarray(image) if as_pixels else encode_png(image)
    digest = hashlib.sha256(content if isinstance(content, bytes) else content.data)
    return Examined(content, shape, levels, digest.digest()[:KEY_BYTES])


def examine_all(images: Iterable[SourceImage], as_pixels: bool) -> Iterator[Examined | Unreadable]:
    """`examine` for each, in order; encoded ones are decoded by as many threads as cores."""
    look = partial(examine, as_pixels=as_pixels)
    with ThreadPoolExecutor(_num_cores()) as pool:
        for chunk in _chunks(images):
            # Pillow lets go of the interpreter while it decodes; numpy is too quick for threads.
            encoded = any(isinstance(image, bytes) for image in chunk)
            yield from pool.map(look, chunk) if encoded or not as_pixels else map(look, chunk)


@dataclass
class PixelStatistics:
    """Exact counts of levels over images: any order and any parts give the same moments."""

    counts: NDArray[np.int64]
    grey: bool = True

    @classmethod
    def empty(cls) -> PixelStatistics:
        return cls(np.zeros((3, LEVELS), np.int64))

    def update(self, levels: NDArray[np.int64]) -> None:
        """levels: (1, 256) or (3, 256); a grey image counts in all three channels."""
        self.counts += levels
        self.grey &= len(levels) == 1

    def moments(self) -> tuple[list[float], list[float]]:
        """Mean and standard deviation per channel (one if all are grey) of pixels in [0, 1]."""
        counts = self.counts[:1] if self.grey else self.counts
        values = np.arange(LEVELS) / (LEVELS - 1)
        shares = counts / counts.sum(axis=1, keepdims=True)
        mean = shares @ values
        variance = (shares * (values - mean[:, None]) ** 2).sum(axis=1)
        return mean.tolist(), np.sqrt(variance).tolist()


def _chunks(images: Iterable[SourceImage]) -> Iterator[list[SourceImage]]:
    """Few enough at once to hold them in memory."""
    chunk: list[SourceImage] = []
    size = 0
    for image in images:
        chunk.append(image)
        size += 0 if isinstance(image, Unreadable) else num_bytes(image)
        if len(chunk) >= CHUNK_IMAGES or size >= CHUNK_BYTES:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


def _num_cores() -> int:
    affinity = getattr(os, "sched_getaffinity", None)  # not on every system
    return len(affinity(0)) if affinity else os.cpu_count() or 1
