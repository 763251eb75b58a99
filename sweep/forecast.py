"""What measuring a sweep's networks will take, told from shapes before anything runs."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from sweep.config import SweepConfig
from sweep.data.partitions import ImageData
from sweep.measuring.cost import count_operations, num_bytes
from sweep.measuring.plan import Cost, Plan, make_plan
from sweep.models.layers import layers_of
from sweep.models.names import model_label
from sweep.models.survey import stand_in, traced
from sweep.space import Trial

RATE_SHAPE = (16, 64, 56, 56)  # a convolution as they stand in the middle of a ResNet
RATE_REPEATS = 3


@dataclass(frozen=True)
class Forecast:
    """The plan of one network, and how many trials have it.

    operations: floating-point operations of its forward passes, per trial. seconds: which
    these take at least, on one actor, at the rate of a large convolution; layers come on top.
    """

    label: str
    num_trials: int
    plan: Plan
    operations: float
    seconds: float


def forecast(
    config: SweepConfig, trials: Sequence[Trial], data: ImageData | None
) -> list[Forecast]:
    """One line a network, in the order of the trials; no weights are read.

    data: None if it isn't prepared yet; images such as the networks are made for stand in.
    Raises UserError or TrialFailure for a network that can't be built, or measured as asked.
    """
    rate = operations_per_second(config.measure.threads)
    members: dict[str, list[Trial]] = {}
    for trial in trials:
        model = trial.config.model.model_copy(update={"weights": None})
        members.setdefault(model.model_dump_json(), []).append(trial)
    found = []
    for same in members.values():
        model = same[0].config.model.model_copy(update={"weights": None})
        images = data or stand_in(model, None)
        network, trace, shape = traced(model, images)
        measure = config.measure
        layers = layers_of(network, trace, measure.layers, measure.tokens)
        count = measure.num_samples
        if data is not None:
            count = min(count, data.counts[measure.split])
        sample = torch.zeros((1, *shape), dtype=torch.uint8, device=_device(network))
        cost = Cost(trace.working_bytes, count_operations(network, sample), num_bytes(network))
        plan = make_plan(layers, count, count, cost, measure, measure.actors)
        operations = cost.operations * count * len(plan.passes)
        found.append(Forecast(model_label(model), len(same), plan, operations, operations / rate))
    return found


def operations_per_second(threads: int) -> float:
    """What a large convolution reaches on this machine, on so many threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        convolution = torch.nn.Conv2d(RATE_SHAPE[1], RATE_SHAPE[1], 3, padding=1)
        images = torch.zeros(RATE_SHAPE)
        with torch.no_grad():
            convolution(images)
            best = min(_seconds(convolution, images) for _ in range(RATE_REPEATS))
        return count_operations(convolution, images) * len(images) / best
    finally:
        torch.set_num_threads(before)


def _seconds(convolution: torch.nn.Module, images: torch.Tensor) -> float:
    began = time.perf_counter()
    convolution(images)
    return time.perf_counter() - began


def _device(network: torch.nn.Module) -> torch.device:
    return next((parameter.device for parameter in network.parameters()), torch.device("cpu"))
