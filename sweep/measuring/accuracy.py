"""Accuracy and loss of a network on the training and the test images."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import torch
from scipy.stats import binomtest

from sweep.data import DATASETS
from sweep.data.partitions import ImageData
from sweep.measurement import Measurement
from sweep.measuring.activations import pixel_batches
from sweep.measuring.checkpoint import LayerView, NetworkView
from sweep.training.labels import corrupt_labels
from sweep.training.scores import TOP, evaluate
from sweep.training.subset import choose_subset


class AccuracyAnalysis:
    """Accuracy (Wilson score interval) and mean cross-entropy, in evaluation mode.

    The training accuracy is over the images trained on, against their labels then, noise
    included; the error is one minus the accuracy. Top-5: the class is among the five
    largest outputs, which says something where there are six classes or more. A network
    whose outputs are not the classes of the data has none of these, and its rows say why.
    """

    name = "accuracy"
    controls = False
    layer_quantities: tuple[str, ...] = ()
    network_quantities: tuple[str, ...] = (
        "train_accuracy",
        "train_error",
        "train_loss",
        "train_top5_accuracy",
        "train_top5_error",
        "test_accuracy",
        "test_error",
        "test_loss",
        "test_top5_accuracy",
        "test_top5_error",
    )
    num_neighbors = 0

    def __init__(self, max_images: int | None = None) -> None:
        self.max_images = max_images
        self.settings: Mapping[str, Any] = {"max_images": max_images, "top": [1, TOP]}

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
        if name == "train" and training.num_images is not None:
            rows = choose_subset(split.labels, training.num_images, training.seed)
            settings["num_images"] = training.num_images
        if self.max_images is not None and len(rows) > self.max_images:
            rng = np.random.default_rng([checkpoint.config.seed, len(rows)])
            settings["drawn_from"] = len(rows)
            rows = np.sort(rng.permutation(rows)[: self.max_images])
        count = len(rows)
        if reason := _not_comparable(view.network.num_outputs, data):
            for quantity in self.network_quantities:
                if quantity.startswith(f"{name}_"):
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
        scores = evaluate(view.network, batches)

        def share(kind: str, accuracy: float) -> Iterable[Measurement]:
            interval = binomtest(round(accuracy * count), count).proportion_ci(0.95, "wilson")
            low, high = float(interval.low), float(interval.high)
            for quantity, value, ends in (
                (f"{kind}_accuracy", accuracy, (low, high)),
                (f"{kind}_error", 1 - accuracy, (1 - high, 1 - low)),
            ):
                yield checkpoint.row(
                    self.name,
                    quantity,
                    value,
                    low=ends[0],
                    high=ends[1],
                    num_samples=count,
                    settings=settings | {"interval": "wilson 0.95"},
                )

        yield from share(name, scores.accuracy)
        yield checkpoint.row(
            self.name, f"{name}_loss", scores.loss, num_samples=count, settings=settings
        )
        if data.num_classes > TOP:
            yield from share(f"{name}_top{TOP}", scores.top5_accuracy)
            return
        reason = f"any answer is among the {TOP} first of {data.num_classes} classes"
        for quantity in (f"{name}_top{TOP}_accuracy", f"{name}_top{TOP}_error"):
            yield checkpoint.row(
                self.name, quantity, math.nan, settings=settings | {"error": reason}
            )


def _not_comparable(num_outputs: int, data: ImageData) -> str:
    """Why outputs of a network can't be held against the labels; "" if they can."""
    if DATASETS[data.name].probes_alone:
        return f"{data.name} has no classes to learn"
    if num_outputs != data.num_classes:
        return (
            f"the network has {num_outputs} outputs, but {data.name} has {data.num_classes} classes"
        )
    return ""
