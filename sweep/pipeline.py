"""The stages in order: one function a command of the command line calls.

Every stage skips what is sealed, so resuming, extending and measuring anew are the same:
run it again.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from pathlib import Path

from sweep.claims import check_claims
from sweep.config import SweepConfig
from sweep.data.partitions import ImageData
from sweep.errors import UserError
from sweep.execution import Cluster
from sweep.lock import only_driver
from sweep.outcome import regress_results, write_report
from sweep.paths import Storage, claim_storage
from sweep.progress import Progress, Status, StatusObserver
from sweep.regression import Regression
from sweep.results import (
    SweepResults,
    TrialResult,
    is_complete,
    load_results,
    load_trial,
    plan_trials,
    settle_regression,
    write_plan,
)
from sweep.scalars import scalars
from sweep.sealing import remove_unfinished
from sweep.space import Trial, make_trials
from sweep.sweepfile import SweepFile
from sweep.tracking import TrackingThread, choose_uri, keep_uri
from sweep.training.checkpoints import changed_origin, is_trained
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
    settle_regression(config)  # a misspelt predictor is told now, not after days of training
    check_claims(config)
    cluster.check(config)
    claim_storage(storage)
    from sweep.data.partitions import NO_TEST_IMAGES, prepare_data

    data = prepare_data(config.data, storage, progress)
    if not data.counts["test"]:
        raise UserError(NO_TEST_IMAGES)
    work = Work(config, storage, data)
    with only_driver(work.sweep_paths.lock, config.name):
        trials = make_trials(config, data.digest)
        if not train:
            trials = [_as_sealed(trial, work, progress) for trial in trials]
        _tell_unreached(config, trials, progress)
        for trial in trials:
            if problem := changed_origin(trial, work.paths(trial)):
                raise UserError(problem)
            _check_size(trial, data)
        write_plan(work, sweep.text, trials)
        remove_unfinished(work.sweep_paths.folder)
        remove_unfinished(storage.folder, older_than=LEFTOVER_SECONDS)
        where = choose_uri(storage, config.name, tracking_uri)
        keep_uri(storage, config.name, where, progress.note)
        tracking = TrackingThread(work, sweep.text, storage, where, progress)
        try:
            failures = _train_and_measure(work, trials, cluster, progress, tracking, clock, train)
            clock.mark("measured")
            uri = tracking.drain()
        finally:
            tracking.stop()
        clock.mark("tracked")
        results = load_results(storage, config.name)
        progress.note("regressing and writing the report")
        regression, source = regress_results(results, uri)
        if uri is not None and not source.startswith("MLflow"):
            progress.note(f"regression: from {source}")
        page = write_report(results, regression, failures, tracking.tracker)
        clock.mark("reported")
        shutil.rmtree(work.sweep_paths.tune, ignore_errors=True)
    return SweepResult(results, failures, regression, page, _stage_seconds(clock), uri)


@dataclass(frozen=True)
class Plan:
    """What a run would do.

    trained, measured: how many trials are sealed so far, of those to train and of all.
    prepared: whether the data is.
    """

    trials: list[Trial]
    trained: int
    measured: int
    prepared: bool


def plan_sweep(config: SweepConfig, storage: Storage) -> Plan:
    """What `run_sweep` would do, found out without writing anything."""
    settle_regression(config)
    check_claims(config)
    trials, data = plan_trials(config, storage)
    if data is None:
        return Plan(trials, 0, 0, False)
    work = Work(config, storage, data)
    for trial in trials:
        _check_size(trial, data)
    trained = sum(is_trained(trial, work.paths(trial)) for trial in trials if trial.epoch)
    return Plan(trials, trained, sum(is_complete(work, trial) for trial in trials), True)


def _check_size(trial: Trial, data: ImageData) -> None:
    """Raise UserError if it would train on more images than there are."""
    wanted, there = trial.config.training.num_images, data.counts["train"]
    if wanted is not None and wanted > there:
        raise UserError(
            f"training.num_images: {wanted} asked, but {data.name} has {there} training images: "
            "take at most so many"
        )


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


def _train_and_measure(
    work: Work,
    trials: list[Trial],
    cluster: Cluster,
    progress: Progress,
    tracking: TrackingThread,
    clock: Clock,
    train: bool,
) -> dict[str, Failure]:
    complete = {trial.key for trial in trials if is_complete(work, trial)}
    open_trials = [trial for trial in trials if trial.key not in complete]
    # A network that isn't trained here is sealed as it begins, by whoever measures it.
    to_train = [
        trial for trial in open_trials if trial.epoch and not is_trained(trial, work.paths(trial))
    ]
    new = {trial.key for trial in to_train}
    if not train and to_train:
        progress.note(f"{len(to_train)} trials are not trained yet, and left out: `run` trains")
        open_trials = [trial for trial in open_trials if trial.key not in new]
        to_train = []
    to_measure = [trial for trial in open_trials if trial.key not in new]
    progress.note(
        f"{len(trials)} trials: {len(complete)} sealed, {len(to_train)} to train, "
        f"{len(open_trials)} to measure"
    )
    for trial in trials:
        if trial.key in complete:
            tracking.submit(trial)
    if not open_trials:
        return {}
    failures: dict[str, Failure] = {}
    status = Status(len(trials), len(complete))

    def measured(trial: Trial) -> str:
        tracking.submit(trial)
        return _in_words(trial, load_trial(work, trial))

    observer = StatusObserver(
        status=status,
        progress=progress,
        on_measured=measured,
        on_failed=lambda trial, failure: failures.update({trial.name: failure}),
        on_started=lambda: clock.mark_once("first trial"),
    )
    progress.begin(status)
    try:
        cluster.execute(work, to_train, to_measure, observer)
    finally:
        progress.end()
    return failures


def _in_words(trial: Trial, result: TrialResult) -> str:
    found = scalars(result.rows)
    parts = [
        f"{name} {found[name].value:.3g}"
        for name in ("test_accuracy", *(n for n in found if "last_hidden" in n))
        if name in found
    ]
    return f"{trial.name}: " + ", ".join(parts[:2])


def _stage_seconds(clock: Clock) -> dict[str, float]:
    marks = clock.marks
    started = marks.get("first trial", 0.0)
    return {
        "start": started,
        "train and measure": marks["measured"] - started,
        "track": marks["tracked"] - marks["measured"],
        "report": marks["reported"] - marks["tracked"],
    }
