"""Which unit of work comes next: parallel over trials first, then within one.

Knows nothing of processes: whoever runs units asks here, and says when one is done.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from sweep.measuring.units import Unit
from sweep.space import Trial


@dataclass
class _Job:
    """One trial on its way: units of the phase that is on, and the phases after it."""

    waiting: deque[Unit]
    later: deque[list[Unit]] = field(default_factory=deque)
    running: int = 0
    failed: bool = False


class Schedule:
    """The units of many trials, in an order that keeps every worker busy."""

    def __init__(self) -> None:
        self._jobs: dict[str, _Job] = {}

    def add(self, trial: Trial) -> None:
        """A trial whose checkpoints are to be measured."""
        self._jobs[trial.key] = _Job(deque(Unit(each, "start") for each in trial.checkpoints))

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits and nothing runs."""
        return not self._jobs

    def next(self, last: str | None) -> Unit | None:
        """A unit for an idle worker, or None if all that is left must wait for others.

        last: key of the trial it worked on last, which it goes on with: it has the network.
        Else a trial not begun, else one on which others work.
        """
        ready = {key: job for key, job in self._jobs.items() if job.waiting}
        if not ready:
            return None
        key = last if last in ready else None
        key = key or next((key for key, job in ready.items() if not job.running), None)
        job = ready[key or min(ready, key=lambda key: ready[key].running)]
        job.running += 1
        return job.waiting.popleft()

    def planned(self, trial: Trial, phases: list[list[Unit]]) -> None:
        """What is left of one of its checkpoints after the start."""
        self._jobs[trial.key].later.extend(phase for phase in phases if phase)

    def done(self, unit: Unit) -> bool:
        """Note the end of a unit; returns whether its trial is measured with it."""
        job = self._jobs[unit.trial.key]
        job.running -= 1
        if not job.waiting and not job.running and job.later and not job.failed:
            job.waiting.extend(job.later.popleft())
        if job.waiting or job.running:
            return False
        del self._jobs[unit.trial.key]
        return not job.failed

    def again(self, unit: Unit) -> bool:
        """Have a unit that failed done once more; False if its trial is given up already."""
        job = self._jobs[unit.trial.key]
        if job.failed:
            return False
        job.running -= 1
        job.waiting.append(unit)
        return True

    def give_up(self, trial: Trial) -> bool:
        """Start nothing more of this trial; returns whether it was given up before."""
        job = self._jobs[trial.key]
        before, job.failed = job.failed, True
        job.waiting.clear()
        job.later.clear()
        return before
