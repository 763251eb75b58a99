"""A part of a training: from one sealed state to the next, perhaps with other settings.

Members of a population train in segments; any other trial is one segment.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sweep.sealing import is_sealed, seal
from sweep.space import Trial
from sweep.training.optimization import change_settings
from sweep.training.state import Training, read_state, write_state


@dataclass(frozen=True)
class Segment:
    """From where to where, with which settings.

    begin: folder of the state to go on from; None begins at the initialization.
    weights: folder of the state whose weights and optimizer to take over; None: its own.
    until: the epoch at which it ends; None: the trial's last. end: folder where the state is
        sealed then, if that is not the trial's last epoch.
    values: settings of `training` that differ from the trial's configuration by now.
    facts: what else the manifest of a sealed state or checkpoint holds; JSON values.
    """

    begin: Path | None = None
    weights: Path | None = None
    until: int | None = None
    end: Path | None = None
    values: Mapping[str, float] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)

    def last(self, epochs: int) -> int:
        """The last epoch of the segment, of a training of so many."""
        return epochs if self.until is None else min(self.until, epochs)

    def ends_before(self, epochs: int) -> bool:
        """Whether the training goes on after it."""
        return self.last(epochs) < epochs

    @property
    def is_sealed(self) -> bool:
        """Whether the state at its end is sealed; never, if the segment has none."""
        return self.end is not None and is_sealed(self.end)

    def begin_with(self, training: Training) -> None:
        """Put a training that has just begun where the segment begins."""
        if self.begin is not None:
            read_state(training, self.begin, self.weights)
        change_settings(
            training.network.network, training.optimizer, training.schedule, self.values
        )

    def seal_state(self, trial: Trial, training: Training, diverged: str = "") -> None:
        """Seal where the training is at the end of the segment.

        diverged: why its network is of no use any more; "": it is.
        """
        if self.end is None:
            raise ValueError("a segment that ends before the training needs a folder for its end")
        facts = {
            **self.facts,
            "trial": trial.key,
            "epoch": self.until,
            "values": dict(self.values),
            "record": training.history[-1] if training.history else {},
            "diverged": diverged,
        }
        with seal(self.end, **facts) as folder:
            write_state(training, folder)


WHOLE = Segment()
