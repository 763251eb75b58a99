"""What every section of a sweep file is."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError


class Section(BaseModel):
    """A part of the sweep file: unknown keys are refused, values don't change."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, allow_inf_nan=False, validate_default=True
    )

    @model_validator(mode="before")
    @classmethod
    def _true_is_no_number(cls, values: Any) -> Any:
        """YAML's `true` would pass for the number 1."""
        for name, value in values.items() if isinstance(values, dict) else ():
            field = cls.model_fields.get(name)
            if isinstance(value, bool) and field is not None and field.annotation in (int, float):
                raise PydanticCustomError("no_number", "{name} must be a number", {"name": name})
        return values


# What torch, numpy and Ray all take.
Seed = Annotated[int, Field(ge=0, le=2**32 - 1)]


def known_name(what: str, name: str, known: Any) -> str:
    """`name` if it is one of `known`, else an error that `sweepfile` puts into words."""
    if name not in known:
        context = {"what": what, "name": name, "known": sorted(known)}
        raise PydanticCustomError("unknown_name", "unknown {what} {name}", context)
    return name


Scalar = bool | int | float | str | None
