"""ESS: local dimension from how far simplices of neighbors are from right-angled.

Legend: N points, D units, K neighbors, R points of a chunk, S simplices.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import gammaln

from estimators.errors import EstimationError
from estimators.estimate import Estimate, require_confidence
from estimators.local import Average, average_local, log_interval, usable_points
from estimators.neighborhoods import CHUNK_NUMBERS, displacements
from estimators.neighbors import Neighbors

Version = Literal["a", "b"]
MAX_D = 5
# The curve is that of neighbors drawn independently; k of them, centered, end far below this.
MAX_DIMENSION = 1 << 20
# A sine is the root of a difference: its rounding, and so the least error bar there is.
ROUNDING = float(np.finfo(np.float64).eps ** 0.5)


@dataclass(frozen=True)
class ESS:
    """Expected simplex skewness.

    Johnsson, Soneson, Fontes, "Low bias local intrinsic dimension estimation from expected
    simplex skewness", IEEE TPAMI 2015, doi:10.1109/TPAMI.2014.2343220. With v the vectors
    from the mean of a point's k neighbors to these neighbors, the skewness of a
    neighborhood is

        version "a": sum of vol(v_0, ..., v_d) / sum of |v_0| ... |v_d|,
        version "b": sum of |v_0 . v_1| / sum of |v_0| |v_1|,

    over all sets of d + 1 neighbors, vol the volume of the parallelepiped: for d = 1 the
    mean sine or cosine of the angles, weighted by the lengths. For independent directions
    uniform in n dimensions it is

        a(n) = (G(n/2) / G((n+1)/2))^d  G(n/2) / G((n-d)/2),
        b(n) = G(n/2) / (sqrt(pi) G((n+1)/2)),  G the gamma function,

    read backwards to get n, linearly between whole n as the authors do.

    version: "a" (default) or "b"; "b" needs d = 1.
    d: vertices of a simplex beside the mean, less one. 1 (default) needs nothing but the
        products of pairs and is the fastest. Its largest dimension is about k^2.
    k: neighbors per point; the authors say the more the better as long as they are nearly
        flat. 64 is the most that one table for all estimators holds.
    max_simplices: for d > 1, how many sets of neighbors are used at most, the same ranks at
        all points, drawn with `seed`; for d = 1 all pairs always.
    average: of the local values: "arithmetic" or "harmonic".
    confidence: coverage of the interval.

    The interval comes from the scatter of the local values, knowing that points share
    neighbors. It covers what the method yields at this N and k, not its bias.
    Known bias: small where neighborhoods are flat, -6% to -1% on balls and cubes of 2 to 20
    dimensions at N = 500 (edges make neighborhoods lopsided); curvature adds, +13% on the
    sphere of dimension 2 and +1% on that of 20.

    Points whose nearest neighbor is a duplicate and points whose neighbors are all equally
    far are dropped and counted. Raises EstimationError if the table has fewer than k
    columns or no points, or if fewer than 10 points remain.

    >>> import numpy as np
    >>> from estimators import nearest_neighbors
    >>> cube = np.random.default_rng(0).uniform(size=(300, 3))
    >>> estimate = ESS(k=40).estimate(nearest_neighbors(cube, k=40))
    >>> 2.7 < estimate.dimension < 3.1
    True
    """

    version: Version = "a"
    d: int = 1
    k: int = 64
    max_simplices: int = 5000
    seed: int = 0
    average: Average = "arithmetic"
    confidence: float = 0.95

    def __post_init__(self) -> None:
        if self.version not in get_args(Version):
            raise EstimationError(
                f"version must be one of {', '.join(get_args(Version))}, but got {self.version!r}"
            )
        most = MAX_D if self.version == "a" else 1
        if not 1 <= self.d <= most:
            raise EstimationError(
                f"`1 <= d <= {most}` must hold for version {self.version!r}, but got d={self.d}"
            )
        if self.k < self.d + 2:
            raise EstimationError(
                f"`k >= d + 2` must hold, but got k={self.k} and d={self.d}: "
                "centered neighbors of a smaller number are never independent"
            )
        if self.max_simplices < 1:
            raise EstimationError(
                f"`max_simplices >= 1` must hold, but got max_simplices={self.max_simplices}"
            )
        if self.average not in get_args(Average):
            raise EstimationError(
                f"average must be one of {', '.join(get_args(Average))}, but got {self.average!r}"
            )
        require_confidence(self.confidence)

    @property
    def name(self) -> str:
        return {"a": "ess", "b": "ess_b"}[self.version]

    @property
    def num_neighbors(self) -> int:
        return self.k

    def estimate(self, neighbors: Neighbors) -> Estimate:
        """The average of the dimensions at the points."""
        usable = usable_points(neighbors, self.k)
        skewness = np.empty(int(usable.kept.sum()))
        parts = np.empty((len(skewness), self.k))
        ranks = None if self.d == 1 else self._ranks()
        for part, vectors in displacements(neighbors, self.k, usable.kept):
            vectors -= vectors.mean(dim=1, keepdim=True)
            gram = vectors @ vectors.mT
            volumes, weights = (
                _pairs(gram, self.version)
                if ranks is None
                else _simplices(gram, torch.from_numpy(ranks).to(gram.device))
            )
            total = weights.sum(dim=1, keepdim=True)
            ratio = volumes.sum(dim=1, keepdim=True) / total
            skewness[part] = ratio[:, 0].cpu().numpy()
            # A set of d + 1 neighbors is in the sums once for each of them.
            parts[part] = ((self.d + 1) * (volumes - ratio * weights) / total).cpu().numpy()
        local, slope = _dimension_of(skewness, self.version, self.d)
        estimate = average_local(
            local,
            neighbors,
            self.k,
            usable,
            {
                "estimator": self.name,
                "version": self.version,
                "d": self.d,
                **({} if ranks is None else {"num_simplices": len(ranks), "seed": self.seed}),
            },
            average=self.average,
            confidence=self.confidence,
            members=slope[:, None] * parts,
        )
        # On a straight line every value is 1, up to rounding.
        stderr = max(estimate.stderr, ROUNDING * estimate.dimension)
        low, high = log_interval(estimate.dimension, stderr, self.confidence)
        return replace(estimate, stderr=stderr, low=low, high=high)

    def _ranks(self) -> NDArray[np.int64]:
        """(S, d + 1) ranks of neighbors: all sets, or `max_simplices` drawn from them."""
        size = self.d + 1
        if math.comb(self.k, size) <= self.max_simplices:
            return np.array(list(itertools.combinations(range(self.k), size)))
        rng = np.random.default_rng(self.seed)
        drawn: set[tuple[int, ...]] = set()
        while len(drawn) < self.max_simplices:
            drawn.add(tuple(sorted(rng.choice(self.k, size, replace=False).tolist())))
        return np.array(sorted(drawn))


def _pairs(gram: torch.Tensor, version: Version) -> tuple[torch.Tensor, torch.Tensor]:
    """(R, K) volumes and products of lengths of each neighbor's pairs, of (R, K, K) products."""
    squared = gram.diagonal(dim1=1, dim2=2).clone()
    lengths = squared.sqrt()
    # A neighbor and itself: a volume of 0, a product of its squared length.
    weights = lengths * lengths.sum(dim=1, keepdim=True) - squared
    if version == "b":
        return gram.abs().sum(dim=2) - squared, weights
    areas = (squared[:, :, None] * squared[:, None, :]).addcmul_(gram, gram, value=-1)
    areas.diagonal(dim1=1, dim2=2).zero_()
    return areas.clamp_min_(0).sqrt_().sum(dim=2), weights


