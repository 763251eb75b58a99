"""Training one network: a plain function in one process, without Ray.

Legend: N images, C channels, H height, W width.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

import torch
from torch import nn

from sweep.config import TrainingConfig
from sweep.data.partitions import ImageData
from sweep.errors import TrialFailure
from sweep.models.catalog import ImageNetwork
from sweep.paths import TrialPaths
from sweep.space import Trial
from sweep.training.checkpoints import Record, begin_network, write_checkpoint
from sweep.training.labels import corrupt_labels
from sweep.training.pixels import Pixels

EVALUATION_BATCH = 512


def train_trial(
    trial: Trial,
    data: ImageData,
    paths: TrialPaths,
    on_epoch: Callable[[Record], None] | None = None,
    device: str = "cpu",
) -> list[Record]:
    """Train the trial's network and seal its checkpoint; returns the history by epoch.

    device: where torch trains; the initialization and the order of batches are drawn on
    the CPU, so they don't depend on it.

    Everything random comes from the trial's seed, so what this process did before doesn't
    matter. Raises TrialFailure if the loss stops being finite.
    """
    config = trial.config.training
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        network = begin_network(trial, data)
        history = _train(network, config, data, on_epoch, device) if config.epochs else []
    write_checkpoint(trial, data, paths, network, history)
    paths.failure.unlink(missing_ok=True)
    return history


def _train(
    network: ImageNetwork,
    config: TrainingConfig,
    data: ImageData,
    on_epoch: Callable[[Record], None] | None,
    device: str,
) -> list[Record]:
    network.to(device)
    train, test = data.split("train"), data.split("test")
    labels = corrupt_labels(train.labels, config.label_noise, data.num_classes, config.seed)
    images, targets = Pixels(train, network.preprocessing, device), torch.from_numpy(labels)
    test_images = Pixels(test, network.preprocessing, device)
    test_targets = torch.from_numpy(test.labels.copy())
    steps_per_epoch = len(_batches(torch.arange(len(images)), config.batch_size))
    optimizer = _optimizer(network, config)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(
        optimizer, T_max=config.epochs * steps_per_epoch
    )
    order = torch.Generator().manual_seed(config.seed)
    history: list[Record] = []
    for epoch in range(1, config.epochs + 1):
        network.train()
        loss_sum = torch.zeros((), device=device)
        correct = torch.zeros((), dtype=torch.int64, device=device)
        learning_rate = schedule.get_last_lr()[0]
        shuffled = torch.randperm(len(images), generator=order)
        for batch in _batches(shuffled, config.batch_size):
            target = targets[batch].to(device)
            logits = network(images[batch])
            loss = nn.functional.cross_entropy(logits, target)
            optimizer.zero_grad()
            torch.autograd.backward(loss)
            optimizer.step()
            schedule.step()
            loss_sum += loss.detach() * len(batch)
            correct += (logits.detach().argmax(dim=1) == target).sum()
        test_loss, test_accuracy = evaluate(
            network,
            (
                (test_images[batch], test_targets[batch].to(device))
                for batch in torch.split(torch.arange(len(test_targets)), EVALUATION_BATCH)
            ),
        )
        record = {
            "epoch": float(epoch),
            "learning_rate": float(learning_rate),
            "train_loss": float(loss_sum) / len(images),
            "train_accuracy": int(correct) / len(images),
            "test_loss": test_loss,
            "test_accuracy": test_accuracy,
        }
        if not math.isfinite(record["train_loss"]) or not math.isfinite(test_loss):
            raise TrialFailure(
                f"the loss is not finite in epoch {epoch} (train {record['train_loss']:.3g}, "
                f"test {test_loss:.3g}) at learning_rate {config.learning_rate:g}: lower it"
            )
        history.append(record)
        if on_epoch is not None:
            on_epoch(record)
    return history


def _batches(order: torch.Tensor, size: int) -> list[torch.Tensor]:
    """The order in batches; a lone last image, too few for batch norm, joins the one before."""
    batches = list(torch.split(order, size))
    if len(batches) > 1 and len(batches[-1]) == 1:
        batches[-2:] = [torch.cat(batches[-2:])]
    return batches


def evaluate(
    network: nn.Module, batches: Iterable[tuple[torch.Tensor, torch.Tensor]]
) -> tuple[float, float]:
    """Mean cross-entropy (nats) and accuracy over batches of (n, C, H, W) images, (n,) targets."""
    network.eval()
    loss_sum, correct, count = 0.0, 0, 0
    with torch.no_grad():
        for images, targets in batches:
            logits = network(images)
            loss_sum += float(nn.functional.cross_entropy(logits, targets, reduction="sum"))
            correct += int((logits.argmax(dim=1) == targets).sum())
            count += len(targets)
    return loss_sum / count, correct / count


def _optimizer(network: nn.Module, config: TrainingConfig) -> torch.optim.Optimizer:
    if config.optimizer == "sgd":
        return torch.optim.SGD(
            network.parameters(),
            lr=config.learning_rate,
            momentum=0.9,
            nesterov=True,
            weight_decay=config.weight_decay,
        )
    return torch.optim.AdamW(
        network.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay
    )
