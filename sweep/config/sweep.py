"""A whole sweep file, and what one trial of it is."""

from __future__ import annotations

import math
from typing import Annotated, Any

from pydantic import AfterValidator, Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from sweep.config.analyses import AnalysesConfig
from sweep.config.axes import Block
from sweep.config.claims import ClaimConfig
from sweep.config.data import DataConfig
from sweep.config.measure import MeasureConfig
from sweep.config.model import ModelConfig
from sweep.config.regression import RegressionConfig
from sweep.config.resources import ResourcesConfig
from sweep.config.scheduler import SchedulerConfig
from sweep.config.search import Metric, SearchConfig
from sweep.config.section import Section, known_name
from sweep.config.training import TrainingConfig
from sweep.published import published_names

PublishedName = Annotated[
    str, AfterValidator(lambda name: known_name("published table", name, published_names()))
]


class TrialConfig(Section):
    """All that the user sets of one trial."""

    model: ModelConfig = ModelConfig()
    training: TrainingConfig = TrainingConfig()


class SweepConfig(Section):
    """A whole sweep file."""

    name: str = Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$",
        description="letters, digits, '.', '_' and '-': a folder and an MLflow experiment",
    )
    description: str = Field(default="", description="what the sweep asks, in a sentence or two")
    data: DataConfig = DataConfig()
    model: ModelConfig = ModelConfig()
    training: TrainingConfig = TrainingConfig()
    space: list[Block] = Field(
        default=[{}],
        min_length=1,
        description="blocks of axes over model.* and training.*; their trials are united",
    )
    search: SearchConfig = SearchConfig()
    scheduler: SchedulerConfig = SchedulerConfig()
    stop: dict[Metric, float] = Field(
        default={},
        description="a trial ends with the first epoch at which one of these is reached: an "
        "accuracy at least, a loss at most, such as {test_accuracy: 0.99}. A bound made harder "
        "later leaves what an easier one has stopped as it is sealed",
    )
    resources: ResourcesConfig = ResourcesConfig()
    measure: MeasureConfig = MeasureConfig()
    analyses: AnalysesConfig = AnalysesConfig()
    regression: RegressionConfig = RegressionConfig()
    claims: list[ClaimConfig] = Field(
        default=[], description="what is asked of the results, each with its rule"
    )
    published: PublishedName | None = Field(
        default=None,
        description="a table of published numbers that the report draws beside the sweep's own: "
        "ansuini2019_hunchbacks, ansuini2019_last_hidden, ansuini2019_mnist",
    )

    @field_validator("stop", mode="before")
    @classmethod
    def _true_is_no_bound(cls, stop: Any) -> Any:
        if isinstance(stop, dict) and any(isinstance(bound, bool) for bound in stop.values()):
            raise PydanticCustomError("no_number", "must be numbers")
        return stop

    @field_validator("stop")
    @classmethod
    def _can_be_reached(cls, stop: dict[Metric, float]) -> dict[Metric, float]:
        for metric, bound in stop.items():
            most = math.inf if metric.endswith("_loss") else 1
            if not 0 <= bound <= most:
                raise PydanticCustomError(
                    "sentence",
                    "{metric} is never {bound}: an accuracy is in [0, 1], a loss at least 0",
                    {"metric": metric, "bound": f"{bound:g}"},
                )
        return stop

    @property
    def stops(self) -> bool:
        """Whether a trial may end before its last epoch."""
        return bool(self.stop) or self.scheduler.name in ("asha", "median")

    @model_validator(mode="after")
    def _population_is_whole(self) -> SweepConfig:
        """A population goes on only together, with all its members known beforehand."""
        search = self.search
        for setting, asked in (
            ("stop", bool(self.stop)),
            (f"search.algorithm: {search.algorithm}", search.adaptive),
            ("search.max_concurrent", search.max_concurrent is not None),
            ("search.time_budget", search.time_budget is not None),
        ):
            if asked and self.scheduler.name == "pbt":
                raise PydanticCustomError(
                    "sentence",
                    "scheduler: the members of a population train to their end together, "
                    "so pbt does not go with {setting}: leave one out",
                    {"setting": setting},
                )
        return self
