"""Ending a trial early, and keeping that: the checkpoint first, then who stopped it."""

from __future__ import annotations

import json
from dataclasses import dataclass

from sweep.paths import TrialPaths
from sweep.sealing import is_sealed, write_file
from sweep.space import Trial


class StopTraining(Exception):  # noqa: N818  (no error: the trial is well, and sealed where it is)
    """Raised by `on_epoch`: the trial ends with the epoch that it was told of.

    by: who stops it, as a sweep file names it: "asha", "median", "stop".
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


def as_stopped(trial: Trial, paths: TrialPaths) -> Trial:
    """The trial as it was stopped; itself if it wasn't."""
    stop = read_stop(paths)
    return trial if stop is None else trial.stopped_at(stop.epoch, stop.by)
