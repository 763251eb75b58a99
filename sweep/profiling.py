"""The profile of one network, without a sweep: the stages of one, in this process."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from sweep.config import ModelConfig, SweepConfig
from sweep.data.partitions import ImageData, prepare_data
from sweep.errors import TrialFailure, UserError
from sweep.lock import only_driver
from sweep.measurement import Measurement
from sweep.measuring.measure import measure_trial
from sweep.measuring.sealed import read_measurements
from sweep.measuring.units import Unit
from sweep.models.settings import is_file_name
from sweep.models.weights import settings_beside
from sweep.paths import Storage, TrialPaths, claim_storage
from sweep.progress import Progress
from sweep.sealing import remove_unfinished
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
# What others may be writing into the same storage is spared, as `idsweep prepare` does.
LEFTOVER_SECONDS = 3600.0
MIN_IMAGES = 8  # as few as `measure.num_samples` may be


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
                {**asdict(row), "value": row.value if row.value == row.value else None}
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
    _check(config)
    return config.model_copy(update={"model": _as_trained(config.model)})


def _as_trained(model: ModelConfig) -> ModelConfig:
    """With the settings of the trial whose checkpoint the weights are, unless given."""
    if model.weights is None or not is_file_name(model.weights):
        return model
    trained = settings_beside(Path(model.weights).expanduser(), model.name)
    added = {key: value for key, value in trained.items() if key not in model.model_fields_set}
    try:
        return ModelConfig.model_validate({**model.model_dump(exclude_unset=True), **added})
    except ValidationError:  # no manifest of ours: the file speaks for itself
        return model


def _check(config: SweepConfig) -> None:
    """Raise UserError for what a sweep can do and a profile can't."""
    import torch

    if config.training.epochs:
        raise UserError("training.epochs must be 0: `idsweep run` trains, a profile measures")
    if config.space != [{}]:
        raise UserError("space must be left out: a profile is one network, `idsweep run` many")
    if config.measure.untrained:
        raise UserError(
            "measure.untrained must be false: a profile is one network, and without weights "
            "that is the untrained one"
        )
    if config.measure.device == "cuda" and not torch.cuda.is_available():
        raise UserError(
            f"measure.gpus_per_actor: {config.measure.gpus_per_actor:g} asks for a GPU, but torch "
            "finds none here: set it to 0"
        )


def profile_network(config: SweepConfig, storage: Storage, progress: Progress) -> Profile:
    """Prepare the data, measure the network, all in this process; what is sealed is reused.

    Raises UserError if the data or the network can't be had, or measured, and if the disk
    is full.
    """
    from safetensors import SafetensorError

    try:
        return _profile(config, storage, progress)
    except (OSError, SafetensorError) as error:
        raise UserError(
            f"{storage.folder} can't hold what is measured ({_reason(error)}): make room, or "
            "choose another folder with --storage, or with TMPDIR for what isn't kept"
        ) from error


def _profile(config: SweepConfig, storage: Storage, progress: Progress) -> Profile:
    began = time.monotonic()
    claim_storage(storage)
    remove_unfinished(storage.folder, older_than=LEFTOVER_SECONDS)
    data = prepare_data(config.data, storage, progress)
    count = _num_images(config, data)
    prepared = time.monotonic()
    (trial,) = make_trials(config, data.digest)
    paths = storage.sweep(config.name).trial(trial.key)
    with only_driver(paths.folder / "lock", trial.name):
        remove_unfinished(paths.folder)
        progress.note(f"{trial.name}: measuring on {count} images of {data.name}")
        _measure(config, trial, data, paths, progress)
        rows = read_measurements(config, trial, paths)
    seconds = {"prepare": prepared - began, "measure": time.monotonic() - prepared}
    return Profile(trial, data, config.measure.split, rows, seconds)


def _num_images(config: SweepConfig, data: ImageData) -> int:
    """How many images are measured on; raises UserError if they are too few."""
    split, there = config.measure.split, data.counts[config.measure.split]
    if there < MIN_IMAGES:
        way = "data.test_fraction, 0 in a profile, holds some out"
        raise UserError(
            f"measure.split: {data.name} has {there} images in {split}, and measuring needs "
            f"{MIN_IMAGES}: {way if split == 'test' else 'take more'}"
        )
    return min(config.measure.num_samples, there)


def _measure(
    config: SweepConfig, trial: Trial, data: ImageData, paths: TrialPaths, progress: Progress
) -> None:
    import torch

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


def _reason(error: Exception) -> str:
    """The system's words for what went wrong, without the path."""
    told = error.strerror if isinstance(error, OSError) else None
    return " ".join((told or str(error) or type(error).__name__).split())[:200]


def _in_words(unit: Unit) -> str:
    match unit.kind:
        case "count":
            return f"labelled images through the network, part {unit.place[2] + 1}"
        case "record":
            return f"images through the network, part {unit.place[1] + 1}"
        case "layer":
            return f"measuring layer {unit.place[1]}"
        case "network":
            return "what is asked of the whole network"
    return "collecting"
