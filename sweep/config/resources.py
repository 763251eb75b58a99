"""The section `resources`: what one trial takes while it trains."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import Field, field_validator
from pydantic_core import PydanticCustomError

from sweep.config.section import Section

if TYPE_CHECKING:
    from sweep.config.sweep import TrialConfig


@dataclass(frozen=True)
class TrialResources:
    """What one trial takes: `workers` processes, each with `cpus` cores; `gpus` in all."""

    cpus: int
    gpus: float
    workers: int = 1

    @property
    def device(self) -> str:
        """Where torch trains."""
        return "cuda" if self.gpus else "cpu"


class ResourcesConfig(Section):
    """What one trial takes while it trains."""

    cpus: int = Field(default=1, ge=1, description="cores, and torch threads, of each worker")
    gpus: float = Field(
        default=0, ge=0, description="0 trains on the CPU; a fraction shares a GPU between trials"
    )
    workers: int | None = Field(
        default=None,
        ge=1,
        description="processes that train one network together, each on its share of a batch; "
        "null: one for each GPU",
    )

    @field_validator("gpus")
    @classmethod
    def _whole_above_one(cls, gpus: float) -> float:
        if gpus > 1 and gpus != int(gpus):
            raise PydanticCustomError("fraction", "a fraction of a GPU must be below 1")
        return gpus

    def of(self, trial: TrialConfig) -> TrialResources:  # noqa: ARG002
        """What a trial with this configuration takes."""
        return TrialResources(self.cpus, self.gpus, self.workers or max(1, int(self.gpus)))

    @property
    def device(self) -> str:
        """Where torch trains."""
        return "cuda" if self.gpus else "cpu"
