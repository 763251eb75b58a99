"""What every stage of a running sweep needs to know; small enough to send to any process."""

from __future__ import annotations

import json
import re
import time
import traceback
from dataclasses import dataclass, field
from typing import Literal

from sweep.config import SweepConfig
from sweep.data.partitions import ImageData
from sweep.diskspace import is_full
from sweep.errors import TrialFailure, UserError, first_line
from sweep.paths import Storage, SweepPaths, TrialPaths
from sweep.sealing import write_file
from sweep.secrets import hide_password
from sweep.space import Trial
from sweep.watchdog import Hung

Kind = Literal["error", "died", "memory", "hang", "disk"]
# What the user must mend, what a network does by itself, and files that aren't there.
NOT_HELPED = (
    UserError,
    TrialFailure,
    FileNotFoundError,
    PermissionError,
    IsADirectoryError,
    NotADirectoryError,
)
# A worker that dies is tried again this often, as is what a network, a disk or want of memory
# made fail; a bad trial is not: its exception is caught and recorded instead.
WORKER_RETRIES = 3
OUT_OF_MEMORY = ("out of memory", "can't allocate memory")  # CUDA's words, and the processor's
RAY_OUT_OF_MEMORY = "running low on memory"
# Where one attempt begins in what Tune keeps of them; the line on which a traceback ends.
TUNE_ATTEMPT = "Failure # "
RAISED = re.compile(r"^[A-Za-z_][\w.]*(?:Error|Exception|Interrupt)\b.*$", re.MULTILINE)
DIED = re.compile(r"ActorDiedError|The actor died|actor is dead")


@dataclass(frozen=True)
class Work:
    """A sweep over prepared data in a storage.

    mark: the storage's id, for processes that may see another folder at its path; "": none may.
    """

    config: SweepConfig
    storage: Storage
    data: ImageData
    mark: str = ""

    @property
    def sweep_paths(self) -> SweepPaths:
        return self.storage.sweep(self.config.name)

    def paths(self, trial: Trial) -> TrialPaths:
        return self.sweep_paths.trial(trial.key)


@dataclass(frozen=True)
class Failure:
    """Why a trial has no result: the stage that failed, one line, and the traceback if any.

    kind: "memory" for want of it, "hang", "died" of a process killed for whatever reason,
        "disk" for one that is full, else "error".
    """

    stage: str
    reason: str
    details: str = ""
    kind: Kind = "error"


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
        if isinstance(error, Hung):
            return Failure(stage, str(error), error.traceback, "hang")
        return Failure(stage, hide_password(str(error)), hide_password(details))
    says = hide_password(first_line(error))
    details = hide_password("".join(traceback.format_exception(error)))
    kind: Kind = "disk" if is_full(error) else "memory" if wants_memory(error) else "error"
    return Failure(stage, f"{type(error).__name__}: {says}", details, kind)


def can_be_helped(error: BaseException) -> bool:
    """Whether the same work may succeed when it is done again soon, perhaps elsewhere.

    A connection or a disk may come back, and others may give memory back; what the trial does
    by itself, such as diverge, raise, or stand still for long, it would do again.
    """
    if isinstance(error, UserError) and isinstance(error.__cause__, OSError):
        return can_be_helped(error.__cause__)  # such as of a bucket, in the user's words
    if isinstance(error, NOT_HELPED) or is_full(error):
        return False
    return isinstance(error, OSError) or wants_memory(error)


def wants_memory(error: BaseException) -> bool:
    """Whether there was not enough memory, on the processor or on a GPU."""
    return isinstance(error, MemoryError) or any(word in str(error) for word in OUT_OF_MEMORY)


def describe_death(stage: str, error: object, attempts: int) -> Failure:
    """Why work was given up after so many attempts.

    error: what Ray says of them: an exception, or its text. The last attempt counts.
    """
    details = hide_password(str(error or ""))
    last = details.rpartition(TUNE_ATTEMPT)[2]
    raised = [] if DIED.search(last) else RAISED.findall(last)
    if raised:
        kind: Kind = "memory" if any(word in raised[-1] for word in OUT_OF_MEMORY) else "error"
        return Failure(stage, f"{raised[-1]} ({attempts} attempts)", details, kind)
    if RAY_OUT_OF_MEMORY in last:
        return Failure(
            stage,
            f"Ray killed it {attempts} times because memory ran out: let fewer run at once "
            "(resources.cpus, measure.memory_per_actor), or ask for a smaller network",
            details,
            "memory",
        )
    reason = f"its process died {attempts} times (killed, or out of memory?)"
    return Failure(stage, reason, details, "died")


def record_failure(paths: TrialPaths, failure: Failure) -> None:
    """Keep the reason beside the trial; the next success removes it."""
    write_file(paths.failure, json.dumps(vars(failure), indent=1) + "\n")


def read_failure(paths: TrialPaths) -> Failure | None:
    """Why the trial failed when it was last tried, or None."""
    try:
        return Failure(**json.loads(paths.failure.read_text()))
    except FileNotFoundError:
        return None
