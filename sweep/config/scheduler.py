"""The section `scheduler`: which trials end before their last epoch, or change on the way."""

from __future__ import annotations

from contextlib import suppress
from typing import Any, Literal

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_core import PydanticCustomError

from sweep.config.axes import Choice, LogUniform, Uniform
from sweep.config.search import Metric, Mode
from sweep.config.section import Section, Seed
from sweep.config.training import TrainingConfig

# What may change while a network trains; anything else makes it another network or other data.
CHANGEABLE = ("learning_rate", "weight_decay", "momentum", "dropout")


class SchedulerConfig(Section):
    """What decides, epoch by epoch, whether a trial is trained on.

    A stopped trial is sealed where it was stopped, and measured, tracked and regressed as
    all others. Which trials are stopped depends, where several run at a time, on which was
    ahead; the rows of what is sealed don't. Only trials of the same run are compared: what
    was sealed by earlier ones is not told to the scheduler.
    """

    name: Literal["fifo", "asha", "median", "pbt"] = Field(
        default="fifo",
        description="fifo: every trial is trained to its end. asha: at rungs of epochs only the "
        "best share go on (Li et al., MLSys 2020). median: a trial stops whose best value is "
        "below the median of the others' running means (Golovin et al., KDD 2017). pbt: trials "
        "that differ in nothing but `mutations` and seed are a population, whose worst members "
        "go on from the weights of the best with other settings (Jaderberg et al., 2017)",
    )
    metric: Metric = Field(default="test_accuracy", description="by what trials are compared")
    mode: Mode | None = Field(
        default=None, description="whether more is better; null: a loss low, an accuracy high"
    )
    grace_epochs: int = Field(
        default=1, ge=1, description="no trial is stopped before; asha's first rung"
    )
    reduction_factor: float = Field(
        default=4.0,
        gt=1,
        le=1000,
        description="asha: one in so many goes on at a rung, and the next is at so many times "
        "the epochs",
    )
    max_epochs: int | None = Field(
        default=None,
        ge=1,
        description="asha: no rung beyond; null: the most epochs of any trial of the run",
    )
    min_trials: int = Field(
        default=3, ge=1, description="median: how many others must have come as far"
    )
    every: int = Field(
        default=1, ge=1, description="pbt: epochs after which all members wait for each other"
    )
    quantile: float = Field(
        default=0.25,
        gt=0,
        le=0.5,
        description="pbt: share of members replaced, rounded up",
    )
    mutations: dict[str, Uniform | LogUniform | Choice] = Field(
        default={},
        description="pbt: which of learning_rate, weight_decay, momentum and dropout change in a "
        "member that is replaced, and within what, such as {training.learning_rate: "
        "{loguniform: [0.0001, 0.1]}}: by a factor of 0.8 or 1.2, or to a neighbor in a choice",
    )
    resample: float = Field(
        default=0.25, ge=0, le=1, description="pbt: how often a value is drawn anew instead"
    )
    seed: Seed = Field(default=0, description="pbt: of who is taken over and what changes how")

    @field_validator("mutations", mode="before")
    @classmethod
    def _one_axis_each(cls, mutations: Any) -> Any:
        """Told here in one line: of a union every alternative would have its say."""
        if not isinstance(mutations, dict):
            return mutations
        return {key: _axis(key, given) for key, given in mutations.items()}

    @field_validator("mutations")
    @classmethod
    def _possible(
        cls, mutations: dict[str, Uniform | LogUniform | Choice]
    ) -> dict[str, Uniform | LogUniform | Choice]:
        for key, axis in mutations.items():
            section, _, name = key.partition(".")
            if section != "training" or name not in CHANGEABLE:
                allowed = ", ".join(f"training.{one}" for one in CHANGEABLE)
                raise _sentence(f"{key} can't change while a network trains; allowed: {allowed}")
            for value in bounds(axis):
                try:
                    TrainingConfig.model_validate({name: value})
                except ValidationError as error:
                    reason = error.errors()[0]["msg"]
                    raise _sentence(f"{key} can't be {value}: {reason}") from error
            if not isinstance(axis, Choice) and not bounds(axis)[0] < bounds(axis)[1]:
                raise _sentence(f"{key}: low must be below high, but got {bounds(axis)}")
            if isinstance(axis, LogUniform) and bounds(axis)[0] <= 0:
                raise _sentence(f"{key}: loguniform has no {bounds(axis)[0]:g}: begin above 0")
        return mutations

    @model_validator(mode="after")
    def _belongs(self) -> SchedulerConfig:
        if self.name == "pbt" and not self.mutations:
            raise _sentence(
                "pbt needs mutations: say what changes, such as "
                "{training.learning_rate: {loguniform: [0.0001, 0.1]}}"
            )
        if self.mutations and self.name != "pbt":
            raise _sentence(f"mutations are for pbt, but the scheduler is {self.name}")
        return self


def _axis(key: str, given: Any) -> Any:
    """The axis that a setting is changed within; raises an error that says what it must be."""
    kinds: dict[str, type[Section]] = {
        "uniform": Uniform,
        "loguniform": LogUniform,
        "choice": Choice,
    }
    if isinstance(given, tuple(kinds.values())):
        return given
    if isinstance(given, dict) and len(given) == 1 and (kind := next(iter(given))) in kinds:
        with suppress(ValidationError):
            return kinds[kind].model_validate(given)
    raise _sentence(
        f"{key}: must be uniform or loguniform with [low, high], or choice with a list, "
        f"but got {given}"
    )


def bounds(axis: Uniform | LogUniform | Choice) -> list[float]:
    """The values of a choice, or the ends of an interval."""
    match axis:
        case Choice():
            return list(axis.choice)  # type: ignore[arg-type]  # each is tried as a setting
        case Uniform():
            return list(axis.uniform)
    return list(axis.loguniform)


def _sentence(text: str) -> PydanticCustomError:
    return PydanticCustomError("sentence", "{text}", {"text": text})
