"""One network trained by several processes: Ray Train within a trial of Ray Tune.

The Tune trial only coordinates: it holds no CPU and no GPU, for Ray Train sets aside what
the workers take in a placement group of their own, all of it or nothing. So trials that
wait for room hold none of it, and a full cluster can't lock itself up.
"""

from __future__ import annotations

import os
import threading
import traceback
from collections.abc import Callable
from queue import Empty
from typing import Any

from sweep.arrival import arrive
from sweep.config import TrialResources
from sweep.errors import TrialFailure, first_line
from sweep.space import Trial
from sweep.training.checkpoints import Record, is_trained, read_history
from sweep.training.generations import next_segment
from sweep.training.segments import WHOLE, Segment
from sweep.training.stopping import StopTraining, as_trained, stop_if_reached
from sweep.training.team import Team
from sweep.training.trainer import train_trial
from sweep.watchdog import progress, watched
from sweep.work import WORKER_RETRIES, Work

# Coordinators at once. Each is a process of some 400 MB on the head node, where the driver is
# too; more trials than this wait for their turn even where there is room for their workers.
COORDINATORS = 16
HEAD = "node:__internal_head__"
POLL_SECONDS = 1.0
ABANDONED = "abandoned"

QUIET = {
    "RAY_TRAIN_METRICS_ENABLED": "0",
    "RAY_TRAIN_ENABLE_CONTROLLER_STRUCTURED_LOGGING": "0",
    "RAY_TRAIN_ENABLE_WORKER_STRUCTURED_LOGGING": "0",
}


def request(resources: TrialResources) -> Any:  # noqa: ARG001  (the same for all)
    """What Tune sets aside for a trial of several workers: a coordinator's place."""
    from ray import tune

    return tune.PlacementGroupFactory([{HEAD: 1 / COORDINATORS}])


def train_distributed(
    trial: Trial,
    work: Work,
    report: Callable[[Record], None],
    resources: TrialResources,
    segment: Segment = WHOLE,
) -> list[Record]:
    """Train the trial's network with `resources.workers` processes; returns the history.

    segment: which part of its training; of one that has an end, the history is empty.

    Called in a Ray worker that holds none of the resources. A batch is the batch of all
    workers together, so their number changes no setting. The first of them seals.

    report: told of each epoch, here; may raise StopTraining, which seals the trial there.

    Raises TrialFailure with the reason of the worker that failed. If a worker dies, all
    begin anew, some times.
    """
    paths = work.paths(trial)
    for _ in range(WORKER_RETRIES + 1):
        lost = _attempt(trial, work, report, resources)
        if segment.is_sealed:
            return []
        sealed = as_trained(work.config, trial, paths)
        if is_trained(sealed, paths):
            return read_history(paths.checkpoint(sealed.epoch))
        if lost is None:
            raise TrialFailure("its workers ended without a checkpoint")
    raise TrialFailure(
        f"one of its {resources.workers} worker processes died {WORKER_RETRIES + 1} times "
        "(killed, or out of memory?)"
    ) from lost


def _attempt(
    trial: Trial,
    work: Work,
    report: Callable[[Record], None],
    resources: TrialResources,
) -> Exception | None:
    """Train once; what Ray says if a worker died, None if they ended by themselves."""
    from ray.util.queue import Queue

    told = Queue(actor_options={"num_cpus": 0})
    # Each is a process; a stop condition the workers judge by themselves.
    judged = work.config.scheduler.name in ("asha", "median")
    answers = Queue(actor_options={"num_cpus": 0}) if judged else None
    ended: list[Exception | None] = []

    def fit() -> None:
        try:
            _trainer(trial, work, resources, told, answers).fit()
        except Exception as error:
            ended.append(error)
        else:
            ended.append(None)

    thread = threading.Thread(target=fit, daemon=True)
    thread.start()
    try:
        failures = _listen(thread, told, answers, report)
    finally:
        if answers is not None:
            answers.put(ABANDONED)  # should this be left while the workers still train
    thread.join()
    for queue in (told, answers):
        if queue is not None:
            queue.shutdown(force=True)
    error = ended[0]
    if error is None:
        return None
    for reason, _, ours in failures:
        if ours:
            raise TrialFailure(reason)
    if _worker_died(error) or not failures:
        return error  # what the others said then is only that it is gone
    reason, details, _ = failures[0]
    raise TrialFailure(reason) from RuntimeError(details)


