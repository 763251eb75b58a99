"""The sealed measurements of one checkpoint: where they lie, whether they are there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from sweep.config import SweepConfig
from sweep.measurement import Measurement, read_rows, write_rows
from sweep.measuring import make_analyses
from sweep.measuring.analysis import Analysis
from sweep.paths import TrialPaths
from sweep.sealing import content_key, file_digest, is_sealed, read_manifest, seal
from sweep.space import Trial

ROWS = "rows.parquet"
EMPTY: Mapping[str, pa.Table] = {}
# Settings that say how, not what: they change no row, or its last bits at most.
NOT_IN_KEY = {
    "epochs",
    "actors",
    "cpus_per_actor",
    "gpus_per_actor",
    "memory_per_actor",
    "threads",
    "part_images",
    "scratch",
    "keep_activations",
    "untrained",
}


def is_measured(config: SweepConfig, trial: Trial, paths: TrialPaths) -> bool:
    """Whether every analysis of every checkpoint of the trial is sealed."""
    return all(
        is_sealed(measured_folder(config, checkpoint, paths, analysis))
        for checkpoint in trial.checkpoints
        for analysis in make_analyses(config.analyses)
    )


def read_measurements(config: SweepConfig, trial: Trial, paths: TrialPaths) -> list[Measurement]:
    """All rows of the trial's checkpoint, analysis by analysis."""
    rows: list[Measurement] = []
    for analysis in make_analyses(config.analyses):
        folder = measured_folder(config, trial, paths, analysis)
        read_manifest(folder)
        rows += read_rows(folder / ROWS)
    return rows


def sealed_digest(config: SweepConfig, trial: Trial, paths: TrialPaths) -> str:
    """A digest of the sealed rows of all checkpoints of the trial, without reading any."""
    return content_key(
        [
            file_digest(measured_folder(config, checkpoint, paths, analysis) / ROWS)
            for checkpoint in trial.checkpoints
            for analysis in make_analyses(config.analyses)
        ]
    )


def measured_folder(
    config: SweepConfig, trial: Trial, paths: TrialPaths, analysis: Analysis
) -> Path:
    """Where the rows of one analysis of the trial's checkpoint are sealed."""
    sampling = config.measure.model_dump(exclude=NOT_IN_KEY)
    key = content_key([dict(analysis.settings), sampling], length=8)
    return paths.measured(trial.epoch, analysis.name, key)


def sampling_key(config: SweepConfig) -> str:
    """A key of all that determines the activations of a given checkpoint."""
    return content_key(config.measure.model_dump(exclude=NOT_IN_KEY), length=8)


def seal_rows(
    folder: Path,
    rows: Sequence[Measurement],
    tables: Mapping[str, pa.Table] = EMPTY,
    *,
    durable: bool = False,
    **facts: Any,
) -> None:
    """Seal measurement rows as `folder`, and tables by their names beside them."""
    with seal(folder, durable=durable, **facts) as temporary:
        write_rows(temporary / ROWS, rows)
        for name, table in tables.items():
            pq.write_table(table, temporary / f"{name}.parquet")


def read_sealed_table(
    config: SweepConfig, trial: Trial, paths: TrialPaths, analysis: Analysis, name: str
) -> pa.Table:
    """One of the tables beside the rows of a sealed analysis."""
    folder = measured_folder(config, trial, paths, analysis)
    read_manifest(folder)
    return pq.read_table(folder / f"{name}.parquet")
