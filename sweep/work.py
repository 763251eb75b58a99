"""What every stage of a running sweep needs to know; small enough to send to any process."""

from __future__ import annotations

import json
import time
import traceback
from dataclasses import dataclass, field

from sweep.config import SweepConfig
from sweep.data.partitions import ImageData
from sweep.errors import TrialFailure
from sweep.paths import Storage, SweepPaths, TrialPaths
from sweep.sealing import write_file
from sweep.secrets import hide_password
from sweep.space import Trial


@dataclass(frozen=True)
class Work:
    """A sweep over prepared data in a storage."""

    config: SweepConfig
    storage: Storage
    data: ImageData

    @property
    def sweep_paths(self) -> SweepPaths:
        return self.storage.sweep(self.config.name)

    def paths(self, trial: Trial) -> TrialPaths:
        return self.sweep_paths.trial(trial.key)


@dataclass(frozen=True)
class Failure:
    """Why a trial has no result: the stage that failed, one line, and the traceback if any."""

    stage: str
    reason: str
    details: str = ""


@dataclass
class Clock:
    """Seconds since a run began, and when each of its marks was passed."""

    began: float = field(default_factory=time.monotonic)
    marks: dict[str, float] = field(default_factory=dict)

    def mark_once(self, name: str) -> None:
        """Note the time, unless this mark was passed before."""
        if name not in self.marks:
            self.mark(name)

    def mark(self, name: str) -> None:
        """Note the time at which this mark was passed."""
        self.marks[name] = time.monotonic() - self.began


def describe_failure(stage: str, error: BaseException) -> Failure:
    """A TrialFailure speaks for itself; what was behind it or is unforeseen keeps its traceback."""
    if isinstance(error, TrialFailure):
        cause = error.__cause__
        details = "" if cause is None else "".join(traceback.format_exception(cause))
        return Failure(stage, hide_password(str(error)), hide_password(details))
    first_line = hide_password((str(error).splitlines() or [""])[0])
    details = hide_password("".join(traceback.format_exception(error)))
    return Failure(stage, f"{type(error).__name__}: {first_line}", details)


def record_failure(paths: TrialPaths, failure: Failure) -> None:
    """Keep the reason beside the trial; the next success removes it."""
    write_file(paths.failure, json.dumps(vars(failure), indent=1) + "\n")


def read_failure(paths: TrialPaths) -> Failure | None:
    """Why the trial failed when it was last tried, or None."""
    try:
        return Failure(**json.loads(paths.failure.read_text()))
    except FileNotFoundError:
        return None