def _simplices(gram: torch.Tensor, ranks: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The same of each neighbor's sets of d + 1, out of (S, d + 1) ranks."""
    lengths = gram.diagonal(dim1=1, dim2=2).sqrt()
    volumes, weights = torch.zeros_like(lengths), torch.zeros_like(lengths)
    step = max(1, CHUNK_NUMBERS // (len(gram) * ranks.shape[1] ** 2))
    for start in range(0, len(ranks), step):
        sets = ranks[start : start + step]
        minors = gram[:, sets[:, :, None], sets[:, None, :]]
        volume = torch.linalg.det(minors).clamp_min_(0).sqrt_()
        weight = lengths[:, sets].prod(dim=2)
        for vertex in sets.T:
            volumes.index_add_(1, vertex, volume)
            weights.index_add_(1, vertex, weight)
    return volumes, weights


def _dimension_of(
    skewness: NDArray[np.float64], version: Version, d: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The reference curve read backwards, linearly between whole dimensions, and its slope."""
    last = 64
    while True:
        whole = np.arange(d, last + 1, dtype=np.float64)
        ratio = gammaln(whole / 2) - gammaln((whole + 1) / 2)
        if version == "a":
            with np.errstate(divide="ignore"):
                curve = np.exp(d * ratio + gammaln(whole / 2) - gammaln((whole - d) / 2))
        else:
            # Falls with the dimension, while interpolation wants it to rise.
            curve, skewness = -np.exp(ratio) / math.sqrt(math.pi), -np.abs(skewness)
        if skewness.max() < curve[-1] or last >= MAX_DIMENSION:
            place = np.clip(np.searchsorted(curve, skewness) - 1, 0, len(curve) - 2)
            slope = 1 / np.diff(curve)[place]
            # "b" was turned around with its sign.
            turned = -slope if version == "b" else slope
            return np.interp(skewness, curve, whole), turned
        last *= 4
