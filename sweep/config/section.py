"""What every section of a sweep file is."""

from __future__ import annotations

from typing import Annotated, Any, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError


class Section(BaseModel):
    """A part of the sweep file: unknown keys are refused, values don't change."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        allow_inf_nan=False,
        validate_default=True,
        hide_input_in_errors=True,  # it may be a URI with a password
    )

    @field_validator("*", mode="before")
    @classmethod
    def _true_is_no_number(cls, value: Any, info: ValidationInfo) -> Any:
        """YAML's `true` would pass for the number 1."""
        name = str(info.field_name)
        given = value if isinstance(value, list) else [value]
        if any(isinstance(one, bool) for one in given) and _is_numeric(
            cls.model_fields[name].annotation
        ):
            raise PydanticCustomError("no_number", "must be a number")
        return value


def _is_numeric(annotation: Any) -> bool:
    """Whether it takes numbers, or lists of them, and no truth value; None may be among them."""
    if get_origin(annotation) is Annotated:
        return _is_numeric(get_args(annotation)[0])
    inner = [one for one in get_args(annotation) if one not in (type(None), Ellipsis)]
    return all(map(_is_numeric, inner)) if inner else annotation in (int, float)


# What torch, numpy and Ray all take.
Seed = Annotated[int, Field(ge=0, le=2**32 - 1)]


def known_name(what: str, name: str, known: Any) -> str:
    """`name` if it is one of `known`, else an error that `sweepfile` puts into words."""
    if name not in known:
        context = {"what": what, "name": name, "known": sorted(known)}
        raise PydanticCustomError("unknown_name", "unknown {what} {name}", context)
    return name


Scalar = bool | int | float | str | None
