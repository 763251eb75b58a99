"""The exact minimum spanning tree of points, mostly read off their neighbor table.

Legend: N points, D units, K neighbors, M points of a subset.

Boruvka's method joins every tree of the forest to the one nearest to it, until one is left:
at most log2 M rounds. The nearest point outside a point's own tree is in its list of
neighbors, or is farther than the whole list; where that leaves a doubt, and only there, it
is searched among all points.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components, minimum_spanning_tree

from estimators.neighbors import Neighbors
from estimators.pairs import require_points
from estimators.points import Points

# Numbers of one block of rows in float64: 32 MiB.
BLOCK_NUMBERS = 1 << 22
BLOCK_ROWS = 1024


def spanning_tree_lengths(
    neighbors: Neighbors, members: NDArray[np.int64], who: str = "the spanning tree"
) -> NDArray[np.float64]:
    """(M - 1,) lengths of the edges of the minimum spanning tree of some points.

    members: (M,) indices of the points, ascending, all distinct.

    Exact in float64: where lengths differ by less than the rounding of squared distances,
    either edge may be taken. Raises EstimationError if the table isn't enough and came
    without points.
    """
    num_members = len(members)
    place = np.full(neighbors.num_points, -1)
    place[members] = np.arange(num_members)
    near = place[neighbors.indices[members]]
    far = neighbors.distances[members]
    # No point outside the list, and none that was ruled out before, is nearer than this.
    at_least = far[:, -1].copy()
    if neighbors.num_neighbors >= neighbors.num_points - 1:
        at_least[:] = np.inf
    found = np.full(num_members, -1)  # nearest point outside the own tree, where searched
    found_at = np.full(num_members, np.inf)
    tree = np.arange(num_members)
    rows = np.arange(num_members)
    lengths: list[NDArray[np.float64]] = []
    while tree.max() > 0:
        outside = (near >= 0) & (tree[near] != tree[:, None])
        first = outside.argmax(axis=1)
        listed = outside[rows, first]
        target = np.where(listed, near[rows, first], -1)
        length = np.where(listed, far[rows, first], np.inf)
        # A point searched in an earlier round may still be outside.
        known = ~listed & (found >= 0) & (tree[found] != tree)
        target[known], length[known] = found[known], found_at[known]

        best = np.full(tree.max() + 1, np.inf)
        np.minimum.at(best, tree, length)
        unsure = (~listed & ~known & (at_least < best[tree])).nonzero()[0]
        if len(unsure):
            points = require_points(neighbors, who).take(members)
            target[unsure], length[unsure] = _nearest_outside(points, unsure, tree)
            found[unsure], found_at[unsure] = target[unsure], length[unsure]
            at_least[unsure] = np.maximum(at_least[unsure], length[unsure])

        # Of each tree the shortest way out; equal ones by index.
        order = np.lexsort((length, tree))
        chosen = order[np.unique(tree[order], return_index=True)[1]]
        lengths.append(_join(tree, chosen, target[chosen], length[chosen]))
    return np.concatenate(lengths) if lengths else np.empty(0)


def _join(
    tree: NDArray[np.int64],
    chosen: NDArray[np.int64],
    target: NDArray[np.int64],
    length: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Join trees by the chosen edges, in place; gives the lengths of the edges needed.

    Equal lengths could close a ring of trees: the minimum spanning tree of the trees
    themselves leaves out one edge of it, and one of two that are the same edge.
    """
    num_trees = int(tree.max()) + 1
    one, other = tree[chosen], tree[target]
    low, high = np.minimum(one, other), np.maximum(one, other)
    order = np.lexsort((length, high, low))
    key = low[order] * num_trees + high[order]
    first = order[np.unique(key, return_index=True)[1]]
    graph = coo_matrix((length[first], (low[first], high[first])), shape=(num_trees, num_trees))
    joined = minimum_spanning_tree(graph.tocsr())
    tree[:] = connected_components(joined, directed=False)[1][tree]
    return np.asarray(joined.data, dtype=np.float64)


def _nearest_outside(
    points: Points, rows: NDArray[np.int64], tree: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The nearest point outside its own tree of each of these rows, and its distance."""
    center = points.center_and_reach()[0].to(torch.float64)
    own = torch.as_tensor(tree, device=center.device)
    height = max(1, min(BLOCK_ROWS, BLOCK_NUMBERS // points.num_units))
    targets, distances = [], []
    for start in range(0, len(rows), height):
        some = torch.as_tensor(rows[start : start + height], device=center.device)
        here = points.gather(some).to(torch.float64)
        centered = here - center
        best = torch.full((len(some),), torch.inf, dtype=torch.float64, device=center.device)
        at = torch.zeros_like(some)
        for span, chunk in points.chunks(height):
            there = chunk.to(torch.float64) - center
            squared = (there * there).sum(dim=1) - 2 * centered @ there.T
            squared[own[some][:, None] == own[span][None, :]] = torch.inf
            value, place = squared.min(dim=1)
            closer = value < best
            best[closer], at[closer] = value[closer], place[closer] + span.start
        targets.append(at)
        distances.append((points.gather(at).to(torch.float64) - here).norm(dim=1))
    return torch.cat(targets).cpu().numpy(), torch.cat(distances).cpu().numpy()
