"""What every estimator returns, and what every estimator is.

Legend: N points, D units, K neighbors.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from estimators.errors import EstimationError

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
    local: (N,) dimension at each point of the table, in its order, NaN where a point was
        dropped; None for methods without local values.
    """

    dimension: float
    stderr: float
    low: float
    high: float
    num_points: int
    num_dropped: int
    scale: float
    settings: Mapping[str, Setting] = field(default_factory=dict)
    local: NDArray[np.float64] | None = field(default=None, repr=False, compare=False)


def require_confidence(confidence: float) -> None:
    """Raise EstimationError unless an interval can have this coverage."""
    if not 0 < confidence < 1:
        raise EstimationError(f"`0 < confidence < 1` must hold, but got confidence={confidence}")


class Estimator(Protocol):
    """An intrinsic-dimension estimator over one table of nearest neighbors.

    One that needs coordinates reads `neighbors.points`.
    """

    @property
    def name(self) -> str:
        """The name in sweep files, tables and metric keys, such as "twonn"."""

    @property
    def num_neighbors(self) -> int:
        """How many neighbors of each point the estimator reads; 1 if it reads none."""

    def estimate(self, neighbors: Neighbors) -> Estimate:
        """The dimension of the points that `neighbors` was computed from.

        Raises EstimationError if too few usable points remain, or if the table has too few
        columns or lacks the points that this estimator needs.
        """
