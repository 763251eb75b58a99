"""Training-set size: a part of the training images, classes in proportion."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sweep.errors import TrialFailure


def choose_subset(
    labels: NDArray[np.int64], num_images: int | None, seed: int
) -> NDArray[np.int64]:
    """Ascending rows of `num_images` of the (N,) labelled images; None takes all.

    Every class gives its share, to within one image, and at the same seed the rows of a
    smaller number are among those of a larger one. Raises TrialFailure if there are fewer.
    """
    if num_images is None:
        return np.arange(len(labels))
    if num_images > len(labels):
        raise TrialFailure(
            f"training.num_images: {num_images} asked, but there are {len(labels)} training "
            "images: take at most so many"
        )
    rng = np.random.default_rng([seed, 3])
    # Where each image stands in its own class, as a share of it: 0 to 1 in every class alike.
    place = np.empty(len(labels))
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        place[rng.permutation(members)] = (np.arange(len(members)) + rng.random()) / len(members)
    return np.sort(np.argsort(place, kind="stable")[:num_images])
