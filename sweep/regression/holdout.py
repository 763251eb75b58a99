"""How wrong a line is about networks it has not seen: one left out, or a family left out.

Legend: N networks (configurations, seeds averaged), K columns, F folds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sweep.regression.clusters import Floats, Ints, sum_by

MIN_FAMILIES = 3  # one held out, two to fit


@dataclass(frozen=True)
class HoldOut:
    """Root mean squared errors, in units of the response, of networks that were held out.

    held_out: "network", one at a time, or "family". num_folds: how many there are. error: of
        the line on the predictor. mean: of the others' mean alone. covariates, both: of the
        covariates alone, and with the predictor beside them; None without covariates.
    """

    held_out: str
    num_folds: int
    error: float
    mean: float
    covariates: float | None
    both: float | None


def hold_out(x: Floats, y: Floats, covariates: Floats, fold: Ints, held_out: str) -> HoldOut:
    """Errors about (N,) y from (N,) x and (N, K) covariates, fold by fold; fold: (N,)."""
    empty = np.empty((len(x), 0))
    with_x = np.column_stack([x, covariates])
    has = covariates.shape[1] > 0
    return HoldOut(
        held_out,
        int(fold.max()) + 1,
        root_mean(held_out_errors(x[:, None], y, fold)),
        root_mean(held_out_errors(empty, y, fold)),
        root_mean(held_out_errors(covariates, y, fold)) if has else None,
        root_mean(held_out_errors(with_x, y, fold)) if has else None,
    )


def held_out_errors(columns: Floats, y: Floats, fold: Ints) -> Floats:
    """(N,) y less its prediction by least squares from the other folds' (N, K) columns."""
    spread = columns.std(axis=0)
    columns = (columns - columns.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    design = np.column_stack([np.ones(len(y)), columns])
    num = int(fold.max()) + 1
    squares = sum_by(fold, (design[:, :, None] * design[:, None, :]).reshape(len(y), -1), num)
    squares = squares.reshape(num, design.shape[1], design.shape[1])
    products = sum_by(fold, design * y[:, None], num)
    left, right = squares.sum(axis=0) - squares, products.sum(axis=0) - products
    # Least squares of least norm: a column that is constant in the rest predicts nothing.
    fitted = np.einsum("fij,fj->fi", np.linalg.pinv(left, rcond=1e-10, hermitian=True), right)
    return np.asarray(y - np.einsum("ni,ni->n", design, fitted[fold]))


def root_mean(errors: Floats) -> float:
    """Root mean squared error."""
    return float(np.sqrt(np.mean(errors**2)))
