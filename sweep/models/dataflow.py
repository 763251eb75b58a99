"""Which tensor of a forward pass was made from which, how deep it lies, and what it takes.

Two watchers see each operation. At the bottom, where every operation arrives however it was
called (composite functions, scripts, custom autograd functions), `DataFlow` notes what is made
from what. At the top, where a convolution still is a convolution, `TransformationCounter` adds
the steps of depth. Neither keeps a tensor alive, and both work on the device `meta`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.multiprocessing.reductions import StorageWeakRef
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from sweep.models.receptive import Centers, centers_after
from sweep.models.values import tensors_in

# What counts as steps of depth. `nn.Conv2d` and `nn.Linear` end up in these. The depths that
# Ansuini et al. publish count adaptive average pooling too, and no other pooling. Attention is
# its projections: in and out; a fused encoder layer is attention and a perceptron of two.
TRANSFORMATIONS: dict[Any, int] = {
    torch.conv1d: 1,
    torch.conv2d: 1,
    torch.conv3d: 1,
    torch.conv_transpose1d: 1,
    torch.conv_transpose2d: 1,
    torch.conv_transpose3d: 1,
    nn.functional.linear: 1,
    nn.functional.bilinear: 1,
    nn.functional.adaptive_avg_pool2d: 1,
    nn.functional.multi_head_attention_forward: 2,
    torch._native_multi_head_attention: 2,
    torch._transformer_encoder_layer_fwd: 4,
}

# Operations that give the same numbers in another memory.
COPIES = frozenset({"clone", "_to_copy", "copy_", "_reshape_copy", "_conj_physical", "lift_fresh"})

Content = tuple[Any, ...]


@dataclass
class Node:
    """One tensor as it was made; written in place, it becomes another node.

    parents: nodes it was made from. depth: transformations on the longest way from the images.
    content: equal for the same numbers, however they are viewed or copied. numel: of the tensor.
    has_class: whether a class token went into it. centers: where its cells look, if known.
    """

    parents: frozenset[int]
    depth: int
    content: Content
    numel: int
    has_class: bool
    centers: Centers | None = None


class DataFlow(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """The nodes of a pass, in the order in which they were made: node 0 is the images.

    A tensor is told by its storage, so that views belong to what they view. Tensors that don't
    depend on the images are constants and no nodes.
    """

    def __init__(
        self,
        images: torch.Tensor,
        constants: Iterable[torch.Tensor],
        class_tokens: Iterable[torch.Tensor],
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        pixels = Centers.of_pixels(*images.shape[-2:])
        self.nodes = [Node(frozenset(), 0, (0,), images.numel(), False, pixels)]
        self._references: dict[int, StorageWeakRef] = {}
        self._node_of = {self._storage(images): 0}
        self._with_class = {self._storage(token) for token in class_tokens}
        self._fixed = {self._storage(tensor) for tensor in constants}
        self._alive = {self._storage(images): images.numel() * images.element_size()}
        self._bytes_alive = sum(self._alive.values())
        self.peak_bytes = self._bytes_alive

    def node(self, tensor: torch.Tensor) -> int | None:
        """The node that a tensor belongs to now; None for a constant."""
        return self._node_of.get(self._storage(tensor))

    def content(self, tensor: torch.Tensor) -> Content:
        """What tells the same numbers; () for a constant."""
        number = self.node(tensor)
        if number is None:
            return ()
        if tensor.numel() == self.nodes[number].numel:
            return self.nodes[number].content
        return (number, tensor.storage_offset(), *_merged_strides(tensor))

    def deepen(self, tensor: torch.Tensor, steps: int, since: int) -> None:
        """Add steps of depth to a tensor made as a node numbered `since` or higher."""
        number = self.node(tensor)
        if number is not None and number >= since:
            self.nodes[number].depth += steps

    def __torch_dispatch__(
        self,
        func: Any,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        inputs = list(tensors_in((args, kwargs or {})))
        before = {self._storage(tensor) for tensor in inputs}
        written = _written(func, args, kwargs or {})
        made = [t for t in tensors_in(result) if self._storage(t) not in before]
        self._measure(made)
        if not made and not written:
            return result  # a view
        name = func.__name__.partition(".")[0]
        if name == "copy_":
            # What is copied over doesn't matter any more, unless only a part of it is.
            inputs = inputs[1:] if _is_whole(written[0]) else inputs
        parents = frozenset(n for n in map(self.node, inputs) if n is not None)
        has_class = any(self._storage(tensor) in self._with_class for tensor in inputs) or any(
            self.nodes[n].has_class for n in parents
        )
        known = [n for n in map(self.node, inputs) if n is not None and self.nodes[n].centers]
        given = self.nodes[known[0]].centers if known else None
        copied = self.content(inputs[-1]) if name in COPIES and len(inputs) == 1 else ()
        for tensor in (*made, *written):
            if parents:
                same = copied if inputs[-1].numel() == tensor.numel() else ()
                centers = centers_after(name, args, given, tensor) if given else None
                self._add(tensor, parents, same, has_class, centers)
            elif has_class:
                self._with_class.add(self._storage(tensor))
        return result

    def _add(
        self,
        tensor: torch.Tensor,
        parents: frozenset[int],
        content: Content,
        has_class: bool,
        centers: Centers | None,
    ) -> None:
        depth = max(self.nodes[parent].depth for parent in parents)
        storage = self._storage(tensor)
        old = self._node_of.get(storage)
        numel = tensor.numel() if old is None else max(tensor.numel(), self.nodes[old].numel)
        if old is not None and numel > tensor.numel():
            parents |= {old}  # a part was written, the rest is what it was
            depth = max(depth, self.nodes[old].depth)
            content = ()
        self._node_of[storage] = len(self.nodes)
        content = content or (len(self.nodes),)
        self.nodes.append(Node(parents, depth, content, numel, has_class, centers))

    def _measure(self, made: list[torch.Tensor]) -> None:
        dead = [s for s in self._alive if self._references[s].expired()]  # type: ignore[no-untyped-call]
        for storage in dead:
            self._bytes_alive -= self._alive.pop(storage)
        for tensor in made:
            storage = self._storage(tensor)
            if storage not in self._alive and storage not in self._fixed:
                self._alive[storage] = tensor.untyped_storage().nbytes()
                self._bytes_alive += self._alive[storage]
        self.peak_bytes = max(self.peak_bytes, self._bytes_alive)

    def _storage(self, tensor: torch.Tensor) -> int:
        """A number for the tensor's storage, never given to another while this object lives."""
        reference = StorageWeakRef(tensor.untyped_storage())  # type: ignore[no-untyped-call]
        return int(self._references.setdefault(reference.cdata, reference).cdata)


