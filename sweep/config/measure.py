"""The section `measure`: on what, and by whom, networks are measured."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_core import PydanticCustomError

from sweep.config.section import Section, Seed


def _as_list(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _whole_hundredth(epoch: float) -> float:
    if round(epoch * 100) / 100 != epoch:
        raise PydanticCustomError("hundredth", "must be a multiple of 0.01")
    return epoch


Epoch = Annotated[float, Field(ge=0), AfterValidator(_whole_hundredth)]


class MeasureConfig(Section):
    """What is measured on, and by how many actors."""

    layers: Annotated[list[str], BeforeValidator(_as_list)] = Field(
        default=["auto"],
        min_length=1,
        description="auto, all, last_hidden, names or patterns: see `idsweep layers`",
    )
    tokens: Literal["flattened", "mean", "class"] = Field(
        default="flattened",
        description="what is kept of a layer of tokens: all of them, their mean, the class token",
    )
    epochs: list[Epoch] = Field(
        default=[],
        description="epochs after which a profile is measured beside that of the end: 0 is the "
        "network at initialization, 0.25 a quarter of the first epoch, to the nearest step after "
        "the first. Those that a trial doesn't reach are left out",
    )
    split: Literal["train", "test"] = Field(
        default="train", description="the images of the profile; train, as in the paper"
    )
    num_samples: int = Field(
        default=1000, ge=8, description="images, drawn once per data set; all if there are fewer"
    )
    choose: Literal["random", "balanced", "first"] = Field(
        default="random",
        description="how they are drawn: over all images, as many of each class, or the first",
    )
    class_samples: int = Field(
        default=0,
        ge=0,
        description="images of each probe set of one class, as in the paper's Figure 3; 0 = none",
    )
    probe_classes: list[str] | None = Field(
        default=None,
        min_length=1,
        description="the classes with a probe set of their own; null takes all",
    )
    seed: Seed = Field(default=0, description="seed of those draws")
    batch_size: int | None = Field(
        default=None,
        ge=1,
        description="images per forward pass; null takes as many as keep one pass within "
        "96 MiB on a CPU and 1 GiB on a GPU, at most 256",
    )
    part_images: int = Field(
        default=128,
        ge=1,
        description="images of one unit of work, in whole batches; changes no result",
    )
    dtype: Literal["float32", "bfloat16"] = Field(
        default="float32",
        description="of the forward pass; bfloat16 computes under autocast. Activations are kept "
        "in float32",
    )
    untrained: bool = Field(
        default=True, description="also measure each architecture at initialization"
    )
    actors: int = Field(default=1, ge=1, le=4096, description="long-lived measuring processes")
    cpus_per_actor: float = Field(
        default=0,
        ge=0,
        description="cores an actor reserves; 0 reserves none, and lets it run in the gaps "
        "between trials",
    )
    gpus_per_actor: float = Field(
        default=0, ge=0, description="0 measures on the CPU; a fraction shares a GPU"
    )
    memory_per_actor: float = Field(
        default=4.0,
        ge=1,
        description="GB that an actor may use, network included; activations that don't fit go "
        "to disk",
    )
    threads: int = Field(
        default=1,
        ge=1,
        le=1024,  # a million of them is a crash of torch
        description="torch threads of an actor; another number changes the last bits",
    )
    scratch: float = Field(
        default=50.0,
        gt=0,
        description="GB of activations on disk at once, per network; more takes further passes "
        "over the images",
    )
    keep_activations: bool = Field(
        default=False,
        description="keep activations on disk, for estimators added later without a forward pass",
    )

    @property
    def device(self) -> str:
        """Where torch measures."""
        return "cuda" if self.gpus_per_actor else "cpu"
