"""The dimension from how a minimum spanning tree's edges shrink as points get more.

Legend: N points, D units, K neighbors, J halvings.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from estimators.errors import EstimationError
from estimators.estimate import Estimate, require_confidence
from estimators.local import require_neighbors
from estimators.neighbors import Neighbors
from estimators.pairs import without_copies
from estimators.spanning import spanning_tree_lengths

# With fewer, a quarter of the points would have too few of their own neighbors listed, and
# most would have to be searched again.
NUM_NEIGHBORS = 16
# Points of the smallest subsample.
MIN_SUBSAMPLE = 4


@dataclass(frozen=True)
class MST:
    """Dimension from the growth of the minimum spanning tree, also called PH0 dimension.

    The sum of the edges to the power alpha over n points grows as n^((d - alpha) / d)
    (Steele 1988, doi:10.1214/aop/1176991596; as an estimator Costa & Hero 2004,
    doi:10.1109/TSP.2004.831130; the edges are the lifetimes of 0-dimensional persistent
    homology: Adams et al. 2020, doi:10.1007/978-3-030-43408-3_1, Schweinhart 2020,
    doi:10.1016/j.aim.2020.107291). So the mean of the n - 1 edges falls as n^(-alpha / d),
    which holds better at small n than the sum, and
    d = -alpha / slope of log(mean edge^alpha) on log n.

    alpha: power of the edges, with 0 < alpha < d. 1 (default) is the tree's length; small
        powers rest on short edges.
    num_halvings: the points are halved at random, and the halves, so often: the fit is over
        N, N/2, ..., N/2^num_halvings points, and over all the 2^j disjoint subsamples of
        N/2^j. 3 (default): smaller ones are further from the limit of many points.
    seed: of the halving.
    confidence: coverage of the interval.

    Trees are exact (`spanning`), read off the neighbor table where that suffices.

    The error bar: what a sample's log mean edge exceeds that of its two halves by has the
    same variance times n at every size n, and its mean is the slope. That variance is
    measured among disjoint samples of the same size, one halving further than the fit
    (11 degrees of freedom by default), and taken to the N points. It covers which points
    were drawn and how they were halved, not the bias. A little too large: the excesses of
    a sample and of its halves compensate each other slightly, which is ignored.

    Known bias: too low, the more so the higher the dimension, as the edge of the data shows
    at all sizes: for balls of 500 points 3% in 2 dimensions, 10% in 5 and 17% in 10.

    Points whose nearest neighbor is a duplicate are dropped and counted. Raises
    EstimationError if the table has fewer than 16 columns, if fewer than
    4 x 2^(num_halvings + 1) points are left, if the table came without points but isn't
    enough, or if edges don't shrink.

    >>> import numpy as np
    >>> from estimators import nearest_neighbors
    >>> square = np.random.default_rng(0).uniform(size=(1000, 2))
    >>> estimate = MST().estimate(nearest_neighbors(square, k=16))
    >>> 1.7 < estimate.low < estimate.dimension < estimate.high < 2.3
    True
    """

    alpha: float = 1.0
    num_halvings: int = 3
    seed: int = 0
    confidence: float = 0.95

    def __post_init__(self) -> None:
        if not self.alpha > 0:
            raise EstimationError(f"`alpha > 0` must hold, but got alpha={self.alpha}")
        if self.num_halvings < 2:
            raise EstimationError(
                f"`num_halvings >= 2` must hold, but got num_halvings={self.num_halvings}: "
                "the error bar needs several subsamples of a size"
            )
        if self.seed < 0:
            raise EstimationError(f"`seed >= 0` must hold, but got seed={self.seed}")
        require_confidence(self.confidence)

    @property
    def name(self) -> str:
        return "mst"

    @property
    def num_neighbors(self) -> int:
        return NUM_NEIGHBORS

    def estimate(self, neighbors: Neighbors) -> Estimate:
        """The dimension from trees over all points, halves, quarters and so on.

        Raises EstimationError as told above.
        """
        from scipy.stats import t

        require_neighbors(neighbors, NUM_NEIGHBORS, "MST")
        kept = without_copies(neighbors, MIN_SUBSAMPLE * 2 ** (self.num_halvings + 1))
        num_points = int(kept.sum())
        shuffled = np.random.default_rng(self.seed).permutation(kept.nonzero()[0])
        parts, sizes, means = [shuffled], [], []
        for _ in range(self.num_halvings + 2):
            lengths = [spanning_tree_lengths(neighbors, np.sort(part), "MST") for part in parts]
            sizes.append(np.mean([math.log(len(part)) for part in parts]))
            means.append(np.array([np.log((edges**self.alpha).mean()) for edges in lengths]))
            if len(parts) == 1:
                scale = float(lengths[0].mean())
            parts = [half for part in parts for half in np.array_split(part, 2)]
        slope, error, freedom = _fit(np.array(sizes), means, num_points)
        if slope >= 0:
            raise EstimationError(
                f"edges must get shorter with more points, but they grow with slope {slope:.3g}: "
                "bring more points"
            )
        dimension = -self.alpha / slope
        error = error / -slope
        reach = float(t.isf((1 - self.confidence) / 2, freedom)) * error
        return Estimate(
            dimension=dimension,
            stderr=dimension * error,
            low=dimension * math.exp(-reach),
            high=dimension * math.exp(reach),
            num_points=num_points,
            num_dropped=len(kept) - num_points,
            scale=scale,
            settings={
                "estimator": self.name,
                "alpha": self.alpha,
                "num_halvings": self.num_halvings,
                "seed": self.seed,
                "confidence": self.confidence,
                "duplicates_dropped": len(kept) - num_points,
            },
        )


def _fit(
    sizes: NDArray[np.float64], means: list[NDArray[np.float64]], num_points: int
) -> tuple[float, float, int]:
    """Slope of the log mean edge on log size, its standard error and degrees of freedom.

    sizes: (J + 2,) mean log size at each level; means: (2^j,) log mean edges at level j. The
    last level serves only the error.
    """
    x = sizes[:-1] - sizes[:-1].mean()
    weights = x / (x @ x)
    slope = float(weights @ [level.mean() for level in means[:-1]])
    squares, freedom = 0.0, 0
    for level in range(1, len(means) - 1):
        excess = means[level] - means[level + 1].reshape(-1, 2).mean(axis=1)
        size = num_points / len(excess)
        squares += size * ((excess - excess.mean()) ** 2).sum()
        freedom += len(excess) - 1
    # The slope as a sum of excesses: each level's mean excess has variance squares / N.
    steps = weights.cumsum()[:-1]
    variance = squares / freedom / num_points * (steps @ steps)
    return slope, math.sqrt(variance), freedom
