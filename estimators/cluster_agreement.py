"""How alike clusterings of the same things are, whatever their labels are called."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Agreement:
    """Each clustering against each: 1 for the same partition, 0 as by chance.

    names: of the W clusterings.
    adjusted_rand: (W, W) Hubert and Arabie, "Comparing partitions", 1985,
        doi:10.1007/BF01908075: pairs together or apart in both, above chance.
    adjusted_mutual: (W, W) Vinh, Epps, Bailey, "Information theoretic measures for clusterings
        comparison", JMLR 2010: mutual information over the mean entropy, above chance.
    """

    names: tuple[str, ...]
    adjusted_rand: NDArray[np.float64]
    adjusted_mutual: NDArray[np.float64]


def cluster_agreement(labels: Mapping[str, NDArray[np.int64]]) -> Agreement:
    """Tables of agreement between clusterings of the same kernels, by name.

    >>> import numpy as np
    >>> found = cluster_agreement({"a": np.array([0, 0, 1, 1]), "b": np.array([1, 1, 0, 0])})
    >>> float(found.adjusted_rand[0, 1])
    1.0
    """
    from sklearn.metrics import adjusted_mutual_info_score, adjusted_rand_score

    sizes = {name: len(some) for name, some in labels.items()}
    if len(set(sizes.values())) > 1:
        raise ValueError(
            f"clusterings must label the same kernels, but got {sizes}: cluster one set of them"
        )
    names = tuple(labels)
    rand, mutual = np.eye(len(names)), np.eye(len(names))
    for one, other in itertools.combinations(range(len(names)), 2):
        pair = labels[names[one]], labels[names[other]]
        rand[one, other] = rand[other, one] = adjusted_rand_score(*pair)
        mutual[one, other] = mutual[other, one] = adjusted_mutual_info_score(*pair)
    return Agreement(names, rand, mutual)


def cluster_stability(labels: Sequence[NDArray[np.int64]]) -> float:
    """Mean adjusted Rand index over all pairs of clusterings; nan where there is but one."""
    from sklearn.metrics import adjusted_rand_score

    pairs = itertools.combinations(labels, 2)
    values = [adjusted_rand_score(one, other) for one, other in pairs]
    return float(np.mean(values)) if values else float("nan")
