"""The section `regression`: what is asked across models."""

from __future__ import annotations

from pydantic import Field

from sweep.config.section import Section, Seed


class RegressionConfig(Section):
    """What is asked across models."""

    response: str = Field(default="test_accuracy", description="any scalar of a trial")
    predictors: list[str] | None = Field(
        default=None,
        min_length=1,
        description="scalars of a trial, each set against the response; null takes the last "
        "hidden layer's value of every quantity that is no control, and the peak of the first",
    )
    resamples: int = Field(
        default=2000, ge=100, le=100000, description="bootstrap draws, and permutations"
    )
    seed: Seed = Field(default=0, description="seed of both")
