"""The layers of a network by its name, without weights or data: in no time and no memory."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import torch

from sweep.errors import UserError
from sweep.models.catalog import ImageNetwork, build_network
from sweep.models.layers import Layer, layers_of
from sweep.models.names import source_of
from sweep.models.trace import Trace, trace_network

if TYPE_CHECKING:
    from sweep.config import ModelConfig
    from sweep.data.partitions import ImageData

NUM_IMAGES = 5  # no other length that is usual in a network, so that the axis of images is plain
SMALL, LARGE = (1, 8, 8), (3, 224, 224)  # what our families and what all others are made for


@dataclass(frozen=True)
class Survey:
    """What is known of a network before it sees data.

    layers: those asked for. auto: names of the layers that auto takes. num_all: how many
    `all` would take. working_bytes: of activations alive at once, per image.
    """

    model: str
    image_shape: tuple[int, int, int]
    layers: tuple[Layer, ...]
    auto: frozenset[str]
    num_all: int
    num_parameters: int
    working_bytes: int


@dataclass(frozen=True)
class StandIn:
    """As much of a data set as a network is built from."""

    image_shape: tuple[int, int, int] | None
    num_classes: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    name: str = "stand-in"


def survey(
    config: ModelConfig,
    num_classes: int | None = None,
    selectors: Sequence[str] = ("auto",),
    tokens: str = "flattened",
) -> Survey:
    """The layers of the network that `config` names, for images such as it is made for.

    num_classes: null: 10 for our families, else 1000. Raises UserError for a network that
    can't be built or layers that it doesn't have.
    """
    network, trace, shape = traced(config, stand_in(config, num_classes))
    return Survey(
        model=config.name,
        image_shape=shape,
        layers=tuple(layers_of(network, trace, selectors, tokens)),
        auto=frozenset(layer.name for layer in layers_of(network, trace, ("auto",), tokens)),
        num_all=len(layers_of(network, trace, ("all",), tokens)),
        num_parameters=sum(parameter.numel() for parameter in network.parameters()),
        working_bytes=trace.working_bytes,
    )


def named_model(name: str, **settings: Any) -> ModelConfig:
    """The section `model` as a command's arguments give it; UserError says what is wrong."""
    from pydantic import ValidationError

    from sweep.config import ModelConfig

    try:
        return ModelConfig(name=name, **settings)
    except ValidationError as error:
        detail = error.errors()[0]
        key = ".".join(("model", *map(str, detail["loc"])))
        known = detail.get("ctx", {}).get("known")
        given = detail["input"]
        if detail["type"] in ("no_model", "no_setting"):  # a whole sentence, with what was given
            raise UserError(f"{key}: {detail['msg']}") from error
        if known:
            raise UserError(
                f"{key}: unknown model {given!r}; known are {', '.join(known)}"
            ) from error
        raise UserError(f"{key}: {detail['msg']}, but got {given!r}") from error


def stand_in(config: ModelConfig, num_classes: int | None) -> ImageData:
    """What stands for a data set: small images for our families, large ones for others."""
    source = source_of(config.name)
    shape = SMALL if source == "family" else LARGE
    if config.image_size is not None:
        shape = (shape[0], config.image_size, config.image_size)
    channels = shape[0]
    data = StandIn(
        # A library's network knows its own size, which images of many sizes leave to it.
        image_shape=shape if source in ("family", "own") else None,
        num_classes=num_classes or (10 if source == "family" else 1000),
        mean=(0.5,) * channels,
        std=(0.25,) * channels,
    )
    return cast("ImageData", data)


def traced(
    config: ModelConfig, data: ImageData, num_images: int = NUM_IMAGES
) -> tuple[ImageNetwork, Trace, tuple[int, int, int]]:
    """A network for the data, a pass through it, and the (C, H, W) that it takes.

    On the device meta where the network can do without numbers, else really, with weights
    drawn at random. Raises UserError if that fails too.
    """
    for attempt in (_built_on_meta, _taken_to_meta):
        # What wants numbers, in building or running, says so in as many ways as there are
        # networks; what goes wrong with numbers too is told below.
        with suppress(Exception):
            network = attempt(config, data)
            return network, *_pass(network, data, num_images)
    network = build_network(config, data, seed=0)
    try:
        return network, *_pass(network, data, num_images)
    except Exception as error:
        raise UserError(
            f"model.name {config.name}: its layers can't be found "
            f"({type(error).__name__}: {' '.join(str(error).split())[:200]})"
        ) from error


def _built_on_meta(config: ModelConfig, data: ImageData) -> ImageNetwork:
    with torch.device("meta"):
        return build_network(config, data, seed=0).to("meta")


def _taken_to_meta(config: ModelConfig, data: ImageData) -> ImageNetwork:
    return build_network(config, data, seed=0).to("meta")


def _pass(
    network: ImageNetwork, data: ImageData, num_images: int
) -> tuple[Trace, tuple[int, int, int]]:
    preprocessing = network.preprocessing
    height, width = preprocessing.size or (data.image_shape or LARGE)[1:]
    shape = (preprocessing.channels, height, width)
    device = next((p.device for p in network.parameters()), torch.device("cpu"))
    images = torch.zeros((num_images, *shape), dtype=torch.uint8, device=device)
    return trace_network(network, images), shape
