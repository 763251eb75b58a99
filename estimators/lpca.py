"""Local PCA: how many principal components a neighborhood has.

Legend: N points, D units, K neighbors, P usable points, R points of a chunk,
L = min(K - 1, D) eigenvalues.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray

from estimators.errors import EstimationError
from estimators.estimate import Estimate, require_confidence
from estimators.local import average_local, log_interval, usable_points
from estimators.neighborhoods import displacements
from estimators.neighbors import Neighbors

Rule = Literal["fo", "ratio", "participation_ratio", "maxgap", "kaiser", "broken_stick"]
# Eigenvalues below this share of the largest are rounding.
ROUNDING = 1e-13


@dataclass(frozen=True)
class LocalPCA:
    """Local principal component analysis, averaged over the points.

    Fukunaga, Olsen, "An algorithm for finding intrinsic dimensionality of data", IEEE
    Transactions on Computers 1971, doi:10.1109/T-C.1971.223208. Of the eigenvalues
    l_1 >= l_2 >= ... of the covariance of a point's k neighbors, `rule` counts:

      "fo" (default): those above alpha l_1 (Fukunaga and Olsen).
      "ratio": the fewest that hold `share` of the variance.
      "participation_ratio": (sum l)^2 / sum l^2, the only one that is no whole number.
      "maxgap": up to the largest l_i / l_{i+1}. It can't find that all D units count.
      "kaiser": those above the mean of all L (Kaiser 1960, doi:10.1177/001316446002000116).
      "broken_stick": the leading ones, each above the expected length of its piece of a
          stick broken into L at random (Jackson 1993, doi:10.2307/1939574); 1 at least.

    k: neighbors per point, the point itself apart. As many as stay nearly flat: the
        covariance of few points has small eigenvalues even where all directions are alike.
        By the law of Marchenko and Pastur the least is ((1 - q) / (1 + q))^2 of the largest
        with q = sqrt(d / k), which is below alpha = 0.05 once d > 0.4 k.
    alpha: of "fo".
    share: of "ratio".
    confidence: coverage of the interval.

    The interval comes from the scatter of the local values, knowing that points share
    neighbors. Whole numbers may all agree and still not be certain, hence two imagined
    neighborhoods, one with a dimension more and one with a dimension less, are added to the
    n = N / (k + 1) that share no points (after Agresti and Coull 1998,
    doi:10.1080/00031305.1998.10480550). The interval covers what the rule yields at this N
    and k, not its bias.
    Known bias: "fo" is within 1% on balls and cubes of 2 to 20 dimensions at N = 500, but
    curvature counts as one dimension more (+19% on the sphere of dimension 5, +2% on that of
    20); "ratio" and "participation_ratio" are too low by 10% to 25% from dimension 5 on.

    Points whose nearest neighbor is a duplicate and points whose neighbors are all equally
    far are dropped and counted. Raises EstimationError if the table has fewer than k
    columns or no points, or if fewer than 10 points remain.

    >>> import numpy as np
    >>> from estimators import nearest_neighbors
    >>> cube = np.random.default_rng(0).uniform(size=(300, 3))
    >>> LocalPCA(k=40).estimate(nearest_neighbors(cube, k=40)).dimension
    3.0
    """

    rule: Rule = "fo"
    k: int = 64
    alpha: float = 0.05
    share: float = 0.9
    confidence: float = 0.95

    def __post_init__(self) -> None:
        if self.rule not in get_args(Rule):
            raise EstimationError(
                f"rule must be one of {', '.join(get_args(Rule))}, but got {self.rule!r}"
            )
        if self.k < 3:
            raise EstimationError(
                f"`k >= 3` must hold, but got k={self.k}: two neighbors always lie on a line"
            )
        if not 0 < self.alpha < 1:
            raise EstimationError(f"`0 < alpha < 1` must hold, but got alpha={self.alpha}")
        if not 0 < self.share <= 1:
            raise EstimationError(f"`0 < share <= 1` must hold, but got share={self.share}")
        require_confidence(self.confidence)

    @property
    def name(self) -> str:
        return "lpca" if self.rule == "fo" else f"lpca_{self.rule}"

    @property
    def num_neighbors(self) -> int:
        return self.k

    def estimate(self, neighbors: Neighbors) -> Estimate:
        """The mean of the dimensions at the points."""
        usable = usable_points(neighbors, self.k)
        count = self._rule()
        local = np.empty(int(usable.kept.sum()))
        # Only the participation ratio changes smoothly with the weight of a neighbor.
        members = np.empty((len(local), self.k)) if self._is_smooth else None
        for part, vectors in displacements(neighbors, self.k, usable.kept):
            vectors -= vectors.mean(dim=1, keepdim=True)
            local[part] = count(_spectra(vectors).cpu().numpy())
            if members is not None:
                members[part] = local[part, None] * _parts(vectors).cpu().numpy()
        settings = {"fo": {"alpha": self.alpha}, "ratio": {"share": self.share}}
        estimate = average_local(
            local,
            neighbors,
            self.k,
            usable,
            {"estimator": self.name, "rule": self.rule, **settings.get(self.rule, {})},
            average="arithmetic",
            confidence=self.confidence,
            members=members,
        )
        # On a straight line every participation ratio is 1, up to rounding.
        apart = ROUNDING if self._is_smooth else math.sqrt(2) * (self.k + 1)
        imagined = apart / len(local)
        stderr = math.hypot(estimate.stderr, imagined)
        low, high = log_interval(estimate.dimension, stderr, self.confidence)
        return replace(estimate, stderr=stderr, low=low, high=high)

    @property
    def _is_smooth(self) -> bool:
        return self.rule == "participation_ratio"

    def _rule(self) -> Callable[[NDArray[np.float64]], NDArray[np.float64]]:
        """The function from (R, L) eigenvalues to (R,) dimensions."""
        rules: dict[Rule, Callable[[NDArray[np.float64]], NDArray[np.float64]]] = {
            "fo": lambda e: (e > self.alpha * e[:, :1]).sum(axis=1),
            "ratio": lambda e: _least_holding(e, self.share),
            "participation_ratio": lambda e: e.sum(axis=1) ** 2 / (e**2).sum(axis=1),
            "maxgap": _largest_gap,
            "kaiser": lambda e: np.maximum(1, (e > e.mean(axis=1, keepdims=True)).sum(axis=1)),
            "broken_stick": _broken_stick,
        }
        return rules[self.rule]


def _spectra(vectors: torch.Tensor) -> torch.Tensor:
    """(R, L) eigenvalues, descending, of the covariance of (R, K, D) centered neighbors."""
    num_neighbors, num_units = vectors.shape[1:]
    # Both products have the same nonzero eigenvalues: take the smaller.
    gram = vectors @ vectors.mT if num_units > num_neighbors else vectors.mT @ vectors
    rank = min(num_neighbors - 1, num_units)
    found = torch.linalg.eigvalsh(gram).flip(1)[:, :rank] / (num_neighbors - 1)
    return torch.maximum(found, ROUNDING * found[:, :1])


def _parts(vectors: torch.Tensor) -> torch.Tensor:
    """(R, K) derivative of the log participation ratio by the weight of each neighbor."""
    first = (vectors * vectors).sum(dim=2)
    wide = vectors.shape[2] > vectors.shape[1]
    second = (
        ((vectors @ vectors.mT) ** 2).sum(dim=2)
        if wide
        else ((vectors @ (vectors.mT @ vectors)) * vectors).sum(dim=2)
    )
    share = first / first.sum(dim=1, keepdim=True) - second / second.sum(dim=1, keepdim=True)
    return 2 * share


def _least_holding(eigenvalues: NDArray[np.float64], share: float) -> NDArray[np.float64]:
    held = eigenvalues.cumsum(axis=1)
    # A hair of slack: the sum of all eigenvalues must count as the whole variance.
    short = held < share * held[:, -1:] * (1 - 1e-12)
    return np.asarray(short.sum(axis=1) + 1.0)


def _largest_gap(eigenvalues: NDArray[np.float64]) -> NDArray[np.float64]:
    if eigenvalues.shape[1] == 1:
        return np.ones(len(eigenvalues))
    return np.asarray((eigenvalues[:, :-1] / eigenvalues[:, 1:]).argmax(axis=1) + 1.0)


def _broken_stick(eigenvalues: NDArray[np.float64]) -> NDArray[np.float64]:
    length = eigenvalues.shape[1]
    pieces = np.cumsum(1 / np.arange(length, 0, -1))[::-1] / length
    above = eigenvalues / eigenvalues.sum(axis=1, keepdims=True) >= pieces
    return np.asarray(np.maximum(1.0, above.cumprod(axis=1).sum(axis=1)))
