"""Estimators over the points of one file or array: what `idsweep estimate` does.

Legend: N points, D units, K neighbors.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from numpy.typing import NDArray

from estimators import ESTIMATORS, EstimationError, Estimator, TwoNN, nearest_neighbors
from estimators.estimate import Estimate
from estimators.gride import gride_scales
from estimators.neighbors import Neighbors
from estimators.resampling import BlockPoint, blocks
from sweep.errors import UserError
from sweep.nearest import nearest
from sweep.pointfile import PointFile
from sweep.progress import Progress, Status

# Those that read nothing but neighbor distances and take a moment at any N.
FAST = ("twonn", "gride", "mle", "mom", "mind_ml")
# The table is at least this wide where there are points enough: room for larger scales.
MIN_COLUMNS = 64
MAX_BLOCKS = 8
MIN_BLOCK_POINTS = 100


@dataclass(frozen=True)
class Outcome:
    """What one estimator made of a neighbor table.

    estimate: None where it made none, and then `reason` says why.
    seconds: it took, the table apart.
    """

    estimator: str
    estimate: Estimate | None
    reason: str
    seconds: float

    def to_json(self) -> dict[str, Any]:
        """The outcome as JSON values; local values are left out."""
        found: dict[str, Any] = {"estimator": self.estimator, "reason": self.reason}
        if self.estimate is not None:
            found |= estimate_to_json(self.estimate)
        return found | {"seconds": self.seconds}


@dataclass(frozen=True)
class PointEstimates:
    """Every estimate of one set of points.

    num_units: D. num_neighbors: K, the columns of the table that all estimators share.
    table_seconds: the table took.
    scales: Gride at neighbors 1 and 2, 2 and 4, ...; empty where points are too few.
    blocks: TwoNN over blocks of N, N/2, N/3, ... points; empty where points are too few.
    """

    source: str
    notes: tuple[str, ...]
    num_points: int
    num_units: int
    num_neighbors: int
    table_seconds: float
    outcomes: tuple[Outcome, ...]
    scales: tuple[Estimate, ...]
    blocks: tuple[BlockPoint, ...]

    def to_json(self) -> dict[str, Any]:
        """All of it as JSON values."""
        found = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return found | {
            "notes": list(self.notes),
            "outcomes": [outcome.to_json() for outcome in self.outcomes],
            "scales": [estimate_to_json(estimate) for estimate in self.scales],
            "blocks": [asdict(point) for point in self.blocks],
        }


def estimate_points(
    file: PointFile, names: Sequence[str] | None, progress: Progress
) -> PointEstimates:
    """Estimate the dimension of the points of `file`, over one table of neighbors.

    names: of ESTIMATORS, or "all"; None takes the fast ones.

    Raises UserError if a name is unknown, the points can't be used (NaN, only one), or no
    estimator could use them.
    """
    estimators = choose_estimators(names)
    status = Status(total=len(estimators), skipped=0)
    began = time.monotonic()
    try:
        neighbors = neighbor_table(file.points, estimators, MIN_COLUMNS)
    except EstimationError as error:
        raise UserError(f"{file.source}: {error}") from error
    table_seconds = time.monotonic() - began
    progress.begin(status)
    outcomes = []
    try:
        for estimator in estimators:
            status.running[estimator.name] = (estimator.name, {})
            progress.update()
            outcomes.append(run_estimator(estimator, neighbors))
            del status.running[estimator.name]
            failed = outcomes[-1].estimate is None
            status.failed += failed
            status.measured += not failed
            progress.update()
    finally:
        progress.end()
    if all(outcome.estimate is None for outcome in outcomes):
        first = outcomes[0]
        raise UserError(f"{file.source} allows no estimate: {first.estimator}: {first.reason}")
    return PointEstimates(
        source=file.source,
        notes=file.notes,
        num_points=neighbors.num_points,
        num_units=file.points[:1].size,
        num_neighbors=neighbors.num_neighbors,
        table_seconds=table_seconds,
        outcomes=tuple(outcomes),
        scales=_scales(neighbors),
        blocks=_blocks(neighbors),
    )


def choose_estimators(names: Sequence[str] | None) -> list[Estimator]:
    """The estimators of these names, "all" being every one; None takes the fast ones."""
    if names is None:
        return [ESTIMATORS[name] for name in FAST]
    chosen: list[Estimator] = []
    for name in names:
        if name not in (*ESTIMATORS, "all"):
            raise UserError(f"unknown estimator {name!r}: {nearest(name, ['all', *ESTIMATORS])}")
        chosen += ESTIMATORS.values() if name == "all" else [ESTIMATORS[name]]
    return list(dict.fromkeys(chosen))


def neighbor_table(
    points: NDArray[Any], estimators: Sequence[Estimator], min_columns: int = 1
) -> Neighbors:
    """One table for all of `estimators`: as wide as any of them reads, and N - 1 allows."""
    wanted = max(min_columns, *(estimator.num_neighbors for estimator in estimators))
    return nearest_neighbors(points, max(1, min(wanted, len(points) - 1)))


def run_estimator(estimator: Estimator, neighbors: Neighbors) -> Outcome:
    """Let one estimator try: whatever goes wrong in it is its reason, and stops no other."""
    began = time.monotonic()
    estimate, reason = None, ""
    if estimator.num_neighbors > neighbors.num_neighbors:
        reason = (
            f"reads {estimator.num_neighbors} neighbors of each point: bring more than "
            f"{estimator.num_neighbors} points, not {neighbors.num_points}"
        )
    else:
        try:
            estimate = estimator.estimate(neighbors)
        except EstimationError as error:
            reason = str(error)
        except Exception as error:
            reason = f"failed with {type(error).__name__}: {error}"
    return Outcome(estimator.name, estimate, reason, time.monotonic() - began)


def _scales(neighbors: Neighbors) -> tuple[Estimate, ...]:
    try:
        return gride_scales(neighbors)
    except EstimationError:
        return ()


def _blocks(neighbors: Neighbors) -> tuple[BlockPoint, ...]:
    max_blocks = min(MAX_BLOCKS, neighbors.num_points // MIN_BLOCK_POINTS)
    if max_blocks < 2:
        return ()
    try:
        return blocks(neighbors, TwoNN(), max_blocks)
    except EstimationError:
        return ()


def estimate_to_json(estimate: Estimate) -> dict[str, Any]:
    """An estimate as JSON values, without the local ones."""
    found = {name: getattr(estimate, name) for name in estimate.__dataclass_fields__}
    del found["local"]
    return found | {"settings": dict(estimate.settings)}
