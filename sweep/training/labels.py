"""Label noise: a share of the training labels drawn anew."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def corrupt_labels(
    labels: NDArray[np.int64], fraction: float, num_classes: int, seed: int
) -> NDArray[np.int64]:
    """(N,) labels of which round(fraction * N) are drawn uniformly over all classes.

    A drawn label may happen to be the true one (Zhang et al., "Understanding deep learning
    requires rethinking generalization", ICLR 2017). With the same seed, the images touched
    at a smaller fraction are among those touched at a larger one.
    """
    rng = np.random.default_rng([seed, 1])
    order = rng.permutation(len(labels))
    drawn = rng.integers(num_classes, size=len(labels))
    touched = order[: round(fraction * len(labels))]
    noisy = labels.copy()
    noisy[touched] = drawn[touched]
    return noisy
