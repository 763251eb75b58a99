"""The depthwise kernels of a checkpoint, and of the same network before training, with their fits.

Legend: K kernels of k x k pixels.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from estimators.kernel_fit import FamilyFit, fit_families
from estimators.kernel_nulls import permuted_kernels
from estimators.kernels import NormalizedKernels, normalize_kernels
from estimators.master_keys import KeyFit, explained_by_keys
from sweep.measuring.checkpoint import Checkpoint, NetworkView
from sweep.measuring.cost import trace_of
from sweep.models.catalog import ImageNetwork
from sweep.models.depthwise import DepthwiseLayer, LeftOut, depthwise_layers
from sweep.models.layers import Layer

FIRST_IMAGES = 5  # as many as a trace takes


@dataclass(frozen=True)
class Kernels:
    """Some kernels: their shapes, and how templates fit them."""

    shapes: NormalizedKernels
    fit: FamilyFit

    @classmethod
    def of(cls, kernels: NDArray[np.float32]) -> Kernels:
        shapes = normalize_kernels(kernels)
        return cls(shapes, fit_families(shapes.shapes))


@dataclass(frozen=True)
class FittedLayer:
    """One depthwise convolution. layer: numbered after the layers of the profile.

    trained, initial: as they are in the checkpoint, and in the same network before training.
    permuted: trained ones with their pixels shuffled.
    """

    layer: Layer
    size: int
    trained: Kernels
    initial: Kernels
    permuted: FamilyFit
    keys: KeyFit


def place_layers(
    view: NetworkView, found: Sequence[DepthwiseLayer]
) -> tuple[list[tuple[Layer, DepthwiseLayer]], list[LeftOut]]:
    """Where each lies, in the order of depth, numbered after the layers of the profile."""
    places = _places(view)
    known = [each for each in found if each.module in places]
    known.sort(key=lambda each: places[each.module].relative_depth)
    first = len(view.layers)
    return [
        (replace(places[each.module], index=first + number), each)
        for number, each in enumerate(known)
    ], [
        LeftOut(each.module, "no pass of images calls it")
        for each in found
        if each.module not in places
    ]


def fit_layers(
    seed: int, view: NetworkView, placed: Sequence[tuple[Layer, DepthwiseLayer]]
) -> Iterator[FittedLayer]:
    """Each depthwise convolution found in the network. seed: of how pixels are shuffled."""
    before = {each.module: each for each in depthwise_layers(_initial(view.checkpoint))[0]}
    for number, (layer, each) in enumerate(placed):
        trained = Kernels.of(each.kernels)
        shuffled = permuted_kernels(trained.shapes.shapes, np.random.default_rng([seed, number]))
        yield FittedLayer(
            layer,
            each.size,
            trained,
            Kernels.of(before[each.module].kernels),
            fit_families(shuffled),
            explained_by_keys(trained.shapes.shapes),
        )


def _initial(checkpoint: Checkpoint) -> ImageNetwork:
    """The same network from its seed, before training and without weights that it may name."""
    from sweep.space import untrained_twin
    from sweep.training.checkpoints import begin_network

    trial = checkpoint.trial
    return begin_network(replace(trial, config=untrained_twin(trial.config)), checkpoint.data)


def _places(view: NetworkView) -> dict[str, Layer]:
    """By the path of its module, what the first call of each gives, and how deep that lies."""
    checkpoint = view.checkpoint
    split = checkpoint.data.split(checkpoint.config.split)
    images = view.network.preprocessing.pixels_of(split, checkpoint.sample_rows[:FIRST_IMAGES])
    trace = trace_of(view.network, images)
    return {
        call.module: Layer(
            index=0,
            name=call.module.removeprefix("network."),
            module=call.module,
            call=call.number,
            side="output",
            shape=call.given.shape[1:],
            reduction="flattened",
            relative_depth=call.given.depth / trace.total_depth,
            last_hidden=False,
        )
        for call in reversed(trace.calls)
        if call.given is not None
    }
