"""Which images: train and test, and how many of each class. Pure functions of the labels.

Draws depend on the labels, their order and the seed alone: not on partitions, and not on
the order in which a file system lists files, since sources sort them.

Legend: N images, M chosen.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# Streams of random numbers apart from the split's, which has the bare seed.
BALANCED, RANDOM = 1, 2


def split_by_class(
    labels: NDArray[np.int64], test_fraction: float, seed: int
) -> dict[str, NDArray[np.int64]]:
    """Ids of the train and test images, each ascending; every class gives its share."""
    rng = np.random.default_rng(seed)
    test: list[NDArray[np.int64]] = [np.empty(0, np.int64)]
    for label in np.unique(labels):
        members = rng.permutation(np.flatnonzero(labels == label))
        test.append(members[: round(test_fraction * len(members))])
    test_ids = np.sort(np.concatenate(test))
    train_ids = np.setdiff1d(np.arange(len(labels)), test_ids)
    return {"train": train_ids, "test": test_ids}


def choose_rows(
    labels: NDArray[np.int64],
    choose: str,
    num_images: int | None,
    images_per_class: int | None,
    seed: int,
) -> NDArray[np.int64]:
    """Rows (M,) of labels (N,), ascending.

    all: every one. first: the first num_images. random: num_images drawn. balanced: equally
    many of each class that occurs, as num_images and the rarest allow (null: the rarest
    alone). per_class: images_per_class of each, or all of a class that has fewer.

    >>> choose_rows(np.array([0, 0, 0, 1, 1]), "balanced", None, None, seed=0).size
    4
    """
    match choose:
        case "first":
            return np.arange(len(labels))[:num_images]
        case "random":
            drawn = np.random.default_rng([seed, RANDOM]).permutation(len(labels))
            return np.sort(drawn[:num_images])
        case "balanced":
            classes, counts = np.unique(labels, return_counts=True)
            if not len(classes):
                return np.empty(0, np.int64)
            most = int(counts.min())
            quota = most if num_images is None else min(most, num_images // len(classes))
            return draw_per_class(labels, quota, seed)
        case "per_class":
            return draw_per_class(labels, images_per_class or 0, seed)
    return np.arange(len(labels))


def draw_per_class(labels: NDArray[np.int64], quota: int, seed: int) -> NDArray[np.int64]:
    """Rows (M,), ascending: `quota` images of each class, or all of a class that has fewer.

    A class's draw depends on no other class; a larger quota keeps what a smaller one drew.
    """
    order = np.argsort(labels, kind="stable")
    classes, starts = np.unique(labels[order], return_index=True)
    chosen: list[NDArray[np.int64]] = [np.empty(0, np.int64)]
    for label, members in zip(classes, np.split(order, starts[1:]), strict=False):
        rng = np.random.default_rng([seed, BALANCED, int(label)])
        chosen.append(rng.permutation(members)[:quota])
    return np.sort(np.concatenate(chosen))
