"""Whether kernels have clusters at all: the same clustering of kernels that have none.

Legend: K kernels as rows of D = k^2 pixels, B null data sets, C clusters.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from estimators.kernel_clusters import explained_share, find_way, mean_kernels
from estimators.kernel_rows import drawn_rows, kernel_rows, own_order, zero_sum_basis
from estimators.kernel_ways import Way

NUM_COMPARED = 2_000  # kernels; more tell no more, at B + 1 clusterings for each null
NUM_PATTERNS = 10  # about as many as were published
FLOOR = 1e-3  # of the shape: without it no shape exists where kernels repeat
NUM_ITERATIONS = 100


@dataclass(frozen=True)
class NullComparison:
    """The share that clusters explain, against kernels without clusters.

    null: "permuted" or "gaussian".
    share: of the kernels' sum of squares, explained by the mean kernels of C clusters.
    null_shares: (B,) the same of each null data set.
    level: chance of exceeding the threshold where the null holds.
    """

    null: str
    share: float
    null_shares: NDArray[np.float64]
    level: float

    @property
    def threshold(self) -> float:
        """The largest null share but level (B + 1) - 1: what the share must exceed."""
        rank = int(self.level * (len(self.null_shares) + 1) + 1e-9)
        return float(np.sort(self.null_shares)[-rank])

    @property
    def p_value(self) -> float:
        return float((1 + (self.null_shares >= self.share).sum()) / (1 + len(self.null_shares)))

    @property
    def exceeds(self) -> bool:
        return self.share > self.threshold


@dataclass(frozen=True)
class Structure:
    """Whether one way's clusters are a finding: they must exceed both nulls."""

    way: str
    num_clusters: int
    permuted: NullComparison
    gaussian: NullComparison

    @property
    def found(self) -> bool:
        return self.permuted.exceeds and self.gaussian.exceeds


def find_structure(
    kernels: NDArray[np.floating],
    way: str | Way = "kmeans",
    num_clusters: int = NUM_PATTERNS,
    num_nulls: int = 19,
    level: float = 0.05,
    seed: int = 0,
) -> Structure:
    """Compare the clusters of kernels with those of two nulls, which see the same clustering.

    The statistic is the share of the kernels' sum of squares that the mean kernels of the C
    clusters explain, sum_c n_c |m_c|^2 / K. It needs no distance between clusters, so it is the
    same for all ways, and grows with one tight cluster as with many.

    permuted: each kernel's pixels in an order of its own. It keeps every kernel's values and
        destroys what kernels share. Where pixels of a kernel are exchangeable, white noise of
        any distribution among them, the kernels and their permutations are exchangeable, too,
        and the share exceeds the threshold with a chance of at most `level`, for any way, any
        number of clusters and any K: the test is exact, as a permutation test.
    gaussian: draws from a Gaussian of the kernels' own covariance, normalised alike. Smooth
        noise has shared directions, and k-means cuts them in clusters that look like blobs and
        derivatives; this null does, too. The covariance up to scale is Tyler's ("A
        distribution-free M-estimator of multivariate scatter", 1987,
        doi:10.1214/aos/1176350263), which normalised Gaussians have as their maximum
        likelihood. It is estimated from the same kernels: the level holds about, not exactly.

    `found` needs both, so its rate of false positives on white noise is at most `level`.

    kernels: (K, k, k), each of mean 0 and norm 1; of more than 2,000 so many are drawn.
    num_clusters: set beforehand, not chosen on the kernels, which would favour them.
    num_nulls: B; the p-value is at least 1/(B + 1).

    Known bias: "gaussian" is cautious, for the covariance of few kernels is spread more than the
    kernels' own: of 180 sets of white or smooth noise it was exceeded by none. A single pattern
    in noise counts as found, too.

    >>> import numpy as np
    >>> noise = np.random.default_rng(1).standard_normal((60, 3, 3))
    >>> noise -= noise.mean(axis=(1, 2), keepdims=True)
    >>> noise /= np.linalg.norm(noise, axis=(1, 2), keepdims=True)
    >>> find_structure(noise, num_clusters=4).found
    False
    """
    way = find_way(way)
    permuted, gaussian = (
        compare_with_null(kernels, null, way, num_clusters, num_nulls, level, seed)
        for null in ("permuted", "gaussian")
    )
    return Structure(way.name, num_clusters, permuted, gaussian)


