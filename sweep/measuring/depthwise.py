"""Families of trained depthwise kernels: what each resembles, above what chance would.

Z. Babaiee, P. M. Kiasari, D. Rus, R. Grosu, "Unveiling the Unseen: Identifiable Clusters in
Trained Depthwise Convolutional Kernels", ICLR 2024 (arXiv:2401.14469). Needs the checkpoint alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sweep.config import DepthwiseConfig
from sweep.measurement import Measurement
from sweep.measuring.checkpoint import Checkpoint, LayerView, NetworkView
from sweep.measuring.counting import Counts, Findings


class DepthwiseAnalysis:
    """Shares of families by layer and network, beside the same network at initialization."""

    name = "depthwise"
    controls = False
    num_neighbors = 0
    num_passes = 0  # over images: it reads weights

    def __init__(self, config: DepthwiseConfig) -> None:
        from sweep.measuring.kernel_quantities import CLUSTERS, QUANTITIES

        self.config = config
        self.settings: Mapping[str, Any] = config.model_dump()
        self.layer_quantities = tuple(f"depthwise/{name}" for name in QUANTITIES)
        whole = ["num_kernels", *QUANTITIES, *(CLUSTERS if config.clusters else ())]
        self.network_quantities = tuple(f"depthwise_network/{name}" for name in whole)

    def measure_network(self, view: NetworkView) -> Iterable[Measurement]:
        return ()

    def measure_layer(self, view: LayerView) -> Iterable[Measurement]:
        return ()

    def finish(self, rows: list[Measurement]) -> list[Measurement]:
        return rows

    # -- without passes over images there is nothing to count

    def num_images(self, checkpoint: Checkpoint) -> int:
        return 0

    def count(
        self, view: NetworkView, number: int, span: tuple[int, int], before: Sequence[Counts]
    ) -> Counts:
        raise AssertionError("depthwise goes through no images")

    def merge(self, number: int, parts: Sequence[Counts]) -> Counts:
        raise AssertionError("depthwise goes through no images")

    def conclude(self, view: NetworkView, counts: Sequence[Counts]) -> Findings:
        from sweep.measuring.kernel_findings import conclude

        return conclude(self.name, self.config, view)
