"""The fitted depthwise kernels of networks, read back: what the pages of kernels are made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from sweep.config import SweepConfig
from sweep.measurement import Measurement
from sweep.measuring import make_analyses
from sweep.measuring.depthwise import DepthwiseAnalysis
from sweep.measuring.sealed import read_measurements, read_sealed_table
from sweep.paths import TrialPaths
from sweep.results import SweepResults
from sweep.space import Trial

Floats = NDArray[np.float64]
NUM_KERNELS = "depthwise_network/num_kernels"


@dataclass(frozen=True)
class KernelSet:
    """All depthwise kernels of one network, fitted with templates.

    rows: of the analysis. table, kernels: the sealed table `kernels`, once as it lies there.
    earlier: kernels by epoch, of its earlier checkpoints.
    """

    trial: Trial
    rows: list[Measurement]
    table: pa.Table
    kernels: pd.DataFrame
    earlier: dict[float, pd.DataFrame] = field(default_factory=dict)

    @property
    def settings(self) -> Mapping[str, Any]:
        """Of the analysis, and what it left out."""
        return next(row.settings for row in self.rows if row.quantity == NUM_KERNELS)

    def permuted_share(self, size: int) -> float | None:
        """Share of its kernels of one size that are classified with their pixels shuffled."""
        values: dict[tuple[str, str], float] = {}
        counts: dict[str, int] = {}
        for row in self.rows:
            if row.layer_index is not None and row.settings["kernel_size"] == size:
                values[row.layer, row.quantity.partition("/")[2]] = row.value
                counts[row.layer] = row.num_samples or 0
        known = [layer for layer in counts if (layer, "permuted_share") in values]
        alive = [counts[layer] * (1 - values[layer, "dead_share"]) for layer in known]
        shares = [values[layer, "permuted_share"] for layer in known]
        return float(np.average(shares, weights=alive)) if sum(alive) else None


def kernels_of_trial(config: SweepConfig, trial: Trial, paths: TrialPaths) -> KernelSet | None:
    """None for a sweep that measures no depthwise kernels."""
    for analysis in make_analyses(config.analyses):
        if isinstance(analysis, DepthwiseAnalysis):
            rows = read_measurements(config, trial, paths)
            table = read_sealed_table(config, trial, paths, analysis, "kernels")
            earlier = {
                epoch: read_sealed_table(
                    config, trial.at(epoch), paths, analysis, "kernels"
                ).to_pandas()
                for epoch in trial.earlier
            }
            own = [row for row in rows if row.analysis == analysis.name]
            return KernelSet(trial, own, table, table.to_pandas(), earlier)
    return None


def kernels_of_sweep(results: SweepResults) -> list[KernelSet]:
    """Of all trained networks that have any, or of the untrained ones where none is trained."""
    roles = {each.trial.role for each in results.results}
    role = "trained" if "trained" in roles else "untrained"
    work = results.work
    found = []
    for each in results.results:
        if each.trial.role == role:
            kernels = kernels_of_trial(work.config, each.trial, work.paths(each.trial))
            if kernels is None:
                return []
            if len(kernels.kernels):
                found.append(kernels)
    return found


def pool(sets: Sequence[KernelSet]) -> pd.DataFrame:
    """The kernels of all networks that are not dead, with the names of `network` and `model`."""
    parts = [
        each.kernels.assign(network=each.trial.name, model=each.trial.config.model.name)
        for each in sets
    ]
    whole = pd.concat(parts, ignore_index=True)
    return whole[whole["family"].notna()].reset_index(drop=True)


def sizes_of(kernels: pd.DataFrame) -> list[tuple[int, pd.DataFrame]]:
    """Kernels by their size, ascending."""
    sizes = sorted({int(size) for size in kernels["size"]})
    return [(size, kernels[kernels["size"] == size]) for size in sizes]


def shapes_of(kernels: pd.DataFrame, column: str = "values") -> Floats:
    """(K, k, k): kernels of one size as they are in a column."""
    size = int(kernels["size"].iloc[0])
    flat = np.stack([np.asarray(values, np.float64) for values in kernels[column]])
    return flat.reshape(-1, size, size)
