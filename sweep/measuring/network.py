"""Facts about the network itself: how large it is, which layer is the last hidden one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sweep.measurement import Measurement
from sweep.measuring.checkpoint import LayerView, NetworkView

COUNTED = {"counted": "parameters that are trained"}
LAST = {"is": "what enters the final linear or convolutional layer"}


class NetworkAnalysis:
    """Parameter count, and the layer that enters the final classifier."""

    name = "network"
    controls = False
    settings: Mapping[str, Any] = {}
    layer_quantities: tuple[str, ...] = ()
    network_quantities: tuple[str, ...] = ("num_parameters",)
    num_neighbors = 0

    def measure_network(self, view: NetworkView) -> Iterable[Measurement]:
        checkpoint = view.checkpoint
        parameters = sum(p.numel() for p in view.network.parameters() if p.requires_grad)
        yield checkpoint.row(self.name, "num_parameters", float(parameters), settings=COUNTED)
        for layer in view.layers:
            if layer.last_hidden:
                yield checkpoint.layer_row(
                    layer, self.name, "last_hidden", float(layer.index), settings=LAST
                )

    def measure_layer(self, view: LayerView) -> Iterable[Measurement]:
        return ()

    def finish(self, rows: list[Measurement]) -> list[Measurement]:
        return rows
