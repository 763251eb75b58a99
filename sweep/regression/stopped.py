"""Trials that were stopped early: how many, by whom, and what is left without them."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from sweep.config import RegressionConfig
from sweep.regression.by_scope import METHODS
from sweep.regression.correlation import correlate_all
from sweep.regression.result import Correlation, EarlyStops
from sweep.regression.study import Study, TooFewError

STOPPED_BY, NOBODY = "stopped_by", "nobody"
WITHOUT = "without those stopped early"  # a scope


def early_stops(
    table: pd.DataFrame, axes: Sequence[str], config: RegressionConfig, predictors: Sequence[str]
) -> EarlyStops | None:
    """What a regression over all trained trials is to say of those stopped early; None: none was.

    predictors: those that the whole table has.
    """
    if STOPPED_BY not in table:
        return None
    trained = table[table["role"] == "trained"] if "role" in table else table
    by = trained[STOPPED_BY].fillna(NOBODY).astype(str)
    if (by == NOBODY).all():
        return None
    rest = trained[by == NOBODY]
    found, skipped = [], []
    # All else is as for the whole: what is compared is the same question over fewer trials.
    study = Study(rest, axes, _only(config, predictors)) if len(rest) else None
    for predictor in predictors:
        try:
            if study is None:
                raise TooFewError("all were stopped")
            found += _correlate(study, predictor)
        except TooFewError as error:
            skipped.append(f"{predictor} {WITHOUT}: {error}")
    counts = by[by != NOBODY].value_counts().sort_index()
    return EarlyStops(
        {str(name): int(count) for name, count in counts.items()}, len(trained), found, skipped
    )


def _only(config: RegressionConfig, predictors: Sequence[str]) -> RegressionConfig:
    """The same question of these predictors, nothing held fixed."""
    return config.model_copy(update={"predictors": list(predictors), "covariates": []})


def _correlate(study: Study, predictor: str) -> list[Correlation]:
    part = study.choose(predictor)
    coefficients = correlate_all(part.x[:, None], part.y, METHODS, part.draws)
    return [
        Correlation(
            predictor=predictor,
            response=study.response,
            scope=WITHOUT,
            method=method,
            num_trials=len(part.y),
            num_configurations=part.clusters.num_configurations,
            num_groups=1,
            **vars(coefficients[method][0]),
        )
        for method in METHODS
    ]
