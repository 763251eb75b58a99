"""Ending a trial early, and keeping that: the checkpoint first, then who stopped it."""

from __future__ import annotations

import json
from dataclasses import dataclass

from sweep.config import SweepConfig
from sweep.paths import TrialPaths
from sweep.sealing import is_sealed, write_file
from sweep.space import Trial
from sweep.training.checkpoints import Record, is_trained, read_history

BY_CONDITION = "stop"  # as a sweep file names it


class StopTraining(Exception):  # noqa: N818  (no error: the trial is well, and sealed where it is)
    """Raised by `on_epoch`: the trial ends with the epoch that it was told of.

    by: who stops it, as a sweep file names it: "asha", "median", "stop" (a condition).
    """

    def __init__(self, by: str) -> None:
        super().__init__(by)
        self.by = by


@dataclass(frozen=True)
class Stop:
    """At which epoch a trial was stopped, and by whom."""

    epoch: float
    by: str


def write_stop(paths: TrialPaths, stop: Stop) -> None:
    """Keep that the trial, whose checkpoint at that epoch is sealed, was stopped there."""
    write_file(paths.stopped, json.dumps(vars(stop)) + "\n")


def read_stop(paths: TrialPaths) -> Stop | None:
    """Where the trial was stopped; None if it wasn't, or if nothing is sealed there."""
    try:
        stop = Stop(**json.loads(paths.stopped.read_text()))
    except FileNotFoundError:
        return None
    return stop if is_sealed(paths.checkpoint(stop.epoch)) else None


def as_trained(config: SweepConfig, trial: Trial, paths: TrialPaths) -> Trial:
    """The trial as it is sealed: stopped early where it was, and where that still counts.

    A stop counts while the sweep has a scheduler, or a condition that the last epoch meets;
    otherwise the trial is to be trained to its end.
    """
    if not config.stops or not trial.epoch or is_trained(trial, paths):
        return trial
    stop = read_stop(paths)
    if stop is None or stop.epoch >= trial.epoch:
        return trial
    stopped = trial.stopped_at(stop.epoch, stop.by)
    if not is_trained(stopped, paths):
        return trial
    if stop.by == BY_CONDITION:
        last = read_history(paths.checkpoint(stop.epoch))[-1]
        return stopped if reached(config, last) else trial
    return stopped if config.scheduler.name in ("asha", "median") else trial


def reached(config: SweepConfig, record: Record) -> bool:
    """Whether an epoch meets one of the sweep's stop conditions."""
    return any(
        record[name] <= bound if name.endswith("_loss") else record[name] >= bound
        for name, bound in config.stop.items()
    )


def stop_if_reached(config: SweepConfig, trial: Trial, record: Record) -> None:
    """Raise StopTraining after an epoch, not the last, that meets a stop condition."""
    if record["epoch"] < trial.epoch and reached(config, record):
        raise StopTraining(BY_CONDITION)
