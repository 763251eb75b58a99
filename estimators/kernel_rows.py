"""Normalised kernels as rows: what is asked of them, and an order that is their own.

Legend: K kernels of k by k pixels, D = k^2.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

TOLERANCE = 1e-3  # of a kernel's sum and norm: float32 keeps both far closer


def kernel_rows(kernels: NDArray[np.floating]) -> NDArray[np.float32]:
    """(K, D): the kernels flattened; ValueError unless each has zero mean and unit norm."""
    if kernels.ndim != 3 or kernels.shape[1] != kernels.shape[2] or kernels.shape[1] < 2:
        raise ValueError(
            f"kernels must be of shape (K, k, k) with k >= 2, but got {kernels.shape}: take "
            "kernels of one size at a time"
        )
    if not len(kernels):
        raise ValueError("K >= 1 must hold, but got no kernel: leave the group out")
    rows = kernels.reshape(len(kernels), -1).astype(np.float32)
    norm = np.linalg.norm(rows, axis=1)
    if not np.isfinite(norm).all():
        raise ValueError(
            f"kernels must be finite, but got {np.count_nonzero(~np.isfinite(norm))} that are "
            "not: leave them out"
        )
    if not norm.all():
        raise ValueError(
            f"norm > 0 must hold, but got {np.count_nonzero(norm == 0)} dead kernels of all "
            "zeros: count them and leave them out"
        )
    off = max(float(np.abs(norm - 1).max()), float(np.abs(rows.sum(axis=1)).max()))
    if off > TOLERANCE:
        raise ValueError(
            "kernels must have mean 0 and norm 1, but got sums or norms that are off by "
            f"{off:.2g}: subtract each kernel's mean and divide by its norm"
        )
    return rows


def own_order(rows: NDArray[np.float32]) -> NDArray[np.int64]:
    """(K,): the order of rows by their values, so that no result depends on how they came.

    Few columns are enough where they tell all rows apart, which saves most of the time.
    """
    width = min(4, rows.shape[1])
    order = np.lexsort(rows[:, :width].T[::-1])
    if width < rows.shape[1] and num_distinct(rows[order, :width]) < len(rows):
        order = np.lexsort(rows.T[::-1])
    return order


def num_distinct(ordered: NDArray[np.float32]) -> int:
    """How many different rows there are among rows in their own order."""
    return 1 + int(np.count_nonzero((ordered[1:] != ordered[:-1]).any(axis=1)))


def drawn_rows(count: int, most: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Numbers of at most so many rows, drawn without replacement, in order; all if they fit."""
    if count <= most:
        return np.arange(count)
    return np.sort(rng.choice(count, most, replace=False))


def zero_sum_basis(size: int) -> NDArray[np.float32]:
    """(D, D - 1): orthonormal columns that span the rows of sum 0; no freedom counts twice."""
    whole, _ = np.linalg.qr(np.column_stack([np.ones(size), np.eye(size)[:, 1:]]))
    return np.asarray(whole[:, 1:], np.float32)
