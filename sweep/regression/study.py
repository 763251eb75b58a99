"""The trials of a regression as arrays: what each part of it is given.

Legend: T trials, C configurations, K covariates.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from sweep.config import RegressionConfig
from sweep.errors import UserError
from sweep.regression.clusters import Clusters, Floats, Ints, mean_by
from sweep.regression.draws import Draws
from sweep.regression.families import families
from sweep.regression.predictors import (
    are_twins,
    default_covariates,
    default_predictors,
    usual_quantities,
)
from sweep.regression.scopes import (
    EXPERIMENT,
    TooFewError,
    check_varies,
    clusters_of,
    in_order,
    labels_of,
)
from sweep.regression.variables import (
    HIGH,
    LOW,
    apply_transform,
    is_numeric,
    parse_variable,
    read_column,
)

MIN_SHARE = 0.9  # of the trials that must have a covariate, or a predictor to be compared


@dataclass(frozen=True, eq=False)
class Chosen:
    """The trials that have one predictor, the response and the covariates.

    rows: of the study's table. x, y: (T,). covariates: (T, K), named. family: (T,) or None
    where there are not two. names: (C,) of configurations. intercepts: (T,) what has an
    intercept of its own in the linear model: the family, of several experiments each its own.
    """

    predictor: str
    rows: Ints
    x: Floats
    y: Floats
    covariates: Floats
    covariate_names: tuple[str, ...]
    draws: Draws
    family: list[str] | None
    family_draws: Draws | None
    names: list[str]
    intercepts: list[str] | None

    @property
    def clusters(self) -> Clusters:
        return self.draws.clusters

    def means(self, values: Floats) -> Floats:
        """(C, ...) means over the seeds of each configuration."""
        return mean_by(self.clusters.configuration, values, self.clusters.num_configurations)

    @property
    def network_family(self) -> list[str] | None:
        """(C,) the family of each configuration."""
        if self.family is None:
            return None
        return network_families(self.family, self.clusters)


def network_families(family: Sequence[str], clusters: Clusters) -> list[str]:
    """(C,) the family of each configuration, from those of the (T,) trials."""
    found = [""] * clusters.num_configurations
    for number, name in zip(clusters.configuration.tolist(), family, strict=True):
        found[number] = str(name)
    return found


class Study:
    """The trained trials in the order of what they are, and the variables that are asked for.

    table: one line a trial, with `role` where there are untrained ones. axes: the settings
        that vary. notes: what was left out of what was asked.
    """

    def __init__(self, table: pd.DataFrame, axes: Sequence[str], config: RegressionConfig) -> None:
        trained = table[table["role"] == "trained"] if "role" in table else table
        self.config = config
        self.axes = [axis for axis in axes if axis in trained]
        self.table = in_order(trained, self.axes)
        self.notes: list[str] = []
        self._known: dict[bytes, tuple[Draws, list[str] | None, Draws | None, list[str]]] = {}
        self.response = config.response
        self.predictors = config.predictors
        if self.predictors is None:
            columns = [str(name) for name in self.table]
            found = default_predictors(usual_quantities(columns), columns)
            self.predictors = [name for name in found if not are_twins(name, self.response)]
        self.predictors = list(dict.fromkeys(name.strip() for name in self.predictors))
        self.covariates = self._covariates()
        family = families(self.table)
        self.family = None if family is None else family.to_numpy()

    def has(self, name: str) -> bool:
        return parse_variable(name).name in self.table

    def column(self, name: str) -> Floats:
        """(T,) values, NaN where a trial has none."""
        return read_column(self.table, name)

    def ends(self, name: str) -> tuple[Floats, Floats] | None:
        """(T,) ends of the intervals of a variable, on its scale; None where it has none."""
        variable = parse_variable(name)
        if LOW + variable.name not in self.table:
            return None
        low, high = (
            apply_transform(variable, self.table[end + variable.name].to_numpy(np.float64))
            for end in (LOW, HIGH)
        )
        return low, high

    def choose(self, predictor: str) -> Chosen:
        """The trials that have the predictor and the response, and its covariates.

        A covariate that is a form of the predictor is none of it. Raises TooFewError.
        """
        names = tuple(name for name in self.covariates if not are_twins(name, predictor))
        columns = np.column_stack([self.column(n) for n in (predictor, self.response, *names)])
        rows = np.flatnonzero(np.isfinite(columns).all(axis=1))
        draws, family, family_draws, labels = self._drawn(rows)
        x, y = columns[rows, 0], columns[rows, 1]
        check_varies(x, y, draws.clusters)
        spread = columns[rows, 2:].std(axis=0) > 0
        return Chosen(
            predictor,
            rows,
            x,
            y,
            columns[rows, 2:][:, spread],
            tuple(name for name, varies in zip(names, spread, strict=True) if varies),
            draws,
            family,
            family_draws,
            labels,
            self._intercepts(rows, family),
        )

    def _intercepts(self, rows: Ints, family: list[str] | None) -> list[str] | None:
        if EXPERIMENT not in self.table or self.table[EXPERIMENT].iloc[rows].nunique() < 2:
            return family
        experiment = self.table[EXPERIMENT].iloc[rows].astype(str).tolist()
        pairs = zip(experiment, family or [""] * len(rows), strict=True)
        return [f"{name} {own}" for name, own in pairs]

    def _drawn(self, rows: Ints) -> tuple[Draws, list[str] | None, Draws | None, list[str]]:
        """What all predictors of the same rows share: draws, families, names."""
        key = rows.tobytes()
        if key in self._known:
            return self._known[key]
        part = self.table.iloc[rows]
        _, clusters = clusters_of(part, self.axes)
        resamples, seed = self.config.resamples, self.config.seed
        family = None if self.family is None else [str(name) for name in self.family[rows]]
        by_family = None
        if family is not None and len(set(family)) > 1:
            number = np.unique(np.array(family), return_inverse=True)[1].astype(np.int64)
            by_family = Draws(Clusters(clusters.configuration, number), resamples, seed)
        else:
            family = None
        draws = Draws(clusters, resamples, seed)
        found = draws, family, by_family, labels_of(part, clusters.configuration)
        self._known = {key: found}  # predictors of other trials are few, and draws are large
        return found

    def _covariates(self) -> list[str]:
        given = self.config.covariates
        if given is None:
            numbers = [str(name) for name in self.table if is_numeric(self.table[name])]
            return default_covariates(numbers, self.response, self._is_varied)
        for name in given:
            read_column(self.table, name)  # a misspelt one is told with the nearest
            if are_twins(name, self.response):
                raise UserError(
                    f"covariate {name!r} is a form of the response {self.response!r}: "
                    "holding it fixed leaves nothing to explain"
                )
        kept = [name for name in given if self._is_varied(name)]
        for name in sorted({*given} - {*kept}):
            self.notes.append(f"covariate {name} left out: it does not vary, or trials lack it")
        return kept

    def _is_varied(self, name: str) -> bool:
        values = self.column(name)
        there = np.isfinite(values)
        return bool(there.mean() >= MIN_SHARE and np.ptp(values[there]) > 0)


__all__ = ["MIN_SHARE", "Chosen", "Study", "TooFewError"]
