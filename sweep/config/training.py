"""The section `training`: how a trial's network is trained."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from sweep.config.section import Section, Seed


class TrainingConfig(Section):
    """How a trial's network is trained."""

    epochs: int = Field(default=20, ge=0, description="passes over the training images; 0 = none")
    optimizer: Literal["adamw", "adam", "sgd", "nesterov"] = Field(
        default="adamw", description="sgd and nesterov have `momentum`"
    )
    learning_rate: float = Field(default=3e-3, gt=0, description="at its highest: see `schedule`")
    schedule: Literal["cosine", "constant"] = Field(
        default="cosine", description="cosine takes the learning rate to zero, step by step"
    )
    momentum: float = Field(default=0.9, ge=0, lt=1, description="of sgd and nesterov")
    weight_decay: float = Field(default=0.01, ge=0, description="decoupled under adamw")
    dropout: float | None = Field(
        default=None,
        ge=0,
        lt=1,
        description="probability in every dropout layer of the network; null leaves them as they "
        "are, which in our families is 0",
    )
    batch_size: int = Field(
        default=64,
        ge=2,
        description="images per step, over all workers; a lone last image joins the batch before",
    )
    accumulate: int = Field(
        default=1,
        ge=1,
        description="pieces in which a batch goes through the network, for less memory: their "
        "gradients are summed by size, so that without batch norm the step is the same",
    )
    precision: Literal["float32", "bfloat16", "float16"] = Field(
        default="float32",
        description="of forward and backward passes where it suits; weights stay float32. "
        "float16 needs a GPU",
    )
    compile: bool = Field(
        default=False, description="torch.compile, for long trainings; needs a C++ compiler"
    )
    num_images: int | None = Field(
        default=None,
        ge=2,
        description="training images, classes in proportion; a larger number holds those of a "
        "smaller one of the same seed. null takes all. Profiles are measured on the same "
        "images whatever is trained on: most of them may then be new to the network",
    )
    augmentation: Literal["none", "crop", "crop_flip"] = Field(
        default="none",
        description="crop: each image anew moved by up to an eighth of its side, edges black; "
        "crop_flip: and mirrored, every second one",
    )
    label_noise: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="share of training labels drawn anew, uniformly over all classes",
    )
    luminance_gradient: float = Field(
        default=0.0,
        ge=0,
        le=1e4,  # beyond it float32 keeps nothing of an 8-bit image
        description="the paper's MNIST*, at 300: each image, also of test and profile, gets an "
        "offset drawn from 0 to this many times the range of pixels, and all are then scaled back",
    )
    seed: Seed = Field(
        default=0,
        description="of initialization, batch order, label noise, which images, augmentation",
    )

    @model_validator(mode="after")
    def _pieces_hold_two(self) -> TrainingConfig:
        if 2 * self.accumulate > self.batch_size:
            context = {"accumulate": self.accumulate, "batch_size": self.batch_size}
            raise PydanticCustomError(
                "sentence",
                "accumulate: {accumulate} pieces of a batch of {batch_size} hold less than two "
                "images each: ask for at most half of batch_size",
                context,
            )
        return self
