"""The products of few points of very many units, from one pass over the units.

Legend: N points, D units, U units of one chunk.

The (N, N) Gram matrix of the centered points serves the covariance spectrum and names the
candidates for nearest neighbors. Products of a chunk of units are in the points' own type
and added up in float64: their error doesn't grow with D, and no copy of the points is made.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch

from estimators.points import Points
from estimators.products import exact_products, upper_products

# Units of one product: more cost precision, fewer cost time.
CHUNK_UNITS = 1024
# Numbers that are read at once: each reading asks every block of rows.
READ_NUMBERS = {"cpu": 1 << 23, "cuda": 1 << 28}
# Chunks of float32 are scaled by a power of two where their reach is beyond 2^24 or below 2^-24.
PLAIN_EXPONENTS = 24
# Up to this many points their Gram matrix (128 MiB) is kept beside them.
MAX_KEPT_POINTS = 4096


@dataclass(frozen=True)
class Gram:
    """Sums over all units of products of the centered points y = x - center.

    products: (N, N) float64.
    tilt: (N,) float64, products with the center.
    mean: (D,) float64. The center is the mean to rounding, in the points' type.
    units_squared, units_fourth: as in `scatter.Moments`.
    reach: largest absolute value of the points.
    gamma: |error of products[i, j]| <= gamma |y_i| |y_j| + floor, for certain.
    noise: rounding moves eigenvalues of the products by less than this times the largest
        diagonal entry: no bound, but five times what was seen.
    """

    products: torch.Tensor
    tilt: torch.Tensor
    mean: torch.Tensor
    units_squared: float
    units_fourth: float
    varied: bool
    reach: float
    gamma: float
    floor: float
    noise: float
    dtype: torch.dtype


def gram_of(points: Points, dtype: torch.dtype | None = None) -> Gram:
    """Their Gram matrix by products of this type, by default the points' own.

    Raises EstimationError, with counts, if any value is NaN or infinite.
    """
    dtype = dtype or points.dtype
    num_points, num_units = points.num_points, points.num_units
    # The center is one more row, so its products come with the others.
    side = num_points + 1
    total = torch.zeros((side, side), dtype=torch.float64, device=points.device)
    mean = torch.empty(num_units, dtype=torch.float64, device=points.device)
    units_squared = units_fourth = reach = floor = 0.0
    varied, num_chunks = False, 0
    rows = torch.empty(0)
    with exact_products():
        for units, chunk in _unit_chunks(points):
            low, high = (float(end) for end in chunk.aminmax())
            if not (math.isfinite(low) and math.isfinite(high)):
                points.center_and_reach()  # raises, with counts
            largest = max(-low, high)
            reach = max(reach, largest)
            varied = varied or not bool((chunk == chunk[0]).all())
            exponent = math.frexp(largest)[1]
            plain = dtype != torch.float32 or abs(exponent) < PLAIN_EXPONENTS
            unit = 1.0 if plain else 2.0 ** max(-120, min(120, exponent))
            chunk = chunk.to(dtype) if plain else chunk / unit
            width = chunk.shape[1]
            if rows.shape[1:] != (width,):
                rows = chunk.new_empty((num_points + 1, width))
            centered, center = rows[:-1], chunk.mean(dim=0)
            torch.sub(chunk, center, out=centered)
            # What rounding left of the mean: much, where points are far from the origin.
            drift = centered.mean(dim=0)
            centered -= drift
            rows[-1] = center
            mean[units] = (center.to(torch.float64) + drift) * unit
            for own, other, part in upper_products(rows):
                total[own, other].add_(part, alpha=unit**2)
            squares = centered.square_()
            per_unit = squares.sum(dim=0).to(torch.float64)
            units_squared += float(per_unit @ per_unit) * unit**4
            units_fourth += float(squares.square_().sum(dim=0).sum(dtype=torch.float64)) * unit**4
            floor += width * 2.0 * torch.finfo(dtype).tiny * unit**2
            num_chunks += 1
    total = total.triu_()
    total += total.triu(diagonal=1).T
    eps = torch.finfo(dtype).eps
    width = min(CHUNK_UNITS, num_units)
    return Gram(
        products=total[:-1, :-1],
        tilt=total[:-1, -1],
        mean=mean,
        units_squared=units_squared,
        units_fourth=units_fourth,
        varied=varied,
        reach=reach,
        # Higham 2002, section 3.1, with the unit doubled: any order of the sum, any rounding;
        # and what centering lost, twice.
        gamma=eps * (width + 8),
        floor=floor,
        noise=eps / 8 * math.sqrt(num_points * width / num_chunks),
        dtype=dtype,
    )


def _unit_chunks(points: Points) -> Iterator[tuple[slice, torch.Tensor]]:
    """(N, U) views of some units of all points."""
    step = max(1, READ_NUMBERS[points.device.type] // points.num_points // CHUNK_UNITS)
    step *= CHUNK_UNITS
    shape = points.num_points, min(step, points.num_units)
    room = torch.empty(shape, dtype=points.dtype, device=points.device)
    for start in range(0, points.num_units, step):
        held = points.columns(start, min(start + step, points.num_units), room)
        for low in range(0, held.shape[1], CHUNK_UNITS):
            chunk = held[:, low : low + CHUNK_UNITS]
            yield slice(start + low, start + low + chunk.shape[1]), chunk


def kept_gram(points: Points) -> Gram:
    """The Gram matrix in the points' type, computed once if it may be kept beside them."""
    if points.gram is not None:
        return points.gram
    found = gram_of(points)
    if points.num_points <= MAX_KEPT_POINTS:
        points.gram = found
    return found