class TransformationCounter(TorchFunctionMode):
    """Adds to each tensor the steps of depth of the operation that made it."""

    def __init__(self, flow: DataFlow) -> None:
        super().__init__()
        self._flow = flow

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        since = len(self._flow.nodes)
        result = func(*args, **(kwargs or {}))
        steps = TRANSFORMATIONS.get(func)
        if steps:
            for tensor in tensors_in(result):
                self._flow.deepen(tensor, steps, since)
        return result


def _written(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[torch.Tensor]:
    """The arguments that an operation writes into."""
    schema = getattr(func, "_schema", None)  # operations of higher order have none
    if schema is None or not schema.is_mutable:
        return []
    found: list[torch.Tensor] = []
    for place, argument in enumerate(schema.arguments):
        if argument.alias_info is not None and argument.alias_info.is_write:
            value = args[place] if place < len(args) else kwargs.get(argument.name)
            found.extend(tensors_in(value))
    return found


def _is_whole(tensor: torch.Tensor) -> bool:
    return tensor.numel() * tensor.element_size() == tensor.untyped_storage().nbytes()


def _merged_strides(tensor: torch.Tensor) -> list[tuple[int, int]]:
    """(size, stride) of the axes, whatever their order, merged where they touch."""
    axes = sorted(
        ((stride, size) for size, stride in zip(tensor.shape, tensor.stride(), strict=True)),
        reverse=True,
    )
    merged: list[tuple[int, int]] = []
    for stride, size in axes:
        if size == 1:
            continue
        if merged and merged[-1][1] == stride * size:
            merged[-1] = (merged[-1][0] * size, stride)
        else:
            merged.append((size, stride))
    return merged
