"""The section `model`: the network of a trial."""

from __future__ import annotations

from pydantic import Field, field_validator

from sweep.config.section import Section, known_name
from sweep.models import FAMILIES


class ModelConfig(Section):
    """The network of a trial."""

    name: str = Field(default="cnn", description="a family: see `idsweep list models`")
    width: int = Field(
        default=16, ge=1, le=65536, description="units (mlp) or channels of the first stage"
    )
    depth: int = Field(
        default=2, ge=1, le=1000, description="hidden layers (mlp) or blocks per stage"
    )
    batch_norm: bool = Field(default=True, description="normalize after each convolution")

    @field_validator("name")
    @classmethod
    def _known(cls, name: str) -> str:
        return known_name("model", name, FAMILIES)
