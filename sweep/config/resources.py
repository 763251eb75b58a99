"""The section `resources`: what one trial takes while it trains."""

from __future__ import annotations

from pydantic import Field, field_validator
from pydantic_core import PydanticCustomError

from sweep.config.section import Section


class ResourcesConfig(Section):
    """What one trial takes while it trains."""

    cpus: int = Field(default=1, ge=1, description="cores, and torch threads")
    gpus: float = Field(
        default=0, ge=0, description="0 trains on the CPU; a fraction shares a GPU between trials"
    )

    @field_validator("gpus")
    @classmethod
    def _whole_above_one(cls, gpus: float) -> float:
        if gpus > 1 and gpus != int(gpus):
            raise PydanticCustomError("fraction", "a fraction of a GPU must be below 1")
        return gpus

    @property
    def device(self) -> str:
        """Where torch trains."""
        return "cuda" if self.gpus else "cpu"
