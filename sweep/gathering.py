"""Trials gathered from sweeps, MLflow experiments and tables, as one table to regress over."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

import pandas as pd

from sweep.config import RegressionConfig
from sweep.errors import UserError
from sweep.numbers import layer_columns, numbers_table
from sweep.paths import Storage
from sweep.question import DEFAULTS, Question
from sweep.regression import (
    EXPERIMENT,
    layers_asked,
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
from sweep.tracking.reading import read_experiment, read_sealed

SEALED = "the sealed measurements"


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


def gather(question: Question, storage: Storage | None) -> tuple[Trials, list[Trials], list[str]]:
    """All trials that a question names, as one table; where each came from; what to note.

    Raises UserError, in one line, for what can't be found or filtered.
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
    together, notes = _together(found)
    return together, found, notes


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


def _own_axes(table: pd.DataFrame) -> list[str]:
    """Of a table of one's own: settings that it names as sweeps do."""
    named = [str(name) for name in table if str(name).startswith(("model.", "training."))]
    return [name for name in named if table[name].nunique(dropna=False) > 1]
