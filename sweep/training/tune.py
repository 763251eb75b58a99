"""Ray Tune around training: one Tune trial is one network. Thin: `train_trial` does the work."""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Iterable
from functools import partial
from typing import Any

import ray
import torch
from ray import tune
from ray.tune.execution import class_cache
from ray.tune.search import Searcher

from sweep.arrival import arrive
from sweep.config import SweepConfig, TrialConfig, TrialResources
from sweep.diskspace import disk_full
from sweep.mirror import fetch_trial, mirror_of
from sweep.observer import Observer
from sweep.space import Trial
from sweep.training.checkpoints import Record, is_trained
from sweep.training.generations import next_segment
from sweep.training.scheduling import (
    NOT_BEGIN,
    ask_to_stop,
    forget,
    make_scheduler,
    pause_for_exchange,
    who_asked,
)
from sweep.training.segments import WHOLE
from sweep.training.stopping import StopTraining, as_trained, stop_if_reached
from sweep.training.supply import Supply
from sweep.training.trainer import train_trial
from sweep.watchdog import progress, watched
from sweep.work import (
    Failure,
    Work,
    can_be_helped,
    describe_death,
    describe_failure,
    read_failure,
    record_failure,
)

# A worker that dies is tried again this often, as is what a network, a disk or want of memory
# made fail; a bad trial is not: its exception is caught and recorded instead.
WORKER_RETRIES = 3
# Tune handles each report in the driver; more often than this helps nobody who watches, and
# of hundreds of trials at once each must report more seldom, or all would wait for the driver.
SECONDS_BETWEEN_REPORTS, MOST_REPORTS_A_SECOND = 1.0, 25.0
# Trials that wait for room at once: enough for an autoscaler to see what is wanted.
MIN_PENDING, PENDING_PER_CPU = 200, 1.1

DISK = "disk_full"

QUIET = {
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",  # sealed outputs are the record
    "TUNE_DISABLE_SIGINT_HANDLER": "1",  # Ctrl-C stops at once: nothing sealed can be lost
    "RAY_CHDIR_TO_TRIAL_DIR": "0",  # relative paths keep their meaning
    "RAY_AIR_NEW_OUTPUT": "0",
    "TUNE_WARN_SLOW_EXPERIMENT_CHECKPOINT_SYNC_THRESHOLD_S": "3600",
}


def tune_trials(
    work: Work,
    trials: Supply | Iterable[Trial],
    observer: Observer,
    most_at_once: int | None = None,
) -> None:
    """Train the trials under Ray Tune; returns when each is sealed or failed.

    most_at_once: how many are trained, or wait for room, at a time; None: all that fit.
    """
    cpus = ray.cluster_resources().get("CPU", 1.0)
    pending = max(MIN_PENDING, int(cpus * PENDING_PER_CPU))
    logging.getLogger("ray.tune").setLevel(logging.CRITICAL)  # a failed trial is told by us
    os.environ.update(QUIET | {"TUNE_MAX_PENDING_TRIALS_PG": str(most_at_once or pending)})
    supply = Supply.of(trials)
    given: dict[str, Trial] = {}
    config = work.config
    tuner = tune.Tuner(
        tune.with_resources(partial(_train, work=work), partial(_request, config=config)),
        tune_config=tune.TuneConfig(
            search_alg=_Hand(supply, given),
            scheduler=make_scheduler(work, supply.waiting),
            num_samples=-1,  # until the supply is empty
            max_concurrent_trials=most_at_once,
            reuse_actors=True,
            trial_name_creator=lambda trial: str(trial.config["trial"]),
            trial_dirname_creator=lambda trial: str(trial.config["trial"]),
        ),
        run_config=tune.RunConfig(
            name=config.name,
            storage_path=str(work.sweep_paths.tune),
            verbose=0,
            failure_config=tune.FailureConfig(max_failures=WORKER_RETRIES),
            callbacks=[_Tell(work, supply, given, observer)],
        ),
    )
    # Tune would hand these on by way of Ray's logs. Each node has its own.
    secrets = {name for name in class_cache.ENV_VARS_TO_PROPAGATE if name.startswith("AWS_")}
    class_cache.ENV_VARS_TO_PROPAGATE.difference_update(secrets)
    tuner.fit()


def _trial(config: dict[str, Any]) -> Trial:
    """A trial from what Tune keeps of it."""
    role, settings, earlier, population = json.loads(config["plan"])
    return Trial(
        config["trial"],
        role,
        TrialConfig.model_validate(settings),
        tuple(earlier),
        population=population,
    )


def _request(tune_config: dict[str, Any], config: SweepConfig) -> Any:
    """What Tune sets aside for one trial."""
    resources = config.resources.of(_trial(tune_config).config)
    if resources.workers > 1:
        from sweep.training.distributed import request

        return request(resources)
    bundle = {"CPU": float(resources.cpus), "GPU": resources.gpus}
    return tune.PlacementGroupFactory([{name: value for name, value in bundle.items() if value}])


def _pause(resources: TrialResources) -> float:
    """Seconds between two reports of a trial, where as many such run as the cluster holds."""
    there: dict[str, float] = ray.cluster_resources()
    asked = {"CPU": resources.cpus * resources.workers, "GPU": resources.gpus}
    at_once = min(there.get(name, 0.0) / share for name, share in asked.items() if share)
    return max(SECONDS_BETWEEN_REPORTS, at_once / MOST_REPORTS_A_SECOND)


