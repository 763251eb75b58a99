"""Measuring one trial: a plain function in one process, without Ray."""

from __future__ import annotations

import itertools
from collections.abc import Callable

from sweep.config import SweepConfig
from sweep.data.partitions import ImageData
from sweep.errors import TrialFailure
from sweep.measuring.session import Session
from sweep.measuring.units import Unit
from sweep.paths import TrialPaths
from sweep.space import Trial


def measure_trial(
    config: SweepConfig,
    trial: Trial,
    data: ImageData,
    paths: TrialPaths,
    on_unit: Callable[[Unit, int, int], None] | None = None,
) -> None:
    """Measure the trial's sealed checkpoints: every analysis that isn't sealed yet.

    on_unit: called before each unit of work that goes through files, with the unit, how many
        were done, and how many there are.

    A trial of no epochs needs no checkpoint: it is sealed here as it begins.
    Raises TrialFailure if the network can't be measured (activations not finite, say).
    """
    for checkpoint in trial.checkpoints:
        session = Session(config, checkpoint, data, paths)
        try:
            units = list(itertools.chain.from_iterable(session.start()))
            for number, unit in enumerate(units):
                if on_unit is not None:
                    on_unit(unit, number, len(units))
                session.run(unit)
        except TrialFailure:
            session.discard()
            raise
    paths.failure.unlink(missing_ok=True)
