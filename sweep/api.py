"""idsweep from Python: the same stages as the command line."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from sweep.paths import DEFAULT_STORAGE, open_storage

if TYPE_CHECKING:
    from sweep.estimation import PointEstimates
    from sweep.execution import Cluster
    from sweep.pipeline import SweepResult
    from sweep.progress import Progress


def run(
    sweep: str | Path,
    *,
    storage: str | Path = DEFAULT_STORAGE,
    tracking_uri: str | None = None,
    address: str | None = None,
    overrides: Sequence[str] = (),
    cluster: Cluster | None = None,
    progress: Progress | None = None,
) -> SweepResult:
    """Run a sweep: whatever of it isn't sealed in the storage yet.

    sweep: path of a sweep file, or the name of a ready one such as "digits".
    storage: folder for all results; made if it isn't there.
    tracking_uri: of MLflow; None is SQLite inside the storage.
    address: of a running Ray cluster; None starts one on this machine.
    overrides: such as "training.epochs=2".
    cluster: instead of Ray, such as `sweep.execution.LocalProcess()`; closing it is yours.

    Raises UserError, with one clear line, if the file, the storage or the cluster is wrong.
    """
    from sweep.cluster import RayCluster
    from sweep.pipeline import run_sweep
    from sweep.progress import SilentProgress
    from sweep.sweepfile import load_sweep

    file = load_sweep(sweep, overrides)
    folder = open_storage(storage, create=True)
    chosen = cluster or RayCluster(address)
    try:
        return run_sweep(file, folder, chosen, progress or SilentProgress(), tracking_uri)
    finally:
        if cluster is None:
            chosen.close()


def estimate(
    points: str | Path | ArrayLike,
    *,
    estimators: Sequence[str] | None = None,
    progress: Progress | None = None,
) -> PointEstimates:
    """Estimate the dimension of points by several estimators, over one table of neighbors.

    points: a .npy, .csv, .parquet, .arrow or .feather file, or (N, D) numbers.
    estimators: names of `estimators.ESTIMATORS`, or "all"; None takes the fast ones.

    Raises UserError, with one clear line, if the file, its points or a name is wrong.
    """
    from sweep.estimation import estimate_points
    from sweep.pointfile import PointFile, read_points
    from sweep.progress import SilentProgress

    if isinstance(points, str | Path):
        file = read_points(points)
    else:
        file = PointFile(np.asarray(points), "points")
    return estimate_points(file, estimators, progress or SilentProgress())
