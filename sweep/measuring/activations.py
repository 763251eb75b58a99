"""Activations of a network's layers, recorded through hooks.

Legend: N images, D units of a layer.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from sweep.errors import TrialFailure
from sweep.models.layers import Layer


class MemoryStore:
    """The activations of every layer, held in memory: same images, same order in each."""

    def __init__(self, layers: Sequence[Layer], num_samples: int) -> None:
        self._blocks = {
            layer.index: torch.empty((num_samples, layer.num_units)) for layer in layers
        }

    def write(self, layer: Layer, start: int, activation: torch.Tensor) -> None:
        """Copy one batch in, at row `start`: what the network does to it later is no matter."""
        rows = self._blocks[layer.index][start : start + len(activation)]
        rows.copy_(activation.detach().reshape(len(activation), -1))

    def points(self, layer: Layer) -> torch.Tensor:
        """(N, D) float32 activations of a layer."""
        return self._blocks[layer.index]


def record_activations(
    network: nn.Module,
    layers: Sequence[Layer],
    images: NDArray[np.uint8],
    batch_size: int,
) -> MemoryStore:
    """Run (N, C, H, W) images through the network in evaluation mode and keep every layer.

    Raises TrialFailure if an activation is not finite: its layer is named.
    """
    store = MemoryStore(layers, len(images))
    start = 0
    handles = []
    modules = dict(network.named_modules())
    for layer in layers:

        def keep(_: nn.Module, args: tuple[Any, ...], *output: Any, layer: Layer = layer) -> None:
            store.write(layer, start, output[0] if output else args[0])

        module = modules[layer.module]
        if layer.side == "output":
            handles.append(module.register_forward_hook(keep))
        else:
            handles.append(module.register_forward_pre_hook(keep))
    network.eval()
    try:
        with torch.no_grad():
            for start in range(0, len(images), batch_size):
                network(torch.from_numpy(images[start : start + batch_size].copy()))
    finally:
        for handle in handles:
            handle.remove()
    for layer in layers:
        if not bool(torch.isfinite(store.points(layer)).all()):
            raise TrialFailure(f"layer {layer.name} has NaN or infinite activations")
    return store
