"""A network that is given for a prediction: found, and measured as a sweep's were.

Without accuracy, so no label is asked for.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from sweep.config import AnalysesConfig, ModelConfig, TrainingConfig, TrialConfig
from sweep.errors import UserError
from sweep.profiling import profile_network
from sweep.progress import Progress
from sweep.results import SweepResults
from sweep.scalars import scalars
from sweep.sealing import MANIFEST
from sweep.space import Trial

WEIGHTS = "weights.safetensors"


@dataclass(frozen=True)
class GivenNetwork:
    """A network to predict. model: may be None where the checkpoint is a trial's.

    checkpoint: a trial's checkpoint, a weights file, or the name of published weights.
    settings: such as "model.width=16", over what a trial's checkpoint says of itself.
    """

    model: str | None = None
    checkpoint: str | None = None
    image_size: int | None = None
    settings: tuple[str, ...] = ()


def model_of(given: GivenNetwork) -> tuple[ModelConfig, dict[str, Any]]:
    """The network's section `model`, and the manifest of its checkpoint if it is a trial's."""
    from sweep.models.survey import named_model

    path = Path(given.checkpoint or "").expanduser()
    if given.checkpoint is not None and path.is_dir():
        path = path / WEIGHTS
    sealed = _manifest_beside(path) if path.is_file() else {}
    settings: dict[str, Any] = {
        key: value
        for key, value in sealed.get("config", {}).get("model", {}).items()
        if value is not None
    }
    if given.model is not None and given.model != settings.get("name"):
        settings, sealed = {"name": given.model}, {}
    if "name" not in settings:
        if given.checkpoint is None:
            raise UserError("which network? Name it with --checkpoint, and with --model if need be")
        there = "is no checkpoint of a trial" if path.exists() else "is not there"
        raise UserError(
            f"{given.checkpoint} {there}: name a checkpoint, or weights and their --model"
        )
    if given.checkpoint is None:
        raise UserError(
            f"{given.model} needs weights, since the fit is of trained networks: say --checkpoint "
            "FILE, or a name such as IMAGENET1K_V1"
        )
    settings["weights"] = str(path) if path.exists() else given.checkpoint
    if given.image_size is not None:
        settings["image_size"] = given.image_size
    for text in given.settings:
        key, _, value = text.partition("=")
        if not key.startswith("model."):
            raise UserError(
                f"--set {text}: only model.* can be set, such as model.width=16; the rest is the "
                "sweep's, or the numbers could not be compared"
            )
        settings[key.removeprefix("model.")] = parsed_value(f"--set {text}", value)
    return named_model(settings.pop("name"), **settings), sealed


def measure_given(
    results: SweepResults, model: ModelConfig, training: TrainingConfig, progress: Progress
) -> tuple[Trial, dict[str, float]]:
    """A network's scalars, measured as the sweep's were and without accuracy, in this process.

    training: of no epochs; what in it says how images are shown holds here too.

    Rows are sealed in the sweep's storage, so asking again is free. Raises UserError.
    """
    import torch

    config = results.work.config
    measure = {"untrained": False, "class_samples": 0}
    if config.measure.gpus_per_actor and not torch.cuda.is_available():
        measure["gpus_per_actor"] = 0
    alone = config.model_copy(
        update={
            "name": "profile",
            "space": [{}],
            "model": model,
            "training": training,
            "measure": config.measure.model_copy(update=measure),
            "analyses": without_labels(config.analyses),
        }
    )
    found = profile_network(alone, results.work.storage, progress)
    return found.trial, {name: scalar.value for name, scalar in scalars(found.rows).items()}


def without_labels(analyses: AnalysesConfig) -> AnalysesConfig:
    """The same without what reads the labels of the images."""
    return analyses.model_copy(update={"accuracy_images": 0})


def parsed_value(option: str, text: str) -> Any:
    """The value that an option's text is, as YAML has it; raises UserError."""
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise UserError(f"{option}: {text!r} is no value") from error


def _manifest_beside(weights: Path) -> dict[str, Any]:
    """The manifest of the checkpoint that a weights file lies in; {} for another's file."""
    try:
        found = json.loads((weights.parent / MANIFEST).read_text())
        TrialConfig.model_validate(found["config"])
    except (OSError, ValueError, KeyError, TypeError, ValidationError):
        return {}
    return dict(found)
