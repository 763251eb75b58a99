"""How one checkpoint will be measured: made from shapes, before any work starts.

Legend: N images.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sweep.capacity import GIGABYTE
from sweep.config import MeasureConfig
from sweep.errors import TrialFailure
from sweep.models.layers import Layer

# One batch's activations stay within this, whatever the memory: the batch may change last
# bits, so it must not depend on the machine. On a CPU tensors of 32 MB and more are given
# back to the system at once, and touching new memory costs more than a larger batch gains.
BATCH_BYTES = {"cpu": 96 << 20, "cuda": 1 << 30}
MAX_BATCH = 256
# What a process takes beside a network and its batch: torch and all else that is imported,
# and memory that the heap doesn't give back.
PROCESS_BYTES = 1 << 30
# Of what the network and one batch leave of an actor's memory, what activations may take:
# the rest is for what estimators work on.
SHARE_OF_MEMORY = 0.25
# From here on a layer's neighbors are searched tile by tile, where there are actors for it.
TILED_IMAGES = 16384
# Operations of the forward passes that are worth spreading over several actors.
SPREAD_OPERATIONS = 1e12
FLOAT_BYTES = 4


@dataclass(frozen=True)
class Plan:
    """One checkpoint's way from images to rows.

    layers: in order of depth. num_images: N that pass through the network.
    batch_size: images of one forward pass; full_batch: where there are more than are sampled.
    part_images: of one unit of work.
    in_memory: whether one process does all of it, without files.
    passes: indices of the layers kept in each pass over the images.
    spans: (start, stop) of the points between which neighbors are searched; empty: all at once.
    """

    layers: tuple[Layer, ...]
    num_images: int
    batch_size: int
    full_batch: int
    part_images: int
    in_memory: bool
    passes: tuple[tuple[int, ...], ...]
    spans: tuple[tuple[int, int], ...] = ()

    @property
    def parts(self) -> list[tuple[int, int]]:
        """(start, stop) of the images of each unit of work, in whole batches."""
        step = self.part_images
        return [
            (start, min(start + step, self.num_images)) for start in range(0, self.num_images, step)
        ]

    @property
    def counted_part(self) -> int:
        """Images of a unit of work of an analysis that counts, in whole full batches."""
        return -(-self.part_images // self.full_batch) * self.full_batch

    @property
    def num_bytes(self) -> int:
        """Bytes of all activations."""
        return sum(layer_bytes(layer, self.num_images) for layer in self.layers)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Plan:
        layers = tuple(map(Layer.from_json, content["layers"]))
        rest = {
            "passes": tuple(tuple(indices) for indices in content["passes"]),
            "spans": tuple((start, stop) for start, stop in content["spans"]),
        }
        return cls(**{**content, "layers": layers, **rest})


@dataclass(frozen=True)
class Cost:
    """What a network takes, found by passing one image through it.

    working_bytes: most bytes of activations alive at once, per image.
    operations: floating-point operations, per image. network_bytes: of its parameters.
    """

    working_bytes: int
    operations: float
    network_bytes: int


def make_plan(
    layers: Sequence[Layer],
    num_images: int,
    num_mixed: int,
    cost: Cost,
    config: MeasureConfig,
    num_actors: int,
    num_counted: int = 0,
) -> Plan:
    """The plan of one checkpoint; rows don't depend on it beyond the batch size.

    num_images: that pass through the network. num_mixed: of them in the probe set of all
        classes, whose neighbors may be searched tile by tile. num_counted: that pass through it
        for analyses that count, all passes together.

    Raises TrialFailure if the network doesn't fit an actor's memory, or if activations are to
    be kept and don't fit the disk.
    """
    full_batch = config.batch_size or batch_within(cost.working_bytes, config.device)
    batch_size = min(full_batch, num_images)
    part_images = -(-config.part_images // batch_size) * batch_size
    memory = config.memory_per_actor * GIGABYTE
    batch_bytes = (full_batch if num_counted else batch_size) * cost.working_bytes
    left = memory - PROCESS_BYTES - cost.network_bytes - batch_bytes
    if left < 0:
        raise TrialFailure(
            f"the process takes {PROCESS_BYTES / GIGABYTE:.1f} GB, the network "
            f"{cost.network_bytes / GIGABYTE:.1f} GB and a batch of {batch_size} "
            f"{batch_bytes / GIGABYTE:.1f} GB, but measure.memory_per_actor is "
            f"{config.memory_per_actor:g}: raise it"
        )
    sizes = {layer.index: layer_bytes(layer, num_images) for layer in layers}
    total = sum(sizes.values())
    scratch = config.scratch * GIGABYTE
    if config.keep_activations and total > scratch:
        raise TrialFailure(
            f"measure.keep_activations: {total / GIGABYTE:.1f} GB of activations exceed "
            f"measure.scratch, which is {config.scratch:g}: raise it, or choose fewer layers"
        )
    operations = (num_images + num_counted) * cost.operations
    spread = num_actors > 1 and operations > SPREAD_OPERATIONS
    tiled = num_actors > 1 and num_mixed >= TILED_IMAGES
    return Plan(
        layers=tuple(layers),
        num_images=num_images,
        batch_size=batch_size,
        full_batch=full_batch,
        part_images=part_images,
        in_memory=not (
            config.keep_activations or spread or tiled or total > SHARE_OF_MEMORY * left
        ),
        passes=_passes(sizes, scratch),
        spans=_spans(num_mixed, num_actors) if tiled else (),
    )


def batch_within(working_bytes: int, device: str) -> int:
    """Images of one forward pass whose activations stay within BATCH_BYTES, one at least."""
    return max(1, min(MAX_BATCH, BATCH_BYTES[device] // max(1, working_bytes)))


def layer_bytes(layer: Layer, num_images: int) -> int:
    """Bytes of a layer's activations."""
    return num_images * layer.num_units * FLOAT_BYTES


def _passes(sizes: dict[int, int], most: float) -> tuple[tuple[int, ...], ...]:
    """Layers in order, as many to a pass as fit on disk; one that is larger has its own."""
    passes: list[list[int]] = [[]]
    taken = 0
    for index, size in sizes.items():
        if passes[-1] and taken + size > most:
            passes.append([])
            taken = 0
        passes[-1].append(index)
        taken += size
    return tuple(map(tuple, passes))


def _spans(num_points: int, number: int) -> tuple[tuple[int, int], ...]:
    """As many spans as actors: each then has as much to do, in as few and large tiles as can be.

    A tile finds the neighbors of its own points, so more tiles are more work in all.
    """
    bounds = [num_points * place // number for place in range(number + 1)]
    return tuple(itertools.pairwise(bounds))
