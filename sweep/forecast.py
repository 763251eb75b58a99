"""What measuring a sweep's networks will take, told from shapes before anything runs."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from sweep.config import SweepConfig
from sweep.data import DATASETS, open_source
from sweep.data.local import lack
from sweep.data.partitions import NO_TEST_IMAGES, ImageData
from sweep.errors import TrialFailure, UserError
from sweep.measuring.checkpoint import MIX, Checkpoint
from sweep.measuring.cost import count_operations, num_bytes
from sweep.measuring.plan import Cost, Plan, make_plan
from sweep.models.layers import layers_of
from sweep.models.names import model_label
from sweep.models.settings import is_file_name
from sweep.models.survey import stand_in, traced
from sweep.space import Trial

RATE_SHAPE = (16, 64, 56, 56)  # a convolution as they stand in the middle of a ResNet
RATE_REPEATS = 3


@dataclass(frozen=True)
class Forecast:
    """The plan of one network, and how many trials have it.

    operations: floating-point operations of its forward passes, per trial. seconds: which
    these take at least, on one actor, at the rate of a large convolution; layers come on top.
    classes_known: whether the images of single classes are among those of the plan.
    """

    label: str
    num_trials: int
    plan: Plan
    operations: float
    seconds: float
    classes_known: bool = True


def forecast(
    config: SweepConfig, trials: Sequence[Trial], data: ImageData | None
) -> list[Forecast]:
    """One line a network, in the order of the trials; no weights are read.

    data: None if it isn't prepared yet; images such as the networks are made for stand in.
    Raises UserError for files or test images that aren't there, and for a network that can't
    be built, or measured as asked.
    """
    _check_inputs(config, trials, data)
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
        mix, count, classes_known = _num_images(config, same[0], data)
        sample = torch.zeros((1, *shape), dtype=torch.uint8, device=_device(network))
        cost = Cost(trace.working_bytes, count_operations(network, sample), num_bytes(network))
        label = model_label(model)
        try:
            plan = make_plan(layers, count, mix, cost, measure, measure.actors)
        except TrialFailure as error:
            raise UserError(f"{label}: {error}") from error
        operations = cost.operations * count * len(plan.passes)
        found.append(Forecast(label, len(same), plan, operations, operations / rate, classes_known))
    return found


def _check_inputs(config: SweepConfig, trials: Sequence[Trial], data: ImageData | None) -> None:
    """Raise UserError for what a run would miss as soon as it reads its files."""
    files = {trial.config.model.weights for trial in trials}
    for weights in sorted(name for name in files if name is not None and is_file_name(name)):
        if not Path(weights).is_file():
            raise UserError(f"model.weights: there is no file {weights}")
    images = config.data
    if data is not None:
        no_test = not data.counts["test"]
    else:
        local = DATASETS[images.name].files and "://" not in (images.path or "")
        if local and not Path(images.path or "").exists():
            raise lack(images, f"{images.path} does not exist")
        # Only a data set without a test split of its own needs one to be held out.
        no_test = images.test_fraction == 0 and "all" in open_source(images).splits
    if no_test and not DATASETS[images.name].probes_alone:
        raise UserError(NO_TEST_IMAGES)


def _num_images(config: SweepConfig, trial: Trial, data: ImageData | None) -> tuple[int, int, bool]:
    """Images of the mix, of all probe sets together, and whether classes are among them.

    Without data their number is an upper bound.
    """
    measure = config.measure
    if data is not None:
        checkpoint = Checkpoint(trial, data, measure)
        return len(checkpoint.probes[MIX]), len(checkpoint.sample_rows), True
    classes = measure.probe_classes or config.data.classes
    known = classes is not None or not measure.class_samples
    count = measure.num_samples + len(classes or ()) * measure.class_samples
    return measure.num_samples, count, known


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
