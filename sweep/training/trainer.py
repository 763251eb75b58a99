"""Training one network: a plain function in one process, without Ray.

Legend: N images, C channels, H height, W width.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch import nn

from sweep.config import TrainingConfig
from sweep.data.partitions import ImageData
from sweep.errors import TrialFailure
from sweep.models.catalog import ImageNetwork
from sweep.paths import TrialPaths
from sweep.space import Trial
from sweep.training.augmentation import augment
from sweep.training.checkpoints import Record, begin_network, is_trained, write_checkpoint
from sweep.training.labels import corrupt_labels
from sweep.training.pixels import Pixels
from sweep.training.stopping import Stop, StopTraining, write_stop
from sweep.training.subset import choose_subset

EVALUATION_BATCH = 512
TOP = 5
DROPOUT = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout)


def train_trial(
    trial: Trial,
    data: ImageData,
    paths: TrialPaths,
    on_epoch: Callable[[Record], None] | None = None,
    device: str = "cpu",
) -> list[Record]:
    """Train the trial's network and seal its checkpoints; returns the history by epoch.

    device: where torch trains; the initialization and the order of batches are drawn on
    the CPU, so they don't depend on it.
    on_epoch: told of each epoch; may raise StopTraining, which seals the trial there.

    Everything random comes from the trial's seed, so what this process did before doesn't
    matter. Raises TrialFailure if the loss stops being finite.
    """
    config = trial.config.training
    history: list[Record] = []
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        network = begin_network(trial, data)

        def seal_at(epoch: float) -> None:
            checkpoint = trial.at(epoch)
            if not is_trained(checkpoint, paths):
                write_checkpoint(checkpoint, data, paths, network, history)
                network.to(device)

        if config.epochs:
            set_dropout(network.network, config.dropout)
            try:
                _train(network, trial, data, history, seal_at, on_epoch, device)
            except StopTraining as stop:
                trial = trial.stopped_at(history[-1]["epoch"], stop.by)
    write_checkpoint(trial, data, paths, network, history)
    if trial.stopped:
        write_stop(paths, Stop(trial.epoch, trial.stopped))
    else:
        paths.stopped.unlink(missing_ok=True)
    paths.failure.unlink(missing_ok=True)
    return history


def _train(
    network: ImageNetwork,
    trial: Trial,
    data: ImageData,
    history: list[Record],
    seal_at: Callable[[float], None],
    on_epoch: Callable[[Record], None] | None,
    device: str,
) -> None:
    """Train, adding to the history; `seal_at` is called at each epoch measured before the last."""
    config = trial.config.training
    network.to(device)
    train, test = data.split("train"), data.split("test")
    labels = corrupt_labels(train.labels, config.label_noise, data.num_classes, config.seed)
    chosen = torch.from_numpy(choose_subset(train.labels, config.num_images, config.seed))
    images, targets = Pixels(train, network.preprocessing, device), torch.from_numpy(labels)
    test_images = Pixels(test, network.preprocessing, device)
    test_targets = torch.from_numpy(test.labels.copy())
    steps_per_epoch = len(_batches(chosen, config.batch_size))
    optimizer = _optimizer(network, config)
    schedule = _schedule(optimizer, config, config.epochs * steps_per_epoch)
    sealed_after = {
        epoch: max(1, round(epoch * steps_per_epoch)) if epoch else 0 for epoch in trial.earlier
    }
    order = torch.Generator().manual_seed(config.seed)
    changes = torch.Generator().manual_seed(config.seed)  # leaves the order of batches alone
    step = 0

    def seal_due() -> None:
        for epoch, after in sealed_after.items():
            if after == step:
                seal_at(epoch)

    seal_due()
    for epoch in range(1, config.epochs + 1):
        network.train()
        loss_sum = torch.zeros((), device=device)
        correct = torch.zeros((), dtype=torch.int64, device=device)
        learning_rate = schedule.get_last_lr()[0]
        shuffled = chosen[torch.randperm(len(chosen), generator=order)]
        for batch in _batches(shuffled, config.batch_size):
            target = targets[batch].to(device)
            logits = network(augment(images[batch], config.augmentation, changes))
            loss = nn.functional.cross_entropy(logits, target)
            optimizer.zero_grad()
            torch.autograd.backward(loss)
            optimizer.step()
            schedule.step()
            step += 1
            loss_sum += loss.detach() * len(batch)
            correct += (logits.detach().argmax(dim=1) == target).sum()
            if step % steps_per_epoch:
                seal_due()
        scores = evaluate(
            network,
            (
                (test_images[batch], test_targets[batch].to(device))
                for batch in torch.split(torch.arange(len(test_targets)), EVALUATION_BATCH)
            ),
        )
        record = {
            "epoch": float(epoch),
            "learning_rate": float(learning_rate),
            "train_loss": float(loss_sum) / len(chosen),
            "train_accuracy": int(correct) / len(chosen),
            "test_loss": scores.loss,
            "test_accuracy": scores.accuracy,
        }
        if not math.isfinite(record["train_loss"]) or not math.isfinite(scores.loss):
            raise TrialFailure(
                f"the loss is not finite in epoch {epoch} (train {record['train_loss']:.3g}, "
                f"test {scores.loss:.3g}) at learning_rate {config.learning_rate:g}: lower it"
            )
        history.append(record)
        if on_epoch is not None:
            on_epoch(record)
        seal_due()  # at the end of an epoch its record is part of the history


def _batches(order: torch.Tensor, size: int) -> list[torch.Tensor]:
    """The order in batches; a lone last image, too few for batch norm, joins the one before."""
    batches = list(torch.split(order, size))
    if len(batches) > 1 and len(batches[-1]) == 1:
        batches[-2:] = [torch.cat(batches[-2:])]
    return batches


@dataclass(frozen=True)
class Scores:
    """How a network does on some images.

    loss: mean cross-entropy in nats. accuracy: share of images whose class has the largest
    output. top5_accuracy: share whose class is among the five largest.
    """

    loss: float
    accuracy: float
    top5_accuracy: float


def evaluate(network: nn.Module, batches: Iterable[tuple[torch.Tensor, torch.Tensor]]) -> Scores:
    """Scores over batches of (n, C, H, W) images and their (n,) targets, in evaluation mode."""
    network.eval()
    loss_sum, correct, correct5, count = 0.0, 0, 0, 0
    with torch.no_grad():
        for images, targets in batches:
            logits = network(images)
            loss_sum += float(nn.functional.cross_entropy(logits, targets, reduction="sum"))
            correct += int((logits.argmax(dim=1) == targets).sum())
            largest = logits.topk(min(TOP, logits.shape[1]), dim=1).indices
            correct5 += int((largest == targets[:, None]).any(dim=1).sum())
            count += len(targets)
    return Scores(loss_sum / count, correct / count, correct5 / count)


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


def _optimizer(network: nn.Module, config: TrainingConfig) -> torch.optim.Optimizer:
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


def _schedule(
    optimizer: torch.optim.Optimizer, config: TrainingConfig, num_steps: int
) -> torch.optim.lr_scheduler.LRScheduler:
    if config.schedule == "constant":
        return torch.optim.lr_scheduler.ConstantLR(optimizer, factor=1.0)
    return torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=num_steps)
