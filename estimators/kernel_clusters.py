"""Clusters of normalised kernels, found without templates.

Legend: K kernels of k by k pixels, C clusters, M members shown of each.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from estimators.cluster_agreement import cluster_stability
from estimators.kernel_rows import drawn_rows, kernel_rows, num_distinct, own_order
from estimators.kernel_ways import WAYS, Way

CANDIDATES = tuple(range(2, 17))  # around the ten patterns that were published
NUM_CHOOSING = 3_000  # kernels on which the number is chosen
NUM_REPEATED = 10_000  # kernels that are clustered again from other seeds
NUM_SEEDS = 5
NUM_MEMBERS = 16
NONE = -1


@dataclass(frozen=True)
class Clusters:
    """Clusters in the order of their size, the largest first; equal ones by their mean's pixels.

    labels: (K,) the cluster of each kernel.
    centers: (C, k, k) mean kernels. Their norm is below 1, the less alike the members the more.
    sizes: (C,) kernels in each; none is empty, so C may be less than was asked for.
    members: (C, M) numbers of the kernels of largest cosine with their mean, NONE where a
        cluster has fewer.
    explained: share of the kernels' sum of squares that the mean kernels account for.
    stability: mean adjusted Rand index between clusterings from different seeds; nan for one.
    criterion: what chose the number of clusters, or "given".
    candidates, scores: the numbers tried and what the criterion said; empty if given.
    """

    way: str
    labels: NDArray[np.int64]
    centers: NDArray[np.float64]
    sizes: NDArray[np.int64]
    members: NDArray[np.int64]
    explained: float
    stability: float
    criterion: str
    candidates: tuple[int, ...]
    scores: NDArray[np.float64]

    @property
    def num_clusters(self) -> int:
        return len(self.sizes)


def cluster_kernels(
    kernels: NDArray[np.floating],
    way: str | Way = "kmeans",
    num_clusters: int | None = None,
    candidates: Sequence[int] = CANDIDATES,
    num_seeds: int = NUM_SEEDS,
    seed: int = 0,
) -> Clusters:
    """Cluster normalised kernels in one of the ways of `WAYS`, or in one made to measure.

    Babaiee, Kiasari, Rus, Grosu, "Unveiling the Unseen: Identifiable Clusters in Trained
    Depthwise Convolutional Kernels", ICLR 2024, arXiv:2401.14469, cluster the codes of an
    autoencoder ("codes"); "kmeans", "ward" and "mixture" look at the kernels themselves.

    kernels: (K, k, k) float array, each of mean 0 and norm 1.
    num_clusters: None chooses among the candidates below the number of distinct kernels, on at
        most 3,000 kernels drawn with the seed: by the mean silhouette between kernels, which
        asks for no model of a cluster, for the mixture by BIC, which its likelihood allows; the
        smaller number among equals.
    num_seeds: how many seeds, from `seed` on, the stability is taken over, on at most 10,000
        kernels; 1 leaves it out.

    The order of the kernels changes nothing but the order of the labels. Clusters come out
    whatever the kernels are, of white noise too, and the silhouette can't choose 1: whether
    there are any is for `find_structure` to say. Known bias: the silhouette prefers few clusters
    where clusters form groups.

    >>> import numpy as np
    >>> ramp = np.array([[-1.0, 0, 1]] * 3) / 6**0.5
    >>> found = cluster_kernels(np.array([ramp, ramp.T, ramp, ramp]), num_clusters=2)
    >>> found.labels.tolist(), found.sizes.tolist()
    ([0, 1, 0, 0], [3, 1])
    """
    way = find_way(way)
    rows = kernel_rows(kernels)
    order = own_order(rows)
    rows = rows[order]
    distinct = num_distinct(rows)
    tried: tuple[int, ...] = ()
    scores = np.empty(0)
    if num_clusters is None:
        tried = tuple(sorted({count for count in candidates if 2 <= count < distinct}))
        if not tried:
            raise ValueError(
                "some candidate must be at least 2 and below the number of distinct kernels, but "
                f"got candidates={list(candidates)} and {distinct} distinct of {len(rows)} "
                "kernels: give num_clusters"
            )
    elif not 1 <= num_clusters <= distinct:
        raise ValueError(
            f"`1 <= num_clusters <= distinct kernels` must hold, but got num_clusters="
            f"{num_clusters} and {distinct} distinct of {len(rows)} kernels: ask for fewer"
        )
    points = way.place(rows, seed)
    if num_clusters is None:
        drawn = drawn_rows(len(rows), NUM_CHOOSING, np.random.default_rng(seed))
        scores = np.array([way.score(rows[drawn], points[drawn], c, seed) for c in tried])
        num_clusters = tried[int(scores.argmax())]
    labels, centers, sizes = _by_size(rows, way.label(points, num_clusters, seed))
    back = np.argsort(order)
    members = _nearest(rows, labels, centers)
    return Clusters(
        way.name,
        labels[back],
        centers.reshape(-1, *kernels.shape[1:]),
        sizes,
        np.where(members == NONE, NONE, order[members]),
        explained_share(sizes, centers),
        _stability(rows, way, num_clusters, num_seeds, seed),
        way.criterion if tried else "given",
        tried,
        scores,
    )


def find_way(way: str | Way) -> Way:
    """A way by its name, or the way itself."""
    if not isinstance(way, str):
        return way
    if way not in WAYS:
        raise ValueError(f"way must be one of {', '.join(WAYS)}, but got {way!r}")
    return WAYS[way]


def explained_share(sizes: NDArray[np.int64], centers: NDArray[np.float64]) -> float:
    """Of rows of norm 1: sum_c n_c |m_c|^2 / K, 1 less the mean squared distance to the means."""
    return float(sizes @ (centers**2).sum(axis=1) / sizes.sum())


def mean_kernels(
    rows: NDArray[np.float32], labels: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Sizes (C,) and means (C, D) of the clusters 0 ... C - 1, summed in double precision."""
    sizes = np.bincount(labels)
    sums = np.stack(
        [np.bincount(labels, weights=column, minlength=len(sizes)) for column in rows.T], axis=1
    )
    return sizes, sums / np.maximum(sizes, 1)[:, None]


def _by_size(
    rows: NDArray[np.float32], labels: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.int64]]:
    """Labels without empty clusters, largest first; their centers and sizes."""
    labels = np.unique(labels, return_inverse=True)[1]
    sizes, centers = mean_kernels(rows, labels)
    order = np.lexsort((*centers.T[::-1], -sizes))
    return np.argsort(order)[labels], centers[order], sizes[order]


def _nearest(
    rows: NDArray[np.float32], labels: NDArray[np.int64], centers: NDArray[np.float64]
) -> NDArray[np.int64]:
    """(C, M): rows have norm 1, so the largest product with the center is the largest cosine."""
    found = np.full((len(centers), NUM_MEMBERS), NONE)
    for label, center in enumerate(centers):
        own = np.flatnonzero(labels == label)
        best = own[np.argsort(-(rows[own] @ center), kind="stable")[:NUM_MEMBERS]]
        found[label, : len(best)] = best
    return found


def _stability(
    rows: NDArray[np.float32], way: Way, num_clusters: int, num_seeds: int, seed: int
) -> float:
    if not num_seeds >= 1:
        raise ValueError(f"`num_seeds >= 1` must hold, but got num_seeds={num_seeds}")
    if num_seeds == 1:
        return float("nan")
    few = rows[drawn_rows(len(rows), NUM_REPEATED, np.random.default_rng(seed))]
    seeds = range(seed, seed + num_seeds)
    return cluster_stability([way.label(way.place(few, s), num_clusters, s) for s in seeds])
