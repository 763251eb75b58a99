"""The section `measure`: on what, and by whom, networks are measured."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from sweep.config.section import Section, Seed


class MeasureConfig(Section):
    """What is measured on, and by how many actors."""

    split: Literal["train", "test"] = Field(
        default="train", description="the images of the profile; train, as in the paper"
    )
    num_samples: int = Field(
        default=1000, ge=20, description="images, drawn once per data set; all if there are fewer"
    )
    seed: Seed = Field(default=0, description="seed of that draw")
    batch_size: int = Field(default=256, ge=1, description="images per forward pass")
    untrained: bool = Field(
        default=True, description="also measure each architecture at initialization"
    )
    actors: int = Field(default=1, ge=1, description="long-lived measuring processes")
    cpus_per_actor: float = Field(
        default=0,
        ge=0,
        description="cores an actor reserves (it computes on one); 0 reserves none, and lets it "
        "run in the gaps between trials",
    )
