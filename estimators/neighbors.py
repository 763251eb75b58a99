"""Exact nearest neighbors in Euclidean distance, tile by tile.

Legend: N points, D units, K neighbors, M candidates.

Matrix products find the neighbors fast but cancel when points are close together, so they
only *nominate* candidates. Their distances are then computed again from differences in
float64, and a bound on the products' rounding error certifies that no other point could
have been nearer. `screening` does that in low precision; where the points are too close
together for it, products in float64 nominate, and rows that even their certificate doesn't
cover are computed in full.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Literal, get_args

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from estimators.errors import EstimationError
from estimators.points import Points
from estimators.screening import (
    TooManyCandidatesError,
    fastest_precision,
    find_candidates,
    measure_candidates,
)

Precision = Literal["auto", "bfloat16", "float32", "float64"]
# Below this, or for more neighbors, low precision saves nothing.
MIN_SCREENED = 256
MAX_SCREENED_NEIGHBORS = 128

EXTRA_CANDIDATES = 2
TILE_ROWS = 1024
# Differences of one chunk of rows against their candidates, in numbers: fits a core's cache.
CHUNK_NUMBERS = 1 << 18


@dataclass(frozen=True)
class Neighbors:
    """The K nearest neighbors of each of N points, the point itself excluded.

    distances: (N, K) float64, ascending in each row.
    indices: (N, K) int64; equal distances are ordered by index.
    num_redone: rows for which the candidates were not provably enough.
    precision: of the products that nominated; the distances are float64 always.
    points: what the table was computed from, for estimators that need coordinates; not a
        copy.
    """

    distances: NDArray[np.float64]
    indices: NDArray[np.int64]
    num_redone: int = 0
    precision: str = "float64"
    points: Points | None = field(default=None, repr=False, compare=False)

    @property
    def num_points(self) -> int:
        return int(self.distances.shape[0])

    @property
    def num_neighbors(self) -> int:
        return int(self.distances.shape[1])


def nearest_neighbors(
    points: ArrayLike | torch.Tensor, k: int, *, precision: Precision = "auto"
) -> Neighbors:
    """Find the k nearest neighbors of every point, exactly.

    points: (N, D) real array or tensor, finite; more axes are flattened into D.
    k: neighbors per point, 1 <= k < N.
    precision: of the products that nominate candidates; the result is the same. "auto"
        takes bfloat16 where this processor multiplies it faster, else float32. Points that
        it can't tell apart go to the next higher one.

    Equal points are neighbors at distance 0, and no point is its own neighbor.
    Raises EstimationError on NaN or infinite values and unless N > k >= 1.

    >>> nearest_neighbors([[0.0], [1.0], [3.0]], k=2).indices.tolist()
    [[1, 2], [0, 2], [1, 0]]
    """
    if precision not in get_args(Precision):
        raise EstimationError(
            f"precision must be one of {', '.join(get_args(Precision))}, but got {precision!r}"
        )
    matrix = _as_matrix(points, k)
    chosen: str = precision
    if precision == "auto":
        screened = len(matrix) >= MIN_SCREENED and k <= MAX_SCREENED_NEIGHBORS
        chosen = fastest_precision() if screened else "float64"
    for low in ("bfloat16", "float32"):
        if chosen in (low, "bfloat16") and chosen != "float64":
            try:
                candidates = find_candidates(matrix, k, low)
            except TooManyCandidatesError:
                continue
            distances, indices = measure_candidates(matrix, candidates, k)
            return Neighbors(distances.numpy(), indices.numpy(), 0, low, Points(points))
    found = _nearest_in_double(matrix.to(torch.float64), k)
    return replace(found, points=Points(points))


def _nearest_in_double(exact: torch.Tensor, k: int) -> Neighbors:
    num_points = exact.shape[0]
    num_candidates = min(k + EXTRA_CANDIDATES, num_points - 1)
    # Centered, an offset costs the products nothing; differences are taken before centering.
    center = exact.mean(dim=0)
    centered = exact - center
    squared_norms = (centered * centered).sum(dim=1)
    slack = _product_error(squared_norms, centered.shape[1], _shift_error(exact, center))

    distances = torch.empty((num_points, k), dtype=torch.float64)
    indices = torch.empty((num_points, k), dtype=torch.int64)
    num_redone = 0
    for start in range(0, num_points, TILE_ROWS):
        rows = torch.arange(start, min(start + TILE_ROWS, num_points))
        approximate = squared_norms[rows, None] + squared_norms[None, :]
        approximate.addmm_(centered[rows], centered.T, alpha=-2.0)
        approximate[torch.arange(len(rows)), rows] = torch.inf
        nominated = torch.topk(approximate, num_candidates, dim=1, largest=False)
        distances[rows], indices[rows] = _rerank(exact, rows, nominated.indices, k)

        if num_candidates == num_points - 1:
            continue
        farthest = distances[rows, k - 1] ** 2
        unsure = rows[nominated.values[:, -1] - slack[rows] <= farthest]
        num_redone += len(unsure)
        for row in unsure:
            everyone = torch.arange(num_points)
            others = everyone[everyone != row][None, :]
            distances[row], indices[row] = _rerank(exact, row[None], others, k)
    return Neighbors(distances.numpy(), indices.numpy(), num_redone)


def _as_matrix(points: ArrayLike | torch.Tensor, k: int) -> torch.Tensor:
    """The points as an (N, D) float32 or float64 tensor, as they are, or an error with counts."""
    raw: Any = points.detach() if isinstance(points, torch.Tensor) else np.asarray(points)
    tensor = torch.as_tensor(raw)
    if tensor.dtype in (torch.float16, torch.bfloat16):
        tensor = tensor.to(torch.float32)
    elif tensor.dtype != torch.float32:
        tensor = tensor.to(torch.float64)
    num_points = tensor.shape[0] if tensor.ndim else 0
    if not 1 <= k < num_points:
        raise EstimationError(
            f"`1 <= k < N` must hold, but got k={k} and N={num_points}: "
            "ask for fewer neighbors or bring more points"
        )
    tensor = tensor.reshape(num_points, -1)
    finite = torch.isfinite(tensor)
    if not bool(finite.all()):
        bad_points = int((~finite.all(dim=1)).sum())
        raise EstimationError(
            f"points must be finite, but {int((~finite).sum())} values in "
            f"{bad_points} of {num_points} points are NaN or infinite: drop or mend them"
        )
    return tensor


def _shift_error(points: torch.Tensor, center: torch.Tensor) -> float:
    """How far rounding may move any point when the center is subtracted."""
    unit = torch.finfo(torch.float64).eps
    return unit * float(points.norm(dim=1).max() + center.norm())


def _product_error(squared_norms: torch.Tensor, num_units: int, shift: float) -> torch.Tensor:
    """(N,) bound on the error of a squared distance in product form, per row.

    Higham, Accuracy and Stability of Numerical Algorithms, 2002, section 3.1: a dot
    product of D terms is off by at most D u |a||b| / (1 - D u), u the unit roundoff. Both
    ends of a distance may have been moved by `shift` before.
    """
    gamma = (num_units + 8) * torch.finfo(torch.float64).eps
    reach = squared_norms.sqrt() + squared_norms.max().sqrt()
    return gamma * reach**2 + 4 * shift * (reach + shift)


def _rerank(
    points: torch.Tensor, rows: torch.Tensor, candidates: torch.Tensor, k: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Distances from differences: the k nearest of each row's (R, M) candidates."""
    num_candidates = candidates.shape[1]
    step = max(1, CHUNK_NUMBERS // (num_candidates * points.shape[1]))
    distances, indices = [], []
    for start in range(0, len(rows), step):
        part = candidates[start : start + step].sort(dim=1).values
        differences = points[part] - points[rows[start : start + step], None, :]
        squared = (differences * differences).sum(dim=2)
        # The sort is stable and the candidates ascend, so ties come out in index order.
        order = squared.sort(dim=1, stable=True)
        distances.append(order.values[:, :k].sqrt())
        indices.append(part.gather(1, order.indices[:, :k]))
    return torch.cat(distances), torch.cat(indices)
