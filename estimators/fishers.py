"""Fisher separability: the dimension of a sphere whose points separate as often.

Legend: N points, D units, L principal directions, A margins alpha, G groups.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import lambertw

from estimators.errors import EstimationError
from estimators.estimate import Estimate, require_confidence
from estimators.neighbors import Neighbors
from estimators.pairs import (
    NUM_GROUPS,
    jackknife_interval,
    leave_group_out,
    require_points,
    tiles,
    without_copies,
)
from estimators.points import Points
from estimators.scatter import principal_coordinates

MIN_POINTS = 2 * NUM_GROUPS


@dataclass(frozen=True)
class FisherS:
    """Fisher separability analysis.

    Albergante, Bac, Zinovyev, "Estimation of the effective dimensionality of cancer data
    by separability analysis", IJCNN 2019, doi:10.1109/IJCNN.2019.8852450. Points are
    centered, reduced to principal directions, whitened and projected on the unit sphere.
    p(alpha) is the mean share of other points y that are not separable from x with margin
    alpha, (x, y) >= alpha (x, x). On a uniform sphere in n dimensions
    p = (1 - alpha^2)^((n-1)/2) / (alpha sqrt(2 pi n)), solved for n with Lambert's W:
    n = W(-ln(1 - alpha^2) / (2 pi p^2 alpha^2 (1 - alpha^2))) / -ln(1 - alpha^2).
    The estimate is n at the margin closest to 0.9 of the largest with p > 0, as in the
    paper's code and in scikit-dimension.

    condition_number: principal directions with less than 1 / condition_number of the
        largest variance are left out. 10 is the paper's value.
    first_alpha, last_alpha, alpha_step: the margins; 0.6 to 0.98 by 0.02 in the paper.
    confidence: coverage of the interval.

    This is a global and effective dimension: the sphere of dimension d gives d + 1, a swiss
    roll 3, a curve that fills space linearly that space.

    The standard error is a jackknife over 20 groups of points (each point's index modulo
    20) at the margin chosen, corrected for what it counts twice. Directions and margin are
    held fixed: it covers which points were drawn, given those, and not the bias.

    Known bias: the formula for p is asymptotic, and at small margins gives low dimensions
    too high (by 10% for 5 dimensions at alpha 0.6; by 1% or less at 0.88, which these are
    given unless points are few); directions near the condition number make it jump.

    Points whose nearest neighbor is a duplicate are dropped and counted. Raises
    EstimationError if fewer than 40 are left, if the table came without points, or if all
    points are separable at every margin.

    >>> import numpy as np
    >>> from estimators import nearest_neighbors
    >>> cube = np.random.default_rng(0).uniform(size=(1000, 5))
    >>> estimate = FisherS().estimate(nearest_neighbors(cube, k=1))
    >>> 4.5 < estimate.low < estimate.dimension < estimate.high < 5.5
    True
    """

    condition_number: float = 10.0
    first_alpha: float = 0.6
    last_alpha: float = 0.98
    alpha_step: float = 0.02
    confidence: float = 0.95

    def __post_init__(self) -> None:
        if not self.condition_number > 1:
            raise EstimationError(
                f"`condition_number > 1` must hold, but got {self.condition_number}: it is the "
                "ratio of the largest variance to the smallest kept"
            )
        if not 0 < self.first_alpha <= self.last_alpha < 1 or not self.alpha_step > 0:
            raise EstimationError(
                "`0 < first_alpha <= last_alpha < 1` and `alpha_step > 0` must hold, but got "
                f"{self.first_alpha}, {self.last_alpha} and {self.alpha_step}"
            )
        require_confidence(self.confidence)

    @property
    def name(self) -> str:
        return "fishers"

    @property
    def num_neighbors(self) -> int:
        return 1

    @property
    def alphas(self) -> NDArray[np.float64]:
        """(A,) the margins."""
        end = self.last_alpha + self.alpha_step / 2
        return np.arange(self.first_alpha, end, self.alpha_step)

    def estimate(self, neighbors: Neighbors) -> Estimate:
        """The dimension from the inner products of all pairs.

        Raises EstimationError as told above.
        """
        kept = without_copies(neighbors, MIN_POINTS)
        points = require_points(neighbors, "FisherS").take(kept.nonzero()[0])
        _, coordinates = principal_coordinates(points, 1 / self.condition_number)
        num_points, num_directions = coordinates.shape
        alphas = self.alphas
        counts = _inseparable_pairs(coordinates, alphas)
        share = counts.sum(axis=(0, 1)) / (num_points * (num_points - 1.0))
        profile = dimension_of_sphere(share, alphas)
        seen = np.isfinite(profile).nonzero()[0]
        if len(seen) == 0:
            raise EstimationError(
                f"some points must be inseparable, but at alpha={alphas[0]:g} all {num_points} "
                "are separable: lower first_alpha or bring more points"
            )
        distance = np.abs(alphas - 0.9 * alphas[seen].max())
        nearest = [a for a in seen if distance[a] == distance.min()]
        # Two margins may be equally close; the larger dimension counts.
        chosen = int(max(nearest, key=lambda a: profile[a]))
        return self._with_error(neighbors, kept, counts, chosen, num_directions)

    def _with_error(
        self,
        neighbors: Neighbors,
        kept: NDArray[np.bool_],
        counts: NDArray[np.float64],
        chosen: int,
        num_directions: int,
    ) -> Estimate:
        num_points, alpha = int(kept.sum()), self.alphas[[chosen]]
        here = counts[..., [chosen]]
        share = here.sum(axis=(0, 1)) / (num_points * (num_points - 1.0))
        rest = num_points - np.bincount(np.arange(num_points) % NUM_GROUPS)
        without = leave_group_out(here)[:, 0] / (rest * (rest - 1.0))
        dimension = float(dimension_of_sphere(share, alpha)[0])
        step = 1e-4
        above, below = (dimension_of_sphere(share * np.exp(s), alpha)[0] for s in (step, -step))
        weight = np.array([(np.log(above) - np.log(below)) / (2 * step)])
        # To first order in the share, as without a group it may be 0.
        leave_out = dimension * np.exp(weight * (without / share - 1))
        stderr, low, high = jackknife_interval(dimension, leave_out, here, weight, self.confidence)
        return Estimate(
            dimension=dimension,
            stderr=stderr,
            low=low,
            high=high,
            num_points=num_points,
            num_dropped=len(kept) - num_points,
            scale=_reach(neighbors, kept),
            settings={
                "estimator": self.name,
                "condition_number": self.condition_number,
                "first_alpha": self.first_alpha,
                "last_alpha": self.last_alpha,
                "alpha_step": self.alpha_step,
                "alpha": float(alpha[0]),
                "num_directions": num_directions,
                "confidence": self.confidence,
                "duplicates_dropped": len(kept) - num_points,
            },
        )


def dimension_of_sphere(
    share: NDArray[np.float64], alphas: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Dimension of the uniform sphere with this share of inseparable points; NaN where 0.

    >>> alpha, n = np.array([0.8]), 7
    >>> share = (1 - alpha**2) ** ((n - 1) / 2) / (alpha * np.sqrt(2 * np.pi * n))
    >>> dimension_of_sphere(share, alpha).round(9).tolist()
    [7.0]
    """
    squared = alphas**2
    log = np.log(1 - squared)
    known = np.where(share > 0, share, np.nan)
    argument = -log / (2 * np.pi * known**2 * squared * (1 - squared))
    return np.asarray(np.real(lambertw(argument.tolist())) / -log)


