"""The section `resources`: what one trial takes while it trains."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_core import PydanticCustomError

from sweep.config.section import Scalar, Section

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


class _Amounts(Section):
    """What is asked for one trial; null where it is as for all."""

    cpus: int | None = Field(default=None, ge=1, description="in place of resources.cpus")
    gpus: float | None = Field(default=None, ge=0, description="in place of resources.gpus")
    workers: int | None = Field(
        default=None, ge=1, description="in place of resources.workers; null: one for each GPU"
    )

    @field_validator("gpus")
    @classmethod
    def _whole_above_one(cls, gpus: float | None) -> float | None:
        return _checked(gpus)


class ModelResources(_Amounts):
    """What trials take that have these settings; the rest of the section holds for the others."""

    when: dict[str, Scalar | list[Scalar]] = Field(
        min_length=1,
        description="settings of a trial by axis, with a value or a list of values, such as "
        "{model.name: [vit, convnext]}: all must hold",
    )

    @field_validator("when")
    @classmethod
    def _known(cls, when: dict[str, Any]) -> dict[str, Any]:
        from sweep.nearest import nearest
        from sweep.reader import axis_names

        for key in when:
            if key not in axis_names():
                raise PydanticCustomError(
                    "sentence",
                    "no setting {key}; {nearest}",
                    {"key": repr(key), "nearest": nearest(key, axis_names())},
                )
            _check_values(key, when[key])
        return when

    @model_validator(mode="after")
    def _says_something(self) -> ModelResources:
        if self.cpus is None and self.gpus is None and self.workers is None:
            raise PydanticCustomError("sentence", "one of cpus, gpus and workers must be given")
        return self

    def matches(self, settings: Mapping[str, Any]) -> bool:
        """Whether a trial with these settings, by dotted key, is meant."""
        return all(
            settings[key] in (wanted if isinstance(wanted, list) else [wanted])
            for key, wanted in self.when.items()
        )


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
    max_minutes_without_progress: float | None = Field(
        default=120,
        gt=0,
        le=1e6,
        description="a trial that stands still for longer, in one step of training or one layer "
        "of measuring, is ended and reported, and the others go on; null waits for ever",
    )
    per_model: list[ModelResources] = Field(
        default=[],
        description="trials that take something else; of several that match, the first holds",
    )

    @field_validator("gpus")
    @classmethod
    def _whole_above_one(cls, gpus: float) -> float:
        return _checked(gpus) or 0.0

    def of(self, trial: TrialConfig) -> TrialResources:
        """What a trial with this configuration takes."""
        settings = {
            f"{section}.{name}": value
            for section, values in trial.model_dump().items()
            for name, value in values.items()
        }
        return self._with(next((one for one in self.per_model if one.matches(settings)), None))

    def each(self) -> list[TrialResources]:
        """Every different amount that a trial may take."""
        return list(dict.fromkeys(map(self._with, [None, *self.per_model])))

    def _with(self, other: _Amounts | None) -> TrialResources:
        asked = self.model_dump(include={"cpus", "gpus", "workers"})
        if other is not None:
            amounts = other.model_dump(include=set(asked), exclude_none=True)
            if "gpus" in amounts:
                asked["workers"] = None  # as many as its own GPUs, unless it says otherwise
            asked |= amounts
        workers = asked["workers"] or max(1, int(asked["gpus"]))
        return TrialResources(asked["cpus"], asked["gpus"], workers)


def _check_values(key: str, wanted: Any) -> None:
    """Raise an error if a setting can't have one of the values, or if there is none."""
    from sweep.config.model import ModelConfig
    from sweep.config.training import TrainingConfig

    section, _, name = key.partition(".")
    kind = ModelConfig if section == "model" else TrainingConfig
    if wanted == []:
        raise _sentence(f"{key}: no value is given")
    for value in wanted if isinstance(wanted, list) else [wanted]:
        try:
            kind.model_validate({name: value})
        except ValidationError as error:
            found = error.errors()[0]
            if found["loc"]:  # else settings that the trial has disagree with the usual ones
                raise _sentence(f"{key} can't be {value!r}: {found['msg']}") from error


def _sentence(text: str) -> PydanticCustomError:
    return PydanticCustomError("sentence", "{text}", {"text": text})


def _checked(gpus: float | None) -> float | None:
    if gpus is not None and gpus > 1 and gpus != int(gpus):
        raise PydanticCustomError("fraction", "a fraction of a GPU must be below 1")
    return gpus
