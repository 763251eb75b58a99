"""Accuracy and loss of a network on the training and the test images."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import torch
from scipy.stats import binomtest

from sweep.measurement import Measurement
from sweep.measuring.activations import pixel_batches
from sweep.measuring.checkpoint import LayerView, NetworkView
from sweep.training.labels import corrupt_labels
from sweep.training.trainer import evaluate


class AccuracyAnalysis:
    """Accuracy (Wilson score interval) and mean cross-entropy, in evaluation mode.

    The training accuracy is against the labels trained on, noise included; the error is
    one minus the accuracy. A network whose outputs are not the classes of the data has
    none, and its rows say why.
    """

    name = "accuracy"
    controls = False
    layer_quantities: tuple[str, ...] = ()
    network_quantities: tuple[str, ...] = (
        "train_accuracy",
        "train_error",
        "train_loss",
        "test_accuracy",
        "test_error",
        "test_loss",
    )
    num_neighbors = 0

    def __init__(self, max_images: int | None = None) -> None:
        self.max_images = max_images
        self.settings: Mapping[str, Any] = {"max_images": max_images}

    def measure_network(self, view: NetworkView) -> Iterable[Measurement]:
        for split, count in view.checkpoint.data.counts.items():
            if count:
                yield from self._measure_split(view, split)

    def measure_layer(self, view: LayerView) -> Iterable[Measurement]:
        return ()

    def finish(self, rows: list[Measurement]) -> list[Measurement]:
        return rows

    def _measure_split(self, view: NetworkView, name: str) -> Iterable[Measurement]:
        checkpoint = view.checkpoint
        data, training = checkpoint.data, checkpoint.trial.config.training
        split = data.split(name)
        labels = split.labels
        settings: dict[str, Any] = {
            "data": data.name,
            "data_digest": data.digest,
            "split": name,
            "dtype": "float32",
        }
        if name == "train":
            settings |= {"label_noise": training.label_noise, "noise_seed": training.seed}
            labels = corrupt_labels(labels, training.label_noise, data.num_classes, training.seed)
        rows = np.arange(len(labels))
        if self.max_images is not None and len(rows) > self.max_images:
            rng = np.random.default_rng([checkpoint.config.seed, len(rows)])
            rows = np.sort(rng.permutation(rows)[: self.max_images])
            settings["drawn_from"] = len(labels)
        count = len(rows)
        intervals = settings | {"interval": "wilson 0.95"}
        if view.network.num_outputs != data.num_classes:
            reason = (
                f"the network has {view.network.num_outputs} outputs, "
                f"but {data.name} has {data.num_classes} classes"
            )
            for quantity in (f"{name}_accuracy", f"{name}_error", f"{name}_loss"):
                yield checkpoint.row(
                    self.name, quantity, math.nan, settings=settings | {"error": reason}
                )
            return
        device = checkpoint.config.device
        view.network.to(device)
        batch_size = view.batch_size
        batches = (
            (
                pixels.to(device),
                torch.from_numpy(labels[rows[start : start + batch_size]]).to(device),
            )
            for start, pixels in pixel_batches(split, rows, batch_size, view.network.preprocessing)
        )
        loss, accuracy = evaluate(view.network, batches)
        correct = round(accuracy * count)
        interval = binomtest(correct, count).proportion_ci(0.95, method="wilson")
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
                settings=intervals,
            )
        yield checkpoint.row(self.name, f"{name}_loss", loss, num_samples=count, settings=settings)
