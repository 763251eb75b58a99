"""The section `claims`: what a sweep is asked to show, and by which rule, before it is run."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from sweep.config.section import Scalar, Section, known_name

# What a claim can be about, by name; `sweep/claims/statistics.py` computes each.
STATISTICS: dict[str, str] = {
    "units_over": "units of a layer over the quantity, where that is smallest: hidden layers",
    "peak_over_ends": "the largest layer in between over the larger of input and last hidden",
    "profile_range": "largest over smallest of all layers, input and output among them",
    "rise_at_end": "last hidden layer over the layer nearest to half the network's depth",
    "ratio": "quantity over the quantity named by `over`, in the last hidden layer",
    "trained_over_untrained": "last hidden layer over that of the same network untrained",
    "scalar": "the quantity itself, which must be one number of a network",
    "correlation": "Pearson's r of the last hidden layer, or of a number of a network, with "
    "`response`, over networks",
}
LIMITS = ("at_least", "at_most")


def _condition(value: Any) -> Any:
    """A value, a list of values, or limits."""
    if isinstance(value, dict):
        fine = set(value) <= set(LIMITS) and all(
            isinstance(x, int | float) and not isinstance(x, bool) for x in value.values()
        )
    else:
        listed = value if isinstance(value, list) else [value]
        fine = all(x is None or isinstance(x, bool | int | float | str) for x in listed)
    if not fine or (isinstance(value, dict | list) and not value):
        raise _sentence(
            "must be a value, a list of values, or {at_least: NUMBER, at_most: NUMBER}, "
            f"but got {value!r}"
        )
    return value


def _sentence(reason: str) -> PydanticCustomError:
    return PydanticCustomError("sentence", "{reason}", {"reason": reason})


Condition = Annotated[
    Scalar | list[Scalar] | dict[str, float],
    BeforeValidator(_condition),
]
StatisticName = Annotated[
    str, AfterValidator(lambda name: known_name("statistic", name, STATISTICS))
]


class ClaimConfig(Section):
    """One claim: what is computed, over which networks, and what would show or reverse it.

    It is shown if the whole 95% interval lies on the claimed side, reversed if the whole
    interval lies beyond that and beyond no effect (a ratio of 1, a correlation of 0), and
    otherwise not shown.
    """

    claim: str = Field(min_length=1, description="the claim, in a few words")
    statistic: StatisticName = Field(
        description="; ".join(f"{name}: {text}" for name, text in STATISTICS.items())
    )
    quantity: str = Field(
        default="id/twonn",
        description="a quantity measured per layer; of `scalar` one of a network, of "
        "`correlation` either",
    )
    over: str | None = Field(default=None, description="of `ratio`: the quantity to divide by")
    response: str = Field(default="test_error", description="of `correlation`: a scalar of a trial")
    where: dict[str, Condition] = Field(
        default={},
        description="which networks: role (trained, unless it says untrained), keys such as "
        "training.label_noise, scalars of a trial, or history.train_accuracy of the last epoch; "
        "each a value, a list, or {at_least: NUMBER, at_most: NUMBER}",
    )
    above: float | None = Field(default=None, description="claimed: larger than this")
    below: float | None = Field(default=None, description="claimed: smaller than this")
    between: tuple[float, float] | None = Field(default=None, description="claimed: within these")
    published: float | None = Field(
        default=None, description="the same statistic from the numbers of the paper"
    )
    source: str = Field(default="", description="what the published number is of")

    @model_validator(mode="after")
    def _one_rule(self) -> ClaimConfig:
        rules = [name for name in ("above", "below", "between") if getattr(self, name) is not None]
        if len(rules) != 1:
            said = " and ".join(rules) or "none"
            raise _sentence(f"needs one rule of above, below and between, but has {said}")
        if self.between is not None and not self.between[0] < self.between[1]:
            raise _sentence(f"between: `low < high` must hold, but got {list(self.between)}")
        if (self.over is None) == (self.statistic == "ratio"):
            raise _sentence(
                "statistic ratio needs `over`, the quantity to divide by"
                if self.over is None
                else f"`over` goes with statistic ratio alone, not with {self.statistic}"
            )
        return self

    @property
    def interval(self) -> tuple[float | None, float | None]:
        """The claimed side: from, to; None has no end."""
        return self.between or (self.above, self.below)

    @property
    def measured(self) -> str:
        """What is computed, in words, such as "peak_over_ends of id/twonn"."""
        said = f"{self.statistic} of {self.quantity}"
        if self.statistic == "correlation":
            return f"{said} with {self.response}"
        return said if self.over is None else f"{said} to {self.over}"

    @property
    def rule(self) -> str:
        """The rule in words, such as "above 1.1"."""
        if self.between is not None:
            return f"{self.between[0]:g} to {self.between[1]:g}"
        return f"above {self.above:g}" if self.above is not None else f"below {self.below:g}"
