"""How well a network does on images, in evaluation mode."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import nn

from sweep.training.team import ALONE, Team

TOP = 5


@dataclass(frozen=True)
class Scores:
    """How a network does on some images.

    loss: mean cross-entropy in nats. accuracy: share of images whose class has the largest
    output. top5_accuracy: share whose class is among the five largest.
    """

    loss: float
    accuracy: float
    top5_accuracy: float


def evaluate(
    network: nn.Module, batches: Iterable[tuple[torch.Tensor, torch.Tensor]], team: Team = ALONE
) -> Scores:
    """Scores over batches of (n, C, H, W) images and their (n,) targets, in evaluation mode.

    team: whose processes each bring batches of their own.
    """
    network.eval()
    loss_sum, correct, correct5, count = 0.0, 0, 0, 0
    device = "cpu"
    with torch.no_grad():
        for images, targets in batches:
            logits = network(images)
            loss_sum += float(nn.functional.cross_entropy(logits, targets, reduction="sum"))
            correct += int((logits.argmax(dim=1) == targets).sum())
            largest = logits.topk(min(TOP, logits.shape[1]), dim=1).indices
            correct5 += int((largest == targets[:, None]).any(dim=1).sum())
            count += len(targets)
    if team.size > 1:
        device = next(network.parameters()).device.type
        sums = [loss_sum, correct, correct5, count]
        loss_sum, *whole = team.sum(torch.tensor(sums, dtype=torch.float64, device=device)).tolist()
        correct, correct5, count = map(int, whole)
    return Scores(loss_sum / count, correct / count, correct5 / count)
