"""What a sweep has sealed, read back: rows, and one table of trials.

Knows rows, never an analysis by name.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pandas as pd

from sweep.collector import collector_paused
from sweep.config import RegressionConfig, SweepConfig, TrialConfig
from sweep.data.partitions import ImageData, prepared_data
from sweep.errors import UserError
from sweep.measurement import Measurement
from sweep.measuring import make_analyses
from sweep.measuring.sealed import is_measured, read_measurements, sealed_digest
from sweep.mirror import mirror_of
from sweep.nearest import nearest
from sweep.paths import Storage
from sweep.planning import settle_trials, suggested_so_far
from sweep.scalars import SUMMARIES, scalar_name, scalars
from sweep.sealing import content_key, read_manifest, write_file
from sweep.space import Trial, flatten
from sweep.training.checkpoints import Record, is_trained, read_history
from sweep.training.stopping import as_trained
from sweep.work import Work

NOBODY = "nobody"  # stopped a trial that came to its end


@dataclass(frozen=True)
class TrialResult:
    """A trial that is trained and measured.

    rows: of the last checkpoint. earlier: of those before, by epoch, ascending. exploits: of
        a member of a population, whose weights it took over after which epoch, with which
        settings from then on: "epoch", "from", "from_name", "values".
    """

    trial: Trial
    rows: list[Measurement]
    history: list[Record]
    earlier: dict[float, list[Measurement]] = field(default_factory=dict)
    exploits: list[dict[str, Any]] = field(default_factory=list)

    @property
    def all_rows(self) -> list[Measurement]:
        """The rows of all checkpoints, in the order of their epochs."""
        return [row for rows in (*self.earlier.values(), self.rows) for row in rows]


@dataclass(frozen=True)
class SweepResults:
    """All of a sweep that is sealed. `trials` are those of its plan, sealed or not."""

    work: Work
    source: str
    trials: list[Trial]
    results: list[TrialResult]


def write_plan(work: Work, source: str, trials: Sequence[Trial]) -> None:
    """Keep what the sweep is: the file as given, and as understood with its trials."""
    paths = work.sweep_paths
    write_file(paths.source, source)
    plan = {
        "config": work.config.model_dump(),
        "trials": [
            {
                "key": trial.key,
                "role": trial.role,
                "config": trial.config.model_dump(),
                "earlier": trial.earlier,
                "population": trial.population,
            }
            for trial in trials
        ],
    }
    if suggested := suggested_so_far(work.config, paths, trials):
        plan["suggested"] = suggested
    write_file(paths.plan, json.dumps(plan, indent=1) + "\n")
    mirror_of(work.storage).send_files(paths.folder)


def load_results(
    storage: Storage, name: str, chosen: Callable[[Trial], bool] | None = None
) -> SweepResults:
    """Read what is sealed of the sweep that was last run under this name.

    chosen: which of its trials to read; None reads all. `trials` are those of the plan.
    """
    return load_sealed(load_plan(storage, name), chosen)


def load_sealed(plan: SweepResults, chosen: Callable[[Trial], bool] | None = None) -> SweepResults:
    """A plan with what is sealed of it, or of its chosen trials."""
    with collector_paused():
        results = [
            load_trial(plan.work, trial)
            for trial in plan.trials
            if (chosen is None or chosen(trial)) and is_complete(plan.work, trial)
        ]
    return replace(plan, results=results)


def load_plan(storage: Storage, name: str) -> SweepResults:
    """The sweep that was last run under this name, with all its trials and no result."""
    known = storage.sweep_names()
    if name not in known:  # also keeps a name with a path in it out
        if name in storage.suite_names():
            raise UserError(
                f"{name!r} is a suite: name one of its sweeps; there is: {', '.join(known)}"
            )
        raise UserError(
            f"no sweep {name!r} in {storage.folder}; "
            f"there is: {', '.join(known) or 'none yet'}: run it first"
        )
    paths = storage.sweep(name)
    mirror_of(storage).fetch_all(paths.folder)
    try:
        plan = json.loads(paths.plan.read_text())
        config = SweepConfig.model_validate(plan["config"])
    except (OSError, ValueError, KeyError) as error:
        first_line = str(error).splitlines()[0]
        raise UserError(
            f"{paths.plan} can't be read ({first_line}): run the sweep again"
        ) from error
    data = prepared_data(config.data, storage)
    if data is None:
        raise UserError(f"the data of sweep {name!r} is not prepared: run the sweep again")
    planned = [
        Trial(
            entry["key"],
            entry["role"],
            TrialConfig.model_validate(entry["config"]),
            tuple(entry["earlier"]),
            population=entry.get("population", ""),
        )
        for entry in plan["trials"]
    ]
    work = Work(config, storage, data)
    trials = [as_trained(config, trial, work.paths(trial)) for trial in planned]
    return SweepResults(work, paths.source.read_text(), trials, [])


def load_trial(work: Work, trial: Trial) -> TrialResult:
    """Rows and history of a trial that is complete."""
    paths = work.paths(trial)
    rows = read_measurements(work.config, trial, paths)
    earlier = {
        epoch: read_measurements(work.config, trial.at(epoch), paths) for epoch in trial.earlier
    }
    checkpoint = paths.checkpoint(trial.epoch)
    exploits = read_manifest(checkpoint)["exploits"] if trial.population else []
    return TrialResult(trial, rows, read_history(checkpoint), earlier, exploits)


def is_complete(work: Work, trial: Trial) -> bool:
    """Whether the trial is trained and measured."""
    paths = work.paths(trial)
    return is_trained(trial, paths) and is_measured(work.config, trial, paths)


def sealed_digests(plan: SweepResults) -> dict[str, str]:
    """A digest of the sealed rows of each complete trial of a plan, by key; reads no row."""
    work = plan.work
    return {
        trial.key: sealed_digest(work.config, trial, work.paths(trial))
        for trial in plan.trials
        if is_complete(work, trial)
    }


def plan_trials(config: SweepConfig, storage: Storage) -> tuple[list[Trial], ImageData | None]:
    """The trials of a sweep; without prepared data their keys are provisional."""
    data = prepared_data(config.data, storage)
    paths = storage.sweep(config.name)
    mirror_of(storage).fetch_all(paths.folder)
    trials = settle_trials(config, paths, data.digest if data else "")
    return [as_trained(config, trial, paths.trial(trial.key)) for trial in trials], data


def rows_digest(rows: Iterable[Measurement]) -> str:
    """A digest of the rows: equal for equal rows. NaN is no JSON, so it stands as text."""
    return content_key([repr(row) for row in rows])


def settle_regression(config: SweepConfig) -> RegressionConfig:
    """The sweep's regression with its predictors named, each a number that a trial will have.

    Raises UserError with the nearest name if the response, a predictor or a covariate is none.
    """
    from sweep.reader import axis_names
    from sweep.regression.predictors import are_twins, default_predictors
    from sweep.regression.variables import HISTORY, parse_variable

    analyses = make_analyses(config.analyses)
    quantities = [name for analysis in analyses for name in analysis.layer_quantities]
    known = [name for analysis in analyses for name in analysis.network_quantities]
    known += [scalar_name(name, summary) for name in quantities for summary in SUMMARIES]
    regression = config.regression
    predictors = regression.predictors
    if predictors is None:
        usual = [a.layer_quantities for a in analyses if not a.controls]
        found = default_predictors([name for names in usual for name in names], known)
        predictors = [name for name in found if not are_twins(name, regression.response)]
    asked = [("response", regression.response)]
    asked += [("predictors", name) for name in predictors]
    asked += [("covariates", name) for name in regression.covariates or []]
    settings = [*axis_names(), "epochs_trained"]
    for key, text in asked:
        variable = parse_variable(text)
        name, allowed = variable.name, known
        if variable.quantity is not None:
            name, allowed = variable.quantity, quantities
        if name not in allowed and name not in settings and not name.startswith(HISTORY):
            raise UserError(
                f"regression.{key}: this sweep measures no {name!r}; {nearest(name, allowed)}"
            )
    return regression.model_copy(update={"predictors": predictors})


def trial_parameters(trial: Trial) -> dict[str, Any]:
    """The configuration of a trial under dotted keys."""
    return flatten(trial.config.model_dump())


def stop_columns(trial: Trial) -> dict[str, Any]:
    """Epochs that its last checkpoint was trained for, and who stopped it there, if anybody.

    Of a member of a population also which population.
    """
    found = {"epochs_trained": trial.epoch, "stopped_by": trial.stopped or NOBODY}
    return found | ({"population": trial.population} if trial.population else {})


def trials_table(results: Iterable[TrialResult]) -> pd.DataFrame:
    """One line a trial: trial, name, role, configuration, epochs_trained, stopped_by, scalars."""
    return sorted_trials(
        [
            {
                "trial": result.trial.key,
                "name": result.trial.name,
                "role": result.trial.role,
                **trial_parameters(result.trial),
                **stop_columns(result.trial),
                **{name: scalar.value for name, scalar in scalars(result.rows).items()},
            }
            for result in results
        ]
    )


def sorted_trials(records: list[dict[str, Any]]) -> pd.DataFrame:
    """Records of trials as a table in the order of their keys, wherever they came from."""
    table = pd.DataFrame(records)
    return table.sort_values("trial", ignore_index=True) if len(table) else table
