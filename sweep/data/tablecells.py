"""One cell of a table to an image: the forms in which tables hold images."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from sweep.data.source import SourceImage, Unreadable, channels_first

BINARY = (
    pa.types.is_binary,
    pa.types.is_large_binary,
    pa.types.is_binary_view,
    pa.types.is_fixed_size_binary,
)


def read_image(cell: Any, shape: tuple[int, ...] | None) -> SourceImage:
    """An image from an Arrow scalar.

    Encoded bytes; Hugging Face's struct of bytes and path; a fixed-shape tensor; a flat
    list of pixels of the given shape; nested lists.
    """
    if not cell.is_valid:
        return Unreadable("no image")
    kind = cell.type
    if isinstance(kind, pa.StructType):
        content = cell.as_py()
        if content.get("bytes") is None:
            return Unreadable(f"no bytes, only the path {content.get('path')!r}")
        return bytes(content["bytes"])
    if any(is_one(kind) for is_one in BINARY):
        return bytes(cell.as_py())
    if isinstance(kind, pa.FixedShapeTensorType):
        return channels_first(cell.to_numpy())
    if not _is_list(kind):
        return Unreadable(f"a cell of type {kind} is no image")
    pixels = _nested(cell.values)
    if isinstance(pixels, Unreadable):
        return pixels
    if pixels.ndim == 1:
        if shape is None:
            return Unreadable("a flat list of pixels without a shape: set data.image_shape")
        if pixels.size != np.prod(shape):
            return Unreadable(f"{pixels.size} pixels don't make shape {tuple(shape)}")
        pixels = pixels.reshape(shape)
    return channels_first(pixels)


def _nested(values: Any) -> NDArray[np.generic] | Unreadable:
    """Nested Arrow lists as an array, if they are as regular as one."""
    sizes = [len(values)]
    while _is_list(values.type):
        inner = [len(row) for row in values]
        if values.null_count or len(set(inner)) != 1:
            return Unreadable("rows of unlike length")
        sizes.append(inner[0])
        values = values.flatten()
    if values.null_count:
        return Unreadable(f"{values.null_count} pixels are missing")
    array: NDArray[np.generic] = values.to_numpy(zero_copy_only=False)
    return array.reshape(sizes)


def _is_list(kind: Any) -> bool:
    return bool(
        pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
    )
