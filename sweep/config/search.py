"""The section `search`: which trials are made of the space."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from sweep.config.section import Section, Seed

# What is recorded of every epoch, and may be searched, scheduled and stopped by.
Metric = Literal["test_accuracy", "test_loss", "train_accuracy", "train_loss"]
Mode = Literal["max", "min"]
Algorithm = Literal[
    "grid",
    "random",
    "optuna",
    "ax",
    "bayesopt",
    "hebo",
    "hyperopt",
    "nevergrad",
    "zoopt",
]
UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def seconds(text: str) -> float:
    """A length of time in words, in seconds.

    >>> seconds("90m"), seconds("1.5 h")
    (5400.0, 5400.0)
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?) ?([smhd])", text)
    if found is None or not float(found[1]):
        raise PydanticCustomError(
            "sentence",
            "a length of time is a number and one of s, m, h, d, such as 90m or 1.5h; got {text}",
            {"text": text},
        )
    return float(found[1]) * UNITS[found[2]]


def _checked(text: str) -> str:
    seconds(text)
    return text


Duration = Annotated[str, AfterValidator(_checked)]


def better(metric: Metric, mode: Mode | None) -> Mode:
    """Which way is better: as asked, else a loss low and an accuracy high."""
    return mode or ("min" if metric.endswith("_loss") else "max")


class SearchConfig(Section):
    """How trials are drawn from the space."""

    algorithm: Algorithm = Field(
        default="grid",
        description="grid: every point of the grid axes, the random axes drawn. random: "
        "every axis drawn, a grid too. optuna and the others of Ray Tune suggest trials by what "
        "the earlier ones came to, a grid being a choice; each needs its package. Which they "
        "suggest depends on which trial ended first where several run at a time",
    )
    num_samples: int = Field(
        default=1,
        ge=1,
        description="grid: draws of the random axes, per point of the grid; else trials in all",
    )
    seed: Seed = Field(default=0, description="seed of those draws")
    metric: Metric = Field(
        default="test_accuracy",
        description="by what trials are suggested: its value in the last epoch trained. What a "
        "search has looked for is no fair sample of networks: see regression",
    )
    mode: Mode | None = Field(
        default=None, description="whether more is better; null: a loss low, an accuracy high"
    )
    max_concurrent: int | None = Field(
        default=None,
        ge=1,
        description="trials trained at a time, at most; null: as many as the cluster holds",
    )
    time_budget: Duration | None = Field(
        default=None,
        description="such as 90m or 1.5h: after it no training begins; those running end, are "
        "measured and reported, and the next run goes on with the rest. null: no limit",
    )

    @property
    def adaptive(self) -> bool:
        """Whether trials are suggested by what the earlier ones came to."""
        return self.algorithm not in ("grid", "random")
