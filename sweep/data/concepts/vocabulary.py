"""The concepts that the drawn images hold, by category, with their numbers.

In each category concepts are numbered from 1; 0 stands for none of them.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

# From low to high, as Bau et al. 2017 (arXiv:1704.05796) order them. A scene is a label of
# the whole image, all others are labels of pixels.
CONCEPTS: dict[str, tuple[str, ...]] = {
    "color": (
        "black", "gray", "white", "red", "orange", "yellow",
        "green", "blue", "purple", "pink", "brown",
    ),
    "texture": ("striped", "checkered", "dotted", "zigzagged", "bricked", "wavy"),
    "material": (
        "grass", "straw", "sand", "snow", "water", "rock", "leaf", "wood", "brick", "plaster",
        "tile", "glass", "cloth",
    ),
    "part": (
        "wall", "roof", "door", "window", "chimney", "blade", "hub", "lantern",
        "crown", "trunk", "arm", "envelope", "basket", "tail",
    ),
    "object": (
        "sky", "night sky", "mountain", "meadow", "stubble", "dune", "snowfield", "lake",
        "house", "windmill", "lighthouse", "tree", "pine", "cactus",
        "balloon", "kite", "cloud", "sun", "moon", "star", "bird", "flower",
    ),
    "scene": ("countryside", "harvest", "desert", "winter", "lakeside"),
}  # fmt: skip

# Categories whose labels are painted with the picture; colors are read off the pixels.
PAINTED = ("texture", "material", "part", "object")
PIXEL_CATEGORIES = ("color", *PAINTED)


@cache
def number(category: str, concept: str) -> int:
    """The number of a concept in its category.

    >>> number("color", "black"), number("scene", "lakeside")
    (1, 5)
    """
    return CONCEPTS[category].index(concept) + 1


@cache
def painted_labels(
    object_: str | None = None,
    part: str | None = None,
    material: str | None = None,
    texture: str | None = None,
) -> NDArray[np.uint8]:
    """(4, 1) numbers in the order of PAINTED; 0 where a category is left out."""
    given = {"texture": texture, "material": material, "part": part, "object": object_}
    numbers = [0 if (name := given[c]) is None else number(c, name) for c in PAINTED]
    found = np.array(numbers, np.uint8)[:, None]
    found.flags.writeable = False
    return found
