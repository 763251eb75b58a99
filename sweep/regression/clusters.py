"""Trials that come in configurations, and configurations in groups: what is drawn as a whole.

Legend: T trials, C configurations, G groups, B resamples, M products.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
MIN_PER_GROUP = 4
MIN_GROUPS = 8
# Numbers that stand in memory at once, whatever B and T are: 32 MB.
MAX_NUMBERS = 4_000_000


@dataclass(frozen=True, eq=False)
class Clusters:
    """Which trials go together.

    configuration: (T,) in [0, C); resampled and permuted whole, since trials that differ in
        nothing but their seed are not independent. group: (T,) in [0, G); variables are
        compared only within a group.
    """

    configuration: Ints
    group: Ints

    @cached_property
    def num_configurations(self) -> int:
        return int(self.configuration.max()) + 1

    @cached_property
    def num_groups(self) -> int:
        return int(self.group.max()) + 1

    @cached_property
    def group_of_configuration(self) -> Ints:
        """(C,) the group each configuration lies in."""
        groups = np.empty(self.num_configurations, np.int64)
        groups[self.configuration] = self.group
        return groups

    @cached_property
    def configurations_of_group(self) -> list[Ints]:
        """Of each group its configurations."""
        order = np.argsort(self.group_of_configuration, kind="stable")
        sizes = np.bincount(self.group_of_configuration, minlength=self.num_groups)
        return np.split(order, np.cumsum(sizes)[:-1])

    @property
    def draws_groups(self) -> bool:
        """Whether whole groups are resampled: a handful of configurations can't stand for many."""
        small = self.num_configurations / self.num_groups < MIN_PER_GROUP
        return small and self.num_groups >= MIN_GROUPS

    @property
    def freedom(self) -> int:
        """Degrees of freedom of an interval for a coefficient within groups."""
        if self.draws_groups:
            return self.num_groups - 1
        return self.num_configurations - self.num_groups - 1

    def centered(self, values: Floats) -> Floats:
        """(T,) or (T, M) values less the mean of their group."""
        sizes = np.bincount(self.group, minlength=self.num_groups).astype(np.float64)
        sums = sum_by(self.group, values, self.num_groups)
        return np.asarray(values - (sums.T / sizes).T[self.group])

    def bootstrap(self, resamples: int, rng: np.random.Generator) -> Iterator[Floats]:
        """(b, C) how often each configuration stands in each of b resamples, B in all."""
        for size in parts(resamples, self.num_configurations):
            if self.draws_groups:
                share = np.full(self.num_groups, 1 / self.num_groups)
                drawn = rng.multinomial(self.num_groups, share, size=size).astype(np.float64)
                yield drawn[:, self.group_of_configuration]
                continue
            counts = np.zeros((size, self.num_configurations))
            for members in self.configurations_of_group:
                share = np.full(len(members), 1 / len(members))
                counts[:, members] = rng.multinomial(len(members), share, size=size)
            yield counts

    def products(self, left: Floats, right: Floats, weights: Floats) -> Floats:
        """(b, M) sums of products of (T, M) left and right about their weighted group means.

        weights: (b, C) of configurations.
        """
        num = self.num_configurations
        left, right = self.centered(left), self.centered(right)
        total: Floats = weights @ sum_by(self.configuration, left * right, num)
        if self.draws_groups or self.num_configurations == 0:
            return total  # a group's trials weigh alike, so its means stay where they are: 0
        sizes = np.bincount(self.configuration, minlength=num).astype(np.float64)
        sums_left = sum_by(self.configuration, left, num)
        sums_right = sum_by(self.configuration, right, num)
        for members in self.configurations_of_group:
            inside = weights[:, members]
            count = (inside @ sizes[members])[:, None]
            total -= (inside @ sums_left[members]) * (inside @ sums_right[members]) / count
        return total

    def permutations(self, resamples: int, rng: np.random.Generator) -> Iterator[Ints]:
        """(b, T) row orders that swap whole configurations of equal size within a group."""
        rows = np.argsort(self.configuration, kind="stable")
        sizes = np.bincount(self.configuration, minlength=self.num_configurations)
        members = np.split(rows, np.cumsum(sizes)[:-1])
        alike = [
            np.stack([members[c] for c in group[sizes[group] == size]])  # (configurations, size)
            for group in self.configurations_of_group
            for size in np.unique(sizes[group])
        ]
        for part in parts(resamples, len(rows)):
            order = np.tile(np.arange(len(rows)), (part, 1))
            for block in alike:
                shuffled = rng.permuted(np.tile(np.arange(len(block)), (part, 1)), axis=1)
                order[:, block.ravel()] = block[shuffled].reshape(part, -1)
            yield order


def sum_by(labels: Ints, values: Floats, num: int) -> Floats:
    """(num,) or (num, M) sums of (T,) or (T, M) values that share a label."""
    if values.ndim == 1:
        return np.asarray(np.bincount(labels, weights=values, minlength=num), np.float64)
    ones = np.ones(len(labels))
    members = csr_array((ones, (labels, np.arange(len(labels)))), shape=(num, len(labels)))
    return np.asarray(members @ values)


def mean_by(labels: Ints, values: Floats, num: int) -> Floats:
    """(num,) or (num, M) means of values that share a label; each label is there."""
    sizes = np.bincount(labels, minlength=num).astype(np.float64)
    return np.asarray((sum_by(labels, values, num).T / sizes).T)


def parts(resamples: int, width: int) -> Iterator[int]:
    """Sizes of parts that add up to `resamples`, each within memory."""
    most = max(1, MAX_NUMBERS // max(1, width))
    for start in range(0, resamples, most):
        yield min(most, resamples - start)
