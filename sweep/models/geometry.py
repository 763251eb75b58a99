"""Which part of an image, and how large, a network gets: from what is stored and asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sweep.errors import UserError
from sweep.models.preprocessing import Preprocessing


def for_encoded(
    name: str, own: Preprocessing | None, image_size: int | None, channels: int
) -> Preprocessing:
    """Encoded images, all of different size: the network's own resize and crop, or its share.

    own: a library network's; None for ours and the user's, which have no size of their
    own. Raises UserError if no size is known.
    """
    if own is None:
        if image_size is None:
            raise UserError(
                f"model.image_size must be set, since {name} has no image size of its own and "
                "the data set's images have many: for example model.image_size=64"
            )
        size = (image_size, image_size)
        return Preprocessing(size, image_size, "bilinear", channels, (), ())
    if image_size is None:
        return own
    return replace(own, size=(image_size, image_size), resize=_scaled(own, image_size))


def for_tensors(
    stored: tuple[int, int, int],
    own: Preprocessing | None,
    image_size: int | None,
    as_stored: bool,
) -> Preprocessing:
    """Images stored as (C, H, W) tensors: as they are where that will do, else resized.

    as_stored: whether the network takes the stored size. Nothing but what is beyond a
    square is cropped away: small images have no margin to lose.
    """
    if own is None:
        own = Preprocessing(None, None, "bilinear", stored[0], (), ())
    if image_size is None and as_stored:
        return replace(own, size=None, resize=None)
    size = own.size if image_size is None else (image_size, image_size)
    if size is None or size == stored[1:]:
        return replace(own, size=size, resize=None)
    return replace(own, size=size, resize=size[0] if size[0] == size[1] else size)


def with_statistics(
    geometry: Preprocessing, mean: Sequence[float], std: Sequence[float]
) -> Preprocessing:
    """With mean and deviation for as many channels as the network takes."""
    repeat = geometry.channels if len(mean) == 1 else 1
    return replace(geometry, mean=tuple(mean) * repeat, std=tuple(std) * repeat)


def _scaled(own: Preprocessing, image_size: int) -> int | tuple[int, int] | None:
    """The resize before a crop of `image_size` that leaves the same share of the image."""
    if own.resize is None or own.size is None:
        return own.resize
    if isinstance(own.resize, int):
        return round(image_size * own.resize / min(own.size))
    height, width = own.resize
    return round(image_size * height / own.size[0]), round(image_size * width / own.size[1])
