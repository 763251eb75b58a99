"""The Markov chain of Hidalgo: which manifold each point is on, and their dimensions.

Legend: N points, K manifolds, Q neighbors, C points of one color.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array, csr_array
from scipy.special import gammaln, logsumexp

if TYPE_CHECKING:
    from estimators.hidalgo import Hidalgo


def neighbor_graph(indices: NDArray[np.int64], kept: NDArray[np.bool_]) -> csr_array:
    """(N, N) 1 where j is among the neighbors of i, of the N points that are kept."""
    place = np.cumsum(kept) - 1
    rows = np.repeat(np.arange(int(kept.sum())), indices.shape[1])
    others = indices[kept].ravel()
    here = kept[others]
    columns = place[others[here]]
    shape = (int(kept.sum()), int(kept.sum()))
    return csr_array(coo_array((np.ones(len(columns)), (rows[here], columns)), shape=shape))


def color_classes(graph: csr_array) -> list[NDArray[np.int64]]:
    """Points by color, so that no two of one color are neighbors; the greedy coloring."""
    both = csr_array(graph + graph.T)
    others, ends = both.indices.tolist(), both.indptr.tolist()
    color = [-1] * graph.shape[0]
    for i in range(len(color)):
        taken = {color[j] for j in others[ends[i] : ends[i + 1]]}
        color[i] = next(c for c in range(len(taken) + 1) if c not in taken)
    return [np.flatnonzero(np.array(color) == c) for c in range(max(color) + 1)]


def log_normalization(num_points: int, q: int, zeta: float) -> NDArray[np.float64]:
    """(N + 2,) log Z(zeta, N_k) for N_k = 0 ... N + 1; the ends are only differenced."""
    inside = np.clip(np.arange(num_points + 2.0), 1, num_points)[:, None]
    n = np.arange(q + 1.0)
    with np.errstate(invalid="ignore"):
        terms = _log_choose(inside - 1, n) + _log_choose(num_points - inside, q - n)
    terms += n * math.log(zeta) + (q - n) * math.log1p(-zeta)
    return np.asarray(logsumexp(terms, axis=1))


def _log_choose(total: NDArray[np.float64], chosen: NDArray[np.float64]) -> NDArray[np.float64]:
    possible = total >= chosen
    rest = np.where(possible, total - chosen, 0)
    value = gammaln(total + 1) - gammaln(chosen + 1) - gammaln(rest + 1)
    return np.where(possible, value, -np.inf)


class Chain:
    """Dimension and manifold of each point, sweep after sweep.

    settings: those of the estimator.
    """

    def __init__(self, log_mu: NDArray[np.float64], graph: csr_array, settings: Hidalgo) -> None:
        self.log_mu = log_mu
        self.settings = settings
        self.rng = np.random.default_rng(settings.seed)
        self.degree = graph.sum(axis=1).astype(np.int64)  # less than q where neighbors dropped
        self.log_z = np.stack(
            [log_normalization(len(log_mu), q, settings.zeta) for q in range(settings.q + 1)]
        )
        # Both those whom a point names and those who name it speak for its manifold.
        both = csr_array(graph + graph.T)
        self.classes = [(points, csr_array(both[points])) for points in color_classes(graph)]
        around = (log_mu + graph @ log_mu) / (1 + self.degree)
        rank = np.argsort(np.argsort(around, kind="stable"))
        self.manifold = rank * settings.num_manifolds // len(log_mu)

    def sweeps(self) -> Iterator[tuple[NDArray[np.float64], NDArray[np.int64]]]:
        """The (K,) dimensions and (N,) manifolds after each of the iterations."""
        set_, rng = self.settings, self.rng
        num = set_.num_manifolds
        for _ in range(set_.num_iterations):
            size = np.bincount(self.manifold, minlength=num)
            total = np.bincount(self.manifold, weights=self.log_mu, minlength=num)
            dimension = rng.gamma(set_.prior_shape + size) / (set_.prior_rate + total)
            weight = rng.dirichlet(set_.prior_weight + size)
            # log of p_k d_k mu^-d_k-1, less what all manifolds have in common
            fit = np.log(np.maximum(weight * dimension, 1e-300))
            fit = fit - np.multiply.outer(self.log_mu, dimension)
            if num > 1:
                for points, voters in self.classes:
                    self._draw_class(points, voters, fit[points])
            yield dimension, self.manifold

    def _draw_class(
        self, points: NDArray[np.int64], voters: csr_array, fit: NDArray[np.float64]
    ) -> None:
        """Draw the manifolds of points that don't depend on each other but through Z."""
        num = self.settings.num_manifolds
        votes = voters @ (self.manifold[:, None] == np.arange(num)).astype(float)
        logit = math.log(self.settings.zeta / (1 - self.settings.zeta))
        # Z at first order around counts that don't depend on where these points are now.
        others = np.ones(len(self.manifold), dtype=bool)
        others[points] = False
        counts = self._counts(self.manifold[others], self.degree[others])
        slope = self._slope(counts)
        log_chance = fit + logit * votes + slope[self.degree[points]]
        uniform = self.rng.uniform(size=log_chance.shape)
        drawn = np.argmax(log_chance - np.log(-np.log(uniform)), axis=1)
        before = self.manifold[points]
        degrees = self.degree[points]
        gain = [
            self._log_z(counts + self._counts(z, degrees)) - slope[degrees, z].sum()
            for z in (drawn, before)
        ]
        if math.log(self.rng.uniform()) < gain[0] - gain[1]:
            self.manifold[points] = drawn

    def _counts(
        self, manifold: NDArray[np.int64], degree: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """(Q + 1, K) points with each number of neighbors on each manifold."""
        num, rows = self.settings.num_manifolds, self.settings.q + 1
        cells = np.bincount(degree * num + manifold, minlength=rows * num)
        return cells.reshape(rows, num).astype(np.float64)

    def _log_z(self, counts: NDArray[np.float64]) -> float:
        """Log of the product of 1/Z over all points."""
        return -float((counts * self.log_z[:, counts.sum(axis=0).astype(int)]).sum())

    def _slope(self, counts: NDArray[np.float64]) -> NDArray[np.float64]:
        """(Q + 1, K) what one more point would add to it, were all classes as these counts."""
        num_points = len(self.manifold)
        scaled = counts * (num_points / max(1.0, counts.sum()))
        size = np.clip(np.rint(scaled.sum(axis=0)).astype(int), 1, num_points)
        change = self.log_z[:, np.minimum(size + 1, num_points)] - self.log_z[:, size]
        return np.asarray(-(self.log_z[:, size] + (scaled * change).sum(axis=0)))
