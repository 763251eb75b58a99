"""The centered scatter matrix of points, whichever of its two sides is smaller, streamed.

Legend: N points, D units, R = min(N, D), L principal directions kept.

For centered points X the (D, D) matrix X'X and the (N, N) Gram matrix XX' have the same
nonzero eigenvalues. Points are read in blocks of rows, twice for X'X and once for every
pair of blocks for XX', or, where that would take long, once in chunks of units (`gram`); so
they may be larger than memory.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch

from estimators.errors import EstimationError
from estimators.gram import kept_gram
from estimators.points import Points

# Numbers of one block of rows in float64: 64 MiB.
BLOCK_NUMBERS = 1 << 23
# Products of N^2 D numbers beyond this, some tenths of a second, are made in the points' type.
MOST_IN_DOUBLE = 4 * 10**9


@dataclass(frozen=True)
class Moments:
    """What unbiased estimates of products of variances need besides the eigenvalues.

    points_fourth: sum over points of |x - mean|^4.
    units_squared: sum over units of (sum over points of (x - mean)^2)^2.
    units_fourth: sum over units and points of (x - mean)^4.
    """

    points_fourth: float
    units_squared: float
    units_fourth: float


@dataclass(frozen=True)
class Scatter:
    """The scatter matrix of centered points.

    matrix: (R, R) float64, X'X if D <= N, else the Gram matrix XX'.
    mean: (D,) float64.
    tilt: (R,) float64, what makes the uncentered matrix: mean itself if D <= N, else X mean.
    is_gram: whether it is XX'.
    noise: rounding moves eigenvalues by less than this times the largest diagonal entry;
        0 if the products are in float64.
    """

    matrix: torch.Tensor
    mean: torch.Tensor
    tilt: torch.Tensor
    is_gram: bool
    moments: Moments
    num_points: int
    noise: float = 0.0

    def uncentered(self) -> torch.Tensor:
        """(R, R) the same without centering: one rank more, and no second pass."""
        if not self.is_gram:
            return self.matrix + self.num_points * torch.outer(self.tilt, self.tilt)
        shift = self.tilt[:, None] + self.tilt[None, :]
        return self.matrix + shift + self.mean @ self.mean


def scatter(points: Points) -> Scatter:
    """The scatter matrix in float64, centered in a first pass over the points.

    Of float32 points with more units than there are points, products of chunks of units are
    in float32 once N^2 D exceeds MOST_IN_DOUBLE, and are added up in float64: `noise` says
    how far that moves eigenvalues, less than a millionth of a point's own square.

    Raises EstimationError unless N >= 2, D >= 1, all values are finite and some unit varies.
    """
    num_points, num_units = points.num_points, points.num_units
    if num_points**2 * num_units > MOST_IN_DOUBLE and 1 < num_points < num_units:
        return _scatter_of_gram(points)
    mean = mean_of_varied(points)
    is_gram = num_units > num_points
    side = num_points if is_gram else num_units
    matrix = torch.zeros((side, side), dtype=torch.float64, device=mean.device)
    tilt = mean if not is_gram else torch.zeros_like(matrix[0])
    per_unit = torch.zeros_like(mean)
    points_fourth = units_fourth = 0.0
    for here, block in centered_blocks(points, mean):
        squares = block * block
        per_unit += squares.sum(dim=0)
        points_fourth += float((squares.sum(dim=1) ** 2).sum())
        units_fourth += float((squares * squares).sum())
        del squares
        if not is_gram:
            matrix.addmm_(block.T, block)
            continue
        tilt[here] = block @ mean
        for there, other in centered_blocks(points, mean, until=here.start):
            matrix[here, there] = block @ other.T
            matrix[there, here] = matrix[here, there].T
        matrix[here, here] = block @ block.T
    moments = Moments(points_fourth, float(per_unit @ per_unit), units_fourth)
    return Scatter(matrix, mean, tilt, is_gram, moments, num_points)


def _scatter_of_gram(points: Points) -> Scatter:
    found = kept_gram(points)
    if not found.varied:
        raise _all_equal(points)
    points_fourth = float((found.products.diagonal() ** 2).sum())
    moments = Moments(points_fourth, found.units_squared, found.units_fourth)
    noise = found.noise if found.dtype == torch.float32 else 0.0
    return Scatter(found.products, found.mean, found.tilt, True, moments, points.num_points, noise)


def _all_equal(points: Points) -> EstimationError:
    return EstimationError(f"all {points.num_points} points are equal: there is no spectrum")


def centered_blocks(
    points: Points, mean: torch.Tensor, until: int | None = None
) -> Iterator[tuple[slice, torch.Tensor]]:
    """Blocks of centered rows in float64, some tens of megabytes each."""
    rows = max(1, BLOCK_NUMBERS // points.num_units)
    stop = points.num_points if until is None else until
    for start in range(0, stop, rows):
        here = slice(start, min(start + rows, stop))
        yield here, points.rows(here.start, here.stop).to(torch.float64) - mean


def principal_coordinates(points: Points, least_share: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Eigenvalues of the covariance, (L,), and (N, L) coordinates along their directions.

    Kept are the directions whose variance exceeds `least_share` of the largest. Each
    coordinate is scaled to variance 1 (whitened).
    """
    found = scatter(points)
    values, vectors = torch.linalg.eigh(found.matrix)
    values, vectors = values.flip(0), vectors.flip(1)
    keep = values > least_share * values[0]
    values, vectors = values[keep], vectors[:, keep]
    root = math.sqrt(points.num_points - 1)
    if found.is_gram:
        return values / root**2, vectors * root
    blocks = [block @ vectors for _, block in centered_blocks(points, found.mean)]
    return values / root**2, torch.cat(blocks) * (root / values.sqrt())


def mean_of_varied(points: Points) -> torch.Tensor:
    """(D,) float64 mean, after making sure that all is finite and something varies.

    Raises EstimationError unless N >= 2 and D >= 1, too.
    """
    if points.num_points < 2 or points.num_units < 1:
        raise EstimationError(
            "a covariance needs at least 2 points of 1 unit, but got "
            f"({points.num_points}, {points.num_units})"
        )
    total = torch.zeros(points.num_units, dtype=torch.float64, device=points.device)
    first = points.rows(0, 1)
    varied = False
    bad_values = bad_points = 0
    for _, chunk in points.chunks():
        # Divided first: a sum of finite values must not overflow.
        share = (chunk.to(torch.float64) / points.num_points).sum(dim=0)
        if not bool(torch.isfinite(share).all()):
            bad = ~torch.isfinite(chunk)
            bad_values += int(bad.sum())
            bad_points += int(bad.any(dim=1).sum())
        total += share
        varied = varied or not bool((chunk == first).all())
    if bad_values:
        raise EstimationError(
            f"points must be finite, but {bad_values} values in {bad_points} of "
            f"{points.num_points} points are NaN or infinite: drop or mend them"
        )
    if not varied:
        raise _all_equal(points)
    return total
