"""A regression from names to a result: sweeps, experiments of MLflow, tables.

What `idsweep regress` and `sweep.api.regress` do; sweeps that run call `sweep.outcome`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pandas as pd

from sweep.errors import UserError
from sweep.gathering import gather
from sweep.given import parsed_value
from sweep.nearest import nearest
from sweep.paths import Storage
from sweep.question import Question
from sweep.regression import (
    HIGH,
    LOW,
    Regression,
    check_column,
    is_numeric,
    parse_variable,
    regress,
)
from sweep.tracking.keeping import keep_regression


@dataclass(frozen=True)
class Answer:
    """What came out, and where the numbers came from.

    source: in words. experiments, uri: those of MLflow that hold the trials; its run belongs
    to the first. run: that run, once it is kept.
    """

    regression: Regression
    source: str
    experiments: tuple[str, ...] = ()
    uri: str | None = None
    run: str = ""


def regress_across(question: Question, storage: Storage | None) -> Answer:
    """Regress over all trials that the question names.

    storage: where sweeps were run here; None if there is none. A sweep of it is read from
    MLflow where that holds every trial as it is sealed, else from the sealed rows (which no
    MLflow filter reaches). Any other name is an experiment of the MLflow at `tracking_uri`.
    Raises UserError, in one line, for what can't be found, filtered or regressed.
    """
    trials, found, notes = gather(question, storage)
    table = _kept(trials.table, question.where)
    for name in question.asked:
        check_column(table, name)
    if "role" in table and not (table["role"] == "trained").any():
        raise UserError(f"{trials.source} has no trained trial that could be regressed")
    config = question.settle(trials.config)
    for name in question.predictors or ():
        if parse_variable(name).name == parse_variable(config.response).name:
            raise UserError(f"predictor {name!r} is the response: it tells all of it, and nothing")
    chosen = "; ".join(filter(None, [question.filter_string, *question.where]))
    regression = regress(table, trials.axes, config, chosen)
    if not regression.predictors:
        numbers = [
            str(name)
            for name in table
            if not str(name).startswith((LOW, HIGH)) and is_numeric(table[name])
        ]
        raise UserError(f"name a predictor with --predictor; there is: {', '.join(numbers)}")
    tracked = tuple(one.name for one in found if one.uri is not None)
    return Answer(
        replace(regression, notes=[*notes, *regression.notes]),
        trials.source,
        tracked,
        next((one.uri for one in found if one.uri is not None), None),
    )


def keep_answer(answer: Answer) -> Answer:
    """Keep a regression as a run of the first experiment, with tables, figure and JSON.

    The same regression again changes nothing. What can't be kept is told, and is no error.
    """
    if answer.uri is None or not answer.regression.correlations:
        return answer
    try:
        run_id = keep_regression(answer.uri, answer.experiments[0], answer.regression)
    except UserError as error:
        notes = [*answer.regression.notes, f"not kept in MLflow: {error}"]
        return replace(answer, regression=replace(answer.regression, notes=notes))
    return replace(answer, run=f"{run_id} in {answer.experiments[0]}")


def _kept(table: pd.DataFrame, where: Sequence[str]) -> pd.DataFrame:
    """The lines of which all conditions hold. Raises UserError for a key that is no column."""
    for condition in where:
        key, equals, text = condition.partition("=")
        if not equals:
            raise UserError(f"--where {condition}: must be KEY=VALUE")
        if key not in table:
            columns = [str(name) for name in table if not str(name).startswith((LOW, HIGH))]
            raise UserError(f"--where: no setting {key!r}; {nearest(key, columns)}")
        wanted = parsed_value(f"--where {condition}", text)
        seen = sorted({str(value) for value in table[key]})
        table = table[(table[key] == wanted).to_numpy()]
        if not len(table):
            raise UserError(
                f"--where {condition}: no network is left; {key} is {', '.join(seen[:12])}"
            )
    return table