def _train(config: dict[str, Any], work: Work) -> None:
    """The trainable: runs in a Tune worker, which other trials may have used before."""
    work = arrive(work)
    trial = _trial(config)
    paths = work.paths(trial)
    fetch_trial(work.storage, paths)
    resources = work.config.resources.of(trial.config)
    torch.set_num_threads(resources.cpus)
    reported = time.monotonic()
    pause = _pause(resources)

    def report(record: Record) -> None:
        nonlocal reported
        progress()
        scheduled = work.config.scheduler.name != "fifo"
        if scheduled or time.monotonic() - reported > pause:
            reported = time.monotonic()
            tune.report(dict(record))
        stop_if_reached(work.config, trial, record)
        by = who_asked(trial.key)
        if by and record["epoch"] < trial.epoch:
            raise StopTraining(by)

    segment = WHOLE
    try:
        # Of several workers only those themselves know whether they get on.
        limit = work.config.resources.max_minutes_without_progress
        with watched(paths.watch("train"), limit if resources.workers == 1 else None):
            if trial.population and not is_trained(trial, paths):
                segment = next_segment(work, trial)
            if who_asked(trial.key) == NOT_BEGIN or is_trained(trial, paths):
                pass
            elif resources.workers > 1:
                from sweep.training.distributed import train_distributed

                train_distributed(trial, work, report, resources, segment)
            else:
                train_trial(
                    trial,
                    work.data,
                    paths,
                    report,
                    resources.device,
                    gpu_share=min(1.0, resources.gpus),
                    segment=segment,
                )
    except Exception as error:
        if can_be_helped(error):
            forget(trial.key)
            raise  # Tune tries it again, WORKER_RETRIES times
        segment = WHOLE
        failure = describe_failure("train", error)
        if failure.kind == "disk":  # where nothing can be written, the driver is told
            tune.report({DISK: 1.0})
            return
        record_failure(paths, failure)
    mirror_of(work.storage).send_all(paths.folder)
    forget(trial.key)
    if segment.ends_before(trial.config.training.epochs):
        pause_for_exchange()  # the trial ends here, and begins anew with its next segment
    # Tune wants at least one report of every trial.
    tune.report({"done": 1.0})


class _Hand(Searcher):
    """Hands the trials of a supply to Tune, and notes which it gave."""

    def __init__(self, supply: Supply, given: dict[str, Trial]) -> None:
        super().__init__()
        self._supply = supply
        self._given = given
        self._members: set[str] = set()  # of populations, while they train

    def __getstate__(self) -> dict[str, Any]:
        return {}  # Tune pickles it for a restore, which is not our way back

    def suggest(self, trial_id: str) -> Any:
        trial = next(self._supply, None)
        if trial is None:
            # While members pause, Tune would else end the processes that they go on in.
            return None if self._members else Searcher.FINISHED
        if trial.population:
            self._members.add(trial_id)
        self._given[trial.key] = trial
        settings = trial.config.model_dump()
        plan = json.dumps([trial.role, settings, trial.earlier, trial.population])
        return {"trial": trial.key, "plan": plan}

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        self._members.discard(trial_id)  # the supply is told when the trial is sealed or failed

    def save(self, checkpoint_path: str) -> None:
        pass

    def restore(self, checkpoint_path: str) -> None:
        raise NotImplementedError


class _Tell(tune.Callback):
    """Passes Tune's events on, in the words of a sweep."""

    def __init__(
        self, work: Work, supply: Supply, given: dict[str, Trial], observer: Observer
    ) -> None:
        self._work = work
        self._supply = supply
        self._given = given
        self._observer = observer
        self._late: set[str] = set()

    def __getstate__(self) -> dict[str, Any]:
        return {}  # as above

    def on_trial_start(self, iteration: int, trials: Any, trial: Any, **info: Any) -> None:
        ours = self._ours(trial)
        if self._supply.is_late:
            self._late.add(ours.key)
            ask_to_stop(trial, ours.key, NOT_BEGIN)
        else:
            self._observer.started(ours)

    def on_trial_result(
        self, iteration: int, trials: Any, trial: Any, result: Any, **info: Any
    ) -> None:
        if DISK in result:
            raise disk_full(self._work.storage.folder)
        if "epoch" in result:
            self._observer.epoch(self._ours(trial), result)

    def on_trial_complete(self, iteration: int, trials: Any, trial: Any, **info: Any) -> None:
        ours = self._ours(trial)
        if not self._sealed(ours):
            paths = self._work.paths(ours)
            if ours.key in self._late:
                self._supply.put_back()
                return
            failure = read_failure(paths)
            self._failed(ours, failure or Failure("train", "ended without a checkpoint"))

    def on_trial_error(self, iteration: int, trials: Any, trial: Any, **info: Any) -> None:
        ours = self._ours(trial)
        if self._sealed(ours):
            return  # it died after its checkpoint was sealed
        failure = describe_death("train", trial.get_error(), WORKER_RETRIES + 1)
        paths = self._work.paths(ours)
        record_failure(paths, failure)
        mirror_of(self._work.storage).send_files(paths.folder)
        self._failed(ours, failure)

    def _sealed(self, trial: Trial) -> bool:
        """Whether the trial is sealed, at its end or where it was stopped; then it is told."""
        paths = self._work.paths(trial)
        fetch_trial(self._work.storage, paths)
        found = as_trained(self._work.config, trial, paths)
        if not is_trained(found, paths):
            return False
        self._observer.trained(found)
        self._supply.tell(found)
        return True

    def _failed(self, trial: Trial, failure: Failure) -> None:
        self._observer.failed(trial, failure)
        self._supply.tell(trial)

    def _ours(self, trial: Any) -> Trial:
        return self._given[trial.config["trial"]]
