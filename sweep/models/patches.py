"""How large the patches of a patchifying stem are, for images of any size.

Legend: P side of a patch in pixels.
"""

from __future__ import annotations


def patch_side(image_shape: tuple[int, int, int], max_cells: int) -> int:
    """P: the least power of two that leaves at most `max_cells` patches along each side.

    The smaller side of the image is never exceeded, so that there is one patch at least.

    >>> [patch_side((3, side, side), 16) for side in (8, 16, 28, 32, 64, 224)]
    [1, 1, 2, 2, 4, 16]
    """
    side = 1
    while max(image_shape[1:]) > side * max_cells and 2 * side <= min(image_shape[1:]):
        side *= 2
    return side
