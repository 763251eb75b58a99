"""A network without its numbers, for a while: what only looks at shapes then costs nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn


@contextmanager
def weightless(network: nn.Module) -> Iterator[None]:
    """While open, all parameters and buffers are stand-ins on the device `meta`.

    The network takes images on `meta` then, in no time and no memory; afterwards it is what it
    was. What shares memory goes on sharing it. A pass fails where a network wants numbers.
    """
    slots = [
        (slot, name, tensor)
        for module in network.modules()
        for slot in (module._parameters, module._buffers)
        for name, tensor in slot.items()
        if tensor is not None
    ]
    stand_ins: dict[int, torch.Tensor] = {}
    try:
        for slot, name, tensor in slots:
            if id(tensor) not in stand_ins:
                empty = torch.empty_like(tensor, device="meta")
                is_parameter = isinstance(tensor, nn.Parameter)
                stand_ins[id(tensor)] = (
                    nn.Parameter(empty, tensor.requires_grad) if is_parameter else empty
                )
            slot[name] = stand_ins[id(tensor)]  # type: ignore[assignment]
        yield
    finally:
        for slot, name, tensor in slots:
            slot[name] = tensor  # type: ignore[assignment]
