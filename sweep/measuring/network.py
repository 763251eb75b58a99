"""Facts about the network itself: how large it is, which layer is the last hidden one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sweep.measurement import Measurement
from sweep.measuring.checkpoint import Checkpoint

COUNTED = {"counted": "parameters that are trained"}
LAST = {"is": "what enters the final linear or convolutional layer"}


class NetworkAnalysis:
    """Parameter count, and the layer that enters the final classifier."""

    name = "network"
    settings: Mapping[str, Any] = {}
    layer_quantities: tuple[str, ...] = ()
    network_quantities: tuple[str, ...] = ("num_parameters",)

    def measure(self, checkpoint: Checkpoint) -> Iterable[Measurement]:
        parameters = sum(p.numel() for p in checkpoint.network.parameters() if p.requires_grad)
        yield checkpoint.row(self.name, "num_parameters", float(parameters), settings=COUNTED)
        for layer in checkpoint.layers:
            if layer.last_hidden:
                yield checkpoint.layer_row(
                    layer, self.name, "last_hidden", float(layer.index), settings=LAST
                )
