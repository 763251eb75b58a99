"""All pairs of points, tile by tile, and error bars from counts of pairs per group.

Legend: N points, D units, G groups, S thresholds, P pairs.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray

from estimators.errors import EstimationError
from estimators.exact import measure_pairs
from estimators.neighbors import Neighbors
from estimators.points import Points
from estimators.products import exact_products

NUM_GROUPS = 20
# A tile's rows, and the numbers of its two blocks of rows.
TILE_ROWS = 1024
BLOCK_NUMBERS = 1 << 22


def without_copies(neighbors: Neighbors, minimum: int) -> NDArray[np.bool_]:
    """(N,) whether a point's nearest neighbor is at a positive distance.

    Raises EstimationError if that leaves fewer than `minimum` points.
    """
    kept = neighbors.distances[:, 0] > 0
    if kept.sum() < minimum:
        raise EstimationError(
            f"at least {minimum} distinct points are needed, but of {len(kept)} points "
            f"{int((~kept).sum())} have a duplicate, leaving {int(kept.sum())}: bring more "
            "distinct points"
        )
    return kept


def require_points(neighbors: Neighbors, who: str) -> Points:
    """The points of the table, or EstimationError."""
    if neighbors.points is None:
        raise EstimationError(
            f"{who} needs coordinates, but the table came without points: make it by "
            "nearest_neighbors(points, k)"
        )
    return neighbors.points


def tiles(
    points: Points, center: torch.Tensor, dtype: torch.dtype
) -> Iterator[tuple[int, int, torch.Tensor, torch.Tensor]]:
    """Blocks of centered rows against each other, the upper triangle only.

    Gives the first row of either block, and the blocks; a block meets itself too.
    """
    rows = max(1, min(TILE_ROWS, BLOCK_NUMBERS // points.num_units))

    def block(start: int) -> torch.Tensor:
        raw = points.rows(start, min(start + rows, points.num_points))
        return (raw.to(torch.float64) - center).to(dtype)

    for start in range(0, points.num_points, rows):
        here = block(start)
        yield start, start, here, here
        for other in range(start + rows, points.num_points, rows):
            yield start, other, here, block(other)


def pairs_within(
    points: Points, radii: NDArray[np.float64]
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]]:
    """Pairs i < j nearer than the largest radius: i, j, and how many radii are too small.

    radii: (S,) ascending. "Nearer" is exact: where the product's rounding bound leaves a
    doubt, the distance is computed again from differences in float64.
    """
    center = points.center_and_reach()[0].to(torch.float64)
    largest = max(
        float((rows.to(torch.float64) - center).norm(dim=1).max()) for _, rows in points.chunks()
    )
    # float32 where it leaves few pairs in doubt.
    dtype = torch.float32
    slack = _product_error(dtype, points.num_units, largest)
    if slack > 0.05 * radii[0] ** 2:
        dtype = torch.float64
        slack = _product_error(dtype, points.num_units, largest)
    squared_radii = torch.as_tensor(radii**2, device=center.device)
    for start, other, here, there in tiles(points, center, dtype):
        squared = (here * here).sum(dim=1)[:, None] + (there * there).sum(dim=1)[None, :]
        with exact_products():
            squared.addmm_(here, there.T, alpha=-2.0)
        near = squared < radii[-1] ** 2 + slack
        if start == other:
            near.triu_(diagonal=1)
        i, j = near.nonzero(as_tuple=True)
        found = squared[i, j].to(torch.float64)
        i, j = i + start, j + other
        gap = torch.full_like(found, torch.inf)
        for radius in squared_radii:
            gap = torch.minimum(gap, (found - radius).abs())
        doubtful = (gap <= slack).nonzero()[:, 0]
        exact = measure_pairs(points, i[doubtful], j[doubtful], torch.float64)
        found[doubtful] = exact**2
        too_small = torch.bucketize(found, squared_radii, right=True)
        inside = too_small < len(radii)
        yield (
            i[inside].cpu().numpy(),
            j[inside].cpu().numpy(),
            too_small[inside].cpu().numpy(),
        )


def leave_group_out(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """(G, S) counts of ordered pairs without each group, from (G, G, S) counts by group."""
    total = counts.sum(axis=(0, 1))
    own = np.einsum("ggs->gs", counts)
    return np.asarray(total - counts.sum(axis=0) - counts.sum(axis=1) + own)


def jackknife_interval(
    dimension: float,
    leave_out: NDArray[np.float64],
    counts: NDArray[np.float64],
    weights: NDArray[np.float64],
    confidence: float,
) -> tuple[float, float, float]:
    """Standard error and interval of a dimension from its values without each group.

    leave_out: (G,) dimension without each group.
    counts: (G, G, S) ordered pairs by group; weights: (S,) derivatives of the logarithm of
        the dimension by the logarithms of the counts.

    A count of pairs varies since each point has its own number of partners, and since pairs
    come and go one by one; close pairs are so few that the second part is most of it, and a
    jackknife counts it twice (Efron & Stein 1981, doi:10.1214/aos/1176345462). What the
    cells of pairs of groups keep after an additive effect of either group is that part: it
    is estimated from them, and one of the two is taken off.

    The interval is on the logarithm, with Student's t of G - 1 degrees of freedom.
    """
    from scipy.stats import t

    num_groups = len(leave_out)
    logs = np.log(leave_out)
    variance = (num_groups - 1) / num_groups * ((logs - logs.mean()) ** 2).sum()
    # How often the jackknife counts the second part: 2.05 times with 20 groups.
    times = 2 * num_groups * (num_groups - 1.5) / (num_groups - 1) ** 2
    second = _pairwise_variance(counts / counts.sum(axis=(0, 1)) @ weights)
    error = math.sqrt(max(variance - (times - 1) * second, variance / times))
    reach = float(t.isf((1 - confidence) / 2, num_groups - 1)) * error
    return dimension * error, dimension * math.exp(-reach), dimension * math.exp(reach)


def _pairwise_variance(cells: NDArray[np.float64]) -> float:
    """Variance that pairs of groups add to the sum of symmetric (G, G) cells."""
    num_groups = len(cells)
    off = 2 * cells  # each pair of groups has two cells
    np.fill_diagonal(off, 0)
    mean = off.sum() / (num_groups * (num_groups - 1))
    effect = (off.sum(axis=0) - (num_groups - 1) * mean) / (num_groups - 2)
    residual = off - mean - effect[:, None] - effect[None, :]
    np.fill_diagonal(residual, 0)
    of_one_cell = (residual**2).sum() / 2 / (num_groups * (num_groups - 3) / 2)
    return float(of_one_cell * num_groups**2 / 2)


def _product_error(dtype: torch.dtype, num_units: int, largest: float) -> float:
    """Bound on the error of |a|^2 + |b|^2 - 2ab for centered points rounded to `dtype`.

    Higham, Accuracy and Stability of Numerical Algorithms, 2002, section 3.1.
    """
    return (num_units + 8) * torch.finfo(dtype).eps * (2 * largest) ** 2
