"""Encoded images to pixels, all at once or only looked at.

Legend: C channels (1 for grey, else 3), H height, W width.
"""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray

LEVELS = 256
# Others are rare among photographs, and some start programs: EPS is drawn by Ghostscript.
FORMATS = ("BMP", "GIF", "JPEG", "JPEG2000", "PNG", "PPM", "TIFF", "WEBP")
# A small file can claim any size; this many pixels take 270 MB as they are unpacked.
MOST_PIXELS = 90_000_000
# Modes of more than 8 bits a channel: making them 8 would clip, silently.
DEEP_MODES = ("I", "F", "I;16", "I;16L", "I;16B", "I;16N")


def open_image(content: bytes) -> Any:
    """A decoded PIL image in mode "L" (grey) or "RGB" (all else).

    Raises ValueError with one line saying what is wrong with the bytes.
    """
    from PIL import Image

    try:
        image = Image.open(io.BytesIO(content), formats=FORMATS)
        if image.width * image.height > MOST_PIXELS:
            raise ValueError(f"{image.width} x {image.height} pixels, more than are unpacked")
        image.load()
        if image.mode not in DEEP_MODES:
            return image if image.mode in ("L", "RGB") else image.convert(_plain_mode(image.mode))
    except Exception as error:  # decoders fail in every way there is
        raise ValueError(_reason(content, error)) from error
    raise ValueError(f"more than 8 bits a channel (mode {image.mode})")


def size_of(content: bytes) -> tuple[int, int]:
    """(H, W) that an encoded image says it has: nothing is unpacked. Raises ValueError."""
    from PIL import Image

    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as image:
            return image.height, image.width
    except Exception as error:
        raise ValueError(_reason(content, error)) from error


def decode(content: bytes) -> NDArray[np.uint8]:
    """Pixels (C, H, W) of an encoded image. Raises ValueError if it is corrupt."""
    return pixels_of(open_image(content))


def pixels_of(image: Any) -> NDArray[np.uint8]:
    """Pixels (C, H, W) of what `open_image` gave."""
    pixels = np.asarray(image, dtype=np.uint8)
    return pixels[None] if pixels.ndim == 2 else np.ascontiguousarray(pixels.transpose(2, 0, 1))


def encode_png(pixels: NDArray[np.uint8]) -> bytes:
    """Pixels (C, H, W) as a PNG file, without loss."""
    from PIL import Image

    planes = pixels[0] if len(pixels) == 1 else pixels.transpose(1, 2, 0)
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(planes)).save(buffer, "PNG")
    return buffer.getvalue()


def _plain_mode(mode: str) -> str:
    return "L" if mode in ("1", "LA", "La") else "RGB"


def _reason(content: bytes, error: Exception) -> str:
    if not content:
        return "empty"
    # PIL names the memory address of what it was given.
    text = str(error).partition("<_io")[0].strip().rstrip(":")
    return (text.splitlines() or [type(error).__name__])[0]
