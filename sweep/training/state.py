"""A network in training, written to files and read back without unpickling anything.

Two files: tensors as safetensors, everything else as JSON. Read back, training goes on to
the same bits as if it had not been interrupted.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from sweep.config import TrainingConfig
from sweep.models.catalog import ImageNetwork
from sweep.training.checkpoints import Record
from sweep.training.optimization import make_optimizer, make_schedule
from sweep.training.precision import make_scaler

TENSORS = "state.safetensors"
REST = "state.json"


@dataclass
class Training:
    """All that the next step of a training depends on, beside the images and the settings.

    order, changes: generators of the order of images and of augmentation. step: how many
    were made. The global generators, which dropout draws from, are written and read too.
    """

    network: ImageNetwork
    optimizer: torch.optim.Optimizer
    schedule: torch.optim.lr_scheduler.LRScheduler
    scaler: torch.amp.GradScaler
    order: torch.Generator
    changes: torch.Generator
    history: list[Record] = field(default_factory=list)
    step: int = 0


def begin_training(
    network: ImageNetwork, config: TrainingConfig, num_steps: int, device: str
) -> Training:
    """At step 0 of `num_steps`, with the network on the device."""
    network.to(device)
    optimizer = make_optimizer(network, config)
    return Training(
        network,
        optimizer,
        make_schedule(optimizer, config, num_steps),
        make_scaler(config.precision, device),
        torch.Generator().manual_seed(config.seed),
        # Of its own, so that augmentation leaves the order of batches alone.
        torch.Generator().manual_seed(config.seed),
    )


def write_state(training: Training, folder: Path) -> None:
    """Write the two files into an existing folder."""
    from safetensors.torch import save_file

    tensors = {
        f"network.{name}": tensor for name, tensor in training.network.network.state_dict().items()
    }
    optimizer = training.optimizer.state_dict()
    numbers: dict[str, dict[str, Any]] = {}
    for index, state in optimizer["state"].items():
        for name, value in state.items():
            if isinstance(value, torch.Tensor):
                tensors[f"optimizer.{index}.{name}"] = value
            else:
                numbers.setdefault(str(index), {})[name] = value
    for name, generator in _generators(training).items():
        tensors[f"generator.{name}"] = generator.get_state()
    tensors["generator.cpu"] = torch.get_rng_state()
    if _on_gpu(training):
        tensors["generator.cuda"] = torch.cuda.get_rng_state()
    # Copies: weights that layers share can't be written as views of each other.
    whole = {name: tensor.detach().cpu().clone().contiguous() for name, tensor in tensors.items()}
    save_file(whole, folder / TENSORS)
    rest = {
        "groups": optimizer["param_groups"],
        "numbers": numbers,
        "schedule": training.schedule.state_dict(),
        "scaler": training.scaler.state_dict(),
        "history": training.history,
        "step": training.step,
    }
    (folder / REST).write_text(json.dumps(rest, indent=1) + "\n")


def read_state(training: Training, folder: Path, weights: Path | None = None) -> None:
    """Put a training that has just begun where the written one was; its settings too.

    weights: another's state, whose network, optimizer and schedule to take over; generators
        and history stay those of `folder`. None: all of it is from `folder`.
    """
    from safetensors.torch import load_file

    tensors = load_file(folder / TENSORS)
    rest = json.loads((folder / REST).read_text())
    for name, generator in _generators(training).items():
        generator.set_state(tensors[f"generator.{name}"])
    torch.set_rng_state(tensors["generator.cpu"])
    if _on_gpu(training) and "generator.cuda" in tensors:
        torch.cuda.set_rng_state(tensors["generator.cuda"])
    training.history[:] = rest["history"]
    training.step = rest["step"]
    if weights is not None:
        tensors = load_file(weights / TENSORS)
        rest = json.loads((weights / REST).read_text())
    _read_weights(training, tensors, rest)


def _read_weights(
    training: Training, tensors: dict[str, torch.Tensor], rest: dict[str, Any]
) -> None:
    """Network, optimizer, schedule and scaler."""
    training.network.network.load_state_dict(_below(tensors, "network."))
    state: dict[int, dict[str, Any]] = {
        int(index): dict(numbers) for index, numbers in rest["numbers"].items()
    }
    for name, tensor in _below(tensors, "optimizer.").items():
        index, _, key = name.partition(".")
        state.setdefault(int(index), {})[key] = tensor
    groups = rest["groups"]
    for written, fresh in zip(groups, training.optimizer.param_groups, strict=True):
        for name, value in written.items():
            if isinstance(fresh.get(name), tuple):  # which JSON makes a list
                written[name] = tuple(value)
    training.optimizer.load_state_dict({"state": state, "param_groups": groups})
    training.schedule.load_state_dict(rest["schedule"])
    training.scaler.load_state_dict(rest["scaler"])


def _generators(training: Training) -> dict[str, torch.Generator]:
    return {"order": training.order, "changes": training.changes}


def _below(tensors: dict[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    return {
        name.removeprefix(prefix): tensor
        for name, tensor in tensors.items()
        if name.startswith(prefix)
    }


def _on_gpu(training: Training) -> bool:
    return next(training.network.parameters()).device.type == "cuda"
