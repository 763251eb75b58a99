"""How an estimate changes with the sample: subsamples, blocks, jackknife, half-splits.

Legend: N points, n points of a subsample, b blocks, G groups, K neighbors in the table.

All work on one neighbor table of all points and any estimator. The tables of the subsets
are read off it where its lists are long enough (`list_length` says how long), and searched
again where not, with the same result. Nothing is drawn with replacement: a point drawn
twice would be its own nearest neighbor at distance 0.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from estimators.errors import EstimationError
from estimators.estimate import Estimate, Estimator, Setting, require_confidence
from estimators.local import log_interval
from estimators.neighbors import Neighbors
from estimators.restriction import restrict


@dataclass(frozen=True)
class Subsamples:
    """Estimates on random subsamples without replacement.

    dimensions: the estimate of each subsample.
    mean, std: over the subsamples, as published (divided by their number). Since they share
        points, std is *not* a standard error: for TwoNN and 90% subsamples it is about half
        of it.
    jackknife_stderr: standard error of the estimate from all N points (see `subsamples`).
    num_points: n, of a subsample.
    num_redone: rows whose neighbors were searched again, over all subsamples.
    settings: estimator, share, number of subsamples, seed.
    """

    dimensions: tuple[float, ...]
    mean: float
    std: float
    jackknife_stderr: float
    num_points: int
    num_redone: int
    settings: Mapping[str, Setting] = field(default_factory=dict)


@dataclass(frozen=True)
class BlockPoint:
    """Estimates on b disjoint blocks of N // b points.

    mean, std: over the blocks, as published (divided by their number).
    stderr: standard error of the mean. Disjoint blocks of independent points are
        independent, so it is std / sqrt(b - 1); for one block it is the estimate's own.
    scale: mean over the blocks of the estimates' scale: fewer points, longer distances.
    """

    num_blocks: int
    num_points: int
    mean: float
    std: float
    stderr: float
    scale: float
    settings: Mapping[str, Setting] = field(default_factory=dict)


@dataclass(frozen=True)
class HalfSplit:
    """Estimates on two disjoint halves, which are independent of each other.

    difference: first minus second.
    stderr: of the difference, from the error bars of the two.
    z: difference / stderr: within -2 to 2 in 95% of samples if the error bars are right.
    """

    first: Estimate
    second: Estimate
    difference: float
    stderr: float
    z: float
    settings: Mapping[str, Setting] = field(default_factory=dict)


def subsamples(
    neighbors: Neighbors,
    estimator: Estimator,
    share: float = 0.9,
    num_subsamples: int = 20,
    seed: int = 0,
) -> Subsamples:
    """Estimate on random subsamples of round(share N) points, without replacement.

    The defaults are the protocol of Ansuini, Laio, Macke, Zoccolan, NeurIPS 2019,
    arXiv:1905.12784, which gives the mean and std over 20 subsamples of 90%.

    The jackknife that deletes d = N - n points has the variance n / d times the variance
    over subsamples (Shao and Wu 1989, doi:10.1214/aos/1176347263): at 90% its standard
    error is sqrt(0.9/0.1) = 3 times the std (here from the sum of squares over number - 1).
    It is on the large side: 1.4 to 1.8 times the spread over samples, see `jackknife`.

    Raises EstimationError unless 0 < share < 1 and num_subsamples >= 2.

    >>> from estimators import TwoNN, nearest_neighbors
    >>> square = np.random.default_rng(0).uniform(size=(1000, 2))
    >>> found = subsamples(nearest_neighbors(square, 8), TwoNN(method="linear"))
    >>> found.num_points, len(found.dimensions), 1.8 < found.mean < 2.2
    (900, 20, True)
    """
    num_points = round(share * neighbors.num_points)
    if not (0 < share < 1 and 1 <= num_points < neighbors.num_points):
        raise EstimationError(
            f"`0 < share < 1` must hold and leave out a point, but got share={share} "
            f"of {neighbors.num_points} points"
        )
    if num_subsamples < 2:
        raise EstimationError(
            f"`num_subsamples >= 2` must hold, but got num_subsamples={num_subsamples}: "
            "a spread needs two"
        )
    rng = np.random.default_rng(seed)
    subsets = [rng.permutation(neighbors.num_points)[:num_points] for _ in range(num_subsamples)]
    found, num_redone = _estimate_each(neighbors, estimator, subsets)
    dimensions = np.array([estimate.dimension for estimate in found])
    odds = num_points / (neighbors.num_points - num_points)
    return Subsamples(
        dimensions=tuple(dimensions.tolist()),
        mean=float(dimensions.mean()),
        std=float(dimensions.std()),
        jackknife_stderr=math.sqrt(odds) * float(dimensions.std(ddof=1)),
        num_points=num_points,
        num_redone=num_redone,
        settings={
            "estimator": estimator.name,
            "share": share,
            "num_subsamples": num_subsamples,
            "seed": seed,
        },
    )


def blocks(
    neighbors: Neighbors,
    estimator: Estimator,
    max_blocks: int = 20,
    seed: int = 0,
    *,
    numbers: Sequence[int] | None = None,
) -> tuple[BlockPoint, ...]:
    """Estimate on N/1, N/2, ... N/max_blocks points: how the estimate depends on scale.

    numbers: the numbers of blocks, instead of all up to max_blocks.

    For each b the points, in one random order, are cut into b disjoint blocks of N // b
    (Ansuini et al., NeurIPS 2019, arXiv:1905.12784). An estimate that doesn't change with b
    doesn't depend on the scale; for high dimensions it falls with b, see TwoNN's bias.

    Raises EstimationError unless each number of blocks is >= 1, and where a block has too
    few points.

    >>> from estimators import TwoNN, nearest_neighbors
    >>> square = np.random.default_rng(0).uniform(size=(1000, 2))
    >>> points = blocks(nearest_neighbors(square, 16), TwoNN(), max_blocks=4)
    >>> [(point.num_blocks, point.num_points) for point in points]
    [(1, 1000), (2, 500), (3, 333), (4, 250)]
    """
    if numbers is None:
        numbers = range(1, max_blocks + 1)
    if not numbers or min(numbers) < 1:
        got = f"max_blocks={max_blocks}" if isinstance(numbers, range) else f"{list(numbers)}"
        raise EstimationError(f"`max_blocks >= 1` must hold, but got {got}")
    order = np.random.default_rng(seed).permutation(neighbors.num_points)
    points = []
    for num_blocks in numbers:
        size = neighbors.num_points // num_blocks
        parts = [order[b * size : (b + 1) * size] for b in range(num_blocks)]
        found, num_redone = _estimate_each(neighbors, estimator, parts)
        dimensions = np.array([estimate.dimension for estimate in found])
        std = float(dimensions.std())
        points.append(
            BlockPoint(
                num_blocks=num_blocks,
                num_points=size,
                mean=float(dimensions.mean()),
                std=std,
                stderr=std / math.sqrt(num_blocks - 1) if num_blocks > 1 else found[0].stderr,
                scale=float(np.mean([estimate.scale for estimate in found])),
                settings={"estimator": estimator.name, "seed": seed, "num_redone": num_redone},
            )
        )
    return tuple(points)


def jackknife(
    neighbors: Neighbors, estimator: Estimator, num_groups: int = 20, confidence: float = 0.95
) -> Estimate:
    """The estimate from all points with the error bar of a delete-a-group jackknife.

    Group g holds the points g, g + G, g + 2 G, ...; each group is left out once, and the
    variance is (G - 1)/G times the sum of squares around the mean of the G estimates.

    A point that is left out takes a neighbor from others, so the estimates without a group
    differ by more than that group's own terms: the error bar is on the large side, as a
    jackknife of any statistic is on average (Efron and Stein 1981,
    doi:10.1214/aos/1176345462): 1.5 to 1.9 times the spread over samples for TwoNN on balls
    of d = 2 to 20, N = 500 and 2,000. The std over blocks (`blocks`) has no such bias.

    Raises EstimationError unless 2 <= num_groups <= N.
    """
    if not 2 <= num_groups <= neighbors.num_points:
        raise EstimationError(
            f"`2 <= num_groups <= N` must hold, but got num_groups={num_groups} and "
            f"N={neighbors.num_points}"
        )
    require_confidence(confidence)
    everyone = np.arange(neighbors.num_points)
    rest = [everyone[everyone % num_groups != group] for group in range(num_groups)]
    found, num_redone = _estimate_each(neighbors, estimator, rest)
    dimensions = np.array([estimate.dimension for estimate in found])
    stderr = math.sqrt((num_groups - 1) * float(dimensions.var()))
    whole = estimator.estimate(neighbors)
    low, high = log_interval(whole.dimension, stderr, confidence)
    return replace(
        whole,
        stderr=stderr,
        low=low,
        high=high,
        settings={
            **whole.settings,
            "confidence": confidence,
            "jackknife_groups": num_groups,
            "num_redone": num_redone,
        },
    )


def half_split(neighbors: Neighbors, estimator: Estimator, seed: int = 0) -> HalfSplit:
    """Check the error bars: do two disjoint random halves agree within them?

    The halves of independent points are independent, so over many samples z has mean 0 and
    standard deviation 1 where the error bars at N/2 points are right. One z says little;
    |z| > 3 says that the error bar misses something, such as points that come in groups.

    >>> from estimators import TwoNN, nearest_neighbors
    >>> square = np.random.default_rng(0).uniform(size=(1000, 2))
    >>> abs(half_split(nearest_neighbors(square, 32), TwoNN()).z) < 3
    True
    """
    order = np.random.default_rng(seed).permutation(neighbors.num_points)
    size = neighbors.num_points // 2
    halves, num_redone = _estimate_each(
        neighbors, estimator, [order[:size], order[size : 2 * size]]
    )
    first, second = halves
    difference = first.dimension - second.dimension
    stderr = math.hypot(first.stderr, second.stderr)
    return HalfSplit(
        first,
        second,
        difference,
        stderr,
        difference / stderr,
        {"estimator": estimator.name, "seed": seed, "num_redone": num_redone},
    )


def _estimate_each(
    neighbors: Neighbors, estimator: Estimator, subsets: list[NDArray[np.int64]]
) -> tuple[list[Estimate], int]:
    """The estimate on each subset of the points, and how many rows were searched again."""
    found, num_redone = [], 0
    for subset in subsets:
        if len(subset) == neighbors.num_points:
            table = neighbors
        else:
            table = restrict(neighbors, np.sort(subset), estimator.num_neighbors)
            num_redone += table.num_redone
        found.append(estimator.estimate(table))
    return found, num_redone
