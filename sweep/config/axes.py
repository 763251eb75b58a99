"""The section `space`: axes over the settings of a trial."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from sweep.config.section import Scalar, Section


class Grid(Section):
    """Every one of these values, with every point of the other axes."""

    grid: Annotated[list[Scalar], Field(min_length=1)]


class Choice(Section):
    """One of these values, drawn anew for each sample."""

    choice: Annotated[list[Scalar], Field(min_length=1)]


class Uniform(Section):
    """A number drawn uniformly from [low, high)."""

    uniform: tuple[float, float]


class LogUniform(Section):
    """A number whose logarithm is drawn uniformly from [log low, log high)."""

    loguniform: tuple[float, float]


Int53 = Annotated[int, Field(ge=-(2**53), le=2**53)]


class RandInt(Section):
    """An integer drawn uniformly from low, ..., high - 1."""

    randint: tuple[Int53, Int53]


Domain = Grid | Choice | Uniform | LogUniform | RandInt
DOMAINS: dict[str, type[Domain]] = {
    "grid": Grid,
    "choice": Choice,
    "uniform": Uniform,
    "loguniform": LogUniform,
    "randint": RandInt,
}
Block = dict[str, Scalar | Domain]
