"""Sealed checkpoints: a trial's weights and training history, written and read."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from sweep.data.partitions import ImageData
from sweep.errors import TrialFailure
from sweep.models.catalog import ImageNetwork, build_network
from sweep.models.origin import origin_of
from sweep.models.weights import copy_tensors
from sweep.paths import TrialPaths
from sweep.sealing import is_sealed, read_manifest, seal
from sweep.space import Trial

WEIGHTS = "weights.safetensors"
HISTORY = "history.json"

Record = dict[str, float]


def begin_network(trial: Trial, data: ImageData) -> ImageNetwork:
    """The trial's network before training: from its seed, or with the weights that it names.

    One that is trained on gets a head for the classes of the data.
    """
    config = trial.config
    training = config.training
    network = build_network(config.model, data, training.seed, keep_head=not training.epochs)
    network.prepare_with(network.preprocessing.with_luminance(training.luminance_gradient))
    return network


def write_checkpoint(
    trial: Trial,
    data: ImageData,
    paths: TrialPaths,
    network: ImageNetwork,
    history: Sequence[Record],
    **more: Any,
) -> None:
    """Seal the trial's checkpoint, unless it is; of published weights only the digest is kept.

    more: JSON values for its manifest.
    """
    from safetensors.torch import save_model

    if is_sealed(paths.checkpoint(trial.epoch)):
        return
    facts: dict[str, Any] = {
        "trial": trial.key,
        "role": trial.role,
        "config": trial.config.model_dump(),
        "data": data.digest,
        "epoch": trial.epoch,
        "origin": origin_of(trial.config.model),
        **more,
    }
    if _is_published(trial):
        facts["weights_digest"] = weights_digest(network)
    with seal(paths.checkpoint(trial.epoch), **facts) as folder:
        if not _is_published(trial):
            save_model(network.network.cpu(), str(folder / WEIGHTS))
        (folder / HISTORY).write_text(json.dumps(list(history)) + "\n")


def is_trained(trial: Trial, paths: TrialPaths) -> bool:
    """Whether every checkpoint of the trial is sealed."""
    return all(is_sealed(paths.checkpoint(each.epoch)) for each in trial.checkpoints)


def changed_origin(trial: Trial, paths: TrialPaths) -> str:
    """Which file of the user's has changed since the trial's checkpoint was sealed; "": none."""
    now = origin_of(trial.config.model)
    checkpoint = paths.checkpoint(trial.epoch)
    if not now or not is_sealed(checkpoint):
        return ""
    sealed = read_manifest(checkpoint).get("origin", {})
    for path, digest in now.items():
        if sealed.get(path, digest) != digest:
            return (
                f"{path} has changed since {trial.name} was sealed: put the old one back, name "
                f"the new one otherwise, or delete {paths.in_words}"
            )
    return ""


def load_checkpoint(trial: Trial, data: ImageData, paths: TrialPaths) -> ImageNetwork:
    """The trial's network with the weights of its sealed checkpoint.

    Raises TrialFailure if published weights aren't those that were sealed.
    """
    from safetensors.torch import load_file

    folder = paths.checkpoint(trial.epoch)
    manifest = read_manifest(folder)
    network = begin_network(trial, data)
    if not _is_published(trial):
        copy_tensors(load_file(folder / WEIGHTS), network.network)
    elif weights_digest(network) != manifest["weights_digest"]:
        raise TrialFailure(
            f"the weights {trial.config.model.weights} of {trial.config.model.name} are not "
            f"those that were sealed: put the old ones back, or delete {paths.in_words}"
        )
    return network.eval()


def read_history(folder: Path) -> list[Record]:
    """The training history in a sealed checkpoint, one record an epoch."""
    history: list[Record] = json.loads((folder / HISTORY).read_text())
    return history


def weights_digest(network: ImageNetwork) -> str:
    """SHA-256 of all parameters and buffers, with their names."""
    digest = hashlib.sha256()
    for name, tensor in network.network.state_dict().items():
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.cpu().contiguous().reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()


def _is_published(trial: Trial) -> bool:
    """Whether the checkpoint is nothing but weights that others trained."""
    return not trial.epoch and trial.config.model.weights is not None
