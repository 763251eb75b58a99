"""The section `regression`: what is asked across models."""

from __future__ import annotations

from pydantic import Field

from sweep.config.section import Section, Seed


class RegressionConfig(Section):
    """What is asked across models."""

    response: str = Field(
        default="test_accuracy",
        description="a number of a trial: a scalar, a setting such as model.width, the last of "
        "the history (history/train_loss), a layer such as id/twonn[0.5]; also in log(...)",
    )
    predictors: list[str] | None = Field(
        default=None,
        min_length=1,
        description="numbers of a trial, each set against the response; null takes the last "
        "hidden layer's value of every quantity that is no control, peak and slope of the "
        "first, the parameter count and the training loss",
    )
    covariates: list[str] | None = Field(
        default=None,
        description="numbers of a trial that partial correlations and the linear model hold "
        "fixed; null takes log(num_parameters) and train_accuracy where they vary; [] none",
    )
    resamples: int = Field(
        default=2000, ge=100, le=100000, description="bootstrap draws, and permutations"
    )
    seed: Seed = Field(default=0, description="seed of both")
