"""The profile of one network, without a sweep: the stages of one, in this process."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sweep.config import ModelConfig, SweepConfig
from sweep.data.partitions import ImageData, prepare_data
from sweep.errors import TrialFailure, UserError
from sweep.measurement import Measurement
from sweep.measuring.measure import measure_trial
from sweep.measuring.sealed import read_measurements
from sweep.measuring.units import Unit
from sweep.paths import Storage, claim_storage
from sweep.progress import Progress
from sweep.space import Trial, make_trials
from sweep.sweepfile import parse_sweep

# All images are measured on: there is nothing to train, so nothing to hold out. Accuracy
# would take passes of its own.
BASE = """
name: profile
training: {epochs: 0}
measure: {untrained: false}
data: {test_fraction: 0}
analyses: {accuracy_images: 0}
"""


@dataclass(frozen=True)
class Profile:
    """What was measured of one network.

    rows: of all analyses. seconds: by stage.
    """

    trial: Trial
    data: ImageData
    split: str
    rows: list[Measurement]
    seconds: dict[str, float]

    def to_json(self) -> dict[str, Any]:
        """The network, the data and every row, with its settings."""
        return {
            "model": self.trial.config.model.model_dump(),
            "data": {"name": self.data.name, "digest": self.data.digest, "split": self.split},
            "seconds": self.seconds,
            "rows": [
                {**vars(row), "value": row.value if row.value == row.value else None}
                for row in self.rows
            ],
        }


def profile_config(model: ModelConfig, settings: Sequence[str]) -> SweepConfig:
    """The settings of a profile: a sweep of one network. settings: such as "data.name=cifar10".

    Measures on as many threads as there are cores, unless told otherwise. Raises UserError.
    """
    given = {f"model.{key}": value for key, value in model.model_dump(exclude_unset=True).items()}
    given["measure.threads"] = len(os.sched_getaffinity(0))
    overrides = [f"{key}={json.dumps(value)}" for key, value in given.items()]
    config = parse_sweep(BASE, "profile", [*overrides, *settings]).config
    if config.training.epochs:
        raise UserError("training.epochs must be 0: `idsweep run` trains, a profile measures")
    return config


def profile_network(config: SweepConfig, storage: Storage, progress: Progress) -> Profile:
    """Prepare the data, measure the network, all in this process; what is sealed is reused.

    Raises UserError if the data or the network can't be had, or measured.
    """
    import torch

    began = time.monotonic()
    claim_storage(storage)
    data = prepare_data(config.data, storage, progress)
    prepared = time.monotonic()
    (trial,) = make_trials(config, data.digest)
    paths = storage.sweep(config.name).trial(trial.key)
    count = min(config.measure.num_samples, data.counts[config.measure.split])
    progress.note(f"{trial.name}: measuring on {count} images of {data.name}")

    def tell(unit: Unit, number: int, total: int) -> None:
        progress.note(f"{number}/{total} done; {_in_words(unit)}")

    threads = torch.get_num_threads()
    torch.set_num_threads(config.measure.threads)
    try:
        measure_trial(config, trial, data, paths, tell)
    except TrialFailure as error:
        raise UserError(f"{trial.name}: {error}") from error
    finally:
        torch.set_num_threads(threads)
    seconds = {"prepare": prepared - began, "measure": time.monotonic() - prepared}
    rows = read_measurements(config, trial, paths)
    return Profile(trial, data, config.measure.split, rows, seconds)


def _in_words(unit: Unit) -> str:
    match unit.kind:
        case "record":
            return f"images through the network, part {unit.place[1] + 1}"
        case "layer":
            return f"measuring layer {unit.place[1]}"
        case "network":
            return "accuracy"
    return "collecting"
