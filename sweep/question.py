"""What a regression across models is asked."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from sweep.config import RegressionConfig
from sweep.errors import UserError
from sweep.regression.given import PUBLISHED


@dataclass(frozen=True)
class Question:
    """What is asked. None: as the sweep file has it, else the usual.

    names: of sweeps that were run, of MLflow experiments, or "published:TABLE". table: a CSV
        file instead. filter_string: as `mlflow.search_runs` takes it. where: such as
        "model.name=cnn".
    """

    names: tuple[str, ...] = ()
    table: Path | None = None
    tracking_uri: str | None = None
    filter_string: str = ""
    where: tuple[str, ...] = ()
    response: str | None = None
    predictors: tuple[str, ...] | None = None
    covariates: tuple[str, ...] | None = None
    resamples: int | None = None
    seed: int | None = None

    @property
    def needs_storage(self) -> bool:
        """Whether it names what only a storage or an MLflow can have."""
        return any(not name.startswith(PUBLISHED) for name in self.names)

    @property
    def asked(self) -> list[str]:
        """The names of numbers that were given."""
        response = [self.response] if self.response else []
        return [*response, *(self.predictors or ()), *(self.covariates or ())]

    def settle(self, config: RegressionConfig) -> RegressionConfig:
        """A sweep file's section with what was given in its place. Raises UserError."""
        given = {
            "response": self.response,
            "predictors": None if self.predictors is None else list(self.predictors),
            "covariates": None if self.covariates is None else list(self.covariates),
            "resamples": self.resamples,
            "seed": self.seed,
        }
        given = {name: value for name, value in given.items() if value is not None}
        try:
            return RegressionConfig.model_validate(config.model_dump() | given)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"]))
            message = f"regression.{where}: {first['msg']}, but got {first['input']!r}"
            raise UserError(message) from error


DEFAULTS = Question()
