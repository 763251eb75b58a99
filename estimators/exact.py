"""Distances from differences in float64: the last word on who is near.

Legend: N points, D units, K neighbors, C candidate pairs, R rows, M candidates of a row.

A distance depends on its two points alone, to the bit: not on what else is measured with
it, on the number of threads or on the order. So tables made apart can be merged.
"""

from __future__ import annotations

import math

import numpy as np
import torch

from estimators.candidates import Block, Candidates
from estimators.points import Points

# Numbers of one chunk of differences: fits a core's cache.
CHUNK_NUMBERS = {"cpu": 1 << 18, "cuda": 1 << 26}
# Distances of one chunk of rows to everybody.
CHUNK_DISTANCES = 1 << 22
EXTRA_CANDIDATES = 2
TILE_ROWS = 1024
DIRECT = "donot_use_mm_for_euclid_dist"

Table = tuple[torch.Tensor, torch.Tensor]


def nearest_of_candidates(
    points: Points, candidates: Candidates, k: int, num_rows: int, reach: float
) -> Table:
    """(R, K) distances and indices of the nearest among the candidates of each of R rows.

    reach: the largest absolute value among the points. Rows with fewer than k candidates
    end in infinite distances and the index -1.
    """
    rows, columns = candidates.rows, candidates.columns
    measured = _measure_pairs(points, rows, columns, distance_scale(reach))
    order = _lexsort(rows, measured, columns)
    rows, columns, measured = rows[order], columns[order], measured[order]
    fresh = torch.ones_like(rows, dtype=torch.bool)
    fresh[1:] = rows[1:] != rows[:-1]
    starts = fresh.nonzero()[:, 0]
    number = fresh.cumsum(0) - 1
    rank = torch.arange(len(rows), device=rows.device) - starts[number]
    kept = rank < k
    distances = torch.full((num_rows, k), torch.inf, dtype=torch.float64, device=rows.device)
    indices = torch.full((num_rows, k), -1, dtype=torch.int64, device=rows.device)
    distances[number[kept], rank[kept]] = measured[kept]
    indices[number[kept], rank[kept]] = columns[kept]
    return distances, indices


def nearest_in_double(points: Points, k: int, rows: Block, columns: Block) -> tuple[Table, int]:
    """The k nearest of each row among the columns, itself apart, by products in float64.

    The products nominate k and a few; a bound on their rounding error certifies that no
    other point could be nearer, and rows that it doesn't cover are measured in full. The
    count of those comes back too.
    """
    center, reach = points.center_and_reach()
    center = center.to(torch.float64)
    scale = distance_scale(reach)
    num_columns = columns[1] - columns[0]
    overlap = max(rows[0], columns[0]) < min(rows[1], columns[1])
    num_nominated = min(k + EXTRA_CANDIDATES, num_columns - overlap)

    def centered(start: int, stop: int) -> torch.Tensor:
        return (points.rows(start, stop).to(torch.float64) * scale).sub_(center * scale)

    norm_max = max(
        float(torch.linalg.vector_norm(centered(start, stop), dim=1).max())
        for span in {rows, columns}
        for start, stop in _steps(span, TILE_ROWS)
    )
    # How far rounding may move any point when the center is subtracted.
    unit = torch.finfo(torch.float64).eps
    shift = unit * (norm_max + 2 * float(torch.linalg.vector_norm(center * scale)))
    distances, indices, num_redone = [], [], 0
    for start, stop in _steps(rows, TILE_ROWS):
        own = centered(start, stop)
        norms = torch.linalg.vector_norm(own, dim=1)
        values = own.new_full((stop - start, 0), torch.inf)
        nominees = torch.empty((stop - start, 0), dtype=torch.int64, device=own.device)
        for low, high in _steps(columns, TILE_ROWS):
            others = centered(low, high)
            squared = (norms**2)[:, None] + (others * others).sum(dim=1)
            squared.addmm_(own, others.T, alpha=-2.0)
            _hide_self(squared, (start, stop), (low, high))
            every = torch.arange(low, high, device=own.device).expand(stop - start, -1)
            values, place = torch.cat([values, squared], dim=1).topk(
                min(num_nominated, values.shape[1] + high - low), dim=1, largest=False
            )
            nominees = torch.cat([nominees, every], dim=1).gather(1, place)
        # Higham 2002, section 3.1: a dot product of D terms is off by at most D u |a||b|.
        longest = norms + norm_max
        gamma = (points.num_units + 8) * unit
        slack = gamma * longest**2 + 4 * shift * (longest + shift)
        own_rows = torch.arange(start, stop, device=own.device)
        nominees = nominees.sort(dim=1).values
        pairs = own_rows[:, None].expand_as(nominees).reshape(-1), nominees.reshape(-1)
        measured = _measure_pairs(points, *pairs, scale).view_as(nominees)
        nearest, found = _first(measured, nominees, k)
        if num_nominated < num_columns - overlap:
            unsure = values[:, -1] - slack <= (nearest[:, -1] * scale) ** 2
            num_redone += int(unsure.sum())
            if bool(unsure.any()):
                redone = own_rows[unsure]
                nearest[unsure], found[unsure] = _brute_force(points, redone, columns, k, scale)
        distances.append(nearest)
        indices.append(found)
    return (torch.cat(distances), torch.cat(indices)), num_redone


