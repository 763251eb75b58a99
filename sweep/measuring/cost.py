"""What a network takes: operations of a forward pass, memory of its parameters."""

from __future__ import annotations

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode


def count_operations(network: nn.Module, sample: torch.Tensor) -> float:
    """Floating-point operations of a forward pass per image, a multiply-add counting two.

    In evaluation mode. sample: (N, C, H, W) images on the network's device, which may be `meta`.
    """
    counter = FlopCounterMode(display=False)
    training = network.training
    network.eval()
    try:
        with torch.no_grad(), counter:
            network(sample)
    finally:
        network.train(training)
    return float(counter.get_total_flops()) / len(sample)


def num_bytes(network: nn.Module) -> int:
    """Bytes of a network's parameters and buffers."""
    tensors = network.state_dict().values()
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)
