"""The section `data`: the images, and how they are split."""

from __future__ import annotations

from pydantic import Field, field_validator

from sweep.config.section import Section, Seed, known_name
from sweep.data import DATASETS


class DataConfig(Section):
    """The images, and how they are split."""

    name: str = Field(default="digits", description="a data set: see `idsweep list datasets`")
    test_fraction: float = Field(
        default=0.25, gt=0, lt=1, description="share of each class held out for testing"
    )
    seed: Seed = Field(default=0, description="seed of the split")
    partition_rows: int = Field(
        default=1024, ge=1, description="images in one Arrow partition; changes no result"
    )

    @field_validator("name")
    @classmethod
    def _known(cls, name: str) -> str:
        return known_name("data set", name, DATASETS)
