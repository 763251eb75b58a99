"""Handing on the activations of chosen layers while a network runs.

Legend: n images in a pass, U units of a layer after its reduction.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from sweep.errors import TrialFailure
from sweep.models.layers import Layer
from sweep.models.values import tensor_at


@contextmanager
def recording(
    network: nn.Module,
    layers: Sequence[Layer],
    keep: Callable[[Layer, torch.Tensor], None],
) -> Iterator[None]:
    """While open, each pass calls `keep(layer, rows)` once per layer, with rows (n, U).

    `keep` is called at the very moment when the module takes or gives them, and must copy what
    it needs: rows may be a view, and the network may write over it next. Rows are in logical
    order whatever the memory format. The network's mode is left alone: call `eval()` first.

    Raises TrialFailure, out of the pass, where a layer isn't called, or has another shape than
    it was found with.
    """
    recorder = _Recorder(layers, keep)
    modules = dict(network.named_modules())
    handles = [network.register_forward_pre_hook(recorder.start, with_kwargs=True)]
    try:
        for layer in layers:
            if layer.module not in modules:
                raise TrialFailure(f"layer {layer.name}: the network has no module {layer.module}")
        for path in dict.fromkeys(layer.module for layer in layers):
            before, after = recorder.hooks(path)
            handles.append(modules[path].register_forward_pre_hook(before, with_kwargs=True))
            handles.append(modules[path].register_forward_hook(after))
        handles.append(network.register_forward_hook(recorder.finish))
        yield
    finally:
        for handle in handles:
            handle.remove()


class _Recorder:
    """What is known within one pass: how many images, which calls have been."""

    def __init__(
        self, layers: Sequence[Layer], keep: Callable[[Layer, torch.Tensor], None]
    ) -> None:
        self._layers = layers
        self._keep = keep
        self._at: defaultdict[tuple[str, str, int], list[Layer]] = defaultdict(list)
        for layer in layers:
            self._at[layer.module, layer.side, layer.call].append(layer)
        self._num_images = 0
        self._calls: defaultdict[str, int] = defaultdict(int)
        self._seen: set[int] = set()

    def start(self, _: nn.Module, args: Any, kwargs: Any) -> None:
        images = next(value for value in (*args, *kwargs.values()) if torch.is_tensor(value))
        self._num_images = len(images)
        self._calls.clear()
        self._seen.clear()

    def finish(self, *_: Any) -> None:
        for layer in self._layers:
            if id(layer) not in self._seen:
                raise TrialFailure(
                    f"layer {layer.name} was not called in this pass, though it was when the "
                    "layers were found"
                )

    def hooks(self, path: str) -> tuple[Any, Any]:
        def before(_: nn.Module, args: Any, kwargs: Any) -> None:
            self._calls[path] += 1
            self._hand_on(path, "input", (args, kwargs))

        def after(_: nn.Module, __: Any, output: Any) -> None:
            self._hand_on(path, "output", output)

        return before, after

    def _hand_on(self, path: str, side: str, structure: Any) -> None:
        for layer in self._at.get((path, side, self._calls[path]), ()):
            self._seen.add(id(layer))
            tensor = tensor_at(structure, layer.place)
            expected = (self._num_images, *layer.shape)
            if tensor is None or tuple(tensor.shape) != expected:
                found = None if tensor is None else tuple(tensor.shape)
                raise TrialFailure(
                    f"layer {layer.name} has shape {found} for {self._num_images} images, but "
                    f"{expected} was expected from when the layers were found"
                )
            self._keep(layer, _rows(layer, tensor.detach()))


def _rows(layer: Layer, activation: torch.Tensor) -> torch.Tensor:
    """(n, U) of one layer's activation."""
    if layer.reduction == "mean":
        return activation.mean(dim=1, dtype=torch.float32)
    if layer.reduction == "class":
        return activation[:, 0]
    return activation.reshape(len(activation), -1)
