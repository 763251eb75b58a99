"""Accuracy and loss of a network on the training and the test images."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from scipy.stats import binomtest

from sweep.measurement import Measurement
from sweep.measuring.checkpoint import Checkpoint
from sweep.training.labels import corrupt_labels
from sweep.training.trainer import evaluate


class AccuracyAnalysis:
    """Accuracy (Wilson score interval) and mean cross-entropy, in evaluation mode.

    The training accuracy is against the labels trained on, noise included; the error is
    one minus the accuracy.
    """

    name = "accuracy"
    settings: Mapping[str, Any] = {}
    layer_quantities: tuple[str, ...] = ()
    network_quantities: tuple[str, ...] = (
        "train_accuracy",
        "train_error",
        "train_loss",
        "test_accuracy",
        "test_error",
        "test_loss",
    )

    def measure(self, checkpoint: Checkpoint) -> Iterable[Measurement]:
        data, training = checkpoint.data, checkpoint.trial.config.training
        for name in ("train", "test"):
            split = data.split(name)
            labels = split.labels
            if name == "train":
                labels = corrupt_labels(
                    labels, training.label_noise, data.num_classes, training.seed
                )
            loss, accuracy = evaluate(
                checkpoint.network,
                torch.from_numpy(split.images.copy()),
                torch.from_numpy(labels.copy()),
            )
            correct = round(accuracy * len(labels))
            interval = binomtest(correct, len(labels)).proportion_ci(0.95, method="wilson")
            settings: dict[str, Any] = {
                "data": data.name,
                "data_digest": data.digest,
                "split": name,
                "dtype": "float32",
                "interval": "wilson 0.95",
            }
            if name == "train":
                settings |= {"label_noise": training.label_noise, "noise_seed": training.seed}
            count = len(labels)
            low, high = float(interval.low), float(interval.high)
            for quantity, value, ends in (
                (f"{name}_accuracy", accuracy, (low, high)),
                (f"{name}_error", 1 - accuracy, (1 - high, 1 - low)),
            ):
                yield checkpoint.row(
                    self.name,
                    quantity,
                    value,
                    low=ends[0],
                    high=ends[1],
                    num_samples=count,
                    settings=settings,
                )
            plain = {key: value for key, value in settings.items() if key != "interval"}
            yield checkpoint.row(self.name, f"{name}_loss", loss, num_samples=count, settings=plain)
