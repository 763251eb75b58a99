"""What every estimator returns, and what every estimator is.

Legend: N points, D units, K neighbors.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from estimators.neighbors import Neighbors

Setting = str | int | float | bool | None


@dataclass(frozen=True)
class Estimate:
    """An intrinsic dimension with its error bar and its convention.

    dimension: the estimate, in units of "number of dimensions".
    stderr: standard error of the dimension.
    low, high: ends of the interval at the `confidence` named in the settings.
    num_points: points that entered the estimate.
    num_dropped: points left out (duplicates and ties; the settings tell them apart).
    scale: mean distance to the farthest neighbor used, in the units of the points.
    settings: everything that fixes the number: method, k, trim, counts of what was dropped.
    """

    dimension: float
    stderr: float
    low: float
    high: float
    num_points: int
    num_dropped: int
    scale: float
    settings: Mapping[str, Setting] = field(default_factory=dict)


class Estimator(Protocol):
    """An intrinsic-dimension estimator over one table of nearest neighbors."""

    @property
    def name(self) -> str:
        """The name in sweep files, tables and metric keys, such as "twonn"."""

    @property
    def num_neighbors(self) -> int:
        """How many neighbors of each point the estimator reads."""

    def estimate(self, neighbors: Neighbors) -> Estimate:
        """The dimension of the points that `neighbors` was computed from.

        Raises EstimationError if too few usable points remain.
        """
