"""What a regression finds, as values: all that is printed, drawn and kept."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field, fields
from typing import Any

import pandas as pd

from sweep.regression.attenuation import Attenuation
from sweep.regression.footing import Footing
from sweep.regression.holdout import HoldOut
from sweep.regression.influence import Influence
from sweep.regression.mixed import LinearModel
from sweep.regression.scopes import ALL

WITHIN = "families removed"  # a scope of partial correlations and corrected ones


@dataclass(frozen=True)
class Correlation:
    """One coefficient between a predictor and the response in one scope.

    scope: "all trials", "family cnn", or "along training.label_noise", where all else is
        held fixed. method: "pearson", "spearman", or "kendall" (along an axis the
        granulated one: see `sweep/regression/kendall.py`).
    value, low, high: the coefficient and its 95% interval; NaN where there is none.
    p_value: two-sided, by permutation.
    slope: change of the response per unit of the predictor (least squares); pearson only.
    num_trials, num_configurations: a configuration is all trials that differ in nothing
        but their seed. num_groups: how many groups of trials that agree in all but the
        axis are compared within (1 where nothing is held fixed).
    """

    predictor: str
    response: str
    scope: str
    method: str
    value: float
    low: float
    high: float
    p_value: float
    slope: float | None
    num_trials: int
    num_configurations: int
    num_groups: int


@dataclass(frozen=True)
class Partial:
    """A correlation given covariates, over all trials or with families removed.

    value, low, high, p_value: NaN where the covariates tell the predictor or the response.
    """

    predictor: str
    scope: str
    method: str
    covariates: tuple[str, ...]
    value: float
    low: float
    high: float
    p_value: float


@dataclass(frozen=True)
class Granulated:
    """Kendall's tau along each axis, and the mean of these (psi of arXiv:1912.02178)."""

    predictor: str
    axes: dict[str, float]
    mean: float


@dataclass(frozen=True)
class Line:
    """The linear model of one predictor, given the covariates."""

    predictor: str
    covariates: tuple[str, ...]
    model: LinearModel


@dataclass(frozen=True)
class Corrected:
    """One predictor's coefficients freed of its errors, in one scope."""

    predictor: str
    scope: str
    found: Attenuation


@dataclass(frozen=True)
class Predicted:
    """How wrong one predictor is about networks that were held out."""

    predictor: str
    covariates: tuple[str, ...]
    found: HoldOut


@dataclass(frozen=True)
class Carrier:
    """What one network or family does to one predictor's correlation."""

    predictor: str
    found: Influence


@dataclass(frozen=True)
class EarlyStops:
    """Trained trials that did not come to their last epoch.

    by: how many, by who stopped them. num_trials: trained, in all. without: correlations
        over all others. skipped: what could not be asked of these, with the reason.
    """

    by: dict[str, int]
    num_trials: int
    without: list[Correlation]
    skipped: list[str]


