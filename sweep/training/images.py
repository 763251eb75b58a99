"""The images that a network is trained and tested on, with the labels it is told."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from sweep.config import TrainingConfig
from sweep.data.partitions import ImageData
from sweep.models.preprocessing import Preprocessing
from sweep.training.labels import corrupt_labels
from sweep.training.pixels import Pixels
from sweep.training.subset import choose_subset
from sweep.training.team import Team

EVALUATION_BATCH = 512


class TrainingImages:
    """Indexed by (n,) rows of the training split, gives (n, C, H, W) pixels on the device.

    chosen: (N,) rows that are trained on, ascending.
    """

    def __init__(
        self,
        data: ImageData,
        preprocessing: Preprocessing,
        config: TrainingConfig,
        device: str,
        gpu_share: float = 1.0,
    ) -> None:
        train, test = data.split("train"), data.split("test")
        labels = corrupt_labels(train.labels, config.label_noise, data.num_classes, config.seed)
        self.chosen = torch.from_numpy(choose_subset(train.labels, config.num_images, config.seed))
        self._device = device
        self._labels = torch.from_numpy(labels)
        self._test_labels = torch.from_numpy(test.labels.copy())
        self._train = Pixels(train, preprocessing, device, gpu_share)
        self._test = Pixels(test, preprocessing, device, gpu_share)

    def __getitem__(self, rows: torch.Tensor) -> torch.Tensor:
        return self._train[rows]

    def targets(self, rows: torch.Tensor) -> torch.Tensor:
        """(n,) labels of training images, noise included, on the device."""
        return self._labels[rows].to(self._device)

    def test_batches(self, team: Team) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Test images and true labels, on the device: those batches that are this process's."""
        batches = torch.split(torch.arange(len(self._test_labels)), EVALUATION_BATCH)
        for rows in batches[team.rank :: team.size]:
            yield self._test[rows], self._test_labels[rows].to(self._device)
