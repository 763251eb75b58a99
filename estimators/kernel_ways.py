"""The ways to cluster kernels: what each looks at, how it labels, how it chooses a number.

Legend: K kernels as rows of D = k^2 pixels, C clusters.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from estimators.kernel_codes import encode_rows
from estimators.kernel_rows import drawn_rows, zero_sum_basis

Rows = NDArray[np.float32]
Labels = NDArray[np.int64]
NUM_STARTED = 20_000  # kernels among which k-means seeks where to start, from several seeds
NUM_STARTS = 4
NUM_ITERATIONS = 100
NUM_LINKED = 4_000  # kernels that are joined pair by pair: memory grows with their square
NUM_MIXED = 20_000  # kernels that a mixture is fitted to


class Way(Protocol):
    """A way to cluster. Rows are normalised, in their own order, and belong to one size."""

    @property
    def name(self) -> str: ...

    @property
    def criterion(self) -> str:
        """What chooses the number of clusters; the larger the better."""
        ...

    def place(self, rows: Rows, seed: int) -> Rows:
        """(K, P): the points that are clustered."""
        ...

    def label(self, points: Rows, num_clusters: int, seed: int) -> Labels:
        """(K,) labels 0 ... C - 1, in no order; some may stay empty."""
        ...

    def score(self, rows: Rows, points: Rows, num_clusters: int, seed: int) -> float: ...


@dataclass(frozen=True)
class PlainKMeans:
    """k-means on the pixels: Lloyd's iterations over all kernels, at most 100.

    They start from the best of four fits to at most 20,000 kernels drawn with the seed, each
    from a k-means++ start, since many starts over a million kernels find nothing else. Over
    more than 20,000 kernels the centers are summed in the order in which threads end, so with
    more than two threads their last bits may vary.
    """

    name: str = "kmeans"
    criterion: str = "silhouette"

    def place(self, rows: Rows, seed: int) -> Rows:  # noqa: ARG002
        return rows

    def label(self, points: Rows, num_clusters: int, seed: int) -> Labels:
        return _kmeans(points, num_clusters, seed)

    def score(self, rows: Rows, points: Rows, num_clusters: int, seed: int) -> float:
        return silhouette(rows, self.label(points, num_clusters, seed))


@dataclass(frozen=True)
class CodeKMeans:
    """k-means on the codes of the autoencoder, see `encode_kernels`.

    The silhouette is taken between kernels, not between codes: on a line that training is free
    to stretch, gaps mean little.
    """

    num_steps: int = 1000
    num_restarts: int = 4
    max_kernels: int = 10_000
    name: str = "codes"
    criterion: str = "silhouette"

    def place(self, rows: Rows, seed: int) -> Rows:
        codes, *_ = encode_rows(rows, self.num_steps, self.num_restarts, self.max_kernels, seed)
        return codes[:, None].astype(np.float32)

    def label(self, points: Rows, num_clusters: int, seed: int) -> Labels:
        return _kmeans(points, num_clusters, seed)

    def score(self, rows: Rows, points: Rows, num_clusters: int, seed: int) -> float:
        return silhouette(rows, self.label(points, num_clusters, seed))


@dataclass(frozen=True)
class Ward:
    """Hierarchical clustering, joining what raises the squared distances within least (Ward).

    Of more than 4,000 kernels so many are drawn with the seed and joined; the others go to the
    cluster whose mean is nearest. Below that the seed changes nothing.
    """

    name: str = "ward"
    criterion: str = "silhouette"

    def place(self, rows: Rows, seed: int) -> Rows:  # noqa: ARG002
        return rows

    def label(self, points: Rows, num_clusters: int, seed: int) -> Labels:
        from scipy.cluster.hierarchy import fcluster, ward

        if num_clusters == 1:
            return np.zeros(len(points), np.int64)
        drawn = drawn_rows(len(points), NUM_LINKED, np.random.default_rng(seed))
        few = points[drawn].astype(np.float64)
        joined = fcluster(ward(few), num_clusters, criterion="maxclust") - 1
        if len(drawn) == len(points):
            return np.asarray(joined, np.int64)
        centers = np.array([few[joined == label].mean(axis=0) for label in np.unique(joined)])
        labels = nearest_center(points, centers.astype(np.float32))
        labels[drawn] = joined
        return labels

    def score(self, rows: Rows, points: Rows, num_clusters: int, seed: int) -> float:
        return silhouette(rows, self.label(points, num_clusters, seed))


@dataclass(frozen=True)
class Mixture:
    """A mixture of Gaussians, each with its own weight and one spread for all directions.

    A covariance of its own would have k^4/2 numbers for each cluster, more than the kernels of
    most networks tell. Fitted from the means of k-means to at most 20,000 kernels drawn with
    the seed, in the D - 1 directions that kernels of mean 0 have. The criterion is minus the
    Bayesian information criterion (BIC). Known bias: clusters that are longer in some directions
    are cut in several, so the number chosen is an upper bound rather than a count.
    """

    name: str = "mixture"
    criterion: str = "-BIC"

    def place(self, rows: Rows, seed: int) -> Rows:  # noqa: ARG002
        return np.asarray(rows @ zero_sum_basis(rows.shape[1]), np.float32)

    def label(self, points: Rows, num_clusters: int, seed: int) -> Labels:
        return np.asarray(_mixture(points, num_clusters, seed).predict(points), np.int64)

    def score(self, rows: Rows, points: Rows, num_clusters: int, seed: int) -> float:  # noqa: ARG002
        return -float(_mixture(points, num_clusters, seed).bic(points))


WAYS: dict[str, Way] = {way.name: way for way in (CodeKMeans(), PlainKMeans(), Ward(), Mixture())}


def silhouette(rows: Rows, labels: Labels) -> float:
    """Mean silhouette; -1, its least, where there is but one cluster or each row is its own."""
    from sklearn.metrics import silhouette_score

    if not 2 <= len(np.unique(labels)) < len(rows):
        return -1.0
    return float(silhouette_score(rows, labels))


def nearest_center(points: Rows, centers: Rows) -> Labels:
    """(K,): which center is nearest to each point."""
    half = (centers**2).sum(axis=1) / 2
    return np.asarray((points @ centers.T - half).argmax(axis=1), np.int64)


def _kmeans(points: Rows, num_clusters: int, seed: int) -> Labels:
    from sklearn.cluster import KMeans

    drawn = drawn_rows(len(points), NUM_STARTED, np.random.default_rng(seed))
    settings: dict[str, Any] = {"max_iter": NUM_ITERATIONS, "random_state": seed}
    with _quiet():
        # Threads that share few points wait for each other longer than they work.
        with _threads().limit(limits=1):
            few = KMeans(num_clusters, n_init=NUM_STARTS, **settings).fit(points[drawn])
        if len(drawn) == len(points):
            return np.asarray(few.labels_, np.int64)
        whole = KMeans(num_clusters, init=few.cluster_centers_, n_init=1, **settings).fit(points)
    return np.asarray(whole.labels_, np.int64)


def _mixture(points: Rows, num_clusters: int, seed: int) -> Any:
    from sklearn.mixture import GaussianMixture

    few = points[drawn_rows(len(points), NUM_MIXED, np.random.default_rng(seed))]
    # From one start of its own it often ends with two Gaussians on one cluster.
    start = _kmeans(few, num_clusters, seed)
    means = np.array([few[start == label].mean(axis=0) for label in np.unique(start)], np.float64)
    model = GaussianMixture(
        len(means),
        covariance_type="spherical",
        max_iter=NUM_ITERATIONS,
        means_init=means,
        random_state=seed,
    )
    with _quiet(), _threads().limit(limits=1):
        return model.fit(few.astype(np.float64))


@cache
def _threads() -> Any:
    """Of the libraries loaded by now; a caller has imported what it uses. scikit-learn needs it."""
    from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]

    return ThreadpoolController()


@contextmanager
def _quiet() -> Iterator[None]:
    """Fewer distinct codes than clusters, or iterations cut short, still give labels."""
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        yield
