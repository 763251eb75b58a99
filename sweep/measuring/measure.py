"""Measuring one checkpoint: a plain function in one process, without Ray."""

from __future__ import annotations

from pathlib import Path

from sweep.config import SweepConfig
from sweep.data.partitions import ImageData
from sweep.measurement import Measurement, read_rows, write_rows
from sweep.measuring import make_analyses
from sweep.measuring.analysis import Analysis
from sweep.measuring.checkpoint import Checkpoint
from sweep.paths import TrialPaths
from sweep.sealing import content_key, is_sealed, read_manifest, seal
from sweep.space import Trial
from sweep.training.trainer import load_checkpoint

ROWS = "rows.parquet"
# Sums come out differently with another number of threads, in the last bits.
MEASURING_THREADS = 1
# Settings that say how, not what: they change no row.
NOT_IN_KEY = {"actors", "cpus_per_actor", "untrained"}


def measure_trial(config: SweepConfig, trial: Trial, data: ImageData, paths: TrialPaths) -> None:
    """Measure the trial's sealed checkpoint: every analysis that isn't sealed yet.

    Raises TrialFailure if the network can't be measured (activations not finite, say).
    """
    missing = [
        analysis
        for analysis in make_analyses(config.analyses)
        if not is_sealed(_folder(config, trial, paths, analysis))
    ]
    if not missing:
        return
    network = load_checkpoint(trial, data, paths)
    checkpoint = Checkpoint(trial, network, data, config.measure)
    for analysis in missing:
        rows = list(analysis.measure(checkpoint))
        with seal(
            _folder(config, trial, paths, analysis),
            trial=trial.key,
            analysis=analysis.name,
            num_rows=len(rows),
        ) as folder:
            write_rows(folder / ROWS, rows)
    paths.failure.unlink(missing_ok=True)


def is_measured(config: SweepConfig, trial: Trial, paths: TrialPaths) -> bool:
    """Whether every analysis of the trial's checkpoint is sealed."""
    return all(
        is_sealed(_folder(config, trial, paths, analysis))
        for analysis in make_analyses(config.analyses)
    )


def read_measurements(config: SweepConfig, trial: Trial, paths: TrialPaths) -> list[Measurement]:
    """All rows of the trial's checkpoint, analysis by analysis."""
    rows: list[Measurement] = []
    for analysis in make_analyses(config.analyses):
        folder = _folder(config, trial, paths, analysis)
        read_manifest(folder)
        rows += read_rows(folder / ROWS)
    return rows


def _folder(config: SweepConfig, trial: Trial, paths: TrialPaths, analysis: Analysis) -> Path:
    sampling = config.measure.model_dump(exclude=NOT_IN_KEY)
    key = content_key([dict(analysis.settings), sampling], length=8)
    return paths.measured(trial.epoch, analysis.name, key)
