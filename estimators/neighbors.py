"""Exact nearest neighbors in Euclidean distance.

Legend: N points, D units, K neighbors, R rows.

Matrix products find the neighbors fast but cancel when points are close together, so they
only *nominate* candidates (`screening`). Their distances are then computed again from
differences in float64 (`exact`), and a bound on the products' rounding error certifies that
no other point could have been nearer. Where points are too close together for low
precision, copies are set aside (`duplicates`), and products in float64 nominate.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from estimators.candidates import TooManyCandidatesError
from estimators.duplicates import distinct_points, expand
from estimators.errors import EstimationError
from estimators.exact import nearest_in_double, nearest_of_candidates
from estimators.points import Points
from estimators.screening import fastest_precision, find_candidates

Precision = Literal["auto", "bfloat16", "float32", "float64"]
Device = torch.device | str | None
# Below this, or for more neighbors, low precision saves nothing.
MIN_SCREENED = 256
MAX_SCREENED_NEIGHBORS = 128


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
    points: ArrayLike | torch.Tensor | Sequence[Any] | Points,
    k: int,
    *,
    device: Device = None,
    precision: Precision = "auto",
) -> Neighbors:
    """Find the k nearest neighbors of every point, exactly.

    points: (N, D) real array or tensor, finite, in memory or memory-mapped; more axes are
        flattened into D. Or a sequence of such row blocks, larger than memory (`Points`).
    k: neighbors per point, 1 <= k < N.
    device: where to compute, such as "cuda"; default: where the points are.
    precision: of the products that nominate candidates; the result is the same. "auto"
        takes bfloat16 where this processor multiplies it faster, else float32. Points that
        it can't tell apart go to the next higher one.

    Equal points are neighbors at distance 0, and no point is its own neighbor.
    Raises EstimationError on NaN or infinite values and unless N > k >= 1.

    >>> nearest_neighbors([[0.0], [1.0], [3.0]], k=2).indices.tolist()
    [[1, 2], [0, 2], [1, 0]]
    """
    source = as_points(points, device)
    num_points = source.num_points
    if not 1 <= k < num_points:
        raise EstimationError(
            f"`1 <= k < N` must hold, but got k={k} and N={num_points}: "
            "ask for fewer neighbors or bring more points"
        )
    everyone = (0, num_points)
    _, reach = source.center_and_reach()
    for low in low_precisions(precision, num_points, k, source):
        try:
            candidates = find_candidates(source, k, low)
        except TooManyCandidatesError:
            continue
        nearest = nearest_of_candidates(source, candidates, k, num_points, reach)
        return Neighbors(nearest[0].cpu().numpy(), nearest[1].cpu().numpy(), 0, low, source)
    if num_points >= MIN_SCREENED:
        first, own = distinct_points(source)
        if len(first) < num_points:
            return _nearest_with_copies(source, first, own, k, precision)
    (distances, indices), num_redone = nearest_in_double(source, k, everyone, everyone)
    return Neighbors(distances.cpu().numpy(), indices.cpu().numpy(), num_redone, "float64", source)


def low_precisions(precision: Precision, num_points: int, k: int, points: Points) -> list[str]:
    """The low precisions to try, the lowest first."""
    if precision not in get_args(Precision):
        raise EstimationError(
            f"precision must be one of {', '.join(get_args(Precision))}, but got {precision!r}"
        )
    chosen: str = precision
    if precision == "auto":
        if num_points < max(MIN_SCREENED, 2 * k) or k > MAX_SCREENED_NEIGHBORS:
            return []
        chosen = fastest_precision(points.device.type)
    return {"bfloat16": ["bfloat16", "float32"], "float32": ["float32"]}.get(chosen, [])


def _nearest_with_copies(
    source: Points,
    first: NDArray[np.int64],
    own: NDArray[np.int64],
    k: int,
    precision: Precision,
) -> Neighbors:
    num_distinct = len(first)
    if num_distinct == 1:
        distances, indices = np.empty((1, 0)), np.empty((1, 0), np.int64)
        table = Neighbors(distances, indices)
    else:
        table = nearest_neighbors(source.take(first), min(k, num_distinct - 1), precision=precision)
    distances, indices = expand(table.distances, table.indices, own, k)
    return Neighbors(distances, indices, table.num_redone, table.precision, source)


def as_points(points: Any, device: Device) -> Points:
    """Points as they are, or made from whatever array this is."""
    if isinstance(points, Points):
        return points if device is None else points.to(device)
    return Points(points, device)
