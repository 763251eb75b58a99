"""The stages in order: one function a command of the command line calls.

Every stage skips what is sealed, so resuming, extending and measuring anew are the same:
run it again.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from sweep.checking import check_sweep, check_trial
from sweep.config import SweepConfig
from sweep.diskspace import telling_when_full
from sweep.errors import UserError
from sweep.execution import Cluster
from sweep.lease import only_lease
from sweep.lock import only_driver
from sweep.mirror import sync_sweep
from sweep.outcome import is_reported, regress_results, write_report
from sweep.paths import Storage, claim_storage
from sweep.planning import settle_trials
from sweep.progress import Progress
from sweep.regression import Regression
from sweep.remainder import Remainder
from sweep.results import SweepResults, load_results, write_plan
from sweep.sealing import remove_unfinished
from sweep.space import Trial
from sweep.sweepfile import SweepFile
from sweep.tracking import Tracker, TrackingThread, choose_uri, keep_uri
from sweep.training.checkpoints import is_trained
from sweep.training.generations import remove_states
from sweep.training.stopping import as_trained
from sweep.work import Clock, Failure, Work

# Other sweeps may be writing in the same storage, but none writes one output for so long.
LEFTOVER_SECONDS = 3600.0


@dataclass(frozen=True)
class SweepResult:
    """What a run of a sweep comes to.

    results: trials trained and measured, in order. failures: by trial name.
    regression: None if there are too few trials. report: the page. seconds: by stage.
    tracking_uri: where MLflow has it; None if MLflow did not answer.
    """

    results: SweepResults
    failures: dict[str, Failure]
    regression: Regression | None
    report: Path
    seconds: dict[str, float]
    tracking_uri: str | None


def run_sweep(
    sweep: SweepFile,
    storage: Storage,
    cluster: Cluster,
    progress: Progress,
    tracking_uri: str | None = None,
    *,
    train: bool = True,
) -> SweepResult:
    """Prepare, train, measure, track, regress, report: whatever of it isn't sealed yet.

    train: whether to; without, what isn't trained yet is left out.

    Raises UserError before anything is written if the cluster can't hold a trial, and if
    another run of the same sweep in the same storage is alive.
    """
    clock = Clock()
    config = sweep.config
    check_sweep(config, storage)  # a misspelt predictor is told now, not after days of training
    cluster.check(config)
    cluster.check_storage(storage)
    claim_storage(storage)
    from sweep.data import DATASETS
    from sweep.data.partitions import NO_TEST_IMAGES, prepare_data

    data = prepare_data(config.data, storage, progress)
    if not data.counts["test"] and not DATASETS[data.name].probes_alone:
        raise UserError(NO_TEST_IMAGES)
    work = Work(config, storage, data)
    with (
        only_driver(work.sweep_paths.lock, config.name),
        only_lease(storage, config.name),
        telling_when_full(storage.folder),
    ):
        sync_sweep(storage, work.sweep_paths)
        planned = settle_trials(config, work.sweep_paths, data.digest)
        _tell_unreached(config, planned, progress)
        trials = [as_trained(config, trial, work.paths(trial)) for trial in planned]
        if not train:
            trials = [_as_sealed(trial, work, progress) for trial in trials]
        for trial in trials:
            check_trial(work, trial, train=train)
        where = choose_uri(storage, config.name, tracking_uri)
        keep_uri(storage, config.name, where, progress.note)
        keep_plan = partial(write_plan, work, sweep.text)
        keep_plan(trials)  # sends the files of the sweep too
        remove_unfinished(work.sweep_paths.folder)
        remove_unfinished(storage.folder, older_than=LEFTOVER_SECONDS)
        tracking = TrackingThread(work, sweep.text, storage, where, progress)
        try:
            left = Remainder(work, trials, progress, tracking, keep_plan if train else None)
            failures = left.execute(cluster, clock)
            clock.mark("measured")
            uri = tracking.drain()
        finally:
            tracking.stop()
        clock.mark("tracked")
        result = _report(work, failures, tracking.tracker, uri, progress)
        clock.mark("reported")
        shutil.rmtree(work.sweep_paths.tune, ignore_errors=True)
        remove_states(work, planned)
    return replace(result, seconds=_stage_seconds(clock))


def _report(
    work: Work,
    failures: dict[str, Failure],
    tracker: Tracker,
    uri: str | None,
    progress: Progress,
) -> SweepResult:
    """Regress and write the report, unless it was written of just these results."""
    results = load_results(work.storage, work.config.name)
    progress.note("regressing and writing the report")
    regression, source = regress_results(results, uri)
    if uri is not None and not source.startswith("MLflow"):
        progress.note(f"regression: from {source}")
    if not failures and is_reported(results, regression, tracker):
        progress.note("the report is as it was: nothing has changed since")
        page = work.sweep_paths.report
    else:
        page = write_report(results, regression, failures, tracker)
    return SweepResult(results, failures, regression, page, {}, uri)


def _as_sealed(trial: Trial, work: Work, progress: Progress) -> Trial:
    """Without the earlier epochs that training has not sealed, for only training makes them."""
    paths = work.paths(trial)
    there = tuple(epoch for epoch in trial.earlier if is_trained(trial.at(epoch), paths))
    if there != trial.earlier and is_trained(trial.at(trial.epoch), paths):
        progress.note(f"{trial.name}: not sealed at all of measure.epochs: `run` trains it anew")
        return replace(trial, earlier=there)
    return trial


def _tell_unreached(config: SweepConfig, trials: list[Trial], progress: Progress) -> None:
    last = max((trial.epoch for trial in trials), default=0.0)
    beyond = [f"{epoch:g}" for epoch in sorted(set(config.measure.epochs)) if epoch > last]
    if beyond:
        progress.note(f"measure.epochs: no trial reaches {', '.join(beyond)}")


def _stage_seconds(clock: Clock) -> dict[str, float]:
    marks = clock.marks
    started = marks.get("first trial", 0.0)
    return {
        "start": started,
        "train and measure": marks["measured"] - started,
        "track": marks["tracked"] - marks["measured"],
        "report": marks["reported"] - marks["tracked"],
    }
