"""What a worker of Ray Tune does: train one trial, report, seal, or say why not."""

from __future__ import annotations

import json
import time
from typing import Any

import ray
import torch
from ray import tune

from sweep.arrival import arrive
from sweep.config import SweepConfig, TrialConfig, TrialResources
from sweep.mirror import fetch_trial, mirror_of
from sweep.space import Trial
from sweep.training.checkpoints import Record, is_trained
from sweep.training.generations import next_segment
from sweep.training.scheduling import NOT_BEGIN, forget, pause_for_exchange, who_asked
from sweep.training.segments import WHOLE
from sweep.training.stopping import StopTraining, stop_if_reached
from sweep.training.trainer import train_trial
from sweep.watchdog import progress, watched
from sweep.work import Work, can_be_helped, describe_failure, record_failure

# Tune handles each report in the driver; more often than this helps nobody who watches, and
# of hundreds of trials at once each must report more seldom, or all would wait for the driver.
SECONDS_BETWEEN_REPORTS, MOST_REPORTS_A_SECOND = 1.0, 25.0
DISK = "disk_full"  # a result of a trial: nothing could be written


def told_of(trial: Trial) -> dict[str, Any]:
    """What Tune keeps of a trial."""
    settings = trial.config.model_dump()
    plan = json.dumps([trial.role, settings, trial.earlier, trial.population])
    return {"trial": trial.key, "plan": plan}


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


def request_for(tune_config: dict[str, Any], config: SweepConfig) -> Any:
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


def train_in_worker(config: dict[str, Any], work: Work) -> None:
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
