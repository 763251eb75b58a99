"""Image processors of Hugging Face in our terms: resize, crop, rescale, normalize."""

from __future__ import annotations

from typing import Any

from sweep.models.fetching import logger
from sweep.models.preprocessing import Normalize, Preprocessing

# ConvNeXt's processor squashes instead of cropping from here on.
CONVNEXT_SQUASH = 384


def translated(processor: Any) -> Preprocessing:
    """The same steps as an image processor's, as far as they are of these four kinds."""
    from PIL.Image import Resampling

    size, crop = dict(processor.size or {}), dict(getattr(processor, "crop_size", None) or {})
    sides: Any = (size.get("height"), size.get("width"))
    shorter = size.get("shortest_edge")
    share = getattr(processor, "crop_pct", None)
    resize: int | tuple[int, int] | None = None
    final: Any = None
    if getattr(processor, "do_resize", False):
        if shorter and share:
            final = (shorter, shorter)
            resize = int(shorter / share) if shorter < CONVNEXT_SQUASH else final
        elif shorter:
            resize, final = shorter, (shorter, shorter)
        elif None not in sides:
            resize = final = sides
    if getattr(processor, "do_center_crop", False) and crop.get("height"):
        final = (crop["height"], crop["width"])
    scale = 255 * processor.rescale_factor if getattr(processor, "do_rescale", False) else 255.0
    normalized = getattr(processor, "do_normalize", False)
    mean = processor.image_mean if normalized else (0.0, 0.0, 0.0)
    std = processor.image_std if normalized else (1.0, 1.0, 1.0)
    return Preprocessing(
        final or (224, 224),
        resize if final else 256,
        Resampling(int(processor.resample)).name.lower(),
        3,
        tuple(value / scale for value in mean),
        tuple(value / scale for value in std),
        floored=True,
    )


def check_translation(processor: Any, model: str) -> None:
    """Says in the log if a processor does more than resize, crop, rescale and normalize.

    Found by running it beside ours on an image of noise. Pillow and torch round a resize
    differently: by a level of 255 or two, which is let pass.
    """
    import numpy as np
    import torch
    from PIL import Image

    found = translated(processor)
    noise = np.random.default_rng(0).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    image = Image.fromarray(noise).resize((400, 300), Image.Resampling.BICUBIC)
    pixels = np.asarray(image).transpose(2, 0, 1)[None]
    theirs = processor(image, return_tensors="pt")["pixel_values"]
    ours = Normalize(found.mean, found.std)(found.pixels(pixels))
    level = 1 / (255 * min(found.std))
    if ours.shape != theirs.shape or float(torch.max(torch.abs(ours - theirs))) > 2.5 * level:
        logger.warning(
            "%s: %s does more than resize, crop, rescale and normalize; the network gets "
            "images without that",
            model,
            type(processor).__name__,
        )
