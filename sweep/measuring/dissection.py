"""Network Dissection of every layer: two passes over labelled images, exact counts out.

D. Bau, B. Zhou, A. Khosla, A. Oliva, A. Torralba, "Network Dissection: Quantifying
Interpretability of Deep Visual Representations", CVPR 2017 (arXiv:1704.05796).

The first pass finds the level that a share of each unit's positions lies above, the second
counts where units above it and concepts meet. A third one, where asked for, does so once more
above levels that match the concepts' own coverage.

Legend: N images, n of a batch, U units of a layer, M pairs of unit and image.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sweep.config import DissectionConfig
from sweep.data.labels import CATEGORIES
from sweep.measurement import Measurement
from sweep.measuring.checkpoint import Checkpoint, LayerView, NetworkView
from sweep.measuring.counting import Counts, Findings
from sweep.measuring.dissected_network import network_names
from sweep.measuring.labelled import (
    first_pass,
    merge_first,
    merge_second,
    second_pass,
    third_pass,
)
from sweep.measuring.probe import Probe


class DissectionAnalysis:
    """Detectors by layer, with a null of permuted labels and a control of rotated units."""

    name = "dissection"
    controls = False
    num_neighbors = 0

    def __init__(self, config: DissectionConfig) -> None:
        self.config = config
        self.settings: Mapping[str, Any] = config.model_dump()
        self.num_passes = 2 if config.matched_up_to is None else 3
        names = ["unique_detectors", "unique_by_category", "detectors", "detector_share"]
        names += ["matched_detectors"] if config.matched_up_to is not None else []
        names += ["null_unique_detectors"] if config.permutations else []
        names += ["rotated_unique_detectors"] if config.rotations else []
        names += ["dead_units", "mean_iou", *(f"unique_{category}" for category in CATEGORIES)]
        self.layer_quantities = tuple(f"dissection/{name}" for name in names)
        self.network_quantities = network_names(config)

    # -- what every analysis is

    def measure_network(self, view: NetworkView) -> Iterable[Measurement]:
        return ()

    def measure_layer(self, view: LayerView) -> Iterable[Measurement]:
        return ()

    def finish(self, rows: list[Measurement]) -> list[Measurement]:
        return rows

    # -- passes over the images

    def num_images(self, checkpoint: Checkpoint) -> int:
        available = checkpoint.data.counts[checkpoint.config.split]
        return min(self.config.num_images, available)

    def count(
        self, view: NetworkView, number: int, span: tuple[int, int], before: Sequence[Counts]
    ) -> Counts:
        probe = Probe(self.config, view)
        if number == 0:
            return first_pass(probe, span)
        if number == 1:
            return second_pass(probe, span, before[0])
        return third_pass(probe, span, before[0], before[1])

    def merge(self, number: int, parts: Sequence[Counts]) -> Counts:
        if len(parts) == 1:
            return parts[0]
        return merge_first(parts) if number == 0 else merge_second(parts)

    def conclude(self, view: NetworkView, counts: Sequence[Counts]) -> Findings:
        from sweep.measuring.dissected import conclude

        return conclude(self.name, Probe(self.config, view), counts)
