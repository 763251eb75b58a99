"""Which layers of a network make its profile, and how deep each one lies.

Legend: N images, D units of a layer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import nn
from torch.overrides import TorchFunctionMode
from torch.utils.weak import WeakTensorKeyDictionary

from sweep.errors import TrialFailure

# What counts as one step of depth. `nn.Conv2d` and `nn.Linear` end up in these. The depths
# that Ansuini et al. publish count adaptive average pooling too, and no other pooling.
TRANSFORMATIONS = frozenset(
    {
        torch.conv1d,
        torch.conv2d,
        torch.conv3d,
        nn.functional.linear,
        nn.functional.bilinear,
        nn.functional.adaptive_avg_pool2d,
    }
)


@dataclass(frozen=True)
class Layer:
    """One layer of a profile.

    index: place in the profile, 0 first. name: for people and tables.
    module: the module's path in the network; side: whether its output or its input is meant.
    shape: of one sample's activation. relative_depth: 0 at the input, 1 at the output.
    last_hidden: whether this is what enters the final classifier.
    """

    index: int
    name: str
    module: str
    side: Literal["output", "input"]
    shape: tuple[int, ...]
    relative_depth: float
    last_hidden: bool

    @property
    def num_units(self) -> int:
        return int(torch.Size(self.shape).numel())


def profile_layers(network: nn.Module, sample: torch.Tensor) -> list[Layer]:
    """The layers of the `auto` profile, in order of depth, by running `sample` through.

    Taken are the outputs of the network's direct children (the input, each stage's end,
    the classifier), except children that only reshape, and what enters the final
    classifier. `sample`: (N, C, H, W) images. Raises TrialFailure if the network has no
    linear or convolutional layer.

    Relative depth (Ansuini et al., NeurIPS 2019): transformations (convolutions, linear
    layers, adaptive average pooling) up to the layer, over those up to the output; where
    branches meet, the longest path counts.
    """
    trace = _Trace(network, sample)
    layers: list[Layer] = []
    previous: _Visit | None = None
    for name, _ in network.named_children():
        visit = trace.outputs.get(name)
        if visit is None or (previous is not None and visit.content == previous.content):
            continue
        layers.append(_layer(len(layers), name, name, "output", visit, trace))
        previous = visit
    if not any(layer.last_hidden for layer in layers):
        head = trace.classifier
        layer = _layer(len(layers), f"{head}.input", head, "input", trace.classifier_input, trace)
        layers.append(layer)
    layers.sort(key=lambda layer: (layer.relative_depth, layer.index))
    return [_renumbered(layer, index) for index, layer in enumerate(layers)]


@dataclass(frozen=True)
class _Visit:
    """A tensor as a module gave or took it.

    content: tells the same numbers in the same memory, however they are viewed: where they
    lie, how many, and how often they were written. The tensor is kept, so that its memory
    isn't given to another.
    """

    tensor: torch.Tensor
    content: tuple[int, int, int]
    depth: int


class _Trace:
    """One forward pass, watched."""

    def __init__(self, network: nn.Module, sample: torch.Tensor) -> None:
        self.outputs: dict[str, _Visit] = {}
        inputs: dict[str, _Visit] = {}
        counter = _DepthCounter()
        handles = []

        def watch(name: str, module: nn.Module) -> None:
            def before(_: nn.Module, args: tuple[Any, ...]) -> None:
                inputs.pop(name, None)  # the latest call is the one nearest the output
                inputs[name] = _visit(args[0], counter)

            def after(_: nn.Module, __: tuple[Any, ...], output: Any) -> None:
                if isinstance(output, torch.Tensor):
                    self.outputs[name] = _visit(output, counter)

            if isinstance(module, nn.Linear | nn.Conv2d):
                handles.append(module.register_forward_pre_hook(before))
            if "." not in name:
                handles.append(module.register_forward_hook(after))

        for name, module in network.named_modules():
            if name:
                watch(name, module)
        training = network.training
        network.eval()
        try:
            with torch.no_grad(), counter:
                logits = network(sample)
        finally:
            network.train(training)
            for handle in handles:
                handle.remove()
        if not inputs:
            raise TrialFailure("the network has no linear or convolutional layer to profile")
        self.classifier, self.classifier_input = list(inputs.items())[-1]
        self.total_depth = counter.depth_of(logits)


class _DepthCounter(TorchFunctionMode):
    """Carries along with each tensor how many transformations lie behind it."""

    def __init__(self) -> None:
        super().__init__()
        self._depths: Any = WeakTensorKeyDictionary()

    def depth_of(self, tensor: torch.Tensor) -> int:
        return int(self._depths.get(tensor, 0))

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        outputs = list(_tensors(result))
        if outputs:
            before = max(
                (self.depth_of(tensor) for tensor in _tensors((args, kwargs or {}))), default=0
            )
            for output in outputs:
                self._depths[output] = before + (func in TRANSFORMATIONS)
        return result


def _tensors(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _tensors(item)
    elif isinstance(value, dict):
        yield from _tensors(list(value.values()))


def _visit(tensor: torch.Tensor, counter: _DepthCounter) -> _Visit:
    content = (tensor.data_ptr(), tensor.numel(), tensor._version)
    return _Visit(tensor, content, counter.depth_of(tensor))


def _layer(
    index: int,
    name: str,
    module: str,
    side: Literal["output", "input"],
    visit: _Visit,
    trace: _Trace,
) -> Layer:
    return Layer(
        index=index,
        name=name,
        module=module,
        side=side,
        shape=tuple(visit.tensor.shape[1:]),
        relative_depth=visit.depth / max(1, trace.total_depth),
        last_hidden=visit.content == trace.classifier_input.content,
    )


def _renumbered(layer: Layer, index: int) -> Layer:
    return Layer(**{**vars(layer), "index": index})
