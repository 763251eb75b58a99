"""Training one network: a plain function in one process, without Ray.

Legend: N images, C channels, H height, W width.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable
from pathlib import Path

import torch
from torch import nn

from sweep.config import TrainingConfig
from sweep.data.partitions import ImageData
from sweep.errors import TrialFailure
from sweep.models.catalog import ImageNetwork, build_network
from sweep.paths import TrialPaths
from sweep.sealing import is_sealed, read_manifest, seal
from sweep.space import Trial
from sweep.training.labels import corrupt_labels
from sweep.training.pixels import Pixels

WEIGHTS = "weights.safetensors"
HISTORY = "history.json"
EVALUATION_BATCH = 512

Record = dict[str, float]


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
    from safetensors.torch import save_model

    config = trial.config.training
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        # A pretrained network that is trained on gets a head for the classes of the data.
        network = build_network(trial.config.model, data, config.seed, keep_head=not config.epochs)
        history = _train(network, config, data, on_epoch, device) if config.epochs else []
    with seal(
        paths.checkpoint(trial.epoch),
        trial=trial.key,
        role=trial.role,
        config=trial.config.model_dump(),
        data=data.digest,
        epoch=trial.epoch,
    ) as folder:
        save_model(network.network.cpu(), str(folder / WEIGHTS))
        (folder / HISTORY).write_text(json.dumps(history) + "\n")
    paths.failure.unlink(missing_ok=True)
    return history


def is_trained(trial: Trial, paths: TrialPaths) -> bool:
    """Whether the trial's final checkpoint is sealed."""
    return is_sealed(paths.checkpoint(trial.epoch))


def load_checkpoint(trial: Trial, data: ImageData, paths: TrialPaths) -> ImageNetwork:
    """The trial's network with the weights of its sealed checkpoint."""
    from safetensors.torch import load_model

    folder = paths.checkpoint(trial.epoch)
    read_manifest(folder)
    config = trial.config
    network = build_network(
        config.model, data, config.training.seed, keep_head=not config.training.epochs
    )
    load_model(network.network, folder / WEIGHTS)
    return network.eval()


def read_history(folder: Path) -> list[Record]:
    """The training history in a sealed checkpoint, one record an epoch."""
    history: list[Record] = json.loads((folder / HISTORY).read_text())
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
