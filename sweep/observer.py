"""Who is told what happens in a running sweep."""

from __future__ import annotations

from typing import Protocol

from sweep.space import Trial
from sweep.training.checkpoints import Record
from sweep.work import Failure


class Observer(Protocol):
    """Told of each event once, from one of the driver's threads."""

    def started(self, trial: Trial) -> None:
        """The trial's training began."""

    def epoch(self, trial: Trial, record: Record) -> None:
        """An epoch of the trial ended; not every epoch is told."""

    def trained(self, trial: Trial) -> None:
        """The trial's checkpoint is sealed."""

    def measured(self, trial: Trial) -> None:
        """The trial's measurements are sealed."""

    def failed(self, trial: Trial, failure: Failure) -> None:
        """The trial could not be trained or measured."""
