"""Optimizer, learning-rate schedule and dropout of a trial, and changing them in between."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn

from sweep.config import TrainingConfig
from sweep.errors import TrialFailure

DROPOUT = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout)


def set_dropout(network: nn.Module, probability: float | None) -> None:
    """Set the probability of every dropout layer; None leaves them. Raises TrialFailure if none."""
    if probability is None:
        return
    layers = [module for module in network.modules() if isinstance(module, DROPOUT)]
    if probability and not layers:
        raise TrialFailure(
            f"training.dropout: {probability:g} asked, but the network has no dropout layer: "
            "leave it out, or 0"
        )
    for layer in layers:
        layer.p = probability


def make_optimizer(network: nn.Module, config: TrainingConfig) -> torch.optim.Optimizer:
    """Over all parameters of the network."""
    rate, decay = config.learning_rate, config.weight_decay
    match config.optimizer:
        case "adamw":
            return torch.optim.AdamW(network.parameters(), lr=rate, weight_decay=decay)
        case "adam":
            return torch.optim.Adam(network.parameters(), lr=rate, weight_decay=decay)
    return torch.optim.SGD(
        network.parameters(),
        lr=rate,
        momentum=config.momentum,
        nesterov=config.optimizer == "nesterov",
        weight_decay=decay,
    )


def make_schedule(
    optimizer: torch.optim.Optimizer, config: TrainingConfig, num_steps: int
) -> torch.optim.lr_scheduler.LRScheduler:
    """Of the learning rate, over `num_steps` steps."""
    if config.schedule == "constant":
        return torch.optim.lr_scheduler.ConstantLR(optimizer, factor=1.0)
    return torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=num_steps)


def change_settings(
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    schedule: torch.optim.lr_scheduler.LRScheduler,
    values: Mapping[str, float],
) -> None:
    """Go on with other settings, by their names in `training`.

    The learning rate is the one at its highest: where the schedule has lowered it, it is as
    much lower now.
    """
    for name, value in values.items():
        if name == "learning_rate":
            ratio = value / schedule.base_lrs[0]
            schedule.base_lrs = [value for _ in schedule.base_lrs]
            for group in optimizer.param_groups:
                group["lr"] *= ratio
                group["initial_lr"] = value
            schedule._last_lr = [group["lr"] for group in optimizer.param_groups]
        elif name == "dropout":
            set_dropout(network, value)
        else:
            for group in optimizer.param_groups:
                group[name] = value
