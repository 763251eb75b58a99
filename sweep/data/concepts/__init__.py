"""Images drawn from known factors, and which concept each of their pixels shows.

`draw_images` and `concept_masks` are functions of a seed and of the images' ids alone.
"""

from sweep.data.concepts.factors import (
    CLASS_NAMES,
    CONTINUOUS,
    DISCRETE,
    NUM_CONTINUOUS,
    Factors,
    draw_classes,
    draw_factors,
)
from sweep.data.concepts.masks import (
    LABELED_SHARES,
    concept_masks,
    coverage,
    image_labels,
    labeled,
    scene_labels,
)
from sweep.data.concepts.naming import color_names
from sweep.data.concepts.picture import draw_images
from sweep.data.concepts.vocabulary import CONCEPTS, PIXEL_CATEGORIES

__all__ = [
    "CLASS_NAMES",
    "CONCEPTS",
    "CONTINUOUS",
    "DISCRETE",
    "LABELED_SHARES",
    "NUM_CONTINUOUS",
    "PIXEL_CATEGORIES",
    "Factors",
    "color_names",
    "concept_masks",
    "coverage",
    "draw_classes",
    "draw_factors",
    "draw_images",
    "image_labels",
    "labeled",
    "scene_labels",
]