def distance_scale(reach: float) -> float:
    """A power of two that keeps squared differences of values up to `reach` in range."""
    if not reach or 2.0**-300 < reach < 2.0**300:
        return 1.0
    return 2.0 ** -max(-1000, min(1000, math.frexp(reach)[1]))


def _measure_pairs(
    points: Points, rows: torch.Tensor, columns: torch.Tensor, scale: float
) -> torch.Tensor:
    """(C,) distances of pairs of points."""
    # Both orders of a pair have one distance, measured once.
    keys = torch.minimum(rows, columns) * points.num_points + torch.maximum(rows, columns)
    unique = _unique(keys)
    low, high = unique // points.num_points, unique % points.num_points
    distances = torch.empty(len(unique), dtype=torch.float64, device=points.device)
    step = max(1, CHUNK_NUMBERS[points.device.type] // max(1, points.num_units))
    for start in range(0, len(unique), step):
        chunk = slice(start, start + step)
        first, second = (points.gather(end[chunk]).to(torch.float64) for end in (low, high))
        if scale != 1.0:
            first, second = first * scale, second * scale
        distances[chunk] = _differences(first[:, None], second[:, None])[:, 0, 0] / scale
    return distances[torch.searchsorted(unique, keys)]


def _brute_force(points: Points, rows: torch.Tensor, columns: Block, k: int, scale: float) -> Table:
    """The k nearest of these rows, measured against every column."""
    distances, indices = [], []
    size = columns[1] - columns[0]
    for some in rows.split(max(1, CHUNK_DISTANCES // size)):
        own = points.gather(some).to(torch.float64) * scale
        parts = [
            _differences(own, points.rows(*span).to(torch.float64) * scale) / scale
            for span in _steps(columns, max(1, CHUNK_NUMBERS["cuda"] // (4 * points.num_units)))
        ]
        measured = torch.cat(parts, dim=1)
        inside = (some >= columns[0]) & (some < columns[1])
        measured[inside.nonzero()[:, 0], some[inside] - columns[0]] = torch.inf
        every = torch.arange(*columns, device=some.device).expand_as(measured)
        nearest, found = _first(measured, every, k)
        distances.append(nearest)
        indices.append(found)
    return torch.cat(distances), torch.cat(indices)


def _differences(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """Distances summed from differences, each by itself, never through a product."""
    return torch.cdist(first, second, compute_mode=DIRECT)


def _first(measured: torch.Tensor, ascending: torch.Tensor, k: int) -> Table:
    """(R, K) tables of the nearest of (R, M) candidates whose indices ascend in each row."""
    # The sort is stable and the indices ascend, so ties come out in index order.
    order = measured.sort(dim=1, stable=True)
    nearest, place = order.values[:, :k], order.indices[:, :k]
    found = ascending.gather(1, place)
    missing = k - nearest.shape[1]
    if missing:
        nearest = torch.nn.functional.pad(nearest, (0, missing), value=torch.inf)
        found = torch.nn.functional.pad(found, (0, missing), value=-1)
    return nearest.clone(), torch.where(torch.isinf(nearest), -1, found)


def _hide_self(squared: torch.Tensor, rows: Block, columns: Block) -> None:
    """No point is its own neighbor."""
    low, high = max(rows[0], columns[0]), min(rows[1], columns[1])
    if low < high:
        own = torch.arange(low, high, device=squared.device)
        squared[own - rows[0], own - columns[0]] = torch.inf


def _steps(span: Block, step: int) -> list[Block]:
    return [(low, min(low + step, span[1])) for low in range(*span, step)]


def _unique(keys: torch.Tensor) -> torch.Tensor:
    if keys.device.type != "cpu":
        return torch.unique(keys)  # type: ignore[no-untyped-call]
    ordered = np.sort(keys.numpy())  # vectorized, unlike torch's
    fresh = np.ones(len(ordered), dtype=bool)
    fresh[1:] = ordered[1:] != ordered[:-1]
    return torch.from_numpy(ordered[fresh])


def _lexsort(*keys: torch.Tensor) -> torch.Tensor:
    """The order that sorts by the first key, then by the second, and so on."""
    if keys[0].device.type == "cpu":
        return torch.from_numpy(np.lexsort([key.numpy() for key in reversed(keys)]))
    order = keys[-1].argsort(stable=True)
    for key in reversed(keys[:-1]):
        order = order[key[order].argsort(stable=True)]
    return order
