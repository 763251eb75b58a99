"""Training one network: a plain function, without Ray, alone or as one of a team.

Legend: N images, C channels, H height, W width.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import nn

from sweep.data.partitions import ImageData
from sweep.errors import Diverged
from sweep.paths import TrialPaths
from sweep.space import Trial
from sweep.training.augmentation import augment
from sweep.training.batches import split_epoch, split_step
from sweep.training.checkpoints import Record, begin_network, is_trained, write_checkpoint
from sweep.training.compilation import compiled, compiler_named
from sweep.training.images import TrainingImages
from sweep.training.optimization import set_dropout
from sweep.training.precision import autocast, check_precision, left_out_steps
from sweep.training.scores import evaluate
from sweep.training.segments import WHOLE, Segment
from sweep.training.state import Training, begin_training
from sweep.training.stopping import Stop, StopTraining, write_stop
from sweep.training.team import ALONE, Team
from sweep.watchdog import progress


def train_trial(
    trial: Trial,
    data: ImageData,
    paths: TrialPaths,
    on_epoch: Callable[[Record], None] | None = None,
    device: str = "cpu",
    *,
    gpu_share: float = 1.0,
    team: Team = ALONE,
    segment: Segment = WHOLE,
) -> list[Record]:
    """Train the trial's network and seal its checkpoints; returns the history by epoch.

    device: where torch trains; the initialization and the order of batches are drawn on
    the CPU, so they don't depend on it. gpu_share: of the GPU's memory, what is the trial's.
    on_epoch: told of each epoch; may raise StopTraining, which seals the trial there.
    team: of which this process is one; each calls this, and the one that leads seals.
    segment: which part of the training to do now; one that has an end seals its state there.

    Everything random comes from the trial's seed, so what this process did before doesn't
    matter. Raises Diverged if the loss stops being finite, and TrialFailure for what the
    trial asks and can't have.
    """
    config = trial.config.training
    history: list[Record] = []
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        network = begin_network(trial, data)

        def seal_at(epoch: float) -> None:
            checkpoint = trial.at(epoch)
            if team.leads and not is_trained(checkpoint, paths):
                write_checkpoint(checkpoint, data, paths, network, history, **segment.facts)
                network.to(device)

        if config.epochs:
            check_precision(config.precision, device)
            set_dropout(network.network, config.dropout)
            # Dropout differs from share to share, as it does from image to image.
            torch.manual_seed(config.seed + (team.rank << 32))
            images = TrainingImages(data, network.preprocessing, config, device, gpu_share)
            network.network = team.with_shared_statistics(network.network, device)
            steps = len(split_epoch(images.chosen, config.batch_size))
            training = begin_training(network, config, config.epochs * steps, device)
            training.history = history
            segment.begin_with(training)
            if segment.begin is not None and not team.leads:
                # The state is the leader's; dropout of the other shares goes on differing from it.
                torch.manual_seed(config.seed + (team.rank << 32) + training.step)
            diverged = ""
            try:
                _train(training, images, trial, team, segment, seal_at, on_epoch, device)
            except StopTraining as stop:
                trial = trial.stopped_at(history[-1]["epoch"], stop.by)
            except Diverged as error:
                if not segment.ends_before(config.epochs):
                    raise
                diverged = str(error)
                training.step = segment.last(config.epochs) * steps
            if segment.ends_before(config.epochs) and not trial.stopped:
                if team.leads:
                    segment.seal_state(trial, training, diverged)
                    paths.failure.unlink(missing_ok=True)
                return history
    if not team.leads:
        return history
    write_checkpoint(trial, data, paths, network, history, **segment.facts)
    if trial.stopped:
        write_stop(paths, Stop(trial.epoch, trial.stopped))
    else:
        paths.stopped.unlink(missing_ok=True)
    paths.failure.unlink(missing_ok=True)
    return history


def _train(
    training: Training,
    images: TrainingImages,
    trial: Trial,
    team: Team,
    segment: Segment,
    seal_at: Callable[[float], None],
    on_epoch: Callable[[Record], None] | None,
    device: str,
) -> None:
    """Train, adding to the history; `seal_at` is called at each epoch measured before the last."""
    config, network = trial.config.training, training.network
    steps_per_epoch = len(split_epoch(images.chosen, config.batch_size))
    sealed_after = {
        epoch: max(1, round(epoch * steps_per_epoch)) if epoch else 0 for epoch in trial.earlier
    }

    def seal_due() -> None:
        for epoch, after in sealed_after.items():
            if after == training.step:
                seal_at(epoch)

    called = compiled(team.synchronized(network), config.compile)
    seal_due()
    for epoch in range(training.step // steps_per_epoch + 1, segment.last(config.epochs) + 1):
        network.train()
        loss_sum = torch.zeros((), device=device)
        correct = torch.zeros((), dtype=torch.int64, device=device)
        learning_rate = training.schedule.get_last_lr()[0]
        shuffled = images.chosen[torch.randperm(len(images.chosen), generator=training.order)]
        for batch in split_epoch(shuffled, config.batch_size):
            progress()
            with compiler_named(config.compile):
                loss, right = _step(training, called, images, batch, trial, team, device)
            loss_sum += loss
            correct += right
            if training.step % steps_per_epoch:
                seal_due()
        train_loss = float(team.sum(loss_sum)) / len(images.chosen)
        scores = evaluate(network, images.test_batches(team), team)
        record = {
            "epoch": float(epoch),
            "learning_rate": float(learning_rate),
            "train_loss": train_loss,
            "train_accuracy": int(team.sum(correct)) / len(images.chosen),
            "test_loss": scores.loss,
            "test_accuracy": scores.accuracy,
        }
        if not math.isfinite(train_loss) or not math.isfinite(scores.loss):
            raise Diverged(
                f"the loss is not finite in epoch {epoch} (train {train_loss:.3g}, "
                f"test {scores.loss:.3g}) at learning_rate "
                f"{segment.values.get('learning_rate', config.learning_rate):g}: lower it"
            )
        training.history.append(record)
        _tell(on_epoch, record, team, device)
        seal_due()  # at the end of an epoch its record is part of the history


def _step(
    training: Training,
    called: nn.Module,
    images: TrainingImages,
    batch: torch.Tensor,
    trial: Trial,
    team: Team,
    device: str,
) -> tuple[torch.Tensor, torch.Tensor]:
    """One step of the optimizer; the sum of losses of this process's images, and how many right.

    called: the network as steps call it. batch: (n,) rows of all images of the step.
    """
    config, scaler = trial.config.training, training.scaler
    share, pieces = split_step(len(batch), team, config.accumulate)
    rows = batch[share]
    pixels = augment(images[rows], config.augmentation, training.changes, len(batch), share)
    targets = images.targets(rows)
    loss_sum = torch.zeros((), device=device)
    correct = torch.zeros((), dtype=torch.int64, device=device)
    training.optimizer.zero_grad()
    for piece in pieces:
        target = targets[piece.rows]
        with team.apart(called, last=piece is pieces[-1]):
            with autocast(config.precision, device):
                logits = called(pixels[piece.rows])
            loss = nn.functional.cross_entropy(logits.float(), target)
            weighted = loss if piece.weight == 1 else loss * piece.weight
            torch.autograd.backward(scaler.scale(weighted))
        if piece.weight:
            loss_sum += loss.detach() * len(target)
            correct += (logits.detach().argmax(dim=1) == target).sum()
    scaler.step(training.optimizer)
    scaler.update()
    with left_out_steps(scaler):
        training.schedule.step()
    training.step += 1
    return loss_sum, correct


def _tell(
    on_epoch: Callable[[Record], None] | None, record: Record, team: Team, device: str
) -> None:
    """Tell of an epoch; raises StopTraining in the whole team if it is raised in one of it."""
    stop: StopTraining | None = None
    if on_epoch is not None and team.leads:
        try:
            on_epoch(record)
        except StopTraining as raised:
            stop = raised
    if team.any(stop is not None, device):
        raise stop or StopTraining("")
