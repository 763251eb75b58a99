"""The data sets that a sweep file can name.

Legend: N images, C channels, H height, W width.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class LabelledImages:
    """Images with one label each.

    images: (N, C, H, W) uint8. labels: (N,) int64 in [0, num_classes).
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    num_classes: int


@dataclass(frozen=True)
class DataSet:
    """A data set by name: what it is, and how to get it."""

    summary: str
    load: Callable[[], LabelledImages]


def load_digits() -> LabelledImages:
    """1,797 handwritten digits, 1 x 8 x 8, 10 classes, shipped with scikit-learn.

    Alpaydin and Kaynak, Optical Recognition of Handwritten Digits, 1998,
    doi:10.24432/C50P49. The 17 grey levels are spread over 0 to 255.
    """
    from sklearn.datasets import load_digits as load

    digits = load()
    images = np.rint(digits.images * (255 / 16)).astype(np.uint8)
    return LabelledImages(images[:, None], digits.target.astype(np.int64), 10)


DATASETS: dict[str, DataSet] = {
    "digits": DataSet("1,797 handwritten digits, 8 x 8 grey, 10 classes (embedded)", load_digits),
}
