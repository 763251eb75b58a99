"""Labels of the drawn images: which concept is where, as Network Dissection asks for.

They are drawn anew from the same factors, and nothing is stored. The conventions are those
of Broden (Bau et al. 2017, arXiv:1704.05796): a category may have no label for an image at
all, and then nothing of that category is known about it, which isn't the same as absence.

Legend: N images, S side in pixels, C concepts of a category.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sweep.data.concepts.factors import STREAM_LABELED, draw_factors, uniforms
from sweep.data.concepts.naming import color_names
from sweep.data.concepts.picture import as_levels, draw_canvas
from sweep.data.concepts.vocabulary import CONCEPTS, PAINTED, PIXEL_CATEGORIES

# The share of images that has labels of a category.
LABELED_SHARES: dict[str, float] = {
    "color": 1.0,
    "texture": 0.6,
    "material": 0.7,
    "part": 0.8,
    "object": 0.9,
    "scene": 0.9,
}


def labeled(category: str, ids: NDArray[np.int64], seed: int = 0) -> NDArray[np.bool_]:
    """(N,): whether each image has labels of the category, independently of all else.

    >>> bool(labeled("color", np.arange(5)).all())
    True
    """
    place = list(CONCEPTS).index(category)
    drawn = uniforms(seed, STREAM_LABELED, ids, len(CONCEPTS))[:, place]
    return drawn < LABELED_SHARES[category]


def concept_masks(
    ids: NDArray[np.int64],
    size: int,
    seed: int = 0,
    *,
    free: int | None = None,
    categories: Sequence[str] = PIXEL_CATEGORIES,
) -> dict[str, NDArray[np.uint8]]:
    """By category, (N, S, S) numbers of the concepts that the pixels show.

    Number n is `CONCEPTS[category][n - 1]`; 0 stands for none of them, and fills the maps of
    images without labels of the category: ask `labeled` which those are. A pixel has the
    label of what covers its center; the parts of an object lie within it; a color is the name
    of the pixel as it was drawn. A pixel may have a label in every category.

    ids, size, seed, free: as for `draw_images`, and as a prepared data set keeps them:
        `data.seed`, `data.image_size`, `data.free_factors`, and the ids of its images.

    >>> masks = concept_masks(np.arange(2), size=32)
    >>> masks["object"].shape
    (2, 32, 32)
    """
    ids = np.asarray(ids, np.int64)
    found = {category: np.zeros((len(ids), size, size), np.uint8) for category in categories}
    known = {category: labeled(category, ids, seed) for category in categories}
    factors = draw_factors(seed, ids, free)
    for row in range(len(ids)):
        if not any(known[category][row] for category in categories):
            continue
        canvas = draw_canvas(factors.of(row), size)
        for category in categories:
            if not known[category][row]:
                continue
            if category == "color":
                found[category][row] = color_names(as_levels(canvas.pixels))
            else:
                found[category][row] = canvas.labels[PAINTED.index(category)]
    return found


def scene_labels(ids: NDArray[np.int64], seed: int = 0) -> NDArray[np.uint8]:
    """(N,): the number of each image's scene, which covers all of it; 0 where unlabelled."""
    scenes = draw_factors(seed, ids).discrete["scene"] + 1
    return np.where(labeled("scene", ids, seed), scenes, 0).astype(np.uint8)


def image_labels(masks: NDArray[np.uint8], category: str) -> NDArray[np.bool_]:
    """(N, C): which concepts of the category occur, from its masks (N, S, S) or (N,)."""
    numbers = np.arange(1, len(CONCEPTS[category]) + 1)
    flat = masks.reshape(len(masks), -1)
    return np.stack([(flat == number).any(axis=1) for number in numbers], axis=1)


def coverage(
    ids: NDArray[np.int64], size: int, seed: int = 0, *, free: int | None = None
) -> dict[str, dict[str, float]]:
    """By category and concept: the share of pixels with the label.

    The pixels are all those of the images that have labels of the category; so it doesn't
    depend on how many those are. Scenes cover all pixels of their images.
    """
    maps: dict[str, NDArray[np.uint8]] = dict(concept_masks(ids, size, seed, free=free))
    maps["scene"] = scene_labels(ids, seed)
    found = {}
    for category, names in CONCEPTS.items():
        those = maps[category][labeled(category, ids, seed)]
        counts = np.bincount(those.ravel(), minlength=len(names) + 1)[1:]
        shares = (counts / max(those.size, 1)).tolist()
        found[category] = dict(zip(names, shares, strict=True))
    return found
