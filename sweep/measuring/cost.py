"""What a network takes: layers, operations and memory of a pass, memory of its parameters."""

from __future__ import annotations

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from sweep.config import MeasureConfig
from sweep.errors import TrialFailure, UserError
from sweep.measuring.plan import Cost
from sweep.models.layers import Layer, layers_of
from sweep.models.trace import Trace, trace_network
from sweep.models.weightless import weightless


def survey_layers(
    network: nn.Module, sample: torch.Tensor, config: MeasureConfig, *, count_them: bool
) -> tuple[list[Layer], Cost]:
    """The layers to measure and what a pass takes; without numbers where the network does so.

    sample: (N, C, H, W) images. count_them: whether to count operations, else they are 0.
    Raises UserError for layers that the network doesn't have, TrialFailure if it has none or
    can't take such images.
    """
    try:
        with weightless(network):
            return _survey(network, sample.to("meta"), config, count_them)
    except (TrialFailure, UserError):
        raise
    except Exception:
        # Numbers are wanted somewhere; the reasons are as many as networks.
        return _survey_with_numbers(network, sample, config, count_them)


def trace_of(network: nn.Module, sample: torch.Tensor) -> Trace:
    """A pass that has been traced, without numbers where the network does so."""
    try:
        with weightless(network):
            return trace_network(network, sample.to("meta"))
    except Exception:
        return trace_network(network, sample)


def _survey_with_numbers(
    network: nn.Module, sample: torch.Tensor, config: MeasureConfig, count_them: bool
) -> tuple[list[Layer], Cost]:
    try:
        return _survey(network, sample, config, count_them)
    except (TrialFailure, UserError):
        raise
    except Exception as error:
        reason = " ".join(str(error).split())[:200]
        raise TrialFailure(
            f"the network fails on images of {tuple(sample.shape[1:])} "
            f"({type(error).__name__}: {reason}): give it the size that it takes"
        ) from error


def _survey(
    network: nn.Module, sample: torch.Tensor, config: MeasureConfig, count_them: bool
) -> tuple[list[Layer], Cost]:
    trace = trace_network(network, sample)
    layers = layers_of(network, trace, config.layers, config.tokens)
    operations = count_operations(network, sample) if count_them else 0.0
    return layers, Cost(trace.working_bytes, operations, num_bytes(network))


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