@dataclass(frozen=True)
class Regression:
    """All that is asked across models.

    predictors, covariates: by name, in order; the first predictor is the headline's.
    correlations: each predictor, scope and method. influences: of each predictor the
        networks that change r most, and every family. footing: None for one predictor.
    stopped: the trials stopped early, and what is left without them; None: none was.
    skipped: what could not be asked, with the reason. notes: what to bear in mind.
    chosen: which trials, where not all of the experiment: its filters in words.
    """

    response: str
    correlations: list[Correlation]
    skipped: list[str]
    num_trials: int
    resamples: int
    seed: int
    predictors: list[str] = field(default_factory=list)
    covariates: list[str] = field(default_factory=list)
    num_configurations: int = 0
    families: list[str] = field(default_factory=list)
    granulated: list[Granulated] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    partials: list[Partial] = field(default_factory=list)
    predicted: list[Predicted] = field(default_factory=list)
    influences: list[Carrier] = field(default_factory=list)
    corrected: list[Corrected] = field(default_factory=list)
    footing: Footing | None = None
    stopped: EarlyStops | None = None
    notes: list[str] = field(default_factory=list)
    chosen: str = ""

    def to_json(self) -> dict[str, Any]:
        """All of it as JSON values; what is not a number is null."""
        return dict(_plain(asdict(self)))

    def find(self, predictor: str, scope: str, method: str) -> Correlation | None:
        """One coefficient, if there is one."""
        wanted = predictor, scope, method
        found = (c for c in self.correlations if (c.predictor, c.scope, c.method) == wanted)
        return next(found, None)

    def parameters(self) -> dict[str, Any]:
        """What was asked: the params of its MLflow run."""
        return {
            "response": self.response,
            "predictors": ", ".join(self.predictors),
            "covariates": ", ".join(self.covariates),
            "resamples": self.resamples,
            "seed": self.seed,
            "chosen": self.chosen or "all trained trials",
        }

    def metrics(self) -> dict[str, float]:
        """A few numbers under keys that are the same for every regression.

        Of the first predictor over all trials: three coefficients and their p-values, the
        granulated Kendall, the standardized slope of the linear model, the partial
        correlation, errors of networks held out; and how many there are.
        """
        found: dict[str, float | None] = {
            "num_trials": self.num_trials,
            "num_configurations": self.num_configurations,
        }
        first = self.predictors[0] if self.predictors else ""
        for method in ("pearson", "spearman", "kendall"):
            row = self.find(first, ALL, method)
            if row is not None:
                found[method] = row.value
                found |= {f"{method}_low": row.low, f"{method}_high": row.high}
                found[f"{method}_p"] = row.p_value
        for granulated in self.granulated[:1]:
            found["granulated_kendall"] = granulated.mean
        for line in self.lines[:1]:
            found["standardized_slope"] = line.model.standardized
        for partial in self.partials:
            if (partial.predictor, partial.method) == (first, "pearson"):
                name = "partial" if partial.scope == ALL else "partial_families_removed"
                found[name] = partial.value
        for one in self.predicted:
            if one.predictor == first:
                found[f"error_{one.found.held_out}_held_out"] = one.found.error
                found[f"error_{one.found.held_out}_held_out_mean"] = one.found.mean
        for fixed in self.corrected:
            if (fixed.predictor, fixed.scope) == (first, ALL):
                found["reliability"] = fixed.found.reliability
                found["pearson_corrected"] = fixed.found.corrected
        if self.stopped is not None:
            found["num_stopped"] = sum(self.stopped.by.values())
            for rest in self.stopped.without:
                if rest.predictor == first:
                    found[f"{rest.method}_without_stopped"] = rest.value
        return {k: float(v) for k, v in found.items() if v is not None and math.isfinite(v)}

    def tables(self) -> dict[str, pd.DataFrame]:
        """File stem to table, of all parts that there are."""
        parts = {
            "correlations": [asdict(row) for row in self.correlations],
            "granulated": [
                {"predictor": row.predictor, "axis": axis, "psi": value}
                for row in self.granulated
                for axis, value in (*row.axes.items(), ("mean", row.mean))
            ],
            "partial": [asdict(row) for row in self.partials],
            "models": [_flat(row) for row in self.lines],
            "held_out": [_flat(row) for row in self.predicted],
            "influence": [_flat(row) for row in self.influences],
            "attenuation": [_flat(row) for row in self.corrected],
            "predictors": [asdict(row) for row in self.footing.rows] if self.footing else [],
            "without_stopped": [asdict(row) for row in self.stopped.without]
            if self.stopped
            else [],
        }
        return {stem: pd.DataFrame(rows) for stem, rows in parts.items() if rows}


def _flat(row: Any) -> dict[str, Any]:
    """A row's fields, those of the dataclass inside it beside them; lists as text."""
    values: dict[str, Any] = {}
    for one in fields(row):
        value = getattr(row, one.name)
        inner = asdict(value) if hasattr(value, "__dataclass_fields__") else {one.name: value}
        values |= {k: ", ".join(v) if isinstance(v, tuple) else v for k, v in inner.items()}
    return values


def _plain(value: Any) -> Any:
    """JSON values: what is no number is null, tuples are lists."""
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
