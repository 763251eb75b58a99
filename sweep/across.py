"""A regression from names to a result: sweeps, experiments of MLflow, tables.

What `idsweep regress` and `sweep.api.regress` do; sweeps that run call `sweep.outcome`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import pandas as pd
from pydantic import ValidationError

from sweep.config import RegressionConfig
from sweep.errors import UserError
from sweep.given import parsed_value
from sweep.nearest import nearest
from sweep.numbers import layer_columns, numbers_table
from sweep.paths import Storage
from sweep.regression import (
    EXPERIMENT,
    HIGH,
    LOW,
    Regression,
    check_column,
    is_numeric,
    layers_asked,
    parse_variable,
    regress,
)
from sweep.regression.given import PUBLISHED, read_published_table, read_table
from sweep.results import (
    SweepResults,
    TrialResult,
    load_plan,
    load_sealed,
    sealed_digests,
    settle_regression,
)
from sweep.space import varied_keys
from sweep.tracking import choose_uri, hide_password
from sweep.tracking.keeping import keep_regression
from sweep.tracking.reading import read_experiment, read_sealed


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
SEALED = "the sealed measurements"


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


@dataclass(frozen=True)
class Trials:
    """Trials of one source. data: digests of the data sets. uri: of MLflow, if they came thence."""

    name: str
    table: pd.DataFrame
    axes: list[str]
    source: str
    config: RegressionConfig = field(default_factory=RegressionConfig)
    data: tuple[str, ...] = ()
    uri: str | None = None


def regress_across(question: Question, storage: Storage | None) -> Answer:
    """Regress over all trials that the question names.

    storage: where sweeps were run here; None if there is none. A sweep of it is read from
    MLflow where that holds every trial as it is sealed, else from the sealed rows (which no
    MLflow filter reaches). Any other name is an experiment of the MLflow at `tracking_uri`.
    Raises UserError, in one line, for what can't be found, filtered or regressed.
    """
    if (question.table is None) == (not question.names):
        raise UserError("name sweeps or experiments, or give a table with --table; one of the two")
    if question.table is not None:
        if question.filter_string:
            raise UserError(f"--filter is of MLflow, and {question.table} is none: take --where")
        table = read_table(question.table)
        found = [Trials(question.table.name, table, _own_axes(table), str(question.table))]
    else:
        found = [_read(name, question, storage) for name in dict.fromkeys(question.names)]
    trials, notes = _together(found)
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


def _read(name: str, question: Question, storage: Storage | None) -> Trials:
    if name.startswith(PUBLISHED):
        if question.filter_string:
            raise UserError(f"--filter is of MLflow, and {name} is none of it: take --where")
        table = read_published_table(name.removeprefix(PUBLISHED))
        config = RegressionConfig(
            response=str(table.columns[-1]), predictors=[str(table.columns[2])]
        )
        return Trials(name, table, [], name, config)
    if storage is not None and name in (*storage.sweep_names(), *storage.suite_names()):
        known = choose_uri(storage, name, question.tracking_uri)
        plan = load_plan(storage, name)
        return read_sweep(plan, lambda: load_sealed(plan).results, known, question)
    uri = question.tracking_uri
    if uri is None:
        if storage is None or not storage.tracking_file.exists():
            there = ", ".join(storage.sweep_names()) if storage is not None else "none"
            raise UserError(
                f"no sweep {name!r} was run here (there is: {there or 'none yet'}): run it, or say "
                "with --tracking-uri which MLflow has the experiment"
            )
        uri = storage.tracking_uri
    found = read_experiment(uri, name, question.filter_string, layers_asked(question.asked))
    source = f"MLflow at {hide_password(uri)}"
    return Trials(name, found.table, found.axes, source, data=found.data, uri=uri)


def read_sweep(
    plan: SweepResults,
    read: Callable[[], list[TrialResult]],
    uri: str | None,
    question: Question = DEFAULTS,
) -> Trials:
    """A sweep that was run here: from MLflow if it holds every trial as it is sealed.

    Else, or where uri is None, from the sealed rows. read: gives what is sealed; called only
    if it is needed, for thousands of networks take a while. Raises UserError for a number
    that the sweep doesn't measure, and for a filter where MLflow can't answer it.
    """
    work = plan.work
    name = work.config.name
    config = question.settle(work.config.regression)
    asked = [config.response, *(config.predictors or []), *(config.covariates or [])]
    layers = layers_asked(asked)
    settled = settle_regression(work.config.model_copy(update={"regression": config}))
    make = partial(
        Trials, name, axes=varied_keys(plan.trials), config=settled, data=(work.data.digest,)
    )
    if uri is None:
        return make(table=numbers_table(read(), layers), source=SEALED)
    try:
        table = read_sealed(uri, name, sealed_digests(plan), question.filter_string).table
    except UserError as error:
        if question.filter_string:
            raise
        return make(table=numbers_table(read(), layers), source=f"{SEALED} ({error})")
    if not len(table):
        raise UserError(f"no trial of {name} is left by {question.filter_string!r}")
    if layers:
        found = {result.trial.key: layer_columns(result.rows, layers) for result in read()}
        columns = pd.DataFrame([found[key] for key in table["trial"]], index=table.index)
        table = pd.concat([table, columns], axis=1)
    return make(table=table, source=f"MLflow at {hide_password(uri)}", uri=uri)


def _together(found: Sequence[Trials]) -> tuple[Trials, list[str]]:
    """Trials of several sources as one table; a network that is in two of them counts once."""
    if len(found) == 1:
        return found[0], []
    table = pd.concat(
        [one.table.assign(**{EXPERIMENT: one.name}) for one in found], ignore_index=True
    )
    notes = []
    if "trial" in table:
        again = table["trial"].notna() & table["trial"].duplicated()
        if again.any():
            notes.append(f"{int(again.sum())} trials are in several experiments and count once")
            table = table[~again].reset_index(drop=True)
    if len({digest for one in found for digest in one.data}) > 1:
        notes.append(
            "the experiments' data differ: dimensions of different images, or of different "
            "numbers of them, do not compare; within one experiment they do"
        )
    axes = list(dict.fromkeys([EXPERIMENT, *(axis for one in found for axis in one.axes)]))
    # What varies only between experiments is no axis of either, but must not be mixed up.
    settings = [str(name) for name in table if str(name).startswith(("model.", "training."))]
    axes += [key for key in settings if key not in axes and table[key].astype(str).nunique() > 1]
    several = len({one.name for one in found}) > 1 and table[EXPERIMENT].nunique() > 1
    sources = ", ".join(dict.fromkeys(one.source for one in found))
    config = found[0].config
    if any(one.config != config for one in found):
        config = config.model_copy(update={"predictors": None})
    return Trials("", table, axes if several else axes[1:], sources, config), notes


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


def _own_axes(table: pd.DataFrame) -> list[str]:
    """Of a table of one's own: settings that it names as sweeps do."""
    named = [str(name) for name in table if str(name).startswith(("model.", "training."))]
    return [name for name in named if table[name].nunique(dropna=False) > 1]