def compare_with_null(
    kernels: NDArray[np.floating],
    null: str = "permuted",
    way: str | Way = "kmeans",
    num_clusters: int = NUM_PATTERNS,
    num_nulls: int = 19,
    level: float = 0.05,
    seed: int = 0,
) -> NullComparison:
    """One null of `find_structure`."""
    way = find_way(way)
    if null not in NULLS:
        raise ValueError(f"null must be one of {', '.join(NULLS)}, but got {null!r}")
    if not (0 < level < 1 and level * (num_nulls + 1) >= 1 - 1e-9):
        raise ValueError(
            f"`0 < level < 1` and `level * (num_nulls + 1) >= 1` must hold, but got level={level} "
            f"and num_nulls={num_nulls}: with so few nulls nothing can exceed it"
        )
    rows = kernel_rows(kernels)
    if not 1 <= num_clusters < len(rows):
        raise ValueError(
            f"`1 <= num_clusters < K` must hold, but got num_clusters={num_clusters} and "
            f"K={len(rows)} kernels: ask for fewer clusters"
        )
    rng = np.random.default_rng(seed)
    rows = rows[own_order(rows)]
    rows = rows[drawn_rows(len(rows), NUM_COMPARED, rng)]
    draw = NULLS[null](rows)
    shares = [_share(draw(rng), way, num_clusters, seed) for _ in range(num_nulls)]
    return NullComparison(null, _share(rows, way, num_clusters, seed), np.array(shares), level)


def _share(rows: NDArray[np.float32], way: Way, num_clusters: int, seed: int) -> float:
    """Kernels and nulls alike in their own order, with the same seed: a function of the set."""
    rows = rows[own_order(rows)]
    labels = way.label(way.place(rows, seed), num_clusters, seed)
    return explained_share(*mean_kernels(rows, labels))


Draw = Callable[[np.random.Generator], NDArray[np.float32]]


def _permuted(rows: NDArray[np.float32]) -> Draw:
    return lambda rng: rng.permuted(rows, axis=1)


def _gaussian(rows: NDArray[np.float32]) -> Draw:
    basis = zero_sum_basis(rows.shape[1])
    factor = np.linalg.cholesky(tyler_shape(rows @ basis))

    def draw(rng: np.random.Generator) -> NDArray[np.float32]:
        points = rng.standard_normal((len(rows), len(factor))) @ factor.T
        points /= np.linalg.norm(points, axis=1, keepdims=True)
        return np.asarray(points @ basis.T, np.float32)

    return draw


NULLS: dict[str, Callable[[NDArray[np.float32]], Draw]] = {
    "permuted": _permuted,
    "gaussian": _gaussian,
}


def tyler_shape(points: NDArray[np.floating]) -> NDArray[np.float64]:
    """(P, P) of trace P: the covariance up to scale, of which (N, P) points keep directions only.

    The fixed point of S = (1 - f) P/N sum x x' / (x' S^-1 x) + f I; the floor f makes it one for
    any points (Chen, Wiesel, Hero 2011, doi:10.1109/TSP.2011.2138698).
    """
    x = np.asarray(points, np.float64)
    size = x.shape[1]
    shape = np.eye(size)
    for _ in range(NUM_ITERATIONS):
        weight = (x * np.linalg.solve(shape, x.T).T).sum(axis=1)
        new = (1 - FLOOR) * size / len(x) * (x.T / weight) @ x + FLOOR * np.eye(size)
        new *= size / np.trace(new)
        moved = float(np.abs(new - shape).max())
        shape = new
        if moved < 1e-6:
            break
    return shape