def _inseparable_pairs(
    coordinates: torch.Tensor, alphas: NDArray[np.float64]
) -> NDArray[np.float64]:
    """(G, G, A) ordered pairs of points inseparable with each margin, by their groups."""
    norms = coordinates.norm(dim=1, keepdim=True)
    # A point at the very center has no direction: separable from all, as 0 is.
    sphere = coordinates / norms.clamp_min(torch.finfo(torch.float64).tiny)
    margins = torch.as_tensor(alphas, device=sphere.device)
    num_alphas = len(alphas)
    cells = torch.zeros(
        NUM_GROUPS * NUM_GROUPS * (num_alphas + 1), dtype=torch.float64, device=sphere.device
    )
    origin = torch.zeros_like(sphere[0])
    for start, other, here, there in tiles(Points(sphere), origin, torch.float64):
        products = here @ there.T
        if start == other:
            products.triu_(diagonal=1)
        i, j = (products >= alphas[0]).nonzero(as_tuple=True)
        reached = torch.bucketize(products[i, j], margins, right=True)
        i, j = (i + start) % NUM_GROUPS, (j + other) % NUM_GROUPS
        for first, second in ((i, j), (j, i)):
            cell = (first * NUM_GROUPS + second) * (num_alphas + 1) + reached
            cells += torch.bincount(cell, minlength=len(cells))
    # A pair that reached r margins counts at the first r.
    by_margin = cells.reshape(NUM_GROUPS, NUM_GROUPS, num_alphas + 1).flip(2).cumsum(dim=2)
    return np.asarray(by_margin.flip(2)[..., 1:].cpu().numpy())


def _reach(neighbors: Neighbors, kept: NDArray[np.bool_]) -> float:
    """Root mean squared distance of two points: all pairs count, so that is the scale."""
    points = require_points(neighbors, "FisherS").take(kept.nonzero()[0])
    center = points.center_and_reach()[0].to(torch.float64)
    total = sum(float(((chunk - center) ** 2).sum()) for _, chunk in points.chunks())
    return float(np.sqrt(2 * total / (points.num_points - 1)))
