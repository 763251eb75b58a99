"""What the profiles say about accuracy, across models: which trials are compared with which."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sweep.config import RegressionConfig
from sweep.correlation import ClusteredSample, Method, correlate

SEED = "training.seed"
FAMILY = "model.name"
MIN_CONFIGURATIONS = 4
METHODS: tuple[Method, ...] = ("pearson", "spearman")


@dataclass(frozen=True)
class Correlation:
    """One coefficient between a predictor and the response in one scope.

    scope: "all trials", "family cnn", or "along training.label_noise", where all else is
        held fixed. method: "pearson" or "spearman".
    value, low, high: the coefficient and its 95% bootstrap interval.
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
class Regression:
    """All correlations that a sweep's `regression` section asks for.

    skipped: scopes with too few configurations or nothing that varies, with the reason.
    """

    response: str
    correlations: list[Correlation]
    skipped: list[str]
    num_trials: int
    resamples: int
    seed: int

    def to_json(self) -> dict[str, Any]:
        """All of it as JSON values; what is not a number is null."""
        values = asdict(self)
        for row in values["correlations"]:
            row.update({k: None for k, v in row.items() if isinstance(v, float) and math.isnan(v)})
        return values


def regress(table: pd.DataFrame, axes: Sequence[str], config: RegressionConfig) -> Regression:
    """Correlate each predictor with the response: over all, by family, along each axis.

    table: one line a trial, as `results.trials_table` makes it; untrained networks are
        left out. axes: the keys that the sweep varies. config: with its predictors named.

    Trials that share a configuration and differ in the seed are not independent: points
    are trials, but what is resampled and permuted is whole configurations. Along an axis,
    both variables are centered within the groups of trials that agree in everything
    else, and resampling stays within the groups.
    """
    trained = table[table["role"] == "trained"] if len(table) else table
    axes = [axis for axis in axes if axis in trained]
    correlations: list[Correlation] = []
    skipped: list[str] = []
    for predictor in config.predictors or []:
        missing = [name for name in (predictor, config.response) if name not in trained]
        if missing:
            skipped.append(f"{predictor}: no trial has {' and '.join(missing)}")
            continue
        for scope, part, fixed in _scopes(trained, axes):
            part = part.dropna(subset=[predictor, config.response])
            try:
                sample = _sample(part, predictor, config.response, axes, fixed)
            except _TooFewError as error:
                skipped.append(f"{predictor} {scope}: {error}")
                continue
            rng = np.random.default_rng(config.seed)
            for method in METHODS:
                coefficient = correlate(sample, method, config.resamples, rng)
                correlations.append(
                    Correlation(
                        predictor=predictor,
                        response=config.response,
                        scope=scope,
                        method=method,
                        num_trials=len(sample.x),
                        num_configurations=sample.num_configurations,
                        num_groups=sample.num_groups,
                        **vars(coefficient),
                    )
                )
    return Regression(
        config.response, correlations, skipped, len(trained), config.resamples, config.seed
    )


def _scopes(
    table: pd.DataFrame, axes: Sequence[str]
) -> list[tuple[str, pd.DataFrame, list[str] | None]]:
    """Each scope's name, its trials, and the keys held fixed in it (None: nothing is)."""
    scopes: list[tuple[str, pd.DataFrame, list[str] | None]] = [("all trials", table, None)]
    if FAMILY in axes:
        for family, part in table.groupby(FAMILY):
            scopes.append((f"family {family}", part, None))
    for axis in axes:
        if axis != SEED:
            fixed = [key for key in axes if key not in (axis, SEED)]
            scopes.append((f"along {axis}", table, fixed))
    return scopes


class _TooFewError(Exception):
    pass


def _sample(
    part: pd.DataFrame,
    predictor: str,
    response: str,
    axes: Sequence[str],
    fixed: list[str] | None,
) -> ClusteredSample:
    """The scope's trials as arrays, without groups in which the axis doesn't vary."""
    configuration = _numbered(part, [axis for axis in axes if axis != SEED])
    if len(np.unique(configuration)) == 1:
        configuration = np.arange(len(part))  # nothing varies but the seed: trials count
    group = _numbered(part, fixed or [])
    if fixed is not None:
        varied = [g for g in np.unique(group) if len(np.unique(configuration[group == g])) > 1]
        kept = np.isin(group, varied)
        part, group, configuration = part[kept], group[kept], configuration[kept]
    num_configurations = len(np.unique(configuration))
    if num_configurations < MIN_CONFIGURATIONS:
        raise _TooFewError(f"{num_configurations} configurations, needs {MIN_CONFIGURATIONS}")
    sample = ClusteredSample(
        part[predictor].to_numpy(np.float64),
        part[response].to_numpy(np.float64),
        np.unique(configuration, return_inverse=True)[1],
        np.unique(group, return_inverse=True)[1],
    )
    if not sample.varies():
        raise _TooFewError("the predictor or the response does not vary")
    return sample


def _numbered(part: pd.DataFrame, keys: list[str]) -> NDArray[np.int64]:
    if not keys:
        return np.zeros(len(part), np.int64)
    return np.asarray(part.groupby(keys, sort=True, dropna=False).ngroup(), np.int64)
