"""Correlations of every predictor in every scope: over all, by family, along each axis."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sweep.regression.clusters import Clusters, Floats
from sweep.regression.correlation import Coefficient, Method, correlate_all
from sweep.regression.draws import Draws
from sweep.regression.kendall import kendall
from sweep.regression.result import (
    Correlation,
    Granulated,
)
from sweep.regression.scopes import (
    Scope,
    TooFewError,
    check_varies,
    clusters_of,
    make_scopes,
)
from sweep.regression.study import Study

METHODS: tuple[Method, ...] = ("pearson", "spearman")


def correlate_scopes(
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
