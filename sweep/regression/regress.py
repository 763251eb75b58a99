"""All parts of a regression in turn, for every predictor."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from sweep.config import RegressionConfig
from sweep.regression.attenuation import correct_attenuation, error_variances
from sweep.regression.by_scope import METHODS, correlate_scopes
from sweep.regression.holdout import MIN_FAMILIES, hold_out
from sweep.regression.influence import influences
from sweep.regression.mixed import fit_model
from sweep.regression.partial import partial_correlation
from sweep.regression.result import (
    WITHIN,
    Carrier,
    Corrected,
    Line,
    Partial,
    Predicted,
    Regression,
)
from sweep.regression.scopes import (
    ALL,
    TooFewError,
    clusters_of,
)
from sweep.regression.stopped import early_stops
from sweep.regression.study import Chosen, Study
from sweep.regression.taking_part import compare_all
from sweep.regression.variables import parse_variable

NUM_CARRIERS = 5  # networks told of each predictor: those that change r most


def regress(
    table: pd.DataFrame, axes: Sequence[str], config: RegressionConfig, chosen: str = ""
) -> Regression:
    """Set each predictor against the response: over all, by family, along each axis, and more.

    table: one line a trial, as `results.trials_table` makes it; untrained networks are
        left out. Columns "low:NAME" and "high:NAME" are ends of intervals. axes: the keys
        that vary. config: predictors and covariates by name (see `variables`), None for the
        usual ones. chosen: in words, which trials these are.

    Trials that share a configuration and differ in the seed are not independent: points
    are trials, but what is resampled and permuted is whole configurations. Along an axis,
    both variables are centered within the groups of trials that agree in everything
    else, and resampling stays within the groups. The linear model with random intercepts,
    influence, held-out errors and the comparison of predictors are of configurations, the
    seeds averaged.

    Raises UserError for a name that is no number of a trial, if others of its kind are.
    """
    if not len(table):
        return Regression(config.response, [], [], 0, config.resamples, config.seed)
    study = Study(table, axes, config)
    asked, skipped = [], []
    for predictor in study.predictors or []:
        missing = [name for name in (predictor, study.response) if not study.has(name)]
        if missing:
            names = " and ".join(parse_variable(name).name for name in missing)
            skipped.append(f"{predictor}: no trial has {names}")
        else:
            asked.append(predictor)
    correlations, granulated, reasons = correlate_scopes(study, asked)
    found = Regression(
        response=study.response,
        correlations=correlations,
        skipped=skipped + reasons,
        num_trials=len(study.table),
        resamples=config.resamples,
        seed=config.seed,
        predictors=list(study.predictors or []),
        covariates=study.covariates,
        num_configurations=_num_configurations(study),
        families=sorted(set(map(str, study.family))) if study.family is not None else [],
        granulated=granulated,
        footing=compare_all(study, asked) if len(asked) > 1 else None,
        stopped=early_stops(study.table, axes, config, asked),
        notes=study.notes,
        chosen=chosen,
    )
    for predictor in asked:
        try:
            part = study.choose(predictor)
        except TooFewError:
            continue  # told above, by scope
        _add_partials(found, part)
        try:
            found.lines.append(_line(part))
        except TooFewError as error:
            found.skipped.append(f"{predictor}: {error}")
        found.predicted.extend(_predicted(part))
        found.influences.extend(_carriers(part))
        found.corrected.extend(_corrected(study, part))
    return found


def _add_partials(found: Regression, part: Chosen) -> None:
    """Given the covariates; and with families removed, where there are several."""
    scopes = [(ALL, part.draws)] if part.covariate_names else []
    scopes += [(WITHIN, part.family_draws)] if part.family_draws is not None else []
    for scope, draws in scopes:
        for method in METHODS:
            one = partial_correlation(part.x, part.y, part.covariates, method, draws)
            found.partials.append(
                Partial(
                    part.predictor,
                    scope,
                    method,
                    part.covariate_names,
                    one.value,
                    one.low,
                    one.high,
                    one.p_value,
                )
            )


def _line(part: Chosen) -> Line:
    model = fit_model(part.x, part.y, part.covariates, part.clusters.configuration, part.intercepts)
    return Line(part.predictor, part.covariate_names, model)


def _predicted(part: Chosen) -> list[Predicted]:
    x, y, covariates = part.means(part.x), part.means(part.y), part.means(part.covariates)
    folds = [("network", np.arange(len(x)))]
    family = part.network_family
    if family is not None and len(set(family)) >= MIN_FAMILIES:
        folds.append(("family", np.unique(np.array(family), return_inverse=True)[1]))
    return [
        Predicted(part.predictor, part.covariate_names, hold_out(x, y, covariates, fold, name))
        for name, fold in folds
    ]


def _carriers(part: Chosen) -> list[Carrier]:
    x, y = part.means(part.x), part.means(part.y)
    if min(x.std(), y.std()) == 0:
        return []
    found = influences(x, y, part.names, part.network_family)
    networks = [one for one in found if one.kind == "network"]
    kept = [one for one in networks if one in networks[:NUM_CARRIERS] or one.is_large]
    kept = kept[: 2 * NUM_CARRIERS]
    families = [one for one in found if one.kind == "family"]
    return [Carrier(part.predictor, one) for one in (*kept, *families)]


def _corrected(study: Study, part: Chosen) -> list[Corrected]:
    ends = study.ends(part.predictor)
    if ends is None:
        return []
    variance = error_variances(ends[0][part.rows], ends[1][part.rows])
    scopes = [(ALL, part.draws)]
    scopes += [(WITHIN, part.family_draws)] if part.family_draws is not None else []
    return [
        Corrected(
            part.predictor,
            scope,
            correct_attenuation(part.x, part.y, variance, draws),
        )
        for scope, draws in scopes
    ]


def _num_configurations(study: Study) -> int:
    try:
        return clusters_of(study.table, study.axes)[1].num_configurations
    except TooFewError:
        return len(study.table)
