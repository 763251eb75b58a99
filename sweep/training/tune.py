"""Ray Tune around training: one Tune trial is one network. Thin: `train_trial` does the work."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
from ray import tune

from sweep.config import TrialConfig
from sweep.observer import Observer
from sweep.space import Trial
from sweep.training.checkpoints import Record, is_trained
from sweep.training.trainer import train_trial
from sweep.work import Failure, Work, describe_failure, read_failure, record_failure

# A worker that dies is tried again this often: a lost node or a kill, not a bad trial, whose
# exception is caught and recorded instead.
WORKER_RETRIES = 3
# Tune handles each report in the driver; more often than this helps nobody who watches.
SECONDS_BETWEEN_REPORTS = 1.0

QUIET = {
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",  # sealed outputs are the record
    "TUNE_DISABLE_SIGINT_HANDLER": "1",  # Ctrl-C stops at once: nothing sealed can be lost
    "TUNE_MAX_PENDING_TRIALS_PG": "auto",
    "RAY_CHDIR_TO_TRIAL_DIR": "0",  # relative paths keep their meaning
    "RAY_AIR_NEW_OUTPUT": "0",
    "TUNE_WARN_SLOW_EXPERIMENT_CHECKPOINT_SYNC_THRESHOLD_S": "3600",
}


def tune_trials(work: Work, trials: Sequence[Trial], observer: Observer) -> None:
    """Train the trials under Ray Tune; returns when each is sealed or failed."""
    os.environ.update(QUIET)
    by_key = {trial.key: trial for trial in trials}
    payload = {
        trial.key: (trial.role, trial.config.model_dump(), trial.earlier) for trial in trials
    }
    tuner = tune.Tuner(
        tune.with_resources(
            partial(_train, work=work, payload=payload),
            partial(_request, work=work, payload=payload),
        ),
        param_space={"trial": tune.grid_search(list(by_key))},
        tune_config=tune.TuneConfig(
            reuse_actors=True,
            trial_name_creator=lambda trial: str(trial.config["trial"]),
            trial_dirname_creator=lambda trial: str(trial.config["trial"]),
        ),
        run_config=tune.RunConfig(
            name=work.config.name,
            storage_path=str(work.sweep_paths.tune),
            verbose=0,
            failure_config=tune.FailureConfig(max_failures=WORKER_RETRIES),
            callbacks=[_Tell(work, by_key, observer)],
        ),
    )
    tuner.fit()


def _request(config: dict[str, Any], work: Work, payload: dict[str, tuple[Any, Any, Any]]) -> Any:
    """What Tune sets aside for one trial."""
    _, settings, _ = payload[config["trial"]]
    resources = work.config.resources.of(TrialConfig.model_validate(settings))
    if resources.workers > 1:
        from sweep.training.distributed import request

        return request(resources)
    bundle = {"CPU": float(resources.cpus), "GPU": resources.gpus}
    return tune.PlacementGroupFactory([{name: value for name, value in bundle.items() if value}])


def _train(config: dict[str, Any], work: Work, payload: dict[str, tuple[Any, Any, Any]]) -> None:
    """The trainable: runs in a Tune worker, which other trials may have used before."""
    key = config["trial"]
    role, settings, earlier = payload[key]
    trial = Trial(key, role, TrialConfig.model_validate(settings), earlier)
    paths = work.paths(trial)
    resources = work.config.resources.of(trial.config)
    torch.set_num_threads(resources.cpus)
    reported = time.monotonic()

    def report(record: Record) -> None:
        nonlocal reported
        if time.monotonic() - reported > SECONDS_BETWEEN_REPORTS:
            reported = time.monotonic()
            tune.report(dict(record))

    try:
        if is_trained(trial, paths):
            pass
        elif resources.workers > 1:
            from sweep.training.distributed import train_distributed

            train_distributed(trial, work, report, resources)
        else:
            train_trial(trial, work.data, paths, report, resources.device)
    except Exception as error:
        record_failure(paths, describe_failure("train", error))
    # Tune wants at least one report of every trial.
    tune.report({"done": 1.0})


class _Tell(tune.Callback):
    """Passes Tune's events on, in the words of a sweep."""

    def __init__(self, work: Work, by_key: dict[str, Trial], observer: Observer) -> None:
        self._work = work
        self._by_key = by_key
        self._observer = observer

    def __getstate__(self) -> dict[str, Any]:
        return {}  # Tune pickles its callbacks for a restore, which is not our way back

    def on_trial_start(self, iteration: int, trials: Any, trial: Any, **info: Any) -> None:
        self._observer.started(self._ours(trial))

    def on_trial_result(
        self, iteration: int, trials: Any, trial: Any, result: Any, **info: Any
    ) -> None:
        if "epoch" in result:
            self._observer.epoch(self._ours(trial), result)

    def on_trial_complete(self, iteration: int, trials: Any, trial: Any, **info: Any) -> None:
        ours = self._ours(trial)
        paths = self._work.paths(ours)
        if is_trained(ours, paths):
            self._observer.trained(ours)
        else:
            failure = read_failure(paths)
            self._observer.failed(ours, failure or Failure("train", "ended without a checkpoint"))

    def on_trial_error(self, iteration: int, trials: Any, trial: Any, **info: Any) -> None:
        ours = self._ours(trial)
        if is_trained(ours, self._work.paths(ours)):
            self._observer.trained(ours)  # it died after its checkpoint was sealed
            return
        failure = Failure(
            "train",
            f"its worker process died {WORKER_RETRIES + 1} times (killed, or out of memory?)",
            str(trial.get_error() or ""),
        )
        record_failure(self._work.paths(ours), failure)
        self._observer.failed(ours, failure)

    def _ours(self, trial: Any) -> Trial:
        return self._by_key[trial.config["trial"]]
