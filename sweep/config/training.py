"""The section `training`: how a trial's network is trained."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from sweep.config.section import Section, Seed


class TrainingConfig(Section):
    """How a trial's network is trained."""

    epochs: int = Field(default=20, ge=0, description="passes over the training images; 0 = none")
    optimizer: Literal["adamw", "sgd"] = Field(
        default="adamw", description="sgd has Nesterov momentum 0.9"
    )
    learning_rate: float = Field(
        default=3e-3, gt=0, description="peak; a cosine schedule takes it to zero"
    )
    weight_decay: float = Field(default=0.01, ge=0, description="decoupled under adamw")
    batch_size: int = Field(
        default=64, ge=2, description="images per step; a lone last image joins the batch before"
    )
    label_noise: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="share of training labels drawn anew, uniformly over all classes",
    )
    seed: Seed = Field(default=0, description="of initialization, batch order and label noise")
