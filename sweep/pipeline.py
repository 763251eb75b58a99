"""The stages in order: one function a command of the command line calls.

Every stage skips what is sealed, so resuming, extending and measuring anew are the same:
run it again.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from sweep.claims import check_claims
from sweep.config import SweepConfig
from sweep.config.search import seconds
from sweep.data.partitions import ImageData
from sweep.diskspace import telling_when_full
from sweep.errors import TrialFailure, UserError
from sweep.execution import Cluster
from sweep.lease import only_lease
from sweep.lock import only_driver
from sweep.mirror import sync_sweep
from sweep.outcome import is_reported, regress_results, write_report
from sweep.paths import Storage, claim_storage
from sweep.planning import settle_trials
from sweep.progress import Progress, Status, StatusObserver
from sweep.regression import Regression
from sweep.remote import check_bucket
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
from sweep.space import Trial
from sweep.sweepfile import SweepFile
from sweep.tracking import TrackingThread, choose_uri, keep_uri
from sweep.training.checkpoints import changed_origin, is_trained, read_history
from sweep.training.generations import remove_states
from sweep.training.precision import check_precision
from sweep.training.searching import Search, check_search
from sweep.training.stopping import as_trained
from sweep.training.supply import Supply
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
    check_search(config)
    cluster.check(config)
    cluster.check_storage(storage)
    check_bucket(config, storage)
    claim_storage(storage)
    from sweep.data.partitions import NO_TEST_IMAGES, prepare_data

    data = prepare_data(config.data, storage, progress)
    if not data.counts["test"]:
        raise UserError(NO_TEST_IMAGES)
    work = Work(config, storage, data)
    with (
        only_driver(work.sweep_paths.lock, config.name),
        only_lease(storage, config.name),
        telling_when_full(storage.folder),
    ):
        sync_sweep(storage, work.sweep_paths)
        planned = settle_trials(config, work.sweep_paths, data.digest)
        trials = [as_trained(config, trial, work.paths(trial)) for trial in planned]
        if not train:
            trials = [_as_sealed(trial, work, progress) for trial in trials]
        _tell_unreached(config, planned, progress)
        for trial in trials:
            if problem := changed_origin(trial, work.paths(trial)):
                raise UserError(problem)
            _check_size(trial, data)
            if train and not is_trained(trial, work.paths(trial)):
                _check_precision(config, trial)
        where = choose_uri(storage, config.name, tracking_uri)
        keep_uri(storage, config.name, where, progress.note)
        keep_plan = partial(write_plan, work, sweep.text)
        keep_plan(trials)  # sends the files of the sweep too
        remove_unfinished(work.sweep_paths.folder)
        remove_unfinished(storage.folder, older_than=LEFTOVER_SECONDS)
        tracking = TrackingThread(work, sweep.text, storage, where, progress)
        try:
            failures = _train_and_measure(
                work, trials, cluster, progress, tracking, clock, keep_plan if train else None
            )
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
        if not failures and is_reported(results, tracking.tracker):
            progress.note("the report is as it was: nothing has changed since")
            page = work.sweep_paths.report
        else:
            page = write_report(results, regression, failures, tracking.tracker)
        clock.mark("reported")
        shutil.rmtree(work.sweep_paths.tune, ignore_errors=True)
        remove_states(work, planned)
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
    check_search(config)
    check_bucket(config, storage)
    trials, data = plan_trials(config, storage)
    if data is None:
        for trial in trials:
            _check_precision(config, trial)
        return Plan(trials, 0, 0, False)
    work = Work(config, storage, data)
    for trial in trials:
        _check_size(trial, data)
        if not is_trained(trial, work.paths(trial)):
            _check_precision(config, trial)
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


def _check_precision(config: SweepConfig, trial: Trial) -> None:
    """Raise UserError if it would train in numbers that its device can't."""
    if trial.epoch and config.resources.of(trial.config).device == "cpu":
        try:
            check_precision(trial.config.training.precision, "cpu")
        except TrialFailure as error:
            raise UserError(str(error)) from error


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
    keep_plan: Callable[[Sequence[Trial]], None] | None,
) -> dict[str, Failure]:
    """keep_plan: writes the plan when a search adds to it; None: nothing is trained."""
    complete = {trial.key for trial in trials if is_complete(work, trial)}
    open_trials = [trial for trial in trials if trial.key not in complete]
    # A network that isn't trained here is sealed as it begins, by whoever measures it.
    to_train = [
        trial for trial in open_trials if trial.epoch and not is_trained(trial, work.paths(trial))
    ]
    new = {trial.key for trial in to_train}
    if keep_plan is None and to_train:
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
    failures: dict[str, Failure] = {}
    status = Status(len(trials), len(complete))

    def add(new: list[Trial]) -> list[Trial]:
        """Make suggested trials part of the sweep; returns those not measured yet."""
        trials.extend(new)
        if keep_plan is not None:
            keep_plan(trials)
        done = [trial for trial in new if is_complete(work, trial)]
        for trial in done:
            tracking.submit(trial)
        status.total += len(new) - 1  # one of them was counted before it was known
        status.skipped += len(done)
        return [trial for trial in new if trial not in done]

    search = None
    if work.config.search.adaptive and keep_plan is not None:
        search = Search(work.config, work.data.digest, trials, partial(_value, work), add)
        progress.note(search.in_words())
        status.total += max(0, search.num_left)
    budget = work.config.search.time_budget
    supply = Supply(to_train, search, seconds(budget) if budget else None)
    if not (supply or to_measure):
        if len(complete) == len(trials):
            progress.note("nothing to do: all is sealed")
        return {}

    def measured(trial: Trial) -> str:
        tracking.submit(trial)
        return _in_words(trial, load_trial(work, trial))

    def started() -> None:
        clock.mark_once("first trial")
        tracking.begin()

    observer = StatusObserver(
        status=status,
        progress=progress,
        on_measured=measured,
        on_failed=lambda trial, failure: failures.update({trial.name: failure}),
        on_started=started,
    )
    progress.begin(status)
    try:
        cluster.execute(work, supply, to_measure, observer)
    finally:
        progress.end()
    if supply.left_out or (search and search.num_left and not search.is_exhausted):
        more = f"{supply.left_out + (search.num_left if search else 0)} trials did not begin"
        progress.note(f"search.time_budget: {budget} are over, {more}: the next run goes on")
    if search and search.is_exhausted:
        progress.note(f"search: the space holds no more trials: {search.num_left} fewer than asked")
    return failures


def _value(work: Work, trial: Trial) -> float | None:
    """What a search is told of a trial: its last epoch's number; None while it isn't trained."""
    paths = work.paths(trial)
    sealed = as_trained(work.config, trial, paths)
    if not sealed.epoch or not is_trained(sealed, paths):
        return None
    return read_history(paths.checkpoint(sealed.epoch))[-1][work.config.search.metric]


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
