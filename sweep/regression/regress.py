"""All parts of a regression in turn, for every predictor."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from sweep.config import RegressionConfig
from sweep.regression.attenuation import correct_attenuation, error_variances
from sweep.regression.clusters import Clusters, Floats, mean_by
from sweep.regression.correlation import Coefficient, Method, correlate_all
from sweep.regression.draws import Draws
from sweep.regression.footing import Footing, compare_predictors
from sweep.regression.holdout import MIN_FAMILIES, hold_out
from sweep.regression.influence import influences
from sweep.regression.kendall import kendall
from sweep.regression.mixed import fit_model
from sweep.regression.partial import partial_correlation
from sweep.regression.result import (
    WITHIN,
    Carrier,
    Corrected,
    Correlation,
    Granulated,
    Line,
    Partial,
    Predicted,
    Regression,
)
from sweep.regression.scopes import (
    ALL,
    Scope,
    TooFewError,
    check_varies,
    clusters_of,
    make_scopes,
)
from sweep.regression.study import MIN_SHARE, Chosen, Study, network_families
from sweep.regression.variables import parse_variable

METHODS: tuple[Method, ...] = ("pearson", "spearman")
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
    correlations, granulated, reasons = _correlations(study, asked)
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
        footing=_footing(study, asked) if len(asked) > 1 else None,
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


def _correlations(
    study: Study, predictors: Sequence[str]
) -> tuple[list[Correlation], list[Granulated], list[str]]:
    """Of each predictor in each scope by each method; granulated; what could not be."""
    columns = {name: study.column(name) for name in predictors}
    y = study.column(study.response) if predictors else np.empty(0)
    found: dict[tuple[str, str], list[Correlation]] = {}
    reasons: dict[tuple[str, str], str] = {}
    scopes = make_scopes(study.table, study.axes)
    for scope in scopes:
        for names, rows in _alike(columns, y, scope):
            part = study.table.iloc[rows]
            try:
                kept, clusters = clusters_of(part, study.axes, scope.fixed)
            except TooFewError as error:
                reasons |= {(name, scope.name): str(error) for name in names}
                continue
            rows = rows[kept]
            varied = []
            for name in names:
                try:
                    check_varies(columns[name][rows], y[rows], clusters)
                    varied.append(name)
                except TooFewError as error:
                    reasons[name, scope.name] = str(error)
            x = np.column_stack([columns[name][rows] for name in varied]) if varied else None
            if x is not None:
                rows_of = _of_scope(study, scope, varied, x, y[rows], clusters)
                found |= {(name, scope.name): own for name, own in rows_of.items()}
    pairs = [(name, scope.name) for name in predictors for scope in scopes]
    correlations = [row for pair in pairs for row in found.get(pair, [])]
    skipped = [f"{name} {scope}: {reasons[name, scope]}" for name, scope in pairs
               if (name, scope) in reasons]  # fmt: skip
    return correlations, _granulated(correlations, scopes), skipped


def _alike(
    columns: dict[str, Floats], y: Floats, scope: Scope
) -> list[tuple[list[str], np.ndarray]]:
    """Predictors that the same trials of a scope have, and these trials' rows."""
    groups: dict[bytes, tuple[list[str], np.ndarray]] = {}
    for name, column in columns.items():
        there = scope.rows[np.isfinite(column[scope.rows]) & np.isfinite(y[scope.rows])]
        groups.setdefault(there.tobytes(), ([], there))[0].append(name)
    return list(groups.values())


def _of_scope(
    study: Study, scope: Scope, names: Sequence[str], x: Floats, y: Floats, clusters: Clusters
) -> dict[str, list[Correlation]]:
    config = study.config
    draws = Draws(clusters, config.resamples, config.seed)
    usual = correlate_all(x, y, METHODS, draws)
    found: dict[str, list[Correlation]] = {}
    for number, name in enumerate(names):
        rng = np.random.default_rng(config.seed)
        tau = kendall(x[:, number], y, clusters, config.resamples, rng)
        by_method: list[tuple[str, Coefficient]] = [
            *((method, usual[method][number]) for method in METHODS),
            ("kendall", tau),
        ]
        found[name] = [
            Correlation(
                predictor=name,
                response=study.response,
                scope=scope.name,
                method=method,
                num_trials=len(y),
                num_configurations=clusters.num_configurations,
                num_groups=clusters.num_groups,
                **vars(one),
            )
            for method, one in by_method
        ]
    return found


def _granulated(rows: Sequence[Correlation], scopes: Sequence[Scope]) -> list[Granulated]:
    axes = {scope.name: scope.axis for scope in scopes if scope.axis is not None}
    found: dict[str, dict[str, float]] = {}
    for row in rows:
        if row.method == "kendall" and row.scope in axes:
            found.setdefault(row.predictor, {})[str(axes[row.scope])] = row.value
    return [
        Granulated(name, psi, float(np.mean(list(psi.values())))) for name, psi in found.items()
    ]


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


def _footing(study: Study, predictors: Sequence[str]) -> Footing | None:
    """All predictors on the networks that have every one of them."""
    y = study.column(study.response)
    there = np.isfinite(y)
    names, left_out, columns = [], [], []
    for name in predictors:
        column = study.column(name)
        share = float(np.isfinite(column[there]).mean()) if there.any() else 0.0
        if share < MIN_SHARE:
            left_out.append(f"{name}: {share:.0%} of the trials have it")
        elif np.ptp(column[there & np.isfinite(column)]) == 0:
            left_out.append(f"{name}: it does not vary")
        else:
            names.append(name)
            columns.append(column)
    if len(names) < 2 or np.ptp(y[there]) == 0:
        return None
    x = np.column_stack(columns)
    rows = np.flatnonzero(there & np.isfinite(x).all(axis=1))
    try:
        _, clusters = clusters_of(study.table.iloc[rows], study.axes)
    except TooFewError:
        return None
    x, y = x[rows], y[rows]
    num = clusters.num_configurations
    mean_x, mean_y = (mean_by(clusters.configuration, v, num) for v in (x, y))
    varied = np.ptp(mean_x, axis=0) > 0
    if varied.sum() < 2 or np.ptp(mean_y) == 0:
        return None
    family = (
        None if study.family is None else network_families(study.family[rows].tolist(), clusters)
    )
    by_family = family is not None and len(set(family)) >= MIN_FAMILIES
    fold = np.arange(len(mean_y))
    if by_family:
        fold = np.unique(np.array(family), return_inverse=True)[1]
    return compare_predictors(
        [name for name, own in zip(names, varied, strict=True) if own],
        mean_x[:, varied],
        mean_y,
        fold,
        "family" if by_family else "network",
        left_out,
        study.config.resamples,
        study.config.seed,
    )


def _num_configurations(study: Study) -> int:
    try:
        return clusters_of(study.table, study.axes)[1].num_configurations
    except TooFewError:
        return len(study.table)
