"""Partial correlations: what is left of a relation once covariates are held fixed.

Legend: T trials, K covariates, C configurations, B resamples.
"""

from __future__ import annotations

import math

import numpy as np

from sweep.regression.clusters import Floats
from sweep.regression.correlation import Coefficient, Method, fisher_interval, ranks
from sweep.regression.draws import Draws


def partial_correlation(
    x: Floats,
    y: Floats,
    covariates: Floats,
    method: Method,
    draws: Draws,
) -> Coefficient:
    """Correlation of (T,) x and y given (T, K) covariates, within groups.

    From the inverse of the covariance matrix: -P_xy / sqrt(P_xx P_yy). Interval: the
    bootstrap over configurations, the covariates fitted anew in each draw. p-value: residuals
    of y are swapped between configurations and fitted again (Freedman and Lane, Journal of
    Business and Economic Statistics 1, 1983). With `spearman` all enter by their ranks.
    NaN where groups or covariates tell x or y entirely.
    """
    clusters = draws.clusters
    columns = np.column_stack([x, y, covariates])
    if method == "spearman":
        columns = ranks(columns, clusters)
    sizes = np.sqrt((columns**2).sum(axis=0))
    columns = clusters.centered(columns)
    norms = np.sqrt((columns**2).sum(axis=0))
    varied = norms > 1e-12 * (1 + sizes)
    if not varied[:2].all():
        return Coefficient(math.nan, math.nan, math.nan, math.nan)
    columns = columns[:, varied] / norms[varied]  # a covariate that is constant tells nothing
    residual_x, residual_y, basis = _residuals(columns)
    if min(residual_x @ residual_x, residual_y @ residual_y) < 1e-10:
        return Coefficient(math.nan, math.nan, math.nan, math.nan)
    value = float(residual_x @ residual_y) / math.sqrt(
        float(residual_x @ residual_x) * float(residual_y @ residual_y)
    )
    num = columns.shape[1]
    first, second = np.triu_indices(num)
    resampled = []
    for weights in draws.weights():
        sums = clusters.products(columns[:, first], columns[:, second], weights)
        matrices = np.zeros((len(sums), num, num))
        matrices[:, first, second] = matrices[:, second, first] = sums
        resampled.append(_partials(matrices))
    freedom = clusters.freedom - basis.shape[1]
    low, high = fisher_interval(value, np.concatenate(resampled), freedom)
    extreme = 0
    both = np.column_stack([residual_x, basis])
    for order in draws.orders():
        sums = residual_y[order] @ both
        left = residual_y @ residual_y - (sums[:, 1:] ** 2).sum(axis=1)
        scale = np.sqrt(np.maximum(left, 1e-30) * (residual_x @ residual_x))
        extreme += int((np.abs(sums[:, 0] / scale) >= abs(value) - 1e-9).sum())
    return Coefficient(value, low, high, (1 + extreme) / (1 + draws.resamples))


def _residuals(columns: Floats) -> tuple[Floats, Floats, Floats]:
    """Of x and y after the covariates, and an orthonormal basis (T, K or fewer) of these."""
    left, singular, _ = np.linalg.svd(columns[:, 2:], full_matrices=False)
    basis = left[:, singular > 1e-9 * singular.max(initial=0.0)]
    pair = columns[:, :2] - basis @ (basis.T @ columns[:, :2])
    return pair[:, 0], pair[:, 1], basis


def _partials(matrices: Floats) -> Floats:
    """(B,) partial correlations from (B, 2 + K, 2 + K) matrices of products; NaN if singular."""
    num = matrices.shape[1]
    with np.errstate(divide="ignore", invalid="ignore"):
        scale = np.sqrt(np.einsum("bii->bi", matrices))
        matrices = matrices / scale[:, :, None] / scale[:, None, :]
    finite = np.flatnonzero(np.isfinite(matrices).all(axis=(1, 2)))
    sound = finite[np.linalg.det(matrices[finite]) > 1e-12]
    found = np.full(len(matrices), np.nan)
    precision = np.linalg.solve(matrices[sound], np.eye(num)[:, :2])
    found[sound] = -precision[:, 0, 1] / np.sqrt(precision[:, 0, 0] * precision[:, 1, 1])
    return np.asarray(np.clip(found, -1, 1))
