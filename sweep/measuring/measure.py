"""Measuring one checkpoint: a plain function in one process, without Ray."""

from __future__ import annotations

from sweep.config import SweepConfig
from sweep.data.partitions import ImageData
from sweep.errors import TrialFailure
from sweep.measuring.session import Session
from sweep.paths import TrialPaths
from sweep.space import Trial


def measure_trial(config: SweepConfig, trial: Trial, data: ImageData, paths: TrialPaths) -> None:
    """Measure the trial's sealed checkpoint: every analysis that isn't sealed yet.

    A trial of no epochs needs no checkpoint: it is sealed here as it begins.
    Raises TrialFailure if the network can't be measured (activations not finite, say).
    """
    session = Session(config, trial, data, paths)
    try:
        for phase in session.start():
            for unit in phase:
                session.run(unit)
    except TrialFailure:
        session.discard()
        raise
    paths.failure.unlink(missing_ok=True)
