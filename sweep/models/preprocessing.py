"""From a stored image to what a network takes: pixels first, then mean and deviation.

The steps are those of the published evaluation transforms of torchvision and timm (resize
with Pillow, center crop), so that pretrained networks see what they were trained for.
Legend: R stored images, N images in a batch, C channels, H height, W width.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from sweep.data.luminance import add_luminance
from sweep.errors import TrialFailure

if TYPE_CHECKING:
    from PIL.Image import Image

    from sweep.data.partitions import Split

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class Preprocessing:
    """From a stored image to what a network takes: uint8 pixels, all of one shape.

    size: (H, W) after the center crop; None: as stored, for tensor data alone.
    resize: the shorter side, or (H, W), before the crop; None: no resize.
    interpolation: as Pillow names it: "bilinear", "bicubic" ...
    channels: 1 or 3: grey images are repeated, color ones stay.
    mean, std: per channel, of pixels scaled to [0, 1].
    pad: fit the longer side instead of the shorter one and pad with the mean color.
    luminance_gradient: strength of the offset that each image gets, by its id; 0: none.
    floored: a crop of odd difference starts half a pixel up and left (Hugging Face), and
        not where rounding to even puts it (torchvision, timm).
    """

    size: tuple[int, int] | None
    resize: int | tuple[int, int] | None
    interpolation: str
    channels: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    pad: bool = False
    floored: bool = False
    luminance_gradient: float = 0.0

    def pixels_of(self, split: Split, rows: NDArray[np.int64]) -> torch.Tensor:
        """(R, C, H, W) pixels of these rows of a split: uint8, float32 with an offset."""
        pixels = self.pixels(split.stored(rows))
        if not self.luminance_gradient:
            return pixels
        return add_luminance(pixels, split.ids[rows], self.luminance_gradient)

    def pixels(self, stored: NDArray[np.uint8] | Sequence[bytes]) -> torch.Tensor:
        """(R, C, H, W) uint8 of R stored images: a (R, C, H, W) uint8 array, or encoded bytes.

        Encoded images are decoded to RGB (grey for a network of one channel); their EXIF
        rotation is not applied, as torchvision doesn't. An array that is already right
        is neither copied nor written to. Raises TrialFailure that names the image which
        can't be decoded.
        """
        if isinstance(stored, np.ndarray):
            if self.size is None or (self.resize is None and stored.shape[2:] == self.size):
                return self._with_channels(_tensor(stored))
            return self._resized(stored, _from_array, stored.shape[1])
        return self._resized(stored, self._decoded, self.channels)

    def with_luminance(self, strength: float) -> Preprocessing:
        """With an offset for each image, and the mean and deviation that pixels then have."""
        if not strength:
            return self
        mean = tuple((mean + strength / 2) / (1 + strength) for mean in self.mean)
        # The deviations of offset and pixels add up in squares: one is uniform, and independent.
        std = tuple((std**2 + strength**2 / 12) ** 0.5 / (1 + strength) for std in self.std)
        return replace(self, mean=mean, std=std, luminance_gradient=strength)

    def to_json(self) -> dict[str, Any]:
        """For settings and keys."""
        return asdict(self)

    def _resized(
        self,
        stored: Sequence[Any] | NDArray[np.uint8],
        opened: Callable[[Any], Image],
        channels: int,
    ) -> torch.Tensor:
        if self.size is None:
            raise ValueError("a preprocessing without a size takes tensor data alone")
        pixels = np.empty((len(stored), channels, *self.size), np.uint8)
        for place, item in enumerate(stored):
            try:
                image = self._fitted(opened(item), *self.size)
            except (OSError, ValueError, SyntaxError) as error:
                raise TrialFailure(f"image {place} of a block can't be decoded: {error}") from error
            array = np.asarray(image)
            pixels[place] = array if array.ndim == 2 else array.transpose(2, 0, 1)
        return self._with_channels(torch.from_numpy(pixels))

    def _decoded(self, encoded: bytes) -> Image:
        from PIL import Image

        with Image.open(io.BytesIO(encoded)) as image:
            return image.convert("L" if self.channels == 1 else "RGB")

    def _fitted(self, image: Image, height: int, width: int) -> Image:
        """Resized and cropped (or padded) to (H, W), as the reference transforms do it."""
        from PIL import Image as Pillow

        if self.resize is not None:
            sides = _sides(image.height, image.width, self.resize, longer=self.pad)
            if sides != (image.height, image.width):
                method = Pillow.Resampling[self.interpolation.upper()]
                image = image.resize((sides[1], sides[0]), method)
        top, left = self._offset(image.height, height), self._offset(image.width, width)
        if self.pad and (top < 0 or left < 0):
            canvas = Pillow.new("RGB", (width, height), tuple(round(255 * m) for m in self.mean))
            canvas.paste(image, (-left, -top))
            return canvas
        if image.size == (width, height):
            return image
        return image.crop((left, top, left + width, top + height))

    def _offset(self, side: int, crop: int) -> int:
        """Where a center crop starts; negative where the image is smaller."""
        if side < crop:
            return -((crop - side) // 2)
        return (side - crop) // 2 if self.floored else round((side - crop) / 2)

    def _with_channels(self, pixels: torch.Tensor) -> torch.Tensor:
        return pixels.expand(-1, 3, -1, -1) if pixels.shape[1] < self.channels else pixels


class Normalize(nn.Module):
    """uint8 or float images (N, C, H, W) in 0..255 to zero mean and unit variance."""

    mean: torch.Tensor
    std: torch.Tensor

    def __init__(self, mean: Sequence[float], std: Sequence[float]) -> None:
        super().__init__()
        self.register_buffer("mean", 255 * torch.tensor(mean).reshape(-1, 1, 1), persistent=False)
        self.register_buffer("std", 255 * torch.tensor(std).reshape(-1, 1, 1), persistent=False)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return (images.float() - self.mean) / self.std.clamp_min(1e-6)


def _sides(height: int, width: int, resize: int | tuple[int, int], longer: bool) -> tuple[int, int]:
    """(H, W) after the resize; the side that follows is cut off, as in torchvision."""
    if longer:  # timm's ResizeKeepRatio rounds both
        target = resize if isinstance(resize, tuple) else (resize, resize)
        ratio = max(height / target[0], width / target[1])
        return round(height / ratio), round(width / ratio)
    if isinstance(resize, tuple):
        return resize
    if height <= width:
        return resize, int(resize * width / height)
    return int(resize * height / width), resize


def _from_array(image: NDArray[np.uint8]) -> Image:
    from PIL import Image

    return Image.fromarray(image[0] if len(image) == 1 else image.transpose(1, 2, 0))


def _tensor(array: NDArray[np.uint8]) -> torch.Tensor:
    """A view of the array; read-only memory maps are copied, since torch can't say so."""
    return torch.from_numpy(array if array.flags.writeable else array.copy())