def _listen(
    thread: threading.Thread, told: Any, answers: Any, report: Callable[[Record], None]
) -> list[tuple[str, str, bool]]:
    """Pass on what the workers tell until they have ended; returns what failed."""
    failures: list[tuple[str, str, bool]] = []
    while True:
        alive = thread.is_alive()
        try:
            kind, content = told.get(timeout=POLL_SECONDS)
        except Empty:
            if not alive:
                return failures
            continue
        if kind == "failed":
            failures.append(content)
            continue
        answer = ""
        try:
            report(content)
        except StopTraining as stop:
            answer = stop.by
        if answers is not None:
            answers.put(answer)


def _trainer(
    trial: Trial,
    work: Work,
    resources: TrialResources,
    told: Any,
    answers: Any,
) -> Any:
    os.environ.update(QUIET)
    from ray.train import FailureConfig, RunConfig, ScalingConfig
    from ray.train.torch import TorchConfig, TorchTrainer

    each: dict[str, float] = {"CPU": float(resources.cpus)}
    if resources.gpus:
        each["GPU"] = resources.gpus / resources.workers
    return TorchTrainer(
        _work,
        train_loop_config={
            "trial": trial,
            "work": work,
            "resources": resources,
            "told": told,
            "answers": answers,
        },
        torch_config=TorchConfig(backend="nccl" if resources.gpus else "gloo"),
        scaling_config=ScalingConfig(
            num_workers=resources.workers,
            use_gpu=bool(resources.gpus),
            resources_per_worker=each,
        ),
        run_config=RunConfig(
            name=trial.key,
            storage_path=str(work.sweep_paths.tune / "train"),
            failure_config=FailureConfig(max_failures=0),  # only here is known what may help
        ),
    )


def _work(config: dict[str, Any]) -> None:
    """What each worker does: its share, and telling why if it can't."""
    try:
        _train_share(config)
    except Exception as error:
        ours = isinstance(error, TrialFailure)
        says = first_line(error)
        reason = str(error) if ours else f"{type(error).__name__}: {says}"
        details = "".join(traceback.format_exception(error))
        config["told"].put(("failed", (reason, details, ours)))
        raise


def _train_share(config: dict[str, Any]) -> None:
    import torch
    from ray import train

    trial, work, resources = config["trial"], arrive(config["work"]), config["resources"]
    context = train.get_context()
    team = Team(context.get_world_rank(), context.get_world_size())
    torch.set_num_threads(resources.cpus)

    def on_epoch(record: Record) -> None:
        progress()
        config["told"].put(("epoch", record))
        stop_if_reached(work.config, trial, record)
        if config["answers"] is None:
            return
        answer = config["answers"].get()
        if answer == ABANDONED:
            raise RuntimeError("the trial is given up")
        if answer:
            raise StopTraining(answer)

    # One watch for all: where any of them stands still, the first waits for it.
    limit = work.config.resources.max_minutes_without_progress if team.leads else None
    with watched(work.paths(trial).watch("train"), limit):
        train_trial(
            trial,
            work.data,
            work.paths(trial),
            on_epoch,
            resources.device,
            gpu_share=min(1.0, resources.gpus / team.size),
            team=team,
            segment=next_segment(work, trial) if trial.population else WHOLE,
        )


def _worker_died(error: Exception) -> bool:
    """Whether Ray lost a worker, rather than a worker having failed by itself."""
    from ray.exceptions import RayActorError

    failures = getattr(error, "worker_failures", {})
    return any(isinstance(one, RayActorError) for one in failures.values())
