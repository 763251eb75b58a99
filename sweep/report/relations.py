"""How numbers of a network go with accuracy and with dimension, over all trained ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sweep.gathering import read_sweep
from sweep.regression import regress
from sweep.regression.scopes import ALL
from sweep.results import SweepResults
from sweep.summary import main_quantity


@dataclass(frozen=True)
class Relation:
    """How a number of a network goes with another, over all trained ones."""

    response: str
    predictor: str
    method: str
    value: float
    low: float
    high: float
    p_value: float
    num_trials: int
    num_configurations: int


def relations_of(results: SweepResults, predictors: Sequence[str], analysis: str) -> list[Relation]:
    """Of the predictors with accuracy and with the main dimension, whatever of it is measured.

    analysis: whose numbers the predictors are; no dimension is taken from it.
    """
    trials = read_sweep(results, lambda: results.results, None)
    there = [name for name in predictors if name in trials.table]
    responses = ["test_accuracy"]
    quantity = main_quantity(results.results)
    if quantity is not None and not quantity.startswith(analysis):
        head, _, tail = quantity.partition("/")
        responses += [f"{head}_{summary}/{tail}" for summary in ("last_hidden", "peak")]
    found = []
    for response in (name for name in responses if there and name in trials.table):
        settings = {"response": response, "predictors": there, "covariates": []}
        config = trials.config.model_copy(update=settings)
        for one in regress(trials.table, trials.axes, config).correlations:
            if one.scope == ALL and one.method != "kendall":
                found.append(
                    Relation(
                        response,
                        one.predictor,
                        one.method,
                        one.value,
                        one.low,
                        one.high,
                        one.p_value,
                        one.num_trials,
                        one.num_configurations,
                    )
                )
    return found
